"""Events along time: a lane for each kind or sample, bars where something happened, gaps where nothing did."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from views.parts.part import Action, Part, short

_ZERO: Final = datetime(1970, 1, 1)
_FURTHEST: Final = 4e9  # s; the year 2096
_MOST_KEYS = 2_000


def seconds(when: datetime) -> float:
    """A site's own time as a number; the browser draws it as it stands, in no zone."""
    return (when - _ZERO).total_seconds()


class TimelinePlot(Part):
    """Draws bars. ``on_range(low, high)``: this stretch of time is in sight now, None for all; ``on_pick(key)``: a bar
    was clicked once, ``on_open(stream, number)`` twice; ``on_list()``: the list is to hold what is in sight."""

    def __init__(self, on_range: Action, on_pick: Action, on_open: Action, on_list: Action, **params: Any) -> None:
        super().__init__(**params)
        self._on_range, self._on_pick, self._on_open, self._on_list = on_range, on_pick, on_open, on_list
        self._drawn: dict[str, Any] = {"lanes": [], "bars": {}, "low": None, "high": None, "first": None, "last": None}
        self._known: set[str] = set()
        self._numbers: set[tuple[str, int]] = set()
        self._picked: list[str] = []
        self._listed: bool = False
        self._words = "Loading…"

    def draw(
        self,
        lanes: Sequence[Mapping[str, str]],
        bars: Mapping[str, Sequence[Any]],
        span: tuple[datetime | None, datetime | None],
        whole: tuple[datetime | None, datetime | None],
        now: datetime | None = None,
        *,
        force: bool = False,
    ) -> None:
        """Draw these bars instead: columns ``stream``, ``number``, ``key``, ``kind``, ``lane`` (place in ``lanes``),
        ``start``, ``end`` (s, see ``seconds``), ``count``, ``what``. ``span``: what they were read for; ``whole``: of
        all events. Lanes: {label}. ``force``: whatever the hand does there just now."""
        low, high, first, last = (None if when is None else seconds(when) for when in (*span, *whole))
        self._drawn = {"lanes": [dict(lane) for lane in lanes], "bars": {name: list(v) for name, v in bars.items()},
                       "low": low, "high": high, "first": first, "last": last,
                       "now": None if now is None else seconds(now)}  # fmt: skip
        self._known = set(self._drawn["bars"].get("key", ()))
        self._numbers = set(
            zip(self._drawn["bars"].get("stream", ()), self._drawn["bars"].get("number", ()), strict=True)
        )
        self._words = "" if self._known else "Nothing to draw: no event that fits has a time."
        self._tell("bars", **self._drawn, words=self._words, force=force)

    def fail(self, words: str) -> None:
        """Say in its place why there is nothing to see."""
        self._words = words
        self._tell("words", words=words)

    def pick(self, keys: Sequence[str]) -> None:
        """Ring the bars of these rows."""
        if list(keys) != self._picked:
            self._picked = list(keys)
            self._tell("picked", picked=self._picked)

    def listed(self, narrowed: bool) -> None:
        """Whether the list holds a stretch of time alone."""
        if narrowed != self._listed:
            self._listed = narrowed
            self._tell("listed", listed=narrowed)

    def _content(self) -> dict[str, Any]:
        return {**self._drawn, "picked": self._picked, "listed": self._listed, "words": self._words}

    def _heard(self, kind: str, data: dict[str, Any]) -> None:
        if kind == "range":
            low, high = _moment(data.get("low")), _moment(data.get("high"))
            if low is not None and high is not None and high > low:
                self._call(self._on_range, low, high)
            elif data.get("low") is None:
                self._call(self._on_range, None, None)
        elif kind == "pick" and (key := short(data.get("key"), 40)) in self._known:
            self._call(self._on_pick, key)
        elif kind == "open" and isinstance(data.get("number"), int):
            stream = short(data.get("stream"), 4)
            if (stream, data["number"]) in self._numbers:
                self._call(self._on_open, stream, data["number"])
        elif kind == "list":
            self._call(self._on_list, data.get("on") is True)


def _moment(value: object) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _FURTHEST:
        return None
    return _ZERO + timedelta(seconds=round(value))
