"""Signing in with an account of the dashboard's own database, of a person or of a proposal."""

from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from auth import passwords
from auth.accounts import PROVIDERS, folded
from auth.identity import Identity, Principal
from auth.providers import ProviderUnavailable
from auth.store import Store


class LocalAccounts:
    """The accounts of one kind in ``store`` (a `auth.providers.PasswordProvider`)."""

    trusted_logins: Final = True  # an administrator gives out the names

    def __init__(self, store: Store, *, label: str = "Local account", kind: Principal = "person") -> None:
        self.key: Final = PROVIDERS[kind]
        self.label: Final = label
        self.principal: Final = kind
        self._store = store

    def authenticate(self, login: str, password: str) -> Identity | None:
        """The account's identity when it exists, is enabled and the password is right."""
        try:
            account = self._store.account(folded(login), self.principal)
            usable = account is not None and not account.disabled
            right = passwords.matches(account.password_hash if account is not None and usable else None, password)
            if account is None or not right:
                return None
            if passwords.outdated(account.password_hash):
                self._store.change_account(account.folded, self.principal, password_hash=passwords.hashed(password))
        except SQLAlchemyError as error:
            raise ProviderUnavailable from error
        return Identity(self.key, account.folded, account.login, account.name, kind=self.principal)

    def check(self) -> str:
        """How many may sign in. Raises `ProviderUnavailable`."""
        try:
            usable = sum(not account.disabled for account in self._store.accounts() if account.kind == self.principal)
        except SQLAlchemyError as error:
            raise ProviderUnavailable("the dashboard's own database cannot be read") from error
        return f"{usable} account{'' if usable == 1 else 's'} may sign in"
