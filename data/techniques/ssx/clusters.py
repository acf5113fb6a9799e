"""Which lattices of a run have the same cell, whatever setting each was indexed in.

Each cell is made primitive and Niggli-reduced, and described by seven lengths: its three edges, the shorter diagonal of
each of its faces and its shortest body diagonal, which tell the lattice (DC7; Bernstein, Andrews & Xerri, Acta Cryst.
A79, 369, 2023). Sorted, they do not jump where reduction does. Two cells are as far apart as the largest relative
difference of these lengths. Clusters: DBSCAN (Ester et al., 1996) with that distance. Of each cluster the medoid, and
between medoids NCDist (`data.techniques.mx.ncdist`).
"""

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from data.techniques.mx.cells import NotInstalled, reduced
from data.techniques.mx.ncdist import g6, ncdist
from data.techniques.ssx.run import Run
from data.techniques.ssx.timeline import volume

WITHIN: Final = 1.0
"""Percent within which two cells are neighbours, at most: less where the cells lie closer."""
_CLOSEST: Final = 0.2
_REACH: Final = 4.0
MOST: Final = 5_000
"""Cells of a run that are compared: a random choice of more."""
_PAIRED: Final = 2_000
_SHOWN: Final = 8
_LEAST: Final = 20
_GROWN: Final = 1.1
_MEDOID_OF: Final = 300
_LEAST_SECONDS: Final = 2.0
_MOST_BINS: Final = 60
_A_BIN: Final = 20  # cells that a bin of time holds on average, at least
_LEAST_OF_MEDIAN: Final = 3
_FORM: Final = 0.02

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cluster:
    """Lattices of one cell. ``count`` of those compared; ``median`` of a … γ as indexed; ``cell``: the reduced medoid.

    ``types``: how many of each lattice type, the commonest first. ``apart``: least NCDist of the medoid to that of
    another cluster, Å²; ``share``: the same, percent of the cell as a whole (as `data.techniques.mx.cells` tells
    it). None where there is no other.
    """

    count: int
    median: tuple[float, ...]
    cell: tuple[float, ...]
    types: tuple[tuple[str, int], ...]
    apart: float | None
    share: float | None


@dataclass(frozen=True, slots=True)
class Clusters:
    """``clusters``: at most eight, the largest first; ``cells`` (n, 6) that were compared, in Å and degrees.

    ``labels`` (n): the cluster of each, -1 for those in none of them; ``time`` (n) of its frame, s since 1970, NaN
    where not known. ``within``: percent within which two cells were taken for neighbours.
    """

    clusters: tuple[Cluster, ...] = ()
    cells: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 6), np.float32))
    labels: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    time: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    within: float = WITHIN


def lengths(cell: Sequence[float]) -> Floats:
    """The seven sorted lengths (7,) in Å of a reduced cell."""
    a, b, c = cell[:3]
    ca, cb, cg = np.cos(np.radians(cell[3:]))
    bc, ac, ab = 2 * b * c * ca, 2 * a * c * cb, 2 * a * b * cg
    faces = [b * b + c * c - abs(bc), a * a + c * c - abs(ac), a * a + b * b - abs(ab)]
    body = a * a + b * b + c * c + min(i * bc + j * ac + i * j * ab for i in (1, -1) for j in (1, -1))
    found: Floats = np.sort(np.sqrt(np.maximum([a * a, b * b, c * c, *faces, body], 0)))
    return found


def clusters(
    cells: NDArray[np.float32],
    types: Sequence[str],
    time: NDArray[np.float64] | None = None,
    within: float = WITHIN,
    seed: int = 0,
) -> Clusters:
    """The clusters of cells (m, 6), of which at most 5,000 are compared; ``time`` (m) of each. Raises NotInstalled."""
    random = np.random.default_rng(seed)
    chosen = np.sort(random.choice(len(cells), MOST, replace=False)) if len(cells) > MOST else np.arange(len(cells))
    made = [reduced([float(value) for value in cells[n]], types[n][1:2]) for n in chosen]
    usable = [k for k, cell in enumerate(made) if cell is not None]
    labels = np.full(len(chosen), -1)
    compared = cells[chosen]
    taken = np.full(len(chosen), np.nan) if time is None else time[chosen]
    if len(usable) < _LEAST:
        return Clusters((), compared, labels, taken, within)
    small = [cell for cell in made if cell is not None]
    points = np.log(np.array([lengths(cell) for cell in small]))
    labels[usable], reach = _dbscan(points, np.log1p(within / 100), random)
    of = {int(label): np.flatnonzero(labels == label) for label in np.unique(labels[labels >= 0])}
    largest = sorted(of.values(), key=lambda members: (-len(members), int(members[0])))[:_SHOWN]
    labels[:] = -1
    place = {k: n for n, k in enumerate(usable)}
    medoids = []
    for number, members in enumerate(largest):
        labels[members] = number
        within_points = points[[place[int(k)] for k in members]]
        few = members if len(members) <= _MEDOID_OF else random.choice(members, _MEDOID_OF, replace=False)
        among = points[[place[int(k)] for k in few]]
        sums = np.abs(among[:, None, :] - within_points[None, :: max(1, len(members) // _MEDOID_OF)]).max(2).sum(1)
        medoids.append(small[place[int(few[int(np.argmin(sums))])]])
    apart = _apart(medoids)
    return Clusters(
        tuple(
            Cluster(
                len(members),
                tuple(float(value) for value in np.median(compared[members], axis=0)),
                medoids[number],
                tuple(Counter(types[int(chosen[k])] for k in members).most_common()),
                *apart[number],
            )
            for number, members in enumerate(largest)
        ),
        compared,
        labels,
        taken,
        100 * float(np.expm1(reach)),
    )


def _apart(medoids: Sequence[tuple[float, ...]]) -> list[tuple[float | None, float | None]]:
    """(least NCDist to another in Å², percent of the cell) of each."""
    if len(medoids) < 2:
        return [(None, None)] * len(medoids)
    points = [g6(cell) for cell in medoids]
    found = np.full((len(points), len(points)), np.inf)
    for one, other in combinations(range(len(points)), 2):
        found[one, other] = found[other, one] = ncdist(points[one], points[other])
    # Edges count as squares: half the relative difference in G6 is that of the edges.
    return [(float(row.min()), float(50 * row.min() / np.linalg.norm(point)))
            for row, point in zip(found, points, strict=True)]  # fmt: skip


def _dbscan(points: Floats, within: float, random: np.random.Generator) -> tuple[NDArray[np.int64], float]:
    """(labels (n) of points (n, d), -1 for noise; the distance of neighbours). Beyond 2,000 points the clusters are
    those of a random choice, and each other point joins that of the nearest core point within reach.

    Neighbours are four times as far as the median point has as many others as make a core, ``within`` at most: two
    forms whose tails meet are not one because of a point between them.
    """
    try:
        from scipy.sparse import coo_matrix
        from scipy.sparse.csgraph import connected_components
        from scipy.spatial import cKDTree
    except ImportError as error:
        raise NotInstalled from error
    sample = points if len(points) <= _PAIRED else points[random.choice(len(points), _PAIRED, replace=False)]
    least = max(5, len(sample) // 200)
    tree = cKDTree(sample)
    spacing, _ = tree.query(sample, k=[least], p=np.inf)
    within = float(np.clip(_REACH * np.median(spacing), min(within, np.log1p(_CLOSEST / 100)), within))
    pairs: Any = tree.query_pairs(within, p=np.inf, output_type="ndarray")
    neighbours = 1 + np.bincount(pairs.ravel(), minlength=len(sample))
    core = neighbours >= least
    labels = np.full(len(points), -1)
    if not core.any():
        return labels, within
    joined = pairs[core[pairs].all(axis=1)]
    graph = coo_matrix((np.ones(len(joined), np.int8), (joined[:, 0], joined[:, 1])), (len(sample), len(sample)))
    _, part = connected_components(graph, directed=False)
    reach, nearest = cKDTree(sample[core]).query(points, p=np.inf, distance_upper_bound=within)
    found = np.isfinite(reach)
    labels[found] = part[core][nearest[found]]
    return labels, within


def along_time(found: Clusters) -> tuple[float, float, Floats, NDArray[np.int64]] | None:
    """(begin in s since 1970, width in s, medians (k, n, 7) of a … γ in Å and degrees and of the volume in Å³, cells
    (k, n) behind each) of the k clusters in at most 60 bins of time.

    A median of fewer than three cells is NaN. None where no cell has a time.
    """
    timed = np.isfinite(found.time) & (found.labels >= 0)
    if not timed.any():
        return None
    time, labels = found.time[timed], found.labels[timed]
    values = np.column_stack([found.cells[timed].astype(float), volume(found.cells[timed])])
    begin, span = float(time.min()), float(np.ptp(time))
    bins = int(np.clip(min(span / _LEAST_SECONDS, len(time) / _A_BIN), 1, _MOST_BINS))
    width = max(_LEAST_SECONDS, span / bins)
    place = np.minimum(((time - begin) / width).astype(np.int64), bins - 1)
    medians = np.full((len(found.clusters), bins, 7), np.nan)
    counts = np.zeros((len(found.clusters), bins), np.int64)
    for label, bin_ in {(int(a), int(b)) for a, b in zip(labels, place, strict=True)}:
        here = (labels == label) & (place == bin_)
        counts[label, bin_] = np.count_nonzero(here)
        if counts[label, bin_] >= _LEAST_OF_MEDIAN:
            medians[label, bin_] = np.median(values[here], axis=0)
    return begin, width, medians, counts


def steady(found: Clusters, newest: Floats, least: int = 50) -> tuple[float, float, int] | None:
    """(volume now, volume of the run, forms): Å³ of the smallest form, as cells near each form are larger or smaller.

    ``newest`` (k): volumes, each set against the form that is nearest in volume, so that the volume does not change
    when only the share of the forms does. Clusters within 2 % count as one form: of these a changed share changes the
    volume by less than 2 %. None below two forms or ``least`` cells, where the mean of all says it.
    """
    if len(newest) < least or len(found.clusters) < 2:
        return None
    forms: list[float] = []
    for cluster in found.clusters:
        size = float(volume(np.array([cluster.median]))[0])
        if all(abs(size / other - 1) > _FORM for other in forms):
            forms.append(size)
    if len(forms) < 2:
        return None
    sizes = np.sort(forms)  # which is the commonest may change
    now, whole = (
        float(np.mean(some / sizes[np.abs(np.log(some[:, None] / sizes)).argmin(axis=1)]))
        for some in (newest, volume(found.cells[found.labels >= 0]))
    )
    return float(sizes[0]) * now, float(sizes[0]) * whole, len(forms)


class Clustering:
    """The clusters of one run, shared by all who look: worked out again when a tenth more cells have come."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._lock = threading.Lock()
        self._of = 0
        self._stated = False
        self._found = Clusters()

    @property
    def held(self) -> Clusters:
        """Those that were worked out last, at once."""
        return self._found

    @property
    def due(self) -> bool:
        """Whether asking would work them out again."""
        offered = self._run.cells_offered
        told = self._of > 0 and self._run.cells_stated != self._stated  # lattices by frame now, stated before
        return told or offered < self._of or offered >= max(_LEAST, self._of * _GROWN)

    @property
    def behind(self) -> bool:
        """Whether any cell has come since: what matters when no more come."""
        return self.due or self._run.cells_offered > max(_LEAST, self._of)

    def now(self, last: bool = False) -> Clusters:
        """The clusters, ``last``: of all cells, as no more will come; may take a second. Raises NotInstalled."""
        with self._lock:
            if self.behind if last else self.due:
                offered, self._stated = self._run.cells_offered, self._run.cells_stated
                kept = self._run.kept_cells()
                self._found = clusters(kept.cells, kept.kinds, kept.time)
                self._of = max(offered, 1)
            return self._found
