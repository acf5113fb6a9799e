"""Lattices are put together by what they are, not by the setting in which they were indexed."""

import itertools

import numpy as np
import pytest

pytest.importorskip("gemmi", reason="cells are reduced with gemmi")
pytest.importorskip("scipy", reason="clusters are found with SciPy")

from data.demo.serial import Plan, Story
from data.techniques.mx.cells import reduced
from data.techniques.mx.ncdist import g6, ncdist
from data.techniques.ssx.alerts import Facts, Memory, Rules, judge
from data.techniques.ssx.batch import Batch
from data.techniques.ssx.clusters import Clustering, along_time, clusters, lengths, steady
from data.techniques.ssx.run import Run
from data.techniques.ssx.timeline import volume

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
    assert clustering.behind
    assert clustering.now(last=True) is not first  # no more will come: of all
    assert not clustering.behind
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


def test_two_forms_whose_c_differs_by_2_percent_are_two_clusters_with_their_shares() -> None:
    story = Story(Plan(frames=30_000, isoform=0.2, seed=3))
    assert len(story.cells) > 4_000
    found = clusters(story.cells.astype(np.float32), ["tP"] * len(story.cells))
    assert [cluster.types[0][0] for cluster in found.clusters] == ["tP", "tP"]
    for cluster, form in zip(found.clusters, (False, True), strict=True):
        mine = story.form == form
        assert cluster.count / len(found.labels) == pytest.approx(mine.mean(), abs=0.02)
        assert cluster.median == pytest.approx(np.median(story.cells[mine], axis=0), abs=0.03)
    assert found.within < 1
    # c² of the one and the other: nothing else differs.
    one, other = found.clusters
    assert one.apart == pytest.approx(other.median[2] ** 2 - one.median[2] ** 2, rel=0.15)


def test_one_form_is_one_cluster_however_closely_its_cells_agree() -> None:
    for spread in (0.02, 0.1, 0.2):
        for count in (60, 400, 6_000):
            random = np.random.default_rng(count)
            cells = np.array(LYSOZYME) + random.normal(0, spread, (count, 6))
            found = clusters(cells.astype(np.float32), ["tP"] * count)
            assert [cluster.count > 0.9 * min(count, 5_000) for cluster in found.clusters] == [True], (spread, count)


def mixed(share_first: float, share_last: float, grows: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(cells, times, whether of the second form) of 1,000 s: the share of a form whose c is 10 % longer changes from
    ``share_first`` to ``share_last``, and all cells grow by ``grows`` in c.
    """
    random, count = np.random.default_rng(7), 4_000
    time = np.linspace(0, 1_000, count)
    second = random.random(count) < np.linspace(share_first, share_last, count)
    cells = np.array(LYSOZYME) + random.normal(0, 0.08, (count, 6))
    cells[:, 2] *= (1 + 0.1 * second) * (1 + grows * time / 1_000)
    return cells.astype(np.float32), 1e9 + time, second


def test_the_medians_of_each_cluster_stay_while_their_share_changes_and_follow_a_drift() -> None:
    for grows in (0.0, 0.012):
        cells, time, second = mixed(0.2, 0.6, grows)
        found = clusters(cells, ["tP"] * len(cells), time)
        assert len(found.clusters) == 2
        made = along_time(found)
        assert made is not None
        begin, width, medians, counts = made
        assert (begin, begin + width * medians.shape[1]) == pytest.approx((1e9, 1e9 + 1_000), abs=1)
        assert counts.sum() == (found.labels >= 0).sum()
        for number, one in enumerate(medians):
            half = width / 2 / 1_000
            c = LYSOZYME[2] * (1 + 0.1 * (second[found.labels == number].mean() > 0.5))
            assert one[0, 2] == pytest.approx(c * (1 + grows * half), rel=1.5e-3)
            assert one[-1, 2] == pytest.approx(c * (1 + grows * (1 - half)), rel=1.5e-3)
            assert one[0, 6] == pytest.approx(np.prod(one[0, :3]), rel=1e-3)
    assert counts[0, 0] > 3 * counts[1, 0]


def test_cells_without_a_time_have_no_drift() -> None:
    found = clusters(around(LYSOZYME, 100, 1), ["tP"] * 100)
    assert found.clusters
    assert along_time(found) is None


def test_another_share_of_two_forms_is_no_drift_of_the_volume_but_a_drift_of_both_is() -> None:
    cells, _, second = mixed(0.2, 0.2)
    found = clusters(cells, ["tP"] * len(cells))
    sizes = volume(cells)
    half = np.concatenate([sizes[second][:150], sizes[~second][:150]])
    made = steady(found, half)
    assert made is not None
    now, whole, forms = made
    assert forms == 2
    assert half.mean() / sizes.mean() > 1.025  # the mean of all would have told of it
    assert now == pytest.approx(whole, rel=1e-3)
    assert whole == pytest.approx(np.median(sizes[~second]), rel=1e-3)
    grown = steady(found, half * 1.03)
    assert grown is not None
    assert grown[0] / whole == pytest.approx(1.03, rel=1e-3)
    assert steady(found, half[:20]) is None
    one = clusters(around(LYSOZYME, 200, 1), ["tP"] * 200)
    assert steady(one, half) is None


def test_no_alert_tells_of_a_drift_where_only_the_share_of_two_forms_changes() -> None:
    for last, wanted in ((0.9, []), (0.2, ["cell"])):
        cells, _, _ = mixed(0.2, last, 0.0 if not wanted else 0.06)
        memory, said = Memory(), []
        for end in range(400, len(cells) + 1, 200):
            known = clusters(cells[:end], ["tP"] * end)
            newest = volume(cells[end - 200 : end])
            made = steady(known, newest) or (float(newest.mean()), float(volume(cells[:end]).mean()), 1)
            facts = Facts(at=end, volume=made[0], whole_volume=made[1], forms=made[2])
            alerts, memory = judge(Rules(), facts, memory)
            said += [alert.kind for alert in alerts]
        assert said[:1] == wanted


def test_lattices_told_by_frame_take_the_place_of_cells_that_were_stated_of_the_run() -> None:
    run = Run()
    run.state_cells(around(LYSOZYME, 200, 1))
    clustering = Clustering(run)
    assert [name for name, _ in clustering.now().clusters[0].types] == [""]
    run.append(Batch.of(np.arange(200), 1e9 + np.arange(200), lattices=np.ones(200), cells=around(LYSOZYME, 200, 2),
                        cell_frame=np.arange(200), lattice=["tP"] * 200))  # fmt: skip
    assert clustering.due
    assert [name for name, _ in clustering.now().clusters[0].types] == ["tP"]
    assert not clustering.due
