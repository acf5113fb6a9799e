"""The per-image quality plot of a collection."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
import panel as pn
from bokeh.models import (
    ColumnDataSource,
    DataRange1d,
    HoverTool,
    InlineStyleSheet,
    LinearAxis,
    PanTool,
    ResetTool,
    SaveTool,
    TapTool,
    WheelZoomTool,
)
from bokeh.models.annotations import Legend, LegendItem, Span
from bokeh.plotting import figure
from numpy.typing import NDArray

from views.parts.part import Action, Part

Array = NDArray[np.float64]

made: Callable[..., figure] = figure
"""Bokeh's figure: which arguments a type checker knows of it depends on what else is installed."""

_NEUTRAL = "#8a93a1"
_LABELS = {"spots": "Spots", "resolution": "Resolution (Å)", "signal": "Total signal"}
_UNITS = {"spots": "spots", "resolution": "Å", "signal": "counts"}
_COLOURS = {"spots": "#4f8ff7", "resolution": "#e2953c", "signal": "#9a7fd1"}
_RANGES = {
    "spots": partial(DataRange1d, start=0, range_padding=0.08),
    "resolution": partial(DataRange1d, flipped=True, range_padding=0.1),
    "signal": partial(DataRange1d, start=0, range_padding=0.08),
}
_MOST_POINTS = 2_000


def thin(x: Array, y: Array, n: int) -> tuple[Array, Array]:
    """At most ``n`` of the points (x, y), so that a line through them keeps every peak and dip.

    The series is cut into n / 2 runs of equal length; of each its lowest and its highest point
    stay, in order. Missing values (NaN) never hide others; a run of nothing else keeps one, so that
    the gap shows. ``x`` must be ascending.
    """
    if n < 2:
        raise ValueError("n must be at least 2")
    size = len(x)
    if size != len(y):
        raise ValueError(f"x has {size} values and y {len(y)}")
    if size <= n:
        return x, y
    edges = np.linspace(0, size, n // 2 + 1).astype(np.int64)
    starts, stops = edges[:-1], edges[1:]
    width = int((stops - starts).max())
    places = starts[:, None] + np.arange(width)
    inside = places < stops[:, None]
    values = y[np.minimum(places, size - 1)]
    known = inside & ~np.isnan(values)
    lowest = starts + np.where(known, values, np.inf).argmin(axis=1)
    highest = starts + np.where(known, values, -np.inf).argmax(axis=1)
    keep = np.unique(np.concatenate([lowest, highest]))
    return x[keep], y[keep]


class QualityPlot:
    """Spots (left axis), resolution in Å (right axis, better upwards) and total signal against the
    image's number.

    Made once, filled with ``show``; ``view`` is what goes into the page. ``on_image(number)`` is
    called for a point that is clicked: one of the images last shown, whatever the browser sends.
    The page's script gives the colours of its theme. ``noun`` and ``names`` ({series: (label, unit)}) say what else is
    drawn in the same way.
    """

    def __init__(
        self,
        on_image: Action | None = None,
        height: int = 280,
        noun: str = "Image",
        names: Mapping[str, tuple[str, str]] = MappingProxyType({}),
    ) -> None:
        self._on_image, self._noun = on_image, noun
        self._labels = _LABELS | {key: label for key, (label, _) in names.items()}
        self._units = _UNITS | {key: unit for key, (_, unit) in names.items()}
        self._sources: dict[str, ColumnDataSource] = {}
        self._drawn: dict[str, tuple[Any, ...]] = {}
        self._mark = Span(
            dimension="height",
            line_color=_NEUTRAL,
            line_dash="dashed",
            line_width=1.5,
            visible=False,
        )
        self._legend = _legend()
        self._hover = HoverTool(tooltips=f"{noun.lower()} @image{{0}}: @value{{0,0.[00]}} $name", renderers=[])
        self._tap = TapTool(renderers=[])
        self.figure = self._draw(height)
        self.view = pn.pane.Bokeh(self.figure, sizing_mode="stretch_width", design=None)

    def show(
        self,
        images: Sequence[int] | NDArray[Any],
        spots: Sequence[float | None] | Array | None = None,
        resolution: Sequence[float | None] | Array | None = None,
        signal: Sequence[float | None] | Array | None = None,
    ) -> None:
        """Draw these series instead; each as long as ``images``, in ascending order, thinned to
        2,000 points. One without a value has no axis; that of the total signal appears with its first.
        """
        x = np.asarray(images, dtype=np.float64)
        if signal is not None and "signal" not in self._drawn:
            self._add("signal")
        for name, series in (("spots", spots), ("resolution", resolution), ("signal", signal)):
            if name not in self._drawn:
                continue
            y = np.full(len(x), np.nan) if series is None else np.asarray(series, dtype=np.float64)
            kept_x, kept_y = thin(x, y, _MOST_POINTS)
            self._sources[name].data = {"image": kept_x, "value": kept_y}
            seen = bool(np.isfinite(y).any())
            for model in self._drawn[name]:
                model.visible = seen

    def mark(self, image: int | None) -> None:
        """Point at an image; None at none."""
        self._mark.update(location=image, visible=image is not None)

    def _draw(self, height: int) -> figure:
        self.figure = plot = made(
            height=height,
            sizing_mode="stretch_width",
            output_backend="canvas",
            toolbar_location="above",
            x_axis_label=self._noun,
            y_axis_label=self._labels["spots"],
            min_border_left=8,
            min_border_right=14,
            min_border_bottom=10,
            lod_threshold=None,
            y_range=_RANGES["spots"](),
            tools=[],
        )
        plot.add_layout(self._mark)
        plot.add_layout(self._legend, "above")
        self._add("spots")
        self._add("resolution")
        _style(plot)
        plot.add_tools(
            PanTool(dimensions="width"),
            WheelZoomTool(dimensions="width"),
            self._tap,
            self._hover,
            ResetTool(),
            SaveTool(filename="quality"),
        )
        return plot

    def _add(self, name: str) -> None:
        """A series, with an axis of its own on the right unless it has the left one."""
        plot = self.figure
        source = ColumnDataSource(data={"image": np.empty(0), "value": np.empty(0)})
        scale: Any = _RANGES[name]() if name != "spots" else plot.y_range
        axes: list[LinearAxis] = []
        if name != "spots":
            plot.extra_y_ranges = {**plot.extra_y_ranges, name: scale}
            axes = [LinearAxis(y_range_name=name, axis_label=self._labels[name])]
            plot.add_layout(axes[0], "right")
            _style_axis(axes[0])
        points: Any = plot.scatter(
            "image",
            "value",
            source=source,
            y_range_name="default" if name == "spots" else name,
            size=4,
            color=_COLOURS[name],
            alpha=0.85,
            nonselection_alpha=0.85,
            name=self._units[name],
        )
        scale.renderers = [points]
        item = LegendItem(label=self._labels[name], renderers=[points])
        self._legend.items = [*self._legend.items, item]
        self._hover.renderers = [*self._hover.renderers, points]
        self._tap.renderers = [*self._tap.renderers, points]
        self._sources[name] = source
        self._drawn[name] = (points, item, *axes)
        source.selected.on_change("indices", lambda _attr, _old, new: self._tapped(source, new))

    def _tapped(self, source: ColumnDataSource, indices: Sequence[int]) -> None:
        images = source.data["image"]
        chosen = [i for i in indices if isinstance(i, int) and 0 <= i < len(images)]
        if chosen:
            Part._call(self._on_image, int(images[chosen[0]]))


def _legend() -> Legend:
    legend = Legend(
        orientation="horizontal",
        location="left",
        click_policy="hide",
        border_line_color=None,
        background_fill_color=None,
        inactive_fill_alpha=0.7,
        label_text_font_size="12px",
        label_text_color=_NEUTRAL,
        glyph_height=14,
    )
    legend.update(padding=0, margin=4)
    return legend


def _style(plot: figure) -> None:
    """What does not depend on the theme; neutral colours until the page's script sets its own."""
    plot.update(background_fill_color=None, border_fill_color=None, outline_line_color=None)
    plot.toolbar.logo = None
    plot.toolbar.stylesheets = [InlineStyleSheet(css=".bk-divider { opacity: 0.2; }")]
    for axis in plot.axis:
        _style_axis(axis)
    for grid in plot.grid:
        grid.grid_line_color = _NEUTRAL
        grid.grid_line_alpha = 0.25


def _style_axis(axis: Any) -> None:
    axis.update(
        axis_label_text_font_style="normal",
        axis_label_text_font_size="12px",
        axis_label_text_color=_NEUTRAL,
        major_label_text_color=_NEUTRAL,
        axis_line_color=_NEUTRAL,
        minor_tick_line_color=None,
        major_tick_out=3,
    )
