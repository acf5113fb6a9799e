"""An open monitor of a serial run: left when the right to its visit goes, and never watched by nobody."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from browser.site import SSX
from servers.running import Running, whole_app
from sqlalchemy.exc import ProgrammingError
from tornado.httpclient import HTTPClientError

from auth.records import TrailFilter
from data import schema as s
from data.errors import NotFound, Unavailable
from data.live.runs import Watched
from data.reader import Reader
from data.scope import Scope
from data.techniques.ssx.sources import ImageRows, SourceTrouble
from views.desk import Desk
from views.page import Failed, Page
from views.parts.shell import Shell
from views.place import Place
from views.problem import Problem
from views.techniques.ssx_run import RunView, _brush
from views.techniques.ssx_run import _Ear as Ear

MONITOR = f"/?collection={SSX}&tab=monitor"
CHIP = f"/run/{SSX}/chip"
VISIT_GONE = "This visit does not exist, or you do not have access to it."


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Running]:
    """An app for one test, which changes rights in it."""
    with whole_app(tmp_path / "site") as made:
        made.site.change(s.Collection, SSX, end=None)  # it goes on, so that each moment is news
        yield made


async def shown(tab: Any, words: str) -> None:
    async with asyncio.timeout(20):
        while words not in json.dumps([[*tab.parts.values()], tab.heard], ensure_ascii=False):
            await asyncio.sleep(0.05)


async def until(true: Any) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("taken", "words"),
    [
        ("DELETE FROM UserGroup_has_Person WHERE personId = 3", VISIT_GONE),
        ("UPDATE Person SET login = 'somebody' WHERE personId = 3", "ISPyB has no person with that login"),
    ],
)
def test_an_open_monitor_is_left_within_a_minute_after_the_right_is_gone(own: Running, taken: str, words: str) -> None:
    ahead = 0.0
    own.shared.access._clock = lambda: time.monotonic() + ahead
    own.shared.pulses.check_seconds = own.shared.shared.right_seconds = 0.2

    async def talk(admin: Any) -> None:
        nonlocal ahead
        alice = await own.visitor("alice")
        page, hers = await admin.open(MONITOR), await alice.open(MONITOR)
        for tab in (page, hers):
            assert not (await tab.until("tick"))["head"]["ended"]
        assert (await admin.ask(CHIP)).code == 200
        own.site.run(taken)
        ahead = 61.0
        await shown(page, words)
        page.heard.clear()
        (watched,) = own.shared.runs._watched.values()
        pages = [ear for ear in watched._listeners if isinstance(ear, Ear)]
        assert len(pages) == 1, "alice alone still listens"
        own.site.run(f"INSERT INTO ImageQualityIndicators (dataCollectionId, imageNumber) VALUES ({SSX}, 1)")
        while (await hers.until("tick"))["head"]["whole"]["frames"] == 0:
            pass
        await asyncio.sleep(0.3)
        assert not [message for _, message in page.heard if message["type"] == "tick"]
        # The board is no longer on the page: what a browser sends to it all the same is not answered.
        await page.tell(page.ids["RunBoard"], type="ready", version=-1)
        await page.tell(page.ids["RunBoard"], type="brush", axis="a", low=0, high=1)
        await asyncio.sleep(0.3)
        assert "whole" not in json.dumps(page.heard)
        with pytest.raises(HTTPClientError, match=r"404|503"):
            await admin.ask(CHIP, headers={"Sec-Fetch-Dest": "empty"})
        for tab in (page, hers):
            tab.close()
        await asyncio.sleep(0.3)

    own.drive(talk, "admin")


def test_a_run_is_counted_no_more_when_the_last_browser_has_gone(own: Running) -> None:
    async def talk(visitor: Any) -> None:
        page = await visitor.open(MONITOR)
        await page.until("tick")
        assert list(own.shared.runs._watched) == [SSX]
        page.close()
        await asyncio.sleep(0.3)
        await own.expire()
        await until(lambda: not own.shared.runs._watched)

    own.drive(talk)


def test_who_may_not_see_a_run_is_written_down_once(own: Running) -> None:
    async def talk(visitor: Any) -> None:
        for _ in range(2):
            with pytest.raises(HTTPClientError, match="404"):
                await visitor.ask(CHIP)
            with pytest.raises(HTTPClientError, match="404"):
                await visitor.ask("/export/collections.csv?visit=mx415-3&tab=ssx")

    own.drive(talk, "nobody")
    rows = own.shared.store.trail.page(TrailFilter(("denied",), "nobody"))
    assert {row.detail for row in rows} == {CHIP, "/export/collections.csv?visit=mx415-3&tab=ssx"}
    assert len(rows) == 2


class _SlowRuns:
    """Begins to watch only when it is let."""

    def __init__(self) -> None:
        self.asked, self.go = threading.Event(), threading.Event()
        self.listening: list[Any] = []

    def watch(self, reader: Reader, collection_id: int, heard: Any) -> Watched:
        self.asked.set()
        assert self.go.wait(10)
        self.listening.append(heard)
        return None  # type: ignore[return-value]

    def leave(self, collection_id: int, heard: Any) -> None:
        if heard in self.listening:
            self.listening.remove(heard)


class _Pulse:
    def watch(self, visit_id: int | None) -> None:
        """Nothing to watch."""


def test_who_turns_away_before_the_answer_comes_listens_to_nothing() -> None:
    runs = _SlowRuns()

    async def look() -> None:
        with ThreadPoolExecutor(1) as pool:
            nobody: Any = None
            desk = Desk(lambda: nobody, pool, lambda *_: None, lambda act: act(), _Pulse(), runs=runs)  # type: ignore[arg-type]
            view = RunView(desk)
            view.show(Place("monitor", collection=1))
            await asyncio.to_thread(runs.asked.wait, 10)
            view.hide()
            runs.go.set()
        await asyncio.sleep(0.1)

    asyncio.run(look())
    assert runs.listening == []


def test_while_the_database_is_away_a_page_asks_once_at_a_time_and_not_when_it_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("views.reading._FIRST_RETRY", 0.05)
    monkeypatch.setattr("views.reading._LAST_RETRY", 0.05)
    asked: list[float] = []

    def away() -> Any:
        asked.append(time.monotonic())
        raise Unavailable

    async def outage() -> tuple[int, int]:
        with ThreadPoolExecutor(2) as pool:
            desk = Desk(away, pool, lambda *_: None, lambda act: act(), _Pulse())  # type: ignore[arg-type]
            page = Page(Shell(on_go=lambda *_: None, on_jump=lambda _: None), desk, {}, lambda *_: [])
            page._current = Failed(Problem("", ""))
            for _ in range(20):
                page.check(7)
            await asyncio.sleep(1)
            during = len(asked)
            page.close()
            await asyncio.sleep(0.3)
            at_the_end = len(asked)
            await asyncio.sleep(0.3)
            return during, len(asked) - at_the_end

    during, after = asyncio.run(outage())
    assert 22 <= during <= 45, "20 questions, then one each 50 ms"
    assert after == 0


def test_what_goes_wrong_with_a_statement_is_not_shown() -> None:
    class Broken(Reader):
        def __init__(self, error: Exception) -> None:
            self.scope, self._error = Scope(), error

        def columns(self, query: Any) -> Any:
            raise self._error

        rows = columns

    with pytest.raises(SourceTrouble, match=r"^ISPyB, per-image numbers cannot be read\.$"):
        ImageRows(Broken(ProgrammingError("SELECT secret", {}, Exception("no such column"))), 1, 1).read()
    with pytest.raises(SourceTrouble, match="This run does not exist"):
        ImageRows(Broken(NotFound("This run")), 1, 1).read()


@pytest.mark.parametrize("sent", [{"axis": "a", "low": 10**400, "high": 1}, {"axis": ["a"], "low": 0, "high": 1}, {}])
def test_a_brush_of_nonsense_chooses_all(sent: dict[str, Any]) -> None:
    assert _brush(sent) is None
