"""One sample: what it is, all its collections, the best result of each, and what was said of them."""

from dataclasses import dataclass
from typing import Any

from panel.viewable import Viewable

from data.core import samples
from data.core.comments import shown
from data.techniques.mx.rule import rule_from
from views import place as places
from views.desk import Desk
from views.parts import blocks as b
from views.parts import matrix as m
from views.parts.blocks import Block, Blocks
from views.parts.matrix import Matrix
from views.parts.text import MISSING, cell, number, space_group, when
from views.place import Place
from views.problem import Problem
from views.reading import Reading
from views.techniques.mx import status_badge
from views.view import Span

Row = dict[str, Any]

_HEADS = (
    m.head("Collection"),
    m.head("Visit"),
    m.head("Time"),
    m.head("Type"),
    m.head("Status"),
    m.head("Images", align="right"),
    m.head("Space group", title="Best result"),
    m.head("Resolution", "Å", "High limit of the best result, overall", "right"),
    m.head("Rmeas", "%", "Best result, overall", "right"),
    m.head("I/σ", "", "Best result, overall", "right"),
    m.head("CC½", "", "Best result, overall", "right"),
    m.head("Compl.", "%", "Best result, overall", "right"),
    m.head("Comment"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """The sample and its collections."""

    sample: Row
    collections: list[Row]


class SampleView:
    """A sample over all visits."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._number: int | None = None
        self._head = Blocks([b.loading(3)])
        self._matrix = Matrix(
            label="Collections of the sample", empty=("No collections yet", "Nothing was collected on this sample.")
        )
        self.parts: list[Viewable] = [self._head, self._matrix]
        self.spans: list[Span] = [12, 12]
        self._reading: Reading[Answer] = Reading(desk, self._tell, self._fail)

    def show(self, place: Place) -> None:
        """Show the sample, read anew."""
        number_ = place.sample or 0
        if number_ != self._number:
            self._number = number_
            self._head.set([b.heading(f"Sample {number_}", 1), b.loading(3)])
            self._arrange([self._head])
        self._desk.head(f"Sample {number_}", (("Proposals", places.proposals()), (f"Sample {number_}", None)))
        self._desk.pulse.watch(None)
        self._reading.ask(lambda reader: Answer(samples.sample(reader, number_), samples.collections(reader, number_)))

    def beat(self) -> None:
        """Nothing here follows a visit."""

    def hide(self) -> None:
        """Drop what is under way."""
        self._reading.forget()

    def _arrange(self, parts: list[Viewable]) -> None:
        if parts != self.parts:
            self.parts, self.spans = parts, [12] * len(parts)
            self._desk.redraw()

    def _fail(self, problem: Problem) -> None:
        self._head.set(
            [b.heading(f"Sample {self._number}", 1), b.problem(problem.title, problem.text, problem.reference)]
        )
        self._arrange([self._head])

    def _tell(self, answer: Answer) -> None:
        row, desk = answer.sample, self._desk
        name = row["name"] or f"Sample {row['id']}"
        proposals = list(dict.fromkeys(found["proposal"] for found in answer.collections))
        trail: list[tuple[str, Place | None]] = [("Proposals", places.proposals())]
        if len(proposals) == 1:
            trail += [
                (proposals[0], places.proposal(proposals[0])),
                ("Samples", places.proposal(proposals[0], "samples")),
            ]
        desk.head(name, [*trail, (name, None)])
        expected = cell(*(row[f"cell_{key}"] for key in ("a", "b", "c", "alpha", "beta", "gamma")))
        where = " · ".join(str(row[key]) for key in ("shipment", "dewar", "container", "location") if row[key])
        facts = [
            b.fact("Protein", row["protein"] or MISSING, title=row["protein_name"]),
            b.fact("Expected space group", space_group(row["space_group"])),
            b.fact("Expected cell", expected, "Å, °" if expected != MISSING else ""),
            b.fact("Shipment, dewar, container, position", where or MISSING),
            b.fact("Code", row["code"] or MISSING),
            b.fact("Support", row["support"] or MISSING),
        ]
        badges = [b.badge(row["status"], "quiet")] if row["status"] else []
        count = len(answer.collections)
        cut = [b.note("info", f"The newest {samples.MOST} collections are shown.")] if count == samples.MOST else []
        self._head.set(
            [
                b.heading(name, 1, row["protein"] or "", badges),
                *([b.text(row["comments"])] if row["comments"] else []),
                b.card(None, [b.facts(None, facts, columns=2)]),
                *cut,
                *(
                    [b.text(f"Best result: {rule_from(desk.choices.get('mx.best')).words}.", quiet=True)]
                    if count
                    else []
                ),
            ]
        )
        heads = (_HEADS[0], m.head(desk.words.visit), *_HEADS[2:])
        self._matrix.set(heads, [self._row(found) for found in answer.collections])
        self._arrange([self._head, self._matrix])

    def _row(self, row: Row) -> Block:
        link, key = self._desk.link, row["id"]
        proposal, visit = row["proposal"], row["visit_number"]
        to = link(places.visit(proposal, visit, row["technique"])) if proposal and visit is not None else None
        badges = [b.badge("best", "good", "The best of this sample")] if row["best"] else []
        line = [
            m.cell(row["visit"], link=to, align="left"),
            m.cell(when(row["start"]), align="left"),
            m.cell(row["kind"] or MISSING, align="left"),
            m.cell("", badges=[status_badge(row["status"], row["run_status"])], align="left"),
            m.cell(number(row["images"], 0)),
            m.cell(space_group(row["space_group"]), align="left", title=row["pipeline"]),
            m.cell(number(row["high"], 2)),
            m.cell(number(row["r_meas"], 1)),
            m.cell(number(row["i_over_sigma"], 1)),
            m.cell(number(row["cc_half"], 3)),
            m.cell(number(row["completeness"], 1)),
            m.cell(shown(row["comments"]) or "", align="left"),
        ]
        name = f"{row['prefix'] or ''} {key}".strip()
        return m.group(str(key), [m.cell(name, link=link(places.collection(key)), badges=badges)], [line])
