"""What the dashboard's own database keeps of alerts: on SQLite and on a server, for several processes, bounded."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from servers.mariadb import Server

from auth import alerts as module
from auth.alerts import Happened
from auth.identity import Identity
from auth.store import Store

ALICE = Identity("accounts", "alice", "alice", "Alice Adams", ("a", "b"))
DAY = 86400.0


class Clock:
    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sqlite", "mariadb"])
def stores(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[tuple[Store, Store]]:
    """Those of two processes."""
    server: Server | None = None
    name = f"alerts_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    url = f"sqlite:///{tmp_path / 'lens.sqlite'}"
    if request.param == "mariadb":
        server = request.getfixturevalue("mariadb")
        server.run(f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name}")
        url = server.url(name)
    both = Store(url, clock=clock), Store(url, clock=clock)
    yield both
    for store in both:
        store.close()
    if server is not None:
        server.run(f"DROP DATABASE {name}")


def happened(person: str = "7", text: str = "No frame for 10 s.", run: int = 12) -> Happened:
    return Happened(person, run, 4, "stalled", Clock.now, text, 5, 77)


def test_a_wish_is_known_to_all_processes_with_whose_it_is_until_it_runs_out(
    stores: tuple[Store, Store], clock: Clock
) -> None:
    one, two = stores
    one.alerts.ask("7", "run 12", ALICE, "1.8,,,10", 60)
    one.alerts.ask("8", "visit 4", ALICE, "", 600)
    clock.now += 1
    one.alerts.ask("7", "run 12", ALICE, "2.0", 60)
    first, _ = two.alerts.wishes()
    assert (first.person, first.place, first.identity, first.detail) == ("7", "run 12", ALICE, "2.0")
    assert [wish.place for wish in two.alerts.wishes("8")] == ["visit 4"]
    clock.now += 61
    assert [wish.place for wish in two.alerts.wishes()] == ["visit 4"]
    two.alerts.cease("8", "visit 4")
    assert one.alerts.wishes() == []


def test_one_process_has_its_turn_until_it_gives_it_back_or_falls_silent(
    stores: tuple[Store, Store], clock: Clock
) -> None:
    one, two = stores
    assert one.alerts.take(12, "one", 30) == ""
    assert two.alerts.take(12, "two", 30) is None
    assert one.alerts.keep(12, "one", 30, "what is known")
    assert not two.alerts.keep(12, "two", 30, "nonsense")
    clock.now += 29
    assert two.alerts.take(12, "two", 30) is None
    assert two.alerts.abandoned() == {}
    clock.now += 2
    assert two.alerts.abandoned() == {12: "what is known"}
    assert two.alerts.take(12, "two", 30) == "what is known"
    assert not one.alerts.keep(12, "one", 30, "late", [happened()])
    assert one.alerts.told("7") == [], "who lost the turn tells nothing"
    two.alerts.give_back(12, "two")
    assert one.alerts.take(12, "one", 30) == "what is known"
    one.alerts.give_back(12, "one", done=True)
    assert two.alerts.take(12, "two", 30) == ""


def test_of_many_that_reach_for_a_turn_at_once_one_has_it(stores: tuple[Store, Store]) -> None:
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda k: stores[k % 2].alerts.take(12, f"process {k}", 30), range(16)))
    assert [state for state in taken if state is not None] == [""]


def test_what_was_told_is_kept_until_seen_and_each_change_is_noticed(stores: tuple[Store, Store]) -> None:
    one, two = stores
    one.alerts.take(12, "one", 30)
    assert two.alerts.marks(["7", "8"]) == {}
    assert one.alerts.keep(12, "one", 30, "", [happened(), happened("8"), happened(text="x" * 900)])
    newest, oldest = two.alerts.told("7")
    assert (oldest.what, oldest.seen) == (happened(), False)
    assert newest.what.text == "x" * 500
    before = two.alerts.marks(["7", "8", "9"])
    assert set(before) == {"7", "8"}
    two.alerts.saw("7", [oldest.id, *(kept.id for kept in one.alerts.told("8"))])
    assert [kept.seen for kept in one.alerts.told("7")] == [False, True]
    assert [kept.seen for kept in one.alerts.told("8")] == [False], "what another was told is not one's own to see"
    after = one.alerts.marks(["7", "8"])
    assert after["7"] != before["7"]
    assert after["8"] == before["8"]
    one.alerts.saw("7")
    assert all(kept.seen for kept in two.alerts.told("7"))


def test_nobody_fills_the_database_and_old_things_are_forgotten(
    stores: tuple[Store, Store], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WISHES", 3)
    monkeypatch.setattr(module, "MOST_ALERTS", 3)
    store = stores[0]
    for number in range(5):
        clock.now += 1
        store.alerts.ask("7", f"run {number}", ALICE, "", 7 * DAY)
    assert [wish.place for wish in store.alerts.wishes("7")] == ["run 4", "run 3", "run 2"]
    store.alerts.take(12, "one", 30)
    store.alerts.keep(12, "one", 30, "state", [happened(text=f"{n}") for n in range(5)] + [happened("8")])
    assert [kept.what.text for kept in store.alerts.told("7")] == ["4", "3", "2"]
    assert len(store.alerts.told("8")) == 1
    clock.now += 31 * DAY
    store.tidy()
    assert store.alerts.told("7") == []
    assert store.alerts.wishes() == []
    assert store.alerts.abandoned() == {}
