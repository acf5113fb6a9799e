"""Local accounts, as an administrator keeps them from the command line.

Disabling an account or changing its password ends its login sessions.
"""

import unicodedata
from typing import Final

from auth import passwords
from auth.records import Account
from auth.store import Store

PROVIDER: Final = "accounts"
_LONGEST: Final = 64


class AccountError(ValueError):
    """An account cannot be made or changed as asked. Its text is for the administrator."""


def folded(login: str) -> str:
    """``login`` as names are compared: without case, width and surrounding space."""
    return unicodedata.normalize("NFKC", login).strip().casefold()


def add_account(store: Store, login: str, password: str, name: str) -> None:
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
    )
    if not store.add_account(account):
        raise AccountError(f"There is an account {login!r} already. Set its password, or choose another name.")
    store.record("account", login=login, detail="added")


def set_password(store: Store, login: str, password: str) -> None:
    """Give an account a new password; it is enabled by that. Raises `AccountError`."""
    key = folded(login)
    if not store.change_account(key, password_hash=_hashed(password), disabled=False):
        raise _unknown(login)
    store.revoke_person(PROVIDER, key, "password changed")
    store.record("account", login=login, detail="password changed")


def disable_account(store: Store, login: str) -> None:
    """Let an account sign in no more. Raises `AccountError`."""
    key = folded(login)
    if not store.change_account(key, disabled=True):
        raise _unknown(login)
    store.revoke_person(PROVIDER, key, "account disabled")
    store.record("account", login=login, detail="disabled")


def _hashed(password: str) -> str:
    if not passwords.SHORTEST <= len(password) <= passwords.LONGEST:
        raise AccountError(
            f"A password has {passwords.SHORTEST} to {passwords.LONGEST} characters; this one has {len(password)}."
        )
    return passwords.hashed(password)


def _unknown(login: str) -> AccountError:
    return AccountError(f"There is no account {login!r}.")
