"""Serial runs held against each other: differences of rates and cell volumes with intervals, curves to overlay."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.techniques.ssx.intervals import Difference, difference, wilson
from data.techniques.ssx.run import Run
from data.techniques.ssx.timeline import COLUMNS, volume

_FEWEST_CELLS = 20


@dataclass(frozen=True, slots=True)
class Middle:
    """A median with its standard error, of ``count`` values."""

    value: float
    error: float
    count: int


def middle(values: NDArray[np.floating]) -> Middle | None:
    """The median and its standard error, 1.2533 times that of a mean, the spread taken from the median deviation.

    None below 20 values. Outliers, such as wrongly indexed frames, move neither.
    """
    if len(values) < _FEWEST_CELLS:
        return None
    found = np.asarray(values, float)
    centre = float(np.median(found))
    spread = 1.4826 * float(np.median(np.abs(found - centre)))
    return Middle(centre, 1.2533 * spread / math.sqrt(len(found)), len(found))


@dataclass(frozen=True, slots=True)
class Against:
    """One run minus another: shares as fractions (Newcombe), the median cell volume in Å³; None where not told."""

    hit: Difference | None
    indexed: Difference | None
    volume: Difference | None


def against(run: Run, base: Run) -> Against:
    """``run`` minus ``base``, each over the whole of it."""
    one, other = run.now(0.0).whole, base.now(0.0).whole
    ours, theirs = cell_volume(run), cell_volume(base)
    shift = None
    if ours is not None and theirs is not None:
        value, half = ours.value - theirs.value, 1.96 * math.hypot(ours.error, theirs.error)
        shift = Difference(value, value - half, value + half)
    return Against(
        difference(one.hit, other.hit) if one.hit and other.hit else None,
        difference(one.indexed, other.indexed) if one.indexed and other.indexed else None,
        shift,
    )


def cell_volume(run: Run) -> Middle | None:
    """The median cell volume of a run, Å³, of at most 20,000 of its cells."""
    return middle(volume(run.cells()[0]))


@dataclass(frozen=True, slots=True)
class Curve:
    """A share along a run: ``minutes`` since its first frame, ``share`` with its 95 % interval (percent; NaN: none)."""

    minutes: NDArray[np.float64]
    share: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def curve(run: Run, hits: str, among: str, most: int = 120) -> Curve:
    """The share ``hits`` of ``among`` (columns of the timeline) in at most ``most`` bins of 2 s or more.

    So few bins that each has about 100 frames, where there are enough for six.
    """
    frames = float(run.totals()[COLUMNS.index(among)])
    width, sums = run.timeline.shown(max(6, min(most, int(frames / 100))), 2.0)
    dispersion = run.dispersions()[0 if among == "judged" else 1]
    k, n = sums[:, COLUMNS.index(hits)], sums[:, COLUMNS.index(among)]
    bounds = np.array(
        [wilson(a, b, dispersion=dispersion) if b else (np.nan, np.nan) for a, b in zip(k, n, strict=True)]
    ).reshape(-1, 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(n > 0, 100 * k / n, np.nan)
    minutes = (np.arange(len(k)) + 0.5) * width / 60
    return Curve(minutes, share, 100 * bounds[:, 0], 100 * bounds[:, 1])


def histograms(
    cells: Sequence[NDArray[np.float32]], bins: int = 60
) -> list[tuple[NDArray[np.float64], list[NDArray[np.float64] | None]]]:
    """For a, b, c (Å), α, β, γ (degrees): (edges, share of cells (%) in each bin for each run, None without cells).

    All runs share the edges, which hold all but the outliers.
    """
    held = [found for found in cells if len(found)]
    made: list[tuple[NDArray[np.float64], list[NDArray[np.float64] | None]]] = []
    for axis in range(6) if held else ():
        ends = np.array([np.percentile(found[:, axis], (1, 99)) for found in held])
        low, high = float(ends[:, 0].min()), float(ends[:, 1].max())
        pad = max(0.15 * (high - low), 1e-3 * max(abs(high), 1.0))
        edges = np.linspace(low - pad, high + pad, bins + 1)
        made.append(
            (
                edges,
                [100 * np.histogram(found[:, axis], edges)[0] / len(found) if len(found) else None for found in cells],
            )
        )
    return made
