"""A directory of the tests' own that says what a test wants, and keeps what it was sent."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

BIND, SEARCH, EXTENDED = 0x60, 0x63, 0x77
STARTTLS, WHO_AM_I = b"1.3.6.1.4.1.1466.20037", b"1.3.6.1.4.1.4203.1.11.3"
PERSON = b"uid=alice,ou=people,dc=example,dc=org"

Answer = Callable[["Liar", int], "bytes | None"]


def ber(tag: int, *parts: bytes) -> bytes:
    """One element of BER."""
    content = b"".join(parts)
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def message(number: int, operation: int, *parts: bytes) -> bytes:
    """An LDAP message."""
    return ber(0x30, ber(0x02, number.to_bytes(4, "big")), ber(operation, *parts))


def result(code: int, *more: bytes) -> tuple[bytes, ...]:
    """The parts that every result has: code, matched name, text."""
    return (ber(0x0A, bytes([code])), ber(0x04), ber(0x04), *more)


def entry(name: bytes, **attributes: bytes) -> tuple[bytes, bytes]:
    """The parts of an entry that a search found."""
    rows = [ber(0x30, ber(0x04, key.encode()), ber(0x31, ber(0x04, value))) for key, value in attributes.items()]
    return ber(0x04, name), ber(0x30, *rows)


def yes(liar: "Liar", number: int) -> bytes:
    """A bind that is taken for right, whatever the password."""
    return message(number, 0x61, *result(0))


def alice(liar: "Liar", number: int) -> bytes:
    """A search that finds alice."""
    found = message(number, 0x64, *entry(PERSON, uid=b"alice", entryUUID=b"id-of-alice", cn=b"Alice"))
    return found + message(number, 0x65, *result(0))


def extended(liar: "Liar", number: int) -> bytes:
    """No TLS; whoever is bound is alice."""
    if STARTTLS in liar.last:
        return message(number, 0x78, *result(2))
    return message(number, 0x78, *result(0, ber(0x8B, b"dn:" + PERSON)))


def silence(liar: "Liar", number: int) -> None:
    """No answer, and an open connection."""


@dataclass
class Liar:
    """What it says to each operation, and what it heard. An honest one of alice unless told otherwise."""

    port: int
    answers: dict[int, Answer] = field(default_factory=lambda: {BIND: yes, SEARCH: alice, EXTENDED: extended})
    heard: bytes = b""
    last: bytes = b""
    connections: int = 0
    drip: float = 0.0
    """Seconds between the bytes of an answer."""

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"


def _talk(liar: Liar, connection: socket.socket, stop: threading.Event) -> None:
    with connection, suppress(OSError):
        while not stop.is_set() and (data := connection.recv(65536)):
            liar.heard += data
            liar.last = data
            number, operation = _request(data)
            said = liar.answers.get(operation, silence)(liar, number)
            if said is not None and liar.drip:
                for byte in said:
                    connection.sendall(bytes([byte]))
                    if stop.wait(liar.drip):
                        break
            elif said is not None:
                connection.sendall(said)


def _request(data: bytes) -> tuple[int, int]:
    """Number and operation of a request; (0, 0) for what is no request of LDAP."""
    start = 2 if data[1] < 128 else 2 + (data[1] & 0x7F)
    if data[0] != 0x30 or data[start] != 0x02:
        return 0, 0
    size = data[start + 1]
    return int.from_bytes(data[start + 2 : start + 2 + size], "big"), data[start + 2 + size]


@contextmanager
def lying_directory() -> Iterator[Liar]:
    """A directory on a port of loopback."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        liar = Liar(server.getsockname()[1])

        def listen() -> None:
            while not stop.is_set():
                with suppress(TimeoutError):
                    connection, _ = server.accept()
                    connection.settimeout(30)
                    liar.connections += 1
                    threading.Thread(target=_talk, args=(liar, connection, stop), daemon=True).start()

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        try:
            yield liar
        finally:
            stop.set()
            thread.join(5)
