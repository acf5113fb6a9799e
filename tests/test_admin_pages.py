"""The pages of administrators, of one's own sign-ins, and what is written down: through a page's own websocket."""

import asyncio
import csv
import io
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browser.site import FOREIGN, NEWEST
from servers.running import Running, shown, trail, whole_app
from tornado.httpclient import HTTPClientError

from app.denials import Denials
from app.office import BrowserOffice, trail_filter
from auth.identity import Identity, SignedIn
from auth.records import TrailFilter
from auth.sign_ins import mark_of
from auth.store import Store, digest
from data.errors import NotFound
from data.lists import Asked

ABSENT = "This page does not exist, or you do not have access to it."
TABS = ("groups", "permissions", "signed_in", "trail")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with whole_app(tmp_path_factory.mktemp("admin") / "site") as made:
        yield made


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Running]:
    """An app for one test, which changes rights in it."""
    with whole_app(tmp_path / "site") as made:
        yield made


# ---- who sees the pages of administrators ---------------------------------------------------------------------------


@pytest.mark.parametrize("tab", TABS)
def test_without_the_right_an_admin_page_reads_like_one_that_is_not_there(running: Running, tab: str) -> None:
    async def talk(visitor: Any) -> None:
        page = await visitor.open(f"/?page=admin&tab={tab}")
        text = await shown(page, ABSENT)
        for foreign in ("super", "Ada", "all_proposals", "Audit trail", "Signed in by"):
            assert foreign not in text
        assert "Administration" not in json.dumps(page.parts[page.ids["Shell"]]["nav"])
        assert "Table" not in page.ids
        page.close()

    running.drive(talk, "nobody")


def test_an_administrator_sees_groups_with_their_members_and_permissions(running: Running) -> None:
    async def talk(visitor: Any) -> None:
        page = await visitor.open("/?page=admin")
        text = await shown(page, "super", "all_proposals", "sees every proposal", '"Administration"', "1 member")
        assert "Ada" in text
        page.close()
        page = await visitor.open("/?page=admin&tab=permissions")
        await shown(page, "manage_groups", "sees who is signed in and the audit trail", "1 holder")
        await shown(page, "In the settings of this site, and not in ISPyB", "super_admin")
        page.close()

    running.drive(talk, "admin")


@pytest.mark.parametrize("login", ["alice", "nobody", "admin"])
def test_the_office_asks_for_the_right_at_every_call(running: Running, login: str) -> None:
    session = running.shared.store.begin(Identity("accounts", login, login, login.title()))
    others = running.shared.store.begin(Identity("accounts", "carol", "carol", "Carol"))
    who = SignedIn(Identity("accounts", login, login, login.title()), digest(session))
    office = BrowserOffice(running.shared, who, "192.0.2.1")
    calls: list[Callable[[], Any]] = [
        lambda: office.reader_of("alice", "mx415"),
        office.signed_in,
        lambda: office.trail(Asked(), None, 10),
        lambda: office.sign_out(mark_of(digest(others))),
    ]
    for call in calls:
        if login == "admin":
            call()
        else:
            with pytest.raises(NotFound, match=ABSENT):
                call()
    assert (running.shared.store.look_up(others) is None) == (login == "admin")
    with pytest.raises(NotFound, match="This sign-in does not exist"):
        office.sign_out_own(mark_of(digest(others)))
    assert {row["login"] for row in office.own()} == {login}


# ---- a right that is taken away -------------------------------------------------------------------------------------


class _Ahead:
    """A clock that a test sets forward."""

    def __init__(self) -> None:
        self.by = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.by


def test_a_permission_taken_away_ends_within_a_minute_on_open_pages_and_frames(own: Running) -> None:
    ahead = own.shared.access._clock = _Ahead()  # type: ignore[assignment]

    async def talk(admin: Any) -> None:
        alice = await own.visitor("alice")
        page, hers = await admin.open("/?visit=mx415-3"), await alice.open("/?visit=mx415-3")
        office = await admin.open("/?page=admin&tab=trail")
        for tab in (page, hers, office):
            assert (await tab.until("rows"))["rows"]
        assert (await admin.ask(f"/frame/{NEWEST}/1")).code == 200
        own.site.run("DELETE FROM UserGroup_has_Person WHERE personId = 3")
        assert (await admin.ask(f"/frame/{NEWEST}/1")).code == 200, "rights may be a minute old"
        ahead.by += 61
        with pytest.raises(HTTPClientError, match="404"):
            await admin.ask(f"/frame/{NEWEST}/1")
        own.shared.pulses.check_seconds = own.shared.shared.right_seconds = 0.2
        await shown(page, "This visit does not exist, or you do not have access to it.")
        page.heard.clear()
        own.site.collect(5999)
        assert [row["key"] for row in (await hers.until("insert"))["rows"]] == [5999]
        await asyncio.sleep(0.5)
        assert not [m for _, m in page.heard if m["type"] in {"insert", "update", "rows"}]
        (table,) = (key for key, first in office.parts.items() if first.get("label") == "Audit trail")
        await office.want(table, seq=99)
        assert ABSENT in (await office.until("fail"))["text"]
        with pytest.raises(HTTPClientError, match="404"):
            await admin.ask("/trail.csv")
        for tab in (page, hers, office):
            tab.close()

    own.drive(talk, "admin")


# ---- what is written down -------------------------------------------------------------------------------------------


def test_what_is_asked_for_and_not_shown_is_written_down(own: Running) -> None:
    async def talk(visitor: Any) -> None:
        for link in ("/?visit=em7-1", "/?proposal=em7", "/?page=admin", "/?page=why&visit=em7-1"):
            page = await visitor.open(link)
            await shown(page, "does not exist, or you do not have access to it.")
            page.close()
        for _ in range(3):
            with pytest.raises(HTTPClientError, match="404"):
                await visitor.ask(f"/frame/{FOREIGN}/1")
        page = await visitor.open("/?visit=mx415-3")
        await page.until("rows")
        page.close()

    own.drive(talk)
    wanted = {"?visit=em7-1", "?proposal=em7", "?page=admin", "?page=why&visit=em7-1", f"/frame/{FOREIGN}/1"}
    assert sorted(trail(own, "denied", "alice")) == sorted(wanted), "each once"


def test_a_flood_of_denials_does_not_drown_the_trail(tmp_path: Path) -> None:
    store, ahead = Store(f"sqlite:///{tmp_path / 'lens.sqlite'}"), _Ahead()
    denials = Denials(store, lambda write: write(), ahead)
    alice, bob = Identity("p", "1", "alice", "A"), Identity("p", "2", "bob", "B")
    for number in range(1000):
        denials.note(alice, "", f"/frame/{number}/1")
    denials.note(bob, "", "?visit=mx1-1")
    rows = [row.detail for row in store.trail.page(TrailFilter(), limit=2000)]
    assert len(rows) == 11
    assert rows[:2] == ["?visit=mx1-1", "/frame/9/1 (more of this minute are not listed)"]
    ahead.by += 61
    denials.note(alice, "", "/frame/5/1")
    assert store.trail.page(TrailFilter())[0].detail == "/frame/5/1"
    store.close()


def test_the_trail_is_read_page_by_page_and_filtered(running: Running) -> None:
    store = running.shared.store
    for number in range(250):
        store.record("test", login="filler", detail=f"row {number}")

    async def talk(visitor: Any) -> None:
        page = await visitor.open("/?page=admin&tab=trail&f.login=filler")
        first = (await page.until("rows"))["rows"]
        assert [row["detail"] for row in first] == [f"row {n}" for n in range(249, 149, -1)]
        (table,) = (key for key, part in page.parts.items() if part.get("label") == "Audit trail")
        store.record("test", login="filler", detail="row late")
        await page.want(table, seq=7, offset=100)
        assert (await page.until("rows", seq=7))["rows"][0]["detail"] == "row 149"
        await page.want(table, seq=8, offset=230)
        last = await page.until("rows", seq=8)
        assert [row["detail"] for row in last["rows"]][-1] == "row 0"
        assert last["done"]
        page.close()

    running.drive(talk, "admin")


def test_times_and_words_narrow_the_trail() -> None:
    wanted = trail_filter(Asked(filters=(("time", "2026-11-24"), ("kind", "login")), search="bob"))
    assert (wanted.kind, wanted.search) == ("login", "bob")
    assert wanted.since is not None
    assert wanted.until == wanted.since + 86400
    assert trail_filter(Asked(filters=(("time", "soon"),))) == TrailFilter()


def test_the_trail_is_exported_for_whoever_may_read_it(running: Running) -> None:
    running.shared.store.record("test", login="csv", detail='=HYPERLINK("http://example.org")')
    running.shared.store.record("test", login="csv", detail='a "quote", a comma')

    async def foreign(visitor: Any) -> None:
        with pytest.raises(HTTPClientError, match="404") as refused:
            await visitor.ask("/trail.csv")
        assert refused.value.response is not None
        assert refused.value.response.body.decode() == ABSENT + "\n"

    async def talk(visitor: Any) -> None:
        answer = await visitor.ask("/trail.csv?login=csv&nonsense=1")
        assert answer.headers["Content-Disposition"] == 'attachment; filename="audit-trail.csv"'
        rows = list(csv.reader(io.StringIO(answer.body.decode("utf-8-sig"))))
        assert rows[0] == ["time", "kind", "login", "address", "detail"]
        assert [row[4] for row in rows[1:]] == ['a "quote", a comma', '\'=HYPERLINK("http://example.org")']

    running.drive(foreign, "alice")
    running.drive(talk, "admin")
    assert trail(running, "exported", "admin")


# ---- why ------------------------------------------------------------------------------------------------------------


def test_why_names_the_rule_on_its_page(running: Running) -> None:
    async def talk(visitor: Any) -> None:
        page = await visitor.open("/?visit=mx415-3")
        await shown(page, "Why can I see this?", "?page=why&visit=mx415-3")
        page.close()
        page = await visitor.open("/?page=why&visit=mx415-3")
        await shown(page, "You are in ProposalHasPerson of mx415 as “Co-Investigator”. mx415-3 is a visit of it.")
        page.close()
        page = await visitor.open("/?page=why&visit=em7-1")
        await shown(page, "This visit does not exist, or you do not have access to it.")
        page.close()
        page = await visitor.open("/?page=why&visit=mx415-3&v.person=nobody")
        assert "Nora" not in await shown(page, ABSENT)
        page.close()

    running.drive(talk)


def test_on_what_is_not_to_be_seen_nobody_is_asked_why_it_can_be_seen(running: Running) -> None:
    async def talk(visitor: Any) -> None:
        for link in ("?visit=em7-1", "?proposal=em7", f"?collection={FOREIGN}", f"?collection={FOREIGN}&tab=image"):
            page = await visitor.open(f"/{link}")
            await shown(page, "does not exist, or you do not have access to it.")
            aside = [page.parts[page.ids["Shell"]]["aside"]]
            aside += [message["aside"] for _, message in page.heard if "aside" in message]
            assert aside[-1] == []
            page.close()

    running.drive(talk)


def test_an_administrator_asks_for_another_person(running: Running) -> None:
    async def talk(visitor: Any) -> None:
        for person in ("alice", "Alice"):
            page = await visitor.open(f"/?page=why&visit=em7-1&v.person={person}")
            await shown(page, "cannot see em7-1", "No rule lets Alice", "is not in ProposalHasPerson of em7.")
            page.close()
        page = await visitor.open("/?page=why&collection=7001&v.person=carol")
        await shown(page, "is the principal investigator of em7. Collection 7001 is of em7.")
        page.close()
        page = await visitor.open("/?page=why&visit=em7-1&v.person=a")
        await shown(page, "Who is meant?", "v.person=alice")
        page.close()
        page = await visitor.open("/?page=why&visit=nothing9-1&v.person=alice")
        await shown(page, "This visit does not exist, or you do not have access to it.")
        page.close()

    running.drive(talk, "admin")
    assert "em7-1 for alice" in trail(running, "asked why", "admin")


def test_the_form_leads_to_what_was_typed(running: Running) -> None:
    async def talk(visitor: Any) -> None:
        page = await visitor.open("/?page=why")
        await shown(page, "Ask why something can be seen")
        for typed, link in (
            ({"about": "mx415-3"}, "?page=why&visit=mx415-3"),
            ({"about": "MX415", "person": "bob & <b>"}, "?page=why&proposal=MX415&v.person=bob%20%26%20%3Cb%3E"),
            ({"about": f"collection {NEWEST}"}, f"?page=why&collection={NEWEST}"),
        ):
            await page.tell(page.ids["Blocks"], type="action", name="ask", value=json.dumps(typed))
            await shown(page, link)
        for nonsense in ("{", "[1]", json.dumps({"about": "<script>"}), json.dumps({"about": 7})):
            await page.tell(page.ids["Blocks"], type="action", name="ask", value=nonsense)
        await shown(page, "“<script>” names no proposal, visit or collection.")
        page.close()

    running.drive(talk)


def test_hostile_names_stay_text(running: Running) -> None:
    async def talk(visitor: Any) -> None:
        page = await visitor.open("/?page=why&visit=hx9-2&v.person=carol")
        assert "<script>window.executed=2</script>" in await shown(page, "principal investigator")
        page.close()

    running.drive(talk, "admin")
