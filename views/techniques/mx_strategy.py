"""What programs made of a few images of a crystal, side by side, and the collections that they propose."""

from dataclasses import dataclass
from typing import Any

from panel.viewable import Viewable

from data.core import collection as collections
from data.reader import Reader
from data.techniques.mx.strategies import as_text, screenings, warnings
from views import place as places
from views.core.tabs import tabs_of
from views.desk import Desk
from views.parts import blocks as b
from views.parts import matrix as m
from views.parts.blocks import Block, Blocks
from views.parts.matrix import Matrix
from views.parts.resolution_plot import COLOURS
from views.parts.text import MISSING, number, space_group, when
from views.parts.text import cell as cell_text
from views.place import Place
from views.problem import Problem
from views.reading import Reading
from views.view import Span

Row = dict[str, Any]

_HEADS = (
    m.head("Program"),
    m.head("Lattice"),
    m.head("Cell", "Å, °"),
    m.head("Mosaicity", "°", "As the program estimates it", "right"),
    m.head("Ranking", "Å", "Resolution that the program ranks the crystal by", "right"),
    m.head("Axis"),
    m.head("Start – end", "°", "", "right"),
    m.head("Osc.", "°", "Oscillation of one image", "right"),
    m.head("Images", "", "", "right"),
    m.head("Exposure", "s", "Of one image", "right"),
    m.head("Transm.", "%", "Transmission", "right"),
    m.head("Resolution", "Å", "", "right"),
    m.head("Compl.", "%", "Completeness, whatever unit the program wrote", "right"),
    m.head("Mult.", "", "Multiplicity", "right"),
    m.head("Dose", "MGy", "", "right"),
)
_COLUMNS = 10


@dataclass(frozen=True, slots=True)
class _Answer:
    collection: Row
    screenings: list[Row]


class StrategyView:
    """The screening of one collection."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._number: int | None = None
        self._answer: _Answer | None = None
        self._head = Blocks([b.loading(2)])
        self._matrix = Matrix(
            label="Strategies of all programs",
            empty=("No screening", "No program has characterised this collection; results appear here by themselves."),
        )
        self._copies = Blocks()
        self.parts: list[Viewable] = [self._head]
        self.spans: list[Span] = [12]
        self._reading: Reading[_Answer] = Reading(desk, self._tell, self._fail)
        self._again: Reading[_Answer] = Reading(desk, self._tell, lambda problem: None)

    def show(self, place: Place) -> None:
        """Show the screening of this collection."""
        if place.collection == self._number and self._answer is not None:
            self._tell(self._answer)
            return
        self._number, self._answer = place.collection, None
        self._head.set([b.heading(f"Collection {self._number}", 1), b.loading(3)])
        self._arrange([(self._head, 12)])
        self._desk.head(f"Strategy of {self._number}", (("Proposals", places.proposals()), (f"{self._number}", None)))
        self._reading.ask(self._question)

    def beat(self) -> None:
        """The visit changed: a program may have finished."""
        if self._answer is not None:
            visit, version, key = (
                self._answer.collection["visit_id"], self._desk.pulse.version(), ("strategy", self._number)
            )  # fmt: skip
            self._again.ask(lambda reader: self._desk.shared.answer(reader, visit, version, key, self._question))

    def hide(self) -> None:
        """Drop what is under way."""
        self._reading.forget()
        self._again.forget()

    def _question(self, reader: Reader) -> _Answer:
        key = self._number or 0
        return _Answer(collections.collection(reader, key), screenings(reader, key))

    def _fail(self, problem: Problem) -> None:
        self._desk.pulse.watch(None)
        self._head.set(
            [b.heading(f"Collection {self._number}", 1), b.problem(problem.title, problem.text, problem.reference)]
        )
        self._arrange([(self._head, 12)])

    def _arrange(self, parts: list[tuple[Viewable, Span]]) -> None:
        shown = [part for part, _ in parts]
        if shown != self.parts:
            self.parts, self.spans = shown, [span for _, span in parts]
            self._desk.redraw()

    def _tell(self, answer: _Answer) -> None:
        self._answer = answer
        row, desk = answer.collection, self._desk
        desk.pulse.watch(row["visit_id"])
        self._crumbs(row)
        detail = f"{row.get('beamline') or ''} · {when(row.get('start'))}"
        title = row.get("prefix") or f"Collection {row['id']}"
        self._head.set(
            [
                b.heading(f"{title} · strategy", 1, detail),
                *tabs_of(desk, row, "strategy", {"strategy": len(answer.screenings)}),
                *disagreement(answer.screenings),
            ]
        )
        self._matrix.set(_HEADS, [group for n, one in enumerate(answer.screenings) for group in _groups(n, one)])
        parts: list[tuple[Viewable, Span]] = [(self._head, 12), (self._matrix, 12)]
        if answer.screenings:
            cards = [_card(one, row.get("resolution")) for one in answer.screenings]
            self._copies.set([b.columns(cards[::2], cards[1::2])])
            parts.append((self._copies, 12))
        self._arrange(parts)

    def _crumbs(self, row: Row) -> None:
        proposal, visit = row.get("proposal"), row.get("visit_number")
        trail: list[tuple[str, Place | None]] = [("Proposals", places.proposals())]
        if proposal:
            trail.append((proposal, places.proposal(proposal)))
        if proposal and visit is not None:
            trail.append((f"{proposal}-{visit}", places.visit(proposal, visit, row.get("technique"))))
        trail += [(str(row["id"]), places.collection(row["id"])), ("Strategy", None)]
        self._desk.head(f"Strategy of {row.get('prefix') or ''} {row['id']}", trail)


def disagreement(found: list[Row]) -> list[Block]:
    """A warning where programs name different space groups."""
    groups = {
        space_group(lattice["space_group"])
        for one in found
        for output in one["outputs"]
        for lattice in output["lattices"]
        if lattice["space_group"]
    }
    if len(groups) < 2:
        return []
    return [b.note("warn", f"The programs disagree on the space group: {', '.join(sorted(groups))}.")]


def _name(screening: Row) -> str:
    return " · ".join(part for part in (screening["program"], screening["comments"]) if part) or "Unknown program"


def _groups(n: int, screening: Row) -> list[Block]:
    """A group of rows for each strategy of a screening; one that says so where there is none."""
    mark = COLOURS[n % len(COLOURS)]
    groups = []
    for output in screening["outputs"] or [None]:
        lattice = output["lattices"][0] if output and output["lattices"] else None
        for strategy in (output["strategies"] if output else []) or [None]:
            first = [m.cell(_name(screening), mark=mark), *_lattice(output, lattice, strategy)]
            key = f"{screening['id']}.{output['id'] if output else 0}.{strategy['id'] if strategy else 0}"
            lines = _lines(strategy) if strategy else []
            if not lines:
                said = (output["said"] if output else None) or "The program left no result"
                none = m.cell("None", "quiet", said[:300], align="left")
                lines = [[none, *(m.cell("") for _ in range(_COLUMNS - 1))]]
            groups.append(m.group(key, first, lines))
    return groups


def _lattice(output: Row | None, lattice: Row | None, strategy: Row | None) -> list[Block]:
    cell = MISSING
    if lattice is not None and lattice["cell_a"]:
        edges = [lattice[f"cell_{name}"] for name in ("a", "b", "c", "alpha", "beta", "gamma")]
        cell = cell_text(*edges).replace(" ", "\u00a0").replace("\u2003", "\n")
    group = None
    if lattice is not None:
        group = lattice["space_group"] or lattice["point_group"] or lattice["bravais"]
    ranking = (strategy or {}).get("ranking_resolution") or (output or {}).get("ranking_resolution")
    return [
        m.cell(space_group(group) if group else MISSING),
        m.cell(cell),
        m.cell(number((output or {}).get("mosaicity"), 2)),
        m.cell(number(ranking, 2)),
    ]


def _lines(strategy: Row) -> list[list[Block]]:
    lines = []
    for wedge in strategy["wedges"]:
        kappa = ", ".join(
            f"{name} {number(wedge[name], 1)}°" for name in ("phi", "kappa", "chi") if wedge[name] not in (None, 0.0)
        )
        for sub in wedge["sub_wedges"] or [{}]:
            exposure = sub.get("exposure") or strategy["exposure"]
            transmission = sub.get("transmission")
            axis = " · ".join(part for part in (sub.get("axis"), kappa) if part) or MISSING
            start, end = sub.get("start"), sub.get("end")
            turn = f"{number(start, 1)} – {number(end, 1)}" if start is not None and end is not None else MISSING
            completeness = _first(sub.get("completeness"), wedge["completeness"])
            lines.append(
                [
                    m.cell(axis, align="left", title=sub.get("comments") or wedge["comments"]),
                    m.cell(turn),
                    m.cell(number(sub.get("oscillation"), 2)),
                    m.cell(number(_first(sub.get("images"), wedge["images"]), 0)),
                    m.cell(number(exposure, 4)),
                    m.cell(number(_first(transmission, strategy["transmission"]), 2)),
                    m.cell(number(_first(sub.get("resolution"), wedge["resolution"]), 2)),
                    m.cell(number(completeness, 1), "warn" if completeness is not None and completeness < 90 else ""),
                    m.cell(number(_first(sub.get("multiplicity"), wedge["multiplicity"]), 1)),
                    m.cell(number(_first(sub.get("dose"), wedge["dose"]) or None, 2)),
                ]
            )
    return lines


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)


def _card(screening: Row, edge: float | None) -> Block:
    """What a program said, its warnings, and its numbers to be copied."""
    found = warnings(screening, edge)
    blocks: list[Block] = [b.note("warn", words) for words in found]
    for output in screening["outputs"]:
        facts = [
            b.fact("Spots found", number(output["spots_found"], 0)),
            b.fact("Spots used", number(output["spots_used"], 0)),
            b.fact("Deviation of spots", number(output["spot_deviation"], 3), title="As the program writes it"),
            b.fact("Resolution reached", number(output["resolution"], 2), "Å" if output["resolution"] else ""),
            b.fact("Rotation in all", number(output["rotation"], 1), "°" if output["rotation"] else ""),
            b.fact("Images in all", number(output["images"], 0)),
        ]
        shown = [fact for fact in facts if fact["value"] != MISSING]
        if shown:
            blocks.append(b.facts(None, shown, 2))
        if output["said"] and not any(words.startswith("The program says") for words in found):
            blocks.append(b.text(output["said"], quiet=True))
        for strategy in output["strategies"]:
            text = as_text(strategy)
            if text:
                name = strategy["program"] or _name(screening)
                kind = " · anomalous" if strategy["anomalous"] else ""
                blocks.append(b.copied(text, f"{name}{kind}: sub-wedges (°, s, %, Å), between tabs"))
    if screening["remarks"]:
        blocks.append(b.text(screening["remarks"], quiet=True))
    detail = f" · {when(screening['recorded'])}" if screening["recorded"] else ""
    return b.card(f"{_name(screening)}{detail}", blocks)
