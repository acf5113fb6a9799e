"""A serial run is counted once, whatever its source repeats, drops or jumps; nothing unknown becomes a zero."""

import numpy as np
import pytest

from data.techniques.ssx.batch import Batch
from data.techniques.ssx.run import Run
from data.techniques.ssx.timeline import COLUMNS, Timeline, volume

START = 1_700_000_000.0


def frames(first: int, count: int, rate: float = 100.0, **known: object) -> Batch:
    number = np.arange(first, first + count)
    return Batch.of(number, START + number / rate, **known)


def test_a_repeated_frame_is_counted_once_and_said() -> None:
    run = Run()
    run.append(frames(1, 100, hit=np.ones(100)))
    assert run.append(frames(51, 100, hit=np.ones(100))) == 50
    now = run.now(START + 2)
    assert now.whole.frames == 150
    assert now.repeated == 50
    assert now.dropped == 0


def test_frames_that_never_came_are_dropped_frames() -> None:
    run = Run()
    run.append(frames(1, 100))
    run.append(frames(151, 50))
    assert run.now(START).dropped == 50


def test_nonsense_image_numbers_are_not_counted() -> None:
    run = Run()
    assert run.append(Batch.of([-5, 2**40, 3], [START] * 3, hit=[1, 1, 1])) == 1
    assert run.now(START).whole.frames == 1


def test_what_a_source_does_not_tell_has_no_rate() -> None:
    run = Run()
    run.append(frames(1, 100, hit=np.zeros(100)))
    whole = run.now(START).whole
    assert whole.hit is not None
    assert whole.hit.value == 0
    assert whole.indexed is None
    assert run.pump() is None


def test_now_is_the_last_ten_seconds_and_not_the_run() -> None:
    run = Run()
    run.append(frames(0, 10_000, hit=np.ones(10_000)))
    run.append(frames(10_000, 1_000, hit=np.zeros(1_000)))
    now = run.now(START + 109.99)
    assert now.recent.hit is not None
    assert now.recent.hit.value == pytest.approx(0, abs=0.02)
    assert now.recent.frames == pytest.approx(1_000, abs=30)
    assert now.whole.hit is not None
    assert now.whole.hit.value == pytest.approx(10 / 11)


def test_dead_time_is_an_empty_bin() -> None:
    line = Timeline(width=1.0)
    line.append(frames(0, 100, rate=100))
    line.append(Batch.of([100], [START + 10.5]))
    _, sums = line.shown()
    assert list(sums[:, COLUMNS.index("frames")]) == [100, *[0] * 9, 1]


def test_bins_grow_and_lose_nothing() -> None:
    line = Timeline(width=0.25, bins=64)
    line.append(frames(0, 10_000, rate=100, spots=np.full(10_000, 3)))
    version = line.version
    line.append(frames(10_000, 1))
    assert line.used <= 64
    assert line.shown()[1][:, COLUMNS.index("frames")].sum() == 10_001
    assert line.shown()[1][:, COLUMNS.index("spots")].sum() == 30_000
    assert len(line.since(version)[0]) == 1


def test_cells_beyond_what_is_kept_are_a_fair_choice() -> None:
    run = Run()
    for first in range(0, 60_000, 1000):
        count = np.arange(1000)
        cells = np.tile([79.0, 79.0, 38.0, 90, 90, 90], (1000, 1))
        cells[:, 0] = 70 + (first + count) / 6000
        run.append(frames(first, 1000, lattices=np.ones(1000), cells=cells, cell_frame=count, lattice=["tP"] * 1000))
    cells, numbers, kinds = run.cells()
    assert len(cells) == 20_000
    assert run.cells_offered == 60_000
    assert np.mean(cells[:, 0]) == pytest.approx(75, abs=0.1)
    assert set(kinds) == {"tP"}
    assert np.allclose(cells[:, 0], 70 + numbers / 6000, atol=1e-3)
    assert run.lattices() == {"tP": 60_000}


def test_wells_hold_the_best_resolution_and_the_mean_volume() -> None:
    run = Run()
    cells = [[10, 10, 10, 90, 90, 90], [20, 10, 10, 90, 90, 90]]
    run.append(
        Batch.of(
            [1, 2, 3],
            [START] * 3,
            hit=[1, 1, 0],
            lattices=[1, 1, 0],
            resolution=[2.0, 1.8, np.nan],
            address=[4, 4, 5],
            cells=cells,
            cell_frame=[0, 1],
        )
    )
    wells = run.wells()
    assert wells[4, :4].tolist() == [2, 2, 2, 2]
    assert wells[4, 4] == pytest.approx(1.8)
    assert wells[4, 5] == pytest.approx(1500)
    assert np.isnan(wells[5, 4:]).all()


def test_the_queues_lead_to_the_frames_worth_a_look() -> None:
    run = Run()
    run.append(
        Batch.of(
            [1, 2, 3, 4],
            [START] * 4,
            hit=[1, 1, 1, 0],
            lattices=[1, 0, 0, 0],
            spots=[30, 200, 90, 2],
            resolution=[1.7, np.nan, np.nan, np.nan],
        )
    )
    assert run.queue("newest") == [3, 2, 1]
    assert run.queue("best") == [1]
    assert run.queue("unindexed") == [2, 3]
    assert sorted(run.queue("random")) == [1, 2, 3]


def test_laser_on_and_off_are_compared_with_an_interval() -> None:
    random = np.random.default_rng(3)
    pump = np.arange(40_000) % 2
    hit = random.random(40_000) < np.where(pump == 1, 0.25, 0.30)
    run = Run()
    run.append(frames(0, 40_000, hit=hit, pump=pump))
    found = run.pump()
    assert found is not None
    assert found.hit is not None
    assert found.hit.low < -0.05 < found.hit.high
    assert found.hit.real
    assert found.indexed is None


def test_a_cell_volume_is_right_for_oblique_angles() -> None:
    assert volume(np.array([[10, 20, 30, 90, 120, 90]]))[0] == pytest.approx(6000 * np.sqrt(3) / 2)


def test_a_batch_refuses_columns_of_another_length() -> None:
    with pytest.raises(ValueError, match="spots"):
        Batch.of([1, 2], [0.0, 0.0], spots=[1])
    with pytest.raises(ValueError, match="no column"):
        Batch.of([1], [0.0], colour=[1])
    with pytest.raises(ValueError, match="belongs"):
        Batch.of([1], [0.0], cells=[[1, 1, 1, 90, 90, 90]], cell_frame=[1])


def test_two_sources_that_tell_of_one_frame_are_put_together() -> None:
    run = Run()
    run.append(frames(1, 100, hit=np.arange(100) % 2, spots=np.full(100, 20)), "rows")
    told = frames(1, 60, lattices=np.arange(60) % 2, hit=np.ones(60))
    assert run.append(told, "stream") == 60
    whole = run.now(START + 1).whole
    assert whole.frames == 100
    assert whole.hit is not None
    assert (whole.hit.hits, whole.hit.frames) == (50, 100)
    assert whole.indexed is not None
    assert (whole.indexed.hits, whole.indexed.frames) == (30, 60)
    assert run.append(told, "stream") == 0
    assert run.repeated == 60


def test_what_another_source_told_is_no_repetition() -> None:
    run = Run()
    run.append(frames(1, 10, hit=np.ones(10), lattices=np.zeros(10)), "stream")
    run.append(frames(1, 10, hit=np.ones(10)), "rows")
    assert run.repeated == 0
    run.append(frames(1, 10, hit=np.ones(10)), "rows")
    assert run.repeated == 10


def test_the_best_frame_is_found_when_one_source_tells_hits_and_another_lattices() -> None:
    run = Run()
    run.append(frames(1, 2, hit=np.ones(2), spots=[40, 90], resolution=[2.5, 2.4]), "rows")
    run.append(frames(1, 2, hit=np.ones(2), lattices=[1, 0], spots=[41, 91], resolution=[1.9, 3.0]), "stream")
    assert run.queue("best") == [1]
    assert run.queue("unindexed") == [2]


def test_multiplicity_comes_from_counts_and_the_symmetry_of_the_lattice() -> None:
    run = Run()
    known = {"lattices": np.ones(30), "reflections": np.full(30, 500)}
    cells = np.tile([79.0, 79.0, 38.0, 90, 90, 90], (30, 1))
    run.append(frames(1, 30, cells=cells, cell_frame=np.arange(30), lattice=["tP"] * 30, **known))
    assert run.multiplicity(1.8) == pytest.approx(500 / 10_650, rel=0.02)
    assert Run().multiplicity(1.8) is None
