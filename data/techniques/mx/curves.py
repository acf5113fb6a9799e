"""Merging statistics against resolution, out of the files that the pipelines of a collection left."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from data.core.collection import attachments
from data.images.cache import Cache
from data.images.files import Files, Located, State
from data.reader import Reader
from data.techniques.mx.logs import Curve, Report, Unusable, read_file

Row = dict[str, Any]

# What is likely to hold statistics by resolution, the best source first.
_LIKELY = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\.json$",
        r"(XSCALE|CORRECT)[^/]*\.LP$",
        r"aimless.*\.log$",
        r"(scale|merge|multiplex).*\.log$",
        r"xia2.*\.(txt|html)$",
        r"(report|scale|multiplex|merg).*\.html$",
        r"results.*\.txt$",
        r"\.(mm)?cif$",
        r"\.xml$",
        r"\.mtz(\.gz)?$",
        r"\.(log|lp|txt|dat)$",
    )
)
_MOST_FILES = 8
_WANTED = frozenset({"i_over_sigma", "cc_half", "r_meas", "completeness", "multiplicity"})


@dataclass(frozen=True, slots=True)
class Source:
    """One file that was looked at: which it is, what it gave, or why it gave nothing."""

    attachment_id: int
    name: str
    report: Report | None
    words: str = ""


@dataclass(frozen=True, slots=True)
class Statistics:
    """What the files of one run of a pipeline say. ``curves``: by statistic, each with the file that it is from."""

    program_id: int
    curves: dict[str, tuple[Curve, Source]]
    sources: tuple[Source, ...]


_READ: Cache[tuple[str, int, int], Report | str] = Cache(60_000_000, lambda report: 200 + _size(report))


def _size(report: Report | str) -> int:
    return len(report) if isinstance(report, str) else sum(32 * len(curve.x) for curve in report.curves)


def statistics(reader: Reader, files: Files, collection_id: int) -> dict[int, Statistics]:
    """The statistics by resolution of each run that left files, by program id. Two statements and the files.

    Each file is read once while it does not change; at most eight of a run, until all usual statistics are there.
    """
    by_program: dict[int, list[Row]] = {}
    for row in attachments(reader, collection_id):
        by_program.setdefault(row["program_id"], []).append(row)
    return {key: _of_program(files, key, rows) for key, rows in by_program.items()}


def _of_program(files: Files, program_id: int, rows: Sequence[Row]) -> Statistics:
    curves: dict[str, tuple[Curve, Source]] = {}
    sources: list[Source] = []
    for row in _promising(rows)[:_MOST_FILES]:
        source = look(files, row)
        sources.append(source)
        if source.report is not None:
            for curve in source.report.curves:
                curves.setdefault(curve.key, (curve, source))
        if curves.keys() >= _WANTED:
            break
    return Statistics(program_id, curves, tuple(sources))


def _promising(rows: Iterable[Row]) -> list[Row]:
    ranked = []
    for row in rows:
        name = row["name"] or ""
        # ISPyB says which files are graphs, whatever they are called.
        place = 0 if (row["kind"] or "").lower() == "graph" else None
        if place is None:
            place = next((n for n, pattern in enumerate(_LIKELY) if pattern.search(name)), None)
        if place is not None:
            ranked.append((place, row["id"], row))
    return [row for _, _, row in sorted(ranked, key=lambda one: one[:2])]


def look(files: Files, row: Row) -> Source:
    """One attachment, as a row of ``data.core.collection.attachments``. Never raises."""
    name = row["name"] or ""
    directory = row["directory"] or ""
    found = files.find(f"{directory}/{name}" if directory and name else None)
    if found.state is not State.PRESENT or found.path is None:
        return Source(row["id"], name, None, found.words)
    kept = _kept(found)
    if isinstance(kept, str):
        return Source(row["id"], name, None, f"“{name}” {kept}.")
    return Source(row["id"], name, kept)


def _kept(found: Located) -> Report | str:
    path = found.path
    if path is None:
        return "is not there"
    try:
        status = path.stat()
    except OSError:
        return "could not be read from disk"

    def read() -> Report | str:
        try:
            return read_file(path)
        except Unusable as error:
            return str(error)

    return _READ.get((str(path), status.st_mtime_ns, status.st_size), read)
