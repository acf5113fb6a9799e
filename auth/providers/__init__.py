"""The ways to sign in. Each is one small object; the gate is given those that the site wants."""

from typing import Protocol

from auth.identity import Identity


class ProviderUnavailable(Exception):
    """The provider could not say whether the password is right. The person is told to try later."""


class PasswordProvider(Protocol):
    """Somebody who knows whether a login name and a password belong together."""

    @property
    def key(self) -> str:
        """Names the provider in identities; never changes once people have signed in."""
        ...

    @property
    def label(self) -> str:
        """What the sign-in page calls it."""
        ...

    def authenticate(self, login: str, password: str) -> Identity | None:
        """Who that is, or None.

        Called in a thread, with texts that are not empty and hold no control characters. Takes as
        long for unknown names as for wrong passwords. Raises `ProviderUnavailable`.
        """
        ...
