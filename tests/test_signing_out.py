"""Signing out, oneself and others: what it ends, and how soon."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from servers.running import Running, eventually, shown, trail, whole_app
from sqlalchemy import insert

from app.office import BrowserOffice
from auth.identity import Identity, SignedIn
from auth.sign_ins import mark_of
from auth.store import digest
from auth.tables import AUDIT

ABSENT = "This page does not exist, or you do not have access to it."


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with whole_app(tmp_path_factory.mktemp("out") / "site") as made:
        yield made


def test_who_is_signed_out_by_an_administrator_loses_every_page_within_five_seconds(running: Running) -> None:
    async def talk(admin: Any) -> None:
        alice = await running.visitor("alice")
        tabs = [await alice.open("/?visit=mx415-3"), await alice.open("/")]
        page = await admin.open("/?page=admin&tab=signed_in")
        rows = (await page.until("rows"))["rows"]
        mark = next(row["mark"] for row in rows if row["login"] == "alice")
        mine = next(row for row in rows if row["here"])
        assert mine["login"] == "admin"
        (table,) = (key for key, first in page.parts.items() if first.get("label") == "Sign-ins")
        (bar,) = (key for key, first in page.parts.items() if "Select a sign-in" in json.dumps(first))
        await page.tell(table, type="select", keys=[mark])
        await shown(page, "Sign out Alice")
        began = time.monotonic()
        await page.tell(bar, type="action", name="out", value="")
        await eventually(lambda: all(tab.closed for tab in tabs))
        taken = time.monotonic() - began
        print(f"\nevery socket of a person signed out by an administrator was closed after {taken:.2f} s")
        assert taken < 5
        assert (await alice.ask("/")).code == 303, "to the sign-in page"
        await shown(page, "Signed out: Alice")
        assert not page.closed
        for tab in (page, *tabs):
            tab.close()

    running.drive(talk, "admin")
    assert any(row.startswith("alice (accounts), at ") for row in trail(running, "signed out", "admin"))


def test_a_button_that_was_never_shown_signs_nobody_out(running: Running) -> None:
    async def talk(visitor: Any) -> None:
        page = await visitor.open("/?page=admin&tab=signed_in")
        await shown(page, ABSENT)
        before = len(trail(running, "signed out"))
        for part in list(page.parts):
            await page.tell(part, type="select", keys=["0" * 16])
            await page.tell(part, type="action", name="out", value="0" * 16)
        await asyncio.sleep(0.5)
        assert len(trail(running, "signed out")) == before
        assert not page.closed
        page.close()

    running.drive(talk, "nobody")


def test_one_signs_out_everywhere_after_being_asked_back(running: Running) -> None:
    async def talk(visitor: Any) -> None:
        other = await running.visitor("alice")
        elsewhere = await other.open("/")
        page = await visitor.open("/?page=account")
        await shown(page, "Sign out everywhere", "this browser", "What you may see")
        blocks = page.ids["Blocks"]
        await page.tell(blocks, type="action", name="everywhere now", value="")
        await page.tell(blocks, type="action", name="everywhere", value="")
        await shown(page, "End all sign-ins, this one too")
        assert not page.closed, "the first click only asks"
        began = time.monotonic()
        await page.tell(blocks, type="action", name="everywhere now", value="")
        await eventually(lambda: page.closed and elsewhere.closed)
        assert time.monotonic() - began < 5
        assert (await visitor.ask("/")).code == (await other.ask("/")).code == 303
        for tab in (page, elsewhere):
            tab.close()

    running.drive(talk)
    assert trail(running, "logout everywhere", "alice")[0] == "accounts"


def test_one_ends_another_of_ones_own_sign_ins_and_no_one_elses(running: Running) -> None:
    async def talk(visitor: Any) -> None:
        other, carol = await running.visitor("alice"), await running.visitor("nobody")
        elsewhere, foreign = await other.open("/"), await carol.open("/")
        sessions = {row.identity.login: row for row in reversed(running.shared.store.sign_ins.now())}
        page = await visitor.open("/?page=account")
        await shown(page, "Sign out everywhere")
        blocks = page.ids["Blocks"]
        await page.tell(blocks, type="action", name="out", value=mark_of(sessions["nobody"].session_hash))
        await shown(page, "This sign-in does not exist")
        session = other.cookies["ispyb_sid"]
        await page.tell(blocks, type="action", name="out", value=mark_of(digest(session)))
        await eventually(lambda: elsewhere.closed)
        assert not foreign.closed
        assert not page.closed
        for tab in (page, elsewhere, foreign):
            tab.close()

    running.drive(talk)


def test_failed_attempts_at_a_namesake_of_another_provider_are_not_shown(running: Running) -> None:
    store = running.shared.store
    for kind, detail in (("failure", "accounts"), ("throttled", "accounts (more)"), ("failure", "elsewhere")):
        store.record(kind, login="twin", address="192.0.2.7", detail=detail)
    seen = {}
    for provider in ("accounts", "elsewhere", "orcid"):
        who = SignedIn(Identity(provider, "s", "twin", "Twin"), "0" * 64)
        seen[provider] = [row["detail"] for row in BrowserOffice(running.shared, who).failures()]
    assert seen == {"accounts": ["accounts (more)", "accounts"], "elsewhere": ["elsewhere"], "orcid": []}


def test_a_file_under_way_ends_within_five_seconds_of_signing_out(running: Running) -> None:
    now = time.time()
    rows = [{"time": now, "kind": "t", "login": "l", "address": "", "detail": "d" * 900} for _ in range(30_000)]
    with running.shared.store._engine.begin() as connection:
        connection.execute(insert(AUDIT), rows)

    async def talk(visitor: Any) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port, limit=4096)
        writer.write(f"GET /trail.csv HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {visitor.cookie}\r\n\r\n".encode())
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        page = await visitor.open("/?page=account")
        await shown(page, "Sign out everywhere")
        blocks = page.ids["Blocks"]
        await page.tell(blocks, type="action", name="everywhere", value="")
        await shown(page, "End all sign-ins, this one too")
        began = time.monotonic()
        await page.tell(blocks, type="action", name="everywhere now", value="")
        await eventually(lambda: page.closed)
        got = 0
        with suppress(ConnectionError):
            while part := await reader.read(1 << 20):
                got += len(part)
        print(f"\nthe file ended {time.monotonic() - began:.2f} s after signing out, after {got / 1e6:.1f} MB of 28")
        assert time.monotonic() - began < 5
        assert got < 27_000_000
        writer.close()
        page.close()

    running.drive(talk, "admin")


def test_large_files_leave_the_threads_of_questions_alone(running: Running) -> None:
    go_on = threading.Event()

    async def talk(visitor: Any) -> None:
        for _ in range(20):
            running.shared.exports.submit(go_on.wait, 30)
        file = asyncio.ensure_future(visitor.ask("/export/collections.csv?visit=mx415-3&tab=mx"))
        page = await visitor.open("/?visit=mx415-3")
        assert (await page.until("rows"))["rows"]
        assert not file.done()
        go_on.set()
        assert (await file).code == 200
        page.close()

    running.drive(talk)
