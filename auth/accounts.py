"""Local accounts of people and of proposals, as an administrator keeps them from the command line.

Disabling an account or changing its password ends its login sessions.
"""

import unicodedata
from collections.abc import Mapping
from typing import Final

from auth import passwords
from auth.identity import Principal
from auth.records import Account
from auth.store import Store

#: The provider of each kind of account, as identities name it.
PROVIDERS: Final[Mapping[Principal, str]] = {"person": "accounts", "proposal": "proposals"}
_LONGEST: Final = 64


class AccountError(ValueError):
    """An account cannot be made or changed as asked. Its text is for the administrator."""


def folded(login: str) -> str:
    """``login`` as names are compared: without case, width and surrounding space."""
    return unicodedata.normalize("NFKC", login).strip().casefold()


def add_account(store: Store, login: str, password: str, name: str, kind: Principal = "person") -> None:
    """Make a local account. Raises `AccountError`."""
    login = login.strip()
    if not login or len(login) > _LONGEST or not login.isprintable():
        raise AccountError(f"A login name has 1 to {_LONGEST} printable characters; {login[:80]!r} does not.")
    account = Account(
        folded=folded(login),
        login=login,
        name=" ".join(name.split()) or login,
        password_hash=_hashed(password),
        disabled=False,
        kind=kind,
    )
    if not store.add_account(account):
        raise AccountError(f"There is {_called(login, kind)} already. Set its password, or choose another name.")
    store.record("account", login=login, detail=_detail("added", kind))


def set_password(store: Store, login: str, password: str, kind: Principal = "person") -> None:
    """Give an account a new password; it is enabled by that. Raises `AccountError`."""
    _change(store, login, kind, "password changed", password_hash=_hashed(password), disabled=False)


def disable_account(store: Store, login: str, kind: Principal = "person") -> None:
    """Let an account sign in no more. Raises `AccountError`."""
    _change(store, login, kind, "account disabled", disabled=True)


def enable_account(store: Store, login: str, kind: Principal = "person") -> None:
    """Let an account sign in again, with the password that it had. Raises `AccountError`."""
    _change(store, login, kind, "account enabled", disabled=False)


def _change(
    store: Store,
    login: str,
    kind: Principal,
    what: str,
    *,
    password_hash: str | None = None,
    disabled: bool | None = None,
) -> None:
    key = folded(login)
    if not store.change_account(key, kind, password_hash=password_hash, disabled=disabled):
        raise AccountError(f"There is no {_called(login, kind).removeprefix('an ').removeprefix('a ')}.")
    store.revoke_identity(PROVIDERS[kind], key, what)
    store.record("account", login=login, detail=_detail(what.removeprefix("account "), kind))


def _called(login: str, kind: Principal) -> str:
    return f"an account {login!r}" if kind == "person" else f"a proposal account {login!r}"


def _detail(what: str, kind: Principal) -> str:
    return what if kind == "person" else f"{what}, of a proposal"


def _hashed(password: str) -> str:
    if not passwords.SHORTEST <= len(password) <= passwords.LONGEST:
        raise AccountError(
            f"A password has {passwords.SHORTEST} to {passwords.LONGEST} characters; this one has {len(password)}."
        )
    return passwords.hashed(password)
