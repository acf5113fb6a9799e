"""The audit trail and the lists of who is signed in, on SQLite and on MariaDB."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers.gated import Clock
from servers.mariadb import Server
from sqlalchemy import insert, inspect

from auth.identity import Identity, SignedIn
from auth.records import TrailFilter
from auth.sign_ins import mark_of
from auth.store import Store, digest
from auth.tables import AUDIT

ALICE = Identity("people", "1", "alice", "Alice Å")
BOB = Identity("people", "2", "bob", "Bob")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sqlite", "mariadb"])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Store]:
    if request.param == "sqlite":
        made = Store(f"sqlite:///{tmp_path / 'lens.sqlite'}", clock=clock)
        yield made
        made.close()
        return
    server: Server = request.getfixturevalue("mariadb")
    name = f"trail_{os.getpid()}"
    server.run(f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    made = Store(server.url(name), clock=clock)
    yield made
    made.close()
    server.run(f"DROP DATABASE {name}")


def _happened(store: Store) -> None:
    for n in range(5):
        store.record("login", login=f"person{n}", address="10.0.0.1", detail="people")
    store.record("failure", login="Zoë", address="10.0.0.2", detail="100% wrong_")
    store.record("denied", login="bob", address="10.0.0.1", detail="?visit=mx1-1")


def test_the_trail_is_paged_by_key_and_new_rows_move_nothing(store: Store) -> None:
    _happened(store)
    first = store.trail.page(TrailFilter(), limit=3)
    store.record("login", login="late")
    then = store.trail.page(TrailFilter(), before=first[-1].id, limit=10)
    assert [row.login for row in first] == ["bob", "Zoë", "person4"]
    assert [row.login for row in then] == ["person3", "person2", "person1", "person0"]
    assert store.trail.page(TrailFilter(), before=then[-1].id) == []


@pytest.mark.parametrize(
    ("wanted", "logins"),
    [
        (TrailFilter(("denied", "failure")), ["bob", "Zoë"]),
        (TrailFilter(("nothing",)), []),
        (TrailFilter(who="bob"), ["bob"]),
        (TrailFilter(who="bo"), []),
        (TrailFilter(login="PERSON3"), ["person3"]),
        (TrailFilter(kind="FAIL"), ["Zoë"]),
        (TrailFilter(address="0.2"), ["Zoë"]),
        (TrailFilter(detail="%"), ["Zoë"]),
        (TrailFilter(detail="g_"), ["Zoë"]),
        (TrailFilter(detail="mx_-1"), []),
        (TrailFilter(search="10.0.0.1 denied"), ["bob"]),
        (TrailFilter(search="visit=mx1-1"), ["bob"]),
        (TrailFilter(search="'; drop table auth_audit --"), []),
    ],
)
def test_the_trail_is_searched_and_filtered(store: Store, wanted: TrailFilter, logins: list[str]) -> None:
    _happened(store)
    assert [row.login for row in store.trail.page(wanted)] == logins


def test_the_trail_is_filtered_by_time(store: Store, clock: Clock) -> None:
    store.record("login", login="before")
    clock.ahead += 100
    noon = clock()
    clock.ahead += 1
    store.record("login", login="after")
    assert [row.login for row in store.trail.page(TrailFilter(since=noon))] == ["after"]
    assert [row.login for row in store.trail.page(TrailFilter(until=noon))] == ["before"]


def work(store: Store, wanted: TrailFilter, before: int | None = None) -> int:
    """Rows (MariaDB) or steps (SQLite) that the database goes through for a page of the trail."""
    steps = [0]

    def count() -> None:
        steps[0] += 1

    # The pool gives out one connection after the other: the same one each time.
    def read() -> int:
        with store._engine.connect() as connection:
            if store.local:
                connection.connection.driver_connection.set_progress_handler(count, 1)  # type: ignore[union-attr]
                return steps[0]
            rows = connection.exec_driver_sql("SHOW SESSION STATUS LIKE 'Handler_read%%'").all()
            return sum(int(value) for _, value in rows)

    begun = read()
    store.trail.page(wanted, before=before)
    return read() - begun


@pytest.mark.parametrize(
    ("wanted", "before"),
    [
        (TrailFilter(), None),
        (TrailFilter(), 500),
        (TrailFilter(("failure", "throttled"), "nobody"), None),
        (TrailFilter(("failure", "throttled"), "person3"), None),
        (TrailFilter(since=1e12), None),
        (TrailFilter(until=1.0), None),
        (TrailFilter(since=4e9, until=4e9 + 50, search="nothing"), None),
    ],
    ids=["all", "older", "nobody's failures", "failures", "of tomorrow", "of long ago", "of one hour"],
)
def test_a_page_of_the_trail_costs_the_same_however_long_the_trail_is(
    store: Store, wanted: TrailFilter, before: int | None
) -> None:
    def fill(first: int, last: int) -> None:
        rows = [
            {"time": 4e9 + n, "kind": "login", "login": f"someone{n % 50}", "address": "", "detail": ""}
            for n in range(first, last)
        ]
        with store._engine.begin() as connection:
            connection.execute(insert(AUDIT), rows)

    _happened(store)
    fill(0, 2000)
    work(store, wanted, before)
    short = work(store, wanted, before)
    fill(2000, 30_000)
    long = work(store, wanted, before)
    print(f"\n{short} for 2000 rows, {long} for 30000")
    assert 0 < long < 2 * short + 1000


def test_an_older_database_gets_the_indexes_that_it_lacks(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'lens.sqlite'}"
    first = Store(url)
    with first._engine.begin() as connection:
        connection.exec_driver_sql("DROP INDEX ix_auth_audit_login_id")
    first.close()
    second = Store(url)
    assert "ix_auth_audit_login_id" in {index["name"] for index in inspect(second._engine).get_indexes("auth_audit")}
    second.close()


def test_who_is_signed_in_is_listed_until_it_ends(store: Store, clock: Clock) -> None:
    first = store.begin(ALICE, address="10.0.0.1", agent="Firefox")
    clock.ahead += 20
    second = store.begin(BOB)
    assert [(s.identity, s.ended) for s in store.sign_ins.now()] == [(BOB, None), (ALICE, None)]
    clock.ahead += 20
    store.touch(digest(first))
    assert [s.identity.login for s in store.sign_ins.now()] == ["alice", "bob"], "the latest used comes first"
    store.revoke(digest(second), "signed out by ada")
    clock.ahead += 31 * 60
    assert store.sign_ins.now() == []
    assert [s.ended for s in store.sign_ins.of(SignedIn(ALICE, digest(first)))] == ["not used"]
    assert [s.ended for s in store.sign_ins.of(SignedIn(BOB, digest(second)))] == ["signed out by ada"]
    assert store.sign_ins.of(SignedIn(Identity("orcid", "1", "alice", "Alice"), "0" * 64)) == []


def test_a_login_session_is_found_by_its_public_name_while_it_holds(store: Store) -> None:
    session_id = store.begin(ALICE, address="10.0.0.1", agent="Firefox")
    mark = mark_of(digest(session_id))
    found = store.sign_ins.marked(mark)
    assert found is not None
    assert (found.session_hash, found.address, found.agent) == (digest(session_id), "10.0.0.1", "Firefox")
    assert store.look_up(mark) is None, "the public name opens nothing"
    store.revoke(digest(session_id), "over")
    assert store.sign_ins.marked(mark) is None


@pytest.mark.parametrize("mark", ["", "%" * 16, "_" * 16, "0" * 16, "0" * 64, "é" * 16])
def test_no_other_name_finds_a_login_session(store: Store, mark: str) -> None:
    store.begin(ALICE)
    assert store.sign_ins.marked(mark) is None
