"""New browsers, many at once, one visit watched by many: what the dashboard's server spends.

    python benchmarks/pages.py [--quick]

Starts the server in a process of its own on the rows of the demo facility, and drives it as a browser's script does, up
to the rows of a visit's list. In the same run and by the same client a page that a Panel developer would write first:
FastListTemplate, three plots and a Tabulator with as many rows, served as Panel comes; its content is in its document.

Last line, JSON; the rival's figures are under ``rival_`` (with --quick only those of one browser):
first_content_cpu_s  CPU of the server for one new browser until its rows have arrived (median)
open50_s             seconds until 50 browsers that come at once all have their rows, the client on the same cores
mb_per_browser       private memory of the server for each of 50 browsers that stay
round_trip_ms        a list sorted or a choice made → the page's answer, the address or the text (median)
sorted_ms            a list sorted → its rows read anew (median); ours alone
viewers50_vs_1       statements while a visit is open in 50 browsers to those while it is in one, a change each second
statements_per_s     of those: statements a second with 50 browsers
quiet_per_s          the same while nothing changes
mb_left              memory for each of 50 browsers that later ones do not use again; not with --quick
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median

import paths  # noqa: F401
from report import json_line, surroundings
from served import LOGIN, PASSWORD, Beamline, Facility, Served, facility, served
from visitor import Tab, Visitor

_MANY = 50
_SETTLE = 1.5
_CALM = 0.02  # seconds of CPU in half a second
_QUICK_SECONDS = 5


class Client:
    """Opens pages of one server and knows when they have content."""

    def __init__(self, server: Served, shown: Facility) -> None:
        self.server = server
        self.ours = server.kind == "ours"
        self._path = f"/?visit={shown.visit}" if self.ours else "/"
        self.visitor = Visitor(f"http://127.0.0.1:{server.port}")

    async def begin(self) -> None:
        """Sign in where one has to; open some pages, so that all is imported and cached."""
        if self.ours:
            await self.visitor.sign_in(LOGIN, PASSWORD)
        for _ in range(4):
            await self.close([await self.open()])
        # What a server loads in threads after its start is no browser's.
        for _ in range(60):
            before = self.server.cpu()
            await asyncio.sleep(0.5)
            if self.server.cpu() - before < _CALM:
                return
        raise RuntimeError("the server does not come to rest")

    async def open(self) -> Tab:
        """A page with its content."""
        tab = await self.visitor.open(self._path)
        if self.ours:
            message = await tab.until("rows")
            assert message["rows"], "the list is empty"
        return tab

    async def open_many(self) -> tuple[float, list[Tab]]:
        """Seconds until all have content, and the pages."""
        began = time.perf_counter()
        tabs = await asyncio.gather(*(self.open() for _ in range(_MANY)))
        return time.perf_counter() - began, tabs

    async def close(self, tabs: list[Tab]) -> None:
        """Close pages, and let the server forget them."""
        for tab in tabs:
            tab.close()
        for _ in range(100):
            await asyncio.sleep(0.1)
            self.server.ask("expire")
            if not self.server.ask("sessions"):
                return
        raise RuntimeError("the server keeps the sessions of pages that were closed")

    async def round_trip(self, tab: Tab, turn: int) -> float:
        """Milliseconds from a choice to the page's answer."""
        began = time.perf_counter()
        if self.ours:
            await tab.tell(tab.ids["Table"], type="state", sort="id", descending=bool(turn % 2), filters={}, search="")
            await tab.until("shell")
        else:
            before = tab.patches
            await tab.set(tab.ids["panel.models.widgets.CustomSelect"], "value", f"mx1-{2 - turn % 2}")
            await tab.patched(before)
        return (time.perf_counter() - began) * 1000

    async def sorted(self, tab: Tab, turn: int) -> float:
        """Milliseconds from a sort of the list to its rows."""
        began = time.perf_counter()
        await tab.want(tab.ids["Table"], seq=1000 + turn, sort="id", descending=bool(turn % 2))
        await tab.until("rows", seq=1000 + turn)
        return (time.perf_counter() - began) * 1000


async def first_content(client: Client, times: int) -> float:
    """Median CPU seconds of the server for one new browser; the one before has gone."""
    taken = []
    for _ in range(times):
        before = client.server.cpu()
        tab = await client.open()
        taken.append(client.server.cpu() - before)
        await client.close([tab])
    return median(taken)


async def statements(client: Client, beamline: Beamline | None, seconds: float) -> float:
    """Statements a second of the server, while something changes each second."""
    server = client.server
    began, before, due = time.perf_counter(), server.ask("statements"), 0.0
    while (now := time.perf_counter() - began) < seconds:
        if beamline is not None and now >= due:
            beamline.step()
            due += 1
        await asyncio.sleep(0.1)
    return (server.ask("statements") - before) / (time.perf_counter() - began)


async def many(client: Client, shown: Facility, *, quick: bool) -> dict[str, float]:
    """50 browsers at once: how long, how much memory, and, ours alone, what they ask while they stay."""
    server, seconds, found = client.server, _QUICK_SECONDS if quick else 30, {}
    opened, left = [], []
    for turn in range(1 if quick else 3):
        server.ask("collect")
        before = server.memory()
        taken, tabs = await client.open_many()
        opened.append(taken)
        await asyncio.sleep(_SETTLE)
        if not turn:  # later ones use what these leave
            found["mb_per_browser"] = (server.memory() - before) / _MANY
        if not turn and client.ours:
            found["statements_per_s"] = await changing(client, shown, seconds)
            found["quiet_per_s"] = await statements(client, None, seconds)
        await client.close(tabs)
        server.ask("collect")
        left.append(server.memory())
    found["open50_s"] = median(opened)
    if len(left) > 1:
        found["mb_left"] = max(0.0, left[-1] - left[0]) / _MANY / (len(left) - 1)
    if client.ours and server.ask("watched"):
        raise RuntimeError("a visit is still watched for pages that were closed")
    return found


async def changing(client: Client, shown: Facility, seconds: float) -> float:
    """Statements a second while a beamline writes."""
    beamline = Beamline(shown)
    try:
        return await statements(client, beamline, seconds)
    finally:
        beamline.close()


async def measure(server: Served, shown: Facility, *, quick: bool) -> dict[str, float]:
    """Everything about one server."""
    client = Client(server, shown)
    await client.begin()
    found = {"first_content_cpu_s": await first_content(client, 8 if quick else 30)}
    if client.ours or not quick:  # 50 pages of the rival take half a minute
        found |= await many(client, shown, quick=quick)
    tab = await client.open()
    turns = range(20 if quick else 60)
    found["round_trip_ms"] = median([await client.round_trip(tab, turn) for turn in turns])
    if client.ours:
        found["sorted_ms"] = median([await client.sorted(tab, turn) for turn in turns])
        await client.close([tab])
        tab = await client.open()
        one = await changing(client, shown, _QUICK_SECONDS if quick else 30)
        found["viewers50_vs_1"] = found["statements_per_s"] / one
    await client.close([tab])
    return found


def run(*, quick: bool) -> dict[str, float]:
    """Ours and the rival, one after the other; ours is left first so that neither takes the other's cores."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="lens-pages-") as folder:
        began = time.perf_counter()
        shown = facility(Path(folder))
        print(f"{shown.visit}: {shown.collections} collections, written in {time.perf_counter() - began:.0f} s")
        for kind in ("ours", "rival"):
            with served(kind, shown) as server:
                measured = asyncio.run(measure(server, shown, quick=quick))
            show(kind, measured)
            found |= measured if kind == "ours" else {f"rival_{name}": value for name, value in measured.items()}
    return found


def show(kind: str, found: Mapping[str, float]) -> None:
    """The figures of one server, a line each."""
    print(f"\n{kind}, {surroundings()}")
    for name, value in found.items():
        print(f"  {name:<22} {value:8.3g}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions: within a minute")
    arguments = parser.parse_args()
    found = run(quick=arguments.quick)
    print(f"\n{json_line(found)}")


if __name__ == "__main__":
    main()
