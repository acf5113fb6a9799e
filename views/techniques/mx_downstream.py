"""What came after the reduction of one collection: a tree by space group, molecular replacement, blobs and peaks."""

from dataclasses import dataclass
from typing import Any

from panel.viewable import Viewable

from data.core import attachments
from data.core import collection as collections
from data.reader import Reader
from data.techniques.mx.downstream import Downstream, by_space_group, downstream, succeeded
from data.techniques.mx.models import Candidate, candidates, fractional
from views import place as places
from views.core.tabs import tabs_of
from views.desk import Desk
from views.parts import blocks as b
from views.parts import matrix as m
from views.parts.blocks import Block, Blocks
from views.parts.matrix import Matrix
from views.parts.text import MISSING, number, space_group, when
from views.place import Place
from views.problem import Problem
from views.reading import Reading
from views.techniques.mx_model import ModelPanel
from views.view import Span

Row = dict[str, Any]

_KINDS = {
    "PREPARE": "Preparation",
    "SUBSTRUCTUREDETERMINATION": "Substructure",
    "PHASING": "Phasing",
    "MODELBUILDING": "Model building",
    "REFINEMENT": "Refinement",
    "LIGAND_FIT": "Ligand fitting",
}
_STATUS = {"ok": ("Succeeded", "good"), "failed": ("Failed", "bad")}
_RUNS = (
    m.head("Program"),
    m.head("Data from"),
    m.head("Space group"),
    m.head("Rwork", "", "At the start and at the end, as fractions", "right"),
    m.head("Rfree", "", "At the start and at the end, as fractions", "right"),
    m.head("LLG", "", "Log-likelihood gain", "right"),
    m.head("TFZ", "", "Z score of the translation function", "right"),
    m.head("Message"),
    m.head("Files"),
)
_PLACE = "As a fraction of the cell, as ISPyB defines it; in Å where a run states larger numbers"
_BLOBS = (
    m.head("Run"),
    m.head("Map"),
    m.head("Height", "σ", "", "right"),
    m.head("x", "", _PLACE, "right"),
    m.head("y", "", _PLACE, "right"),
    m.head("z", "", _PLACE, "right"),
    m.head("Nearest atom"),
    m.head("Distance", "Å", "From the nearest atom", "right"),
)
_DEEPEST = 12


@dataclass(frozen=True, slots=True)
class Answer:
    """The collection, what came after, and the models among it."""

    collection: Row
    found: Downstream
    models: list[Candidate]


class DownstreamView:
    """Phasing, refinement and ligands of one collection."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._place = Place("downstream")
        self._number: int | None = None
        self._answer: Answer | None = None
        self._others: list[Viewable] = []
        self._head = Blocks([b.loading(2)])
        self._tree = Blocks()
        self._runs = Matrix(label="Runs of molecular replacement")
        self._blobs = Matrix(label="Blobs and peaks")
        self._pictures = Blocks()
        self._model = ModelPanel(desk, self._modelled, self._choose)
        self.parts: list[Viewable] = [self._head]
        self.spans: list[Span] = [12]
        self._reading: Reading[Answer] = Reading(desk, self._tell, self._fail)
        self._again: Reading[Answer] = Reading(desk, self._tell, lambda problem: None)

    def show(self, place: Place) -> None:
        """Show the collection, with the model that the link names."""
        self._place = place
        if place.collection != self._number or self._answer is None:
            self._number, self._answer = place.collection, None
            self._head.set([b.heading(f"Collection {self._number}", 1), b.loading(3)])
            self._arrange([self._head])
            crumbs = (("Proposals", places.proposals()), (f"{self._number}", None))
            self._desk.head(f"Downstream of {self._number}", crumbs)
            self._model.clear()
            self._reading.ask(self._question)
        else:
            self._draw_model(self._answer)

    def beat(self) -> None:
        """The visit changed: more may have come."""
        if self._answer is not None:
            visit, version = self._answer.collection["visit_id"], self._desk.pulse.version()
            key = ("downstream", self._number)
            self._again.ask(lambda reader: self._desk.shared.answer(reader, visit, version, key, self._question))

    def hide(self) -> None:
        """Drop what is under way."""
        self._reading.forget()
        self._again.forget()
        self._model.forget()

    def _question(self, reader: Reader) -> Answer:
        key = self._number or 0
        row, found = collections.collection(reader, key), downstream(reader, key)
        return Answer(row, found, candidates(found, attachments.of_runs(reader, key)))

    def _choose(self, key: str) -> None:
        self._desk.go(self._place.seeing(model=key), True)

    def _draw_model(self, answer: Answer) -> None:
        self._model.show(answer.collection["id"], answer.models, self._place.seen("model"))

    def _modelled(self) -> None:
        """The model has other parts than before."""
        if self._others:
            self._arrange(self._others)

    def _arrange(self, others: list[Viewable]) -> None:
        """The head, the model, and what else there is."""
        self._others = others
        parts = [*others[:1], *self._model.parts, *others[1:]]
        if parts != self.parts:
            self.parts, self.spans = parts, [12] * len(parts)
            self._desk.redraw()

    def _fail(self, problem: Problem) -> None:
        self._desk.pulse.watch(None)
        self._model.clear()
        self._head.set(
            [b.heading(f"Collection {self._number}", 1), b.problem(problem.title, problem.text, problem.reference)]
        )
        self._arrange([self._head])

    def _tell(self, answer: Answer) -> None:
        self._answer = answer
        row, found, desk = answer.collection, answer.found, self._desk
        desk.pulse.watch(row["visit_id"])
        key, name = row["id"], row.get("prefix")
        proposal, visit = row.get("proposal"), row.get("visit_number")
        trail: list[tuple[str, Place | None]] = [("Proposals", places.proposals())]
        if proposal and visit is not None:
            trail += [(proposal, places.proposal(proposal))]
            trail += [(f"{proposal}-{visit}", places.visit(proposal, visit, row.get("technique")))]
        desk.head(
            f"Downstream of {name or ''} {key}", [*trail, (str(key), places.collection(key)), ("Downstream", None)]
        )
        count = len(found.steps) + len(found.replacements)
        head = [
            b.heading(f"{name or f'Collection {key}'} · downstream", 1, when(row.get("start"))),
            *tabs_of(desk, row, "downstream", {"downstream": count}),
        ]
        parts: list[Viewable] = [self._head]
        if found.empty and not answer.models:
            words = "Phasing, refinement and ligands appear here once a pipeline has written them to ISPyB."
            head.append(b.empty("Nothing came after yet", words))
        self._head.set(head)
        if found.steps:
            self._tree.set([self._group(name, steps) for name, steps in by_space_group(found.steps)])
            parts.append(self._tree)
        if found.replacements:
            self._runs.set(_RUNS, [self._run(run) for run in found.replacements])
            parts.append(self._runs)
        blobs = [(run, blob) for run in found.replacements for blob in run["blobs"]]
        if blobs:
            self._blobs.set(_BLOBS, [_blob(run, blob) for run, blob in blobs])
            parts.append(self._blobs)
        pictures = [
            b.picture(
                f"{desk.prefix}/attachment/{key}/{view}/view",
                f"Blob {n}, view {v}",
                f"Blob {n}" + (f" · {number(blob['height'], 1)} σ" if blob["height"] is not None else ""),
                missing="This picture is not on disk",
            )
            for n, (_, blob) in enumerate(blobs, 1)
            for v, view in enumerate(blob["views"], 1)
        ]
        if pictures:
            self._pictures.set([b.card("Pictures of blobs", [b.images(pictures[:60], height=200)])])
            parts.append(self._pictures)
        self._arrange(parts)
        self._draw_model(answer)

    def _group(self, name: str, steps: list[Row]) -> Block:
        below: dict[str | None, list[Row]] = {}
        keys = {step["key"] for step in steps}
        for step in steps:
            below.setdefault(step["previous"] if step["previous"] in keys else None, []).append(step)
        items = [self._branch(step, below, 0) for step in below.get(None, [])]
        good = sum(map(succeeded, steps))
        words = f"{space_group(name)} · {len(steps)} step{'' if len(steps) == 1 else 's'}"
        words += f", {good} with a model" if good else ""
        return b.card(words, [b.tree(items, f"Steps in {name or 'no space group'}")])

    def _branch(self, step: Row, below: dict[str | None, list[Row]], depth: int) -> Block:
        run, number_ = step["run"], self._number or 0
        badges = [b.badge(*_STATUS[run["status"]], run["message"])] if run["status"] else []
        if succeeded(step):
            badges.append(b.badge("model", "good", "A PDB file is there"))
        told = [f"{metric} {number(value)}" for metric, value in step["statistics"].items()]
        limits = f"{number(step['low'], 1)} – {number(step['high'], 2)} Å" if step["high"] is not None else ""
        solvent = f"solvent {number(step['solvent'], 2)}" if step["solvent"] is not None else ""
        detail = " · ".join(part for part in (step["method"], limits, solvent, *told, step["pipeline"]) if part)
        label = " · ".join(part for part in (_KINDS.get(step["kind"], step["kind"]), run["name"]) if part)
        files = [
            b.branch(file["key"], file["name"] or "File without a name", file["kind"],
                     self._desk.link(places.files(number_, file["key"])))
            for file in step["files"]
        ]  # fmt: skip
        # What follows itself would never end.
        after = below.get(step["key"], []) if depth < _DEEPEST else []
        items = [*files, *(self._branch(one, below, depth + 1) for one in after)]
        if run["message"]:
            items.insert(0, b.branch("message", run["message"], when(run["end"])))
        return b.branch(step["key"], label, detail, badges=badges, items=items, expanded=True)

    def _run(self, run: Row) -> Block:
        desk, number_ = self._desk, self._number or 0
        files = [
            m.cell(file["kind"], title=file["name"], link=desk.link(places.files(number_, file["key"])), align="left")
            for file in run["files"]
        ] or [m.cell(MISSING, align="left")]
        success = {1: b.badge("Succeeded", "good"), 0: b.badge("Failed", "bad")}.get(run["success"])
        first = [
            m.cell(run["program"] or "Molecular replacement", badges=[success] if success else []),
            m.cell(run["pipeline"] or MISSING),
            m.cell(space_group(run["space_group"])),
            m.cell(_course(run["r_start"], run["r_end"])),
            m.cell(_course(run["r_free_start"], run["r_free_end"])),
            m.cell(number(run["llg"], 0)),
            m.cell(number(run["tfz"], 1)),
            m.cell(run["message"] or ""),
        ]
        return m.group(str(run["id"]), first, [[file] for file in files])


def _course(start: float | None, end: float | None) -> str:
    return MISSING if start is None and end is None else f"{number(start, 3)} → {number(end, 3)}"


def _blob(run: Row, blob: Row) -> Block:
    same = [one for one in run["blobs"] if one["map_kind"] == blob["map_kind"]]
    digits, unit = (4, "") if fractional(same) else (2, " Å")
    line = [
        m.cell(blob["map_kind"] or MISSING, align="left"),
        m.cell(number(blob["height"], 1)),
        *(m.cell(number(blob[axis], digits) + (unit if blob[axis] is not None else "")) for axis in ("x", "y", "z")),
        m.cell(blob["nearest"] or MISSING, align="left"),
        m.cell(number(blob["distance"], 2)),
    ]
    return m.group(str(blob["blob_id"]), [m.cell(str(run["id"]))], [line])
