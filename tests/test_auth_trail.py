"""The audit trail and the lists of who is signed in, on SQLite and on MariaDB."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers.gated import Clock
from servers.mariadb import Server

from auth.identity import Identity, SignedIn
from auth.records import TrailFilter
from auth.sign_ins import mark_of
from auth.store import Store, digest

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
