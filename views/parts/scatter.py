"""Points of any statistic against any other, with histograms at the sides: brushing and redrawing need no server."""

from collections.abc import Mapping, Sequence
from typing import Any

from views.parts.part import Action, Part, short, to_json

_MOST = 50_000


class Scatter(Part):
    """Draws ``rows`` as points; a brush (drag a box) marks those inside, at once and in the histograms too.

    ``axes``: {key, label, unit, digits} of what may be drawn; ``marks``: {key, label} of texts that may give colours.
    ``on_brush({key: (low, high)} or None)``, ``on_axes(x, y, colour)`` and ``on_open(key)`` are told what was done; all
    of it comes from the browser and is held against what is shown.
    """

    def __init__(
        self,
        axes: Sequence[Mapping[str, Any]],
        marks: Sequence[Mapping[str, Any]],
        on_brush: Action,
        on_axes: Action,
        on_open: Action,
        *,
        thumb: str = "",
        link: str = "",
        **params: Any,
    ) -> None:
        super().__init__(**params)
        self._axes, self._marks = [dict(axis) for axis in axes], [dict(mark) for mark in marks]
        self._on_brush, self._on_axes, self._on_open = on_brush, on_axes, on_open
        self._thumb, self._link = thumb, link
        self._columns: dict[str, list[Any]] = {}
        self._state: dict[str, Any] = {"x": axes[0]["key"], "y": axes[0]["key"], "colour": "", "brush": None}
        self._kept: list[int] | None = None
        self._picked: list[int] = []

    def points(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Draw these rows instead; each with ``id``, ``snapshot`` and the keys of axes and marks."""
        rows = rows[:_MOST]
        keys = [one["key"] for one in (*self._axes, *self._marks)]
        self._columns = {key: [row.get(key) for row in rows] for key in ("id", "snapshot", *dict.fromkeys(keys))}
        self._kept, self._picked = None, []
        self._tell("rows", columns=self._columns, kept=None, picked=[])

    def place(self, x: str, y: str, colour: str, brush: Mapping[str, tuple[float, float]] | None) -> None:
        """Draw ``y`` against ``x``, with a brush around what lies in both ranges."""
        state = {
            "x": x,
            "y": y,
            "colour": colour,
            "brush": None if brush is None else {k: list(v) for k, v in brush.items()},
        }
        if state != self._state:
            self._state = state
            self._tell("place", **state)

    def keep(self, ids: Sequence[int] | None) -> None:
        """Only these are in the table: the others are drawn faintly; None for all."""
        kept = None if ids is None else list(ids)
        if kept != self._kept:
            self._kept = kept
            self._tell("kept", kept=kept)

    def pick(self, ids: Sequence[int]) -> None:
        """Ring these: they are chosen in the table."""
        if list(ids) != self._picked:
            self._picked = list(ids)
            self._tell("picked", picked=self._picked)

    def _content(self) -> dict[str, Any]:
        return {
            "axes": self._axes,
            "marks": self._marks,
            "thumb": self._thumb,
            "link": self._link,
            "columns": self._columns,
            "kept": self._kept,
            "picked": self._picked,
            **self._state,
        }

    def size(self) -> int:
        """Bytes that the browser is sent to draw from nothing."""
        return len(to_json(self._content()))

    def _heard(self, kind: str, data: dict[str, Any]) -> None:
        axes = {axis["key"] for axis in self._axes}
        if kind == "brush":
            brush = data.get("brush")
            if brush is None:
                self._call(self._on_brush, None)
            elif isinstance(brush, dict):
                found = {
                    key: span for key, value in brush.items() if key in axes and (span := _span(value)) is not None
                }
                if found:
                    self._call(self._on_brush, found)
        elif kind == "axes":
            x, y, colour = (short(data.get(name)) for name in ("x", "y", "colour"))
            if x in axes and y in axes and colour in {"", *(mark["key"] for mark in self._marks)}:
                self._call(self._on_axes, x, y, colour)
        elif kind == "open" and isinstance(data.get("key"), int) and data["key"] in set(self._columns.get("id", ())):
            self._call(self._on_open, data["key"])


def _span(value: object) -> tuple[float, float] | None:
    if not isinstance(value, list) or len(value) != 2:
        return None
    numbers = [float(v) for v in value if isinstance(v, int | float) and not isinstance(v, bool) and abs(v) < 1e15]
    return (min(numbers), max(numbers)) if len(numbers) == 2 else None
