"""Spots on one frame, by an algorithm that fits into a sentence (`METHOD`).

A pixel stands out where it is above the mean of the 13 x 13 pixels around it, and strong where it is `SIGMAS`
standard deviations above the local background: the valid pixels of that square without its inner 5 x 5. The standard
deviation is the larger of the Poisson one and the one measured there. With numba the loops are compiled; numpy gives
the same spots more slowly.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.images.formats.frame import Frame
from data.images.loops import kernels

OUTER, INNER = 6, 2
SIGMAS = 6.0
LEAST = 3
SMALLEST, LARGEST = 2, 800
MOST_STRONG = 400_000
_TOP = 1_000_000
METHOD = (
    f"A pixel is strong if it holds at least {LEAST} counts and lies {SIGMAS:g} standard deviations above the "
    f"background around it (13 x 13 pixels without the inner 5 x 5; the larger of the Poisson and the measured "
    f"deviation). Strong pixels that touch are one spot; spots of {SMALLEST} to {LARGEST} pixels are kept."
)


@dataclass(frozen=True, slots=True)
class Spots:
    """``x``, ``y``: centroids in pixels (first pixel's centre at 0.5), ``peak``: highest count, ``size``: pixels.

    Brightest first. ``overflow``: so much was strong that only the first part of the frame was searched.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    peak: NDArray[np.int64]
    size: NDArray[np.int64]
    overflow: bool = False

    def __len__(self) -> int:
        return len(self.x)


def find(frame: Frame, *, fast: bool = True) -> Spots:
    """The spots of a frame."""
    counts = np.ascontiguousarray(_counts(frame))
    compiled = kernels() if fast else None
    limits = (OUTER, INNER, SIGMAS, LEAST, MOST_STRONG)
    strong = _strong(counts) if compiled is None else compiled.strong(counts, *limits)
    overflow = len(strong) > MOST_STRONG
    strong = strong[:MOST_STRONG]
    label = (compiled.joined if compiled is not None else _joined)(strong, counts.shape[1])
    return _measured(counts, strong, label, overflow)


def _counts(frame: Frame) -> NDArray[np.int32]:
    """Counts with -1 where masked; more than a million counts stay a million."""
    array = frame.array
    if array.dtype.kind == "f":
        array = np.nan_to_num(array)
    counts: NDArray[np.int32] = np.clip(array, 0, _TOP).astype(np.int32)
    counts[frame.mask] = -1
    return counts


def _measured(counts: NDArray[np.int32], strong: NDArray[np.int64], label: NDArray[np.int64], overflow: bool) -> Spots:
    width = counts.shape[1]
    if not len(strong):
        none = np.zeros(0)
        return Spots(none, none, none.astype(np.int64), none.astype(np.int64), overflow)
    _, group = np.unique(label, return_inverse=True)
    value = counts.ravel()[strong].astype(np.float64)
    size = np.bincount(group)
    weight = np.bincount(group, value)
    x = np.bincount(group, value * (strong % width + 0.5)) / weight
    y = np.bincount(group, value * (strong // width + 0.5)) / weight
    peak = np.zeros(len(size), np.int64)
    np.maximum.at(peak, group, value.astype(np.int64))
    kept = np.flatnonzero((size >= SMALLEST) & (size <= LARGEST))
    kept = kept[np.argsort(-peak[kept], kind="stable")]
    return Spots(x[kept], y[kept], peak[kept], size[kept].astype(np.int64), overflow)


def _strong(counts: NDArray[np.int32]) -> NDArray[np.int64]:
    """Places (y·width + x) of the strong pixels, in order; at most one more than `MOST_STRONG`."""
    height, width = counts.shape
    found: list[NDArray[np.int64]] = []
    total = 0
    for top in range(0, height, 256):
        low, high = max(0, top - OUTER), min(height, top + 256 + OUTER)
        band = counts[low:high].astype(np.int64)
        valid = band >= 0
        rows = slice(top - low, min(height, top + 256) - low)
        sums, number = _box(np.where(valid, band, 0))[rows], _box(valid.astype(np.int64))[rows]
        own = band[rows]
        candidate = (own >= LEAST) & (own * number > sums)
        y, x = np.nonzero(candidate)
        if not len(y):
            continue
        y += top
        keep = _above(counts, y, x)
        found.append(y[keep] * width + x[keep])
        total += len(found[-1])
        if total > MOST_STRONG:
            break
    return np.concatenate(found)[: MOST_STRONG + 1] if found else np.zeros(0, np.int64)


def _box(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sums over the square of `OUTER` pixels around each, cut at the edges."""
    for axis in (0, 1):
        length = values.shape[axis]
        running = np.insert(np.cumsum(values, axis), 0, 0, axis)
        at = np.arange(length)
        upper, lower = np.minimum(at + OUTER + 1, length), np.maximum(at - OUTER, 0)
        values = running.take(upper, axis) - running.take(lower, axis)
    return values


def _above(counts: NDArray[np.int32], y: NDArray[Any], x: NDArray[Any]) -> NDArray[np.bool_]:
    height, width = counts.shape
    number, first, second = (np.zeros(len(y), np.int64) for _ in range(3))
    for down in range(-OUTER, OUTER + 1):
        for across in range(-OUTER, OUTER + 1):
            if abs(down) <= INNER and abs(across) <= INNER:
                continue
            at_y, at_x = y + down, x + across
            inside = (at_y >= 0) & (at_y < height) & (at_x >= 0) & (at_x < width)
            value = counts[np.clip(at_y, 0, height - 1), np.clip(at_x, 0, width - 1)].astype(np.int64)
            use = inside & (value >= 0)
            number += use
            first += np.where(use, value, 0)
            second += np.where(use, value * value, 0)
    own = counts[y, x]
    some = np.maximum(number, 1)
    mean = first / some
    variance = np.maximum(second / some - mean * mean, np.maximum(mean, 1.0 / some))
    return np.asarray((number >= 20) & (own - mean > SIGMAS * np.sqrt(variance)))


def _joined(strong: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    """For each strong pixel the first pixel of its spot (8 neighbours)."""
    place = {int(at): number for number, at in enumerate(strong)}
    parent = list(range(len(strong)))

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = parent[number]
        return number

    for at, number in place.items():
        column = at % width
        for step in (-1, -width - 1, -width, -width + 1):
            if (column == 0 and step in (-1, -width - 1)) or (column == width - 1 and step == -width + 1):
                continue
            other = place.get(at + step)
            if other is not None:
                one, two = root(number), root(other)
                parent[max(one, two)] = min(one, two)
    return np.array([root(number) for number in range(len(strong))], np.int64)
