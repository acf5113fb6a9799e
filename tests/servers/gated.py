"""A dashboard of one small page behind the gate, in a thread, and a client that keeps cookies."""

import asyncio
import html
import http.client
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import panel as pn
from bokeh.server.server import Server
from tornado.httpclient import HTTPRequest
from tornado.ioloop import IOLoop
from tornado.websocket import WebSocketClientConnection, websocket_connect

from auth.gate import DemoPerson, Gate
from auth.identity import Identity, current_identity
from auth.providers import Provider, ProviderUnavailable
from auth.routes import AuthedHandler
from auth.store import Store

DEMO = (DemoPerson("carol", "carol's secret", "scientist <of> one beamline"),)


class Clock:
    """A clock that a test sets forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


class People:
    """A provider that knows alice, bob and carol, fails for eve and is silent for hal."""

    key = "people"
    label = "People"
    trusted_logins = True

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.release = threading.Event()

    def authenticate(self, login: str, password: str) -> Identity | None:
        self.asked.append(login)
        if login == "eve":
            raise ProviderUnavailable
        if login == "mallory":
            raise RuntimeError(f"a bug that quotes {password}")
        if login == "hal":
            self.release.wait(20)
        if login in {"alice", "bob", "carol"} and password == f"{login}'s secret":
            return Identity("people", f"id-{login}", login, login.title())
        return None


class Echo(AuthedHandler):
    """Answers who asks."""

    def get(self) -> None:
        self.finish(self.identity.login)

    def post(self) -> None:
        self.finish(f"written by {self.identity.login}")


def page() -> pn.Column:
    """What the small dashboard shows."""
    return pn.Column(pn.pane.HTML(f"<b id='who'>{current_identity().login}</b>"))


@dataclass
class Answer:
    """An answer over HTTP."""

    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def location(self) -> str:
        return self.headers.get("Location", "")


@dataclass
class Browser:
    """A client that keeps cookies and says of its requests what a browser says."""

    port: int
    prefix: str = ""
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(
        self,
        method: str,
        path: str,
        *,
        form: dict[str, str] | None = None,
        headers: dict[str, str | None] | None = None,
    ) -> Answer:
        given: dict[str, str | None] = {
            "Accept": "text/html",
            "Sec-Fetch-Dest": "document",
            "Sec-Fetch-Site": "same-origin",
            "Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items()) or None,
        }
        if form is not None:
            given["Content-Type"] = "application/x-www-form-urlencoded"
            given["Origin"] = f"http://localhost:{self.port}"
        given.update(headers or {})
        connection = http.client.HTTPConnection("localhost", self.port, timeout=30)
        try:
            connection.request(
                method,
                self.prefix + path,
                body=urlencode(form) if form is not None else None,
                headers={name: value for name, value in given.items() if value is not None},
            )
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        for line in answer.headers.get_all("Set-Cookie") or []:
            for name, morsel in SimpleCookie(line).items():
                if morsel.value:
                    self.cookies[name] = morsel.value
                else:
                    self.cookies.pop(name, None)
        return Answer(answer.status, answer.headers, text)

    @contextmanager
    def download(self, path: str) -> Iterator[http.client.HTTPResponse]:
        """An answer that is read by the caller; the little that waits between is bounded."""
        connection = http.client.HTTPConnection("localhost", self.port, timeout=30)
        connection.connect()
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        cookie = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        try:
            connection.request("GET", self.prefix + path, headers={"Cookie": cookie})
            yield connection.getresponse()
        finally:
            connection.close()

    def get(self, path: str, **headers: str | None) -> Answer:
        return self.ask("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def fetch(self, path: str) -> Answer:
        """What a page's script asks for."""
        return self.get(path, Accept="*/*", Sec_Fetch_Dest="empty")

    def form(self, path: str = "/login") -> dict[str, str]:
        """The hidden fields of a page's first form."""
        text = self.get(path).text.partition("</form>")[0]
        fields = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', text)
        return {name: html.unescape(value) for name, value in fields}

    def send(self, path: str, headers: dict[str, str | None] | None = None, **form: str) -> Answer:
        return self.ask("POST", path, form=form, headers=headers)

    def sign_in(self, login: str, password: str | None = None, wanted: str = "/") -> Answer:
        form = {**self.form(), "login": login, "password": password or f"{login}'s secret"}
        form["next"] = wanted
        return self.send("/login", **form)

    def follow(self, url: str, jar: dict[str, str] | None = None) -> Answer:
        """Open an address of another site, as a redirect leads there; ``jar`` holds that site's cookies."""
        parts = urlsplit(url)
        there = Browser(parts.port or 80, cookies={} if jar is None else jar)
        return there.get(f"{parts.path}?{parts.query}", Sec_Fetch_Site="cross-site")

    def come_back(self, url: str) -> Answer:
        """Open an address of this site to which another site redirects."""
        parts = urlsplit(url)
        assert parts.port == self.port, url
        return self.ask(
            "GET", f"{parts.path.removeprefix(self.prefix)}?{parts.query}", headers={"Sec-Fetch-Site": "cross-site"}
        )

    def sign_out(self, **more: str) -> Answer:
        return self.send("/logout", **{**self.form("/logout"), **more})

    def token(self, path: str = "/app") -> str:
        """The token in a page, by which its script opens the websocket."""
        found = re.search(r'"token":"([^"]+)"', self.get(path).text)
        assert found, "the page holds no token"
        return found.group(1)


@dataclass
class Dashboard:
    """The running dashboard."""

    port: int
    gate: Gate
    store: Store
    clock: Clock
    people: People
    server: Server
    loop: IOLoop
    sockets: list[WebSocketClientConnection] = field(default_factory=list)

    def browser(self) -> Browser:
        return Browser(self.port, self.gate.prefix)

    def in_loop(self, call: Callable[[], Any]) -> Any:
        """Run ``call`` in the server's thread and wait for it."""

        async def run() -> Any:
            return call()

        return asyncio.run_coroutine_threadsafe(run(), self.loop.asyncio_loop).result(20)

    def socket(self, browser: Browser, token: str, **more: str) -> WebSocketClientConnection:
        """Open a websocket as a page's script does. Raises where it is refused."""
        cookie = "; ".join(f"{k}={v}" for k, v in browser.cookies.items())

        async def opened() -> WebSocketClientConnection:
            request = HTTPRequest(
                f"ws://localhost:{self.port}{self.gate.prefix}/app/ws",
                headers={"Cookie": cookie, "Origin": f"http://localhost:{self.port}", **more},
            )
            connection = await websocket_connect(request, subprotocols=["bokeh", token])
            self.sockets.append(connection)
            assert await connection.read_message() is not None, "closed at once"
            return connection

        return asyncio.run_coroutine_threadsafe(opened(), self.loop.asyncio_loop).result(20)

    def closing(self, connection: WebSocketClientConnection) -> int | None:
        """Wait until the server closes the websocket; its code."""

        async def closed() -> int | None:
            async with asyncio.timeout(15):
                while await connection.read_message() is not None:
                    pass
            code = connection.close_code
            connection.close()
            self.sockets.remove(connection)
            return code

        return asyncio.run_coroutine_threadsafe(closed(), self.loop.asyncio_loop).result(20)


@contextmanager
def dashboard(
    folder: Path,
    *,
    apps: dict[str, Callable[[], Any]] | None = None,
    extra: Sequence[tuple[Any, ...]] = (),
    install: bool = True,
    prefix: str = "",
    providers: Sequence[Provider] = (),
    **options: Any,
) -> Iterator[Dashboard]:
    """Serve ``apps`` (one small page at ``/app``) behind a gate on a free port; ``providers`` beside `People`."""
    clock, people = Clock(), People()
    store = Store(f"sqlite:///{folder / 'lens.sqlite'}", clock=clock)
    gate = Gate(store, [people, *providers], prefix=prefix, demo=DEMO, **options)
    ready: list[Any] = []
    started = threading.Event()

    def serve() -> None:
        asyncio.set_event_loop(asyncio.new_event_loop())
        server = None
        try:
            server = pn.io.server.get_server(
                apps or {"/app": page},
                port=0,
                address="localhost",
                start=False,
                prefix=prefix,
                auth_provider=gate.provider(),
                extra_patterns=[*gate.patterns(), (r"/echo", Echo), *extra],
            )
            if install:
                gate.install(server._tornado)
            server.start()
            ready.extend((server, server.io_loop))
        except Exception as error:
            if server is not None:
                server.stop()
            asyncio.get_event_loop().close()
            ready.append(error)
            return
        finally:
            started.set()
        server.io_loop.start()
        server.io_loop.close(all_fds=True)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    assert started.wait(30)
    if isinstance(ready[0], Exception):
        raise ready[0]
    server, loop = ready
    running = Dashboard(server.port, gate, store, clock, people, server, loop)
    try:
        yield running
    finally:
        people.release.set()

        async def stop() -> None:
            gate.stop()
            for connection in running.sockets:
                connection.close()
                while await connection.read_message() is not None:
                    pass
            server.stop()
            loop.add_callback(loop.stop)

        loop.add_callback(stop)
        thread.join(20)
        store.close()
