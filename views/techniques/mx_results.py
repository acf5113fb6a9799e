"""The best results of a visit, a proposal, a sample or a protein: points, histograms and table, all linked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from panel.viewable import Viewable

from data.exports import Wanted, where
from data.reader import Reader
from data.sheet import sifted
from data.techniques.mx.results import SPECS, Results, Where, best_of_each, results
from data.techniques.mx.rule import METRICS, SHELLS, Rule, rule_from
from views import place as places
from views.desk import Desk
from views.parts import blocks as b
from views.parts import choices as c
from views.parts.blocks import Block, Blocks
from views.parts.choices import Choices
from views.parts.scatter import Scatter
from views.parts.table import Column, Key, Table, TableState, Want
from views.parts.text import number, space_group
from views.place import Place
from views.problem import Problem
from views.reading import Reading
from views.still import Still
from views.techniques.collections import asked, list_place, table_state
from views.view import Span

Row = dict[str, Any]

_USUAL = {
    "id", "thumb", "start", "sample", "protein", "prefix", "number", "pipeline", "space_group", "high", "r_meas",
    "i_over_sigma", "cc_half", "completeness", "multiplicity", "outer_cc_half", "images",
}  # fmt: skip
_WIDTHS = {"sample": 120, "protein": 90, "prefix": 140, "pipeline": 150, "space_group": 104, "visit": 96}
_HIDDEN = {"directory", "template"}


def _columns() -> tuple[Column, ...]:
    made = [Column("id", "Collection", kind="link", filter="number", width=92, fixed=True),
            Column("thumb", "Crystal", kind="thumb", sortable=False, filter="none", width=64)]  # fmt: skip
    for spec in SPECS[1:]:
        kind = {"number": "number", "time": "time"}.get(spec.kind, "text")
        made.append(
            Column(
                spec.key,
                spec.label,
                spec.unit,
                kind=kind,
                digits=spec.digits,
                width=_WIDTHS.get(spec.key, 0),
                filter="number" if kind == "number" else "text",
                default=spec.key in _USUAL,
                title=spec.source,
            )
        )
    return tuple(made)


COLUMNS = _columns()
_NUMBERS = tuple(spec for spec in SPECS if spec.kind == "number" and spec.key not in {"id", "number"})
_TEXTS = tuple(spec for spec in SPECS if spec.key in {"sample", "protein", "pipeline", "space_group", "visit"})
_PER = (
    ("collection", "every collection"),
    ("sample", "the best of each sample"),
    ("protein", "the best of a protein"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found, with the texts that the screen shows."""

    results: Results
    about: str
    visit_id: int | None


class ResultsView:
    """Scatter and table of the best results; the brush is a filter of the table, and so part of the link."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._place = Place("results")
        self._asked_for: tuple[Any, ...] = ()
        self._answer: Answer | None = None
        self._rows: list[Row] = []
        self._selected: list[int] = []
        self._head = Blocks([b.loading(2)])
        self._choices = Choices(self._chosen, label="What is listed")
        self._scatter = Scatter(
            [{"key": s.key, "label": s.label, "unit": s.unit, "digits": s.digits} for s in _NUMBERS],
            [{"key": s.key, "label": s.label} for s in _TEXTS],
            self._brushed,
            self._axes,
            self._open,
            thumb=f"{desk.prefix}/snapshot/{{id}}/1?size=small",
            link="?collection={id}&tab=processing",
        )
        self._actions = Blocks()
        self._table = Table(
            COLUMNS,
            on_want=self._want,
            on_open=self._open,
            on_select=self._select,
            on_state=self._state,
            key="key",
            label="Best results",
            noun=("result", "results"),
            empty=("No results yet", "They appear as pipelines finish."),
            page=100,
            away=f"{desk.prefix}/export/results",
        )
        self.parts: list[Viewable] = [self._head]
        self.spans: list[Span] = [12]
        self._reading: Reading[Answer] = Reading(desk, self._tell, self._fail)
        self._still = Still(desk, self._gone)

    def show(self, place: Place) -> None:
        """Show the results of the link; those at hand are used again while they are the same."""
        before, self._place = self._place, place
        self._crumbs()
        question = (place.proposal, place.visit, place.seen("sample"), place.seen("protein"), place.seen("rule"))
        if question == self._asked_for and self._answer is not None:
            self._desk.pulse.watch(self._answer.visit_id)
            self._still.then(self._where(), lambda: self._again(before.seen("per") != place.seen("per")))
            return
        self._asked_for, self._answer = question, None
        self._desk.pulse.watch(None)
        self._head.set([b.heading(self._name(), 1), b.loading(3)])
        self._arrange([self._head])
        self._ask()

    def _again(self, other: bool) -> None:
        self._table.set_state(table_state(self._place.listing))
        if other:
            self._prepare()
        self._draw()
        if self._rows:
            self._arrange(self._whole())

    def beat(self) -> None:
        """Results are read when the page is opened and by its button: they stand still under the brush."""

    def hide(self) -> None:
        """Drop what is under way; what was drawn comes back when it is known that it may."""
        self._reading.forget()
        self._still.forget()
        self.parts, self.spans = [self._head], [12]

    def _where(self) -> Callable[[Reader], Where]:
        """The question which collections are meant, that whoever may not see them is refused."""
        place = self._place
        wanted = Wanted(place.proposal or "", place.visit, None, "mx", view=dict(place.view))
        return lambda reader: where(reader, wanted)

    def _ask(self) -> None:
        place, of, rule = self._place, self._where(), self._rule()

        def question(reader: Reader) -> Answer:
            meant = of(reader)
            found = results(reader, meant, rule)
            return Answer(found, _about(found.rows, place), meant.visit_id)

        self._reading.ask(question)

    def _tell(self, answer: Answer) -> None:
        self._answer = answer
        self._still.known()
        self._desk.pulse.watch(answer.visit_id)
        self._prepare()
        self._draw()
        self._arrange(self._whole())

    def _gone(self, problem: Problem) -> None:
        """The right is gone since the rows were read."""
        self._answer, self._rows, self._selected = None, [], []
        self._desk.pulse.watch(None)
        self._scatter.points([])
        self._fail(problem)

    def _fail(self, problem: Problem) -> None:
        self._head.set([b.heading(self._name(), 1), b.problem(problem.title, problem.text, problem.reference)])
        self._arrange([self._head])

    def _whole(self) -> list[Viewable]:
        return [self._head, self._choices, self._scatter, self._actions, self._table]

    def _arrange(self, parts: list[Viewable]) -> None:
        if parts != self.parts:
            self.parts, self.spans = parts, [12] * len(parts)
            self._desk.redraw()

    # -- what there is

    def _rule(self) -> Rule:
        return rule_from(self._place.seen("rule"), rule_from(self._desk.choices.get("mx.best")))

    def _prepare(self) -> None:
        """The rows that may be shown, and the table and the points of them."""
        if self._answer is None:
            return
        rows, per = self._answer.results.rows, self._place.seen("per") or ""
        self._rows = best_of_each(rows, per, self._rule()) if per in {"sample", "protein"} else rows
        self._selected = []
        self._scatter.points(self._rows)
        self._table.set_state(table_state(self._place.listing))
        self._table.reload()

    def _sifted(self) -> list[Row]:
        found = sifted(self._rows, SPECS, asked(self._as_want()))
        return found  # type: ignore[return-value]

    def _as_want(self) -> Want:
        state = self._table.state
        return Want(0, state.sort, state.descending, state.filters, state.search, 0, 1)

    # -- drawing

    def _name(self) -> str:
        return f"Results of {self._place.visit_name or self._place.proposal or ''}"

    def _crumbs(self) -> None:
        place = self._place
        trail: list[tuple[str, Place | None]] = [("Proposals", places.proposals())]
        if place.proposal:
            trail.append((place.proposal, places.proposal(place.proposal)))
        if place.proposal and place.visit is not None:
            trail.append((place.visit_name or "", places.visit(place.proposal, place.visit)))
        self._desk.head(self._name(), [*trail, ("Results", None)])

    def _draw(self) -> None:
        answer, place = self._answer, self._place
        if answer is None:
            return
        found, rule = answer.results, self._rule()
        if not found.rows:
            words = f"None of {number(found.collections, 0)} collections has a result yet." if found.collections else ""
            words = words or "There are no MX collections here."
            self._head.set([b.heading(self._name(), 1), b.empty("No results", words)])
            self._arrange([self._head])
            return
        detail = f"{number(len(found.rows), 0)} of {number(found.collections, 0)} collections have one{answer.about}"
        notes: list[Block] = []
        if found.cut:
            notes.append(b.note("warn", f"Only the newest {number(len(found.rows), 0)} are shown."))
        name, visit = place.proposal or "", place.visit
        whole = self._desk.link(places.results(name))
        kept = {key: place.seen(key) for key in ("rule", "sample", "protein", "per")}
        self._head.set(
            [
                b.heading(self._name(), 1, detail),
                b.text(f"Best of each collection: {rule.words}.", quiet=True),
                b.links(
                    [
                        ("Cells and clusters", self._desk.link(places.results(name, visit, "cells", **kept))),
                        *([("All visits of the proposal", whole)] if visit is not None else []),
                    ]
                ),
                *notes,
            ]
        )
        self._choices.set(
            [
                c.select("per", "List", _PER, place.seen("per") or "collection"),
                c.tick("symmetry", "Highest symmetry first", rule.symmetry),
                c.select("metric", "Best by", [(key, words) for key, (words, _) in METRICS.items()], rule.metric),
                c.select("shell", "of shell", [(shell, shell) for shell in SHELLS], rule.shell),
            ]
        )
        x, y = self._axis("x", "high"), self._axis("y", "i_over_sigma")
        colour = place.seen("colour") or ""
        filters = dict(place.listing.filters)
        brush = {key: span for key in (x, y) if (span := _range(filters.get(key, ""))) is not None}
        self._scatter.place(x, y, colour if colour in {spec.key for spec in _TEXTS} else "", brush or None)
        narrowed = place.listing.filters or place.listing.search
        self._scatter.keep([row["id"] for row in self._sifted()] if narrowed else None)
        about = f"{'visit=' + place.visit_name if place.visit_name else 'proposal=' + name}&tab=results"
        about += "".join(f"&v.{key}={value}" for key, value in kept.items() if value)
        self._table.take_away(about)
        self._draw_actions()

    def _draw_actions(self) -> None:
        chosen = [row["scaling_id"] for row in self._rows if row["id"] in set(self._selected)]
        if not chosen:
            words = "Choose rows (Ctrl or Shift for several) for Table 1. Drag a box over points to filter."
            self._actions.set([b.text(words, quiet=True)])
        else:
            words = f"Table 1 of {len(chosen)} chosen" if len(chosen) <= 12 else "Table 1 of the first 12 chosen"
            self._actions.set([b.links([(words, self._desk.link(places.table1(chosen[:12])))])])

    def _axis(self, which: str, usual: str) -> str:
        wanted = self._place.seen(which) or usual
        return wanted if wanted in {spec.key for spec in _NUMBERS} else usual

    # -- what the browser says: keys and ranges of a stranger, held against what there is

    def _chosen(self, key: str, value: str) -> None:
        if key == "per":
            self._go(self._place.seeing(per=None if value == "collection" else value))
            return
        rule = self._rule()
        symmetry = value == "yes" if key == "symmetry" else rule.symmetry
        metric, shell = value if key == "metric" else rule.metric, value if key == "shell" else rule.shell
        self._go(self._place.seeing(rule=",".join((*(["symmetry"] if symmetry else []), metric, shell))))

    def _go(self, place: Place) -> None:
        self._desk.go(place, True)

    def _axes(self, x: str, y: str, colour: str) -> None:
        self._go(self._place.seeing(x=x, y=y, colour=colour or None))

    def _brushed(self, brush: Mapping[str, tuple[float, float]] | None) -> None:
        x, y = self._axis("x", "high"), self._axis("y", "i_over_sigma")
        filters = {key: text for key, text in self._place.listing.filters if key not in {x, y}}
        filters |= {key: f"{low!r}..{high!r}" for key, (low, high) in (brush or {}).items() if key in {x, y}}
        listing = self._place.listing
        self._go(replace(self._place, listing=replace(listing, filters=tuple(sorted(filters.items())))))

    def _select(self, keys: list[Key]) -> None:
        known = {row["id"] for row in self._rows}
        self._selected = [key for key in keys if isinstance(key, int) and key in known]
        self._scatter.pick(self._selected)
        self._draw_actions()

    def _open(self, key: Key) -> None:
        if isinstance(key, int):
            self._desk.go(places.processing(key), False)

    def _state(self, state: TableState) -> None:
        self._place = replace(self._place, listing=list_place(state))
        self._desk.relist(self._place.listing)
        self._draw()

    def _want(self, want: Want) -> None:
        self._still.then(self._where(), lambda: self._send(want))

    def _send(self, want: Want) -> None:
        found = sifted(self._rows, SPECS, asked(want))
        part = found[want.offset : want.offset + want.limit]
        done = want.offset + want.limit >= len(found)
        self._table.send_rows(want.seq, want.offset, [self._row(dict(row)) for row in part], len(found), done)

    def _row(self, row: Row) -> Row:
        key, link = row["id"], self._desk.link(places.processing(row["id"]))
        snapshot = self._desk.snapshot(key) if row["snapshot"] else None
        shown = {spec.key: row.get(spec.key) for spec in SPECS}
        return shown | {
            "_link": link,
            "key": key,
            "id": {"text": str(key), "link": link},
            "thumb": {"src": snapshot, "alt": f"Crystal of collection {key}", "missing": "No snapshot", "link": link},
            "space_group": space_group(row["space_group"]) if row["space_group"] else None,
        }


def _range(text: str) -> tuple[float, float] | None:
    """The two ends of a filter that a brush made."""
    low, dots, high = text.partition("..")
    try:
        return (float(low), float(high)) if dots else None
    except ValueError:
        return None


def _about(rows: list[Row], place: Place) -> str:
    if not rows:
        return ""
    words = [f"{key} {rows[0][key]}" for key in ("sample", "protein") if place.seen(key) and rows[0][key]]
    return f" · {', '.join(words)}" if words else ""
