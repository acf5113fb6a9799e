"""The pages of serial runs as the server sends them: the table, the comparison, and what strangers get."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from browser.site import SSX
from servers.running import Running, whole_app

RUNS = "/?visit=mx415-3&tab=runs"
COMPARE = f"/?visit=mx415-3&tab=compare&v.runs={SSX},{SSX + 1},99999999"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The whole app over the small site."""
    with whole_app(tmp_path_factory.mktemp("pages") / "site") as made:
        yield made


async def shown(tab: Any, words: str) -> None:
    async with asyncio.timeout(30):
        while words not in json.dumps([[*tab.parts.values()], tab.heard], ensure_ascii=False):
            await asyncio.sleep(0.05)


def test_the_table_of_runs_comes_with_its_bars_and_its_rows(app: Running) -> None:
    async def talk(visitor: Any) -> None:
        tab = await visitor.open(RUNS)
        await shown(tab, "Runs of mx415-3")
        await shown(tab, "3 runs")
        await shown(tab, "sums of each chip")
        tab.close()

    app.drive(talk)


def test_runs_are_counted_and_compared_and_one_that_is_not_there_is_said(app: Running) -> None:
    async def talk(visitor: Any) -> None:
        tab = await visitor.open(COMPARE)
        await shown(tab, "Comparison of 2 runs")
        await shown(tab, "Not found in this visit: 99999999.")
        await shown(tab, f"Difference from run {SSX}")
        tab.close()

    app.drive(talk)


@pytest.mark.parametrize("address", [RUNS, COMPARE])
def test_a_stranger_gets_what_one_gets_who_asks_for_what_is_not_there(app: Running, address: str) -> None:
    async def talk(visitor: Any) -> None:
        tab = await visitor.open(address)
        await shown(tab, "This visit does not exist, or you do not have access to it.")
        tab.close()

    app.drive(talk, "nobody")
