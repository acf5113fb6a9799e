"""Merges of a serial run that pipelines have made so far: what each reached, by shell, and of how many lattices.

ISPyB holds the overall, inner and outer shell of a merge; the file of statistics that xia2.ssx or CrystFEL leaves has
all shells. Neither says how many lattices were merged: they are those that the run had when the program began.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import numpy as np
from sqlalchemy import func

from data.core.collection import attachments
from data.core.status import OK
from data.errors import DataError
from data.images.files import Files
from data.reader import Reader
from data.schema import Collection, Program, Scaling, Statistics, Visit
from data.techniques.mx.best import scalings
from data.techniques.mx.curves import look
from data.techniques.mx.logs import Curve
from data.techniques.mx.shells import STORED, same_units
from data.techniques.ssx.merging import Merge

_TABLES: Final = re.compile(r"(merg[^/]*\.json|\.dat|\.shells?|(check|compare)[^/]*\.(log|tsv|txt))$", re.IGNORECASE)
_MOST_MERGES, _MOST_FILES = 20, 6
_KEYS: Final = ("cc_half", "completeness", "multiplicity")
_EDGE: Final = 1.02
"""A limit is rounded to hundredths of Å: a target this close to it is meant to be it."""


@dataclass(frozen=True, slots=True)
class Made:
    """One merge. ``shells``: by overall, inner, outer: low, high (Å), cc_half (fraction), completeness (%),
    multiplicity; ``curves``: the same against 1/d² where a file has them; ``began``: when the program did."""

    program_id: int
    program: str
    began: datetime | None
    shells: Mapping[str, Mapping[str, Any]]
    curves: Mapping[str, Curve] = field(default_factory=dict)

    def at(self, resolution: float | None, lattices: int) -> Merge:
        """What it reached at ``resolution`` (Å), overall where that is None; what it does not say there is None."""
        found = {key: self._value(key, resolution) for key in _KEYS}
        complete = found["completeness"]
        return Merge(
            lattices,
            found["cc_half"],
            None if complete is None else complete / 100,
            found["multiplicity"],
            self._unique(resolution),
            self.program,
        )

    def _unique(self, resolution: float | None) -> float | None:
        """Unique reflections in the shell that CC½ is of. The shells of a file hold about as many each."""
        overall, curve = _number(self.shells.get("overall", {}).get("unique")), self.curves.get("cc_half")
        if resolution is None:
            return overall
        if curve is not None and _spans(curve, resolution):
            return None if overall is None else overall / len(curve.x)
        return _number(self._shell(resolution).get("unique"))

    def _value(self, key: str, resolution: float | None) -> float | None:
        if resolution is None:
            return _number(self.shells.get("overall", {}).get(key))
        curve = self.curves.get(key)
        if curve is not None and _spans(curve, resolution):
            return float(np.interp(resolution**-2, curve.x, curve.y))
        return _number(self._shell(resolution).get(key))

    def _shell(self, resolution: float) -> Mapping[str, Any]:
        """The outer or the inner shell, if it holds ``resolution``."""
        for name in ("outer", "inner"):
            shell = self.shells.get(name, {})
            low, high = _number(shell.get("low")), _number(shell.get("high"))
            if low is not None and high is not None and high / _EDGE <= resolution <= max(low, high * _EDGE):
                return shell
        return {}


def _spans(curve: Curve, resolution: float) -> bool:
    """The first and the last value stand in the middle of their shells."""
    before, after = (curve.x[1] - curve.x[0]) / 2, (curve.x[-1] - curve.x[-2]) / 2
    return curve.x[0] - before <= resolution**-2 <= (curve.x[-1] + after) * _EDGE


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def made(reader: Reader, files: Files, visit_id: int, collection_id: int) -> list[Made]:
    """The successful merges of this run alone, oldest first, at most the 20 newest. Three statements and the files.

    A merge of several runs is left out: how many of its lattices are this run's is not known.
    """
    rows = list(reader.rows(_query(visit_id, collection_id)))
    by_scaling: dict[int, list[Any]] = {}
    for row in rows:
        by_scaling.setdefault(row.scaling_id, []).append(row)
    shared = _shared(reader, visit_id, by_scaling)
    alone = [key for key in sorted(by_scaling) if key not in shared][-_MOST_MERGES:]
    beside = _tables(reader, files, collection_id, {by_scaling[key][0].program_id for key in alone}) if alone else {}
    found = []
    for key in alone:
        first = by_scaling[key][0]
        shells: dict[str, dict[str, Any]] = {}
        for row in by_scaling[key]:
            name = STORED.get((row.shell or "").lower())
            if name is not None:
                shells[name] = {
                    "low": row.low,
                    "high": row.high,
                    "unique": row.unique,
                    **{each: getattr(row, each) for each in _KEYS},
                }
        same_units(shells)
        _in_percent(shells)
        found.append(
            Made(
                first.program_id,
                (first.program or "").strip() or "a program without a name",
                first.start or first.recorded,
                shells,
                beside.get(first.program_id, {}),
            )
        )
    return sorted(found, key=lambda one: (one.began or datetime.min, one.program_id))


def _in_percent(shells: Mapping[str, dict[str, Any]]) -> None:
    """Completeness in percent, in place: no merge is complete to 1 % overall, so less is a fraction."""
    told = _number(shells.get("overall", {}).get("completeness"))
    if told is not None and 0 < told <= 1:
        for shell in shells.values():
            value = _number(shell["completeness"])
            shell["completeness"] = None if value is None else 100 * value


def _query(visit_id: int, collection_id: int) -> Any:
    return (
        scalings(
            Scaling.scaling_id.label("scaling_id"),
            Program.program_id.label("program_id"),
            Program.name.label("program"),
            Program.start.label("start"),
            Program.recorded.label("recorded"),
            Statistics.shell.label("shell"),
            Statistics.low.label("low"),
            Statistics.high.label("high"),
            Statistics.unique.label("unique"),
            *(getattr(Statistics, key).label(key) for key in _KEYS),
        )
        .join(Statistics, Statistics.scaling_id == Scaling.scaling_id)
        .where(Visit.visit_id == visit_id, Collection.collection_id == collection_id, Program.status.in_(OK))
        .order_by(Statistics.id)
    )


def _shared(reader: Reader, visit_id: int, among: Iterable[int]) -> set[int]:
    """Those ``among`` scalings that hold another run of the visit too."""
    wanted = sorted(among)
    if not wanted:
        return set()
    query = (
        scalings(Scaling.scaling_id.label("scaling_id"))
        .where(Visit.visit_id == visit_id, Scaling.scaling_id.in_(wanted))
        .group_by(Scaling.scaling_id)
        .having(func.count(Collection.collection_id.distinct()) > 1)
    )
    return {row.scaling_id for row in reader.rows(query)}


def _tables(reader: Reader, files: Files, collection_id: int, programs: set[int]) -> dict[int, dict[str, Curve]]:
    """The statistics against 1/d² among the files of ``programs``."""
    by_program: dict[int, list[dict[str, Any]]] = {}
    for row in attachments(reader, collection_id):
        if row["program_id"] in programs and _TABLES.search(row["name"] or ""):
            by_program.setdefault(row["program_id"], []).append(row)
    found: dict[int, dict[str, Curve]] = {}
    for program_id, rows in by_program.items():
        for row in sorted(rows, key=lambda row: int(row["id"]))[-_MOST_FILES:]:
            report = look(files, row).report
            for curve in report.curves if report is not None else ():
                found.setdefault(program_id, {})[curve.key] = curve
    return found


class Merges:
    """The merges of one run as they stand: ``look()`` asks anew."""

    def __init__(self, reader: Reader, files: Files, visit_id: int, collection_id: int) -> None:
        self._reader, self._files, self._visit, self._collection = reader, files, visit_id, collection_id
        self.found: Sequence[Made] = ()
        self.trouble: str | None = None

    def look(self) -> bool:
        """Whether they are others than before. Raises nothing: what cannot be read is ``trouble``."""
        before = self.found, self.trouble
        try:
            self.found, self.trouble = made(self._reader, self._files, self._visit, self._collection), None
        except DataError as error:
            self.trouble = f"Merges of this run: {error}"
        return (list(before[0]), before[1]) != (list(self.found), self.trouble)

    def at(self, resolution: float | None, lattices: Callable[[float | None], int]) -> list[Merge]:
        """What each reached there; ``lattices``: how many the run had at a time (s since 1970), None: in all."""
        return [
            one.at(resolution, lattices(None if one.began is None else one.began.timestamp())) for one in self.found
        ]
