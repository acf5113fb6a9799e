"""Per-image numbers as panels one below the other, over image numbers or rotation angle."""

from collections.abc import Mapping, Sequence
from typing import Any

from views.parts.part import Action, Part

PANELS = (
    {"key": "spots", "label": "Spots", "unit": "", "digits": 0},
    {"key": "bragg", "label": "Bragg candidates", "unit": "", "digits": 0},
    {"key": "resolution", "label": "Resolution", "unit": "Å", "digits": 2, "flipped": True},
    {"key": "signal", "label": "Total signal", "unit": "counts", "digits": 0},
    {"key": "dozor", "label": "DOZOR score", "unit": "", "digits": 1},
)


class QualityBoard(Part):
    """Draws what it is given. ``on_range(low, high)``: these places are in sight now, None for all;
    ``on_image(place)``: a place was clicked. Both are whole numbers within the series, whatever the browser sends."""

    def __init__(self, on_range: Action, on_image: Action, **params: Any) -> None:
        super().__init__(**params)
        self._on_range, self._on_image = on_range, on_image
        self._drawn: dict[str, Any] = {"segments": [], "length": 0, "low": 0, "high": 0, "width": 1, "columns": {}}
        self._look: dict[str, Any] = {"panels": [], "angle": False}
        self._words = "Loading…"

    def draw(
        self,
        segments: Sequence[Mapping[str, Any]],
        length: int,
        span: tuple[int, int],
        width: int,
        columns: Mapping[str, Sequence[float | None]],
        *,
        force: bool = False,
    ) -> None:
        """Draw this instead. Segments: {id, name, offset, images, first, start, step}; columns: ``place``, ``until``,
        ``count``, and of each indicator its mean, with ``<key>_least`` and ``<key>_most`` where ``width`` is not 1."""
        self._drawn = {"segments": [dict(one) for one in segments], "length": length, "low": span[0], "high": span[1],
                       "width": width, "columns": {name: list(values) for name, values in columns.items()}}  # fmt: skip
        self._words = ""
        self._tell("drawn", **self._drawn, words="", force=force)

    def look(self, panels: Sequence[str], angle: bool) -> None:
        """Which indicators have a panel, and whether the axis is of angles."""
        look = {"panels": [panel for panel in PANELS if panel["key"] in panels], "angle": angle}
        if look != self._look:
            self._look = look
            self._tell("look", **look)

    def say(self, words: str) -> None:
        """Words in the place of the panels."""
        self._words = words
        self._tell("words", words=words)

    def _content(self) -> dict[str, Any]:
        return {**self._drawn, **self._look, "words": self._words}

    def _heard(self, kind: str, data: dict[str, Any]) -> None:
        length = self._drawn["length"]
        if kind == "range":
            low, high = (_place(data.get(name), length) for name in ("low", "high"))
            if data.get("low") is None:
                self._call(self._on_range, None, None)
            elif low is not None and high is not None and high > low:
                self._call(self._on_range, low, high)
        elif kind == "image" and (place := _place(data.get("place"), length)) is not None:
            self._call(self._on_image, place)


def _place(value: object, length: int) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int) or not length:
        return None
    return min(max(value, 0), length - 1)
