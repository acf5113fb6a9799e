"""The collections of a visit as macromolecular crystallography lists them.

Å, keV, s, percent, photons/s, degrees and µm; R values in percent, CC1/2 as a fraction; transmission as stored.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from data.lists import Field
from data.reader import Reader
from data.schema import Collection
from data.techniques import experiments, spots
from data.techniques.collections import (
    Columns,
    Joins,
    Row,
    rows_by_id,
    run_counts,
    shared_fields,
    tidy,
    with_sample,
)
from data.techniques.listed import Listed
from data.techniques.mx.best import PLAIN, best_results
from data.techniques.mx.rule import Rule

EXPERIMENTS = experiments.MX
"""Types of experiment; unknown and absent ones are MX too (see ``experiments``)."""

_BEST_NUMBERS = (
    "cell_a",
    "cell_b",
    "cell_c",
    "cell_alpha",
    "cell_beta",
    "cell_gamma",
    "resolution_low",
    "resolution_high",
    "r_meas",
    "cc_half",
    "completeness",
    "i_over_sigma",
)
_BEST = ("pipeline", "space_group", *_BEST_NUMBERS)


def fields(
    visit_id: int, now: datetime, ids: Sequence[int] | None = None, rule: Rule = PLAIN
) -> tuple[tuple[Field, ...], Joins]:
    """The columns of the list, and the joins that some of them stand on; of these collections alone with ``ids``."""
    best = best_results(visit_id, ids, rule)
    runs = run_counts(visit_id, ids).subquery("counts")
    quality = spots.summed(visit_id, ids).subquery("quality")
    listed = (
        *shared_fields(now),
        *(Field(f"best_{key}", best.c[key], "text", "best") for key in ("pipeline", "space_group")),
        *(Field(f"best_{key}", best.c[key], "number", "best") for key in _BEST_NUMBERS),
        *(
            Field(f"programs_{key}", func.coalesce(runs.c[f"programs_{key}"], 0), "number", "runs")
            for key in ("ok", "failed", "running")
        ),
        Field("spots", quality.c.spots, "number", "quality"),
        Field("quality_resolution", quality.c.quality_resolution, "number", "quality"),
    )
    joins = {
        "sample": with_sample,
        "best": lambda query: query.outerjoin(best, best.c.collection_id == Collection.collection_id),
        "runs": lambda query: query.outerjoin(runs, runs.c.collection_id == Collection.collection_id),
        "quality": lambda query: query.outerjoin(quality, quality.c.collection_id == Collection.collection_id),
    }
    return listed, joins


_SUMMED = frozenset({"quality"})
"""The joins that read images or movies."""

FIELDS = fields(0, datetime(2000, 1, 1))[0]
"""Keys and kinds of the columns, to hold a stranger's wishes against."""


def _columns(reader: Reader, visit_id: int) -> Columns:
    now = datetime.now()
    return lambda ids: fields(visit_id, now, ids, reader.rule)


_NOTHING = {
    **{f"best_{name}": None for name in _BEST},
    **dict.fromkeys(("programs_ok", "programs_failed", "programs_running"), 0),
    **dict.fromkeys(("spots", "quality_resolution")),
}


def begun(row: Row) -> Row:
    """The row of a collection of which nothing is known but that it began."""
    return row | _NOTHING


def _tidied(row: Row) -> Row:
    for key in ("programs_ok", "programs_failed", "programs_running"):
        row[key] = int(row[key])
    for key in ("spots", "quality_resolution"):
        row[key] = None if row[key] is None else float(row[key])
    return tidy(row, *(f"best_{name}" for name in _BEST_NUMBERS))


def _rows(reader: Reader, visit_id: int, ids: Sequence[int]) -> list[Row]:
    rows = rows_by_id(reader, visit_id, ids, shared_fields(datetime.now()), {"sample": with_sample})
    if not rows:
        return []
    add_best(reader, visit_id, rows)
    add_runs(reader, visit_id, rows)
    quality = spots.summaries(reader, visit_id, list(rows))
    for key, row in rows.items():
        found: dict[str, Any] = quality.get(key, {})
        row["spots"], row["quality_resolution"] = found.get("spots"), found.get("quality_resolution")
    return [rows[key] for key in ids if key in rows]


_LIST = Listed("mx", _columns, _rows, _tidied, _SUMMED)
collections, count, newer = _LIST.collections, _LIST.count, _LIST.newer
changed, fits = _LIST.changed, _LIST.fits


def add_best(reader: Reader, visit_id: int, rows: dict[int, Row]) -> None:
    """Set ``best_*`` of each row. One statement."""
    best = best_results(visit_id, list(rows), reader.rule)
    found = {row.collection_id: row for row in reader.rows(select(best))}
    for key, row in rows.items():
        result = found.get(key)
        row |= {f"best_{name}": None if result is None else getattr(result, name) for name in _BEST}
        tidy(row, *(f"best_{name}" for name in _BEST_NUMBERS))


def add_runs(reader: Reader, visit_id: int, rows: dict[int, Row]) -> None:
    """Set ``programs_ok``, ``programs_failed``, ``programs_running`` of each row. One statement."""
    for row in rows.values():
        row |= {"programs_ok": 0, "programs_failed": 0, "programs_running": 0}
    for found in reader.rows(run_counts(visit_id, list(rows))):
        for name in ("programs_ok", "programs_failed", "programs_running"):
            rows[found.collection_id][name] = int(getattr(found, name))
