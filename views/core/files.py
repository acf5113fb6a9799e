"""The files that belong to a collection: those of each run of a pipeline, with what it said, and one of them open."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from panel.viewable import Viewable

from data.core import attachments
from data.core import collection as collections
from data.core.contents import Content, Kind, content, lines_of
from data.core.lines import Hits, Window
from data.errors import DataError
from data.reader import Reader
from views import place as places
from views.core.tabs import tabs_of
from views.desk import Desk
from views.parts import blocks as b
from views.parts.blocks import Block, Blocks
from views.parts.file_pane import FileHead, FilePane
from views.parts.text import number, when
from views.place import Place
from views.problem import Problem
from views.reading import Reading
from views.view import Span

Row = dict[str, Any]
T = TypeVar("T")

_FIRST = 300
_RUN = {"ok": ("Succeeded", "good"), "failed": ("Failed", "bad"), "running": ("Running", "info")}
_SEVERITY = {"ERROR": "bad", "WARNING": "warn", "INFO": "info"}
_NO_SCRIPTS = (
    "A program wrote this page. Its scripts are not run and it cannot fetch anything, so graphs may be missing: "
    "download it to see them."
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What there is: the files of each run and of the collection, the runs, and their messages."""

    collection: Row
    files: list[Row]
    own: list[Row]
    runs: list[Row]
    messages: list[Row]


@dataclass(frozen=True, slots=True)
class Opened:
    """One file: its row, what it is, and the first lines where it is a text."""

    row: Row
    content: Content
    window: Window | None


class FilesView:
    """A list of files beside the one that is open."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._place = Place("files")
        self._number: int | None = None
        self._answer: Answer | None = None
        self._key: str | None = None
        self._found: tuple[str, str, Hits] | None = None  # file, text, where it is
        self._stop = threading.Event()
        self._head = Blocks([b.loading(2)])
        self._list = Blocks([b.loading(4)])
        self._about = Blocks()
        self._pane = FilePane(on_lines=self._lines, on_find=self._find)
        self.parts: list[Viewable] = [self._head]
        self.spans: list[Span] = [12]
        self._reading: Reading[Answer] = Reading(desk, self._tell, self._fail)
        self._again: Reading[Answer] = Reading(desk, self._tell, self._late)
        self._opening: Reading[Opened] = Reading(desk, self._opened, self._unopened)
        self._more: Reading[tuple[str, Window]] = Reading(desk, self._arrived, self._no_more)
        self._search: Reading[tuple[str, int, bool, Hits]] = Reading(desk, self._hit, self._no_more)

    def show(self, place: Place) -> None:
        """Show the files of the collection, and the one that the link names."""
        self._place = place
        if place.collection != self._number or self._answer is None:
            self._number, self._answer, self._key = place.collection, None, None
            self._head.set([b.heading(f"Collection {self._number}", 1), b.loading(2)])
            self._list.set([b.loading(4)])
            self._desk.head(f"Files of {self._number}", (("Proposals", places.proposals()), (f"{self._number}", None)))
            self._reading.ask(self._question)
        else:
            self._draw(self._answer)
        self._open(place.seen("file"))

    def beat(self) -> None:
        """The visit changed: a run may have left more."""
        if self._answer is not None:
            visit, version = self._answer.collection["visit_id"], self._desk.pulse.version()
            key = ("files", self._number)
            self._again.ask(lambda reader: self._desk.shared.answer(reader, visit, version, key, self._question))

    def hide(self) -> None:
        """Drop what is under way."""
        self._stop.set()
        for reading in (self._reading, self._again, self._opening, self._more, self._search):
            reading.forget()

    def _question(self, reader: Reader) -> Answer:
        key = self._number or 0
        return Answer(
            collections.collection(reader, key),
            attachments.of_runs(reader, key),
            attachments.own(reader, key),
            collections.processings(reader, key),
            collections.messages(reader, key),
        )

    # -- the file that is open

    def _open(self, key: str | None) -> None:
        if key == self._key and key is not None:
            return
        self._stop.set()
        self._key, self._found = key, None
        self._about.set([b.loading(3, "Opening the file")])
        self._arrange(self._about if key else None)
        if key is not None:
            number, files = self._number or 0, self._desk.files

            def opened(reader: Reader) -> Opened:
                row = attachments.named(reader, number, key)
                found = content(files, row["path"])
                if found.kind is not Kind.TEXT or found.path is None:
                    return Opened(row, found, None)
                return Opened(row, found, _window(found, 1, _FIRST))

            self._opening.ask(opened)

    def _opened(self, opened: Opened) -> None:
        row, found = opened.row, opened.content
        desk, number_ = self._desk, self._number or 0
        address = f"{desk.prefix}/attachment/{number_}/{row['key']}"
        size = _size(found.size) if found.kind is not Kind.NONE else ""
        name = row["name"] or "File without a name"
        if found.kind is Kind.PAGE:
            self._pane.page(FileHead(name, size, address, _NO_SCRIPTS), f"{address}/view")
        elif opened.window is not None:
            window = opened.window
            self._pane.text(FileHead(name, size, address, found.words), window.first, window.lines, window.total)
        else:
            self._about.set(self._other(name, size, address, found))
            self._arrange(self._about)
            return
        self._about.set([])
        self._arrange(self._pane)

    @staticmethod
    def _other(name: str, size: str, address: str, found: Content) -> list[Block]:
        """What is drawn of a picture, and of what cannot be shown."""
        shown: list[Block] = [b.heading(name, 2, size)]
        if found.kind is not Kind.NONE:
            shown.append(b.links([("Download", address)]))
        if found.words:
            shown.append(b.empty("Not shown here", found.words))
        if found.kind is Kind.PICTURE:
            missing = "This picture cannot be drawn"
            shown.append(b.images([b.picture(f"{address}/view", name, missing=missing)], height=520))
        return shown

    def _unopened(self, problem: Problem) -> None:
        self._about.set([b.problem(problem.title, problem.text, problem.reference)])
        self._arrange(self._about)

    def _text_of(self, reader: Reader, key: str) -> Content:
        """The text that is open, looked up anew. Raises NotFound, DataError."""
        found = content(self._desk.files, attachments.named(reader, self._number or 0, key)["path"])
        if found.kind is not Kind.TEXT or found.path is None:
            raise DataError(found.words or "This file is no text any more.")
        return found

    def _lines(self, first: int, count: int, how: str) -> None:
        key = self._key
        if key is not None:
            self._more.ask(lambda reader: (how, _window(self._text_of(reader, key), first, count)))

    def _arrived(self, found: tuple[str, Window]) -> None:
        how, window = found
        self._pane.more(how, window.first, window.lines, window.total)

    def _find(self, text: str, at: int, back: bool) -> None:
        key, held = self._key, self._found
        if key is None:
            return
        self._stop.set()
        stop = self._stop = threading.Event()

        def found(reader: Reader) -> tuple[str, int, bool, Hits]:
            path = self._text_of(reader, key).path
            if held is not None and held[:2] == (key, text):
                return text, at, back, held[2]
            if path is None:
                raise DataError("This file is gone.")
            return text, at, back, _read(lambda: lines_of(path).find(text, stop.is_set))

        self._search.ask(found)

    def _hit(self, found: tuple[str, int, bool, Hits]) -> None:
        text, at, back, hits = found
        if self._key is not None:
            self._found = (self._key, text, hits)
        count = len(hits.lines)
        if not count:
            self._pane.hit(text, None, 0, 0, hits.whole)
            return
        place = int(np.searchsorted(hits.lines, at, "left" if back else "right")) - (1 if back else 0)
        place %= count  # round the end of the file
        self._pane.hit(text, int(hits.lines[place]), place + 1, count, hits.whole)

    def _no_more(self, problem: Problem) -> None:
        self._pane.failed(f"{problem.title}: {problem.text}")

    # -- the list

    def _tell(self, answer: Answer) -> None:
        self._answer = answer
        self._desk.pulse.watch(answer.collection["visit_id"])
        self._draw(answer)

    def _late(self, problem: Problem) -> None:
        """What is shown stays; the next beat asks again."""

    def _fail(self, problem: Problem) -> None:
        self._desk.pulse.watch(None)
        self._opening.forget()
        self._answer, self._key = None, None
        self._head.set(
            [b.heading(f"Collection {self._number}", 1), b.problem(problem.title, problem.text, problem.reference)]
        )
        self._list.set([])
        self._arrange(None)

    def _arrange(self, beside: Viewable | None) -> None:
        """The file that is open, and the list beside it: below it where there is no room."""
        parts: list[tuple[Viewable, Span]] = [(self._head, 12)]
        if beside is not None:
            parts.append((beside, 8 if self._list.blocks else 12))
        if self._list.blocks:
            parts.append((self._list, 12 if beside is None else 4))
        shown, spans = [part for part, _ in parts], [span for _, span in parts]
        if shown != self.parts or spans != self.spans:
            self.parts, self.spans = shown, spans
            self._desk.redraw()

    def _draw(self, answer: Answer) -> None:
        row, desk = answer.collection, self._desk
        key, name = row["id"], row.get("prefix")
        proposal, visit = row.get("proposal"), row.get("visit_number")
        trail: list[tuple[str, Place | None]] = [("Proposals", places.proposals())]
        if proposal:
            trail.append((proposal, places.proposal(proposal)))
        if proposal and visit is not None:
            trail.append((f"{proposal}-{visit}", places.visit(proposal, visit, row.get("technique"))))
        desk.head(f"Files of {name or ''} {key}", [*trail, (str(key), places.collection(key)), ("Files", None)])
        count = len(answer.files) + len(answer.own)
        detail = f"{row.get('beamline') or ''} · {when(row.get('start'))}"
        tabs = tabs_of(desk, row, "files", {"processing": len(answer.runs), "files": count})
        self._head.set([b.heading(f"{name or f'Collection {key}'} · files", 1, detail), *tabs])
        self._list.set(self._listed(answer))

    def _listed(self, answer: Answer) -> list[Block]:
        desk, key = self._desk, answer.collection["id"]
        blocks: list[Block] = []
        if answer.own:
            blocks.append(b.card("Of the collection", [self._entries(answer.own)]))
        told: set[int] = set()
        for run in answer.runs:
            program = run["program_id"]
            if program in told:
                continue
            told.add(program)
            files = [row for row in answer.files if row["program_id"] == program]
            words, tone = _RUN[run["status"]]
            inside: list[Block] = [b.badges([b.badge(words, tone, run.get("message"))])]
            if run.get("message"):
                inside.append(b.text(run["message"], quiet=True))
            inside += [_message(one) for one in answer.messages if one["program_id"] == program]
            if files:
                inside.append(self._entries(files))
                inside.append(b.links([("All as zip", f"{desk.prefix}/attachments/{key}/{program}.zip")]))
            else:
                inside.append(b.text("No files in ISPyB.", quiet=True))
            name = (run.get("name") or "Unknown pipeline").split(" (see:")[0]
            ended = run.get("end") or run.get("start")
            blocks.append(b.card(f"{name} · {when(ended)}" if ended else name, inside))
        if not blocks:
            words = "Files appear here by themselves as pipelines finish."
            blocks.append(b.empty("No files yet", words))
        return blocks

    def _entries(self, files: list[Row]) -> Block:
        key = self._number or 0
        return b.entries(
            [
                b.entry(
                    row["name"] or "File without a name",
                    row["kind"],
                    link=self._desk.link(places.files(key, row["key"])),
                    badges=[b.badge("open", "info")] if row["key"] == self._place.seen("file") else [],
                )
                for row in files
            ]
        )


def _message(row: Row) -> Block:
    words = "\n".join(part for part in (row["message"], row["description"]) if part)
    return b.note(_SEVERITY.get(row["severity"], "info"), f"{row['severity'] or 'Message'}: {words[:4000]}")


def _window(found: Content, first: int, count: int) -> Window:
    path = found.path
    if path is None:
        raise DataError(found.words)
    return _read(lambda: lines_of(path).window(first, count))


def _read(read: Callable[[], T]) -> T:
    try:
        return read()
    except OSError as error:
        raise DataError("The file changed while it was read, or could not be read. Open it again.") from error


def _size(size: int) -> str:
    for unit, step in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= step:
            return number(size / step, 1, unit)
    return number(size, 0, "bytes")
