"""Many images in one: maximum, sum or mean, as a Dask graph.

Some images are folded at a time, and the results of those in fours, until one is left. The graph is the same on
threads here and on a `distributed` scheduler; there each worker opens the files for itself, under the same roots.
A pixel is masked where it is valid in no image; sum and mean are over the images in which it is valid.
"""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.images.files import Files
from data.images.formats import Frame, FrameMeta, Unreadable
from data.images.formats.chunk import Damaged
from data.images.images import How, Images, Projection
from data.images.loops import bitshuffle
from data.images.room import room
from data.images.series import Series, Shot

_BATCH = 16
_FAN = 4
_SECONDS = 5.0
_LOOK = 0.1
Told = Callable[[int], None]


class Stopped(Exception):
    """Somebody stopped the work."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some images in one: the sum and the number of valid ones, or the maximum and one more (0 where masked)."""

    total: NDArray[Any]
    number: NDArray[np.uint32] | None
    rejected: NDArray[np.bool_] | None = None
    meta: FrameMeta | None = None


def project(
    images: Images, projection: Projection, told: Told, stopped: Callable[[], bool], scheduler: str = ""
) -> Frame:
    """Compute a projection. ``told`` is given how many images are done; ``stopped`` is asked on the way.

    Raises Unreadable with a sentence, and Stopped.
    """
    try:
        delayed = import_module("dask").delayed
    except ImportError:
        raise Unreadable("Images cannot be put together here: the extra “stacks” is not installed.") from None
    numbers = range(projection.first, projection.last + 1)
    batches = [tuple(numbers[at : at + _BATCH]) for at in range(0, len(numbers), _BATCH)]
    if scheduler:
        part = _elsewhere(images.files, projection, batches, delayed, told, stopped, scheduler)
        return _finished(part, projection.how)
    done = [0]

    def fold(batch: tuple[int, ...]) -> Part:
        if stopped():
            raise Stopped
        part = folded(images, projection.series, batch, projection.how, projection.channel)
        done[0] += len(batch)
        told(done[0])
        return part

    tree = _tree([delayed(fold, pure=False)(batch) for batch in batches], delayed)
    workers = min(len(batches), os.cpu_count() or 1)
    with ThreadPoolExecutor(workers, "projection") as pool:
        part = tree.compute(scheduler="threads", pool=pool, num_workers=workers)
    return _finished(part, projection.how)


def _tree(parts: list[Any], delayed: Any) -> Any:
    """The graph that puts parts together in fours."""
    while len(parts) > 1:
        parts = [delayed(joined, pure=False)(parts[at : at + _FAN]) for at in range(0, len(parts), _FAN)]
    return parts[0]


def _elsewhere(
    files: Files,
    projection: Projection,
    batches: Sequence[tuple[int, ...]],
    delayed: Any,
    told: Told,
    stopped: Callable[[], bool],
    scheduler: str,
) -> Part:
    distributed: Any = import_module("distributed")
    try:
        client = distributed.Client(scheduler, timeout=_SECONDS, set_as_default=False)
    except (OSError, TimeoutError, ValueError):
        raise Unreadable("The Dask scheduler that computes projections does not answer. Try again later.") from None
    with client:
        leaves = [
            delayed(fold_there, pure=False)(
                *files.spelled, projection.series, batch, projection.how, projection.channel
            )
            for batch in batches
        ]
        leaves = client.persist(leaves)
        running = distributed.client.futures_of(leaves)
        last = client.compute(_tree(leaves, delayed))
        while not last.done():
            if stopped():
                client.cancel([*running, last])
                raise Stopped
            told(sum(len(batch) for batch, future in zip(batches, running, strict=True) if future.done()))
            time.sleep(_LOOK)
        part: Part = last.result()
        return part


@cache
def _images(roots: tuple[str, ...], mapping: tuple[tuple[str, str], ...]) -> Images:
    return Images(Files(tuple(Path(root) for root in roots), mapping))


def fold_there(
    roots: tuple[str, ...],
    mapping: tuple[tuple[str, str], ...],
    series: Series,
    batch: tuple[int, ...],
    how: How,
    channel: int,
) -> Part:
    """`folded` in a process that has but the roots."""
    return folded(_images(roots, mapping), series, batch, how, channel)


def folded(images: Images, series: Series, batch: Sequence[int], how: How, channel: int = 0) -> Part:
    """Some images in one. Raises Unreadable."""
    shots = [images.shot(series, number, channel) for number in batch]
    direct = _direct(images, shots, how)
    if direct is not None:
        return direct
    part: Part | None = None
    for shot in shots:
        new = _one(images.frame(shot), how)
        part = new if part is None else joined([part, new])
    if part is None:
        raise ValueError("no images")
    return part


def _direct(images: Images, shots: Sequence[Shot], how: How) -> Part | None:
    """Frames of EIGER detectors, folded as they are unpacked; None where one of them lies otherwise."""
    decoder = bitshuffle()
    if decoder is None:
        return None
    chunks = []
    for shot in shots:
        chunk = images.chunk(shot)
        if chunk is None:
            return None
        chunks.append(chunk)
    held, at = room(sum(chunk.size for chunk in chunks)), 0
    packed = []
    try:
        for chunk in chunks:
            packed.append(decoder.Packed(chunk.read(held[at:]), chunk.shape, chunk.itemsize))
            at += chunk.size
        total, number = decoder.fold(packed, held, summed=how != "max")
    except (OSError, Damaged) as problem:
        raise Unreadable("One of these images is damaged, or of another size than the rest.") from problem
    chunk = chunks[-1]
    rejected = None if chunk.rejected is None else chunk.rejected.mask
    return Part(total, number if how != "max" else None, rejected, chunk.meta)


def _one(frame: Frame, how: How) -> Part:
    whole = frame.array.dtype.kind in "iu"
    if how == "max":
        lifted = frame.array.astype(np.int64) + 1 if whole else frame.array.astype(np.float64)
        lifted = np.where(frame.mask, 0 if whole else -np.inf, np.maximum(lifted, 1) if whole else lifted)
        return Part(lifted.astype(np.uint32) if whole else lifted, None, None, frame.meta)
    values = np.where(frame.mask, 0, frame.array)
    return Part(values.astype(np.int64 if whole else np.float64), (~frame.mask).astype(np.uint32), None, frame.meta)


def joined(parts: Sequence[Part]) -> Part:
    """Parts in one. Raises Unreadable where their sizes differ."""
    first, *others = parts
    if any(part.total.shape != first.total.shape for part in others):
        raise Unreadable("These images are not all of one size, so they cannot be put together.")
    if not others:
        return first
    total = first.total.copy()
    number = None if first.number is None else first.number.copy()
    for part in others:
        if number is None or part.number is None:
            np.maximum(total, part.total, out=total)
        else:
            total += part.total.astype(total.dtype, copy=False)
            number += part.number
    return Part(total, number, first.rejected, first.meta)


def _finished(part: Part, how: How) -> Frame:
    meta = part.meta or FrameMeta()
    if part.number is None:
        if part.total.dtype.kind == "f":
            mask = np.isneginf(part.total)
            array: NDArray[Any] = np.where(mask, 0, part.total)
        else:
            mask = part.total == 0
            array = np.subtract(part.total, ~mask, dtype=np.uint32)
    else:
        mask = part.number == 0
        array = part.total
        if how == "mean":
            array = (part.total / np.maximum(part.number, 1)).astype(np.float32)
        elif array.dtype.kind != "f" and int(array.max(initial=0)) < 2**32 - 1 and int(array.min(initial=0)) >= 0:
            array = array.astype(np.uint32)
    if part.rejected is not None:
        mask = mask | part.rejected
    return Frame(array, np.asarray(mask), meta)
