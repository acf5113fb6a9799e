"""A few lines over one axis, with named places on it: a spectrum, an energy scan."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import panel as pn
from bokeh.models import (
    ColumnDataSource,
    DataRange1d,
    HoverTool,
    NumeralTickFormatter,
    ResetTool,
    SaveTool,
    WheelZoomTool,
)
from bokeh.models.tools import PanTool
from bokeh.plotting import figure
from numpy.typing import NDArray

from views.parts.plot import _style, made, thin

COLOURS = ("#4f8ff7", "#e2953c", "#9a7fd1", "#3fa66b")
_MOST_POINTS, _MOST_DOTS = 6_000, 400


@dataclass(frozen=True, slots=True)
class Line:
    """One line; ``x`` ascending."""

    name: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Mark:
    """A named place on the axis."""

    name: str
    x: float
    colour: str = "#8a93a1"


class LinePlot:
    """Made once, filled with ``show``; ``view`` goes into the page. ``log``: counts as powers of ten."""

    def __init__(self, height: int = 360, *, log: bool = False, name: str = "lines") -> None:
        self._log = log
        self._lines = ColumnDataSource(data={"x": [], "y": [], "colour": [], "name": []})
        self._points = ColumnDataSource(data={"x": [], "y": [], "colour": [], "name": []})
        self._names = ColumnDataSource(data={"x": [], "y": [], "colour": [], "name": []})
        self._marks = ColumnDataSource(data={"x": [], "y": [], "top": [], "low": [], "colour": [], "name": []})
        self.figure = self._draw(height, name)
        self.view = pn.pane.Bokeh(self.figure, sizing_mode="stretch_width", design=None)

    def show(
        self, x_label: str, y_label: str, lines: Sequence[Line], marks: Sequence[Mark] = (), *, unit: str = ""
    ) -> None:
        """Draw these lines instead, thinned so that every peak stays; ``unit`` of the axis, for what is pointed at."""
        kept = [thin(line.x, line.y, _MOST_POINTS) for line in lines]
        if self._log:
            kept = [(x, np.where(y > 0, y, np.nan)) for x, y in kept]
        names = [line.name for line in lines]
        colours = [COLOURS[n % len(COLOURS)] for n in range(len(lines))]
        self._lines.data = {
            "x": [x for x, _ in kept],
            "y": [y for _, y in kept],
            "colour": colours,
            "name": names,
        }
        dots = sum(len(x) for x, _ in kept) <= _MOST_DOTS
        self._dots.glyph.update(fill_alpha=0.7 if dots else 0.0, line_alpha=0.0)
        several = len(lines) > 1
        self._names.data = {
            "x": [float(x[-1]) for x, _ in kept if several],
            "y": [float(y[-1]) for _, y in kept if several],
            "name": [name for name in names if several],
            "colour": [colour for colour in colours if several],
        }
        self._points.data = {
            "x": np.concatenate([x for x, _ in kept]) if kept else [],
            "y": np.concatenate([y for _, y in kept]) if kept else [],
            "colour": [colours[n] for n, (x, _) in enumerate(kept) for _ in x],
            "name": [names[n] for n, (x, _) in enumerate(kept) for _ in x],
        }
        values = np.concatenate([y[np.isfinite(y)] for _, y in kept]) if kept else np.empty(0)
        low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
        # Names in three rows above the lines, so that near ones can be read.
        rows = [n % 3 for n, _ in enumerate(sorted(marks, key=lambda mark: mark.x))]
        placed = sorted(marks, key=lambda mark: mark.x)
        span = (high / max(low, 0.5)) if self._log else high - low
        tops = [high * span ** (0.05 + 0.07 * row) if self._log else high + span * (0.04 + 0.08 * row) for row in rows]
        self._marks.data = {
            "x": [mark.x for mark in placed],
            "y": tops,
            "top": tops,
            "low": [max(low, 0.5) if self._log else low] * len(placed),
            "colour": [mark.colour for mark in placed],
            "name": [mark.name for mark in placed],
        }
        self.figure.xaxis[0].axis_label, self.figure.yaxis[0].axis_label = x_label, y_label
        self._hover.tooltips = [("", "@name"), (x_label.split(" (")[0], f"@x{{0.000}} {unit}"), ("", "@y{0,0.[000]}")]

    def _draw(self, height: int, name: str) -> figure:
        plot: Any = made(
            height=height,
            sizing_mode="stretch_width",
            output_backend="canvas",
            toolbar_location="above",
            x_axis_label=" ",
            y_axis_label=" ",
            y_axis_type="log" if self._log else "linear",
            min_border_left=8,
            min_border_right=14,
            min_border_bottom=10,
            lod_threshold=None,
            x_range=DataRange1d(range_padding=0.02),
            y_range=DataRange1d(range_padding=0.06),
            tools=[],
        )
        drawn = plot.multi_line("x", "y", source=self._lines, line_color="colour", line_width=1.6)
        points = self._dots = plot.scatter("x", "y", source=self._points, color="colour", size=4)
        plot.segment(
            "x", "low", "x", "top", source=self._marks, line_color="colour", line_dash="dashed", line_alpha=0.8
        )
        plot.text(
            "x", "y", text="name", source=self._marks, text_color="colour", text_font_size="11px", x_offset=3,
            text_baseline="middle",
        )  # fmt: skip
        plot.text(
            "x", "y", text="name", source=self._names, text_color="colour", text_font_size="13px", text_align="right",
            y_offset=-6,
        )  # fmt: skip
        if not self._log:
            plot.yaxis[0].formatter = NumeralTickFormatter(format="0,0.[00]")
        plot.x_range.renderers = [drawn, points]
        marks = plot.scatter("x", "top", source=self._marks, size=1, alpha=0)
        plot.y_range.renderers = [drawn, points, marks]
        _style(plot)
        self._hover = HoverTool(renderers=[points], mode="vline" if not self._log else "mouse", tooltips=[])
        plot.add_tools(
            PanTool(dimensions="width"), WheelZoomTool(dimensions="width"), self._hover, ResetTool(),
            SaveTool(filename=name),
        )  # fmt: skip
        drawing: figure = plot
        return drawing
