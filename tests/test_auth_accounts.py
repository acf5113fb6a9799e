"""Local accounts, and signing in with them."""

from pathlib import Path

import pytest

from auth import passwords
from auth.accounts import AccountError, add_account, disable_account, enable_account, folded, set_password
from auth.identity import Identity
from auth.providers import ProviderUnavailable
from auth.providers.accounts import LocalAccounts
from auth.store import Store

PASSWORD = " correct horse "


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(f"sqlite:///{tmp_path / 'lens.sqlite'}")
    add_account(made, "Alice", PASSWORD, "Alice  Ångström")
    return made


def test_an_account_signs_in_with_its_password_alone(store: Store) -> None:
    provider = LocalAccounts(store)
    identity = Identity("accounts", "alice", "Alice", "Alice Ångström")
    assert provider.authenticate("Alice", PASSWORD) == identity
    assert provider.authenticate("Alice", PASSWORD.strip()) is None
    assert provider.authenticate("Alice", "") is None
    assert provider.authenticate("bob", PASSWORD) is None


@pytest.mark.parametrize("login", ["alice", "ALICE", " Alice ", "ＡＬＩＣＥ"])
def test_one_person_has_one_identity_however_the_name_is_typed(store: Store, login: str) -> None:
    identity = LocalAccounts(store).authenticate(login, PASSWORD)
    assert identity is not None
    assert identity.key == "accounts:alice"


def test_passwords_are_kept_as_argon2id(store: Store) -> None:
    account = store.account("alice")
    assert account is not None
    assert account.password_hash.startswith("$argon2id$")
    assert PASSWORD not in account.password_hash
    assert account.password_hash not in repr(account)


def test_an_unknown_name_costs_one_check_as_a_known_one(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    checked = []

    class Counting:
        def verify(self, stored: str, password: str) -> bool:
            checked.append(stored)
            raise passwords.VerificationError

        def hash(self, password: str) -> str:
            return "$argon2id$nobody"

    monkeypatch.setattr(passwords, "_hasher", Counting())
    passwords._nobodys.cache_clear()
    disabled = LocalAccounts(store)
    for login in ("alice", "nobody"):
        assert disabled.authenticate(login, "x" * 8) is None
    disable_account(store, "alice")
    assert disabled.authenticate("alice", PASSWORD) is None
    passwords._nobodys.cache_clear()
    assert len(checked) == 3
    assert checked[1] == checked[2]


def test_a_disabled_account_signs_in_no_more_and_is_signed_out(store: Store) -> None:
    provider = LocalAccounts(store)
    identity = provider.authenticate("alice", PASSWORD)
    assert identity is not None
    session_id = store.begin(identity)
    disable_account(store, "ALICE")
    assert provider.authenticate("alice", PASSWORD) is None
    assert store.look_up(session_id) is None


def test_a_new_password_replaces_the_old_and_ends_login_sessions(store: Store) -> None:
    session_id = store.begin(Identity("accounts", "alice", "Alice", "Alice"))
    disable_account(store, "alice")
    set_password(store, "alice", "another one")
    provider = LocalAccounts(store)
    assert provider.authenticate("alice", PASSWORD) is None
    assert provider.authenticate("alice", "another one") is not None
    assert store.look_up(session_id) is None


def test_an_account_that_is_enabled_again_signs_in_with_its_password(store: Store) -> None:
    disable_account(store, "alice")
    enable_account(store, "Alice")
    assert LocalAccounts(store).authenticate("alice", PASSWORD) is not None


def test_a_person_and_a_proposal_of_one_name_are_two_accounts(store: Store) -> None:
    add_account(store, "alice", "of the proposal", "", kind="proposal")
    people, proposals = LocalAccounts(store), LocalAccounts(store, kind="proposal")
    found = proposals.authenticate("ALICE", "of the proposal")
    assert found == Identity("proposals", "alice", "alice", "alice", kind="proposal")
    assert proposals.authenticate("alice", PASSWORD) is None
    assert people.authenticate("alice", "of the proposal") is None
    session = store.begin(found)
    disable_account(store, "alice")
    assert store.look_up(session) is not None, "that was the person"
    assert [(one.kind, one.login, one.disabled) for one in store.accounts()] == [
        ("person", "Alice", True),
        ("proposal", "alice", False),
    ]
    disable_account(store, "alice", kind="proposal")
    assert store.look_up(session) is None
    assert proposals.authenticate("alice", "of the proposal") is None


def test_the_session_of_a_proposal_remembers_that_it_is_one(store: Store) -> None:
    identity = Identity("proposals", "mx415", "mx415", "mx415", kind="proposal")
    session = store.look_up(store.begin(identity))
    assert session is not None
    assert session.identity == identity


def test_an_outdated_hash_is_renewed_at_sign_in(store: Store) -> None:
    weak = passwords.PasswordHasher(time_cost=1, memory_cost=8192).hash(PASSWORD)
    store.change_account("alice", password_hash=weak)
    assert LocalAccounts(store).authenticate("alice", PASSWORD) is not None
    account = store.account("alice")
    assert account is not None
    assert account.password_hash != weak
    assert passwords.matches(account.password_hash, PASSWORD)


@pytest.mark.parametrize("login", ["", "  ", "a" * 65, "a\nb", "a\0"])
def test_an_odd_login_name_is_refused(store: Store, login: str) -> None:
    with pytest.raises(AccountError, match="login name"):
        add_account(store, login, PASSWORD, "X")


@pytest.mark.parametrize("password", ["", "short", "x" * 1025])
def test_a_password_of_a_bad_length_is_refused_without_quoting_it(store: Store, password: str) -> None:
    with pytest.raises(AccountError, match="8 to 1024") as refused:
        set_password(store, "alice", password)
    assert not password or password not in str(refused.value)


def test_a_name_that_differs_in_case_only_is_taken(store: Store) -> None:
    with pytest.raises(AccountError, match="already"):
        add_account(store, "ALICE", PASSWORD, "Another")


def test_an_unknown_account_is_named(store: Store) -> None:
    for change in (
        lambda: set_password(store, "bob", PASSWORD),
        lambda: disable_account(store, "bob"),
    ):
        with pytest.raises(AccountError, match="'bob'"):
            change()


def test_what_is_done_to_accounts_is_in_the_audit_trail(store: Store) -> None:
    set_password(store, "alice", PASSWORD)
    disable_account(store, "alice")
    rows = store.audit(kind="account")
    assert [row.detail for row in rows] == ["disabled", "password changed", "added"]


def test_without_the_database_nobody_is_called_wrong(store: Store) -> None:
    with store._engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE auth_account")
    with pytest.raises(ProviderUnavailable):
        LocalAccounts(store).authenticate("alice", PASSWORD)


def test_names_are_compared_folded() -> None:
    assert folded(" STRASSE ") == folded("straße")
