"""Statistics of several results against resolution, in one plot."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import panel as pn
from bokeh.models import ColumnDataSource, DataRange1d, FixedTicker, HoverTool, ResetTool, SaveTool, WheelZoomTool
from bokeh.models.tools import PanTool
from bokeh.plotting import figure

from views.parts.plot import _style, made

COLOURS = ("#4f8ff7", "#e2953c", "#3fa66b", "#9a7fd1", "#d65f5f", "#2fa7a7", "#b58b2a", "#c768a8", "#7b8794", "#5f7fd6",
           "#a3b535", "#d6896a")  # fmt: skip
"""One for each result, in the order in which they are listed."""

# Round d-spacings in Å that may stand on the axis.
_ROUND = (20, 10, 8, 6, 5, 4, 3.5, 3, 2.7, 2.5, 2.3, 2.2, 2.1, 2, 1.9, 1.8, 1.7, 1.6, 1.5, 1.4, 1.3, 1.2, 1.1, 1, 0.9,
          0.8, 0.7, 0.6, 0.5)  # fmt: skip
_APART = 0.055


@dataclass(frozen=True, slots=True)
class Line:
    """One result's curve: ``x`` is 1/d² in Å⁻²."""

    name: str
    colour: str
    x: Sequence[float]
    y: Sequence[float]


class ResolutionPlot:
    """Made once, filled with ``show``; ``view`` goes into the page. The axis is even in 1/d² and says d in Å."""

    def __init__(self, height: int = 400) -> None:
        self._lines = ColumnDataSource(data={"x": [], "y": [], "colour": []})
        self._points = ColumnDataSource(data={"x": [], "y": [], "colour": [], "name": [], "d": []})
        self._ticker = FixedTicker(ticks=[])
        self.figure = self._draw(height)
        self.view = pn.pane.Bokeh(self.figure, sizing_mode="stretch_width", design=None)

    def show(self, label: str, lines: Sequence[Line]) -> None:
        """Draw these curves of the statistic ``label`` instead."""
        self._lines.data = {
            "x": [list(line.x) for line in lines],
            "y": [list(line.y) for line in lines],
            "colour": [line.colour for line in lines],
        }
        x = [value for line in lines for value in line.x]
        self._points.data = {
            "x": x,
            "y": [value for line in lines for value in line.y],
            "colour": [line.colour for line in lines for _ in line.x],
            "name": [line.name for line in lines for _ in line.x],
            "d": [1 / sqrt(value) for value in x],
        }
        self.figure.yaxis[0].axis_label = label
        ticks = spacings(max(x, default=0.0))
        self._ticker.ticks = [1 / d**2 for d in ticks]
        self.figure.xaxis[0].major_label_overrides = {1 / d**2: f"{d:g}" for d in ticks}

    def _draw(self, height: int) -> figure:
        plot = made(
            height=height,
            sizing_mode="stretch_width",
            output_backend="canvas",
            toolbar_location="above",
            x_axis_label="Resolution (Å)",
            y_axis_label=" ",
            min_border_left=8,
            min_border_right=14,
            min_border_bottom=10,
            x_range=DataRange1d(start=0, range_padding=0.02),
            y_range=DataRange1d(range_padding=0.08),
            tools=[],
        )
        plot.xaxis[0].ticker = self._ticker
        plot.xgrid[0].ticker = self._ticker
        plot.multi_line("x", "y", source=self._lines, line_color="colour", line_width=2)
        points: Any = plot.scatter("x", "y", source=self._points, color="colour", size=5)
        _style(plot)
        tips = [("", "@name"), ("d", "@d{0.00} Å"), ("value", "@y{0.[000]}")]
        plot.add_tools(
            PanTool(dimensions="width"),
            WheelZoomTool(dimensions="width"),
            HoverTool(tooltips=tips, renderers=[points]),
            ResetTool(),
            SaveTool(filename="resolution"),
        )
        return plot


def spacings(most: float) -> list[float]:
    """Round d-spacings in Å for an axis that reaches to ``most`` Å⁻², far enough apart to be read."""
    kept: list[float] = []
    last = 0.0
    for d in _ROUND:
        x = 1 / d**2
        if x <= most * 1.02 and x - last >= most * _APART:
            kept.append(d)
            last = x
    return kept
