"""What makes a version move, and what does not."""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import URL, Engine, create_engine, insert, make_url, update
from sqlalchemy.orm import DeclarativeBase

from data import schema as s
from data.errors import Unavailable
from data.live.feed import Feed
from data.live.poller import Poller
from data.query import Query
from data.source import Source

VISIT, OTHER = 11, 12


class Facility:
    """A database with two visits, and what happens at them."""

    def __init__(self, url: URL) -> None:
        self.url = url
        self._engine: Engine = create_engine(url)
        if url.get_backend_name() == "sqlite":
            s.Table.metadata.create_all(self._engine)
        self._next = 100
        self.add(s.Person, person_id=1, login="pi")
        self.add(s.Proposal, proposal_id=1, person_id=1, code="mx", number="1")
        for visit in (VISIT, OTHER):
            self.add(s.Visit, visit_id=visit, proposal_id=1, number=visit)

    def close(self) -> None:
        self._engine.dispose()

    def add(self, mapped: type[DeclarativeBase], **values: Any) -> None:
        with self._engine.begin() as connection:
            connection.execute(insert(mapped).values(values))

    def change(self, mapped: type[DeclarativeBase], key: Any, **values: Any) -> None:
        with self._engine.begin() as connection:
            connection.execute(update(mapped).where(key).values(values))

    def collection(self, visit: int = VISIT, **values: Any) -> int:
        self._next += 1
        self.add(s.Group, group_id=self._next, visit_id=visit)
        self.add(s.Collection, collection_id=self._next, group_id=self._next, **values)
        return self._next

    def program(self, collection: int, status: str | None = None) -> int:
        self._next += 1
        self.add(s.Job, job_id=self._next, collection_id=collection)
        self.add(s.Program, program_id=self._next, job_id=self._next, status=status)
        return self._next


class Watched(Source):
    """A source that notes who asks, and can be away."""

    away = False
    asked = 0

    def run(self, query: Query, parameters: dict[str, Any] | None = None) -> Sequence[Any]:
        self.asked += 1
        if self.away:
            raise Unavailable
        return super().run(query, parameters)


@pytest.fixture(params=["sqlite", "mariadb"])
def facility(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Facility]:
    url = make_url(f"sqlite:///{tmp_path / 'ispyb.db'}")
    if request.param == "mariadb":
        url = request.getfixturevalue("diamond_scratch_url")
    facility = Facility(url)
    yield facility
    facility.close()


@pytest.fixture
def source(facility: Facility) -> Iterator[Watched]:
    source = Watched(facility.url.render_as_string(hide_password=False))
    yield source
    source.close()


@pytest.fixture
def feed() -> Feed:
    return Feed()


@pytest.fixture
def poller(source: Watched, feed: Feed) -> Iterator[Poller]:
    poller = Poller(source, feed, seconds=0.02, together=0)
    yield poller
    poller.close()


@pytest.fixture
def moved(feed: Feed, poller: Poller) -> Callable[[], set[int | None]]:
    """Looks once and says which watched visits moved since the last time."""
    known: dict[int | None, int] = {}

    def look() -> set[int | None]:
        poller.look()
        now = {visit: feed.version(visit) for visit in feed.watched}
        found = {visit for visit, version in now.items() if known.get(visit) != version}
        known.clear()
        known.update(now)
        return found

    return look


Moved = Callable[[], set[int | None]]


def test_a_new_collection_moves_its_own_visit_only(facility: Facility, feed: Feed, moved: Moved) -> None:
    with feed.watch(VISIT), feed.watch(OTHER):
        assert moved() == {VISIT, OTHER}
        facility.collection(VISIT)
        assert moved() == {VISIT}
        facility.collection(OTHER)
        assert moved() == {OTHER}


def test_where_nothing_happens_no_version_moves(facility: Facility, feed: Feed, moved: Moved) -> None:
    facility.program(facility.collection(images=10), "1")
    with feed.watch(VISIT):
        assert moved() == {VISIT}
        assert [moved(), moved(), moved()] == [set(), set(), set()]


def test_a_visit_that_nobody_watches_stays_at_nothing(facility: Facility, feed: Feed, moved: Moved) -> None:
    with feed.watch(OTHER):
        moved()
        facility.collection(VISIT)
        assert moved() == set()
        assert feed.version(VISIT) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"comments": "no diffraction"},
        {"end": datetime(2026, 3, 1, 12, 0, 5)},
        {"status": "DataCollection Successful"},
        {"images": 3600},
        {"snapshot_1": "/dls/i03/data/2026/mx1-1/jpegs/a.png"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_change_in_place_of_a_recent_collection_moves_its_visit(
    facility: Facility, feed: Feed, moved: Moved, change: dict[str, Any]
) -> None:
    collection = facility.collection(comments="ok diffraction", status="started")
    facility.collection()
    with feed.watch(VISIT), feed.watch(OTHER):
        moved()
        facility.change(s.Collection, s.Collection.collection_id == collection, **change)
        assert moved() == {VISIT}
        assert moved() == set()


def test_the_collections_that_changed_are_named_and_no_others(facility: Facility, feed: Feed, moved: Moved) -> None:
    first, second, third = (facility.collection(images=10) for _ in range(3))
    with feed.watch(VISIT) as watch:
        moved()
        assert watch.changed(0) is None, "what was before is not known"
        since = watch.version
        facility.change(s.Collection, s.Collection.collection_id == second, comments="ice")
        moved()
        assert watch.changed(since) == {second}
        facility.program(third, "1")
        moved()
        facility.add(s.ImageQuality, collection_id=first, image=1, spots=7)
        moved()
        assert watch.changed(since) == {first, second, third}
        assert watch.changed(watch.version) == frozenset()
        steps = watch.steps(since)
        assert steps is not None
        assert list(steps.values()) == [{second}, {third}, {first}]
        assert list(steps) == sorted(steps)
        assert watch.steps(watch.version) == {}


def test_a_collection_that_begins_is_told_with_its_row(facility: Facility, feed: Feed, moved: Moved) -> None:
    facility.collection()
    with feed.watch(VISIT) as watch:
        moved(), moved()
        since, version = watch.begun, watch.version
        number = facility.collection(prefix="lys", images=7, start=datetime(2026, 3, 1, 12))
        moved()
        (one,) = watch.started(since)
        assert (one.technique, one.row["id"], one.row["prefix"], one.row["images"]) == ("mx", number, "lys", 7)
        assert one.row["start"] == datetime(2026, 3, 1, 12)
        assert watch.changed(version) == {number}
        moved()
        assert watch.started(watch.begun) == [], "it is told once"


def test_of_a_collection_with_a_number_far_below_the_highest_nothing_is_known(
    facility: Facility, feed: Feed, moved: Moved
) -> None:
    facility.add(s.Group, group_id=5000, visit_id=OTHER)
    facility.add(s.Collection, collection_id=5000, group_id=5000)
    facility.collection()
    with feed.watch(VISIT) as watch:
        moved(), moved()
        since = watch.version
        facility.collection()
        assert moved() == {VISIT}
        assert watch.changed(since) is None


def test_changes_in_close_succession_are_told_together_and_beginnings_at_once(
    facility: Facility, source: Watched, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = [100.0]
    monkeypatch.setattr("data.live.poller.time", SimpleNamespace(monotonic=lambda: moment[0]))
    collection = facility.collection(comments="")
    poller = Poller(source, feed, seconds=0.02, together=3)
    with feed.watch(VISIT) as watch:
        poller.look()
        poller.look()
        version, begun = watch.version, watch.begun
        for turn in range(3):
            facility.change(s.Collection, s.Collection.collection_id == collection, comments=f"comment {turn}")
            poller.look()
        begins = facility.collection()
        poller.look()
        assert watch.version == version
        assert [one.row["id"] for one in watch.started(begun)] == [begins]
        moment[0] += 3
        poller.look()
        assert watch.changed(version) == {collection, begins}
        facility.change(s.Collection, s.Collection.collection_id == collection, comments="the first after a while")
        moment[0] += 3
        version = watch.version
        poller.look()
        assert watch.changed(version) == {collection}
    poller.close()


def test_two_comments_changed_into_each_other_are_noticed(facility: Facility, feed: Feed, moved: Moved) -> None:
    one, two = facility.collection(comments="good"), facility.collection(comments="weak")
    with feed.watch(VISIT):
        moved()
        facility.change(s.Collection, s.Collection.collection_id == one, comments="weak")
        facility.change(s.Collection, s.Collection.collection_id == two, comments="good")
        assert moved() == {VISIT}


def test_a_program_that_begins_and_one_that_ends_move_the_visit(facility: Facility, feed: Feed, moved: Moved) -> None:
    collection = facility.collection()
    with feed.watch(VISIT), feed.watch(OTHER):
        moved()
        program = facility.program(collection)
        assert moved() == {VISIT}
        facility.change(s.Program, s.Program.program_id == program, status="1")
        assert moved() == {VISIT}
        facility.add(s.Integration, integration_id=5, collection_id=collection, program_id=program)
        assert moved() == {VISIT}
        assert moved() == set()


def test_per_image_numbers_move_the_visit_though_they_come_out_of_order(
    facility: Facility, feed: Feed, moved: Moved
) -> None:
    collection = facility.collection(images=100)
    with feed.watch(VISIT):
        moved()
        for image in (1, 50, 3):
            facility.add(s.ImageQuality, collection_id=collection, image=image, spots=7)
            assert moved() == {VISIT}, image


def test_movies_and_what_is_made_of_them_move_the_visit(facility: Facility, feed: Feed, moved: Moved) -> None:
    collection = facility.collection()
    with feed.watch(VISIT), feed.watch(OTHER):
        moved()
        facility.add(s.Movie, movie_id=1, collection_id=collection)
        assert moved() == {VISIT}
        facility.add(s.MotionCorrection, motion_id=1, movie_id=1)
        assert moved() == {VISIT}
        facility.add(s.CTF, ctf_id=1, motion_id=1)
        assert moved() == {VISIT}


def test_new_processing_of_an_old_collection_moves_the_visit(facility: Facility, feed: Feed, moved: Moved) -> None:
    old = facility.collection()
    for _ in range(230):
        facility.collection()
    with feed.watch(VISIT):
        moved()
        facility.program(old)
        assert moved() == {VISIT}


def test_a_collection_committed_after_one_with_a_higher_number_is_noticed(
    facility: Facility, feed: Feed, moved: Moved
) -> None:
    for _ in range(3):
        facility.collection(OTHER)
    facility.add(s.Group, group_id=50, visit_id=VISIT)
    with feed.watch(VISIT):
        moved(), moved()
        facility.collection(OTHER)
        assert moved() == set()
        facility.add(s.Collection, collection_id=50, group_id=50)
        assert moved() == {VISIT}


def test_every_visit_hears_of_arrivals_at_once_and_of_changes_in_turn(
    facility: Facility, feed: Feed, moved: Moved
) -> None:
    visits = range(1000, 1030)
    for visit in visits:
        facility.add(s.Visit, visit_id=visit, proposal_id=1, number=visit)
    collections = {visit: facility.collection(visit) for visit in visits}
    watches = [feed.watch(visit) for visit in visits]
    for _ in range(5):
        moved()
    assert moved() == set()
    facility.collection(1029)
    assert 1029 in moved()
    for _ in range(4):
        moved()
    facility.change(s.Collection, s.Collection.collection_id == collections[1003], comments="ice")
    heard = set().union(*(moved() for _ in range(4)))
    assert heard == {1003}
    for watch in watches:
        watch.close()


def test_one_statement_serves_fifty_watchers_and_fifty_visits(
    facility: Facility, source: Watched, feed: Feed, poller: Poller
) -> None:
    watches = [feed.watch(VISIT)]
    poller.look()
    assert source.asked == 1
    watches += [feed.watch(VISIT) for _ in range(49)]
    poller.look()
    assert source.asked == 2
    watches += [feed.watch(1000 + number) for number in range(50)]
    poller.look()
    assert source.asked == 3
    assert feed.watched == {VISIT, *range(1000, 1050)}
    for watch in watches:
        watch.close()
    assert feed.watched == frozenset()


def test_the_facility_as_a_whole_can_be_watched(facility: Facility, feed: Feed, moved: Moved) -> None:
    with feed.watch(None):
        assert moved() == {None}
        assert moved() == set()


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)


def test_the_thread_lives_while_something_is_watched_and_asks_nothing_before_or_after(
    facility: Facility, source: Watched, feed: Feed, poller: Poller
) -> None:
    poller.start()
    assert not poller.running
    with feed.watch(VISIT) as watch:
        until(lambda: source.asked >= 2)
        before = watch.version
        facility.collection()
        until(lambda: watch.version > before)
    until(lambda: not poller.running)
    asked = source.asked
    time.sleep(0.1)
    assert source.asked == asked
    with feed.watch(VISIT):
        until(lambda: source.asked > asked)


def test_a_database_that_goes_away_is_waited_for_and_its_return_moves_every_visit(
    facility: Facility, source: Watched, feed: Feed, poller: Poller
) -> None:
    poller.start()
    with feed.watch(VISIT) as watch:
        until(lambda: source.asked >= 2)
        assert feed.state == "live"
        source.away = True
        until(lambda: feed.state == "waiting")
        before = watch.version
        source.away = False
        until(lambda: feed.state == "live")
        until(lambda: watch.version > before)
        before = watch.version
        facility.collection()
        until(lambda: watch.version > before)


def test_a_database_that_is_down_at_the_start_is_waited_for(tmp_path: Path, feed: Feed) -> None:
    (tmp_path / "made").mkdir()
    Facility(make_url(f"sqlite:///{tmp_path / 'made' / 'ispyb.db'}")).close()
    source = Source(f"sqlite:///{tmp_path / 'there' / 'ispyb.db'}")
    with Poller(source, feed, seconds=0.02), feed.watch(VISIT) as watch:
        until(lambda: feed.state == "waiting")
        before = watch.version
        (tmp_path / "made").rename(tmp_path / "there")
        until(lambda: feed.state == "live" and watch.version > before)
    source.close()


def test_an_error_that_nobody_foresaw_does_not_end_the_thread(
    source: Watched, feed: Feed, poller: Poller, monkeypatch: pytest.MonkeyPatch
) -> None:
    poller.start()
    with feed.watch(VISIT):
        monkeypatch.setattr("data.live.poller.marks", lambda rows: 1 / 0)
        until(lambda: feed.state == "waiting")
        monkeypatch.undo()
        until(lambda: feed.state == "live")
        assert poller.running


def test_closing_ends_the_thread_and_a_later_watcher_starts_none(source: Watched, feed: Feed, poller: Poller) -> None:
    poller.start()
    with feed.watch(VISIT):
        until(lambda: source.asked >= 1)
        poller.close()
        assert not poller.running
    with feed.watch(OTHER):
        assert not poller.running
