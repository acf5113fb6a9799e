"""The timeline above the list of events: what it is asked for, and how the answer is drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from data.lists import Asked
from data.reader import Reader
from data.techniques.mx.events import KINDS
from data.techniques.mx.timeline import Lanes, Timeline, timeline
from views.desk import Desk
from views.parts.timeline import TimelinePlot, seconds
from views.problem import Problem
from views.reading import Reading

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """What the timeline shows: the events that ``asked`` lists, in these lanes, of this stretch or of all time."""

    visit: int
    asked: Asked
    lanes: Lanes
    low: datetime | None
    high: datetime | None
    about: tuple[datetime | None, datetime | None]
    only: tuple[tuple[str, tuple[int, ...]], ...] | None = None


class EventLine:
    """Asks and draws; what is of interest to one person alone is not shared."""

    def __init__(self, desk: Desk, plot: TimelinePlot) -> None:
        self._desk, self.plot = desk, plot
        self._question: Question | None = None
        self._force = False
        self._reading: Reading[Timeline] = Reading(desk, self._draw, self._fail)

    def ask(self, question: Question, *, force: bool = False, again: bool = False) -> None:
        """Draw this. ``again``: also where it is drawn already, as something may have happened."""
        if question == self._question and not again:
            return
        self._question, self._force = question, force
        shared, version = self._desk.shared, self._desk.pulse.version()

        def read(reader: Reader) -> Timeline:
            q = question
            only: Mapping[str, Sequence[int]] | None = None if q.only is None else dict(q.only)
            return timeline(reader, q.visit, q.asked, q.lanes, q.low, q.high, about=q.about, only=only)

        def ask(reader: Reader) -> Timeline:
            if question.only is not None:
                return read(reader)
            # Its own: a robot may have taken a sample of a proposal that not everybody here may see.
            return shared.answer(reader, question.visit, version, ("timeline", question), read, own=True)

        self._reading.ask(ask)

    def forget(self) -> None:
        """Nothing of what was drawn counts any more."""
        self._question = None
        self._reading.forget()

    def _draw(self, found: Timeline) -> None:
        lanes = "kind" if self._question is None else self._question.lanes
        drawn(self.plot, found, lanes, self._desk.now(), force=self._force)
        self._force = False

    def _fail(self, problem: Problem) -> None:
        self.plot.fail(f"{problem.title}. {problem.text}")


def drawn(plot: TimelinePlot, found: Timeline, by: Lanes, now: datetime, *, force: bool = False) -> None:
    """Draw a timeline whose lanes are kinds or samples."""
    if by == "sample":
        order = list(dict.fromkeys(bar.lane for bar in found.bars))
        others = {"0": "No sample", "…": "Others"}
        labels = [found.names.get(lane) or others.get(lane, lane) for lane in order]
    else:
        held = {bar.lane for bar in found.bars}
        order = [kind for kind in KINDS if kind in held]
        labels = [KINDS[kind] for kind in order]
    at = {lane: place for place, lane in enumerate(order)}
    bars: dict[str, list[Any]] = {
        "stream": [bar.stream for bar in found.bars],
        "number": [bar.number for bar in found.bars],
        "key": [bar.key for bar in found.bars],
        "kind": [bar.kind for bar in found.bars],
        "lane": [at[bar.lane] for bar in found.bars],
        "start": [seconds(bar.start) for bar in found.bars],
        "end": [None if bar.end is None else seconds(bar.end) for bar in found.bars],
        "count": [bar.count for bar in found.bars],
        "what": [bar.what if bar.count == 1 else None for bar in found.bars],
    }
    span, whole = (found.low, found.high), (found.first, found.last)
    plot.draw([{"label": label} for label in labels], bars, span, whole, now, force=force)
