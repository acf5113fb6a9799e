"""A run along time: sums in bins, which grow so that a run of any length has a bounded number of them.

A bin holds sums, so that any number of bins together is again a bin, and adding frames costs the same however long the
run is. Dead time is an empty bin: nothing is drawn there.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from data.techniques.ssx.batch import Batch

COUNTS: Final = ("frames", "judged", "hits", "tried", "indexed", "multiple", "lattices", "iced", "saturated")
SUMS: Final = (
    "spots",
    "spots_known",
    "resolution",
    "resolution_known",
    "background",
    "background_known",
    "reflections",
    "reflections_known",
    "a",
    "b",
    "c",
    "alpha",
    "beta",
    "gamma",
    "volume",
    "volume_squared",
    "cells",
)
COLUMNS: Final = (*COUNTS, *SUMS)

_BINS: Final = 2048


class Timeline:
    """Sums in at most ``bins`` bins of equal width (s), which doubles when they are full.

    ``first`` is the time where bin 0 begins. ``changed`` numbers the last append that touched each bin.
    """

    def __init__(self, width: float = 0.25, bins: int = _BINS) -> None:
        self.width = width
        self.first: float | None = None
        self._most = bins
        self._sums = np.zeros((bins, len(COLUMNS)))
        self._touched = np.zeros(bins, np.int64)
        self.used = 0
        self.version = 0
        self.folds = 0
        """How often the width doubled: who holds bins of another count of folds needs all anew."""

    def append(self, batch: Batch) -> None:
        """Add frames; those without a time are counted by the run alone."""
        timed = np.isfinite(batch.time)
        if not timed.any():
            return
        batch = batch.where(timed)
        if self.first is None:
            self.first = float(batch.time.min())
        self.version += 1
        while batch.time.max() >= self.first + self._most * self.width:
            self._fold()
        # A frame from before the first one (a source that jumps back) belongs to the first bin.
        place = np.clip((batch.time - self.first) // self.width, 0, self._most - 1).astype(np.int64)
        low, high = int(place.min()), int(place.max())
        self._sums[low : high + 1] += binned(batch, place - low, high - low + 1)
        self._touched[np.unique(place)] = self.version
        self.used = max(self.used, high + 1)

    def _fold(self) -> None:
        half = self._most // 2
        self._sums[:half] = self._sums[0::2] + self._sums[1::2]
        self._sums[half:] = 0
        self._touched[:] = 0
        self._touched[: (self.used + 1) // 2] = self.version
        self.used = (self.used + 1) // 2
        self.width *= 2
        self.folds += 1

    def since(self, version: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """(numbers of the bins touched after ``version``, their sums (k, len(COLUMNS)))."""
        which = np.flatnonzero(self._touched[: self.used] > version)
        return which, self._sums[which]

    def window(self, start: float, end: float) -> NDArray[np.float64]:
        """The sums of the bins that lie within start..end (s since 1970), all together: (len(COLUMNS),)."""
        if self.first is None or end <= start:
            return np.zeros(len(COLUMNS))
        low = max(0, int(np.ceil((start - self.first) / self.width)))
        high = self.used if end == np.inf else min(self.used, int((end - self.first) // self.width) + 1)
        total: NDArray[np.float64] = self._sums[low : max(low, high)].sum(axis=0)
        return total

    def shown(self, most: int = 400, least: float = 0.0) -> tuple[float, NDArray[np.float64]]:
        """(width in s, sums (n, len(COLUMNS))) of the run in at most ``most`` bins of at least ``least`` seconds."""
        together = max(1, -(-self.used // most), round(least / self.width))
        rows = -(-self.used // together)
        padded = np.zeros((rows * together, len(COLUMNS)))
        padded[: self.used] = self._sums[: self.used]
        return self.width * together, padded.reshape(rows, together, len(COLUMNS)).sum(axis=1)


class Recent:
    """Sums of the last minutes in bins of a quarter of a second, whatever the length of the run."""

    WIDTH: Final = 0.25
    _BINS: Final = 512

    def __init__(self) -> None:
        self._sums = np.zeros((self._BINS, len(COLUMNS)))
        self._number = np.full(self._BINS, -1, np.int64)

    def append(self, batch: Batch) -> None:
        """Add frames; those older than what is held, or without a time, are passed over."""
        timed = np.isfinite(batch.time)
        if not timed.any():
            return
        number = np.floor(np.where(timed, batch.time, 0) / self.WIDTH).astype(np.int64)
        oldest = max(int(number[timed].max()), int(self._number.max())) - self._BINS
        keep = timed & (number > oldest)
        batch, number = batch.where(keep), number[keep]
        if not len(number):
            return
        low, high = int(number.min()), int(number.max())
        bins = np.unique(number)
        place = bins % self._BINS
        stale = self._number[place] != bins
        self._number[place], self._sums[place[stale]] = bins, 0
        self._sums[place] += binned(batch, number - low, high - low + 1)[bins - low]

    def window(self, start: float, end: float) -> NDArray[np.float64]:
        """The sums of the bins that begin within start..end (s since 1970), all together: (len(COLUMNS),)."""
        low, high = int(np.ceil(start / self.WIDTH)), int(np.floor(end / self.WIDTH))
        within = (self._number >= low) & (self._number <= high)
        total: NDArray[np.float64] = self._sums[within].sum(axis=0)
        return total


def binned(batch: Batch, place: NDArray[np.int64], bins: int) -> NDArray[np.float64]:
    """What the frames add to each of ``bins`` bins, ``place`` (n) saying which: (bins, len(COLUMNS))."""
    found = np.zeros((bins, len(COLUMNS)))
    for column, weights in enumerate(_weights(batch)):
        found[:, column] = np.bincount(place, weights, minlength=bins)
    if len(batch.cells):
        of = place[batch.cell_frame]
        for column, weights in zip(range(COLUMNS.index("a"), len(COLUMNS)), _cell_weights(batch), strict=True):
            found[:, column] = np.bincount(of, weights, minlength=bins)
    return found


def sums(batch: Batch) -> NDArray[np.float64]:
    """What a batch adds to the columns, all frames together: (len(COLUMNS),)."""
    frames = [float(len(batch)) if weights is None else float(weights.sum()) for weights in _weights(batch)]
    cells = [float(len(batch.cells)) if weights is None else float(weights.sum()) for weights in _cell_weights(batch)]
    return np.array([*frames, *cells])


def _weights(batch: Batch) -> list[NDArray[np.float64] | None]:
    """What each frame adds to the columns before those of cells; None: one."""
    spots, resolution, background = batch.spots >= 0, np.isfinite(batch.resolution), np.isfinite(batch.background)
    reflected = (batch.reflections >= 0) & (batch.lattices > 0)
    return [
        (batch.again != 1).astype(float),
        (batch.hit >= 0).astype(float),
        (batch.hit == 1).astype(float),
        (batch.lattices >= 0).astype(float),
        (batch.lattices > 0).astype(float),
        (batch.lattices > 1).astype(float),
        np.maximum(batch.lattices, 0).astype(float),
        (batch.ice == 1).astype(float),
        (batch.saturated > 0).astype(float),
        np.where(spots, batch.spots, 0).astype(float),
        spots.astype(float),
        np.where(resolution, batch.resolution, 0.0),
        resolution.astype(float),
        np.where(background, batch.background, 0.0),
        background.astype(float),
        np.where(reflected, batch.reflections, 0).astype(float),
        np.where(reflected, batch.lattices, 0).astype(float),
    ]


def _cell_weights(batch: Batch) -> list[NDArray[np.float64] | None]:
    cells = batch.cells.astype(float)
    size = volume(cells)
    return [*cells.T, size, size**2, None]


def volume(cells: NDArray[np.floating]) -> NDArray[np.float64]:
    """Volume in Å³ of each cell (m, 6): a, b, c in Å, angles in degrees."""
    a, b, c = (np.asarray(cells[:, k], float) for k in range(3))
    ca, cb, cg = (np.cos(np.radians(np.asarray(cells[:, k], float))) for k in (3, 4, 5))
    inside = 1 - ca**2 - cb**2 - cg**2 + 2 * ca * cb * cg
    found: NDArray[np.float64] = a * b * c * np.sqrt(np.maximum(inside, 0))
    return found
