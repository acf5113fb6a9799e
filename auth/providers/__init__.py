"""The ways to sign in. Each is one small object; the gate is given those that the site wants.

A provider either takes a name and a password itself (`PasswordProvider`), or sends the browser to
its own pages and gets it back from there (`RedirectProvider`).
"""

from typing import Any, Protocol, TypeAlias, runtime_checkable

from auth.identity import Identity


class ProviderUnavailable(Exception):
    """The provider could not say whether the password is right. The person is told to try later."""


class Misconfigured(ValueError):
    """A provider cannot be set up as asked.

    ``option`` is the name of the option that is wrong; the text says what is there and what is
    expected, and quotes no secret.
    """

    def __init__(self, option: str, words: str) -> None:
        super().__init__(f"{option}: {words}")
        self.option = option
        self.words = words


@runtime_checkable
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

    @property
    def trusted_logins(self) -> bool:
        """Whether its login names are those of ISPyB's ``Person.login``, and nobody may choose one freely."""
        ...

    def authenticate(self, login: str, password: str) -> Identity | None:
        """Who that is, or None.

        Called in a thread, with texts that are not empty and hold no control characters. Takes as
        long for unknown names as for wrong passwords. Raises `ProviderUnavailable`.
        """
        ...


@runtime_checkable
class RedirectProvider(Protocol):
    """Somebody on whose own pages people sign in, and who sends them back."""

    @property
    def key(self) -> str:
        """Names the provider in identities and in addresses; never changes once people have signed in."""
        ...

    @property
    def label(self) -> str:
        """What the button on the sign-in page calls it."""
        ...

    @property
    def trusted_logins(self) -> bool:
        """As for a `PasswordProvider`."""
        ...

    def patterns(self, gate: Any) -> list[tuple[Any, ...]]:
        """Its routes under ``/auth/<key>/``; the browser is sent to ``/auth/<key>/start?next=…`` to sign in."""
        ...

    async def logout_url(self, hint: str, login: str, back: str) -> str | None:
        """Where to send a browser that signed out here, so that it is signed out there as well.

        ``hint`` is what the provider gave to the login session of ``login``, ``back`` where it may send the
        browser afterwards. None where there is no such page. Raises nothing.
        """
        ...


@runtime_checkable
class Checked(Protocol):
    """A provider that can say, without anybody's password, whether it can be used. Both sorts may."""

    def check(self) -> str:
        """What it found, on one line; may take as long as a sign-in. Raises `ProviderUnavailable` with the reason."""
        ...


Provider: TypeAlias = PasswordProvider | RedirectProvider
