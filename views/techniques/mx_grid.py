"""The grid scan of a collection on its page: a map of any indicator over the crystal, and what centring found."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from panel.viewable import Viewable

from data.core import collection as collections
from data.reader import Reader
from data.techniques.mx.grids import Grid, GridScan, Underlay, grid_scan, picture_size, underlay
from data.techniques.mx.raster import Raster, cells, position
from views import place as places
from views.desk import Desk
from views.parts import blocks as b
from views.parts import choices as c
from views.parts import matrix as m
from views.parts.blocks import Block, Blocks
from views.parts.choices import Choices
from views.parts.grid_plot import Cells, GridPlot, Picture
from views.parts.matrix import Matrix
from views.parts.text import MISSING, number
from views.place import Place
from views.problem import Problem
from views.reading import Reading
from views.view import Span

Row = dict[str, Any]
Quality = dict[str, NDArray[Any]]

INDICATORS = {
    "dozor": ("DOZOR score", ""),
    "spots": ("Spots", ""),
    "bragg": ("Bragg candidates", ""),
    "resolution": ("Resolution", "Å"),
    "signal": ("Total signal", "counts"),
}
_LOW_IS_GOOD = {"resolution"}
_STATUS = {"success": "good", "failed": "bad", "pending": "info"}


@dataclass(frozen=True, slots=True)
class _Answer:
    scan: GridScan | None
    quality: tuple[Quality, Quality]
    under: tuple[Underlay | str, Underlay | str]


class GridPanel:
    """What the page of a collection shows of its grid; nothing where the collection is no grid scan.

    ``arrange`` is called when it has other parts than before, ``on_image`` with the number of an image to open.
    """

    def __init__(self, desk: Desk, arrange: Callable[[], None], on_image: Callable[[int], None]) -> None:
        self._desk, self._arrange = desk, arrange
        self._number: int | None = None
        self._place = Place("collection")
        self._image: int | None = None
        self._answer: _Answer | None = None
        self._what = Choices(self._chosen, label="What the map shows")
        self._plot = GridPlot(on_image, height=560)
        self._other = GridPlot(self._elsewhere, height=340)
        self._words, self._other_words = Blocks(), Blocks()
        self._crystals = Matrix(label="Crystals found by X-ray centring")
        self._reading: Reading[_Answer] = Reading(desk, self._tell, self._fail)
        self.beside: list[tuple[Viewable, int]] = []
        """What stands beside the frame."""
        self.above: list[tuple[Viewable, Span]] = []
        self.below: list[tuple[Viewable, Span]] = []

    def show(self, place: Place, collection_id: int, image: int | None) -> None:
        """Show the grid of this collection, with the indicator of the link and this image marked."""
        self._place, self._image = place, image
        if collection_id != self._number:
            self._number, self._answer = collection_id, None
            self._set([], [])
            self.read()
        elif self._answer is not None:
            self._draw(self._answer)

    def read(self) -> None:
        """Read it, also again: images may have been added."""
        key, files = self._number, self._desk.files
        if key is None:
            return

        def question(reader: Reader) -> _Answer:
            scan = grid_scan(reader, key)
            if scan is None or scan.grid.raster is None:
                return _Answer(scan, ({}, {}), ("", ""))
            pair = (scan.grid, scan.across)
            quality = [collections.quality(reader, one.collection_id) if one else {} for one in pair]
            under = [underlay(one, picture_size(files, one.snapshot)) if one else "" for one in pair]
            return _Answer(scan, (quality[0], quality[1]), (under[0], under[1]))

        self._reading.ask(question)

    def clear(self) -> None:
        """Another technique's collection is shown."""
        self.forget()
        self._number, self._answer = None, None
        self._set([], [])

    def forget(self) -> None:
        """Drop what is under way."""
        self._reading.forget()

    def _tell(self, answer: _Answer) -> None:
        self._answer = answer
        self._draw(answer)

    def _fail(self, problem: Problem) -> None:
        self._words.set([b.heading("Grid", 2), b.problem(problem.title, problem.text, problem.reference)])
        self._set([(self._words, 5)], [])

    def _set(self, beside: list[tuple[Viewable, int]], below: list[tuple[Viewable, Span]]) -> None:
        above: list[tuple[Viewable, Span]] = [(self._what, 12)] if len(beside) > 1 else []
        if (above, beside, below) != (self.above, self.beside, self.below):
            self.above, self.beside, self.below = above, beside, below
            self._arrange()

    # -- a stranger's input: one of what is offered, and a cell of what is drawn

    def _chosen(self, key: str, value: str) -> None:
        self._desk.go(self._place.seeing(grid=value if value in INDICATORS else None), True)

    def _elsewhere(self, image: int) -> None:
        scan = self._answer.scan if self._answer else None
        if scan is not None and scan.across is not None:
            self._desk.go(places.collection(scan.across.collection_id, image), False)

    # -- drawing

    def _draw(self, answer: _Answer) -> None:
        scan = answer.scan
        if scan is None:
            self._set([], [])
            return
        grid = scan.grid
        if grid.raster is None:
            self._words.set([b.heading("Grid", 2), b.empty("No map of this grid scan", grid.words)])
            self._set([(self._words, 5)], [])
            return
        present = [key for key in INDICATORS if _known(answer.quality[0], key)]
        wanted = self._place.seen("grid") or ""
        key = wanted if wanted in present else present[0] if present else "spots"
        self._what.set([c.select("grid", "Map", [(one, INDICATORS[one][0]) for one in present], key)])
        self._show(self._plot, grid, answer.quality[0], key, answer.under[0], scan, first=scan.first)
        self._plot.mark(self._image)
        self._words.set(self._notes(grid, answer.quality[0], present, answer.under[0], scan))
        beside: list[tuple[Viewable, int]] = [(self._plot.view, 5), (self._words, 5)]
        below: list[tuple[Viewable, Span]] = []
        if scan.across is not None and scan.across.raster is not None:
            self._show(self._other, scan.across, answer.quality[1], key, answer.under[1], scan, first=not scan.first)
            label = f"Collection {scan.across.collection_id}"
            link = self._desk.link(places.collection(scan.across.collection_id))
            detail = f"ω {number(scan.across.omega, 1)}°, this one {number(grid.omega, 1)}°"
            self._other_words.set([b.heading("At right angles", 2, detail), b.links([(label, link)])])
            below += [(self._other.view, 7), (self._other_words, 5)]
        if scan.centrings:
            self._crystals.set(_HEADS, [_crystal(n, one, grid.raster) for n, one in enumerate(scan.centrings, 1)])
            below.insert(0, (self._crystals, 12))
        self._set(beside, below)

    def _show(
        self, plot: GridPlot, grid: Grid, quality: Quality, key: str, under: Underlay | str, scan: GridScan, *,
        first: bool,
    ) -> None:  # fmt: skip
        raster = grid.raster
        if raster is None:
            return
        label, unit = INDICATORS[key]
        picture = None
        if isinstance(under, Underlay):
            src = self._desk.snapshot(grid.collection_id, under.which, "full")
            picture = Picture(src, under.left, under.top, under.width, under.height)
        plot.show(
            drawn(raster, quality, key, "mm" if grid.measured else "cells"),
            label,
            unit,
            picture,
            [
                (f"{n}", *where(raster, row, first=first))
                for n, row in enumerate(scan.centrings, 1)
                if placed(row, first=first)
            ],
            low_is_good=key in _LOW_IS_GOOD,
        )

    def _notes(
        self, grid: Grid, quality: Quality, present: list[str], under: Underlay | str, scan: GridScan
    ) -> list[Block]:
        raster = grid.raster
        if raster is None:
            return []
        order = ("columns" if raster.vertical else "rows") + (", every other one backwards" if raster.snaked else "")
        size = f"{raster.across} × {raster.down} cells"
        if grid.measured:
            size += f" of {number(raster.step_x * 1000, 1)} × {number(raster.step_y * 1000, 1)} µm"
        patches = raster.patches_x * raster.patches_y
        order += f", {patches} patches one after another" if patches > 1 else ""
        blocks = [b.text(f"{size}, scanned in {order}. Click a cell to open its image.", quiet=True)]
        blocks += [b.note("warn", words) for words in grid.notes]
        if not grid.measured:
            blocks.append(b.note("info", "ISPyB does not say how large a cell is: positions are in cells."))
        if isinstance(under, str) and under:
            blocks.append(b.note("info", under))
        seen = quality.get("image", np.empty(0, np.int64))
        inside = int(((seen >= raster.first) & (seen <= raster.last)).sum())
        if not present:
            blocks.append(b.empty("Nothing measured yet", "The map fills by itself as the spot finder writes numbers."))
        elif inside < raster.size:
            blocks.append(
                b.text(f"{inside:,} of {raster.size:,} cells have numbers; the others are framed.", quiet=True)
            )
        if scan.best_image is not None:
            link = self._desk.link(places.collection(grid.collection_id, scan.best_image))
            blocks.append(b.links([(f"Best image by the workflow: {scan.best_image}", link)]))
        return blocks


def _known(quality: Quality, key: str) -> bool:
    return key in quality and bool(np.isfinite(quality[key]).any())


def drawn(raster: Raster, quality: Quality, key: str, unit: str) -> Cells:
    """Every cell of a raster with the value of one indicator, in the order of the images."""
    columns, rows = cells(raster)
    x, y = position(raster, 0, 0)
    values = np.full(raster.size, np.nan)
    if key in quality:
        images = quality["image"]
        inside = (images >= raster.first) & (images <= raster.last)
        values[images[inside] - raster.first] = quality[key][inside]
    return Cells(
        np.asarray(x + columns * raster.step_x, np.float64),
        np.asarray(y + rows * raster.step_y, np.float64),
        values,
        np.arange(raster.size) + raster.first,
        columns,
        rows,
        (raster.step_x, raster.step_y),
        unit,
    )


def placed(row: Row, *, first: bool) -> bool:
    """Whether a result of centring says where on this grid it is: x and y on the first, x and z on the other."""
    return row["centre_x"] is not None and row["centre_y" if first else "centre_z"] is not None


def where(raster: Raster, row: Row, *, first: bool) -> tuple[float, float]:
    """The place of a result of centring; its boxes are counted from the corner of the grid, cells from their middle."""
    return position(raster, row["centre_x"] - 0.5, row["centre_y" if first else "centre_z"] - 0.5)


_HEADS = (
    m.head("Crystal"),
    m.head("Centring"),
    m.head("Centre x, y, z", "cells", "From the corner of the grid", "right"),
    m.head("Strongest x, y, z", "cells", "The cell with the highest value, counted from 0", "right"),
    m.head("Size x, y, z", "cells", "Of the box around it", "right"),
    m.head("Volume", "cells", "", "right"),
    m.head("Strength", "", "Sum of the values in it", "right"),
    m.head("Centre x, y", "mm", "On this grid", "right"),
)


def _crystal(n: int, row: Row, raster: Raster) -> Block:
    status = row["run"] or "unknown"
    badges = [b.badge(f"{row['kind'] or ''} {status}".strip(), _STATUS.get(status.lower(), "quiet"))]
    if row["id"] is None:
        absent = [m.cell("No crystal found" if status == "success" else "No result", "quiet", align="left")]
        return m.group(f"c{n}", [m.cell(MISSING), m.cell("", badges=badges)], [[*absent, *[m.cell("")] * 5]])
    size = [
        None if None in (row[f"min_{axis}"], row[f"max_{axis}"]) else row[f"max_{axis}"] - row[f"min_{axis}"]
        for axis in "xyz"
    ]
    spot = where(raster, row, first=True) if placed(row, first=True) else (None, None)
    line = [
        m.cell(_three([row[f"centre_{axis}"] for axis in "xyz"], 2)),
        m.cell(_three([row[f"peak_{axis}"] for axis in "xyz"], 0)),
        m.cell(_three(size, 1)),
        m.cell(number(row["voxels"], 0)),
        m.cell(number(row["total"], 0)),
        m.cell(_three(spot, 3)),
    ]
    return m.group(f"c{n}", [m.cell(f"{n}"), m.cell("", badges=badges)], [line])


def _three(values: Any, digits: int) -> str:
    return ", ".join(number(value, digits) for value in values)
