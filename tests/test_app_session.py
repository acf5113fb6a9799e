"""Browsers that come and go: what the server keeps of them, and what reaches them."""

import asyncio
import gc
import logging
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bokeh.document import Document
from bokeh.io import curdoc
from servers.running import Running, whole_app

from app.later import Later
from app.live import Pulses
from data.live.feed import Feed
from views.page import Page

VISIT, OTHER = 4153, 4154
LINK = "/?visit=mx415-3"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with whole_app(tmp_path / "site") as made:
        yield made


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.05)


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many pages made from now on are still there.

    Asking the collector for its objects would be shorter, but it hands out tuples that other threads are still filling,
    and these then fail.
    """
    made: weakref.WeakSet[Page] = weakref.WeakSet()
    plain = Page.__init__

    def noted(page: Page, *given: Any, **named: Any) -> None:
        made.add(page)
        plain(page, *given, **named)

    monkeypatch.setattr(Page, "__init__", noted)

    def count() -> int:
        gc.collect()
        return len(made)

    return count


def test_what_changes_after_the_document_was_sent_and_before_it_is_drawn_reaches_the_browser(running: Running) -> None:
    async def talk(visitor: Any) -> None:
        tab = await visitor.open(LINK, drawn=False)
        await asyncio.sleep(0.5)
        await tab.drawn()
        assert (await tab.until("rows"))["rows"]
        tab.close()

    running.drive(talk)


def test_nothing_is_watched_and_no_page_is_kept_once_its_browser_has_gone(
    running: Running, pages: Callable[[], int], caplog: pytest.LogCaptureFixture
) -> None:
    # What Panel says while it works holds the models of the page, and the tests keep what is said.
    caplog.set_level(logging.WARNING, "panel")
    shared = running.shared

    async def talk(visitor: Any) -> None:
        tabs = [await visitor.open(LINK) for _ in range(3)]
        for tab in tabs:
            await tab.until("rows")
        assert shared.feed.watched == {VISIT}
        assert shared.pulses.running
        assert pages() == 3
        tabs[0].close()
        await until(lambda: sum(c._socket.ws_connection is not None for c in running.server._tornado._clients) == 2)
        await running.expire()
        assert shared.feed.watched == {VISIT}, "two browsers still look at it"
        for tab in tabs[1:]:
            tab.close()
        await until(lambda: not running.server._tornado._clients)
        await running.expire()
        assert shared.feed.watched == frozenset()
        assert not shared.pulses.running
        await until(lambda: not shared.poller.running)
        # Panel takes a page apart a moment after its session has ended.
        await until(lambda: pages() == 0)

    running.drive(talk)


def test_a_browser_that_moves_to_another_visit_hears_of_that_one_only(running: Running) -> None:
    async def talk(visitor: Any) -> None:
        tab = await visitor.open(LINK)
        await tab.until("rows")
        await tab.tell(tab.ids["Shell"], type="go", search="?visit=mx415-4", pop=False)
        assert (await tab.until("rows"))["rows"] == [], "this visit is still to come"
        assert running.shared.feed.watched == {OTHER}
        running.site.collect(5999, visit=OTHER)
        assert [row["key"] for row in (await tab.until("insert"))["rows"]] == [5999]
        tab.close()

    running.drive(talk)


def test_a_sorted_list_is_offered_what_began_and_reads_it_when_asked_again(running: Running) -> None:
    async def talk(visitor: Any) -> None:
        tab = await visitor.open(LINK)
        rows = (await tab.until("rows"))["rows"]
        await tab.want(tab.ids["Table"], seq=76, sort="images", descending=True)
        rows = (await tab.until("rows", seq=76))["rows"]
        running.site.collect(5998, images=999_999)
        assert (await tab.until("offer"))["count"] == 1
        await tab.want(tab.ids["Table"], seq=77, sort="images", descending=True)
        again = (await tab.until("rows", seq=77))["rows"]
        assert [row["key"] for row in again[:2]] == [5998, rows[0]["key"]]
        tab.close()

    running.drive(talk)


def test_scripts_leave_compressed_and_pages_do_not(running: Running) -> None:
    async def talk(visitor: Any) -> None:
        script = await visitor.ask("/static/js/bokeh.min.js", headers={"Accept-Encoding": "gzip"})
        page = await visitor.ask(LINK, headers={"Accept-Encoding": "gzip"})
        assert script.headers["X-Consumed-Content-Encoding"] == "gzip"
        assert "X-Consumed-Content-Encoding" not in page.headers

    running.drive(talk)


def test_a_pulse_beats_once_for_each_version_and_not_for_the_first() -> None:
    async def beats() -> None:
        feed, told = Feed(), list[str]()
        pulses = Pulses(feed)
        one, two = pulses.pulse(lambda: told.append("one")), pulses.pulse(lambda: told.append("two"))
        one.watch(1)
        pulses.look()
        assert told == []
        two.watch(1)
        feed.touch(1)
        pulses.look()
        pulses.look()
        assert sorted(told) == ["one", "two"]
        two.watch(2)
        feed.touch(1)
        pulses.look()
        assert sorted(told) == ["one", "one", "two"]
        one.close()
        one.watch(1)
        assert feed.watched == {2}, "a closed pulse watches nothing again"
        two.close()
        assert not pulses.running

    asyncio.run(beats())


def test_a_browser_that_changes_pages_often_is_checked_as_often_as_one_that_stays() -> None:
    async def checks() -> None:
        checked: list[int] = []
        pulses = Pulses(Feed(), check_seconds=0.2)
        pulse = pulses.pulse(lambda: None, checked.append)
        for _ in range(8):
            for visit in (1, None, 2):
                pulse.watch(visit)
                pulses.look()
            await asyncio.sleep(0.05)
        assert 1 <= len(checked) <= 2, "in 0.4 s"
        pulse.close()

    asyncio.run(checks())


def test_a_browser_whose_beat_fails_does_not_silence_the_others(caplog: pytest.LogCaptureFixture) -> None:
    async def beats() -> None:
        feed, told = Feed(), list[str]()
        pulses = Pulses(feed)
        kept = [pulses.pulse(lambda: 1 / 0), pulses.pulse(lambda: told.append("told"))]  # type: ignore[list-item,arg-type,return-value]
        for pulse in kept:
            pulse.watch(1)
        feed.touch(1)
        pulses.look()
        assert told == ["told"]
        for pulse in kept:
            pulse.close()

    asyncio.run(beats())
    assert "could not be told" in caplog.text


def test_an_answer_for_a_page_that_is_gone_is_dropped() -> None:
    class Session:
        """What a document has while somebody looks at it."""

    document, session, told = Document(), Session(), []
    document._session_context = weakref.ref(session)  # type: ignore[arg-type]
    later = Later(document)
    document.callbacks.on_change_dispatch_to(session)  # type: ignore[arg-type]
    document.destroy(session)
    later(lambda: told.append(1))
    assert not told
    assert curdoc() is not document
