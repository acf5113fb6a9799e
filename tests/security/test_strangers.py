"""What a browser may send over its websocket: every message that any part understands, with a stranger's values in it,
and changes of every property of every model. Nothing foreign comes back, no trace, and the page goes on working.

The kinds of message and the names of their fields are read from the code, so that what is added later is attacked too.
"""

import asyncio
import json
import random
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest
from browser.site import PASSWORD
from security.hostile import FOREIGN, SECRET, Hostile
from servers.visitor import Visitor
from source import ROOT
from tornado.websocket import WebSocketClosedError

from app.screens import VIEWS
from views.parts.table import MOST_ROWS
from views.place import Place, from_query, to_query

SENT = 150
"""Messages to each page, drawn from all combinations by a fixed seed."""

AT = Place(proposal="hx1", visit=1, collection=1, image=1, sample=1, scan=1)
PLACES = {name: f"/{to_query(replace(AT, page=name))}" for name in VIEWS}
MORE = ("/?visit=hx2-1", "/?visit=hx3-1", "/?collection=2", "/?collection=3", "/?proposal=hx1&tab=samples",
        "/?proposal=hx1&tab=shipments", "/?proposal=hx1&tab=people")  # fmt: skip

DEEP: Any = json.loads("[" * 300 + "]" * 300)
VALUES: tuple[Any, ...] = (
    *(FOREIGN, str(FOREIGN), [FOREIGN, str(FOREIGN)], -1, 0, 10**9, 10**400, 1.5e300, float("nan"), None, True, ""),
    *([], {}, "x" * 50_000, "../../../etc/passwd", "/etc/passwd", "'; DROP TABLE Person; --", "%", "\0", "\ud800"),
    *("<img src=x onerror=window.executed=1>", f"?collection={FOREIGN}", f"?visit=hx{FOREIGN}-1"),
    *(f"?proposal=hx{FOREIGN}", "?page=proposals&sort=-__class__", {"id": FOREIGN}, [[FOREIGN] * 9] * 9, DEEP),
    *([0] * 20_000, {"a": {"$ne": 1}}),
)


def kinds_and_fields() -> tuple[list[str], list[str]]:
    """What parts listen to, and by which names they take values out of a message."""
    python = "\n".join(path.read_text() for path in (ROOT / "views").rglob("*.py"))
    scripts = "\n".join(path.read_text() for path in (ROOT / "views").rglob("*.js"))
    compared = re.findall(r"kind == \"(\w+)\"", python)
    compared += [word for some in re.findall(r"kind in [({]([^)}]*)[)}]", python) for word in re.findall(r"\w+", some)]
    said = re.findall(r"type: \"(\w+)\"", scripts)
    fields = re.findall(r"(?:data|message)\.get\(\"(\w+)\"", python) + re.findall(r"data\[\"(\w+)\"\]", python)
    loops = re.findall(r"data\.get\(name\) for name in \(([^)]*)\)", python)
    fields += [word for some in loops for word in re.findall(r"\w+", some)]
    return sorted({*compared, *said}), sorted(
        {*fields, "key", "keys", "id", "ids", "value", "path", "number", "image"} - {"type"}
    )


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hostile]:
    made = Hostile(tmp_path_factory.mktemp("strangers"))
    made.write()
    made.start()
    yield made
    made.stop()


def test_every_view_is_attacked() -> None:
    assert {name: from_query(link.removeprefix("/")).page for name, link in PLACES.items()} == {n: n for n in VIEWS}


def test_the_messages_of_the_code_are_known() -> None:
    kinds, fields = kinds_and_fields()
    assert {"want", "open", "select", "state", "go", "jump", "theme"} <= set(kinds)
    assert {"seq", "limit", "offset", "search", "filters", "keys"} <= set(fields)


@asynccontextmanager
async def pages(site: Hostile) -> AsyncIterator[Callable[[str], Any]]:
    """Alice is signed in; the function opens a page. All are closed in the end."""
    visitor = Visitor(site.address.rstrip("/"))
    await visitor.sign_in("alice", PASSWORD)
    tabs: list[Any] = []

    async def open_(path: str) -> Any:
        tabs.append(await visitor.open(path))
        return tabs[-1]

    try:
        yield open_
    finally:
        for tab in tabs:
            tab.close()
        await asyncio.sleep(0.1)


async def still_works(tab: Any) -> None:
    """The page goes where it is told and shows rows."""
    await tab.tell(tab.ids["Shell"], type="go", search="?page=proposals", pop=False, asked=1)
    while not (await tab.until("rows"))["rows"]:
        pass


def check(tab: Any, site: Hostile, before: int) -> None:
    heard = json.dumps(tab.heard)
    assert SECRET not in heard
    for trace in ("Traceback", 'File \\"', str(ROOT), str(site.folder / "ispyb"), "SELECT "):
        assert trace not in heard, trace
    assert "Traceback" not in site.log[before:], site.log[before:][:6000]


@pytest.mark.parametrize("path", [*PLACES.values(), *MORE])
def test_no_message_of_a_stranger_reaches_what_is_foreign_or_breaks_a_page(hostile: Hostile, path: str) -> None:
    kinds, fields = kinds_and_fields()
    draw = random.Random(path)
    before = len(hostile.log)

    async def talk() -> None:
        async with pages(hostile) as open_:
            tab = await open_(path)
            await asyncio.sleep(1)
            parts = list(tab.parts)
            for _ in range(SENT):
                kind, value = draw.choice(kinds), draw.choice(VALUES)
                message = {field: value if draw.random() < 0.5 else draw.choice(VALUES) for field in fields}
                # The socket takes 2 MB; nothing here is to be refused only for its length.
                message = {name: one for name, one in message.items() if len(json.dumps(one)) < 2000 or name == "key"}
                await tab.tell(draw.choice(parts), type=kind, **message)
            await still_works(tab)
            check(tab, hostile, before)

    asyncio.run(talk())


@pytest.mark.parametrize("path", list(PLACES.values()))
def test_no_property_that_a_browser_writes_reaches_what_is_foreign(hostile: Hostile, path: str) -> None:
    draw = random.Random(path)

    async def talk() -> None:
        async with pages(hostile) as open_:
            tab = await open_(path)
            await asyncio.sleep(1)
            models = list(tab.models.items())
            assert models
            for _ in range(SENT):
                model, names = draw.choice(models)
                name = draw.choice([*names, "value", "disabled", "visible", "data", "first", "search", "children"])
                await tab.set(model, name, draw.choice(VALUES))
            for kind in ("RootAdded", "RootRemoved", "TitleChanged", "ColumnsStreamed", "Nonsense"):
                event = {"kind": kind, "model": {"id": models[0][0]}, "title": "<b>", "attr": "data", "data": DEEP}
                await tab._send("PATCH-DOC", {"events": [event]})
            for kind in ("PULL-DOC-REQ", "PUSH-DOC", "SERVER-INFO-REQ", "OK", "NONSENSE"):
                with suppress(WebSocketClosedError):  # the server hangs up on nonsense
                    await tab._send(kind, {})
            check_told(tab)
            # A page of the same person's, opened afterwards, is whole.
            await still_works(await open_("/"))

    asyncio.run(talk())


def check_told(tab: Any) -> None:
    told = json.dumps([tab.heard, tab.errors])
    for trace in ("Traceback", "site-packages", str(ROOT), "SELECT ", SECRET):
        assert trace not in told, told[max(0, told.index(trace) - 300) :][:1500]


def test_a_message_that_fails_tells_the_browser_no_trace(hostile: Hostile) -> None:
    async def talk() -> None:
        async with pages(hostile) as open_:
            tab = await open_("/")
            await tab.set("nothing", "value", 1)
            async with asyncio.timeout(60):
                while not tab.errors:
                    await asyncio.sleep(0.05)
            assert tab.errors == [{"text": "The server could not use this message.", "traceback": None}]

    asyncio.run(talk())


@pytest.mark.parametrize("limit", [10**9, 10**400, MOST_ROWS + 1])
def test_no_page_of_a_list_is_larger_than_the_largest(hostile: Hostile, limit: int) -> None:
    async def talk() -> None:
        async with pages(hostile) as open_:
            tab = await open_("/?page=proposals")
            await tab.until("rows")
            (table,) = (part for part, first in tab.parts.items() if "columns" in first and "page" in first)
            await tab.tell(table, type="want", seq=77, offset=0, limit=limit, sort=None, descending=False, filters={})
            rows = (await tab.until("rows", seq=77))["rows"]
            assert 0 < len(rows) <= MOST_ROWS
            assert SECRET not in json.dumps(rows)

    asyncio.run(talk())


def test_fragments_that_are_no_messages_end_that_page_and_no_other(hostile: Hostile) -> None:
    fragments = ("{", "[]", "null", "\0", b"\xff" * 1000, "[" * 100_000, json.dumps({"msgtype": "PATCH-DOC"}))

    async def talk() -> None:
        async with pages(hostile) as open_:
            calm = await open_("/")
            for fragment in fragments:
                tab = await open_("/")
                for _ in range(3):
                    with suppress(WebSocketClosedError):
                        await tab._socket.write_message(fragment, binary=isinstance(fragment, bytes))
                await asyncio.sleep(0.2)
                check_told(tab)
            await still_works(calm)

    asyncio.run(talk())
