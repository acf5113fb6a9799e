"""A connection to an LDAP server that checks whom it talks to, and that ends in time.

ldap3 alone checks no certificate unless told to, checks host names by a copy of code that Python has dropped (and that
fails for IP addresses on Python 3.12 and newer), sends passwords on to servers to which it is referred, and waits for
each byte anew.
"""

import socket
import ssl
import time
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import ldap3
from ldap3.core.exceptions import LDAPException

from auth.tls import client_context

_LARGEST_ANSWER: Final = 4_000_000


class NoAnswer(Exception):
    """The server cannot be used now. The text is for the log and for whoever runs the site."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment (of `time.monotonic`) at which all must be done."""

    at: float

    @classmethod
    def within(cls, seconds: float) -> "Deadline":
        """The deadline ``seconds`` from now."""
        return cls(time.monotonic() + seconds)

    @property
    def left(self) -> float:
        """The seconds left. Raises `NoAnswer` where none are."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise NoAnswer("no answer in time")
        return left


class Strict(ldap3.Tls):  # type: ignore[misc] # ldap3 has no types
    """TLS 1.2 or newer, to a server whose certificate ssl itself accepts for its name or its IP address."""

    def __init__(self, ca_file: str, *, strict: bool) -> None:
        """Raises OSError (ssl.SSLError among them) where the authorities cannot be read."""
        super().__init__(validate=ssl.CERT_REQUIRED)
        self.context: Final = client_context(ca_file, strict=strict)

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:
        """Replace the connection's socket by an encrypted one. Raises ssl.SSLError."""
        plain = connection.socket
        if isinstance(plain, _Bounded):
            plain.settimeout(plain.deadline.left)
            plain = plain.inner
        else:
            plain.settimeout(connection.deadline.left)
        name = connection.server.host
        connection.socket = self.context.wrap_socket(plain, server_hostname=name, do_handshake_on_connect=True)
        connection.bound_socket()


class _Bounded:
    """A socket from which so much is read at most, until so late."""

    def __init__(self, inner: socket.socket, deadline: Deadline) -> None:
        self.inner, self.deadline, self._read = inner, deadline, 0

    def recv(self, size: int) -> bytes:
        self.inner.settimeout(self.deadline.left)
        data = self.inner.recv(size)
        self._read += len(data)
        if self._read > _LARGEST_ANSWER:
            raise NoAnswer("an answer without end")
        return data

    def sendall(self, data: bytes) -> None:
        self.inner.settimeout(self.deadline.left)
        self.inner.sendall(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class _Server(ldap3.Server):  # type: ignore[misc]
    """A server for which every attempt to connect ends at the deadline, also where its name has several addresses."""

    def __init__(self, deadline: Deadline, host: str | None, **options: Any) -> None:
        self.deadline = deadline
        super().__init__(host, get_info=ldap3.NONE, **options)

    @property
    def connect_timeout(self) -> float:
        return self.deadline.left

    @connect_timeout.setter
    def connect_timeout(self, value: object) -> None:
        """ldap3 sets one for all attempts."""


class Connection(ldap3.Connection):  # type: ignore[misc]
    """A connection of ldap3's to one server; `opened` makes it."""

    socket: Any

    def __init__(self, url: str, tls: Strict, deadline: Deadline, **options: Any) -> None:
        parts = urlsplit(url)
        self.deadline = deadline
        server = _Server(deadline, parts.hostname, port=parts.port, use_ssl=parts.scheme == "ldaps", tls=tls)
        super().__init__(
            server,
            client_strategy=ldap3.SYNC,
            auto_referrals=False,
            auto_escape=False,
            check_names=False,
            # The quick one fails at a bind that is referred elsewhere.
            fast_decoder=False,
            read_only=True,
            raise_exceptions=False,
            **options,
        )

    def bound_socket(self) -> None:
        """Put the limits of time and size on the socket."""
        if not isinstance(self.socket, _Bounded):
            self.socket = _Bounded(self.socket, self.deadline)


def opened(
    url: str, tls: Strict, deadline: Deadline, *, starttls: bool, user: str = "", password: str = ""
) -> Connection:
    """A connection to the server at ``url``, encrypted where it is to be, and not yet bound.

    Raises `NoAnswer` with the reason.
    """
    options = {"user": user, "password": password} if user else {}
    connection = Connection(url, tls, deadline, **options)
    try:
        connection.open(read_server_info=False)
        connection.bound_socket()
        if starttls and not connection.server.ssl:
            connection.start_tls(read_server_info=False)
            # A server may say no without ldap3 raising.
            if not isinstance(connection.socket.inner, ssl.SSLSocket):
                raise NoAnswer("STARTTLS did not take place")
    except (LDAPException, OSError) as error:
        closed(connection)
        raise NoAnswer(reason_of(error)) from error
    except NoAnswer:
        closed(connection)
        raise
    return connection


def closed(connection: Connection) -> None:
    """Close the connection, whatever state it is in."""
    try:
        if connection.socket is not None:
            connection.socket.close()
    except Exception:  # the connection is given up
        return


def reason_of(error: Exception) -> str:
    """What went wrong with a connection, on one line; such errors quote nothing that was sent."""
    return " ".join(str(error).split())[:300] or type(error).__name__
