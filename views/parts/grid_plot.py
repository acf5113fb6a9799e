"""A grid scan as a map over the crystal's snapshot."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import panel as pn
from bokeh.models import (
    ColumnDataSource,
    DataRange1d,
    HoverTool,
    LinearColorMapper,
    ResetTool,
    SaveTool,
    TapTool,
    WheelZoomTool,
)
from bokeh.models.annotations import ColorBar
from bokeh.models.tools import PanTool
from bokeh.palettes import Viridis256
from bokeh.plotting import figure
from numpy.typing import NDArray

from views.parts.part import Action, Part
from views.parts.plot import _style, made

_MARK = "#e5484d"
_CELLS = ("x", "y", "wide", "high", "value", "alpha", "image", "column", "row")
_BARE = ("x", "y", "wide", "high", "image", "column", "row")


@dataclass(frozen=True, slots=True)
class Cells:
    """Cells of a grid, one entry each: middle and size of a cell in ``unit``, value (NaN: not measured), image."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    value: NDArray[np.float64]
    image: NDArray[np.int64]
    column: NDArray[np.int64]
    row: NDArray[np.int64]
    size: tuple[float, float]
    unit: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture under the cells: address, upper left corner and size in the unit of the cells."""

    src: str
    left: float
    top: float
    width: float
    height: float


class GridPlot:
    """Made once, filled with ``show``; ``view`` goes into the page.

    ``on_image(number)`` is called for a cell that is clicked: one of the images last shown, whatever the browser sends.
    Cells without a value are empty frames.
    """

    def __init__(self, on_image: Action | None = None, height: int = 360) -> None:
        self._on_image = on_image
        self._cells = ColumnDataSource(data={key: [] for key in _CELLS})
        self._bare = ColumnDataSource(data={key: [] for key in _BARE})
        self._under = ColumnDataSource(data={key: [] for key in ("url", "x", "y", "w", "h")})
        self._crystals = ColumnDataSource(data={"x": [], "y": [], "name": []})
        self._shown = ColumnDataSource(data={key: [] for key in ("x", "y", "wide", "high")})
        self._colours = LinearColorMapper(palette=Viridis256, low=0, high=1)
        self._hover = HoverTool(renderers=[], tooltips=[])
        self._given: Cells | None = None
        self.figure = self._draw(height)
        self.view = pn.pane.Bokeh(self.figure, sizing_mode="stretch_width", design=None)

    def show(
        self,
        cells: Cells,
        label: str,
        unit: str = "",
        picture: Picture | None = None,
        crystals: Sequence[tuple[str, float, float]] = (),
        *,
        low_is_good: bool = False,
    ) -> None:
        """Draw these cells instead. ``crystals``: name and place. ``low_is_good`` turns the colours round."""
        self._given = cells
        known = np.isfinite(cells.value)
        values = cells.value[known]
        low = float(values.min()) if values.size else 0.0
        high = float(values.max()) if values.size else 1.0
        if not low_is_good:
            low = min(low, 0.0)
        high = high if high > low else low + 1.0
        share = (values - low) / (high - low)
        share = 1 - share if low_is_good else share
        self._colours.update(low=low, high=high, palette=Viridis256[::-1] if low_is_good else Viridis256)
        # What is low lets the crystal shine through.
        alpha = 0.12 + 0.68 * share if picture is not None else np.ones(len(share))
        self._cells.data = _columns(cells, known) | {"value": values, "alpha": alpha}
        self._bare.data = _columns(cells, ~known)
        self._under.data = {
            "url": [picture.src] if picture else [],
            "x": [picture.left] if picture else [],
            "y": [picture.top] if picture else [],
            "w": [picture.width] if picture else [],
            "h": [picture.height] if picture else [],
        }
        self._crystals.data = {
            "x": [x for _, x, _ in crystals],
            "y": [y for _, _, y in crystals],
            "name": [name for name, _, _ in crystals],
        }
        digits = "0.000" if cells.unit == "mm" else "0"
        value = f"@value{{0,0.[00]}} {unit}" if unit else "@value{0,0.[00]}"
        self._hover.tooltips = [
            (label, value),
            ("Image", "@image{0}"),
            ("Column, row", "@column{0}, @row{0}"),
            ("Position", f"@x{{{digits}}}, @y{{{digits}}} {cells.unit}"),
        ]
        axes = (self.figure.xaxis[0], self.figure.yaxis[0])
        for axis, name in zip(axes, ("x", "y"), strict=True):
            axis.axis_label = f"{name} ({cells.unit})"
        self._bar.title = f"{label} ({unit})" if unit else label

    def mark(self, image: int | None) -> None:
        """Frame the cell of this image; None frames none."""
        cells = self._given
        if cells is None or image is None or image not in cells.image:
            self._shown.data = {key: [] for key in ("x", "y", "wide", "high")}
            return
        at = np.flatnonzero(cells.image == image)
        wide, tall = cells.size
        self._shown.data = {"x": cells.x[at[:1]], "y": cells.y[at[:1]], "wide": [wide], "high": [tall]}

    def _draw(self, height: int) -> figure:
        plot: Any = made(
            height=height,
            sizing_mode="stretch_width",
            output_backend="canvas",
            toolbar_location="above",
            x_axis_label="x",
            y_axis_label="y",
            # Room for the widest ticks from the start: what Bokeh paints on the first column of the canvas before it
            # lays the axis out anew is never cleared again.
            min_border_left=76,
            min_border_right=8,
            min_border_bottom=10,
            x_range=DataRange1d(range_padding=0.12),
            # Down is where the rows go, as in the snapshot.
            y_range=DataRange1d(range_padding=0.12, flipped=True),
            match_aspect=True,
            lod_threshold=None,
            tools=[],
        )
        plot.image_url("url", "x", "y", "w", "h", source=self._under, anchor="top_left")
        size: Any = {"width": "wide", "height": "high"}
        bare: Any = plot.rect(
            "x", "y", source=self._bare, fill_alpha=0, line_color="#8a93a1", line_alpha=0.6, line_dash="dotted", **size
        )
        fill = {"field": "value", "transform": self._colours}
        drawn: Any = plot.rect(
            "x", "y", source=self._cells, fill_color=fill, fill_alpha="alpha", line_color=None,
            nonselection_fill_alpha="alpha", nonselection_fill_color=fill, nonselection_line_color=None, **size,
        )  # fmt: skip
        plot.rect("x", "y", source=self._shown, fill_alpha=0, line_color=_MARK, line_width=2.5, **size)
        plot.scatter("x", "y", source=self._crystals, marker="cross", size=16, line_color="#ffffff", line_width=4)
        plot.scatter("x", "y", source=self._crystals, marker="cross", size=14, line_color=_MARK, line_width=2)
        plot.text(
            "x", "y", text="name", source=self._crystals, x_offset=6, y_offset=-4, text_color=_MARK,
            text_font_size="12px", text_font_style="bold",
        )  # fmt: skip
        _style(plot)
        plot.xgrid[0].visible = plot.ygrid[0].visible = False
        self._bar = ColorBar(
            color_mapper=self._colours, width=10, padding=4, background_fill_color=None, title_text_font_size="12px",
            title_text_font_style="normal", title_text_color="#8a93a1", major_label_text_color="#8a93a1",
        )  # fmt: skip
        plot.add_layout(self._bar, "right")
        self._hover.renderers = [drawn, bare]
        plot.x_range.renderers = plot.y_range.renderers = [drawn, bare]
        plot.add_tools(
            PanTool(), WheelZoomTool(), TapTool(renderers=[drawn, bare]), self._hover, ResetTool(),
            SaveTool(filename="grid"),
        )  # fmt: skip
        for source in (self._cells, self._bare):
            source.selected.on_change("indices", partial(self._changed, source))
        drawing: figure = plot
        return drawing

    def _changed(self, source: ColumnDataSource, _attr: str, _old: object, new: Sequence[int]) -> None:
        self._tapped(source, new)

    def _tapped(self, source: ColumnDataSource, indices: Sequence[int]) -> None:
        images = source.data["image"]
        chosen = [i for i in indices if isinstance(i, int) and 0 <= i < len(images)]
        if chosen:
            Part._call(self._on_image, int(images[chosen[0]]))


def _columns(cells: Cells, which: NDArray[np.bool_]) -> dict[str, Any]:
    count = int(which.sum())
    return {
        "x": cells.x[which],
        "y": cells.y[which],
        "wide": np.full(count, cells.size[0]),
        "high": np.full(count, cells.size[1]),
        "image": cells.image[which],
        "column": cells.column[which] + 1,
        "row": cells.row[which] + 1,
    }
