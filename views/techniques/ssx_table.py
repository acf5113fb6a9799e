"""The serial runs of a visit side by side: bars, table, sums over groups, and the choice of which to compare."""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from panel.viewable import Viewable

from data.core import visits
from data.reader import Reader
from data.sheet import sifted
from data.techniques.ssx.runs import MOST, PER, SPECS, runs, together
from views import place as places
from views.desk import Desk
from views.parts import blocks as b
from views.parts import choices as c
from views.parts.blocks import Blocks
from views.parts.choices import Choices
from views.parts.run_overlays import Bar, RunBars
from views.parts.table import Column, Key, Table, TableState, Want
from views.parts.text import number
from views.place import Place
from views.problem import Problem
from views.reading import Reading
from views.still import Still
from views.techniques.collections import asked, list_place, table_state
from views.techniques.ssx_compare import MOST_RUNS
from views.view import Span

Row = dict[str, Any]

_USUAL: Final = {
    "id", "start", "sample", "experiment", "images", "frames", "hits", "hit_rate", "hit_interval", "indexed",
    "indexing_rate", "indexed_interval", "by", "hit_resolution", "best_resolution_high", "chip_model", "jet_size",
    "laser_energy", "reaction", "chains", "in_sample", "in_crystal",
}  # fmt: skip
_WIDTHS: Final = {"sample": 120, "protein": 90, "experiment": 140, "prefix": 130, "chains": 260, "in_sample": 200,
                  "in_crystal": 170, "comments": 220, "by": 150, "chip_model": 100, "kind": 96}  # fmt: skip
_BOUNDS: Final = {"hit_low", "hit_high", "indexed_low", "indexed_high"}
_WORDS: Final = (
    ("", "every run"),
    ("sample", "sums of each sample"),
    ("protein", "sums of each protein"),
    ("chip_model", "sums of each chip"),
    ("experiment", "sums of each experiment"),
    ("prefix", "sums of each prefix"),
)
_MOST_BARS: Final = 60
_SECONDS: Final = 15.0  # between two readings of all runs


def _columns() -> tuple[Column, ...]:
    made: list[Column] = []
    for spec in SPECS:
        if spec.key in _BOUNDS:
            continue
        kind = {"number": "number", "time": "time"}.get(spec.kind, "text")
        fixed = spec.key == "id"
        made.append(
            Column(
                spec.key, spec.label, spec.unit, kind="link" if fixed else kind, digits=spec.digits,
                width=92 if fixed else _WIDTHS.get(spec.key, 0),
                filter="number" if kind == "number" else "text",
                default=spec.key in _USUAL, title=spec.source, fixed=fixed,
            )
        )  # fmt: skip
        if spec.key in {"hit_rate", "indexing_rate"}:
            stem = "hit" if spec.key == "hit_rate" else "indexed"
            made.append(Column(f"{stem}_interval", "95 %", "%", width=104, align="right", sortable=False,
                               filter="none", title=f"Interval of the {spec.label.lower()}"))  # fmt: skip
    return tuple(made)


COLUMNS = _columns()


@dataclass(frozen=True, slots=True)
class Answer:
    """The visit and its runs."""

    visit_id: int
    rows: list[Row]


class RunsView:
    """The table of the runs of one visit."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._place = Place("runs")
        self._answer: Answer | None = None
        self._asked_for: tuple[Any, ...] = ()
        self._rows: list[Row] = []
        self._selected: list[int] = []
        self._head = Blocks([b.loading(2)])
        self._choices = Choices(self._chosen, label="What is listed")
        self._bars = RunBars(self._open)
        self._actions = Blocks()
        self._table = Table(
            COLUMNS,
            on_want=self._want,
            on_open=self._open,
            on_select=self._select,
            on_state=self._state,
            key="key",
            label="Serial runs",
            noun=("run", "runs"),
            empty=("No runs yet", "They appear as the beamline takes them."),
            page=100,
            away=f"{desk.prefix}/export/runs",
        )
        self.parts: list[Viewable] = [self._head]
        self.spans: list[Span] = [12]
        self._reading: Reading[Answer] = Reading(desk, self._tell, self._fail)
        self._again: Reading[Answer] = Reading(desk, self._retell, self._ignore)
        self._still = Still(desk, self._gone)
        self._asked_at = 0.0
        self._late = False

    def show(self, place: Place) -> None:
        """Show the runs of the visit of the link; those at hand are used again while they are the same."""
        before, self._place = self._place, place
        self._crumbs()
        question = (place.proposal, place.visit)
        if question == self._asked_for and self._answer is not None:
            answer = self._answer
            self._desk.pulse.watch(answer.visit_id)
            self._still.then(self._visit(), lambda: self._again_shown(before.seen("per") != place.seen("per")))
            return
        self._asked_for, self._answer, self._selected = question, None, []
        self._desk.pulse.watch(None)
        self._head.set([b.heading(self._name(), 1), b.loading(3)])
        self._arrange([self._head])
        self._reading.ask(self._question())

    def _again_shown(self, other: bool) -> None:
        if other:
            self._prepare()
        self._draw()
        self._arrange(self._whole())
        self._again.ask(self._question())

    def beat(self) -> None:
        """Something in the visit changed: read the runs again, but not each second; the old ones stay until then."""
        if self._answer is None or self._again.waiting or self._late:
            return
        rest = _SECONDS - (time.monotonic() - self._asked_at)
        if rest > 0:
            self._late = True
            asyncio.get_running_loop().call_later(rest, lambda: self._desk.later(self._catch_up))
            return
        self._again.ask(self._question())

    def _catch_up(self) -> None:
        self._late = False
        if self.parts != [self._head]:  # else it was left meanwhile
            self.beat()

    def hide(self) -> None:
        """Drop what is under way; what was drawn comes back when it is known that it may."""
        self._reading.forget()
        self._again.forget()
        self._still.forget()
        self.parts, self.spans = [self._head], [12]

    def _visit(self) -> Callable[[Reader], object]:
        proposal, visit = self._place.proposal or "", self._place.visit or 0
        return lambda reader: visits.visit(reader, proposal, visit)

    def _question(self) -> Callable[[Reader], Answer]:
        proposal, visit, desk = self._place.proposal or "", self._place.visit or 0, self._desk
        version = desk.pulse.version()
        self._asked_at = time.monotonic()

        def ask(reader: Reader) -> Answer:
            key = visits.visit(reader, proposal, visit)["id"]
            # Read once for all who look at the same moment.
            return Answer(key, desk.shared.answer(reader, key, version, "ssx.runs", lambda r: runs(r, key, desk.files)))

        return ask

    def _tell(self, answer: Answer) -> None:
        self._answer = answer
        self._still.known()
        self._desk.pulse.watch(answer.visit_id)
        self._prepare()
        self._draw()
        self._arrange(self._whole())

    def _retell(self, answer: Answer) -> None:
        if self._answer is None or answer.rows == self._answer.rows:
            return
        self._answer = answer
        self._still.known()
        self._prepare(keep=True)
        self._draw()
        self._arrange(self._whole())

    def _ignore(self, problem: Problem) -> None:
        """The rows stay; the next beat asks again."""
        if problem.gone:
            self._gone(problem)

    def _gone(self, problem: Problem) -> None:
        """The right is gone since the rows were read."""
        self._answer, self._rows, self._selected = None, [], []
        self._desk.pulse.watch(None)
        self._bars.show([])
        self._fail(problem)

    def _fail(self, problem: Problem) -> None:
        self._head.set([b.heading(self._name(), 1), b.problem(problem.title, problem.text, problem.reference)])
        self._arrange([self._head])

    # -- drawing

    def _name(self) -> str:
        return f"Runs of {self._place.visit_name or ''}"

    def _crumbs(self) -> None:
        place = self._place
        name, visit = place.proposal or "", place.visit or 0
        trail: list[tuple[str, Place | None]] = [("Proposals", places.proposals()), (name, places.proposal(name))]
        trail.append((place.visit_name or "", places.visit(name, visit, "ssx")))
        self._desk.head(self._name(), [*trail, ("Runs", None)])

    def _whole(self) -> list[Viewable]:
        if not self._rows:
            return [self._head]
        return [self._head, self._bars.view, self._choices, self._actions, self._table]

    def _arrange(self, parts: list[Viewable]) -> None:
        if parts != self.parts:
            self.parts, self.spans = parts, [12] * len(parts)
            self._desk.redraw()

    def _per(self) -> str:
        per = self._place.seen("per") or ""
        return per if per in PER else ""

    def _prepare(self, *, keep: bool = False) -> None:
        rows = self._answer.rows if self._answer is not None else []
        self._rows = together(rows, self._per()) if self._per() else rows
        if not keep:
            self._selected = []
        self._table.set_state(table_state(self._place.listing))
        self._table.reload()

    def _draw(self) -> None:
        answer, place = self._answer, self._place
        if answer is None:
            return
        if not answer.rows:
            self._head.set([b.heading(self._name(), 1), b.empty("No serial runs", "This visit has none so far.")])
            return
        told = [row for row in answer.rows if row["hits"] is not None]
        images = sum(row["frames"] for row in told if row["frames"])
        detail = f"{number(len(answer.rows), 0)} runs"
        if told:
            detail += f" · {number(sum(row['hits'] for row in told), 0)} hits of {number(images, 0)} images judged"
        notes = [b.note("warn", f"Only the newest {MOST} runs are listed.")] if len(answer.rows) == MOST else []
        words = (
            "Intervals: Wilson's at 95 %, widened by how much hits clump within each run. A dash is what nobody has "
            "told. The monitor of a run counts frame by frame."
        )
        self._head.set([b.heading(self._name(), 1, detail), b.text(words, quiet=True), *notes])
        self._choices.set([c.select("per", "List", _WORDS, self._per())])
        self._bars.show([_bar(row) for row in reversed(self._rows[:_MOST_BARS])])
        about = f"visit={place.visit_name}&tab=runs" + (f"&v.per={self._per()}" if self._per() else "")
        self._table.take_away(about)
        self._draw_actions()

    def _draw_actions(self) -> None:
        known = {row["id"]: row for row in self._rows}
        chosen: list[int] = []
        for key in self._selected:
            chosen += [k for k in known[key].get("members", [key]) if k not in chosen] if key in known else []
        place, count = self._place, len(chosen)
        if count < 2:
            words = f"Choose rows (Ctrl or Shift for several, up to {MOST_RUNS} runs) to compare them."
            self._actions.set([b.text(words, quiet=True)])
            return
        label = f"Compare {count} runs" if count <= MOST_RUNS else f"Compare the first {MOST_RUNS} of {count} runs"
        to = places.compare(place.proposal or "", place.visit or 0, chosen[:MOST_RUNS])
        self._actions.set([b.actions([b.action("compare", label, link=self._desk.link(to))])])

    # -- what the browser says: keys of a stranger, held against what there is

    def _chosen(self, key: str, value: str) -> None:
        self._desk.go(self._place.seeing(per=value or None), True)

    def _select(self, keys: list[Key]) -> None:
        known = {row["id"] for row in self._rows}
        self._selected = [key for key in keys if isinstance(key, int) and key in known]
        self._draw_actions()

    def _open(self, key: Key) -> None:
        if isinstance(key, int) and any(row["id"] == key for row in self._rows):
            self._desk.go(places.monitor(key), False)

    def _state(self, state: TableState) -> None:
        self._place = replace(self._place, listing=list_place(state))
        self._desk.relist(self._place.listing)

    def _want(self, want: Want) -> None:
        self._still.then(self._visit(), lambda: self._send(want))

    def _send(self, want: Want) -> None:
        found = sifted(self._rows, SPECS, asked(want))
        part = found[want.offset : want.offset + want.limit]
        done = want.offset + want.limit >= len(found)
        self._table.send_rows(want.seq, want.offset, [self._row(dict(row)) for row in part], len(found), done)

    def _row(self, row: Row) -> Row:
        key = row["id"]
        link = self._desk.link(places.monitor(key))
        shown: Row = {spec.key: row.get(spec.key) for spec in SPECS}
        many = (row["runs"] or 1) > 1
        return shown | {
            "_link": None if many else link,
            "key": key,
            "id": {"text": f"{row['runs']} runs" if many else str(key), "link": None if many else link},
            "hit_interval": _interval(row, "hit"),
            "indexed_interval": _interval(row, "indexed"),
        }


def _interval(row: Row, stem: str) -> str | None:
    low, high = row[f"{stem}_low"], row[f"{stem}_high"]
    return None if low is None else f"{number(low, 1)}–{number(high, 1)}"


def _bar(row: Row) -> Bar:
    def known(key: str) -> float:
        return math.nan if row[key] is None else float(row[key])

    many = (row["runs"] or 1) > 1
    label = f"{row['runs']} runs, {row['id']}" if many else str(row["id"])
    words = label if many else f"run {row['id']}"
    rate = f"{number(row['hit_rate'], 2)} % hits" if row["hit_rate"] is not None else "hit rate not told"
    interval = _interval(row, "hit")
    return Bar(
        row["id"], label, f"{words}: {rate}{f' ({interval})' if interval else ''}", known("hit_rate"),
        known("hit_low"), known("hit_high"), known("indexing_rate"),
    )  # fmt: skip
