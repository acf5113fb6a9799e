"""The results of one collection compared: all pipelines in one table, their curves, what they said."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from panel.viewable import Viewable

from data.core import collection as collections
from data.reader import Reader
from data.techniques.mx.beam import WARN_MM, shift
from data.techniques.mx.best import best
from data.techniques.mx.curves import Statistics, statistics
from data.techniques.mx.logs import LABELS
from data.techniques.mx.rule import METRICS, SHELLS, Rule, rule_from
from views import place as places
from views.core.tabs import tabs_of
from views.desk import Desk
from views.parts import blocks as b
from views.parts import choices as c
from views.parts import matrix as m
from views.parts.blocks import Block, Blocks
from views.parts.choices import Choices
from views.parts.matrix import Matrix
from views.parts.resolution_plot import COLOURS, Line, ResolutionPlot
from views.parts.text import MISSING, number, space_group, when
from views.parts.text import cell as cell_text
from views.place import Place
from views.problem import Problem
from views.reading import Reading
from views.techniques.mx_colours import Scale, scale_from, scales, written
from views.view import Span

Row = dict[str, Any]

RUN = {"ok": ("Succeeded", "good"), "failed": ("Failed", "bad"), "running": ("Running", "info")}
_SHOWN = (
    ("high", 2), ("r_meas", 1), ("i_over_sigma", 1), ("cc_half", 3), ("completeness", 1), ("multiplicity", 1),
    ("cc_anomalous", 2), ("anomalous_completeness", 1),
)  # fmt: skip
_HEADS = (
    m.head("Pipeline"),
    m.head("Status"),
    m.head("Space group"),
    m.head("Cell", "Å, °"),
    m.head("Beam moved", "mm", "How far the refined beam centre is from the stored one"),
    m.head("Shell"),
    m.head("Resolution", "Å", "Low and high limit of the shell", "right"),
    m.head("Rmeas", "%", "Redundancy-independent R of all I+ and I-", "right"),
    m.head("I/σ", "", "Mean of merged I over its σ", "right"),
    m.head("CC½", "", "Correlation of half-sets; fractions, whatever the pipeline wrote", "right"),
    m.head("Compl.", "%", "Completeness", "right"),
    m.head("Mult.", "", "Multiplicity", "right"),
    m.head("CC anom", "", "Correlation of anomalous differences of half-sets", "right"),
    m.head("Compl. anom", "%", "Anomalous completeness", "right"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """All of a collection's results."""

    collection: Row
    results: list[Row]
    messages: list[Row]


class ProcessingView:
    """The pipelines of one MX collection side by side."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._place = Place("processing")
        self._number: int | None = None
        self._answer: Answer | None = None
        self._files: dict[int, Statistics] | Problem | None = None
        self._head = Blocks([b.loading(2)])
        self._rule = Choices(self._ruled, label="How the best result is chosen")
        self._matrix = Matrix(
            self._picked,
            label="Results of all pipelines",
            pick="Compare",
            empty=("No processing yet", "Results appear here by themselves as pipelines finish."),
        )
        self._scales = Choices(self._scaled, label="Thresholds of the colours", folded="Colours: good/bad")
        self._what = Choices(self._whatted, label="What is drawn")
        self._plot = ResolutionPlot()
        self._sources = Blocks([b.loading(2)])
        self.parts: list[Viewable] = [self._head]
        self.spans: list[Span] = [12]
        self._reading: Reading[Answer] = Reading(desk, self._tell, self._fail)
        self._again: Reading[Answer] = Reading(desk, self._tell, self._late)
        self._curves: Reading[dict[int, Statistics]] = Reading(desk, self._read, self._unread)

    def show(self, place: Place) -> None:
        """Show the collection, with the rule, the colours and the choice of the link."""
        self._place = place
        if place.collection == self._number and self._answer is not None:
            self._desk.pulse.watch(self._answer.collection["visit_id"])
            self._draw(self._answer)
            return
        self._number, self._answer, self._files = place.collection, None, None
        self._head.set([b.heading(f"Collection {self._number}", 1), b.loading(3)])
        self._arrange([(self._head, 12)])
        self._desk.head(f"Processing of {self._number}", (("Proposals", places.proposals()), (f"{self._number}", None)))
        self._reading.ask(self._question)

    def beat(self) -> None:
        """The visit changed: a pipeline may have finished."""
        if self._answer is not None:
            visit, version = self._answer.collection["visit_id"], self._desk.pulse.version()
            key = ("processing", self._number)
            self._again.ask(lambda reader: self._desk.shared.answer(reader, visit, version, key, self._question))

    def hide(self) -> None:
        """Drop what is under way."""
        for reading in (self._reading, self._again, self._curves):
            reading.forget()

    def _question(self, reader: Reader) -> Answer:
        key = self._number or 0
        return Answer(
            collections.collection(reader, key),
            collections.processings(reader, key),
            collections.messages(reader, key),
        )

    def _tell(self, answer: Answer) -> None:
        self._answer = answer
        self._desk.pulse.watch(answer.collection["visit_id"])
        self._draw(answer)
        key, files = self._number or 0, self._desk.files
        self._curves.ask(lambda reader: statistics(reader, files, key))

    def _late(self, problem: Problem) -> None:
        """What is shown stays; the next beat asks again."""

    def _fail(self, problem: Problem) -> None:
        self._desk.pulse.watch(None)
        self._head.set(
            [b.heading(f"Collection {self._number}", 1), b.problem(problem.title, problem.text, problem.reference)]
        )
        self._arrange([(self._head, 12)])

    def _read(self, found: dict[int, Statistics]) -> None:
        self._files = found
        if self._answer is not None:
            self._draw(self._answer)

    def _unread(self, problem: Problem) -> None:
        self._files = problem
        if self._answer is not None:
            self._draw(self._answer)

    def _arrange(self, parts: list[tuple[Viewable, Span]]) -> None:
        shown = [part for part, _ in parts]
        if shown != self.parts:
            self.parts, self.spans = shown, [span for _, span in parts]
            self._desk.redraw()

    # -- choices: texts of the browser, held against what there is

    def _see(self, **changed: str | None) -> None:
        self._desk.go(self._place.seeing(**changed), True)

    def _ruled(self, key: str, value: str) -> None:
        rule = self._current_rule()
        symmetry = value == "yes" if key == "symmetry" else rule.symmetry
        metric = value if key == "metric" else rule.metric
        shell = value if key == "shell" else rule.shell
        text = ",".join((*(["symmetry"] if symmetry else []), metric, shell))
        self._see(rule=None if rule_from(text) == self._site_rule() else text)

    def _scaled(self, key: str, value: str) -> None:
        found = scales(self._place.seen("colours"))
        shell, _, metric = key.partition(".")
        scale = scale_from(value)
        if scale is not None and (shell, metric) in found:
            found[shell, metric] = scale  # type: ignore[index]
            self._see(colours=written(found) or None)

    def _whatted(self, key: str, value: str) -> None:
        self._see(**{key: value})

    def _picked(self, keys: list[str]) -> None:
        every = [_key(row) for row in self._answer.results] if self._answer else []
        self._see(only=None if set(keys) == set(every) else ",".join(keys) or "none")

    def _site_rule(self) -> Rule:
        return rule_from(self._desk.choices.get("mx.best"))

    def _current_rule(self) -> Rule:
        return rule_from(self._place.seen("rule"), self._site_rule())

    # -- drawing

    def _draw(self, answer: Answer) -> None:
        row, desk, rule = answer.collection, self._desk, self._current_rule()
        key = row["id"]
        results = rechosen(answer.results, rule)
        picked = _picked_of(self._place.seen("only"), results)
        self._crumbs(row)
        title = row.get("prefix") or f"Collection {key}"
        qualified = any(found["best"] for found in results)
        counts = {state: sum(found["status"] == state for found in results) for state in RUN}
        badges = [
            b.badge(f"{count} {RUN[state][0].lower()}", RUN[state][1]) for state, count in counts.items() if count
        ]
        scalings = [found["scaling_id"] for found in results if _key(found) in picked and found["scaling_id"]]
        asked = "" if self._place.seen("rule") is None else f"&v.rule={rule}"
        about = f"{desk.prefix}/export/processing"
        away = [(words, f"{about}.{form}?collection={key}&tab=processing{asked}") for form, words in _FORMS]
        notes = self._notes(answer, results)
        detail = f"{row.get('beamline') or ''} · {when(row.get('start'))}"
        self._head.set(
            [
                b.heading(f"{title} · processing", 1, detail, badges),
                *tabs_of(desk, row, "processing", {"processing": len(results)}),
                b.text(f"Best: {rule.words}." + ("" if qualified else " No result qualifies."), quiet=True),
                *notes,
                b.links(
                    [
                        *([("Table 1 of the ticked results", desk.link(places.table1(scalings)))] if scalings else []),
                        *away,
                    ]
                ),
            ]
        )
        self._rule.set(
            [
                c.tick("symmetry", "Highest symmetry first", rule.symmetry),
                c.select("metric", "Best by", [(k, words) for k, (words, _) in METRICS.items()], rule.metric),
                c.select("shell", "of shell", [(name, name) for name in SHELLS], rule.shell),
            ]
        )
        self._matrix.set(_HEADS, self._groups(answer, results, picked))
        self._draw_scales()
        drawn = self._draw_curves(results, picked)
        parts: list[tuple[Viewable, Span]] = [(self._head, 12), (self._matrix, 12)]
        if results:
            parts[1:1] = [(self._rule, 12)]
            parts.append((self._scales, 12))
            # A plot without points has no ranges to be drawn with.
            parts += [(self._what, 12), (self._plot.view, 8)] if drawn else []
            parts.append((self._sources, 4 if drawn else 12))
        self._arrange(parts)

    def _crumbs(self, row: Row) -> None:
        proposal, visit = row.get("proposal"), row.get("visit_number")
        trail: list[tuple[str, Place | None]] = [("Proposals", places.proposals())]
        if proposal:
            trail.append((proposal, places.proposal(proposal)))
        if proposal and visit is not None:
            trail.append((f"{proposal}-{visit}", places.visit(proposal, visit, row.get("technique"))))
        trail += [(str(row["id"]), places.collection(row["id"])), ("Processing", None)]
        self._desk.head(f"Processing of {row.get('prefix') or ''} {row['id']}", trail)

    def _notes(self, answer: Answer, results: list[Row]) -> list[Block]:
        groups = {
            space_group(found["space_group"]) for found in results if found["status"] == "ok" and found["space_group"]
        }
        notes = []
        if len(groups) > 1:
            notes.append(b.note("warn", f"The pipelines disagree on the space group: {', '.join(sorted(groups))}."))
        for found in results:
            moved = _moved(answer.collection, found)
            if moved is not None and moved.large:
                notes.append(
                    b.note(
                        "warn",
                        f"{_name(found)}: the refined beam centre is {number(moved.length, 2)} mm from the stored one "
                        f"(x {number(moved.x, 2)}, y {number(moved.y, 2)}); more than {WARN_MM} mm may mean that "
                        "indexing is off by one.",
                    )
                )
        if any(found["status"] == "running" for found in results):
            notes.append(b.note("info", "Pipelines are running: their results appear here by themselves."))
        return notes

    def _groups(self, answer: Answer, results: list[Row], picked: set[str]) -> list[Block]:
        colours = scales(self._place.seen("colours"))
        groups = []
        for n, found in enumerate(results):
            words, tone = RUN[found["status"]]
            badges = [b.badge(words, tone, found.get("message"))]
            if found["best"]:
                badges.insert(0, b.badge("best", "good", f"Best: {self._current_rule().words}"))
            moved = _moved(answer.collection, found)
            beam = m.cell(MISSING)
            if moved is not None:
                title = f"x {number(moved.x, 3)}, y {number(moved.y, 3)} mm"
                title += "; the pipeline names the axes the other way" if moved.swapped else ""
                beam = m.cell(number(moved.length, 2), "warn" if moved.large else "", title)
            cell = [found[f"cell_{name}"] for name in ("a", "b", "c", "alpha", "beta", "gamma")]
            first = [
                m.cell(_name(found), title=found.get("command"), mark=COLOURS[n % len(COLOURS)]),
                m.cell("", badges=badges),
                m.cell(space_group(found["space_group"])),
                m.cell(cell_text(*cell).replace(" ", "\u00a0").replace("\u2003", "\n")),
                beam,
            ]
            lines = [_line(shell, found[shell], colours) for shell in SHELLS if found[shell] is not None]
            if not lines:
                absent = "No statistics in ISPyB" if found["scaling_id"] else found.get("message") or "No result"
                lines = [[m.cell(absent, "quiet", align="left"), *(m.cell("") for _ in _SHOWN)]]
            groups.append(m.group(_key(found), first, lines, _key(found) in picked))
        return groups

    def _draw_scales(self) -> None:
        found = scales(self._place.seen("colours"))
        self._scales.set(
            [
                c.words(f"{shell}.{metric}", f"{METRICS[metric][0]}, {shell}", str(scale), "good/bad, as 10/15")
                for (shell, metric), scale in found.items()
            ]
        )

    def _draw_curves(self, results: list[Row], picked: set[str]) -> bool:
        """Draw what the files hold; whether there is a curve."""
        files = self._files
        if not isinstance(files, dict):
            self._sources.set(
                [b.loading(2, "Reading files")]
                if files is None
                else [b.problem(files.title, files.text, files.reference)]
            )
            return False
        present = {key for found in files.values() for key in found.curves}
        options = [(key, LABELS[key][0]) for key in LABELS if key in present]
        wanted = self._place.seen("draw") or ""
        drawn = wanted if wanted in present else options[0][0] if options else ""
        self._what.set([c.select("draw", "Against resolution", options, drawn)] if options else [])
        lines, blocks = [], list[Block]()
        for n, found in enumerate(results):
            told = files.get(found["program_id"])
            if _key(found) not in picked or told is None:
                continue
            if drawn in told.curves:
                curve = told.curves[drawn][0]
                lines.append(Line(_name(found), COLOURS[n % len(COLOURS)], curve.x, curve.y))
            blocks.append(
                b.facts(_name(found), [_source(drawn, told), *([] if drawn in told.curves else _refused(told))])
            )
        label, unit = LABELS.get(drawn, ("", ""))
        if lines:
            self._plot.show(f"{label} ({unit})" if unit else label, lines)
        else:
            words = "No file of the ticked results holds statistics by resolution that can be read here."
            blocks.insert(0, b.empty("No curves", words))
        told_messages = [message for message in (self._answer.messages if self._answer else []) if message["message"]]
        if told_messages:
            names = {found["program_id"]: _name(found) for found in results}
            blocks.append(
                b.entries(
                    [
                        b.entry(names.get(one["program_id"], "Pipeline"), one["message"], when(one["recorded"]),
                                badges=[b.badge(one["severity"] or "", _SEVERITY.get(one["severity"], "quiet"))])
                        for one in told_messages
                    ],
                    "Messages",
                )
            )  # fmt: skip
        self._sources.set([b.card("Where the curves are from", blocks)])
        return bool(lines)


_FORMS = (("csv", "CSV"), ("xlsx", "Excel"), ("parquet", "Parquet"), ("py", "Notebook snippet"))
_SEVERITY = {"ERROR": "bad", "WARNING": "warn", "INFO": "info"}


def rechosen(results: list[Row], rule: Rule) -> list[Row]:
    """The results with the best marked by ``rule``, which comes first."""
    chosen = best(results, rule)
    marked = [row | {"best": row is chosen} for row in results]
    return sorted(marked, key=lambda row: not row["best"])


def _key(row: Row) -> str:
    return f"{row['program_id']}.{row['scaling_id'] or 0}"


def _picked_of(text: str | None, results: list[Row]) -> set[str]:
    every = {_key(row) for row in results}
    return every if text is None else set(text.split(",")) & every


def _name(row: Row) -> str:
    return (row.get("name") or "Unknown pipeline").split(" (see:")[0]


def _moved(collection: Row, found: Row) -> Any:
    return shift(
        (collection.get("beam_x"), collection.get("beam_y")),
        (found["beam_x"], found["beam_y"]),
        collection.get("detector_pixel_size_x"),
    )


def _line(shell: str, values: Row, colours: Mapping[Any, Scale]) -> list[Block]:
    cells = [m.cell(shell, "quiet", align="left")]
    for key, digits in _SHOWN:
        value = values.get(key)
        if key == "high":
            low = number(values.get("low"), 1)
            cells.append(m.cell(f"{low} – {number(value, digits)}" if value is not None else MISSING))
            continue
        scale = colours.get((shell, key))
        title = f"{value} · good {scale.good:g}, bad {scale.bad:g}" if scale is not None and value is not None else None
        cells.append(m.cell(number(value, digits), scale.tone(value) if scale is not None else "", title))
    return cells


def _source(drawn: str, told: Statistics) -> Block:
    if drawn in told.curves:
        return b.fact("Curve", told.curves[drawn][1].name)
    return b.fact("Curve", MISSING, title="No file of this run holds it")


def _refused(told: Statistics) -> list[Block]:
    return [b.fact("Not read", source.words) for source in told.sources if source.report is None]
