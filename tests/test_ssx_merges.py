"""Merges of a serial run: found in ISPyB and in files, tied to the lattices of their time; what they foretell."""

import json
import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from ispyb import DATABASES, PEOPLE, Facility, shared
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from data.demo.merge import FILE, LIMIT, n0
from data.demo.serial import Plan, SsxRun
from data.demo.site import writable
from data.errors import Unavailable
from data.images.files import Files
from data.live.runs import Runs, Watched
from data.reader import Reader
from data.schema import Proposal, ScalingHasIntegration, Table, Visit
from data.scope import Scope
from data.source import Source
from data.techniques.mx.logs import Unusable, read_text
from data.techniques.mx.logs.report import Curve
from data.techniques.ssx.merges import Made, Merges, made
from data.techniques.ssx.merging import Merge, Target, needs, untold
from views.techniques import ssx_numbers as numbers

ALL = Scope(everything=True)
NOW = datetime(2026, 3, 1, 3, 0)


@pytest.fixture(scope="module", params=DATABASES)
def tiny(request: pytest.FixtureRequest) -> Iterator[Facility]:
    """The tiny ISPyB of `ispyb.py` in one kind of database."""
    found = shared(request, request.param)
    yield found
    found.source.close()


@pytest.mark.parametrize("login", PEOPLE)
def test_a_person_gets_the_merges_of_collections_they_may_see_and_no_other(tiny: Facility, login: str) -> None:
    found = made(tiny.reader(login), Files(()), 11, 1001)
    assert bool(found) == (login in {"alice", "bob", "admin"})
    for one in found:
        assert set(one.shells) <= {"overall", "inner", "outer"}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An empty ISPyB with a visit."""
    file = f"sqlite:///{tmp_path / 'ispyb.sqlite'}"
    engine = writable(file)
    Table.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Proposal(proposal_id=1, code="sx", number="1"))
        session.add(Visit(visit_id=1, proposal_id=1, number=1, beamline="SX1", start=NOW, end=NOW + timedelta(days=1)))
        session.commit()
    yield engine
    engine.dispose()


@pytest.fixture
def source(engine: Engine) -> Iterator[Source]:
    """The same as the dashboard reads it."""
    found = Source(engine.url.render_as_string())
    yield found
    found.close()


def run_of(engine: Engine, folder: Path, plan: Plan, steps: int) -> SsxRun:
    """A run taken in so many equal steps."""
    clock = [NOW]
    run = SsxRun(engine, 1, plan, directory=folder, clock=lambda: clock[0])
    for _ in range(steps + 1):
        run.step()
        clock[0] += timedelta(seconds=plan.frames / plan.rate / steps)
    return run


def watch(source: Source, folder: Path, number: int) -> Watched:
    runs = Runs(source, Files((folder,)))
    runs.close()
    found = runs.watch(Reader(source, ALL), number, lambda: None)
    while found.turn():
        pass
    found.turn()
    return found


def test_each_merge_of_a_run_stands_for_the_lattices_of_its_time(
    engine: Engine, source: Source, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    run = run_of(engine, folder, Plan(frames=8_000, rate=100, merges=4, failures=False, seed=6), 8)
    merges = watch(source, folder, run.collection_id).merges(None)
    story = run.story
    truth = [int(story.first_cell[count]) for count in (2_000, 4_000, 6_000, 8_000)]
    assert [merge.lattices for merge in merges] == pytest.approx(truth, rel=0.02)
    assert {merge.program for merge in merges} == {"xia2.ssx"}


@pytest.mark.parametrize("resolution", [2.3, 2.7, LIMIT])
def test_n0_of_a_shell_is_that_of_the_simulation(
    engine: Engine, source: Source, tmp_path: Path, resolution: float
) -> None:
    folder = tmp_path / "data"
    run = run_of(engine, folder, Plan(frames=20_000, rate=100, merges=4, failures=False, seed=7), 8)
    watched = watch(source, folder, run.collection_id)
    (need,) = needs(Target(resolution, cc_half=0.5), watched.merges(resolution))
    # The outermost value stands for the middle of its shell.
    true = n0(resolution if resolution > LIMIT else (0.95 * LIMIT**-2) ** -0.5)
    assert need.low <= true <= need.high
    assert need.lattices == pytest.approx(true, rel=0.25)
    assert "by xia2.ssx, which reached" in need.basis
    assert not need.doubt


def test_without_the_file_the_outer_shell_of_ispyb_tells_and_what_lies_between_shells_does_not(
    engine: Engine, source: Source, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    run = run_of(engine, folder, Plan(frames=8_000, rate=100, merges=2, failures=False, seed=6), 4)
    for file in folder.rglob(FILE):
        file.unlink()
    watched = watch(source, folder, run.collection_id)
    assert [need.quantity for need in needs(Target(LIMIT, cc_half=0.5), watched.merges(LIMIT))] == ["cc_half"]
    between = watched.merges(2.5)
    assert needs(Target(2.5, cc_half=0.5), between) == []
    assert untold(Target(2.5, cc_half=0.5), between, []) == "CC½: no merge of this run tells it at 2.5 Å."


def test_the_band_of_the_lattices_that_cc_half_needs_holds_the_truth_in_95_percent_of_merges() -> None:
    """Half sets of 800 reflections of normal distribution, whose noise falls with the lattices: N0 is 300."""
    random, held, runs = np.random.default_rng(17), 0, 1000
    for lattices in np.repeat((150, 600), runs // 2):
        truth = random.normal(size=800)
        halves = [truth + math.sqrt(300 / lattices) * random.normal(size=800) for _ in range(2)]
        merge = Merge(int(lattices), float(np.corrcoef(*halves)[0, 1]), unique=800)
        (need,) = needs(Target(1.8, cc_half=0.9), [merge])
        held += need.low <= 9 * 300 <= need.high
    assert 0.935 <= held / runs <= 0.97


def test_a_merge_of_several_runs_is_left_out(engine: Engine, source: Source, tmp_path: Path) -> None:
    first, second = (
        run_of(engine, tmp_path / "data", Plan(frames=2_000, rate=100, merges=1, seed=seed), 2) for seed in (1, 2)
    )
    reader, files = Reader(source, ALL), Files((tmp_path,))
    assert len(made(reader, files, 1, first.collection_id)) == 1
    with Session(engine) as session:
        links = session.query(ScalingHasIntegration).all()
        session.add(ScalingHasIntegration(integration_id=links[1].integration_id, scaling_id=links[0].scaling_id))
        session.commit()
    assert made(reader, files, 1, first.collection_id) == []
    assert len(made(reader, files, 1, second.collection_id)) == 1


def test_completeness_as_a_fraction_is_told_from_percent() -> None:
    shells = {"overall": {"completeness": 96.0}, "outer": {"low": 1.85, "high": 1.8, "completeness": 80.0}}
    assert Made(1, "x", None, shells).at(1.8, 10).completeness == pytest.approx(0.8)
    assert Made(1, "x", None, shells).at(None, 10).completeness == pytest.approx(0.96)
    assert Made(1, "x", None, shells).at(1.2, 10) == Merge(10, program="x")


def test_a_curve_tells_no_further_than_its_shells_reach() -> None:
    curve = Curve("cc_half", (0.1, 0.2, 0.3), (0.9, 0.5, 0.2))
    one = Made(1, "x", None, {}, {"cc_half": curve})
    assert one.at(math.sqrt(1 / 0.25), 10).cc_half == pytest.approx(0.35)
    assert one.at(math.sqrt(1 / 0.34), 10).cc_half == pytest.approx(0.2)
    assert one.at(1.5, 10).cc_half is None


COMPARED = """  1/d centre         CC       nref      d / A   Min 1/nm    Max 1/nm
     1.000  0.9920000       1200      10.00      0.250       1.750
     2.000  0.8000000       1180       5.00      1.750       2.250
     5.000  0.2500000       1150       2.00      2.250       5.250
"""
CHECKED = """Center 1/nm  # refs Possible  Compl       Meas   Red   SNR     Mean I     d(A)    Min 1/nm   Max 1/nm
     1.000     1200     1200 100.00      60000  50.0 12.00     100.0    10.00       0.250       1.750
     5.000     1100     1150  95.65      11000  10.0  1.50      10.0     2.00       1.750       5.250
"""


def test_the_tables_of_crystfel_are_curves_against_one_over_d_squared() -> None:
    (curve,) = read_text(COMPARED).curves
    assert curve.key == "cc_half"
    assert curve.x == pytest.approx((0.01, 0.04, 0.25))
    assert curve.y == (0.992, 0.8, 0.25)
    found = {curve.key: curve.y for curve in read_text(CHECKED).curves}
    assert found == {"completeness": (100.0, 95.65), "multiplicity": (50.0, 10.0), "i_over_sigma": (12.0, 1.5)}


@pytest.mark.parametrize("text", [COMPARED.splitlines()[0], COMPARED.replace(" CC ", " R1 "), CHECKED[:200]])
def test_a_table_of_crystfel_without_numbers_or_of_another_statistic_says_so(text: str) -> None:
    with pytest.raises(Unusable):
        read_text(text)


def test_statistics_of_dials_merge_are_read_by_shell() -> None:
    stats = {"d_star_sq_min": [0.01, 0.1], "d_star_sq_max": [0.1, 0.3], "cc_one_half": [0.99, 0.4],
             "completeness": [1.0, 0.9], "multiplicity": [20, 8], "overall": {"cc_one_half": 0.98}}  # fmt: skip
    found = {curve.key: curve for curve in read_text(json.dumps({"1.0": {"merging_stats": stats}})).curves}
    assert found["cc_half"].y == (0.99, 0.4)
    assert found["completeness"].y == (100.0, 90.0)
    assert found["multiplicity"].x == pytest.approx((0.055, 0.2))


def test_crystals_that_differ_are_doubted() -> None:
    same = [Merge(n, n / (n + 500), unique=2_000) for n in (500, 1000, 2000)]
    (need,) = needs(Target(1.8, cc_half=0.9), same)
    assert not need.doubt
    differing = [Merge(500, 0.5, unique=2_000), Merge(2000, 0.6, unique=2_000)]
    (need,) = needs(Target(1.8, cc_half=0.9), differing)
    assert need.doubt.startswith("Later lattices add less than the first did (N0 from 500 to 1,333)")


@pytest.mark.parametrize(
    ("merges", "words"),
    [
        ([], "CC½: needs a first merge of this run; ISPyB has none yet."),
        ([Merge(100)], "CC½: no merge of this run tells it at 1.8 Å."),
        ([Merge(100, 0.001)], "CC½: the merges so far are too near to 0 or to 1 at 1.8 Å to foretell from."),
        ([Merge(100, 0.2)], ""),
    ],
)
def test_cc_half_that_nothing_foretells_says_why(merges: list[Merge], words: str) -> None:
    target = Target(1.8, cc_half=0.3)
    assert untold(target, merges, needs(target, merges)) == words
    assert untold(Target(1.8, completeness=0.9), merges, []) == ""


def test_the_head_says_what_is_needed_from_which_merge(engine: Engine, source: Source, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    run = run_of(engine, folder, Plan(frames=8_000, rate=100, merges=4, failures=False, seed=6), 8)
    watched = watch(source, folder, run.collection_id)
    head = numbers.head(watched, NOW.timestamp() + 80, Target(2.2, 0.9, 0.99, 20))
    assert [need["what"] for need in head["needs"]] == ["cc_half", "completeness", "multiplicity"]
    assert all("by xia2.ssx" in need["basis"] for need in head["needs"])
    assert head["untold"] == ""


def test_a_database_that_is_away_is_said_and_what_was_read_stays(
    engine: Engine, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_of(engine, tmp_path / "data", Plan(frames=2_000, rate=100, merges=1, seed=1), 2)
    merges = Merges(Reader(source, ALL), Files((tmp_path,)), 1, run.collection_id)
    assert merges.look()
    assert not merges.look()

    def away(*_: object) -> None:
        raise Unavailable

    monkeypatch.setattr("data.techniques.ssx.merges.made", away)
    assert merges.look()
    assert merges.trouble == f"Merges of this run: {Unavailable()}"
    assert len(merges.found) == 1
