"""The dashboard's own database, as far as it concerns who is signed in."""

import multiprocessing
import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from servers.gated import Clock
from servers.mariadb import Server

from auth.identity import Identity
from auth.records import Account, Limit, ProviderSession
from auth.store import Store, digest

ALICE = Identity("people", "1", "alice", "Alice Å", ("mx", "em"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Store:
    return Store(f"sqlite:///{tmp_path / 'made' / 'lens.sqlite'}", clock=clock)


def _again(store: Store, clock: Clock) -> Store:
    return Store(store._engine.url, clock=clock)


def test_the_file_is_for_its_owner_only(tmp_path: Path, store: Store) -> None:
    store.begin(ALICE)
    files = list((tmp_path / "made").iterdir())
    assert files
    for file in files:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    file = tmp_path / "lens.sqlite"
    file.touch(mode=0o644)
    Store(f"sqlite:///{file}").close()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_that_processes_cannot_share_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must be a file"):
        Store(url)


def test_a_login_session_is_found_by_its_id_in_another_process_too(store: Store, clock: Clock) -> None:
    session_id = store.begin(ALICE)
    found = _again(store, clock).look_up(session_id)
    assert found is not None
    assert found.identity == ALICE
    assert found.session_hash == digest(session_id)
    assert len(session_id) >= 43


@pytest.mark.parametrize("session_id", ["", "x", "x" * 10_000, "é", "\udc00", "' or 1=1 --"])
def test_nonsense_is_no_login_session(store: Store, session_id: str) -> None:
    store.begin(ALICE)
    assert store.look_up(session_id) is None
    assert store.look_up(digest(store.begin(ALICE))) is None, "a stolen hash opens nothing"


def test_a_login_session_ends_unused_and_in_any_case(store: Store, clock: Clock) -> None:
    unused, used = store.begin(ALICE), store.begin(ALICE)
    for _ in range(18):
        clock.ahead += 26 * 60
        store.touch(digest(used))
        assert store.look_up(used) is not None
    assert store.look_up(unused) is None
    clock.ahead += 26 * 60
    assert store.look_up(used) is None


def test_use_does_not_bring_back_an_ended_login_session(store: Store, clock: Clock) -> None:
    session_id = store.begin(ALICE)
    clock.ahead += 31 * 60
    store.touch(digest(session_id))
    assert store.look_up(session_id) is None


def test_all_login_sessions_of_a_person_end_together(store: Store) -> None:
    mine = [store.begin(ALICE), store.begin(ALICE)]
    others = store.begin(replace(ALICE, provider="orcid")), store.begin(replace(ALICE, subject="2"))
    assert store.living({digest(s) for s in (*mine, *others)}) == {digest(s) for s in (*mine, *others)}
    assert store.revoke_identity("people", "1", "test") == 2
    assert [store.look_up(session_id) for session_id in mine] == [None, None]
    assert store.living({digest(s) for s in (*mine, *others)}) == {digest(s) for s in others}
    assert not store.revoke(digest(mine[0]), "test"), "it had ended"


def test_attempts_wait_two_seconds_then_four_and_no_more_than_five_minutes(store: Store, clock: Clock) -> None:
    limit = Limit("alice", 5)
    waits = []
    for _ in range(16):
        assert store.attempt([limit]) == 0
        wait = store.attempt([limit]) if len(waits) >= 4 else 0.0
        waits.append(round(wait))
        clock.ahead += wait + 0.01
    assert waits == [0, 0, 0, 0, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300]


def test_attempts_are_forgotten_after_a_quarter_of_an_hour(store: Store, clock: Clock) -> None:
    for _ in range(5):
        store.attempt([Limit("alice", 5)])
    clock.ahead += 901
    for _ in range(5):
        assert store.attempt([Limit("alice", 5)]) == 0


def test_a_refused_attempt_counts_under_no_limit(store: Store) -> None:
    full, other = Limit("full", 1), Limit("other", 2)
    assert store.attempt([full]) == 0
    for _ in range(5):
        assert store.attempt([other, full]) > 0
    assert store.attempt([other]) == 0


def test_what_is_given_back_was_not_counted(store: Store) -> None:
    limit = Limit("here", 2)
    for _ in range(10):
        assert store.attempt([limit]) == 0
        store.give_back([limit])
    store.give_back([limit, Limit("never seen", 1)])
    assert store.attempt([limit]) == 0
    assert store.attempt([limit]) == 0
    assert store.attempt([limit]) > 0


def test_attempts_at_once_in_two_processes_are_all_counted(store: Store, clock: Clock) -> None:
    both = [store, _again(store, clock)]
    with ThreadPoolExecutor(8) as threads:
        waits = list(threads.map(lambda i: both[i % 2].attempt([Limit("a", 5)]), range(40)))
    assert waits.count(0) == 5


def test_a_sign_in_link_is_taken_once_whoever_is_first(store: Store, clock: Clock) -> None:
    token = store.make_token(ALICE)
    both = [store, _again(store, clock)]
    with ThreadPoolExecutor(8) as threads:
        taken = list(threads.map(lambda i: both[i % 2].take_token(token), range(16)))
    assert taken.count(ALICE) == 1
    assert taken.count(None) == 15


def test_a_sign_in_link_runs_out(store: Store, clock: Clock) -> None:
    token = store.make_token(ALICE, seconds=60)
    clock.ahead += 61
    assert store.take_token(token) is None


def test_when_a_person_was_here_last_does_not_change_by_reloading(store: Store, clock: Clock) -> None:
    assert store.seen("people:1") is None
    first = clock()
    assert store.seen("people:1") is None, "still the first stay"
    clock.ahead += 86_400
    for _ in range(3):
        assert store.seen("people:1") == pytest.approx(first, abs=30)
        clock.ahead += 20 * 60
    assert store.seen("people:2") is None


def test_a_stay_that_goes_on_is_one_stay(store: Store, clock: Clock) -> None:
    store.seen("a")
    for _ in range(10):
        clock.ahead += 25 * 60
        assert store.seen("a") is None


def test_an_account_of_a_name_is_kept_once(store: Store) -> None:
    account = Account("alice", "Alice", "Alice", "hash", False)
    assert store.add_account(account)
    assert not store.add_account(replace(account, login="ALICE"))
    assert store.account("alice") == account
    assert store.account("bob") is None


def test_the_audit_trail_is_newest_first_and_searchable(store: Store) -> None:
    store.record("failure", login="bob", address="::1", detail="people")
    store.record("login", login="alice")
    store.record("logout", login="x" * 1000)
    rows = store.audit()
    assert [row.kind for row in rows] == ["logout", "login", "failure"]
    assert len(rows[0].login) == 255
    assert [row.login for row in store.audit(kind="failure")] == ["bob"]
    assert [row.kind for row in store.audit(login="alice")] == ["login"]
    assert len(store.audit(limit=1)) == 1


def test_tidying_deletes_only_what_has_run_out(store: Store, clock: Clock) -> None:
    old = store.begin(ALICE)
    clock.ahead += 8 * 86_400
    new = store.begin(ALICE)
    store.attempt([Limit("a", 1)])
    store.tidy()
    assert store.look_up(new) is not None
    assert store.attempt([Limit("a", 1)]) > 0
    with store._reading() as connection:
        kept = connection.exec_driver_sql("select session_hash from auth_session").scalars().all()
    assert kept == [digest(new)]
    assert digest(old) not in kept


def _child(url: str, session_id: str, answers: "multiprocessing.Queue[bool]") -> None:
    answers.put(_CHILD_STORE is not None and _CHILD_STORE.look_up(session_id) is not None)


_CHILD_STORE: Store | None = None


def test_a_forked_process_opens_connections_of_its_own(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    session_id = store.begin(ALICE)
    monkeypatch.setitem(globals(), "_CHILD_STORE", store)
    assert store._engine.pool.checkedin() > 0  # type: ignore[attr-defined]
    forking = multiprocessing.get_context("fork")
    answers: multiprocessing.Queue[bool] = forking.Queue()
    child = forking.Process(target=_child, args=("", session_id, answers))
    child.start()
    assert answers.get(timeout=20)
    child.join(20)
    assert store.look_up(session_id) is not None


@pytest.fixture
def shared(mariadb: Server, clock: Clock) -> Iterator[tuple[Store, Store]]:
    """Two processes' stores in one database on a server."""
    name = f"lens_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    mariadb.run(f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name}")
    url = mariadb.url(name)
    both = Store(url, clock=clock), Store(url, clock=clock)
    yield both
    for store in both:
        store.close()
    mariadb.run(f"DROP DATABASE {name}")


def test_several_hosts_share_a_database_on_a_server(shared: tuple[Store, Store], clock: Clock) -> None:
    one, two = shared
    assert not one.local
    session_id = one.begin(ALICE)
    found = two.look_up(session_id)
    assert found is not None
    assert found.identity == ALICE
    clock.ahead += 20 * 60
    two.touch(digest(session_id))
    clock.ahead += 20 * 60
    assert one.living({digest(session_id)}) == {digest(session_id)}
    assert two.revoke(digest(session_id), "test")
    assert one.look_up(session_id) is None
    assert one.add_account(Account("alice", "Alice", "Å", "hash", False))
    assert not two.add_account(Account("alice", "Alice", "Å", "hash", False))
    assert two.change_account("alice", disabled=True)
    assert one.seen("a") is None
    one.record("login", login="Å\n𝒜")
    assert [row.login for row in two.audit()] == ["Å\N{REPLACEMENT CHARACTER}𝒜"]
    two.tidy()


def test_attempts_and_links_are_counted_once_on_a_server_too(shared: tuple[Store, Store]) -> None:
    token = shared[0].make_token(ALICE)
    limits = [Limit("a", 5), Limit("b", 20)]
    with ThreadPoolExecutor(8) as threads:
        waits = list(threads.map(lambda i: shared[i % 2].attempt(limits), range(40)))
        taken = list(threads.map(lambda i: shared[i % 2].take_token(token), range(16)))
    assert waits.count(0) == 5
    assert taken.count(ALICE) == 1


def test_a_sign_in_at_a_provider_comes_back_once_on_a_server_too(shared: tuple[Store, Store], clock: Clock) -> None:
    one, two = shared
    one.flows.begin("state", "browser", "sso", "/?visit=mx415-3")
    assert two.flows.take("state", "another", "sso") is None
    with ThreadPoolExecutor(8) as threads:
        taken = list(threads.map(lambda i: shared[i % 2].flows.take("state", "browser", "sso"), range(16)))
        firsts = list(threads.map(lambda i: shared[i % 2].flows.use_once("token", clock() + 60), range(16)))
    assert [flow.wanted for flow in taken if flow] == ["/?visit=mx415-3"]
    assert firsts.count(True) == 1
    ends, stays = (one.begin(ALICE, there=ProviderSession(sid, "hint")) for sid in ("first", "second"))
    assert two.revoke_provider_session(ALICE.provider, "first", ALICE.subject, "signed out there") == 1
    assert (one.look_up(ends), one.flows.of(digest(ends))) == (None, None)
    assert one.look_up(stays) is not None
    two.tidy()
    assert one.flows.of(digest(stays)) == ProviderSession("second", "hint")
