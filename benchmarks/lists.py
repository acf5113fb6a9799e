"""A page of 25 collections out of 25,000, in a MariaDB with 1,000,000.

    python benchmarks/lists.py [--quick] [--explain]

Fills two databases, one with ten times the rows of the other and both with the same large visit,
and asks for pages as the dashboard does: with sample, best result, runs and quality summary, for an
administrator, for a user of two proposals, and for a scientist responsible for three beamlines.

Last line, JSON, each the worst of the three people:
statements       of one page
page800_vs_page1 time of page 800 to time of page 1, both continued by key
rows10x          time of page 1 with ten times the rows in the database to that with the fewer
vs_offset        time of one statement that joins all and pages by OFFSET, without any access rule
                 and without the quality summary, to ours; the smaller factor of pages 1 and 800
"""

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import paths  # noqa: F401
from facility import BIG_VISIT, FAR_PAGE, LONG_RANK, PAGE, Facility, fill, server
from report import interleaved, json_line, surroundings
from sqlalchemy import Connection, create_engine, event, text

from data.lists import Asked
from data.reader import Reader
from data.source import Source, driver
from data.techniques.mx import queries

_FAR = (FAR_PAGE - 1) * PAGE


@contextmanager
def source_of(facility: Facility) -> Iterator[Source]:
    """The source of a facility, whose statements may take long: this is where that shows."""
    source = Source(facility.url.render_as_string(hide_password=False), statement_seconds=120)
    try:
        yield source
    finally:
        source.close()


# What one statement would have to be: everything joined, sorted, and the first rows thrown away.
_RIVAL = """
SELECT dc.dataCollectionId, dc.dataCollectionNumber, dc.startTime, dc.endTime, dc.runStatus,
  dc.imagePrefix, dc.fileTemplate, dc.numberOfImages, dc.startImageNumber, dc.wavelength,
  dc.resolution, dc.exposureTime, dc.transmission, dc.flux, dc.axisRange, dc.beamSizeAtSampleX,
  dc.beamSizeAtSampleY, dc.comments, dc.xtalSnapshotFullPath1, g.experimentType, s.name, pr.acronym,
  COUNT(DISTINCT app.autoProcProgramId) AS runs, SUM(app.processingStatus) AS ok,
  MIN(st.resolutionLimitHigh) AS high, MIN(st.rMeasAllIPlusIMinus) AS r_meas,
  MAX(st.completeness) AS completeness, MAX(st.ccHalf) AS cc_half, MAX(ap.spaceGroup) AS space_group,
  MAX(ap.refinedCell_a) AS cell_a
FROM DataCollection dc
JOIN DataCollectionGroup g ON g.dataCollectionGroupId = dc.dataCollectionGroupId
JOIN BLSession bl ON bl.sessionId = g.sessionId
JOIN Proposal p ON p.proposalId = bl.proposalId
LEFT JOIN BLSample s ON s.blSampleId = g.blSampleId
LEFT JOIN Crystal cr ON cr.crystalId = s.crystalId
LEFT JOIN Protein pr ON pr.proteinId = cr.proteinId
LEFT JOIN AutoProcIntegration api ON api.dataCollectionId = dc.dataCollectionId
LEFT JOIN AutoProcProgram app ON app.autoProcProgramId = api.autoProcProgramId
LEFT JOIN AutoProcScaling_has_Int ash ON ash.autoProcIntegrationId = api.autoProcIntegrationId
LEFT JOIN AutoProcScaling sc ON sc.autoProcScalingId = ash.autoProcScalingId
LEFT JOIN AutoProc ap ON ap.autoProcId = sc.autoProcId
LEFT JOIN AutoProcScalingStatistics st ON st.autoProcScalingId = sc.autoProcScalingId
  AND st.scalingStatisticsType = 'overall'
WHERE bl.sessionId = :visit
GROUP BY dc.dataCollectionId
ORDER BY dc.startTime DESC
LIMIT 25 OFFSET :offset
"""


def rival(connection: Connection, offset: int) -> list[int]:
    """The ids of a page by one joined statement and OFFSET."""
    rows = connection.execute(text(_RIVAL), {"visit": BIG_VISIT, "offset": offset}).all()
    return [row[0] for row in rows]


def page(reader: Reader, facility: Facility, rank: int) -> list[int]:
    """The ids of the page that begins with the collection of this rank, continued by key."""
    last = facility.id_at(rank - 1)  # the group of a collection has its number
    found = queries.collections(reader, BIG_VISIT, Asked(), 0, PAGE, before=(last, last) if rank else None)
    return [row["id"] for row in found.rows]


def measure(small: Facility, large: Facility, rounds: int) -> dict[str, float | int]:
    """All numbers; prints them by person."""
    first: dict[str, float] = {}
    engine = create_engine(driver(large.url.render_as_string(hide_password=False)))
    with source_of(small) as few, source_of(large) as many, engine.connect() as connection:
        actions: dict[str, Callable[[], object]] = {}
        for name, scope in large.scopes().items():
            reader = Reader(many, scope)
            for rank in (0, _FAR):
                asked, expected = page(reader, large, rank), [large.id_at(rank + step) for step in range(PAGE)]
                if not asked == rival(connection, rank) == expected:
                    raise SystemExit(f"{name}, {rank}: the pages are not the same")
            before = many.statements
            page(reader, large, 0)
            first[name] = many.statements - before
            actions |= {
                f"{name} 1": partial(page, reader, large, 0),
                f"{name} 800": partial(page, reader, large, _FAR),
                f"{name} jump": partial(queries.collections, reader, BIG_VISIT, Asked(), _FAR, PAGE),
                f"{name} long": partial(page, reader, large, LONG_RANK - PAGE // 2),
                f"{name} few": partial(page, Reader(few, scope), small, 0),
            }
        actions |= {
            "rival 1": partial(rival, connection, 0),
            "rival 800": partial(rival, connection, _FAR),
        }
        taken = interleaved(actions, rounds)
    engine.dispose()
    print(
        f"rival: page 1 {_ms(taken['rival 1'])}, page 800 {_ms(taken['rival 800'])} "
        "(no access rule, no quality summary)"
    )
    results = []
    for name in large.scopes():
        own = {key: taken[f"{name} {key}"] for key in ("1", "800", "jump", "long", "few")}
        result = {
            "statements": first[name],
            "page800_vs_page1": own["800"] / own["1"],
            "rows10x": own["1"] / own["few"],
            "vs_offset": min(taken["rival 1"] / own["1"], taken["rival 800"] / own["800"]),
        }
        print(
            f"{name}: {first[name]} statements, page 1 {_ms(own['1'])}, page 800 {_ms(own['800'])} "
            f"(jumped to {_ms(own['jump'])}), with a collection of 100,000 images "
            f"{_ms(own['long'])}, a tenth of the rows {_ms(own['few'])}; "
            + ", ".join(f"{key} {value:.3g}" for key, value in result.items())
        )
        results.append(result)
    return {
        "statements": int(max(result["statements"] for result in results)),
        "page800_vs_page1": max(result["page800_vs_page1"] for result in results),
        "rows10x": max(result["rows10x"] for result in results),
        "vs_offset": min(result["vs_offset"] for result in results),
    }


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


def _ask(connection: Connection, statement: str, parameters: Any) -> None:
    connection.exec_driver_sql(statement, parameters).all()


def explain(facility: Facility) -> None:
    """For each person and each statement of a page: rows that the server read, and its plan."""
    engine = create_engine(driver(facility.url.render_as_string(hide_password=False)))
    with source_of(facility) as source, engine.connect() as connection:
        sent: list[tuple[str, Any]] = []
        event.listen(
            source.engine,
            "before_cursor_execute",
            lambda _c, _k, statement, parameters, *_: sent.append((statement, parameters)),
        )
        for name, scope in facility.scopes().items():
            reader = Reader(source, scope)
            page(reader, facility, 0)
            sent.clear()
            page(reader, facility, 0)
            for number, (statement, parameters) in enumerate(sent, 1):
                connection.exec_driver_sql("FLUSH STATUS")
                ask = partial(_ask, connection, statement, parameters)
                taken = interleaved({"it": ask}, 3)["it"]
                rows = connection.exec_driver_sql("SHOW SESSION STATUS LIKE 'Handler_read%%'").all()
                # The round that is not counted, and three.
                read = sum(int(row[1]) for row in rows) // 4
                print(f"\n{name}, statement {number}: {_ms(taken)}, {read:,} rows read")
                for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters):
                    print("   ", *("-" if value is None else value for value in row))
    engine.dispose()


def main() -> None:
    """Fill, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a fifth of the rows, fewer rounds")
    parser.add_argument("--collections", type=int, help="rows of the larger database")
    parser.add_argument("--explain", action="store_true", help="print the server's plans too")
    given = parser.parse_args()
    # Page 800 has to be there, so the smaller database is hardly more than the visit.
    total, big, share = (204_000, 20_100, 10) if given.quick else (1_000_000, 25_000, 3)
    with server() as running:
        databases = []
        for name, size in (("small", 10), ("large", 1)):
            made = fill(running, name, (given.collections or total) // size, big, share)
            databases.append(made)
            print(
                f"{name}: {made.collections:,} collections, {made.visits:,} visits, {made.rows:,} "
                f"rows in {made.seconds:.0f} s ({made.schema} schema)",
                flush=True,
            )
        print(surroundings())
        if given.explain:
            explain(databases[1])
        print(json_line(measure(*databases, rounds=5 if given.quick else 20)))


if __name__ == "__main__":
    main()
