"""Per-image quality of one collection, or of its whole group with a border between collections."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from panel.viewable import Viewable

from data.core import collection as collections
from data.reader import Reader
from data.techniques.mx import quality
from views import place as places
from views.core.tabs import tabs_of
from views.desk import Desk
from views.parts import blocks as b
from views.parts import choices as c
from views.parts.blocks import Blocks
from views.parts.choices import Choices
from views.parts.quality import PANELS, QualityBoard
from views.place import Place
from views.problem import Problem
from views.reading import Reading
from views.view import Span

Row = dict[str, Any]
_DEFAULT: Final = ("spots", "resolution", "dozor")
_DIGITS: Final = 5


@dataclass(frozen=True, slots=True)
class _Answer:
    row: Row
    layout: quality.Layout
    series: quality.Series
    span: tuple[int, int]
    force: bool = False


class QualityView:
    """The numbers that a spot finder gave each image."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._place = Place()
        self._number: int | None = None
        self._answer: _Answer | None = None
        self._seen = 0
        self._head = Blocks([b.loading(2)])
        self._fields = Choices(self._choose, label="What to draw")
        self._board = QualityBoard(self._range, self._image)
        self.parts: list[Viewable] = [self._head]
        self.spans: list[Span] = [12]
        self._reading: Reading[_Answer] = Reading(desk, self._tell, self._fail)
        self._again: Reading[_Answer] = Reading(desk, self._tell, lambda problem: None)

    def show(self, place: Place) -> None:
        """Show the collection's numbers as the link says."""
        before, self._place = self._place, place
        new = place.collection != self._number or self._answer is None
        if new:
            self._number, self._answer = place.collection, None
            self._head.set([b.heading(f"Image quality of {self._number}", 1), b.loading(2)])
            self._arrange(False)
            self._desk.head(
                f"Image quality of {self._number}", (("Proposals", places.proposals()), (f"{self._number}", None))
            )
        elif self._answer is not None:
            self._desk.pulse.watch(self._answer.layout.visit_id)
            self._crumbs(self._answer.row)
            self._set_look()
        if new or any(before.seen(key) != place.seen(key) for key in ("of", "from", "to", "show")):
            other = new or before.seen("of") != place.seen("of")
            (self._reading if new else self._again).ask(self._question(force=other))

    def hide(self) -> None:
        """Drop what is under way."""
        self._reading.forget()
        self._again.forget()

    def beat(self) -> None:
        """The visit changed: there may be more images."""
        answer, pulse = self._answer, self._desk.pulse
        if answer is None or pulse.version() == self._seen:
            return
        changed, self._seen = pulse.changed(self._seen), pulse.version()
        if changed is None or any(one.collection_id in changed for one in answer.layout.segments):
            self._again.ask(self._question())

    # -- the question

    def _whole_group(self) -> bool:
        return self._place.seen("of") == "group"

    def _question(self, *, force: bool = False) -> Any:
        number, whole = self._number or 0, self._whole_group()
        low, high = _whole(self._place.seen("from")), _whole(self._place.seen("to"))
        panels = tuple(self._panels())
        pulse, shared = self._desk.pulse, self._desk.shared
        version = pulse.version()

        def read(reader: Reader) -> _Answer:
            row = collections.collection(reader, number)
            found = quality.layout(reader, number, group=whole)
            last = max(found.length - 1, 0)
            span = (
                (low, min(high, last)) if low is not None and high is not None and low < min(high, last) else (0, last)
            )
            drawn = quality.series(reader, found, *span, indicators=panels)
            return _Answer(row, found, drawn, span, force)

        def ask(reader: Reader) -> _Answer:
            answer = self._answer
            if answer is None:
                return read(reader)
            key = ("quality", number, whole, low, high, panels, force)
            return shared.answer(reader, answer.layout.visit_id, version, key, read)

        return ask

    # -- the answer

    def _tell(self, answer: _Answer) -> None:
        if answer.row["id"] != self._number:
            return
        self._answer = answer
        self._desk.pulse.watch(answer.layout.visit_id)
        self._seen = self._desk.pulse.version()
        self._crumbs(answer.row)
        self._draw_head(answer)
        self._set_look()
        found = answer.layout
        if not len(answer.series.place):
            self._board.say("No spot finder has written numbers for these images. They appear here by themselves.")
        else:
            drawn(self._board, found, answer.series, answer.span, force=answer.force)
        self._arrange(True)

    def _fail(self, problem: Problem) -> None:
        self._desk.pulse.watch(None)
        self._answer = None
        self._arrange(False)
        self._head.set([b.heading(f"Image quality of {self._number}", 1),
                        b.problem(problem.title, problem.text, problem.reference)])  # fmt: skip

    def _arrange(self, full: bool) -> None:
        shown: list[Viewable] = [self._head, self._fields, self._board] if full else [self._head]
        if shown != self.parts:
            self.parts, self.spans = shown, [12] * len(shown)
            self._desk.redraw()

    def _crumbs(self, row: Row) -> None:
        proposal, visit = row.get("proposal"), row.get("visit_number")
        trail: list[tuple[str, Place | None]] = [("Proposals", places.proposals())]
        if proposal:
            trail.append((proposal, places.proposal(proposal)))
        if proposal and visit is not None:
            trail.append((f"{proposal}-{visit}", places.visit(proposal, visit, row.get("technique"))))
        trail += [(f"{row['id']}", places.collection(row["id"])), ("Image quality", None)]
        self._desk.head(f"Image quality of {row['id']}", trail)

    def _draw_head(self, answer: _Answer) -> None:
        row, found = answer.row, answer.layout
        title = row.get("prefix") or row.get("template") or f"Collection {row['id']}"
        run = f" · run {row['number']}" if row.get("number") is not None else ""
        blocks = [b.heading(f"{title}{run}", 1, "Per-image quality"),
                  *tabs_of(self._desk, row, "quality", {})]  # fmt: skip
        if found.left_out:
            blocks.append(
                b.text(f"The first {len(found.segments)} of the {found.group} collections of the group are drawn.")
            )
        self._head.set(blocks)
        fields = []
        if found.group > 1:
            both = [("", "This collection"), ("group", f"The whole group ({found.group})")]
            fields.append(c.select("of", "Images of", both,
                                   "group" if self._whole_group() else ""))  # fmt: skip
        turning = any(one.axis_range for one in found.segments)
        if turning:
            fields.append(c.select("x", "Against", [("", "Image number"), ("angle", "Rotation angle")],
                                   self._place.seen("x") or ""))  # fmt: skip
        shown = self._panels()
        fields += [c.tick(f"show_{panel['key']}", str(panel["label"]), panel["key"] in shown) for panel in PANELS]
        self._fields.set(fields)

    def _panels(self) -> tuple[str, ...]:
        wanted = (self._place.seen("show") or "").split(",")
        return tuple(str(panel["key"]) for panel in PANELS if panel["key"] in wanted) or _DEFAULT

    def _set_look(self) -> None:
        self._board.look(self._panels(), self._place.seen("x") == "angle")
        if self._answer is not None:
            self._draw_head(self._answer)

    # -- choices of the hand: a stranger's

    def _choose(self, key: str, value: str) -> None:
        if key == "of":
            self._seeing(of=value or None, **{"from": None, "to": None})
        elif key == "x":
            self._seeing(x=value or None)
        elif key.startswith("show_"):
            panels = set(self._panels()) ^ {key.removeprefix("show_")}
            listed = ",".join(str(panel["key"]) for panel in PANELS if panel["key"] in panels)
            self._seeing(show=None if panels == set(_DEFAULT) else listed or None)

    def _seeing(self, **changed: str | None) -> None:
        self._desk.go(self._place.seeing(**changed), True)

    def _range(self, low: int | None, high: int | None) -> None:
        given = (None, None) if low is None or high is None else (str(low), str(high))
        self._seeing(**{"from": given[0], "to": given[1]})

    def _image(self, place: int) -> None:
        found = self._answer.layout.image(place) if self._answer else None
        if found is not None:
            self._desk.go(places.image(*found), False)


def drawn(
    board: QualityBoard, found: quality.Layout, series: quality.Series, span: tuple[int, int], *, force: bool = False
) -> None:
    """Draw a series."""
    segments = [
        {"id": one.collection_id, "name": one.name, "offset": one.offset, "images": one.images, "first": one.first,
         "start": one.axis_start, "step": one.axis_range}
        for one in found.segments
    ]  # fmt: skip
    board.draw(segments, found.length, span, series.width, _columns(series), force=force)


def _columns(found: quality.Series) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {
        "place": found.place.tolist(),
        "until": found.until.tolist(),
        "count": found.count.tolist(),
    }
    for name in quality.INDICATORS:
        if np.isnan(found.mean[name]).all():
            continue  # nothing of it: no numbers travel
        columns[name] = _rounded(found.mean[name])
        if found.width > 1:
            columns[f"{name}_least"], columns[f"{name}_most"] = _rounded(found.least[name]), _rounded(found.most[name])
    return columns


def _rounded(values: Any) -> list[float | None]:
    return [None if np.isnan(value) else float(f"{value:.{_DIGITS}g}") for value in values]


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= 9 else None
