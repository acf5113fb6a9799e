"""The runs of a visit side by side: counts, intervals, parameters in words, sums; in every flavour, for each person."""

from collections.abc import Iterator
from copy import copy
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from ispyb import DATABASES, PEOPLE, RATES, Facility, at, facility, shared, writer
from sqlalchemy import func, select

from data import schema as s
from data.exports import Wanted, ask
from data.reader import Reader
from data.schema import ImageQuality
from data.techniques import spots
from data.techniques.ssx import queries
from data.techniques.ssx import runs as side_by_side
from data.techniques.ssx.batch import Batch
from data.techniques.ssx.compare import against, curve, histograms, middle
from data.techniques.ssx.intervals import spread, wilson
from data.techniques.ssx.run import Run
from data.techniques.ssx.runs import SPECS, runs, seconds, together
from views.techniques.ssx_compare import _numbers


@pytest.fixture(scope="module", params=DATABASES)
def tiny(request: pytest.FixtureRequest) -> Iterator[Facility]:
    """The tiny ISPyB of `ispyb.py` in one kind of database."""
    found = shared(request, request.param)
    yield found
    found.source.close()


@pytest.mark.parametrize("login", PEOPLE)
def test_a_person_sees_the_runs_of_visits_they_may_see_and_no_other(tiny: Facility, login: str) -> None:
    found = runs(tiny.reader(login), 31)
    assert [row["id"] for row in found] == ([3003, 3002, 3001] if login == "admin" else [])
    assert runs(tiny.reader(login), 11) == []  # no serial run, whoever looks
    assert queries.going(tiny.reader(login), [31], at(7, 12)) == []  # all have ended


def test_rates_are_those_of_results_else_of_images_and_say_which(tiny: Facility) -> None:
    third, second, first = runs(tiny.reader("admin"), 31)
    # Four images of 100 were judged; 16 spots are no hit and 17 are.
    assert (second["by"], second["frames"], second["hits"], second["hit_rate"]) == ("per-image numbers", 4, 2, 50.0)
    low, high = wilson(2, 4)
    assert (second["hit_low"], second["hit_high"]) == pytest.approx((100 * low, 100 * high))
    assert (second["indexed"], second["indexing_rate"], second["indexed_low"]) == (None, None, None)
    assert {third[key] for key in ("by", "frames", "hits", "hit_rate", "hit_low", "indexed")} == {None}
    if tiny.kind in RATES:
        assert (first["by"], first["hits"], first["frames"], first["indexed"]) == ("results", 30, 100, 20)
        assert first["hit_low"] < 30 < first["hit_high"]
    else:
        assert first["hit_rate"] is None


def test_a_beamline_with_a_hit_rule_of_its_own_counts_by_it_in_the_table_and_the_list(tiny: Facility) -> None:
    beamline = tiny.reader("admin").scalar(select(s.Visit.beamline).where(s.Visit.visit_id == 31))
    source = copy(tiny.source)
    source.choices = {"hit." + beamline: "10", "hit.elsewhere": "99"}
    reader = Reader(source, tiny.scope("admin"))
    assert reader.hits == {beamline: 10, "elsewhere": 99}
    plain, own = (next(row for row in runs(one, 31) if row["id"] == 3002) for one in (tiny.reader("admin"), reader))
    assert (plain["hits"], own["hits"], own["frames"]) == (2, 3, 4)
    for one, rate in ((tiny.reader("admin"), 50.0), (reader, 75.0)):
        assert spots.summaries(one, 31, [3002])[3002]["hit_rate"] == rate


def test_parameters_stand_in_words(tiny: Facility) -> None:
    third, _, first = runs(tiny.reader("admin"), 31)
    assert (first["chip_model"], first["repetition_rate"], first["experiment"]) == ("Oxford", 231.25, "chip run")
    assert first["chains"] == "chain 1: X-rays at 0 s for 1 ms; chain 2: X-rays at 0 s for 1 ms"
    assert third["chains"] is None
    assert first["in_sample"] == "HEPES 50 mM pH 7.5 (buffer)"
    assert first["in_crystal"] == "FAD ratio 2 (ligand)"
    assert {spec.key for spec in SPECS} <= first.keys()


def test_runs_of_one_sample_are_summed_with_one_interval(tiny: Facility) -> None:
    (total,) = together(runs(tiny.reader("admin"), 31), "sample")
    assert (total["runs"], total["images"], total["sample"], total["chip_model"]) == (3, 300, "chip load", None)
    rated = tiny.kind in RATES
    assert (total["hits"], total["frames"]) == ((32, 104) if rated else (2, 4))
    assert total["hit_rate"] == pytest.approx(100 * total["hits"] / total["frames"])
    assert total["hit_low"] < total["hit_rate"] < total["hit_high"]
    # Nobody told of indexing in the other runs: theirs are not counted as none.
    assert total["indexing_rate"] == (pytest.approx(20.0) if rated else None)
    assert sorted(total["members"]) == [3001, 3002, 3003]


def test_runs_of_no_sample_stay_by_themselves(tiny: Facility) -> None:
    rows = [dict(row, sample=None) for row in runs(tiny.reader("admin"), 31)]
    assert [row["id"] for row in together(rows, "sample")] == [3003, 3002, 3001]


def test_older_runs_beyond_the_bound_are_not_counted_and_say_so(
    tiny: Facility, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side_by_side, "MOST_IMAGES", 100)  # one run, the newest
    _, second, _ = runs(tiny.reader("admin"), 31)
    assert (second["by"], second["hit_rate"], second["frames"], second["hit_low"]) == (
        "up to 100 images", 50.0, None, None,
    )  # fmt: skip


def test_the_file_has_the_rows_of_the_table(tiny: Facility) -> None:
    wanted = Wanted("ssx3", 1)
    answer = ask(tiny.reader("admin"), "runs", wanted)
    rows = [row for part in answer.parts for row in part]
    assert [row["id"] for row in rows] == [3003, 3002, 3001]
    chosen = ask(tiny.reader("admin"), "runs", Wanted("ssx3", 1, view={"runs": "3002,9,x"}))
    assert [row["id"] for part in chosen.parts for row in part] == [3002]
    summed = ask(tiny.reader("admin"), "runs", Wanted("ssx3", 1, view={"per": "sample"}))
    assert [row["runs"] for part in summed.parts for row in part] == [3]


@pytest.mark.parametrize(
    ("value", "words"), [(-0.005, "−5 ms"), (0.0, "0 s"), (2e-6, "2 µs"), (0.0001, "100 µs"), (3.5, "3.5 s")]
)
def test_short_times_have_the_unit_that_suits_them(value: float, words: str) -> None:
    assert seconds(value) == words


def test_hits_that_clump_widen_the_interval_and_independent_ones_do_not() -> None:
    random = np.random.default_rng(5)
    frames = np.full(64, 400.0)
    independent = [spread(random.binomial(400, 0.2, 64).astype(float), frames)[0] for _ in range(60)]
    assert np.mean(independent) == pytest.approx(1.0, abs=0.06)
    clumped = [spread(random.binomial(400, random.beta(20, 80, 64)).astype(float), frames)[0] for _ in range(60)]
    # Beta-binomial: φ = 1 + (n − 1) / (α + β + 1).
    assert np.mean(clumped) == pytest.approx(1 + 399 / 101, rel=0.1)
    assert spread(np.ones(5), np.full(5, 10.0)) == (1.0, pytest.approx(1.96, abs=0.001))
    assert spread(np.zeros(64), frames)[0] == 1.0


# -- runs over each other


def counted(hits: float, indexed: float, volume: float, frames: int = 40_000, seed: int = 0) -> Run:
    """A run of independent frames at 100 a second, whose truth is known."""
    random = np.random.default_rng(seed)
    hit = random.random(frames) < hits
    lattices = np.where(hit & (random.random(frames) < indexed / hits), 1, 0)
    of = np.flatnonzero(lattices)
    edge = volume ** (1 / 3)
    cells = np.array([edge, edge, edge, 90, 90, 90]) + random.normal(0, 0.05, (len(of), 6))
    run = Run()
    run.append(
        Batch.of(
            np.arange(frames), 1e9 + np.arange(frames) / 100, hit=hit, lattices=lattices, cells=cells, cell_frame=of
        )
    )
    return run


def test_the_difference_of_two_runs_holds_the_truth_and_tells_equal_ones_apart_from_others() -> None:
    base = counted(0.20, 0.10, 240_000.0, seed=1)
    other = counted(0.24, 0.10, 243_000.0, seed=2)
    found = against(other, base)
    assert found.hit is not None
    assert found.indexed is not None
    assert found.volume is not None
    assert found.hit.low < 0.04 < found.hit.high
    assert found.hit.real
    assert found.volume.low < 3_000 < found.volume.high
    assert found.volume.real
    same = against(counted(0.20, 0.10, 240_000.0, seed=3), base)
    assert same.hit is not None
    assert not same.hit.real


def test_a_volume_of_few_cells_has_no_difference() -> None:
    few = counted(0.2, 0.1, 240_000.0, frames=50)
    assert against(few, counted(0.2, 0.1, 240_000.0)).volume is None


def test_wrongly_indexed_frames_do_not_move_the_median_volume() -> None:
    values = np.concatenate([np.random.default_rng(0).normal(1000, 10, 900), np.full(100, 5000.0)])
    found = middle(values)
    assert found is not None
    assert found.value == pytest.approx(1001.5, abs=2)
    assert found.error < 1


def test_a_curve_has_the_rates_of_each_stretch_of_time_with_their_intervals() -> None:
    run = counted(0.2, 0.1, 240_000.0)
    found = curve(run, "hits", "judged")
    assert found.minutes[-1] == pytest.approx(400 / 60, abs=0.1)
    assert np.all((found.low <= found.share) & (found.share <= found.high))
    assert np.mean(found.share) == pytest.approx(20, abs=1)


def test_outlines_of_all_runs_share_their_edges_and_hold_their_cells() -> None:
    cells = [counted(0.2, 0.1, v).cells()[0] for v in (240_000.0, 243_000.0)]
    made = histograms([*cells, np.zeros((0, 6), np.float32)])
    assert len(made) == 6
    for edges, talls in made:
        assert len(edges) == 61
        assert talls[2] is None
        assert all(tall is not None and tall.sum() > 95 for tall in talls[:2])
    assert histograms([np.zeros((0, 6), np.float32)]) == []


# -- what a link may name


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("3,1,3,x,-2,1e3", (3, 1)), ("", ()), ("1,2,3,4,5,6,7,8", (1, 2, 3, 4, 5, 6)), ("²,٣,9", (9,))],
)
def test_a_link_names_at_most_six_runs_each_once(text: str, numbers: tuple[int, ...]) -> None:
    assert _numbers(text) == numbers


# -- runs that go on


@pytest.mark.parametrize("login", PEOPLE)
def test_the_numbers_of_many_rows_come_by_the_same_rule_as_rows_do(tiny: Facility, login: str) -> None:
    reader = tiny.reader(login)
    query = (
        select(ImageQuality.image, func.coalesce(ImageQuality.spots, -1))
        .where(ImageQuality.collection_id.in_([1001, 3002]))
        .order_by(ImageQuality.collection_id, ImageQuality.image)
    )
    assert [tuple(row) for row in reader.columns(query)] == [tuple(row) for row in reader.rows(query)]
    assert bool(reader.columns(query)) == (login in {"alice", "bob", "admin"})


@pytest.mark.parametrize("login", PEOPLE)
def test_a_run_goes_on_until_it_has_an_end_or_is_a_day_old(tmp_path: Path, login: str) -> None:
    url = f"sqlite:///{tmp_path / 'going.db'}"
    found = facility("sqlite", url)
    write = writer(url)
    reader = found.reader(login)

    def run(key: int, start: datetime, end: datetime | None, group: int = 301) -> list[int]:
        write.add(s.Collection, collection_id=key, group_id=group, start=start, end=end, prefix=f"run{key}", images=9)
        return [row["id"] for row in queries.going(reader, [31, 11], at(7, 14))]

    assert run(3101, at(5, 12), None) == []  # forgotten by the beamline
    assert run(3102, at(7, 12), None) == ([3102] if login == "admin" else [])
    assert run(1104, at(7, 12), None, group=101) == ([3102] if login == "admin" else [])  # no serial run
    assert run(3105, at(7, 13), at(7, 13, 30)) == []  # a later one: the one before has ended, whatever it says
    assert queries.going(found.reader(login), [], at(7, 14)) == []
    found.source.close()
