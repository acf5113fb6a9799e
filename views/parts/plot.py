"""The per-image quality plot of a collection."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import panel as pn
from bokeh.models import (
    ColumnDataSource,
    DataRange1d,
    HoverTool,
    InlineStyleSheet,
    Legend,
    LegendItem,
    LinearAxis,
    PanTool,
    ResetTool,
    SaveTool,
    Span,
    TapTool,
    WheelZoomTool,
)
from bokeh.plotting import figure
from numpy.typing import NDArray

from views.parts.part import Action, Part

Array = NDArray[np.float64]

_NEUTRAL = "#8a93a1"
_SPOTS, _RESOLUTION, _SIGNAL = "#4f8ff7", "#e2953c", "#9a7fd1"
_LABELS = {"spots": "Spots", "resolution": "Resolution (Å)", "signal": "Total signal"}
_MOST_POINTS = 2_000


def thin(x: Array, y: Array, n: int) -> tuple[Array, Array]:
    """At most ``n`` of the points (x, y), so that a line through them keeps every peak and dip.

    The series is cut into n / 2 runs of equal length; of each its lowest and its highest point stay, in order. Missing
    values (NaN) never hide others; a run of nothing else keeps one, so that the gap shows. ``x`` must be ascending.
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
    """Spots (left axis), resolution in Å (right axis, better upwards) and total signal against the image's number.

    Made once, filled with ``show``; ``view`` is what goes into the page. ``on_image(number)`` is called for a point that
    is clicked: one of the images last shown, whatever the browser sends. The page's script gives the colours of its theme.
    """

    def __init__(self, on_image: Action | None = None, height: int = 280) -> None:
        self._on_image = on_image
        self._spots = _source()
        self._resolution = _source()
        self._signal = _source()
        self._mark = Span(
            dimension="height",
            line_color=_NEUTRAL,
            line_dash="dashed",
            line_width=1.5,
            visible=False,
        )
        self.figure = self._draw(height)
        self.view = pn.pane.Bokeh(self.figure, sizing_mode="stretch_width", design=None)

    def show(
        self,
        images: Sequence[int] | Array,
        spots: Sequence[float | None] | Array | None = None,
        resolution: Sequence[float | None] | Array | None = None,
        signal: Sequence[float | None] | Array | None = None,
    ) -> None:
        """Draw these series instead; each as long as ``images``, in ascending order, thinned to 2,000 points."""
        x = np.asarray(images, dtype=np.float64)
        for source, series in (
            (self._spots, spots),
            (self._resolution, resolution),
            (self._signal, signal),
        ):
            y = np.full(len(x), np.nan) if series is None else np.asarray(series, dtype=np.float64)
            kept_x, kept_y = thin(x, y, _MOST_POINTS)
            source.data = {"image": kept_x, "value": kept_y}
        self._axes["signal"].visible = signal is not None
        self._lines["signal"].visible = signal is not None
        self._items["signal"].visible = signal is not None

    def mark(self, image: int | None) -> None:
        """Point at an image; None at none."""
        self._mark.update(location=image, visible=image is not None)

    def _draw(self, height: int) -> figure:
        plot = figure(
            height=height,
            sizing_mode="stretch_width",
            output_backend="canvas",
            toolbar_location="above",
            x_axis_label="Image",
            y_axis_label="Spots",
            min_border_right=8,
            lod_threshold=None,
            y_range=DataRange1d(start=0, range_padding=0.08),
            tools=[],
        )
        plot.extra_y_ranges = {
            "resolution": DataRange1d(flipped=True, range_padding=0.1),
            "signal": DataRange1d(start=0, range_padding=0.08),
        }
        self._lines = {
            "spots": self._series(plot, self._spots, _SPOTS, "default"),
            "resolution": self._series(plot, self._resolution, _RESOLUTION, "resolution"),
            "signal": self._series(plot, self._signal, _SIGNAL, "signal"),
        }
        self._axes = {
            "resolution": LinearAxis(y_range_name="resolution", axis_label="Resolution (Å)"),
            "signal": LinearAxis(y_range_name="signal", axis_label="Total signal", visible=False),
        }
        for axis in self._axes.values():
            plot.add_layout(axis, "right")
        for name, line in self._lines.items():
            self._data_ranges(plot, name).renderers = [line]
        plot.add_layout(self._mark)
        self._items = {
            name: LegendItem(label=label, renderers=[self._lines[name]], visible=name != "signal")
            for name, label in _LABELS.items()
        }
        plot.add_layout(_legend(list(self._items.values())), "above")
        _style(plot)
        tap = TapTool(renderers=list(self._lines.values()))
        wheel = WheelZoomTool(dimensions="width")
        plot.add_tools(
            PanTool(dimensions="width"), wheel, tap, ResetTool(), SaveTool(filename="quality")
        )
        for line, words in (
            (self._lines["spots"], "@value{0,0} spots"),
            (self._lines["resolution"], "@value{0.00} Å"),
            (self._lines["signal"], "@value{0,0} signal"),
        ):
            plot.add_tools(
                HoverTool(
                    renderers=[line],
                    tooltips=f"image @image{{0}}: {words}",
                    mode="vline",
                    visible=False,
                )
            )
        return plot

    def _data_ranges(self, plot: figure, name: str) -> DataRange1d:
        found = plot.y_range if name == "spots" else plot.extra_y_ranges[name]
        assert isinstance(found, DataRange1d)
        return found

    def _series(self, plot: figure, source: ColumnDataSource, colour: str, axis: str) -> Any:
        line = plot.scatter(
            "image",
            "value",
            source=source,
            y_range_name=axis,
            size=4,
            color=colour,
            alpha=0.85,
            nonselection_alpha=0.85,
        )
        source.selected.on_change("indices", lambda _attr, _old, new: self._tapped(source, new))
        return line

    def _tapped(self, source: ColumnDataSource, indices: Sequence[int]) -> None:
        images = source.data["image"]
        chosen = [i for i in indices if isinstance(i, int) and 0 <= i < len(images)]
        if chosen:
            Part._call(self._on_image, int(images[chosen[0]]))


def _source() -> ColumnDataSource:
    return ColumnDataSource(data={"image": np.empty(0), "value": np.empty(0)})


def _legend(items: list[LegendItem]) -> Legend:
    return Legend(
        items=items,
        orientation="horizontal",
        location="left",
        click_policy="hide",
        border_line_color=None,
        background_fill_color=None,
        inactive_fill_alpha=0.7,
        label_text_font_size="12px",
        label_text_color=_NEUTRAL,
        padding=0,
        margin=4,
        glyph_height=14,
    )


def _style(plot: figure) -> None:
    """What does not depend on the theme; neutral colours until the page's script sets its own."""
    plot.update(background_fill_color=None, border_fill_color=None, outline_line_color=None)
    plot.toolbar.logo = None
    plot.toolbar.stylesheets = [InlineStyleSheet(css=".bk-divider { opacity: 0.2; }")]
    for axis in plot.axis:
        axis.update(
            axis_label_text_font_style="normal",
            axis_label_text_font_size="12px",
            axis_label_text_color=_NEUTRAL,
            major_label_text_color=_NEUTRAL,
            axis_line_color=_NEUTRAL,
            minor_tick_line_color=None,
            major_tick_out=3,
        )
    for grid in plot.grid:
        grid.grid_line_color = _NEUTRAL
        grid.grid_line_alpha = 0.25
