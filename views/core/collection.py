"""One collection: its frame, per-image quality, snapshots, all parameters, and what pipelines made of it."""

from dataclasses import dataclass, replace
from typing import Any

from panel.viewable import Viewable

from data.core import collection as collections
from data.reader import Reader
from data.techniques.em import movies
from data.techniques.mx import strategies
from data.techniques.mx.quality import overview
from views import place as places
from views.core.remarks import Remarks, Said, said
from views.core.tabs import tabs_of
from views.core.viewer import Viewer, drawn, images_of
from views.desk import Desk
from views.parts import blocks as b
from views.parts.blocks import Block, Blocks
from views.parts.plot import QualityPlot
from views.parts.table import Column, Table, Want
from views.parts.text import number, space_group, when
from views.place import Place
from views.problem import Problem
from views.reading import Reading
from views.techniques import BY_KEY, TECHNIQUES
from views.techniques.em_movies import Movies
from views.techniques.mx import status_badge
from views.techniques.mx_grid import GridPanel
from views.view import Span

Row = dict[str, Any]


def _column(key: str, label: str, unit: str = "", **options: Any) -> Column:
    # A handful of rows in the order of the rule: nothing to sort or to filter.
    return Column(key, label, unit, sortable=False, filter="none", **options)


RESULTS = (
    _column("program", "Pipeline", width=170, fixed=True),
    _column("status", "Status", kind="badge", width=156),
    _column("space_group", "Space group", width=104),
    _column("cell", "Cell", "Å, °", kind="cell", width=290),
    _column("resolution", "Resolution", "Å", width=110, align="right"),
    _column("r_meas", "Rmeas", "%", kind="number", digits=1, width=74, title="Overall"),
    _column("i_over_sigma", "I/σ", kind="number", digits=1, width=64, title="Overall"),
    _column("cc_half", "CC½", kind="number", digits=3, width=68, title="Overall"),
    _column("outer_cc_half", "CC½ outer", kind="number", digits=3, width=84, title="Outer shell"),
    _column("completeness", "Compl.", "%", kind="number", digits=1, width=74, title="Overall"),
    _column("multiplicity", "Mult.", kind="number", digits=1, width=64, title="Overall"),
    _column("unique", "Unique", kind="number", digits=0, width=78, title="Unique reflections, overall"),
    _column("end", "Finished", kind="time", width=136),
    _column("message", "Message", width=240),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything about a collection but its frames."""

    collection: Row
    processings: list[Row]
    quality: Any
    neighbours: tuple[int | None, int | None]
    said: Said
    screenings: int
    movies: list[Row]


class CollectionView:
    """A collection at one of its images."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._number: int | None = None
        self._place = Place()
        self._answer: Answer | None = None
        self._seen = self._heard = 0  # up to where the pulse's changes and beginnings have been taken in
        self._head = Blocks([b.loading(2)])
        self._viewer = Viewer(desk, height=520)
        self._plot = QualityPlot(on_image=self._image, height=260)
        self._movies = Movies(desk)
        self._side = Blocks()
        self._grid = GridPanel(desk, self._rearrange, self._image)
        self._results = Table(
            RESULTS,
            on_want=self._want,
            label="Processing results",
            noun=("result", "results"),
            empty=("No processing yet", "Results appear here by themselves as pipelines finish."),
            tools=False,
            height=260,
        )
        self._facts = Blocks()
        self._remarks = Remarks(desk, lambda: self._again.ask(self._question))
        self.parts: list[Viewable] = [self._head]
        self.spans: list[Span] = [12]
        self._reading: Reading[Answer] = Reading(desk, self._tell, self._fail)
        self._again: Reading[Answer] = Reading(desk, self._retell, self._late)

    def show(self, place: Place) -> None:
        """Show the collection, or another image of it."""
        self._place = place
        if place.collection == self._number and self._answer is not None:
            self._desk.pulse.watch(self._answer.collection["visit_id"])
            self.beat()
            self._crumbs(self._answer.collection)
            self._show_image(self._answer)
            return
        self._number, self._answer = place.collection, None
        self._head.set([b.heading(f"Collection {self._number}", 1), b.loading(2)])
        self._arrange(None)
        self._desk.head(f"Collection {self._number}", (("Proposals", places.proposals()), (f"{self._number}", None)))
        self._reading.ask(self._question)

    def beat(self) -> None:
        """The visit changed: this collection may have more images or results, or one after it."""
        answer = self._answer
        if answer is None:
            return
        pulse, last = self._desk.pulse, answer.neighbours[1] is None
        changed, begun = pulse.changed(self._seen), pulse.begun() != self._heard
        self._seen, self._heard = pulse.version(), pulse.begun()
        if changed is not None and self._number not in changed and not (last and begun):
            return
        visit, version, key = answer.collection["visit_id"], self._seen, ("collection", self._number, self._heard)
        # Its own: who may see the names of those who left remarks, and who may write, differs from person to person.
        self._again.ask(lambda r: self._desk.shared.answer(r, visit, version, key, self._question, own=True))

    def hide(self) -> None:
        """Drop what is under way."""
        self._reading.forget()
        self._again.forget()
        self._grid.forget()

    def _question(self, reader: Reader) -> Answer:
        key = self._number or 0
        found = collections.collection(reader, key)
        return Answer(
            found,
            collections.processings(reader, key),
            overview(reader, key, found.get("images")),
            collections.neighbours(reader, key),
            said(self._desk, reader, found),
            strategies.count(reader, key) if found["technique"] == "mx" else 0,
            movies.movies(reader, key) if found["technique"] == "em" else [],
        )

    def _arrange(self, answer: Answer | None) -> None:
        """Lay out the parts that this collection needs: the frame on the left, plot and snapshots beside it."""
        parts: list[tuple[Viewable, Span]] = [(self._head, 12)]
        if answer is not None:
            pictured, plotted = drawn(answer.collection), len(answer.quality["image"]) > 0
            beside = self._grid.beside
            parts += self._grid.above
            if pictured:
                rows = len(beside) or (2 if plotted else 1)
                parts.append((self._viewer.pane, (7, rows) if rows > 1 else 7))
            parts += [(part, span if pictured else 12) for part, span in beside]
            if plotted:
                # A map has the place beside the frame.
                parts.append((self._plot.view, 12 if not pictured else 7 if beside else 5))
            if answer.movies:
                movie, plot = self._movies.parts
                parts += [(movie, (7, 2)), (plot, 5)]
                pictured = True
            parts += [(self._side, 5 if pictured else 12), *self._grid.below]
            if not self._remarks.empty:
                parts.append((self._remarks.part, 12))
            parts += [(self._results, 12), (self._facts, 12)]
        shown = [part for part, _ in parts]
        if shown != self.parts:
            self.parts, self.spans = shown, [span for _, span in parts]
            self._desk.redraw()

    def _rearrange(self) -> None:
        self._arrange(self._answer)

    def _tell(self, answer: Answer) -> None:
        self._answer = answer
        self._desk.pulse.watch(answer.collection["visit_id"])
        # Filled before they come onto the page: a plot without points has no ranges to be drawn with.
        self._draw(answer)
        self._show_image(answer)
        self._arrange(answer)

    def _retell(self, answer: Answer) -> None:
        if answer.collection["id"] == self._number:
            self._answer = answer
            self._draw(answer)
            # How many images there are, and the newest of them: who follows goes on.
            self._plot.mark(self._viewer.show(self._place, answer.collection, answer.quality))
            if answer.collection["technique"] == "mx":
                self._grid.read()
            self._movies.show(self._place, answer.movies)
            self._arrange(answer)

    def _late(self, problem: Problem) -> None:
        """What is shown stays; the next beat asks again."""

    def _fail(self, problem: Problem) -> None:
        if problem.gone:
            self._desk.absent()
        self._desk.pulse.watch(None)
        self._arrange(None)
        self._head.set(
            [
                b.heading(f"Collection {self._number}", 1),
                b.problem(problem.title, problem.text, problem.reference),
            ]
        )

    def _draw(self, answer: Answer) -> None:
        row, desk = answer.collection, self._desk
        key = row["id"]
        technique = BY_KEY.get(row.get("technique") or "", TECHNIQUES[0])
        self._crumbs(row)
        before, after = answer.neighbours
        links = [
            b.entry(words, link=desk.link(places.collection(to)))
            for words, to in (("‹ Earlier collection", before), ("Later collection ›", after))
            if to is not None
        ]
        detail = " · ".join(
            str(part)
            for part in (
                row.get("beamline"),
                when(row.get("start")),
                row.get("sample"),
                row.get("protein"),
                row.get("kind"),
            )
            if part
        )
        title = row.get("prefix") or (row.get("template") if drawn(row) else None) or f"Collection {key}"
        run = f" · run {row['number']}" if row.get("number") is not None else ""
        self._head.set(
            [
                b.heading(f"{title}{run}", 1, detail, [status_badge(row.get("status"), row.get("run_status"))]),
                *tabs_of(
                    desk,
                    row,
                    "collection",
                    {"processing": len(answer.processings), "strategy": answer.screenings},
                ),
                b.tiles(_tiles(answer, technique.key)),
            ]
        )
        self._remarks.show(key, answer.said)
        snapshots = [
            b.picture(
                desk.snapshot(key, n, "full"),
                f"Crystal of collection {key}, view {n}",
                link=desk.snapshot(key, n, "full"),
                missing="This snapshot is not on disk",
            )
            for n in range(1, 5)
            if row.get(f"snapshot_{n}")
        ]
        side: list[Block] = []
        if snapshots:
            side.append(b.images(snapshots, "Snapshots", 150))
        elif technique.key == "mx":
            side.append(b.empty("No snapshots", "The beamline stored no picture of this crystal."))
        if row.get("sample_id") is not None:
            sample = desk.link(places.sample(row["sample_id"]))
            links.append(b.entry(f"All of sample {row.get('sample') or row['sample_id']}", link=sample))
        if links:
            side.append(b.entries(links))
        self._side.set(side)
        series = answer.quality
        if len(series["image"]):
            self._plot.show(series["image"], series["spots"], series["resolution"])
        self._results.reload()
        self._facts.set([b.heading("Parameters", 2), *technique.describe(row)])

    def _crumbs(self, row: Row) -> None:
        proposal, visit = row.get("proposal"), row.get("visit_number")
        trail: list[tuple[str, Place | None]] = [("Proposals", places.proposals())]
        if proposal:
            trail.append((proposal, places.proposal(proposal)))
        if proposal and visit is not None:
            trail.append((f"{proposal}-{visit}", places.visit(proposal, visit, row.get("technique"))))
        trail.append((str(row["id"]), None))
        self._desk.head(f"{row.get('prefix') or 'Collection'} {row['id']}", trail)

    def _show_image(self, answer: Answer) -> None:
        image = self._viewer.show(self._place, answer.collection, answer.quality)
        self._plot.mark(image)
        self._movies.show(self._place, answer.movies)
        if answer.collection["technique"] == "mx":
            self._grid.show(self._place, answer.collection["id"], image)
        else:
            self._grid.clear()

    def _image(self, image: int) -> None:
        """A point of the plot was clicked: a stranger's number, bounded before it is used."""
        row = self._answer.collection if self._answer else {}
        first, last = images_of(row)
        if row and first <= image <= last:
            self._desk.go(replace(self._place, image=image), True)

    def _want(self, want: Want) -> None:
        found = self._answer.processings if self._answer else []
        self._results.send_rows(want.seq, 0, [_result(n, row) for n, row in enumerate(found)], len(found), True)


def _tiles(answer: Answer, technique: str) -> list[Block]:
    row = answer.collection
    tiles = [b.tile("Movies" if technique == "em" else "Images", number(row.get("images"), 0))]
    if technique == "em":
        tiles += [
            b.tile("Voltage", number(row.get("voltage"), 0), "kV"),
            b.tile("Pixel", number(row.get("pixel_size"), 3), "Å"),
        ]
        return tiles
    tiles += [
        b.tile("Energy", number(row.get("energy"), 3), "keV"),
        b.tile("Exposure", number(row.get("exposure"), 4), "s"),
        b.tile("Resolution at the edge", number(row.get("resolution"), 2), "Å"),
    ]
    if technique == "mx":
        tiles.append(b.tile("Rotation", number(row.get("rotation"), 1), "°"))
    best = next((found for found in answer.processings if found.get("best")), None)
    if best:
        tiles.append(
            b.tile(
                "Best result",
                number((best.get("overall") or {}).get("high"), 2),
                "Å",
                "good",
                f"{space_group(best.get('space_group'))} · {best.get('name') or ''}",
            )
        )
    return tiles


_RUN = {"ok": ("Succeeded", "good"), "failed": ("Failed", "bad"), "running": ("Running", "info")}


def _result(n: int, row: Row) -> Row:
    words, tone = _RUN.get(row.get("status") or "", ("Unknown", "quiet"))
    badges = [b.badge(words, tone)]
    if row.get("best"):
        badges.insert(
            0, b.badge("best", "good", "Chosen by the rule: highest resolution, then completeness, then newest")
        )
    overall, outer = row.get("overall") or {}, row.get("outer") or {}
    low, high = overall.get("low"), overall.get("high")
    cell = [row.get(name) for name in ("cell_a", "cell_b", "cell_c", "cell_alpha", "cell_beta", "cell_gamma")]
    return {
        "id": n,
        "program": row.get("name"),
        "status": badges,
        "space_group": space_group(row.get("space_group")) if row.get("space_group") else None,
        "cell": cell if any(value is not None for value in cell) else None,
        "resolution": f"{number(low, 1)} – {number(high, 2)}" if high is not None else None,
        "r_meas": overall.get("r_meas"),
        "i_over_sigma": overall.get("i_over_sigma"),
        "cc_half": overall.get("cc_half"),
        "outer_cc_half": outer.get("cc_half"),
        "completeness": overall.get("completeness"),
        "multiplicity": overall.get("multiplicity"),
        "unique": overall.get("unique"),
        "end": row.get("end"),
        "message": row.get("message"),
    }
