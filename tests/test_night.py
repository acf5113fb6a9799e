"""The watch that goes on while nobody looks: each thing told once, to whom it concerns, through restarts."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine, delete
from sqlalchemy.exc import OperationalError

from app.access import Access
from app.alarms import BrowserAlarms
from app.night import Night
from auth.alerts import Happened
from auth.identity import Identity
from auth.store import Store
from data import schema as s
from data.demo.serial import Plan, SsxRun
from data.demo.site import Site, writable
from data.errors import NotFound
from data.images.files import Files
from data.live.runs import Runs, Watched
from data.live.shared import Shared
from data.live.watchdog import facts_of
from data.scope import Rights
from data.source import Source
from data.techniques.ssx.about import about
from data.techniques.ssx.alerts import Facts, Rules
from data.techniques.ssx.merging import Target
from data.techniques.ssx.rules import kept

ALICE, BOB, STRANGER = "1", "2", "3"
NAMES = {ALICE: "alice", BOB: "bob", STRANGER: "stranger"}
RULES = "alerts ssx-jet SX1"
JET_STOPS = 27  # s from the beginning, of a run of 60 s
FAILING = Plan(frames=15_000, rate=250, seed=5, clump=20, ice=False)


class Clock:
    """One clock for the beamline and all servers."""

    def __init__(self) -> None:
        self.began = self.now = datetime.now().replace(microsecond=0)

    def __call__(self) -> datetime:
        return self.now

    def time(self) -> float:
        return self.now.timestamp()

    @property
    def second(self) -> float:
        return (self.now - self.began).total_seconds()


@dataclass
class Process:
    """One process of the server."""

    source: Source
    store: Store
    access: Access
    runs: Runs
    shared: Shared
    night: Night

    def turn(self, now: float) -> None:
        """What its threads do in a second."""
        self.night.turn()
        for watched in list(self.runs._watched.values()):
            while watched.turn(now):
                pass
        self.night.turn()


class World:
    """A beamline that takes runs, and the processes that watch."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self.folder, self.engine, self.clock = folder, engine, Clock()
        self.taking: list[SsxRun] = []
        self.processes: list[Process] = []

    def begin(self, plan: Plan = FAILING, visit: int = 1) -> SsxRun:
        run = SsxRun(self.engine, visit, plan, directory=self.folder / "data", clock=self.clock)
        run.step()
        self.taking.append(run)
        return run

    def process(self) -> Process:
        source = Source(f"sqlite:///{self.folder / 'ispyb.sqlite'}")
        store = Store(f"sqlite:///{self.folder / 'lens.sqlite'}", clock=self.clock.time)
        access = Access(source, Rights(), clock=self.clock.time)
        runs = Runs(source, Files((self.folder,)))
        runs.close()  # counted in the test's own thread
        shared = Shared(right_seconds=-1)
        night = Night(store, access, runs, shared, clock=self.clock.time)
        self.processes.append(Process(source, store, access, runs, shared, night))
        return self.processes[-1]

    def after(self, seconds: int, *processes: Process) -> None:
        """Time goes by; these processes live, or all."""
        for _ in range(seconds):
            self.clock.now += timedelta(seconds=1)
            for run in self.taking:
                run.step()
            for one in processes or self.processes:
                one.turn(self.clock.time())

    def wish(self, person: str, place: str, target: str = "") -> None:
        self.processes[0].store.alerts.ask(person, place, identity(person), target, 7 * 86400)

    def rule(self, person: str, rules: Rules) -> None:
        self.processes[0].store.preferences.keep(person, RULES, kept(rules))

    def told(self, person: str, kind: str = "") -> list[Any]:
        """What the person was told, the oldest first."""
        found = [one.what for one in self.processes[0].store.alerts.told(person)][::-1]
        return [one for one in found if not kind or one.kind == kind]

    def close(self) -> None:
        for one in self.processes:
            one.night.close()
            one.source.close()
            one.store.close()


def identity(person: str) -> Identity:
    return Identity("accounts", NAMES[person], NAMES[person], NAMES[person])


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    engine = writable(f"sqlite:///{tmp_path / 'ispyb.sqlite'}")
    s.Table.metadata.create_all(engine)
    site = Site(engine)
    now = datetime.now()
    for login in NAMES.values():
        site.insert(s.Person, login=login)
    site.insert(s.Proposal, code="mx", number="3")
    for number, beamline in ((1, "SX1"), (2, "SX2")):
        site.insert(
            s.Visit,
            proposal_id=1,
            number=number,
            beamline=beamline,
            start=now - timedelta(hours=1),
            end=now + timedelta(days=1),
        )
        for person in (1, 2):
            site.insert(s.VisitHasPerson, visit_id=number, person_id=person)
    for number, name in enumerate(("XrayDetection", "XrayExposure", "LaserExcitation"), 1):
        site.insert(s.EventType, id=number, name=name)
    made = World(tmp_path, engine)
    yield made
    made.close()
    engine.dispose()


def test_where_nobody_asks_no_run_is_followed_and_ispyb_is_not_asked(world: World) -> None:
    one = world.process()
    world.begin()
    before = one.source.statements
    world.after(5)
    assert one.night.following == []
    assert one.source.statements == before


def test_who_is_away_finds_the_jet_that_stopped_with_numbers_time_and_frames(world: World) -> None:
    one = world.process()
    run = world.begin()
    world.wish(ALICE, f"run {run.collection_id}")
    world.after(36)
    (alert,) = world.told(ALICE, "rate")
    assert alert.text.startswith("The hit rate has fallen from 2")
    assert JET_STOPS <= alert.time - world.clock.began.timestamp() <= JET_STOPS + 4
    assert alert.first < alert.last <= 250 * world.clock.second
    assert not run.story.hit[alert.first : alert.last].all()
    assert world.told(BOB) == [], "who asked for nothing is told nothing"
    assert one.night.following == [run.collection_id]


def test_two_processes_tell_a_thing_once(world: World) -> None:
    one, two = world.process(), world.process()
    run = world.begin()
    world.wish(ALICE, f"run {run.collection_id}")
    world.wish(BOB, "visit 1")
    world.after(36)
    assert len(world.told(ALICE, "rate")) == len(world.told(BOB, "rate")) == 1
    assert (one.night.following, two.night.following) == ([run.collection_id], [])


def test_what_happens_while_a_server_is_down_is_told_by_the_next_one_and_nothing_twice(world: World) -> None:
    one = world.process()
    run = world.begin(replace(FAILING, frames=100_000))  # the jet stops at 180 s and is back at 208 s
    world.wish(ALICE, f"run {run.collection_id}")
    world.clock.now += timedelta(seconds=140)
    world.after(38, one)
    two = world.process()
    world.after(20, two)  # the first one was killed: its turn has not run out
    assert two.night.following == []
    world.after(16, two)
    assert two.night.following == [run.collection_id]
    (alert,) = (each for each in world.told(ALICE, "rate") if "fallen" in each.text)
    assert alert.text.startswith("The hit rate has fallen from 2"), "the usual rate was not forgotten"


def test_a_server_that_ends_in_peace_leaves_its_runs_to_the_others_at_once(world: World) -> None:
    one, two = world.process(), world.process()
    run = world.begin()
    world.wish(ALICE, f"run {run.collection_id}")
    world.after(3)
    one.night.close()
    world.after(4, two)
    assert two.night.following == [run.collection_id]


def test_a_process_that_slept_and_lost_its_turn_tells_nothing(world: World) -> None:
    one, two = world.process(), world.process()
    run = world.begin()
    world.wish(ALICE, f"run {run.collection_id}")
    world.after(20, one)
    world.after(JET_STOPS + 33 - 20, two)  # it took its turn 30 s after the first fell asleep
    assert two.night.following == [run.collection_id]
    before = world.told(ALICE)
    one.turn(world.clock.time())
    assert one.night.following == []
    assert world.told(ALICE) == before


def test_what_cannot_be_kept_is_told_as_soon_as_it_can(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    one = world.process()
    run = world.begin()
    world.wish(ALICE, f"run {run.collection_id}")
    world.after(JET_STOPS - 1)

    def full(*_: object, **__: object) -> bool:
        raise OperationalError("INSERT", {}, Exception("the disk is full"))

    with monkeypatch.context() as patch:
        patch.setattr(one.store.alerts, "keep", full)
        failed = 0
        for _ in range(6):
            try:
                world.after(1)
            except OperationalError:
                failed += 1
    assert failed >= 2
    assert world.told(ALICE) == []
    world.after(2)
    assert len(world.told(ALICE, "rate")) == 1


def test_who_lost_the_right_is_told_nothing_more_and_no_longer_shown_what_was_told(world: World) -> None:
    one = world.process()
    run = world.begin(replace(FAILING, frames=2_500, rate=250))  # stopped before its end
    world.taking.clear()
    clock = world.clock
    for person in (ALICE, BOB, STRANGER):
        world.wish(person, f"run {run.collection_id}")
        world.rule(person, Rules(stalled=3, hold_off=5))
    for _ in range(4):
        clock.now += timedelta(seconds=1)
        run.step()
        one.turn(clock.time())
    world.after(6)
    assert world.told(ALICE)
    assert world.told(BOB)
    assert world.told(STRANGER) == []
    shared: Any = SimpleNamespace(access=one.access, store=one.store, shared=one.shared, night=one.night)
    page = BrowserAlarms(shared, identity(BOB))
    assert page.told(one.access.reader(identity(BOB)))
    with world.engine.begin() as connection:
        connection.execute(delete(s.VisitHasPerson).where(s.VisitHasPerson.person_id == 2))
    world.after(60)
    count = {person: len(world.told(person)) for person in (ALICE, BOB)}
    world.after(120)
    assert len(world.told(BOB)) == count[BOB]
    assert len(world.told(ALICE)) > count[ALICE]
    assert page.told(one.access.reader(identity(BOB))) == []


def test_every_run_of_a_visit_or_a_beamline_is_watched_from_its_beginning_to_after_its_end(world: World) -> None:
    one = world.process()
    world.wish(ALICE, "visit 1")
    world.wish(BOB, "beamline SX2")
    world.after(2)
    assert one.night.following == []
    first, second = world.begin(replace(FAILING, frames=20_000)), world.begin(replace(FAILING, frames=20_000), 2)
    world.after(15)
    assert one.night.following == [first.collection_id, second.collection_id]
    assert list(one.night._followed[first.collection_id].people) == [ALICE]
    assert list(one.night._followed[second.collection_id].people) == [BOB]
    world.taking = [first, second]
    while not first.finished:
        world.after(1)
    world.taking.clear()
    world.after(100)
    assert one.night.following, "late results are news"
    world.after(40)
    assert one.night.following == []
    third = world.begin()
    world.after(12)
    assert one.night.following == [third.collection_id]


def test_the_wish_for_one_run_ends_with_it(world: World) -> None:
    one = world.process()
    run = world.begin(replace(FAILING, frames=1_000))
    world.wish(ALICE, f"run {run.collection_id}")
    world.after(6)
    world.taking.clear()
    world.after(140)
    assert one.night.following == []
    assert one.store.alerts.wishes() == []


def test_a_page_is_watched_for_while_it_says_that_it_is_open(world: World) -> None:
    one = world.process()
    run = world.begin(replace(FAILING, rate=10))
    one.store.alerts.ask(ALICE, f"open {run.collection_id} a1", identity(ALICE), "", 90)
    world.after(4)
    assert one.night.following == [run.collection_id]
    world.after(95)
    assert one.night.following == []


def test_a_run_that_cannot_be_looked_at_holds_up_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.process()
    first, second = world.begin(visit=2), world.begin()

    def facts(watched: Watched, now: float, target: Target) -> Facts:
        if watched.about.collection_id == first.collection_id:
            raise RuntimeError("planted")
        return facts_of(watched, now, target)

    monkeypatch.setattr("app.night.facts_of", facts)
    for run in (first, second):
        world.wish(ALICE, f"run {run.collection_id}")
    world.rule(ALICE, Rules(stalled=3))
    world.after(4)
    world.taking.clear()
    world.after(6)
    assert {one.subject for one in world.told(ALICE, "stalled")} == {second.collection_id}


def test_each_kind_of_alert_is_kept_with_its_cause(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def facts(watched: Watched, now: float, target: Target) -> Facts:
        """With what the simulated beamline does not do: its cells stay and its detector is never too bright."""
        found = facts_of(watched, now, target)
        late = world.clock.second > 50
        volume = found.volume * 1.05 if late and found.volume else found.volume
        return replace(found, volume=volume, saturation=0.2 if late else 0.0, saturation_frame=found.last)

    monkeypatch.setattr("app.night.facts_of", facts)
    world.process()
    run = world.begin(replace(FAILING, ice=True))
    world.wish(ALICE, f"run {run.collection_id}", "1.8,,,10")
    world.rule(ALICE, Rules(stalled=5, ice=0.1, hold_off=30))
    world.after(58)
    world.taking.clear()
    world.after(8)
    found = {one.kind: one for one in world.told(ALICE)}
    assert set(found) == {"rate", "stalled", "ice", "saturation", "cell", "target"}
    assert found["stalled"].text == "No frame for 5 s."
    assert found["stalled"].last == run.done
    assert found["cell"].text.startswith("The mean cell volume has changed by +5.")
    assert found["target"].text.startswith("The target is met: multiplicity, with ")
    assert run.story.ice[found["ice"].last - 1]


def test_only_the_one_concerned_hears_the_bell_and_again_when_another_page_says_seen(world: World) -> None:
    one, two = world.process(), world.process()
    heard: list[str] = []
    one.night.bells.hang(ALICE, lambda: heard.append("alice"))
    two.night.bells.hang(ALICE, lambda: heard.append("alice elsewhere"))
    two.night.bells.hang(BOB, lambda: heard.append("bob"))
    run = world.begin()
    world.wish(ALICE, f"run {run.collection_id}")
    world.after(36)
    assert sorted(heard) == ["alice", "alice elsewhere"]
    one.store.alerts.saw(ALICE)
    heard.clear()
    world.after(1)
    assert sorted(heard) == ["alice", "alice elsewhere"]


def test_what_is_told_before_the_first_look_at_who_is_there_is_news_too(world: World) -> None:
    one = world.process()
    heard: list[str] = []
    told = Happened(ALICE, 12, 1, "stalled", world.clock.time(), "No frame came", None, None)
    assert not one.night.bells.hang(ALICE, lambda: heard.append("alice"))
    one.store.alerts.take(12, "another process", 30)
    one.store.alerts.keep(12, "another process", 30, "", [told])
    one.night.bells.ring()
    one.night.bells.ring()
    assert heard == ["alice"]
    assert one.night.bells.hang(ALICE, lambda: heard.append("a second page"))


def test_a_browser_wishes_only_for_places_of_the_run_that_it_sees(world: World) -> None:
    one = world.process()
    run = world.begin()
    shared: Any = SimpleNamespace(access=one.access, store=one.store, shared=one.shared, night=one.night)
    page, reader = BrowserAlarms(shared, identity(ALICE)), one.access.reader(identity(ALICE))
    what = about(reader, run.collection_id)
    with pytest.raises(NotFound):
        page.wish(what, "facility", True, "")
    page.wish(what, "visit", True, "1.8,,,10")
    page.wish(what, "beamline", True, "")
    assert sorted(page.wishes(what)) == ["beamline", "visit"]
    page.wish(what, "visit", False, "")
    assert [wish.place for wish in one.store.alerts.wishes(ALICE)] == ["beamline SX1"]
