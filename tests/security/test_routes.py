"""Every route of the served app, found in its own route table: without a login, after a sign-out, with another's ids.

An address is made from each route's pattern, so a route that is added later is asked too.
"""

import asyncio
import http.client
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import replace as but
from re import _constants as code  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import pytest
from browser.site import PASSWORD, free_port
from security.hostile import FOREIGN, MISSING, SECRET, Hostile
from servers.visitor import Visitor
from source import ROOT
from sqlalchemy import make_url
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketHandler, websocket_connect

from app.server import gate_for, make
from app.services import services
from app.settings import Settings, Store
from auth.coverage import _routes
from auth.routes import PublicHandler
from auth.store import Store as Records
from auth.store import digest

# Public on purpose, and why. A route that is public and not here fails the tests.
PUBLIC = {
    "/login": "the sign-in page",
    "/logout": "signing out needs no login",
    "/auth/": "what signing in and out is made of",
    "/static/": "scripts and styles of installed packages",
    "/components/": "scripts and styles of our own components",
    "/favicon.ico": "a picture",
    "/sign-in-methods": "shows what belongs to whoever is signed in, and sends others to the sign-in page",
}
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")


def example(pattern: str, number: int) -> str:
    """An address that ``pattern`` matches, with ``number`` for every group of digits."""

    def made(tokens: Any) -> str:
        text = ""
        for kind, given in tokens:
            if kind is code.LITERAL:
                text += chr(given)
            elif kind is code.SUBPATTERN:
                text += made(given[3])
            elif kind is code.BRANCH:
                text += made(given[1][0])
            elif kind in (code.MAX_REPEAT, code.MIN_REPEAT):
                low, high, inner = given
                digits = list(inner) in ([(code.IN, [(code.CATEGORY, code.CATEGORY_DIGIT)])],)
                text += str(number)[: int(high)] if digits else made(inner) * max(low, min(1, int(high)))
            elif kind is code.IN:
                first, value = given[0]
                text += {code.RANGE: lambda v: chr(v[0]), code.LITERAL: chr}.get(first, lambda _: "1")(value)
            elif kind in (code.ANY, code.NOT_LITERAL):
                text += "."
        return text

    return made(parser.parse(pattern))


@dataclass
class Served:
    """The app in a thread, so that its routes can be looked at."""

    site: Hostile
    server: Any
    port: int

    def routes(self) -> list[tuple[str, Any]]:
        return [(pattern, handler) for pattern, handler in _routes(self.server._tornado) if pattern != ".*"]

    def ask(self, method: str, path: str, cookie: str = "", **headers: str) -> tuple[int, dict[str, str], str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        given = {"Accept": "*/*", "Sec-Fetch-Dest": "empty", "Sec-Fetch-Site": "same-origin", "Cookie": cookie}
        try:
            connection.request(method, path, headers={**given, **headers})
            answer = connection.getresponse()
            return answer.status, dict(answer.headers), answer.read().decode(errors="replace")
        finally:
            connection.close()

    def cookie(self, login: str) -> str:
        async def talk() -> str:
            visitor = Visitor(f"http://127.0.0.1:{self.port}")
            await visitor.sign_in(login, PASSWORD)
            found: str = visitor.cookie
            return found

        return asyncio.run(talk())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    site = Hostile(tmp_path_factory.mktemp("routes"))
    site.write()
    settings, port = Settings(), free_port()
    settings = but(
        settings,
        database=but(settings.database, url=make_url(f"sqlite:///{site.database}")),
        store=Store(make_url(f"sqlite:///{site.folder / 'lens.sqlite'}")),
        server=but(settings.server, address="127.0.0.1", port=port),
    )
    ready: list[Any] = []
    started = threading.Event()

    def serve() -> None:
        asyncio.set_event_loop(asyncio.new_event_loop())
        try:
            shared = services(settings)
            gate = gate_for(shared)
            server = make(shared, gate)
            server.start()
            ready.extend((shared, gate, server))
        finally:
            started.set()
        server.io_loop.start()
        server.io_loop.close(all_fds=True)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    assert started.wait(120)
    shared, gate, server = ready
    yield Served(site, server, port)

    async def stop() -> None:
        gate.stop()
        server.stop()
        server.io_loop.add_callback(server.io_loop.stop)

    server.io_loop.add_callback(stop)
    thread.join(20)
    shared.close()
    shared.store.close()


def public(path: str) -> bool:
    return any(path == known or (known.endswith("/") and path.startswith(known)) for known in PUBLIC)


def gated(served: Served, number: int = 1) -> list[str]:
    return [path for pattern, _ in served.routes() if not public(path := example(pattern, number))]


def test_an_address_is_made_for_every_pattern(served: Served) -> None:
    assert example(r"/frame/(\d{1,12})/(\d{1,9})", 77) == "/frame/77/77"
    assert len(served.routes()) > 10
    for pattern, _ in served.routes():
        assert re.fullmatch(pattern, example(pattern, 1)), pattern


def test_what_is_public_is_so_on_purpose(served: Served) -> None:
    for pattern, handler in served.routes():
        if issubclass(handler, PublicHandler):
            assert public(example(pattern, 1)), f"{pattern}: say in PUBLIC why anybody may read it"
    answer = served.ask("GET", "/sign-in-methods")
    assert answer[0] in {303, 401}


@pytest.mark.parametrize(
    "cookie", ["", "ispyb_sid=guess", "user=alice; is_guest=1; ispyb_sid=", "ispyb_sid=" + "x" * 3000]
)
def test_no_gated_route_answers_without_a_login(served: Served, cookie: str) -> None:
    for path in gated(served):
        for method in METHODS:
            status, headers, body = served.ask(method, path, cookie)
            assert status in {303, 400, 401, 403, 405, 426}, (method, path, status)
            assert SECRET not in body
            assert "onerror" not in body
            assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_signed_out_cookie_opens_nothing(served: Served) -> None:
    cookie = served.cookie("alice")
    assert served.ask("GET", "/auth/ping", cookie)[0] == 204
    session = cookie.partition("ispyb_sid=")[2].partition(";")[0]
    records = Records(f"sqlite:///{served.site.folder / 'lens.sqlite'}")
    assert records.revoke(digest(session), "signed out")
    records.close()
    for path in (*gated(served), "/auth/ping", "/auth/form"):
        assert served.ask("GET", path, cookie)[0] in {303, 400, 401, 403, 405, 426}, path


def test_what_is_foreign_and_what_is_missing_answer_alike(served: Served) -> None:
    cookie = served.cookie("alice")
    for pattern, _ in served.routes():
        foreign, missing = example(pattern, FOREIGN), example(pattern, MISSING)
        if public(foreign) or foreign == missing:
            continue
        for query in ("", "?size=full", f"?collection={FOREIGN}&visit=hx{FOREIGN}-1&ids={FOREIGN}"):
            one, two = (served.ask("GET", path + query, cookie) for path in (foreign, missing))
            said = [answer[2].replace(str(number), "N") for answer, number in ((one, FOREIGN), (two, MISSING))]
            assert (one[0], said[0]) == (two[0], said[1]), foreign
            assert SECRET not in one[2]


def test_no_route_writes_for_the_page_of_another_site(served: Served) -> None:
    cookie = served.cookie("alice")
    evil = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    for path in gated(served):
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            assert served.ask(method, path, cookie, **evil)[0] in {400, 403, 405}, (method, path)


QUERIES = (
    "",
    "?a=%00",
    "?" + "a=1&" * 2000,
    "?size[]=1&token=%ff%fe",
    "?next=%0d%0aSet-Cookie:x=1",
    "?bokeh-session-id=x",
)


def test_no_answer_shows_a_trace_a_statement_or_a_path(served: Served) -> None:
    cookie = served.cookie("alice")
    for pattern, _ in served.routes():
        for number in (0, 1, FOREIGN, 999999999999):
            for query in QUERIES:
                for method in ("GET", "POST"):
                    status, headers, body = served.ask(method, example(pattern, number) + query, cookie)
                    assert status < 500 or status == 503, (method, pattern, query, body[:300])
                    if status >= 400:
                        for trace in ("Traceback", "SELECT ", "sqlite", str(ROOT), str(served.site.folder), ".py"):
                            assert trace not in body, (pattern, body[:300])
                    assert "x=1" not in headers.get("Set-Cookie", "")
                    assert "Server" not in headers


def test_every_page_has_its_policy_and_is_kept_by_nobody(served: Served) -> None:
    cookie = served.cookie("alice")
    for path in [example(pattern, 1) for pattern, _ in served.routes()]:
        status, headers, _ = served.ask("GET", path, cookie, Accept="text/html", **{"Sec-Fetch-Dest": "document"})
        kind, kept = headers.get("Content-Type", ""), headers.get("Cache-Control", "")
        if kind.startswith("text/html"):
            assert "'unsafe-eval'" not in headers["Content-Security-Policy"], path
            assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], path
            assert kept == "no-store", path
        elif status == 200 and not public(path):
            assert kept.startswith(("private", "no-store")), (path, kept)


def test_no_socket_opens_without_a_login_or_to_anothers_page(served: Served) -> None:
    paths = [example(p, 1) for p, handler in served.routes() if issubclass(handler, WebSocketHandler)]
    assert paths

    async def talk() -> None:
        alice, bob = (Visitor(f"http://127.0.0.1:{served.port}") for _ in range(2))
        await alice.sign_in("alice", PASSWORD)
        await bob.sign_in("bob", PASSWORD)
        page = (await alice.ask("/")).body.decode()
        (token,) = re.findall(r'"token":\s*"([^"]+)"', page)[:1]
        for path in paths:
            for cookie in ("", "ispyb_sid=x", bob.cookie):
                request = HTTPRequest(f"ws://127.0.0.1:{served.port}{path}", headers={"Cookie": cookie})
                with pytest.raises(HTTPClientError, match=r"40[13]"):
                    await websocket_connect(request, subprotocols=["bokeh", token])
        tab = await alice.open("/")
        tab.close()
        await asyncio.sleep(0.2)

    asyncio.run(talk())
