"""Results of MX: a collection with 12 pipelines, the best results of 5,000 collections, and brushing 10,000 points.

    python benchmarks/mx.py [--quick]

Fills a MariaDB with a visit of some 5,000 processed collections among others, asks as the dashboard does, and drags a
box over 10,000 points in Chromium.

Last line, JSON, each the worst of an administrator and a user of two proposals:
statements       of opening the page that compares 12 pipelines of a collection
opening_ms       time of these
results_5000_s   server time until the table and the points of 5,000 best results are ready to be sent
python_vs_query  time of reading all results of the visit and choosing in Python, to that of choosing in the database
brush_ms         from a movement of the hand to the redrawn plot and histograms, 95th percentile, 10,000 points
"""

import argparse
import os
import random
import socket
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import facility as facilities
import panel as pn
import paths  # noqa: F401
from facility import BIG_VISIT, Facility, fill, server
from playwright.sync_api import sync_playwright
from report import interleaved, json_line, surroundings
from servers.chromium import ARGUMENTS, chromium
from sqlalchemy import select

from data.core import collection as collections
from data.images.files import Files
from data.lists import Asked
from data.reader import Reader
from data.schema import Collection, Group, Integration, Program, Scaling, ScalingHasIntegration, Statistics, Visit
from data.sheet import sifted
from data.source import Source
from data.techniques.mx.best import best
from data.techniques.mx.curves import statistics
from data.techniques.mx.results import SPECS, Where, results
from data.techniques.mx.rule import Rule
from data.techniques.mx.shells import STORED, same_units
from views.parts.part import to_json
from views.parts.scatter import Scatter

_BIG = 5_700
_PIPELINES, _FIRST = 12, 900_000_000
_POINTS = 10_000
_AXES = [{"key": key, "label": key, "unit": "", "digits": 2} for key in ("high", "i_over_sigma", "cc_half", "r_meas")]


def add_pipelines(running: Any, name: str, collection: int) -> None:
    """Nine more results for one collection, which then has those of 12 pipelines."""
    result = f"{_FIRST} + p.seq"
    source = f"FROM seq_1_to_{_PIPELINES} p"
    tables = {
        "ProcessingJob (processingJobId, dataCollectionId, displayName, automatic)": f"{result}, {collection}, 'x', 1",
        "AutoProcProgram (autoProcProgramId, processingJobId, processingPrograms, processingStatus)": (
            f"{result}, {result}, CONCAT('pipeline ', p.seq), 1"
        ),
        "AutoProc (autoProcId, autoProcProgramId, spaceGroup, refinedCell_a, refinedCell_b, refinedCell_c)": (
            f"{result}, {result}, 'P 21 21 21', 57.1, 68.2, 103.4"
        ),
        "AutoProcScaling (autoProcScalingId, autoProcId)": f"{result}, {result}",
        "AutoProcIntegration (autoProcIntegrationId, dataCollectionId, autoProcProgramId)": (
            f"{result}, {collection}, {result}"
        ),
        "AutoProcScaling_has_Int (autoProcScaling_has_IntId, autoProcScalingId, autoProcIntegrationId)": (
            f"{result}, {result}, {result}"
        ),
    }
    switches = "SET SESSION foreign_key_checks=0, sql_mode=''"
    shells = (
        "INSERT INTO AutoProcScalingStatistics (autoProcScalingId, scalingStatisticsType, resolutionLimitLow,"
        " resolutionLimitHigh, rMeasAllIPlusIMinus, completeness, meanIOverSigI, ccHalf, multiplicity)"
        f" SELECT {result}, ELT(s.seq, 'overall', 'innerShell', 'outerShell'), 60, 1.5, 0.08, 99.1, 12.5, 0.998, 6.5"
        f" {source} JOIN seq_1_to_3 s"
    )
    rows = [f"INSERT INTO {into} SELECT {what} {source}" for into, what in tables.items()]
    running.run(";\n".join([switches, *rows, shells]), database=name)


def opened(reader: Reader, collection: int) -> int:
    """What the page that compares pipelines asks."""
    collections.collection(reader, collection)
    found = collections.processings(reader, collection)
    collections.messages(reader, collection)
    statistics(reader, Files(()), collection)
    return len(found)


def by_query(reader: Reader) -> dict[int, int]:
    """The best results, as the database chooses them."""
    return {row["id"]: row["scaling_id"] for row in results(reader, Where(visit_id=BIG_VISIT)).rows}


def ready(reader: Reader) -> int:
    """Best results, sorted, as JSON of the points and of the first page of the table."""
    rows = results(reader, Where(visit_id=BIG_VISIT)).rows
    page = sifted(rows, SPECS, Asked("high", False))[:100]
    columns = {spec.key: [row.get(spec.key) for row in rows] for spec in SPECS if spec.kind == "number"}
    return len(to_json(columns)) + len(to_json(page))


def by_python(reader: Reader) -> dict[int, int]:
    """The same choice from all results of the visit, all shells, made here."""
    query = (
        select(Integration.collection_id, Scaling.scaling_id, Program.status.label("status"), Statistics.shell,
               *(getattr(Statistics, key) for key in _KEYS))
        .select_from(Visit)
        .join(Group, Group.visit_id == Visit.visit_id)
        .join(Collection, Collection.group_id == Group.group_id)
        .join(Integration, Integration.collection_id == Collection.collection_id)
        .join(Program, Program.program_id == Integration.program_id)
        .join(ScalingHasIntegration, ScalingHasIntegration.integration_id == Integration.integration_id)
        .join(Scaling, Scaling.scaling_id == ScalingHasIntegration.scaling_id)
        .join(Statistics, Statistics.scaling_id == Scaling.scaling_id)
        .where(Visit.visit_id == BIG_VISIT)
    )  # fmt: skip
    held: dict[int, dict[int, dict[str, Any]]] = {}
    for row in reader.rows(query):
        shells = held.setdefault(row.collection_id, {}).setdefault(
            row.scaling_id,
            {"status": "ok" if row.status in {"1", "SUCCESS"} else "failed", "scaling_id": row.scaling_id,
             "space_group": None, "overall": None, "inner": None, "outer": None},
        )  # fmt: skip
        shells[STORED[(row.shell or "").lower()]] = {key: getattr(row, key) for key in _KEYS}
    found = {}
    for collection, rows in held.items():
        for one in rows.values():
            same_units({name: one[name] for name in ("overall", "inner", "outer")})
        chosen = best(rows.values(), Rule())
        if chosen is not None:
            found[collection] = chosen["scaling_id"]
    return found


_KEYS = tuple(
    attribute.key
    for attribute in Statistics.__mapper__.column_attrs
    if attribute.key not in {"id", "shell", "scaling_id"}
)


def cpu_of(running: Any, action: Callable[[], object]) -> tuple[float, float]:
    """Processor seconds of the database and of this process: what a busy machine does not stretch."""
    keeper = Path(running.folder, "pid").read_text().strip()

    def spent() -> float:
        return sum(map(int, Path(f"/proc/{keeper}/stat").read_text().split()[13:15])) / os.sysconf("SC_CLK_TCK")

    theirs, ours = spent(), time.process_time()
    action()
    return spent() - theirs, time.process_time() - ours


def asked(running: Any, large: Facility, rounds: int) -> dict[str, float | int]:
    """The numbers of the database, the worst of two people."""
    collection = large.id_at(0)
    found: dict[str, list[float]] = {}
    source = Source(large.url.render_as_string(hide_password=False), statement_seconds=120)
    for name, scope in large.scopes().items():
        if name == "scientist":
            continue
        reader = Reader(source, scope)
        if by_query(reader) != by_python(reader):
            raise SystemExit(f"{name}: the results are not the same")
        before = source.statements
        pipelines = opened(reader, collection)
        statements = source.statements - before
        actions: dict[str, Callable[[], object]] = {
            "open": partial(opened, reader, collection),
            "ready": partial(ready, reader),
            "query": partial(by_query, reader),
            "python": partial(by_python, reader),
        }
        taken = interleaved(actions, rounds)
        busy = cpu_of(running, partial(ready, reader))
        print(f"{name}: processor time of the best results: {busy[0]:.2f} s of the database, {busy[1]:.2f} s here")
        print(
            f"{name}: {pipelines} results in {statements} statements, {taken['open'] * 1000:.1f} ms; "
            f"{len(by_query(reader)):,} best results ready in {taken['ready']:.2f} s (query {taken['query']:.2f} s, "
            f"all rows and Python {taken['python']:.2f} s)"
        )
        for key, value in {
            "statements": statements,
            "opening_ms": taken["open"] * 1000,
            "results_5000_s": taken["ready"],
            "python_vs_query": taken["python"] / taken["query"],
        }.items():
            found.setdefault(key, []).append(value)
    source.close()
    worst: dict[str, float | int] = {key: max(values) for key, values in found.items() if key != "python_vs_query"}
    return worst | {"python_vs_query": min(found["python_vs_query"])}


_WATCH = """() => {
  window.times = []
  addEventListener("pointermove", () => {
    const began = performance.now()
    requestAnimationFrame(() => setTimeout(() => window.times.push(performance.now() - began)))
  }, true)
}"""


def brushed(steps: int) -> float:
    """The 95th percentile in ms from a movement to the next frame drawn, while a box is dragged over the points."""
    chance = random.Random(3)
    rows = [
        {"id": n, "snapshot": False, "high": chance.gauss(1.9, 0.3), "i_over_sigma": chance.gauss(12, 3),
         "cc_half": chance.random(), "r_meas": chance.gauss(9, 2)}
        for n in range(_POINTS)
    ]  # fmt: skip
    pn.extension()

    def page() -> Scatter:
        made = Scatter(_AXES, [], lambda brush: None, lambda *axes: None, lambda key: None)
        made.points(rows)
        made.place("high", "i_over_sigma", "", None)
        return made

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serving = pn.serve({"/": page}, port=port, threaded=True, show=False, verbose=False)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
            shown = browser.new_page(viewport={"width": 1400, "height": 800})
            shown.goto(f"http://127.0.0.1:{port}/")
            canvas = shown.locator("canvas[role=img]")
            canvas.wait_for()
            shown.get_by_text(f"{_POINTS // 1000}").first.wait_for()
            box = canvas.bounding_box()
            assert box is not None
            shown.mouse.move(box["x"] + 200, box["y"] + 100)
            shown.mouse.down()
            shown.mouse.move(box["x"] + 220, box["y"] + 120)
            shown.evaluate(_WATCH)
            shown.mouse.move(box["x"] + 900, box["y"] + 330, steps=steps)
            shown.mouse.up()
            shown.wait_for_timeout(300)
            times = sorted(shown.evaluate("() => window.times"))
            browser.close()
    finally:
        serving.stop()
    print(f"brush: {len(times)} movements, median {times[len(times) // 2]:.1f} ms, most {times[-1]:.1f} ms")
    return float(times[int(len(times) * 0.95)])


def main() -> None:
    """Fill, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rows around the visit, fewer rounds")
    given = parser.parse_args()
    facilities.LONG_RANK = 60
    with server("1G" if given.quick else "3G") as running:
        large = fill(running, "mx", 30_000 if given.quick else 500_000, _BIG, 10)
        add_pipelines(running, "mx", large.id_at(0))
        print(
            f"{large.collections:,} collections, {large.rows:,} rows in {large.seconds:.0f} s ({large.schema} schema)"
        )
        print(surroundings(), flush=True)
        found = asked(running, large, 3 if given.quick else 10)
    print(json_line(found | {"brush_ms": brushed(40 if given.quick else 120)}))


if __name__ == "__main__":
    main()
