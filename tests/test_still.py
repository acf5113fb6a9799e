"""Rows that a view holds in memory are shown to nobody whose right is gone."""

import asyncio
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from servers.running import Running, whole_app

from data import schema as s
from data.errors import NotFound, Unavailable
from views.desk import Desk
from views.problem import Problem
from views.still import Still

MEMBER = "DELETE FROM UserGroup_has_Person WHERE personId = 3"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Running]:
    """An app for one test, which changes rights in it."""
    with whole_app(tmp_path / "site") as made:
        yield made


@pytest.mark.parametrize("about", ["visit=mx415-3", "proposal=mx415"])
@pytest.mark.parametrize("tab", ["results", "cells"])
def test_results_that_were_read_before_are_not_shown_after_the_right_is_gone(
    own: Running, about: str, tab: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = 0.0
    for key in (1, 2, 3):
        own.site.change(s.AutoProc, key, cell_alpha=90.0, cell_beta=90.0, cell_gamma=90.0)
    own.shared.access._clock = lambda: time.monotonic() + ahead
    own.shared.pulses.check_seconds = 1e9  # what an open page does by itself is another test's
    monkeypatch.setattr("views.still._SECONDS", 0.0)

    async def talk(admin: Any) -> None:
        nonlocal ahead

        async def shown(words: str) -> None:
            async with asyncio.timeout(20):
                while words not in json.dumps([[*page.parts.values()], page.heard], ensure_ascii=False):
                    await asyncio.sleep(0.05)

        page = await admin.open(f"/?{about}&tab={tab}")
        await shown("xia2 dials")
        shell = page.ids["Shell"]
        await page.tell(shell, type="go", search="?page=account", pop=False)
        await shown("What you may see")
        own.site.run(MEMBER)
        ahead = 61.0
        page.heard.clear()
        before, page.parts = page.parts, {}
        await page.tell(shell, type="go", search=f"?{about}&tab={tab}", pop=False)
        await shown("does not exist, or you do not have access to it.")
        if tab == "results":
            page.parts = before
            (table,) = (key for key, part in before.items() if part.get("label") == "Best results")
            await page.want(table, seq=77)
            page.parts = {}
        await asyncio.sleep(0.3)
        assert "dials" not in json.dumps([[*page.parts.values()], page.heard])
        page.close()
        await asyncio.sleep(0.2)

    own.drive(talk, "admin")


@pytest.mark.parametrize(
    ("error", "done", "gone"), [(None, ["one", "two"], 0), (NotFound(), [], 1), (Unavailable(), [], 0)]
)
def test_what_waits_is_done_where_the_right_is_known_to_be_there(
    error: Exception | None, done: list[str], gone: int
) -> None:
    problems: list[Problem] = []
    acts: list[str] = []

    def question(_: Any) -> None:
        if error is not None:
            raise error

    async def look() -> None:
        with ThreadPoolExecutor(1) as pool:
            pulse: Any = None
            desk = Desk(lambda: pulse, pool, lambda *_: None, lambda act: act(), pulse)
            still = Still(desk, problems.append)
            still.then(question, lambda: acts.append("one"))
            still.then(question, lambda: acts.append("two"))
            await asyncio.sleep(0.3)
            still.forget()
            still.known()
            still.then(question, lambda: acts.append("known"))

    asyncio.run(look())
    assert acts == [*done, "known"]
    assert len(problems) == gone
