"""Serial runs that are watched: counted once for all who look, from rows and streams as they grow."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import fabio
import numpy as np
import pytest
from ispyb import DATABASES, Facility, shared
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from data.demo import render
from data.demo.serial import Plan, SsxRun
from data.demo.site import Site, writable
from data.errors import NotFound
from data.images.files import Files, frame_file
from data.live.runs import Runs, Watched
from data.live.watchdog import Watchdog
from data.reader import Reader
from data.schema import Collection, EventType, Proposal, Table, Visit
from data.scope import Scope
from data.source import Source
from data.techniques.ssx.about import about
from data.techniques.ssx.alerts import Rules
from data.techniques.ssx.merging import Target
from data.techniques.ssx.rules import rules_of
from views.techniques import ssx_numbers as numbers

ALL = Scope(everything=True)


@pytest.fixture(scope="module", params=DATABASES)
def tiny(request: pytest.FixtureRequest) -> Iterator[Facility]:
    """The tiny ISPyB of `ispyb.py` in one kind of database."""
    found = shared(request, request.param)
    yield found
    found.source.close()


def heard() -> None:
    """Nobody listens."""


def test_a_run_that_may_not_be_seen_is_as_absent_as_one_that_is_not_there(tiny: Facility) -> None:
    runs = Runs(tiny.source, Files(()))
    words = set()
    for login, number in (("nobody", 3001), ("bob", 3001), ("admin", 99999), ("admin", 1001)):
        with pytest.raises(NotFound) as refused:
            runs.watch(tiny.reader(login), number, heard)
        words.add(str(refused.value))
        with pytest.raises(NotFound):
            runs.held(tiny.reader(login), number)
    assert len(words) == 1


def test_what_ispyb_says_of_a_run_is_read_in_every_flavour(tiny: Facility) -> None:
    found = about(tiny.reader("admin"), 3001)
    assert (found.visit, found.images, found.chip, found.frames_per_second) == ("ssx3-1", 100, "Oxford", 231.25)
    assert [chain.shots for chain in found.chains] == [1, 1]
    # Only the Swedish table holds rates; elsewhere none are stated.
    assert found.stated_hits in (None, 0.3, 0.99)


def test_rows_of_ispyb_are_counted_by_the_hit_rule(tiny: Facility) -> None:
    reader = tiny.reader("admin")
    watched = Watched(reader, about(reader, 3002), [rows_of(reader, 3002)])
    while watched.turn():
        pass
    whole = watched.run.now(time.time()).whole
    assert whole.frames == 4
    assert whole.hit is not None
    assert (whole.hit.hits, whole.hit.frames) == (2, 4)
    assert whole.indexed is None


def rows_of(reader: Reader, number: int) -> object:
    from data.techniques.ssx.sources import ImageRows

    return ImageRows(reader, about(reader, number).visit_id, number)


# -- a run that is being taken


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = datetime.now().replace(microsecond=0)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = writable(f"sqlite:///{tmp_path / 'ispyb.sqlite'}")
    Table.metadata.create_all(made)
    site = Site(made)
    site.insert(Proposal, code="mx", number="3", title="Simulated")
    site.insert(Visit, proposal_id=1, number=1, beamline="SX1", start=datetime.now(), end=datetime.now())
    for number, name in enumerate(("XrayDetection", "XrayExposure", "LaserExcitation"), 1):
        site.insert(EventType, id=number, name=name)
    yield made
    made.dispose()


@pytest.fixture
def source(tmp_path: Path, engine: Engine) -> Iterator[Source]:
    made = Source(f"sqlite:///{tmp_path / 'ispyb.sqlite'}")
    yield made
    made.close()


def taken(engine: Engine, folder: Path, plan: Plan, clock: Clock, seconds: float) -> SsxRun:
    run = SsxRun(engine, 1, plan, directory=folder, clock=clock)
    run.step()
    clock.now += timedelta(seconds=seconds)
    run.step()
    return run


def watch(source: Source, folder: Path, number: int) -> Watched:
    """A run counted in the test's own thread."""
    runs = Runs(source, Files((folder,)))
    runs.close()
    found = runs.watch(Reader(source, ALL), number, heard)
    while found.turn():
        pass
    return found


def test_an_image_of_a_run_is_drawn_when_it_is_asked_for_and_shows_what_the_story_says(
    tmp_path: Path, engine: Engine
) -> None:
    run = taken(engine, tmp_path, Plan(frames=400, rate=100, seed=3, multiple=0.5), Clock(), 1)
    (plan,) = tmp_path.rglob(render.PLAN)
    with Session(engine) as session:
        template = session.scalars(select(Collection.template)).one()
    counts = {}
    for lattices in (0, 2):
        at = int(np.flatnonzero((run.story.lattices == lattices) & (run.story.hit == (lattices > 0)))[0])
        file = plan.parent / frame_file("", template, at + 1)
        assert render.make_missing(file)
        counts[lattices] = int((fabio.open(file).data > 30).sum())
    assert counts[2] > 50 + 5 * counts[0]
    assert not render.make_missing(plan.parent / frame_file("", template, 401))


def test_rates_cells_laser_and_wells_are_those_of_the_story(tmp_path: Path, engine: Engine, source: Source) -> None:
    clock = Clock()
    plan = Plan(frames=8_000, rate=1_000, chip=True, laser=True, ice=False, seed=3)
    run = taken(engine, tmp_path / "data", plan, clock, 8)
    found = watch(source, tmp_path / "data", run.collection_id)
    story, now = run.story, found.run.now(time.time())
    assert set(found.told.values()) == {8_000}
    whole = now.whole
    assert whole.hit is not None
    assert whole.indexed is not None
    assert whole.multiple is not None
    assert (whole.hit.hits, whole.hit.frames) == (int((story.spots > 16).sum()), 8_000)
    assert whole.indexed.hits == int((story.lattices > 0).sum())
    assert whole.multiple.hits == int((story.lattices > 1).sum())
    assert (now.dropped, now.repeated) == (0, 0)
    cells, _, kinds = found.run.cells()
    assert len(cells) == len(story.cells)
    assert set(kinds) == {"tP"}
    assert np.median(cells, axis=0) == pytest.approx(np.median(story.cells, axis=0), abs=1e-3)
    pump = found.run.pump()
    assert pump is not None
    assert pump.on.hit is not None
    assert pump.on.hit.hits == int((story.spots[story.pump == 1] > 16).sum())
    wells = found.run.wells()
    # Dark and light are taken at the same position.
    assert wells[:, 0].max() == 2
    assert wells[:, 1].sum() == whole.hit.hits
    assert found.run.mapped


def test_a_watched_run_goes_on_as_frames_come_and_ends(tmp_path: Path, engine: Engine, source: Source) -> None:
    clock = Clock()
    run = taken(engine, tmp_path / "data", Plan(frames=1_000, rate=100, seed=1), clock, 4)
    found = watch(source, tmp_path / "data", run.collection_id)
    assert found.run.now(time.time()).whole.frames == 400
    version = found.version
    assert not found.turn()
    assert found.version == version
    clock.now += timedelta(seconds=6)
    run.step()
    found.turn(time.time() + 10)
    assert found.run.now(time.time()).whole.frames == 1_000
    assert found.version > version
    assert found.about.end is not None


def test_a_stream_that_vanishes_is_said_and_the_rows_go_on(tmp_path: Path, engine: Engine, source: Source) -> None:
    clock = Clock()
    run = taken(engine, tmp_path / "data", Plan(frames=1_000, rate=100, seed=1), clock, 4)
    found = watch(source, tmp_path / "data", run.collection_id)
    (stream,) = (tmp_path / "data").rglob("*.stream")
    stream.rename(stream.with_suffix(".gone"))
    found.turn()
    assert [text.endswith("is no longer on disk.") for text in found.troubles.values()] == [True]
    head = numbers.head(found, time.time(), Target())
    assert str(tmp_path) not in str(head["troubles"])
    stream.with_suffix(".gone").rename(stream)
    found.turn()
    assert found.troubles == {}


def test_a_run_that_nobody_watches_is_forgotten(tmp_path: Path, engine: Engine, source: Source) -> None:
    run = taken(engine, tmp_path / "data", Plan(frames=100, rate=100), Clock(), 1)
    runs = Runs(source, Files((tmp_path,)), seconds=0.05)
    reader = Reader(source, ALL)
    first, second = (lambda: None), (lambda: None)
    one = runs.watch(reader, run.collection_id, first)
    assert runs.watch(reader, run.collection_id, second) is one
    runs.leave(run.collection_id, first)
    assert runs.held(reader, run.collection_id) is one
    runs.leave(run.collection_id, second)
    assert runs.held(reader, run.collection_id) is None
    runs.close()


# -- what the board is told


def test_a_tick_of_a_second_at_a_thousand_frames_is_at_most_two_kilobytes(
    tmp_path: Path, engine: Engine, source: Source
) -> None:
    from views.parts.part import to_json

    clock = Clock()
    run = taken(engine, tmp_path / "data", Plan(frames=3_000, rate=1_000, seed=2), clock, 2)
    found = watch(source, tmp_path / "data", run.collection_id)
    version, width = found.run.timeline.version, numbers.line(found.run)["width"]
    clock.now += timedelta(seconds=1)
    run.step()
    found.turn()
    head = numbers.head(found, time.time(), Target(1.8, None, 0.95, 10))
    more = numbers.line_since(found.run, version, width)
    assert more is not None
    assert len(to_json({"head": head, "more": more})) <= 2_000


def test_the_brush_chooses_cells_and_keeps_the_edges(tmp_path: Path, engine: Engine, source: Source) -> None:
    run = taken(engine, tmp_path / "data", Plan(frames=2_000, rate=1_000, seed=2), Clock(), 2)
    found = watch(source, tmp_path / "data", run.collection_id)
    whole = numbers.cells(found.run)
    part = numbers.cells(found.run, ("a", 79.1, 79.3))
    assert whole is not None
    assert part is not None
    assert 0 < part["chosen"] < whole["chosen"]
    assert [axis["low"] for axis in part["axes"]] == [axis["low"] for axis in whole["axes"]]
    assert numbers.cells(found.run, ("nonsense", 0, 1)) == whole


def test_a_failing_jet_raises_one_alert_with_its_cause(tmp_path: Path, engine: Engine, source: Source) -> None:
    clock = Clock()
    run = SsxRun(engine, 1, Plan(frames=60_000, rate=1_000, seed=5, ice=False), directory=None, clock=clock)
    run.step()
    found = watch(source, tmp_path, run.collection_id)
    dog, said = Watchdog(Rules()), []
    now = time.time()
    for second in range(1, 36):
        clock.now += timedelta(seconds=1)
        run.step()
        found.turn(now + second)
        said += [alert for alert in dog.look(found, now + second) if alert.kind == "rate"]
    assert len(said) == 1
    assert "fallen" in said[0].text
    # It stops at 27 s.
    assert 27 <= said[0].time - now <= 31


def test_a_stalled_run_is_told_once_and_again_only_after_the_hold_off(
    tmp_path: Path, engine: Engine, source: Source
) -> None:
    run = taken(engine, tmp_path / "data", Plan(frames=10_000, rate=100), Clock(), 2)
    found = watch(source, tmp_path / "data", run.collection_id)
    dog = Watchdog(Rules(stalled=5))
    dog.look(found, time.time())
    newest = found.run.now(0).newest or 0
    assert [a.kind for a in dog.look(found, newest + 6)] == ["stalled"]
    assert dog.look(found, newest + 20) == []
    assert [a.kind for a in dog.look(found, newest + 80)] == ["stalled"]


@pytest.mark.parametrize(
    ("text", "stalled"), [("", 10.0), ("0.5,20", 20.0), ("0.5,", None), ("x,1e99,", 3600.0), ("0.5,nan", None)]
)
def test_rules_that_a_stranger_sends_stay_within_bounds(text: str, stalled: float | None) -> None:
    assert rules_of(text).stalled == stalled


def test_the_images_so_far_are_offered_as_one_and_of_a_long_run_the_newest() -> None:
    assert numbers.together(1, None) == numbers.together(1, 1) == []
    (most, image, look), (total, *_) = numbers.together(1, 120)
    assert (most, total, image) == ("Maximum of all 120 images", "Sum of all 120 images", 1)
    assert dict(look) == {"how": "max", "over": "120"}
    (most, image, look), _ = numbers.together(1, 1_000_000)
    assert (image, dict(look)["over"]) == (990_001, "10000")
    assert most.startswith("Maximum of the newest 10")
