"""Questions whose whole answer may be taken away as a file: what they are about, their columns, and rows in parts.

Every part is read anew through the Reader that asks, so nothing is in a file that its asker may not see at that moment.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from data.core import collection as collections
from data.core import proposals, visits
from data.errors import NotFound
from data.images.files import Files
from data.lists import Asked, Field, Page, valid
from data.reader import Reader
from data.sheet import Row, Spec, sifted
from data.techniques.em import queries as em
from data.techniques.mx import queries as mx
from data.techniques.mx.results import SPECS, Where, best_of_each, results
from data.techniques.mx.rule import METRICS, SHELLS, Rule, rule_from
from data.techniques.ssx import queries as ssx
from data.techniques.ssx import runs as serial

MOST = 100_000
"""Rows of one file at most."""
_PART = 200


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a question is about: a visit or proposal by name, a collection; and how the list stands.

    ``view``: what the page keeps of its own, such as ``rule``, ``per``, ``sample``. ``files``: where files that stand
    beside the rows may be read.
    """

    proposal: str = ""
    visit: int | None = None
    collection: int | None = None
    technique: str = "mx"
    asked: Asked = field(default_factory=Asked)
    view: dict[str, str] = field(default_factory=dict)
    files: Files | None = None

    def number(self, key: str) -> int | None:
        """A whole number of the view."""
        text = self.view.get(key, "")
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else None


@dataclass(frozen=True, slots=True)
class Answer:
    """The columns, and rows of those keys in parts."""

    specs: tuple[Spec, ...]
    parts: Iterator[Sequence[Row]]


Question = Callable[[Reader, Wanted], Answer]

_UNITS = {
    "wavelength": "Å", "energy": "keV", "resolution": "Å", "exposure": "s", "transmission": "%", "flux": "ph/s",
    "axis_range": "°", "rotation": "°", "beam_size_x": "µm", "beam_size_y": "µm", "best_resolution_low": "Å",
    "best_resolution_high": "Å", "best_r_meas": "%", "best_completeness": "%", "best_cell_a": "Å", "best_cell_b": "Å",
    "best_cell_c": "Å", "best_cell_alpha": "°", "best_cell_beta": "°", "best_cell_gamma": "°",
    "quality_resolution": "Å", "hit_rate": "%", "indexing_rate": "%", "voltage": "kV", "pixel_size": "Å",
    "best_resolution": "Å",
}  # fmt: skip


def _specs(fields: Sequence[Field], *more: Spec) -> tuple[Spec, ...]:
    return (*(Spec(f.key, f.key, f.kind, _UNITS.get(f.key, "")) for f in fields), *more)


def _paged(specs: Sequence[Spec], page: Callable[[int, int], Page]) -> Answer:
    """The answer of a list, page by page."""

    def parts() -> Iterator[Sequence[Row]]:
        for offset in count(0, _PART):
            found = page(offset, _PART)
            yield found.rows
            if found.done or offset + _PART >= MOST:
                return

    return Answer(tuple(specs), parts())


_LISTS: dict[str, Any] = {"mx": mx, "ssx": ssx, "em": em}


def _collections(reader: Reader, wanted: Wanted) -> Answer:
    queries = _LISTS.get(wanted.technique)
    if queries is None or wanted.visit is None:
        raise NotFound("This list")
    visit = visits.visit(reader, wanted.proposal, wanted.visit)["id"]
    asked = valid(wanted.asked, queries.FIELDS)
    if not asked.plain:
        specs = _specs(queries.FIELDS)
        return _paged(specs, lambda offset, limit: queries.collections(reader, visit, asked, offset, limit))

    def parts() -> Iterator[Sequence[Row]]:
        last: tuple[int, int] | None = None
        taken = 0
        while taken < MOST:
            # Continued by key: new collections move no row out of its page.
            page = queries.collections(reader, visit, asked, 0, _PART, before=last)
            yield page.rows
            taken += len(page.rows)
            if page.done or not page.rows:
                return
            last = page.rows[-1]["group_id"], page.rows[-1]["id"]

    return Answer(_specs(queries.FIELDS), parts())


def _visits(reader: Reader, wanted: Wanted) -> Answer:
    key = proposals.proposal(reader, wanted.proposal)["id"]
    asked = valid(wanted.asked, visits.FIELDS)
    specs = _specs(visits.FIELDS, Spec("collections", "collections", "number"))
    return _paged(specs, lambda offset, limit: visits.visits_of(reader, key, asked, offset, limit))


def _samples(reader: Reader, wanted: Wanted) -> Answer:
    key = proposals.proposal(reader, wanted.proposal)["id"]
    asked = valid(wanted.asked, proposals.SAMPLE_FIELDS)
    return _paged(
        _specs(proposals.SAMPLE_FIELDS), lambda offset, limit: proposals.samples(reader, key, asked, offset, limit)
    )


def _proposals(reader: Reader, wanted: Wanted) -> Answer:
    asked = valid(wanted.asked, proposals.FIELDS)
    return _paged(_specs(proposals.FIELDS), lambda offset, limit: proposals.proposals(reader, asked, offset, limit))


def where(reader: Reader, wanted: Wanted) -> Where:
    """The collections that the results are of. Raises NotFound."""
    sample, protein = wanted.number("sample"), wanted.number("protein")
    if wanted.visit is not None:
        return Where(visits.visit(reader, wanted.proposal, wanted.visit)["id"], None, sample, protein)
    return Where(None, proposals.proposal(reader, wanted.proposal)["id"], sample, protein)


def rows_of_results(reader: Reader, wanted: Wanted) -> list[Row]:
    """The rows of the table of results as its page shows them."""
    rule = rule_from(wanted.view.get("rule"), reader.rule)
    rows: list[dict[str, Any]] = results(reader, where(reader, wanted), rule).rows
    if wanted.view.get("per") in {"sample", "protein"}:
        rows = best_of_each(rows, wanted.view["per"], rule)
    return sifted(rows, SPECS, wanted.asked)


def _results(reader: Reader, wanted: Wanted) -> Answer:
    rows = rows_of_results(reader, wanted)
    return Answer(SPECS, (rows[start : start + _PART] for start in range(0, len(rows), _PART)))


_PROCESSING = (
    Spec("pipeline", "pipeline"), Spec("status", "status"), Spec("best", "best"), Spec("shell", "shell"),
    Spec("space_group", "space_group"),
    *(Spec(f"cell_{name}", f"cell_{name}", "number", "Å" if len(name) == 1 else "°")
      for name in ("a", "b", "c", "alpha", "beta", "gamma")),
    Spec("low", "low", "number", "Å"), *(Spec(key, key, "number", "%" if key.startswith(("r_", "compl")) else "")
                                         for key in METRICS),
    Spec("program_id", "program_id", "number"), Spec("scaling_id", "scaling_id", "number"),
)  # fmt: skip


def _processing(reader: Reader, wanted: Wanted) -> Answer:
    rule: Rule = rule_from(wanted.view.get("rule"), reader.rule)
    rows = []
    for row in collections.processings(reader, wanted.collection or 0, rule):
        base = row | {"pipeline": row["name"], "best": "yes" if row["best"] else "no"}
        shells: list[tuple[str, Any]] = [(name, row[name]) for name in SHELLS if row[name] is not None]
        shells = shells or [("", {})]
        rows += [base | {key: shell.get(key) for key in (*METRICS, "low")} | {"shell": name} for name, shell in shells]
    return Answer(_PROCESSING, iter([rows]))


def rows_of_runs(reader: Reader, wanted: Wanted) -> list[Row]:
    """The serial runs of a visit as their page shows them: some of them, summed up, sifted."""
    if wanted.visit is None:
        raise NotFound("This list")
    rows: list[dict[str, Any]] = serial.runs(
        reader, visits.visit(reader, wanted.proposal, wanted.visit)["id"], wanted.files
    )
    chosen = {text for text in wanted.view.get("runs", "").split(",") if text}
    if chosen:
        rows = [row for row in rows if str(row["id"]) in chosen]
    if wanted.view.get("per") in serial.PER:
        rows = serial.together(rows, wanted.view["per"])
    return sifted(rows, serial.SPECS, wanted.asked)


def _runs(reader: Reader, wanted: Wanted) -> Answer:
    return Answer(serial.SPECS, iter([rows_of_runs(reader, wanted)]))


QUESTIONS: dict[str, Question] = {
    "proposals": _proposals,
    "visits": _visits,
    "samples": _samples,
    "collections": _collections,
    "results": _results,
    "processing": _processing,
    "runs": _runs,
}


def ask(reader: Reader, name: str, wanted: Wanted) -> Answer:
    """The answer to the question of that name. Raises NotFound for what there is not or may not be seen."""
    question = QUESTIONS.get(name)
    if question is None:
        raise NotFound("This table")
    return question(reader, wanted)
