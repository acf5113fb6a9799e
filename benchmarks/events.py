"""Long series of MX: the per-image quality of a million images, and everything that happened in a long visit.

    python benchmarks/events.py [--quick]

Fills a MariaDB with a visit of 25,000 collections, 20,000 actions of the robot and 4,000 scans, and gives one of the
collections a million images with numbers (with --quick a fifth of all). Then it asks what the pages ask and draws the
answers in Chromium.

Last line, JSON, the worst of an administrator and a user of two proposals:
quality_ms         server time until the whole series is ready to be sent; quality_zoom_ms: a hundredth of it
quality_kb         what the browser is sent for it, uncompressed
quality_redraw_ms  from a turn of the wheel to the redrawn panels, 95th percentile
timeline_ms        server time until the timeline of the whole visit is ready; timeline_zoom_ms: an hour of it
timeline_kb        what the browser is sent for it, uncompressed
timeline_redraw_ms from a turn of the wheel to the redrawn lanes, 95th percentile
list_ms            server time of the first page of the list of events
"""

import argparse
import socket
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import facility as facilities
import panel as pn
import paths  # noqa: F401
from facility import BIG_VISIT, Facility, fill, server
from playwright.sync_api import sync_playwright
from report import interleaved, json_line, surroundings
from servers.chromium import ARGUMENTS, chromium

from data.lists import Asked
from data.reader import Reader
from data.source import Source
from data.techniques.mx import events, quality
from data.techniques.mx.timeline import Timeline, timeline
from views.parts.part import Part, to_json
from views.parts.quality import QualityBoard
from views.parts.timeline import TimelinePlot
from views.techniques.mx_event_line import drawn as drawn_line
from views.techniques.mx_quality import drawn as drawn_quality

_FIRST = 800_000_000
_SHOWN = ("spots", "resolution", "dozor")
"""What the page draws unless told otherwise."""


def add_more(running: Any, name: str, large: Facility, images: int, actions: int, scans: int) -> None:
    """The images of the newest collection, and the other events of the big visit."""
    span = (
        "SELECT MIN(d.startTime) lo, TIMESTAMPDIFF(SECOND, MIN(d.startTime), MAX(d.startTime)) s FROM DataCollection d"
        " JOIN DataCollectionGroup g ON g.dataCollectionGroupId = d.dataCollectionGroupId"
        f" WHERE g.sessionId = {BIG_VISIT}"
    )
    when = "TIMESTAMPADD(SECOND, FLOOR(v.s * p.seq / {}), v.lo)"

    def start(count: int) -> str:
        return when.format(count)

    running.run(
        ";\n".join(
            [
                "SET SESSION foreign_key_checks=0, unique_checks=0, sql_mode=''",
                f"DELETE FROM ImageQualityIndicators WHERE dataCollectionId = {large.id_at(0)}",
                "INSERT INTO ImageQualityIndicators (dataCollectionId, imageNumber, spotTotal, goodBraggCandidates,"
                f" method2Res, totalIntegratedSignal, dozor_score) SELECT {large.id_at(0)}, seq, seq % 997, seq % 499,"
                f" 1.5 + (seq % 101) / 50, seq % 100003, (seq % 731) / 10 FROM seq_1_to_{images}",
                f"UPDATE DataCollection SET numberOfImages = {images} WHERE dataCollectionId = {large.id_at(0)}",
                "INSERT INTO RobotAction (robotActionId, blsessionId, actionType, status, startTimestamp, endTimestamp)"
                f" SELECT {_FIRST} + p.seq, {BIG_VISIT}, ELT(1 + p.seq % 2, 'LOAD', 'UNLOAD'), 'SUCCESS',"
                f" {start(actions)}, TIMESTAMPADD(SECOND, 40, {start(actions)}) FROM seq_1_to_{actions} p"
                f" JOIN ({span}) v",
                "INSERT INTO EnergyScan (energyScanId, sessionId, element, startTime, endTime)"
                f" SELECT {_FIRST} + p.seq, {BIG_VISIT}, 'Se', {start(scans)}, {start(scans)}"
                f" FROM seq_1_to_{scans} p JOIN ({span}) v",
                "ANALYZE TABLE ImageQualityIndicators, RobotAction, EnergyScan",
            ]
        ),
        database=name,
    )


def whole_series(reader: Reader, number: int) -> tuple[quality.Layout, quality.Series]:
    """What the page asks to draw all images of a collection."""
    found = quality.layout(reader, number)
    return found, quality.series(reader, found, indicators=_SHOWN)


def part_of_series(reader: Reader, number: int) -> quality.Series:
    """A hundredth of it."""
    found = quality.layout(reader, number)
    middle = found.length // 2
    return quality.series(reader, found, middle, middle + found.length // 100, indicators=_SHOWN)


def sent(part: Part) -> int:
    """Bytes of what a browser is sent to draw a part."""
    return len(to_json(part._content()))


def quality_board(found: tuple[quality.Layout, quality.Series]) -> QualityBoard:
    """The part that draws a series."""
    board = QualityBoard(lambda *span: None, lambda place: None)
    board.look(_SHOWN, False)
    layout, series = found
    drawn_quality(board, layout, series, (0, layout.length - 1))
    return board


def timeline_plot(found: Timeline) -> TimelinePlot:
    """The part that draws a timeline."""
    plot = TimelinePlot(lambda *span: None, lambda key: None, lambda *key: None, lambda on: None)
    drawn_line(plot, found, "kind", datetime(2026, 1, 1))
    return plot


def asked(large: Facility, rounds: int) -> tuple[dict[str, float], Any, Timeline]:
    """The numbers of the database, the worst of two people, and the answers."""
    source = Source(large.url.render_as_string(hide_password=False), statement_seconds=60)
    worst: dict[str, float] = {}
    series = line = None
    for name, scope in large.scopes().items():
        if name == "scientist":
            continue
        reader, number = Reader(source, scope), large.id_at(0)
        line = timeline(reader, BIG_VISIT, Asked())
        series = whole_series(reader, number)
        assert line.first is not None
        assert line.last is not None
        middle = line.first + (line.last - line.first) / 2
        hour = (middle, middle + timedelta(hours=1))

        def part(reader: Reader = reader, hour: Any = hour) -> Timeline:
            return timeline(reader, BIG_VISIT, Asked(), low=hour[0], high=hour[1])

        def all_of_it(reader: Reader = reader) -> int:
            return sent(timeline_plot(timeline(reader, BIG_VISIT, Asked())))

        actions: dict[str, Callable[[], object]] = {
            "quality": lambda reader=reader, number=number: sent(quality_board(whole_series(reader, number))),
            "quality_zoom": lambda reader=reader, number=number: part_of_series(reader, number),
            "timeline": all_of_it,
            "timeline_zoom": part,
            "list": lambda reader=reader: events.events(reader, BIG_VISIT, Asked(), 50),
        }
        taken = interleaved(actions, rounds)
        print(f"{name}: " + ", ".join(f"{key} {value * 1000:.0f} ms" for key, value in taken.items()), flush=True)
        for key, value in taken.items():
            worst[f"{key}_ms"] = max(worst.get(f"{key}_ms", 0.0), value * 1000)
    source.close()
    assert series is not None
    assert line is not None
    print(
        f"{series[0].length:,} images in {len(series[1].place)} stretches; {line.total:,} events, {len(line.bars)} bars"
    )
    return worst, series, line


_WATCH = """() => {
  window.times = []
  addEventListener("wheel", () => {
    const began = performance.now()
    requestAnimationFrame(() => setTimeout(() => window.times.push(performance.now() - began)))
  }, true)
}"""


def turned(make: Callable[[], Part], steps: int) -> float:
    """The 95th percentile in ms from a turn of the wheel over a part to the next frame drawn."""
    pn.extension()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serving = pn.serve({"/": make}, port=port, threaded=True, show=False, verbose=False)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
            shown = browser.new_page(viewport={"width": 1400, "height": 800})
            shown.goto(f"http://127.0.0.1:{port}/")
            canvas = shown.locator("canvas").first
            canvas.wait_for()
            shown.wait_for_timeout(500)
            box = canvas.bounding_box()
            assert box is not None
            shown.mouse.move(box["x"] + box["width"] / 2, box["y"] + min(box["height"], 120) / 2)
            shown.evaluate(_WATCH)
            for n in range(steps):
                shown.mouse.wheel(0, -60 if n < steps / 2 else 60)
            shown.wait_for_timeout(500)
            times = sorted(shown.evaluate("() => window.times"))
            browser.close()
    finally:
        serving.stop()
    return float(times[int(len(times) * 0.95)])


def main() -> None:
    """Fill, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a fifth of everything, fewer rounds")
    given = parser.parse_args()
    share = 5 if given.quick else 1
    facilities.LONG_RANK = 60
    with server("1G" if given.quick else "2G") as running:
        large = fill(running, "events", 30_000, 25_000 // share, 1_000)
        began = time.perf_counter()
        add_more(running, "events", large, 1_000_000 // share, 20_000 // share, 4_000 // share)
        print(f"{large.rows:,} rows in {large.seconds:.0f} s, more in {time.perf_counter() - began:.0f} s")
        print(surroundings(), flush=True)
        found, series, line = asked(large, 2 if given.quick else 5)
    found["quality_kb"] = sent(quality_board(series)) / 1000
    found["timeline_kb"] = sent(timeline_plot(line)) / 1000
    steps = 30 if given.quick else 100
    found["quality_redraw_ms"] = turned(lambda: quality_board(series), steps)
    found["timeline_redraw_ms"] = turned(lambda: timeline_plot(line), steps)
    print(json_line(found))


if __name__ == "__main__":
    main()
