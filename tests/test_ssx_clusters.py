"""Lattices are put together by what they are, not by the setting in which they were indexed."""

import itertools

import numpy as np
import pytest

pytest.importorskip("gemmi", reason="cells are reduced with gemmi")
pytest.importorskip("scipy", reason="clusters are found with SciPy")

from data.techniques.mx.cells import reduced
from data.techniques.mx.ncdist import g6, ncdist
from data.techniques.ssx.batch import Batch
from data.techniques.ssx.clusters import Clustering, clusters, lengths
from data.techniques.ssx.run import Run

LYSOZYME = (79.1, 79.1, 38.2, 90.0, 90.0, 90.0)
HEXAGONAL = (60.0, 60.0, 100.0, 90.0, 90.0, 120.0)


def around(cell: tuple[float, ...], count: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (np.array(cell) + random.normal(0, 1, (count, 6)) * (0.1, 0.1, 0.1, 0.1, 0.1, 0.1)).astype(np.float32)


def test_two_forms_and_some_nonsense_are_told_apart_with_their_counts_and_medians() -> None:
    random = np.random.default_rng(1)
    nonsense = np.column_stack([random.uniform(20, 200, (60, 3)), random.uniform(70, 110, (60, 3))])
    cells = np.concatenate([around(LYSOZYME, 600, 2), around(HEXAGONAL, 300, 3), nonsense.astype(np.float32)])
    found = clusters(cells, ["tP"] * 600 + ["hP"] * 300 + ["aP"] * 60)
    assert [cluster.count for cluster in found.clusters] == [600, 300]
    assert found.clusters[0].median == pytest.approx(LYSOZYME, abs=0.03)
    assert found.clusters[1].median == pytest.approx(HEXAGONAL, abs=0.03)
    assert [cluster.types for cluster in found.clusters] == [(("tP", 600),), (("hP", 300),)]
    assert (found.labels[:600] == 0).all()
    assert (found.labels[900:] == -1).all()
    one, other = found.clusters
    assert one.apart == other.apart
    assert one.apart == pytest.approx(ncdist(g6(one.cell), g6(other.cell)))
    assert one.share is not None
    assert one.share > 5


def test_axes_in_another_order_and_an_obtuse_setting_are_the_same_lattice() -> None:
    order = np.random.default_rng(4).permuted(np.tile(np.arange(3), (400, 1)), axis=1)
    cells = around((50.0, 60.0, 70.0, 90.0, 90.0, 90.0), 400, 5)
    turned = np.concatenate([np.take_along_axis(cells[:, k : k + 3], order, axis=1) for k in (0, 3)], axis=1)
    hexagonal = around(HEXAGONAL, 200, 6)
    acute = hexagonal.copy()
    acute[:, 5] = 180 - acute[:, 5]
    found = clusters(np.concatenate([turned, hexagonal, acute]), ["oP"] * 400 + ["hP"] * 400)
    assert [cluster.count for cluster in found.clusters] == [400, 400]


def test_a_centred_cell_is_its_primitive_one() -> None:
    edge = 50.0
    primitive = (edge / np.sqrt(2),) * 3 + (60.0, 60.0, 60.0)
    cells = np.array([(edge, edge, edge, 90, 90, 90)] * 30 + [primitive] * 30, np.float32)
    found = clusters(cells, ["cF"] * 30 + ["aP"] * 30)
    assert [cluster.count for cluster in found.clusters] == [60]


def test_the_seven_lengths_do_not_jump_where_reduction_does() -> None:
    # Around a rhombohedral and a hexagonal metric a hair decides which reduced cell it is.
    for cell in (LYSOZYME, HEXAGONAL, (50, 50, 50, 60, 60, 60), (50, 50, 70, 90, 90, 90), (40, 50, 60, 90, 109.5, 90)):
        seen = []
        for shift in itertools.product((-1e-3, 1e-3), repeat=6):
            small = reduced([value + s for value, s in zip(cell, shift, strict=True)], "P")
            assert small is not None
            seen.append(lengths(small))
        spread = np.ptp(np.array(seen), axis=0) / np.mean(seen, axis=0)
        assert spread.max() < 5e-4, cell


def test_they_are_the_shortest_edges_and_diagonals_whatever_the_signs() -> None:
    cell = (41.0, 50.0, 60.0, 80.0, 75.0, 70.0)
    a, b, c = cell[:3]
    x, y, z = np.cos(np.radians(cell[3:]))
    metric = np.array([[a * a, a * b * z, a * c * y], [a * b * z, b * b, b * c * x], [a * c * y, b * c * x, c * c]])

    def size(*vector: int) -> float:
        return float(np.sqrt(np.array(vector) @ metric @ np.array(vector)))

    faces = [
        min(size(0, 1, s) for s in (1, -1)),
        min(size(1, 0, s) for s in (1, -1)),
        min(size(1, s, 0) for s in (1, -1)),
    ]
    body = min(size(1, s, t) for s in (1, -1) for t in (1, -1))
    assert lengths(cell) == pytest.approx(sorted([a, b, c, *faces, body]))


def test_too_few_cells_and_no_cells_have_no_cluster() -> None:
    assert clusters(around(LYSOZYME, 5, 1), ["tP"] * 5).clusters == ()
    assert clusters(np.zeros((0, 6), np.float32), []).clusters == ()
    assert clusters(np.zeros((100, 6), np.float32), [""] * 100).clusters == ()


def test_a_run_is_clustered_again_only_when_a_tenth_more_cells_have_come() -> None:
    def append(first: int, count: int, cell: tuple[float, ...]) -> None:
        run.append(Batch.of(np.arange(first, first + count), np.zeros(count), lattices=np.ones(count),
                            cells=around(cell, count, first), cell_frame=np.arange(count),
                            lattice=["tP"] * count))  # fmt: skip

    run = Run()
    clustering = Clustering(run)
    assert not clustering.due
    append(0, 200, LYSOZYME)
    assert clustering.due
    first = clustering.now()
    assert [cluster.count for cluster in first.clusters] == [200]
    append(1_000, 10, LYSOZYME)
    assert clustering.now() is first
    append(2_000, 100, HEXAGONAL)
    assert [cluster.count for cluster in clustering.now().clusters] == [210, 100]


def test_the_drift_of_all_six_parameters_can_be_read_along_time() -> None:
    from views.techniques import ssx_numbers as numbers

    run, count = Run(), np.arange(400)
    cells = np.tile([10.0, 20, 30, 80, 90, 100], (400, 1)) + (count // 200)[:, None] * [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    run.append(Batch.of(count, 1e9 + count / 100, lattices=np.ones(400), cells=cells, cell_frame=count,
                        lattice=["aP"] * 400))  # fmt: skip
    bins = numbers.line(run)["bins"]
    means = [[value / row[12] for value in row[13:]] for row in bins]
    assert means[0] == pytest.approx([10, 20, 30, 80, 90, 100], abs=1e-3)
    assert means[-1] == pytest.approx([10.1, 20.2, 30.3, 80.4, 90.5, 100.6], abs=1e-3)


def test_choosing_a_cluster_filters_the_histograms_and_keeps_their_edges() -> None:
    from views.techniques import ssx_numbers as numbers

    run, cells = Run(), np.concatenate([around(LYSOZYME, 300, 1), around(HEXAGONAL, 100, 2)])
    run.append(Batch.of(np.arange(400), np.zeros(400), lattices=np.ones(400), cells=cells, cell_frame=np.arange(400),
                        lattice=["tP"] * 300 + ["hP"] * 100))  # fmt: skip
    found = Clustering(run).now()
    told = numbers.clusters(found)
    assert [(row["count"], row["types"]) for row in told["rows"]] == [(300, "tP"), (100, "hP")]
    assert (told["of"], told["loose"]) == (400, 0)
    whole = numbers.cells(run)
    one = numbers.cells(run, None, found.cells[found.labels == 1])
    assert whole is not None
    assert one is not None
    assert one["chosen"] == 100
    assert [axis["low"] for axis in one["axes"]] == [axis["low"] for axis in whole["axes"]]
    assert one["axes"][5]["median"] == pytest.approx(120, abs=0.05)
    part = numbers.cells(run, ("c", 100, 200), found.cells[found.labels == 1])
    assert part is not None
    assert 30 < part["chosen"] < 70
