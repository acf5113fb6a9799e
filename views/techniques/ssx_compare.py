"""Serial runs over each other: rates with differences, along time, and their cells; from all sources of each run."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from panel.viewable import Viewable

from data.core import visits
from data.errors import NotFound
from data.live.runs import Watched
from data.reader import Reader
from data.techniques.ssx.compare import against, cell_volume, curve, histograms
from data.techniques.ssx.intervals import Difference, Rate
from data.techniques.ssx.timeline import COLUMNS
from views import place as places
from views.desk import Desk
from views.parts import blocks as b
from views.parts import matrix as m
from views.parts.blocks import Block, Blocks
from views.parts.matrix import Matrix
from views.parts.resolution_plot import COLOURS
from views.parts.run_overlays import Outline, Outlines, OverTime, Trace
from views.parts.text import number
from views.place import Place
from views.problem import Problem
from views.reading import Reading
from views.view import Span

MOST_RUNS: Final = 6
"""Runs that are compared at once: each is counted frame by frame."""
_SECONDS: Final = 1.5
_AXES: Final = (("a", "Å"), ("b", "Å"), ("c", "Å"), ("α", "°"), ("β", "°"), ("γ", "°"))


class CompareView:
    """Watches the runs of the link while it is on the page; the first is what the others are held against."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._place = Place("compare")
        self._numbers: tuple[int, ...] = ()
        self._runs: list[Watched] = []
        self._hears: Callable[[], None] | None = None
        self._due = False
        self._drawn_at = 0.0
        self._head = Blocks([b.loading(2)])
        self._rates = Matrix(label="Runs")
        self._differences = Matrix(label="Differences")
        self._apart = Blocks()
        self._hits = OverTime("Hits (%)", MOST_RUNS)
        self._indexed = OverTime("Indexed (%)", MOST_RUNS)
        self._cells_head = Blocks()
        self._cells = [Outlines(f"{name} ({unit})") for name, unit in _AXES]
        self._plotted = False
        self.parts: list[Viewable] = [self._head]
        self.spans: list[Span] = [12]
        self._reading: Reading[list[Watched]] = Reading(desk, self._begin, self._fail)

    def show(self, place: Place) -> None:
        """Compare the runs of the link."""
        numbers = _numbers(place.seen("runs") or "")
        if numbers == self._numbers and place.visit_name == self._place.visit_name and self._runs:
            self._place = place
            self._desk.pulse.watch(self._runs[0].about.visit_id)
            self._crumbs()
            return
        self.hide()
        self._place, self._numbers = place, numbers
        self._desk.pulse.watch(None)
        self._crumbs()
        self._head.set([b.heading("Comparison of runs", 1), b.loading(3)])
        self._arrange(whole=False)
        if not numbers:
            words = "The link names no runs: choose some in the table of the runs of the visit."
            self._head.set([b.heading("Comparison of runs", 1), b.empty("Nothing to compare", words), self._links()])
            return
        self._reading.ask(self._question())

    def beat(self) -> None:
        """The visit changed: the runs say so themselves."""

    def hide(self) -> None:
        """Watch no longer."""
        self._reading.forget()
        if self._hears is not None:
            for number_ in self._numbers:
                self._desk.runs.leave(number_, self._hears)
        self._hears, self._runs = None, []

    def _question(self) -> Callable[[Reader], list[Watched]]:
        numbers, runs, place = self._numbers, self._desk.runs, self._place

        def hears() -> None:
            if self._hears is hears:
                self._heard()

        self._hears = hears

        def ask(reader: Reader) -> list[Watched]:
            visit = visits.visit(reader, place.proposal or "", place.visit or 0)["id"]
            found: list[Watched] = []
            for number_ in numbers:
                try:
                    watched = runs.watch(reader, number_, hears)
                except NotFound:
                    continue
                if watched.about.visit_id == visit:
                    found.append(watched)
                if watched.about.visit_id != visit or self._hears is not hears:
                    runs.leave(number_, hears)  # of another visit, or the page turned away meanwhile
            if not found:
                raise NotFound("These runs")
            return found

        return ask

    def _begin(self, runs: list[Watched]) -> None:
        self._runs = runs
        self._desk.pulse.watch(runs[0].about.visit_id)
        self._draw()
        self._arrange(whole=True)

    def _fail(self, problem: Problem) -> None:
        self._desk.pulse.watch(None)
        self._head.set([b.heading("Comparison of runs", 1), b.problem(problem.title, problem.text, problem.reference)])
        self._arrange(whole=False)

    def _heard(self) -> None:
        """From the counting thread: at most one redrawing waits."""
        if not self._due:
            self._due = True
            self._desk.later(self._soon)

    def _soon(self) -> None:
        """All that comes within a moment is drawn once."""
        rest = _SECONDS - (time.monotonic() - self._drawn_at)
        if rest <= 0:
            self._draw()
        else:
            asyncio.get_running_loop().call_later(rest, lambda: self._desk.later(self._draw))

    # -- drawing

    def _crumbs(self) -> None:
        name, visit = self._place.proposal or "", self._place.visit or 0
        trail: list[tuple[str, Place | None]] = [("Proposals", places.proposals()), (name, places.proposal(name))]
        trail.append((self._place.visit_name or "", places.visit(name, visit, "ssx")))
        trail += [("Runs", places.runs(name, visit)), ("Comparison", None)]
        self._desk.head("Comparison of runs", trail)

    def _links(self) -> Block:
        name, visit = self._place.proposal or "", self._place.visit or 0
        links = [("All runs", self._desk.link(places.runs(name, visit)))]
        if self._numbers:
            chosen = ",".join(map(str, self._numbers))
            address = f"{self._desk.prefix}/export/runs.csv?visit={self._place.visit_name}&tab=runs&v.runs={chosen}"
            links.append(("These as CSV", address))
        return b.links(links)

    def _arrange(self, *, whole: bool) -> None:
        parts: list[tuple[Viewable, Span]] = [(self._head, 12)]
        if whole:
            parts += [(self._rates, 12), (self._apart, 12), (self._differences, 12)]
            # Once all is read: a plot of the first part of a run would only jump.
            if self._plotted or not any(watched.loading for watched in self._runs):
                self._plotted = True
                parts += self._plots()
        else:
            self._plotted = False
        shown = [part for part, _ in parts]
        if shown != self.parts:
            self.parts, self.spans = shown, [span for _, span in parts]
            self._desk.redraw()

    def _plots(self) -> list[tuple[Viewable, Span]]:
        """Those that have something to show."""
        told = [plot.view for plot, among in ((self._hits, "judged"), (self._indexed, "tried")) if self._told(among)]
        found: list[tuple[Viewable, Span]] = [(view, 6 if len(told) > 1 else 12) for view in told]
        if any(len(watched.run.cells()[0]) for watched in self._runs):
            found += [(self._cells_head, 12), *((one.view, 4) for one in self._cells)]
        return found

    def _told(self, among: str) -> bool:
        """Whether any run has frames that count in this column of the timeline."""
        return any(watched.run.totals()[COLUMNS.index(among)] > 0 for watched in self._runs)

    def _draw(self) -> None:
        self._due, self._drawn_at = False, time.monotonic()
        runs = self._runs
        if not runs:
            return
        reading = sum(watched.loading for watched in runs)
        notes = [b.note("info", f"{reading} of {len(runs)} runs are still being read: these numbers grow.")]
        lost = [n for n in self._numbers if n not in {watched.about.collection_id for watched in runs}]
        missing = [b.note("warn", f"Not found in this visit: {', '.join(map(str, lost))}.")] if lost else []
        troubles = [
            b.note("warn", f"Run {w.about.collection_id}: {text}") for w in runs for text in w.troubles.values()
        ]
        words = (
            "Counted frame by frame, as far as the sources tell of single frames; what a program stated of a whole run "
            "stands in the table of runs. The first run is what others are held against."
        )
        self._head.set(
            [
                b.heading(f"Comparison of {len(runs)} run{'s' * (len(runs) != 1)}", 1),
                b.text(words, quiet=True),
                self._links(),
                *(notes if reading else []),
                *missing,
                *troubles,
            ]
        )
        self._draw_rates(runs)
        self._draw_differences(runs)
        named = [(watched, str(watched.about.collection_id), _colour(k)) for k, watched in enumerate(runs)]
        for plot, hits, among in ((self._hits, "hits", "judged"), (self._indexed, "indexed", "tried")):
            curves = [(curve(watched.run, hits, among), name, colour) for watched, name, colour in named]
            plot.show(
                [
                    Trace(name, colour, *(part.tolist() for part in (one.minutes, one.share, one.low, one.high)))
                    for one, name, colour in curves
                ]
            )
        self._draw_cells(named)
        if self.parts != [self._head]:
            self._arrange(whole=True)

    def _draw_rates(self, runs: list[Watched]) -> None:
        heads = [
            m.head("Run"), m.head("Taken", "", None, ""), m.head("Frames counted", "", None, "right"),
            m.head("Hits", "%", "With the 95 % interval", "right"),
            m.head("Indexed", "%", "With the 95 % interval", "right"),
            m.head("Several lattices", "%", "With the 95 % interval", "right"),
            m.head("Resolution", "Å", "Mean of frames whose resolution is told", "right"),
            m.head("Lattices", "", None, "right"), m.head("Median cell", "Å, °", None, "right"),
            m.head("Volume", "Å³", "Median", "right"), m.head("φ", "", "How hits clump: 1 where they do not", "right"),
        ]  # fmt: skip
        groups = []
        for k, watched in enumerate(runs):
            what, now = watched.about, watched.run.now(time.time())
            link = self._desk.link(places.monitor(what.collection_id))
            first = [m.cell(str(what.collection_id), mark=_colour(k), link=link)]
            cells, volume = watched.run.cells()[0], cell_volume(watched.run)
            middle = np.median(cells, axis=0) if len(cells) else None
            line = [
                m.cell(" · ".join(part for part in (what.prefix, what.chip) if part) or "–", align="left"),
                m.cell(number(now.whole.frames, 0)),
                m.cell(_rate(now.whole.hit)),
                m.cell(_rate(now.whole.indexed)),
                m.cell(_rate(now.whole.multiple)),
                m.cell(_mean(watched, "resolution", 2)),
                m.cell(number(now.lattices, 0) if now.whole.indexed else "–"),
                m.cell("–" if middle is None else _cell(middle)),
                m.cell("–" if volume is None else number(volume.value, 0)),
                m.cell(number(watched.run.dispersions()[0], 1)),
            ]
            groups.append(m.group(str(what.collection_id), first, [line]))
        self._rates.set(heads, groups)

    def _draw_differences(self, runs: list[Watched]) -> None:
        base = runs[0]
        self._apart.set([b.heading(f"Difference from run {base.about.collection_id}", 2)] if len(runs) > 1 else [])
        heads = [
            m.head("Run"),
            m.head("Hits", "points of %", "Newcombe's 95 % interval", "right"),
            m.head("Indexed", "points of %", "Newcombe's 95 % interval", "right"),
            m.head("Cell volume", "Å³", "Difference of the medians with its 95 % interval", "right"),
        ]
        groups = []
        for k, watched in enumerate(runs[1:], 1):
            found = against(watched.run, base.run)
            line = [_difference(found.hit, 100, 2), _difference(found.indexed, 100, 2), _difference(found.volume, 1, 0)]
            key = str(watched.about.collection_id)
            groups.append(m.group(key, [m.cell(key, mark=_colour(k))], [line]))
        self._differences.set(heads, groups)

    def _draw_cells(self, named: list[tuple[Watched, str, str]]) -> None:
        cells = [watched.run.cells()[0] for watched, _, _ in named]
        made = histograms(cells)
        if not made:
            self._cells_head.set(
                [b.heading("Cells", 2), b.text("No source of these runs tells of lattices.", quiet=True)]
            )
            return
        counts = " · ".join(
            f"{name}: {number(len(found), 0)}" for (_, name, _), found in zip(named, cells, strict=True)
        )
        self._cells_head.set([b.heading("Cells", 2, f"drawn of each run: {counts}")])
        for plot, (edges, talls) in zip(self._cells, made, strict=True):
            plot.show(
                [
                    Outline(name, colour, edges.tolist(), tall.tolist())
                    for (_, name, colour), tall in zip(named, talls, strict=True)
                    if tall is not None
                ]
            )


def _numbers(text: str) -> tuple[int, ...]:
    """The runs that a link names: whole numbers, each once, at most ``MOST_RUNS``."""
    parts = [part for part in text.split(",")[:100] if part.isascii() and part.isdigit() and len(part) <= 12]
    return tuple(dict.fromkeys(int(part) for part in parts))[:MOST_RUNS]


def _colour(k: int) -> str:
    return COLOURS[k % len(COLOURS)]


def _rate(rate: Rate | None) -> str:
    if rate is None:
        return "–"
    return f"{number(100 * rate.value, 2)} ({number(100 * rate.low, 1)}–{number(100 * rate.high, 1)})"


def _mean(watched: Watched, column: str, digits: int) -> str:
    sums = watched.run.totals()
    count = sums[COLUMNS.index(f"{column}_known")]
    return number(sums[COLUMNS.index(column)] / count, digits) if count else "–"


def _cell(middle: Any) -> str:
    lengths, angles = (" ".join(number(float(v), d) for v in part) for part, d in ((middle[:3], 2), (middle[3:], 1)))
    return f"{lengths}  {angles}"


def _difference(found: Difference | None, scale: float, digits: int) -> Block:
    if found is None:
        return m.cell("–", title="One of the two is not told")
    value, low, high = (_signed(scale * v, digits) for v in (found.value, found.low, found.high))
    text = f"{value} ({low} to {high})"
    if not found.real:
        return m.cell(text, title="The interval holds zero: no difference is shown")
    return m.cell(text, badges=[b.badge("differs", "info", "The interval leaves out zero")])


def _signed(value: float, digits: int) -> str:
    return f"{'+' if value > 0 else ''}{number(value, digits)}"
