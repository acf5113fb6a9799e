"""Plots of serial runs over each other: bars of rates, rates along time with their bands, outlines of histograms."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import panel as pn
from bokeh.models import ColumnDataSource, FactorRange, HoverTool, Range1d, ResetTool, SaveTool, TapTool
from bokeh.models.annotations import TeeHead, Whisker
from bokeh.models.tools import PanTool, WheelZoomTool
from bokeh.plotting import figure

from views.parts.part import Action, Part
from views.parts.plot import _style, made

HIT, INDEXED = "#4f8ff7", "#2fa66a"
_GREY = "#8a93a1"


class RunBars:
    """A bar for each run: its hit rate with the 95 % interval, and in it the share that was indexed.

    Made once, filled with ``show``; ``view`` goes into the page. ``on_open(key)`` is called for a bar that is clicked:
    one of those shown, whatever the browser sends.
    """

    def __init__(self, on_open: Action | None = None, height: int = 220) -> None:
        self._on_open = on_open
        self._bars = ColumnDataSource(data={k: [] for k in ("x", "hit", "low", "high", "indexed", "words", "key")})
        self._factors, self._reach = FactorRange(), Range1d(start=0, end=1)
        plot = made(
            height=height,
            sizing_mode="stretch_width",
            output_backend="canvas",
            toolbar_location=None,
            x_range=self._factors,
            y_range=self._reach,
            y_axis_label="Share of images (%)",
            min_border_left=8,
            min_border_right=14,
            tools=[],
        )
        hits = plot.vbar("x", 0.7, "hit", source=self._bars, color=HIT, alpha=0.55, legend_label="Hits")
        plot.vbar("x", 0.4, "indexed", source=self._bars, color=INDEXED, alpha=0.95, legend_label="Indexed")
        for glyph in plot.renderers:
            glyph.nonselection_glyph = None  # type: ignore[attr-defined]
        upper, lower = (TeeHead(line_color=_GREY, size=8) for _ in range(2))
        whisker = Whisker(base="x", lower="low", upper="high", source=self._bars, line_color=_GREY, line_width=1.5)
        whisker.update(upper_head=upper, lower_head=lower)
        plot.add_layout(whisker)
        _legend(plot)
        _style(plot)
        plot.xaxis.major_label_orientation = 0.7
        plot.xgrid.visible = False
        plot.add_tools(HoverTool(tooltips="@words", renderers=[hits]), TapTool(renderers=[hits]))
        self._bars.selected.on_change("indices", lambda _attr, _old, new: self._tapped(new))
        self.view = pn.pane.Bokeh(plot, sizing_mode="stretch_width", design=None)

    def show(self, bars: Sequence["Bar"]) -> None:
        """Draw these bars instead, from left to right."""
        self._factors.factors = [bar.label for bar in bars]
        tops = [value for bar in bars for value in (bar.hit, bar.high, bar.indexed) if value == value]
        self._reach.end = min(101.0, 1.08 * max(tops, default=1.0) or 1.0)
        self._bars.data = {
            "x": [bar.label for bar in bars],
            "hit": [bar.hit for bar in bars],
            "low": [bar.low for bar in bars],
            "high": [bar.high for bar in bars],
            "indexed": [bar.indexed for bar in bars],
            "words": [bar.words for bar in bars],
            "key": [bar.key for bar in bars],
        }

    def _tapped(self, indices: Sequence[int]) -> None:
        keys = self._bars.data["key"]
        chosen = [i for i in indices if isinstance(i, int) and 0 <= i < len(keys)]
        if chosen:
            self._bars.selected.indices = []
            Part._call(self._on_open, keys[chosen[0]])


@dataclass(frozen=True, slots=True)
class Bar:
    """One run: rates in percent, NaN where nothing is known. ``label`` is its own among the bars."""

    key: int
    label: str
    words: str
    hit: float
    low: float
    high: float
    indexed: float


@dataclass(frozen=True, slots=True)
class Trace:
    """One run's curve with its band."""

    name: str
    colour: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


class OverTime:
    """Shares of several runs along the time since each began."""

    def __init__(self, label: str, most: int, height: int = 280) -> None:
        self._sources = [ColumnDataSource(data={k: [] for k in ("x", "y", "low", "high", "name")}) for _ in range(most)]
        self._x, self._y = Range1d(start=0, end=1), Range1d(start=0, end=1)
        plot = _plot(label, "Minutes since the run began", height, self._x, self._y)
        self._glyphs: list[tuple[Any, Any]] = []
        for source in self._sources:
            band = plot.varea("x", "low", "high", source=source, fill_alpha=0.18, fill_color=_GREY)
            line = plot.line("x", "y", source=source, line_width=2, line_color=_GREY)
            self._glyphs.append((band, line))
        _style(plot)
        tips = [("", "@name"), ("at", "@x{0.0} min"), ("", "@y{0.00} % (@low{0.0}–@high{0.0})")]
        plot.add_tools(HoverTool(tooltips=tips, renderers=[line for _, line in self._glyphs], mode="vline"))
        self.view = pn.pane.Bokeh(plot, sizing_mode="stretch_width", design=None)

    def show(self, traces: Sequence[Trace]) -> None:
        """Draw these curves instead; the axes reach as far as they do."""
        _reach(self._x, [value for trace in traces for value in trace.x], 1.02)
        _reach(self._y, [value for trace in traces for value in trace.high], 1.05)
        for number, (source, (band, line)) in enumerate(zip(self._sources, self._glyphs, strict=True)):
            trace = traces[number] if number < len(traces) else Trace("", _GREY, (), (), (), ())
            band.glyph.fill_color = line.glyph.line_color = trace.colour
            source.data = {
                "x": list(trace.x),
                "y": list(trace.y),
                "low": list(trace.low),
                "high": list(trace.high),
                "name": [trace.name] * len(trace.x),
            }


@dataclass(frozen=True, slots=True)
class Outline:
    """One run's histogram: ``edges`` (n + 1) and ``tall`` (n)."""

    name: str
    colour: str
    edges: Sequence[float]
    tall: Sequence[float]


class Outlines:
    """Histograms of several runs as outlines over each other."""

    def __init__(self, label: str, height: int = 190) -> None:
        self._lines = ColumnDataSource(data={"x": [], "y": [], "colour": [], "name": []})
        self._x, self._y = Range1d(start=0, end=1), Range1d(start=0, end=1)
        plot = _plot("Cells (%)", label, height, self._x, self._y, tools=False)
        plot.multi_line("x", "y", source=self._lines, line_color="colour", line_width=2)
        _style(plot)
        self.view = pn.pane.Bokeh(plot, sizing_mode="stretch_width", design=None)

    def show(self, outlines: Sequence[Outline]) -> None:
        """Draw these instead."""
        xs, ys = [], []
        for one in outlines:
            xs.append([float(edge) for edge in one.edges for _ in (0, 1)])
            ys.append([0.0, *(float(tall) for tall in one.tall for _ in (0, 1)), 0.0])
        _reach(self._y, [float(tall) for one in outlines for tall in one.tall], 1.08)
        if outlines:
            self._x.update(start=float(outlines[0].edges[0]), end=float(outlines[0].edges[-1]))
        self._lines.data = {
            "x": xs,
            "y": ys,
            "colour": [one.colour for one in outlines],
            "name": [one.name for one in outlines],
        }


def _reach(axis: Range1d, values: Sequence[float], factor: float) -> None:
    """Let an axis that begins at 0 reach beyond the largest value; one that a person has zoomed stays while it can."""
    end = factor * max((value for value in values if value == value), default=0.0) or 1.0
    if axis.reset_end != end:
        axis.update(start=0, end=end, reset_start=0, reset_end=end)


def _plot(y: str, x: str, height: int, x_range: Range1d, y_range: Range1d, *, tools: bool = True) -> figure:
    plot = made(
        height=height,
        sizing_mode="stretch_width",
        output_backend="canvas",
        toolbar_location="above" if tools else None,
        x_axis_label=x,
        y_axis_label=y,
        min_border_left=8,
        min_border_right=14,
        min_border_bottom=10,
        x_range=x_range,
        y_range=y_range,
        tools=[],
    )
    if tools:
        plot.add_tools(
            PanTool(dimensions="width"), WheelZoomTool(dimensions="width"), ResetTool(), SaveTool(filename="runs")
        )
    return plot


def _legend(plot: figure) -> None:
    legend = plot.legend[0]
    plot.add_layout(legend, "above")
    legend.update(
        orientation="horizontal",
        border_line_color=None,
        background_fill_color=None,
        label_text_color=_GREY,
        label_text_font_size="12px",
        padding=0,
        margin=4,
        glyph_height=12,
    )
