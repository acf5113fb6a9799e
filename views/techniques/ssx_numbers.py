"""The numbers of a serial run as its board shows them: plain values, units as said in the keys' words.

Shares are fractions; times s since 1970; lengths Å; volumes Å³.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from data.live.runs import Stated, Watched
from data.techniques.ssx.clusters import Clusters, along_time
from data.techniques.ssx.intervals import Difference, Rate
from data.techniques.ssx.merging import Need, Target, needs, time_left, untold
from data.techniques.ssx.run import QUEUES, Now, Rates, Run
from data.techniques.ssx.timeline import COLUMNS
from views.parts.text import number

SHOWN_BINS: Final = 240
MOST_TOGETHER: Final = 10_000
"""Images that are offered as one; a site may allow fewer (`frames.most`), and then the viewer says so."""
_LEAST_SECONDS: Final = 2.0
_HISTOGRAM_BINS: Final = 40
_AXES: Final = ("a", "b", "c", "alpha", "beta", "gamma")
_MOST_FRAMES: Final = 8
_LINE: Final = tuple(
    COLUMNS.index(name)
    for name in (
        "frames", "judged", "hits", "tried", "indexed", "multiple", "spots", "spots_known", "resolution",
        "resolution_known", "iced", "volume", "cells", *_AXES,
    )
)  # fmt: skip


def head(watched: Watched, at: float, target: Target) -> dict[str, Any]:
    """What is read from two metres."""
    now = watched.run.now(at)
    what = watched.about
    merges = watched.merges(target.resolution)
    wanted = needs(target, merges, observed(watched.run, target))
    return {
        "at": round(at, 2),
        "newest": None if now.newest is None else round(now.newest, 2),
        "recent": _rates(now.recent),
        "whole": _rates(now.whole),
        "dropped": now.dropped,
        "repeated": now.repeated,
        "wanted": what.images,
        "ended": what.end is not None,
        "loading": watched.loading,
        "lattices": now.lattices,
        "per_second": None if now.per_second is None else [round(value, 3) for value in now.per_second],
        "needs": [_need(need, now) for need in wanted],
        "untold": untold(target, merges, wanted),
        "troubles": list(watched.troubles.values()),
    }


def observed(run: Run, target: Target) -> float | None:
    """Multiplicity that one lattice adds to the target's resolution, from counts and symmetry; None where not known."""
    return run.multiplicity(target.resolution) if target.resolution else None


def _need(need: Need, now: Now) -> dict[str, Any]:
    # What is met is met, also when no lattice comes any more.
    left = time_left(need, now.lattices, *(now.per_second or (0.0, 0.0, 0.0)), now.counted)
    return {
        "what": need.quantity,
        "lattices": round(need.lattices),
        "basis": need.basis,
        "doubt": need.doubt,
        "left": None if left is None else [round(left.seconds), round(left.low), round(left.high)],
    }


def _rates(rates: Rates) -> dict[str, Any]:
    return {
        "frames": rates.frames,
        "hit": _rate(rates.hit),
        "indexed": _rate(rates.indexed),
        "multiple": _rate(rates.multiple),
    }


def _rate(rate: Rate | None) -> list[float] | None:
    return None if rate is None else [round(rate.value, 5), round(rate.low, 5), round(rate.high, 5), rate.hits]


def line(run: Run) -> dict[str, Any]:
    """The whole run along time in at most 240 bins: columns frames, judged, hits, tried, indexed, multiple, sums."""
    width, sums = run.timeline.shown(SHOWN_BINS, _LEAST_SECONDS)
    return {
        "first": run.timeline.first,
        "width": width,
        "bins": [_bin(row) for row in sums],
        "dispersion": [round(value, 3) for value in run.dispersions()],
    }


def _bin(row: NDArray[np.float64]) -> list[float]:
    return [round(float(value), 2) for value in row[list(_LINE)]]


def line_since(run: Run, version: int, width: float) -> dict[str, Any] | None:
    """The bins of `line` that changed after ``version``; None where all are needed anew, as their width is another."""
    shown_width, sums = run.timeline.shown(SHOWN_BINS, _LEAST_SECONDS)
    if shown_width != width or version == 0:
        return None
    together = round(shown_width / run.timeline.width)
    touched, _ = run.timeline.since(version)
    changed = sorted({int(number) // together for number in touched})
    return {
        "bins": {str(number): _bin(sums[number]) for number in changed},
        "dispersion": [round(value, 3) for value in run.dispersions()],
    }


def together(first: int, last: int | None) -> list[tuple[str, int, tuple[tuple[str, str], ...]]]:
    """(words, first image, look of the viewer of frames) of a run's images put together: maximum and sum."""
    if last is None or last <= first:
        return []
    begin = max(first, last - MOST_TOGETHER + 1)
    count = last - begin + 1
    of = f"{'all' if begin == first else 'the newest'} {number(count, 0)} images"
    ways = (("Maximum", "max"), ("Sum", "sum"))
    return [(f"{word} of {of}", begin, (("how", how), ("over", str(count)))) for word, how in ways]


def slow(watched: Watched) -> dict[str, Any]:
    """What need not be new each half second: cells, lattice types, laser, frames of interest, sources."""
    run, remarks = watched.run, watched.remarks
    pump = run.pump()
    return {
        "cells": cells(run),
        "types": dict(list(run.lattices().items())[:12]),
        "pump": None
        if pump is None
        else {
            "on": _rates(pump.on),
            "off": _rates(pump.off),
            "hit": _difference(pump.hit),
            "indexed": _difference(pump.indexed),
        },
        "queues": {name: run.queue(name)[:_MOST_FRAMES] for name in QUEUES},
        "sources": [
            [name, watched.told.get(name, 0), watched.troubles.get(name), remarks.get(name)] for name in watched.sources
        ],
        "stated": _stated(watched.stated),
        "chip": watched.chip.name if watched.chip and run.mapped else None,
    }


def _stated(stated: Stated) -> dict[str, Any]:
    return {
        "hit": stated.hit,
        "indexed": stated.indexed,
        "by": stated.by,
        "lattice": stated.lattice,
        "resolution": stated.resolution,
        "so_far": [stated.hits, stated.indexed_frames],
    }


def _difference(difference: Difference | None) -> list[float] | None:
    return None if difference is None else [round(v, 5) for v in (difference.value, difference.low, difference.high)]


def clusters(found: Clusters, trouble: str | None = None) -> dict[str, Any]:
    """The clusters of a run's cells, the largest first: cells compared, those in none, and of each cluster its cells,
    the median of a … γ (Å, degrees), lattice types, and how far the next cluster is: NCDist, Å², and percent.
    """
    return {
        "of": len(found.labels),
        "loose": int((found.labels < 0).sum()),
        "within": round(found.within, 2),
        "trouble": trouble,
        "rows": [
            {
                "count": one.count,
                "median": [round(value, 3) for value in one.median],
                "types": " ".join(name for name, _ in one.types[:3] if name),
                "apart": one.apart,
                "share": one.share,
            }
            for one in found.clusters
        ],
        "drift": _drift(found),
    }


def _drift(found: Clusters) -> dict[str, Any] | None:
    """Along time: of each cluster, of each bin its cells and the medians of a … γ and of the volume."""
    made = along_time(found)
    if made is None:
        return None
    begin, width, medians, counts = made
    return {
        "first": round(begin, 2),
        "width": round(width, 3),
        "clusters": [
            [[int(n), *(round(float(v), 3) for v in row)] if np.isfinite(row[0]) else None
             for n, row in zip(many, rows, strict=True)]
            for many, rows in zip(counts, medians, strict=True)
        ],
    }  # fmt: skip


def cells(
    run: Run, brush: tuple[str, float, float] | None = None, cluster: NDArray[np.float32] | None = None
) -> dict[str, Any] | None:
    """Six histograms with medians of all cells, or of those that the brush chooses of all or of the cells (k, 6) of a
    cluster; None without cells.

    Lengths in Å, angles in degrees. The edges are those of all cells, so that a choice compares like with like.
    """
    found, _, _ = run.cells()
    if not len(found):
        return None
    chosen = found if cluster is None else cluster
    if brush is not None and brush[0] in _AXES:
        column = chosen[:, _AXES.index(brush[0])]
        chosen = chosen[(column >= brush[1]) & (column <= brush[2])]
    axes = []
    for place, name in enumerate(_AXES):
        low, high = _span(found[:, place])
        counts, _ = np.histogram(chosen[:, place], _HISTOGRAM_BINS, (low, high))
        middle = float(np.median(chosen[:, place])) if len(chosen) else None
        spread = float(chosen[:, place].std()) if len(chosen) > 1 else None
        axes.append(
            {
                "name": name,
                "low": round(low, 4),
                "high": round(high, 4),
                "counts": counts.tolist(),
                "median": middle,
                "sd": spread,
            }
        )
    return {"offered": run.cells_offered, "kept": len(found), "chosen": len(chosen), "axes": axes}


def _span(values: NDArray[np.float32]) -> tuple[float, float]:
    """The range that holds all but the outliers, a little wider; never empty."""
    low, middle, high = (float(v) for v in np.percentile(values, (1, 50, 99)))
    reach = max(high - low, 1e-3 * max(abs(middle), 1.0)) * 0.6
    centre = (low + high) / 2
    return centre - 1.25 * reach, centre + 1.25 * reach
