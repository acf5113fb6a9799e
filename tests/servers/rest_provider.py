"""A web service of the tests' own that knows alice's password, and answers as a test wants."""

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ALICE = {"subject": "p-17", "login": "alice", "name": "Alice Å.", "groups": ["mx-staff"]}
PASSWORD = "alice's secret"


@dataclass
class Service:
    """What it answers, and what it was asked."""

    port: int
    scheme: str = "http"
    status: int = 200
    body: bytes = json.dumps(ALICE).encode()
    headers: dict[str, str] = field(default_factory=dict)
    behave: Callable[["_Handler"], None] | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"{self.scheme}://localhost:{self.port}/check"


class _Handler(BaseHTTPRequestHandler):
    service: Service

    def do_POST(self) -> None:
        service = self.service
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        service.asked.append(asked)
        service.tokens.append(self.headers.get("Authorization"))
        with suppress(OSError):
            if service.behave is not None:
                service.behave(self)
            elif asked == {"login": "alice", "password": PASSWORD}:
                self.say(service.status, service.body, service.headers)
            else:
                self.say(401, b"", {})

    def say(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Nothing: what was asked is in the service."""


def silent(handler: _Handler) -> None:
    """No answer."""
    handler.service.release.wait(20)


def dripping(handler: _Handler) -> None:
    """An answer that goes on and on, a byte at a time."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while not handler.service.release.is_set():
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.1)


def endless(handler: _Handler) -> None:
    """An answer that is much too large."""
    handler.say(200, b" " * 1_000_000, {})


def garbage(handler: _Handler) -> None:
    """Something that is no HTTP."""
    handler.wfile.write(b"hello\r\n\r\n")


@contextmanager
def rest_provider(certificate: tuple[Path, Path] | None = None) -> Iterator[Service]:
    """A service on a port of loopback; with a certificate over https."""
    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    service = handler.service = Service(server.server_port)
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        service.scheme = "https"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        service.release.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
