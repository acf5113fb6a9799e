"""How sure a rate is: intervals for shares of frames, and for the difference of two shares.

Frames of a jet or of a loaded part of a chip are not independent: hits clump. The intervals take an effective number of
frames, the true one divided by the dispersion φ, which `Blocks` estimates from the run itself.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_Z: Final = 1.959964
_MOST_BLOCKS: Final = 128
_LEAST_BLOCKS: Final = 20


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of frames with its 95 % interval, all as fractions; ``hits`` of ``frames``."""

    hits: int
    frames: int
    value: float
    low: float
    high: float


def wilson(hits: float, frames: float, *, dispersion: float = 1.0, z: float = _Z) -> tuple[float, float]:
    """The Wilson score interval of ``hits`` of ``frames``, widened for clumping (E. B. Wilson, 1927).

    ``z`` is the quantile of the wanted confidence, 1.96 for 95 %. No frames say nothing: (0, 1).
    """
    if frames <= 0:
        return 0.0, 1.0
    n, k = frames / dispersion, hits / dispersion
    middle = k + z * z / 2
    half = z * math.sqrt(max(0.0, k * (n - k) / n + z * z / 4))
    return max(0.0, (middle - half) / (n + z * z)), min(1.0, (middle + half) / (n + z * z))


def rate(hits: int, frames: int, *, dispersion: float = 1.0, z: float = _Z) -> Rate | None:
    """A share with its interval; None where no frame was seen, as there is no rate then."""
    if frames <= 0:
        return None
    low, high = wilson(hits, frames, dispersion=dispersion, z=z)
    return Rate(hits, frames, hits / frames, low, high)


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference of two shares, on minus off, with its 95 % interval; fractions."""

    value: float
    low: float
    high: float

    @property
    def real(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0


def difference(on: Rate, off: Rate) -> Difference:
    """On minus off with Newcombe's hybrid score interval (R. G. Newcombe, 1998, method 10) from the two intervals."""
    value = on.value - off.value
    below = math.hypot(on.value - on.low, off.high - off.value)
    above = math.hypot(on.high - on.value, off.value - off.low)
    return Difference(value, value - below, value + above)


class Blocks:
    """The run cut into blocks of as many frames each, from which the dispersion of hits follows (batch means).

    Holds at most 128 blocks: when full, neighbours are joined, so that blocks grow with the run and soon are longer
    than any clump. Frames come in the order in which they were taken.
    """

    def __init__(self, size: int = 50) -> None:
        self._size = size
        self._hits = np.zeros(_MOST_BLOCKS)
        self._full = 0
        self._frames_open = 0
        self._hits_open = 0.0

    def append(self, hits: NDArray[np.bool_]) -> None:
        """Add frames, each a hit or none."""
        start = 0
        while start < len(hits):
            take = min(self._size - self._frames_open, len(hits) - start)
            self._hits_open += float(np.count_nonzero(hits[start : start + take]))
            self._frames_open += take
            start += take
            if self._frames_open == self._size:
                self._close()

    def _close(self) -> None:
        self._hits[self._full] = self._hits_open
        self._full += 1
        self._frames_open, self._hits_open = 0, 0.0
        if self._full == _MOST_BLOCKS:
            half = _MOST_BLOCKS // 2
            self._hits[:half] = self._hits[0::2] + self._hits[1::2]
            self._hits[half:] = 0
            self._full, self._size = half, 2 * self._size

    @property
    def dispersion(self) -> float:
        """φ: the variance of hits among blocks over that of independent frames; 1 until 20 blocks are full."""
        return self.estimate()[0]

    @property
    def quantile(self) -> float:
        """The quantile for 95 %: Student's, as φ itself is estimated from few blocks."""
        return self.estimate()[1]

    def estimate(self) -> tuple[float, float]:
        """(φ, quantile for 95 %)."""
        blocks = self._full
        if blocks < _LEAST_BLOCKS:
            return 1.0, _Z
        hits, size = self._hits[:blocks], self._size
        # Clumps longer than a block show as neighbours that agree: longer blocks then, as far as they suffice.
        while len(hits) >= 2 * _LEAST_BLOCKS and _neighbours(hits) > 0.1:
            even = len(hits) // 2 * 2
            hits, size = hits[0:even:2] + hits[1:even:2], 2 * size
        share = hits / size
        mean = float(share.mean())
        expected = mean * (1 - mean) / size
        if expected <= 0:
            return 1.0, _Z
        found = float(share.var(ddof=1)) / expected
        # Not held above 1: where frames are independent chance makes it less as often as more.
        return max(0.25, found), student(len(hits) - 1)


class Pairs:
    """The run cut into blocks of as many frames each, with counts of two states of each, such as laser on and off.

    Both states have the same clumps, so that their difference is known better than either rate: its dispersion is that
    of the differences within blocks. Blocks are joined when 128 are full, as in `Blocks`.
    """

    def __init__(self, size: int = 100) -> None:
        self._size = size
        self._counts = np.zeros((_MOST_BLOCKS, 2, 2))
        self._full = 0
        self._frames_open = 0
        self._open = np.zeros((2, 2))

    def append(self, hits: NDArray[np.bool_], on: NDArray[np.bool_]) -> None:
        """Add frames in order, each a hit or none, of the one state or the other."""
        start = 0
        while start < len(hits):
            part = slice(start, start + min(self._size - self._frames_open, len(hits) - start))
            for state, which in enumerate((~on[part], on[part])):
                self._open[state] += np.count_nonzero(which), np.count_nonzero(which & hits[part])
            self._frames_open += part.stop - part.start
            start = part.stop
            if self._frames_open == self._size:
                self._close()

    def _close(self) -> None:
        self._counts[self._full] = self._open
        self._full += 1
        self._frames_open = 0
        self._open[:] = 0
        if self._full == _MOST_BLOCKS:
            half = _MOST_BLOCKS // 2
            self._counts[:half] = self._counts[0::2] + self._counts[1::2]
            self._counts[half:] = 0
            self._full, self._size = half, 2 * self._size

    def estimate(self) -> tuple[float, float]:
        """(φ of the difference, quantile for 95 %); (1, 1.96) where fewer than 20 blocks hold both states."""
        counts = self._counts[: self._full]
        counts = counts[(counts[:, :, 0] > 0).all(axis=1)]
        if len(counts) < _LEAST_BLOCKS:
            return 1.0, _Z
        while len(counts) >= 2 * _LEAST_BLOCKS and _neighbours(_apart(counts)) > 0.1:
            even = len(counts) // 2 * 2
            counts = counts[0:even:2] + counts[1:even:2]
        whole = counts.sum(axis=0)
        share = whole[:, 1] / whole[:, 0]
        expected = (share * (1 - share) / counts[:, :, 0]).sum(axis=1)
        if not (expected > 0).all():
            return 1.0, _Z
        apart = _apart(counts) - (share[1] - share[0])
        found = float((apart**2 / expected).sum()) / (len(counts) - 1)
        return max(0.25, found), student(len(counts) - 1)


def _apart(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """On minus off of each block."""
    share = counts[:, :, 1] / counts[:, :, 0]
    found: NDArray[np.float64] = share[:, 1] - share[:, 0]
    return found


def spread(hits: NDArray[np.float64], frames: NDArray[np.float64]) -> tuple[float, float]:
    """(φ, quantile for 95 %) from blocks in order: ``hits`` of ``frames`` in each, which need not be equally many.

    Neighbours are joined while they agree, as in `Blocks`. Fewer than 20 blocks of frames say nothing: (1, 1.96).
    """
    held = frames > 0
    hits, frames = hits[held], frames[held]
    if len(hits) < _LEAST_BLOCKS:
        return 1.0, _Z
    while len(hits) >= 2 * _LEAST_BLOCKS and _neighbours(hits / frames) > 0.1:
        even = len(hits) // 2 * 2
        hits, frames = hits[0:even:2] + hits[1:even:2], frames[0:even:2] + frames[1:even:2]
    share = float(hits.sum() / frames.sum())
    if not 0 < share < 1:
        return 1.0, _Z
    # Pearson's χ² over its degrees of freedom.
    found = float(((hits - frames * share) ** 2 / (frames * share * (1 - share))).sum()) / (len(hits) - 1)
    return max(0.25, found), student(len(hits) - 1)


def _neighbours(hits: NDArray[np.float64]) -> float:
    """Correlation of neighbouring blocks."""
    apart = hits - hits.mean()
    total = float(apart @ apart)
    return float(apart[1:] @ apart[:-1]) / total if total > 0 else 0.0


def student(degrees: int) -> float:
    """The 97.5 % quantile of Student's t (Cornish-Fisher expansion; within 0.002 from 10 degrees on)."""
    z, n = _Z, max(1, degrees)
    return (
        z
        + (z**3 + z) / (4 * n)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
    )
