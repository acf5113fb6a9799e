"""Cells in clusters: like cells are near each other whatever setting, centring or symmetry they are given in."""

import numpy as np
import pytest

from data.errors import DataError
from data.techniques.mx.cells import clusters, distances, reduced
from data.techniques.mx.symmetry import centring

pytest.importorskip("gemmi", reason="gemmi is not installed")
pytest.importorskip("scipy", reason="SciPy is not installed")

LYSOZYME = (78.9, 78.9, 37.1, 90.0, 90.0, 90.0)
INSULIN = (78.1, 78.1, 78.1, 90.0, 90.0, 90.0)
HEXAGONAL = (105.0, 105.0, 160.0, 90.0, 90.0, 120.0)


def apart(one: tuple[tuple[float, ...], str], other: tuple[tuple[float, ...], str]) -> float:
    cells = [reduced(*one), reduced(*other)]
    return float(distances([cell for cell in cells if cell is not None])[0, 1])


def test_one_lattice_in_other_settings_is_no_distance_away() -> None:
    assert apart((LYSOZYME, "P 43 21 2"), ((37.1, 78.9, 78.9, 90.0, 90.0, 90.0), "P 1")) == pytest.approx(0, abs=1e-6)
    # The primitive cell of a body-centred lattice.
    side, angle = 78.1 * 3**0.5 / 2, float(np.degrees(np.arccos(-1 / 3)))
    assert apart((INSULIN, "I 21 3"), ((side,) * 3 + (angle,) * 3, "P 1")) == pytest.approx(0, abs=1e-6)
    # R 3 on hexagonal and on rhombohedral axes.
    a, c = 80.0, 60.0
    length = (a * a / 3 + c * c / 9) ** 0.5
    angle = float(np.degrees(np.arccos(1 - a * a / (2 * length * length))))
    assert apart(((a, a, c, 90.0, 90.0, 120.0), "H 3"), ((length,) * 3 + (angle,) * 3, "P 1")) < 1e-6


def test_a_small_error_at_the_boundary_of_reduction_stays_small() -> None:
    """An orthogonal cell reduces to another corner for each sign of its errors."""
    chance = np.random.default_rng(3)
    for base in (LYSOZYME, HEXAGONAL, INSULIN):
        for _ in range(20):
            moved = tuple(value * (1 + chance.normal(0, 3e-4)) for value in base)
            assert apart((base, "P 1"), (moved, "P 1")) < 0.5


def test_the_distance_is_about_the_change_of_the_edges_in_percent() -> None:
    grown = tuple(value * (1.01 if n < 3 else 1) for n, value in enumerate(LYSOZYME))
    assert apart((LYSOZYME, "P 1"), (grown, "P 1")) == pytest.approx(1.0, abs=0.02)


def test_crystals_fall_into_the_clusters_that_they_were_made_of() -> None:
    chance = np.random.default_rng(1)
    bases = ((LYSOZYME, "P 43 21 2"), (INSULIN, "I 21 3"), (HEXAGONAL, "P 31 2 1"))
    cells, groups, truth = [], [], []
    for n in range(45):
        which = n % 3 if n < 40 else 0
        base, group = bases[which]
        cells.append([value * (1 + chance.normal(0, 5e-4)) for value in base])
        # A primitive lattice may also be given as P 1; a centred one may not without being another.
        groups.append("P 1" if n % 2 and centring(group) == "P" else group)
        truth.append(which)
    found = clusters(cells, groups, 2.0)
    assert [len(cluster.members) for cluster in found.clusters] == sorted(
        (truth.count(n) for n in range(3)), reverse=True
    )
    for cluster in found.clusters:
        assert len({truth[n] for n in cluster.members}) == 1
        assert cluster.spread[0] < 0.2
    assert sorted(found.order) == list(range(45))
    assert clusters(cells, groups, 0.0001).clusters[0].members != found.clusters[0].members


@pytest.mark.parametrize(
    "cell",
    [
        (0, 0, 0, 0, 0, 0),
        (None,) * 6,
        (50, 50, 50, 90, 90, 300),
        (1, 1, 1, 60, 60, 170),
        (5e9, 1, 1, 90, 90, 90),
        (50, 50),
    ],
)
def test_what_is_no_cell_is_left_out_and_said(cell: tuple[float, ...]) -> None:
    found = clusters([LYSOZYME, cell, LYSOZYME], ["P 1", None, "P 1"], 1.0)
    assert found.left_out == (1,)
    assert [cluster.members for cluster in found.clusters] == [(0, 2)]


def test_none_one_and_too_many_cells() -> None:
    assert clusters([], [], 1.0).clusters == ()
    assert [cluster.members for cluster in clusters([LYSOZYME], ["P 1"], 1.0).clusters] == [(0,)]
    with pytest.raises(DataError, match="At most 400"):
        clusters([LYSOZYME] * 401, ["P 1"] * 401, 1.0)
