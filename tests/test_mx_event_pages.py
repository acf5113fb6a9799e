"""The pages of events and of image quality, through a page's own websocket: rows, stars, open groups, rights."""

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from browser.site import NEWEST
from servers.running import Running, whole_app

from data import schema as s

VISIT_ID = 4153
ABSENT = "does not exist, or you do not have access"
VISIT = "?visit=mx415-3&tab=events"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The app with a robot action and an energy scan in the visit that runs now."""
    with whole_app(tmp_path_factory.mktemp("events") / "site") as made:
        now = datetime.now()
        made.site.add(s.RobotAction, action_id=1, visit_id=VISIT_ID, action="LOAD", status="ERROR", message="no <pin>",
                      start=now - timedelta(hours=1), end=now - timedelta(minutes=59))  # fmt: skip
        made.site.add(
            s.EnergyScan, scan_id=1, visit_id=VISIT_ID, element="Se", edge="K", start=now - timedelta(minutes=50)
        )
        yield made


async def until(true: Callable[[], Any]) -> Any:
    async with asyncio.timeout(20):
        while not (found := true()):
            await asyncio.sleep(0.03)
        return found


def heard(page: Any, part: str, kind: str) -> list[dict[str, Any]]:
    """What a part was told of one kind."""
    return [one for at, one in page.heard if at == page.ids.get(part) and one["type"] == kind]


def searches(page: Any) -> list[str]:
    """The links that the address bar was given."""
    return ["", *(one["search"] for one in heard(page, "Shell", "shell") if "search" in one)]


async def rows(page: Any, seq: int | None = None, offset: int = 0, **asked: Any) -> dict[str, Any]:
    """What the page asked for by itself; with a number of its own, ask as the table does, and wait for the answer."""
    if seq is None:
        return await until(lambda: next(iter(heard(page, "Table", "rows")), None))
    message = {"sort": None, "descending": False, "filters": {}, "search": "", "offset": offset, "limit": 50, **asked}
    await page.tell(page.ids["Table"], type="want", seq=seq, **message)
    return await until(lambda: next((one for one in heard(page, "Table", "rows") if one["seq"] == seq), None))


def test_the_page_lists_all_kinds_of_event_and_draws_them(running: Running) -> None:
    async def talk(alice: Any) -> None:
        page = await alice.open(f"/{VISIT}")
        found = await rows(page)
        kinds = {row["kind"]["text"] for row in found["rows"]}
        assert kinds >= {"Collection", "Robot", "Energy scan"}
        assert {row["key"] for row in found["rows"]} == {"e1", "r1", "g41531", "g41532", "g41533"}
        drawn = await until(lambda: heard(page, "TimelinePlot", "bars"))
        assert {"r", "e", "c"} <= set(drawn[-1]["bars"]["stream"])
        narrowed = await rows(page, 3, filters={"kind": "Robot|Energy scan"})
        assert [row["key"] for row in narrowed["rows"]] == ["e1", "r1"]
        assert narrowed["done"]
        assert narrowed["rows"][1]["status"]["title"] == "no <pin>"
        page.close()

    running.drive(talk)


def test_a_group_opens_to_its_collections_and_the_link_says_so(running: Running) -> None:
    async def talk(alice: Any) -> None:
        page = await alice.open(f"/{VISIT}")
        closed = [row["key"] for row in (await rows(page))["rows"]]
        await page.tell(page.ids["Table"], type="act", key="g41531", act="open")
        await until(lambda: heard(page, "Table", "reload"))
        opened = (await rows(page, 2))["rows"]
        at = closed.index("g41531")
        first = NEWEST - 229
        below = [f"g41531.{number}" for number in range(first, first + 20)]
        assert [row["key"] for row in opened] == [*closed[: at + 1], *below, "g41531.more", *closed[at + 1 :]]
        assert opened[at + 21]["what"]["text"].startswith("and 210 more")
        await until(lambda: searches(page)[-1].endswith("v.open=41531"))
        page.close()
        again = await alice.open(f"/{VISIT}&v.open=41531")
        assert len((await rows(again))["rows"]) == len(opened)
        again.close()

    running.drive(talk)


def test_a_star_is_kept_for_its_person_alone_and_found_again(running: Running) -> None:
    async def mark(alice: Any) -> None:
        page = await alice.open(f"/{VISIT}")
        await rows(page)
        await page.tell(page.ids["Table"], type="act", key="r1", act="star")
        await until(
            lambda: [row for one in heard(page, "Table", "update") for row in one["rows"] if row["star"]["pressed"]]
        )
        # What is not on the page cannot be marked.
        await page.tell(page.ids["Table"], type="act", key="g999999", act="star")
        page.close()
        again = await alice.open(f"/{VISIT}&v.star=yes")
        assert [row["key"] for row in (await rows(again))["rows"]] == ["r1"]
        again.close()

    async def other(admin: Any) -> None:
        page = await admin.open(f"/{VISIT}&v.star=yes")
        assert (await rows(page))["rows"] == []
        page.close()

    running.drive(mark)
    running.drive(other, "admin")


def test_an_event_that_happens_now_appears_by_itself(running: Running) -> None:
    async def talk(alice: Any) -> None:
        page = await alice.open(f"/{VISIT}")
        await rows(page)
        running.site.add(s.RobotAction, action_id=2, visit_id=VISIT_ID, action="UNLOAD", status="SUCCESS",
                         start=datetime.now(), end=None)  # fmt: skip
        await until(lambda: any(row["key"] == "r2" for one in heard(page, "Table", "insert") for row in one["rows"]))
        page.close()

    running.drive(talk)


def test_who_may_not_see_the_visit_reads_that_it_is_not_there(running: Running) -> None:
    async def talk(nobody: Any) -> None:
        for link in (VISIT, "?collection=5001&tab=quality"):
            page = await nobody.open(f"/{link}")
            await until(lambda page=page: ABSENT in json.dumps([[*page.parts.values()], page.heard]))
            assert not {"Table", "QualityBoard"} & set(page.ids)
            page.close()

    running.drive(talk, "nobody")


def test_image_quality_is_drawn_and_a_click_leads_to_the_frame(running: Running) -> None:
    async def talk(alice: Any) -> None:
        page = await alice.open(f"/?collection={NEWEST}&tab=quality")
        await until(lambda: "QualityBoard" in page.ids)
        board = page.ids["QualityBoard"]
        first = json.loads(page.parts[board]["first"]) if "first" in page.parts[board] else page.parts[board]
        assert len(first["columns"]["spots"]) > 10, first
        await page.tell(board, type="range", low=3, high=9)
        await until(lambda: any(one["low"] == 3 and one["high"] == 9 for one in heard(page, "QualityBoard", "drawn")))
        await page.tell(board, type="image", place=10**9)
        await until(lambda: f"collection={NEWEST}&image=" in searches(page)[-1])
        page.close()

    running.drive(talk)
