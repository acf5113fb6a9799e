"""Table 1 of chosen results, as a paper wants it, with the source of every number."""

from typing import Any

from panel.viewable import Viewable

from data.reader import Reader
from data.techniques.mx.table1 import MOST, Table1, table
from data.techniques.mx.table1_files import chosen_with_files
from views import place as places
from views.desk import Desk
from views.parts import blocks as b
from views.parts import matrix as m
from views.parts.blocks import Blocks
from views.parts.matrix import Matrix
from views.parts.text import space_group
from views.place import Place
from views.problem import Problem
from views.reading import Reading
from views.view import Span

Row = dict[str, Any]
_FORMS = (("csv", "CSV"), ("md", "Markdown"), ("tex", "LaTeX"))


def scalings_of(text: str | None) -> list[int]:
    """The results that a link names."""
    parts = (text or "").split(",")[: 4 * MOST]
    found = [part for part in parts if part.isascii() and part.isdigit() and len(part) < 12]
    return list(dict.fromkeys(map(int, found)))[:MOST]


class Table1View:
    """One column for each result."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._place = Place("table1")
        self._head = Blocks([b.loading(2)])
        self._matrix = Matrix(label="Table 1")
        self._notes = Blocks()
        self.parts: list[Viewable] = [self._head]
        self.spans: list[Span] = [12]
        self._reading: Reading[tuple[list[Row], Table1]] = Reading(desk, self._tell, self._fail)

    def show(self, place: Place) -> None:
        """Show Table 1 of the results that the link names."""
        self._place = place
        self._desk.pulse.watch(None)
        self._desk.head("Table 1", (("Proposals", places.proposals()), ("Table 1", None)))
        ids = scalings_of(place.seen("results"))
        if not ids:
            words = "Tick results of a collection, or choose rows of a table of results, and follow “Table 1”."
            self._head.set([b.heading("Table 1", 1), b.empty("No results chosen", words)])
            self._arrange(False)
            return
        self._head.set([b.heading("Table 1", 1), b.loading(3)])
        files = self._desk.files

        def question(reader: Reader) -> tuple[list[Row], Table1]:
            rows = chosen_with_files(reader, files, ids)
            return rows, table(rows)

        self._reading.ask(question)

    def beat(self) -> None:
        """Nothing is watched: the results were chosen."""

    def hide(self) -> None:
        """Drop what is under way."""
        self._reading.forget()

    def _arrange(self, full: bool) -> None:
        parts: list[Viewable] = [self._head, self._matrix, self._notes] if full else [self._head]
        if parts != self.parts:
            self.parts, self.spans = parts, [12] * len(parts)
            self._desk.redraw()

    def _fail(self, problem: Problem) -> None:
        self._head.set([b.heading("Table 1", 1), b.problem(problem.title, problem.text, problem.reference)])
        self._arrange(False)

    def _tell(self, answer: tuple[list[Row], Table1]) -> None:
        rows, made = answer
        if not rows:
            words = "The results that the link names are not there, or you may not see them."
            self._head.set([b.heading("Table 1", 1), b.empty("Nothing to show", words)])
            self._arrange(False)
            return
        ids = ",".join(str(row["scaling_id"]) for row in rows)
        base = f"{self._desk.prefix}/export/table1"
        away = [(words, f"{base}.{form}?page=table1&v.results={ids}") for form, words in _FORMS]
        text = "Overall values, those of the outer shell in brackets; R in percent. Point at a number for its source."
        self._head.set([b.heading("Table 1", 1), b.text(text, quiet=True), b.links(away, "Take away")])
        told = zip(made.heads, made.notes, strict=True)
        heads = [m.head(""), *(m.head(head, "", note, "right") for head, note in told)]
        groups = []
        for n, line in enumerate(made.lines):
            values = [space_group(cell) if line.label == "Space group" else cell for cell in line.cells]
            cells = [m.cell(value, title=source) for value, source in zip(values, line.sources, strict=True)]
            groups.append(m.group(str(n), [m.cell(line.head.replace("_", ""))], [cells]))
        self._matrix.set(heads, groups)
        links = [
            b.entry(note, link=self._desk.link(places.processing(row["collection_id"])))
            for note, row in zip(made.notes, rows, strict=True)
        ]
        self._notes.set([b.entries(links, "Results")])
        self._arrange(True)
