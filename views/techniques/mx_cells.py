"""Crystals with the same cell: clusters of the best results, which of them to merge, and their list to copy."""

from dataclasses import dataclass
from typing import Any

import panel as pn
from bokeh.models import ColumnDataSource, DataRange1d, FixedTicker, HoverTool
from bokeh.models.annotations import Span
from panel.viewable import Viewable

from data.exports import Wanted, where
from data.reader import Reader
from data.techniques.mx.cells import METHOD, Clusters, clusters
from data.techniques.mx.results import results
from data.techniques.mx.rule import Rule, rule_from
from views import place as places
from views.desk import Desk
from views.parts import blocks as b
from views.parts import choices as c
from views.parts import matrix as m
from views.parts.blocks import Blocks
from views.parts.choices import Choices
from views.parts.matrix import Matrix
from views.parts.plot import _style, made
from views.parts.resolution_plot import COLOURS
from views.parts.text import number, space_group
from views.place import Place
from views.problem import Problem
from views.reading import Reading
from views.still import Still
from views.view import Span as Width

Row = dict[str, Any]
_CELL = ("cell_a", "cell_b", "cell_c", "cell_alpha", "cell_beta", "cell_gamma")
_CUT = 1.0
_LISTED = 12
_GREY = "#8a93a1"
_TICKS = (0.1, 1, 2, 5, 10, 20, 40, 60, 100)


@dataclass(frozen=True, slots=True)
class Answer:
    """Results with a cell, and their clusters."""

    rows: list[Row]
    without: int
    clusters: Clusters
    visit_id: int | None


class CellsView:
    """Clusters of the cells of a visit or a proposal."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._place = Place("cells")
        self._answer: Answer | None = None
        self._head = Blocks([b.loading(2)])
        self._choices = Choices(self._chosen, label="How cells are compared")
        self._tree = Dendrogram()
        self._matrix = Matrix(self._picked, label="Clusters", pick="List", empty=("No clusters", ""))
        self._list = Blocks()
        self.parts: list[Viewable] = [self._head]
        self.spans: list[Width] = [12]
        self._asked_for: tuple[Any, ...] = ()
        self._reading: Reading[Answer] = Reading(desk, self._tell, self._fail)
        self._still = Still(desk, self._gone)

    def show(self, place: Place) -> None:
        """Show the clusters of the link."""
        self._place = place
        self._crumbs()
        question = (place.proposal, place.visit, *(place.seen(key) for key in ("sample", "protein", "rule", "cut")))
        wanted = Wanted(place.proposal or "", place.visit, None, "mx", view=dict(place.view))
        answer = self._answer
        if question == self._asked_for and answer is not None:
            self._desk.pulse.watch(answer.visit_id)
            self._still.then(lambda reader: where(reader, wanted), lambda: self._draw(answer))
            return
        self._asked_for, self._answer = question, None
        self._desk.pulse.watch(None)
        self._head.set([b.heading(self._name(), 1), b.loading(3)])
        self._arrange([self._head])
        rule, cut = self._rule(), self._cut()

        def ask(reader: Reader) -> Answer:
            meant = where(reader, wanted)
            found = results(reader, meant, rule).rows
            rows = [row for row in found if all(row[key] is not None for key in _CELL)]
            made = clusters([[row[key] for key in _CELL] for row in rows], [row["space_group"] for row in rows], cut)
            return Answer(rows, len(found) - len(rows), made, meant.visit_id)

        self._reading.ask(ask)

    def beat(self) -> None:
        """Clusters stand still while they are looked at."""

    def hide(self) -> None:
        """Drop what is under way; what was drawn comes back when it is known that it may."""
        self._reading.forget()
        self._still.forget()
        self.parts, self.spans = [self._head], [12]

    def _rule(self) -> Rule:
        return rule_from(self._place.seen("rule"), rule_from(self._desk.choices.get("mx.best")))

    def _cut(self) -> float:
        try:
            return min(max(float(self._place.seen("cut") or _CUT), 0.01), 50.0)
        except ValueError:
            return _CUT

    def _chosen(self, key: str, value: str) -> None:
        self._desk.go(self._place.seeing(cut=value.strip() or None), True)

    def _picked(self, keys: list[str]) -> None:
        self._desk.go(self._place.seeing(pick=",".join(keys) or "none"), True)

    def _name(self) -> str:
        return f"Cells of {self._place.visit_name or self._place.proposal or ''}"

    def _crumbs(self) -> None:
        place = self._place
        trail: list[tuple[str, Place | None]] = [("Proposals", places.proposals())]
        if place.proposal:
            trail.append((place.proposal, places.proposal(place.proposal)))
        if place.proposal and place.visit is not None:
            trail.append((place.visit_name or "", places.visit(place.proposal, place.visit)))
        trail.append(("Results", places.results(place.proposal or "", place.visit)))
        self._desk.head(self._name(), [*trail, ("Cells", None)])

    def _arrange(self, parts: list[Viewable]) -> None:
        if parts != self.parts:
            self.parts, self.spans = parts, [12] * len(parts)
            self._desk.redraw()

    def _fail(self, problem: Problem) -> None:
        self._head.set([b.heading(self._name(), 1), b.problem(problem.title, problem.text, problem.reference)])
        self._arrange([self._head])

    def _gone(self, problem: Problem) -> None:
        """The right is gone since the rows were read."""
        self._answer = None
        self._desk.pulse.watch(None)
        self._fail(problem)

    def _tell(self, answer: Answer) -> None:
        self._answer = answer
        self._still.known()
        self._desk.pulse.watch(answer.visit_id)
        self._draw(answer)

    def _draw(self, answer: Answer) -> None:
        found = answer.clusters
        if not found.clusters:
            words = "No collection here has a result with a cell."
            self._head.set([b.heading(self._name(), 1), b.empty("No cells", words)])
            self._arrange([self._head])
            return
        left = answer.without + len(found.left_out)
        detail = f"{len(answer.rows)} cells in {len(found.clusters)} clusters" + (f", {left} without" if left else "")
        self._head.set([b.heading(self._name(), 1, detail), b.text(f"{METHOD}; cut at {self._cut():g} %.", quiet=True)])
        self._choices.set([c.words("cut", "Cut at (%)", f"{self._cut():g}", "About the difference of the cell edges")])
        picked = self._place.seen("pick")
        chosen = {"0"} if picked is None else set(picked.split(","))
        heads = [m.head("Cluster"), m.head("Crystals", "", None, "right"), m.head("Space groups"),
                 m.head("Mean cell", "Å, °"), m.head("Spread of a, b, c", "Å", "Standard deviation", "right"),
                 m.head("Best resolution", "Å", None, "right")]  # fmt: skip
        groups = []
        for n, cluster in enumerate(found.clusters[:100]):
            members = [answer.rows[place] for place in cluster.members]
            names = sorted({space_group(row["space_group"]) for row in members})
            cell = " ".join(number(value, 2) for value in cluster.mean[:3])
            cell += "  " + " ".join(number(value, 1) for value in cluster.mean[3:])
            best = min(row["high"] for row in members)
            badges = [b.badge("merge these", "good", "The largest cluster")] if not n and len(members) > 1 else []
            first = [m.cell(f"{n + 1}", mark=_colour(n, len(members)), badges=badges)]
            line = [
                m.cell(str(len(members))),
                m.cell(", ".join(names[:4]) + (" …" if len(names) > 4 else ""), align="left"),
                m.cell(cell, align="left"),
                m.cell(" ".join(number(value, 2) for value in cluster.spread[:3])),
                m.cell(number(best, 2)),
            ]
            groups.append(m.group(str(n), first, [line], str(n) in chosen))
        self._matrix.set(heads, groups)
        self._tree.draw(answer.rows, found, self._cut())
        self._draw_list(answer, [n for n in range(len(found.clusters)) if str(n) in chosen])
        drawn: list[Viewable] = [self._tree.view] if len(found.links) else []
        self._arrange([self._head, self._choices, *drawn, self._matrix, self._list])

    def _draw_list(self, answer: Answer, chosen: list[int]) -> None:
        rows = [answer.rows[place] for n in chosen for place in answer.clusters.clusters[n].members]
        if not rows:
            self._list.set([b.text("Tick clusters to list their crystals.", quiet=True)])
            return
        rows.sort(key=lambda row: row["high"])
        text = "\n".join(f"{(row['directory'] or '').rstrip('/')}/{row['template'] or ''}" for row in rows)
        link = self._desk.link
        entries = [
            b.entry(
                f"{row['sample'] or row['prefix'] or 'Collection'} · {row['id']}",
                f"{number(row['high'], 2)} Å · {space_group(row['space_group'])} · {_pipeline(row)}",
                link=link(places.processing(row["id"])),
            )
            for row in rows[:_LISTED]
        ]
        more = f", the best {_LISTED} of {len(rows)}" if len(rows) > _LISTED else ""
        scalings = [row["scaling_id"] for row in rows[:_LISTED]]
        self._list.set(
            [
                b.links([("Table 1 of these", link(places.table1(scalings)))]),
                b.columns(
                    [b.entries(entries, f"Crystals of the ticked clusters{more}")],
                    [b.copied(text, "Their images, for the program that merges")],
                ),
            ]
        )


class Dendrogram:
    """The tree of the clustering, coloured by cluster. Made once; ``view`` goes into the page."""

    def __init__(self, height: int = 240) -> None:
        self._lines = ColumnDataSource(data={"x": [], "y": [], "colour": []})
        self._leaves = ColumnDataSource(data={"x": [], "y": [], "name": []})
        self._cut = Span(dimension="width", line_dash="dashed", line_color=_GREY)
        plot = made(
            height=height,
            sizing_mode="stretch_width",
            output_backend="canvas",
            toolbar_location=None,
            y_axis_label="Distance (%), root scale",
            x_range=DataRange1d(range_padding=0.02),
            y_range=DataRange1d(start=0),
            tools=[],
        )
        plot.multi_line("x", "y", source=self._lines, line_color="colour", line_width=1.5)
        leaves = plot.scatter("x", "y", source=self._leaves, size=6, color=_GREY, alpha=0.6)
        plot.xaxis.visible = False
        # Within a cluster distances are a hundredth of those between clusters.
        plot.yaxis[0].ticker = FixedTicker(ticks=[value**0.5 for value in _TICKS])
        plot.yaxis[0].major_label_overrides = {value**0.5: f"{value:g}" for value in _TICKS}
        plot.xgrid.visible = False
        plot.add_layout(self._cut)
        _style(plot)
        plot.add_tools(HoverTool(tooltips="@name", renderers=[leaves]))
        self.view = pn.pane.Bokeh(plot, sizing_mode="stretch_width", design=None)

    def draw(self, rows: list[Row], found: Clusters, cut: float) -> None:
        """Draw this tree instead."""
        if not len(found.links):
            return
        leaf_at = {place: x for x, place in enumerate(found.order)}
        members = [(n, cluster.members) for n, cluster in enumerate(found.clusters)]
        colour_of = {place: _colour(n, len(places_)) for n, places_ in members for place in places_}
        nodes = [(float(leaf_at[place]), 0.0, {colour_of[place]}) for place in found.places]
        xs, ys, colours = [], [], []
        for left, right, height, _ in found.links:
            (x0, y0, some), (x1, y1, others) = nodes[int(left)], nodes[int(right)]
            both = some | others
            xs.append([x0, x0, x1, x1])
            top = float(height) ** 0.5
            ys.append([y0, top, top, y1])
            colours.append(next(iter(both)) if len(both) == 1 and height <= cut else _GREY)
            nodes.append(((x0 + x1) / 2, top, both))
        self._lines.data = {"x": xs, "y": ys, "colour": colours}
        names = [f"{rows[place]['sample'] or rows[place]['prefix'] or ''} {rows[place]['id']}" for place in found.order]
        self._leaves.data = {"x": list(range(len(names))), "y": [0.0] * len(names), "name": names}
        self._cut.location = cut**0.5


def _pipeline(row: Row) -> str:
    return (row["pipeline"] or "").split(" (see:")[0]


def _colour(n: int, members: int) -> str:
    return COLOURS[n % len(COLOURS)] if members > 1 else _GREY
