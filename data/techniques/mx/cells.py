"""Which crystals have the same cell: distances between reduced cells, and clusters of them.

The distance of two cells is the least Euclidean distance in G6 (a², b², c², 2bc cos α, 2ac cos β, 2ab cos γ; Andrews &
Bernstein 1988) between the Niggli cell of the one and any nearly reduced setting of the other, all of primitive
lattices. Taking all settings matters: on the boundary of reduction, where most real cells are, a small error makes the
reduced cell jump. It is told relative to the length of the vectors and halved: 1 % is about 1 % in the cell edges.
Clusters: hierarchical, average linkage, cut at a distance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError
from data.techniques.mx.symmetry import centring

Floats = NDArray[np.float64]
MOST = 400
METHOD = (
    "Hierarchical clustering (average linkage) of the least distance in G6 between Niggli-reduced primitive cells over "
    "all nearly reduced settings, relative to the cell"
)
_NEAR = 1.25
"""Settings whose squared edges sum to at most this many times those of the reduced cell are compared."""


class NotInstalled(DataError):
    """gemmi or SciPy is not installed here."""

    def __init__(self) -> None:
        super().__init__(
            "Cells are compared with gemmi and SciPy, which this server lacks: the extra “mx” brings them."
        )


@dataclass(frozen=True, slots=True)
class Cluster:
    """Crystals of like cells. ``members``: places in what was given; ``mean`` and ``spread`` of a … γ of these."""

    members: tuple[int, ...]
    mean: tuple[float, ...]
    spread: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Clusters:
    """``clusters``: largest first. ``links``: SciPy's linkage; ``order``: its leaves from left to right.

    ``left_out``: places of cells that are no cells.
    """

    clusters: tuple[Cluster, ...]
    links: Floats
    order: tuple[int, ...]
    left_out: tuple[int, ...]
    places: tuple[int, ...]


def reduced(cell: Sequence[float], space_group: str | None) -> tuple[float, ...] | None:
    """The Niggli-reduced primitive cell in Å and degrees; None for what is no cell."""
    try:
        import gemmi
    except ImportError as error:
        raise NotInstalled from error
    if len(cell) != 6 or any(value is None or not 0 < value < 10_000 for value in cell):
        return None
    if any(angle >= 180 for angle in cell[3:]):
        return None
    unit = gemmi.UnitCell(*cell)
    if not unit.is_crystal() or not np.isfinite(unit.volume) or unit.volume < 1:
        return None
    vector = gemmi.GruberVector(unit, centring(space_group))
    vector.niggli_reduce()
    return tuple(float(value) for value in vector.cell_parameters())


def distances(cells: Sequence[tuple[float, ...]]) -> Floats:
    """The distances of reduced cells to each other, (n, n), in percent. Raises NotInstalled."""
    try:
        from scipy.spatial import cKDTree
    except ImportError as error:
        raise NotInstalled from error
    metrics = [_metric(cell) for cell in cells]
    own = np.array([_g6(metric[None])[0] for metric in metrics])
    lengths = np.linalg.norm(own, axis=1)
    count = len(cells)
    found = np.zeros((count, count))
    for n, metric in enumerate(metrics):
        nearest, _ = cKDTree(_settings(metric)).query(own)
        found[n] = 50 * nearest / np.maximum((lengths + lengths[n]) / 2, 1e-9)
    symmetric: Floats = np.minimum(found, found.T)
    np.fill_diagonal(symmetric, 0)
    return symmetric


def clusters(cells: Sequence[Sequence[float]], space_groups: Sequence[str | None], cut: float) -> Clusters:
    """Clusters of at most 400 cells, cut at ``cut`` percent. Raises NotInstalled, and DataError for more cells."""
    if len(cells) > MOST:
        raise DataError(
            f"At most {MOST} cells are compared at a time, and these are {len(cells)}. Narrow the list first."
        )
    made = [reduced(cell, group) for cell, group in zip(cells, space_groups, strict=True)]
    places = tuple(n for n, cell in enumerate(made) if cell is not None)
    left_out = tuple(n for n, cell in enumerate(made) if cell is None)
    usable = [cell for cell in made if cell is not None]
    if len(usable) < 2:
        groups = [list(places)] if places else []
        return Clusters(tuple(_cluster(cells, group) for group in groups), np.empty((0, 4)), places, left_out, places)
    try:
        from scipy.cluster.hierarchy import fcluster, leaves_list, linkage
        from scipy.spatial.distance import squareform
    except ImportError as error:
        raise NotInstalled from error
    links = linkage(squareform(distances(usable), checks=False), "average")
    labels = fcluster(links, cut, "distance")
    by_label: dict[int, list[int]] = {}
    for place, label in zip(places, labels, strict=True):
        by_label.setdefault(int(label), []).append(place)
    groups = sorted(by_label.values(), key=lambda group: (-len(group), group[0]))
    order = tuple(places[int(n)] for n in leaves_list(links))
    return Clusters(tuple(_cluster(cells, group) for group in groups), np.asarray(links), order, left_out, places)


def _cluster(cells: Sequence[Sequence[float]], members: Sequence[int]) -> Cluster:
    values = np.array([cells[n] for n in members], dtype=np.float64)
    return Cluster(tuple(members), tuple(values.mean(axis=0)), tuple(values.std(axis=0)))


def _metric(cell: Sequence[float]) -> Floats:
    a, b, c = cell[:3]
    alpha, beta, gamma = np.cos(np.radians(cell[3:]))
    return np.array(
        [
            [a * a, a * b * gamma, a * c * beta],
            [a * b * gamma, b * b, b * c * alpha],
            [a * c * beta, b * c * alpha, c * c],
        ]
    )


def _g6(metrics: Floats) -> Floats:
    m = metrics
    parts = (m[:, 0, 0], m[:, 1, 1], m[:, 2, 2], 2 * m[:, 1, 2], 2 * m[:, 0, 2], 2 * m[:, 0, 1])
    return np.stack(parts, axis=1)


def _matrices() -> Floats:
    rows = [row for row in product((-1, 0, 1), repeat=3) if any(row)]
    every: Any = np.array(list(product(rows, repeat=3)), dtype=np.float64)
    return np.asarray(every[np.abs(np.abs(np.linalg.det(every)) - 1) < 1e-6])


_UNIMODULAR = _matrices()


def _settings(metric: Floats) -> Floats:
    """The vectors in G6 of every nearly reduced setting of a cell, each once."""
    turned = np.einsum("nij,jk,nlk->nil", _UNIMODULAR, metric, _UNIMODULAR)
    traces = np.trace(turned, axis1=1, axis2=2)
    near = turned[traces <= _NEAR * np.trace(metric)]
    return np.unique(np.round(_g6(near), 6), axis=0)
