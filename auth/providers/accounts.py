"""Signing in with an account of the dashboard's own database."""

from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from auth import passwords
from auth.accounts import PROVIDER, folded
from auth.identity import Identity
from auth.providers import ProviderUnavailable
from auth.store import Store


class LocalAccounts:
    """The accounts in ``store`` (a `auth.providers.PasswordProvider`)."""

    key: Final = PROVIDER
    trusted_logins: Final = True  # an administrator gives out the names

    def __init__(self, store: Store, *, label: str = "Local account") -> None:
        self.label: Final = label
        self._store = store

    def authenticate(self, login: str, password: str) -> Identity | None:
        """The account's identity when it exists, is enabled and the password is right."""
        try:
            account = self._store.account(folded(login))
            usable = account is not None and not account.disabled
            right = passwords.matches(account.password_hash if account is not None and usable else None, password)
            if account is None or not right:
                return None
            if passwords.outdated(account.password_hash):
                self._store.change_account(account.folded, password_hash=passwords.hashed(password))
        except SQLAlchemyError as error:
            raise ProviderUnavailable from error
        return Identity(provider=self.key, subject=account.folded, login=account.login, name=account.name)
