"""From a frame on disk, or a projection of many, to what a browser is sent. One for a process, safe in threads."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from data.images.cache import Cache
from data.images.files import Files
from data.images.formats import Frame, FrameMeta, Unreadable
from data.images.formats.chunk import Chunk, Damaged
from data.images.formats.frame import Peaks
from data.images.loops import bitshuffle
from data.images.pooler import Pooler
from data.images.reduce import Pooling, Reduced, factor_for, reduce, reduce_offsets, scale_of, scaled
from data.images.room import room
from data.images.series import Series, Shot
from data.images.shelf import Shelf

T = TypeVar("T")
_SEEN = 500  # frames of which it is known that somebody looked at them
How = Literal["max", "sum", "mean"]


@dataclass(frozen=True, slots=True)
class Projection:
    """The images ``first`` to ``last`` of a series in one. ``stamp`` changes when the file of the last does."""

    series: Series
    first: int
    last: int
    how: How
    channel: int
    stamp: tuple[int, int]


Subject = Shot | Projection


class NotYet(Exception):
    """A projection that nobody has computed, or that was dropped since."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A reduced frame: its codes, and the size (width, height) of the whole."""

    reduced: Reduced
    full: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a file says of itself: ``shape`` is (height, width)."""

    meta: FrameMeta
    shape: tuple[int, int]
    frames: int
    channels: int


@dataclass(frozen=True, slots=True)
class Region:
    """Counts of a part of a frame: u2 where all fit, else u4, little-endian, the highest value where masked."""

    x: int
    y: int
    counts: NDArray[np.unsignedinteger]
    scale: tuple[float, float] | None = None

    @property
    def kind(self) -> str:
        """u2 or u4."""
        return f"u{self.counts.dtype.itemsize}"


class Images:
    """Reads through ``files`` alone. Keeps projections up to ``projected`` bytes and some files open."""

    def __init__(self, files: Files, projected: int = 400_000_000, compressed: int = 128_000_000) -> None:
        self.files = files
        self._packed: Cache[Shot, Compressed] = Cache(compressed, lambda kept: kept.packed.nbytes)
        self._seen: Cache[Shot, bool] = Cache(_SEEN, lambda _: 1)
        self.shelf = Shelf(files.permits, files.supply)
        self._pooler = Pooler()
        self.projections: Cache[Projection, Frame] = Cache(projected, lambda f: f.array.nbytes + f.mask.nbytes)

    def shot(self, series: Series, image: int, channel: int = 0) -> Shot:
        """Where an image is. Raises NotFound, Unplaced."""
        return series.shot(self.files, image, channel)

    def projection(self, series: Series, first: int, last: int, how: How, channel: int = 0) -> Projection:
        """The name of a projection. Raises NotFound, Unplaced."""
        self.shot(series, first, channel)
        return Projection(series, first, last, how, channel, self.shot(series, last, channel).stamp)

    def facts(self, shot: Shot) -> Facts:
        """What the file of a frame says. Raises Unreadable."""
        with self.shelf.frames(shot.path, shot.stamp) as frames:
            meta, damage = frames.meta(shot.index), frames.damage(shot.index)
            if damage is not None:
                meta = replace(meta, notes=(*meta.notes, damage))
            return Facts(meta, frames.shape, frames.count, frames.channels)

    def text(self, shot: Shot) -> str:
        """What the file of a frame says, as it says it. Raises Unreadable."""
        with self.shelf.frames(shot.path, shot.stamp) as frames:
            return frames.text(shot.index)

    def peaks(self, shot: Shot) -> Peaks | None:
        """The spots that the file lists for a frame, None where it has no list. Raises Unreadable."""
        with self.shelf.frames(shot.path, shot.stamp) as frames:
            return frames.peaks(shot.index)

    def frame(self, subject: Subject) -> Frame:
        """All pixels. Raises Unreadable, NotYet."""
        if isinstance(subject, Projection):
            held = self.projections.held(subject)
            if held is None:
                raise NotYet
            return held
        kept = self.compressed(subject)
        if kept is not None:
            array = _sound(subject, kept.packed.array)
            return Frame(array, kept.mask(array), kept.chunk.meta)
        with self.shelf.frames(subject.path, subject.stamp) as frames:
            return frames.read(subject.index, subject.channel)

    def chunk(self, shot: Shot) -> Chunk | None:
        """Where the compressed bytes of a frame lie; None where it must be decoded otherwise. Raises Unreadable."""
        with self.shelf.frames(shot.path, shot.stamp) as frames:
            return frames.chunk(shot.index, shot.channel)

    def compressed(self, shot: Shot) -> "Compressed | None":
        """The compressed bytes of a frame, from memory or from disk; None where it must be decoded otherwise."""
        decoder = bitshuffle()
        if decoder is None:
            return None
        held = self._packed.held(shot)
        if held is not None:
            return held
        # The file is held for the look only, not while its bytes come.
        chunk = self.chunk(shot)
        if chunk is None:
            return None

        def read() -> Compressed:
            return Compressed(decoder.Packed(chunk.read(), chunk.shape, chunk.itemsize), chunk)

        return _sound(shot, lambda: self._packed.get(shot, read))

    def _glimpsed(self, shot: Shot) -> "Compressed | None":
        """As `compressed`, but at the first sight of a frame its bytes are this thread's until it asks for another.

        Who steps or plays sees each frame once; to keep them all would cost more than to read one again.
        """
        decoder = bitshuffle()
        if self._seen.held(shot) or self._packed.held(shot) is not None or decoder is None:
            return self.compressed(shot)
        self._seen.get(shot, lambda: True)
        chunk = self.chunk(shot)
        if chunk is None:
            return None
        held = room(chunk.size)
        return _sound(shot, lambda: Compressed(decoder.Packed(chunk.read(held), chunk.shape, chunk.itemsize), chunk))

    def picture(self, subject: Subject, longest: int, pooling: Pooling = "max") -> Picture:
        """A frame reduced to at most ``longest`` pixels a side. Raises Unreadable, NotYet."""
        if isinstance(subject, Shot) and pooling == "max":
            kept = self._glimpsed(subject)
            if kept is not None:
                factor = factor_for(kept.chunk.shape, longest)
                codes = _sound(subject, lambda: self._pooler.pool(kept.packed, factor, kept.chunk.rejected))
                return Picture(Reduced(codes, factor), kept.chunk.shape[::-1])
            with self.shelf.frames(subject.path, subject.stamp) as frames:
                offsets, shape = frames.offsets(subject.index), frames.shape
            found = None if offsets is None else reduce_offsets(offsets, shape, longest)
            if found is not None:
                return Picture(found, shape[::-1])
        frame = self.frame(subject)
        return Picture(reduce(frame, longest, pooling), frame.shape[::-1])

    def region(self, subject: Subject, x: int, y: int, width: int, height: int) -> Region:
        """The counts of a rectangle, cut at the edges of the frame (it may be empty). Raises Unreadable, NotYet."""
        if isinstance(subject, Shot) and (kept := self.compressed(subject)) is not None:
            packed, (tall, wide) = kept.packed, kept.chunk.shape
            width, height = min(width, max(0, wide - x)), min(height, max(0, tall - y))
            array = _sound(subject, lambda: packed.region(x, y, width, height))
            return coded(Frame(array, kept.mask(array, x, y), kept.chunk.meta), x, y)
        frame = self.frame(subject)
        return coded(cut(frame, x, y, width, height), x, y, scale_of(frame))


@dataclass(frozen=True, slots=True)
class Compressed:
    """A frame as it lies compressed: ``packed`` (`bitshuffle.Packed`) and where it came from."""

    packed: Any
    chunk: Chunk

    def mask(self, array: NDArray[Any], x: int = 0, y: int = 0) -> NDArray[np.bool_]:
        mask: NDArray[np.bool_] = array == np.iinfo(array.dtype).max
        if self.chunk.rejected is not None:
            height, width = array.shape
            mask |= self.chunk.rejected.mask[y : y + height, x : x + width]
        return mask


def _sound(shot: Shot, work: Callable[[], T]) -> T:
    """What ``work`` makes of a chunk. Raises Unreadable where that is damaged or gone."""
    try:
        return work()
    except (OSError, Damaged) as problem:
        raise Unreadable(f"Frame {shot.index + 1} of “{PurePath(shot.path).name}” is damaged.") from problem


def cut(frame: Frame, x: int, y: int, width: int, height: int) -> Frame:
    """The part of a frame in a rectangle with its corner on the frame."""
    part = slice(y, y + height), slice(x, x + width)
    return Frame(frame.array[part], frame.mask[part], frame.meta)


def coded(part: Frame, x: int, y: int, scale: tuple[float, float] | None = None) -> Region:
    """Counts as a tile sends them; fractions rounded, or stretched by ``scale``."""
    if scale is not None:
        counts = scaled(part.array, scale)
    elif part.array.dtype.kind == "f":
        counts = np.rint(np.clip(np.nan_to_num(part.array), 0, 2**32 - 2)).astype(np.uint32)
    else:
        counts = np.clip(part.array, 0, 2**32 - 2).astype(np.uint32)
    highest = int(np.max(counts, initial=0, where=~part.mask))
    if highest < 65535:
        small = np.where(part.mask, 65535, counts).astype("<u2")
        return Region(x, y, small, scale)
    return Region(x, y, np.where(part.mask, 2**32 - 1, counts).astype("<u4"), scale)
