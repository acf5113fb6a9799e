"""Alerts of one browser's monitor: the rules that its user has set, applied to the numbers of the run."""

from dataclasses import fields, replace
from typing import Any, Final

from data.live.runs import Watched
from data.techniques.ssx.alerts import Alert, Cusum, Rules
from data.techniques.ssx.run import Rates

_ORDER: Final = ("rate_change", "stalled", "ice", "saturation", "cell")
_BOUNDS: Final = {
    "rate_change": (0.05, 5.0),
    "stalled": (1.0, 3600.0),
    "ice": (0.001, 1.0),
    "saturation": (0.001, 1.0),
    "cell": (0.001, 0.5),
}
_BLOCK: Final = 200  # frames that a change is judged by


def rules_of(data: dict[str, Any]) -> Rules:
    """``0.5,10,0.2,0.1,0.02`` in the order of the form; empty: not watched; nothing at all: the defaults."""
    text = str(data.get("rules", ""))[:100]
    if not text:
        return Rules()
    parts = [*text.split(","), *[""] * len(_ORDER)][: len(_ORDER)]
    chosen: dict[str, float | None] = {}
    for name, part in zip(_ORDER, parts, strict=True):
        low, high = _BOUNDS[name]
        try:
            value = float(part)
        except ValueError:
            chosen[name] = None
        else:
            chosen[name] = min(high, max(low, value)) if value == value else None
    return replace(Rules(), **chosen)  # type: ignore[arg-type]


class Watchdog:
    """Looks at a run each time it changed."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._rate = Cusum()
        self._before: Rates | None = None
        self._given: dict[str, float] = {}
        self._volume: float | None = None

    def change(self, rules: Rules) -> None:
        """Watch by these rules from now on."""
        self._rules = rules

    def as_texts(self) -> list[str]:
        """The rules as the form shows them."""
        known = {field.name for field in fields(Rules)}
        values = [getattr(self._rules, name) for name in _ORDER if name in known]
        return ["" if value is None else f"{value:g}" for value in values]

    def look(self, watched: Watched, now: float) -> list[Alert]:
        """What is to be said now; what was said within the hold-off is not said again."""
        if watched.loading:
            # History is no news.
            self._before = watched.run.now(now).whole
            return []
        found = [
            alert
            for alert in (
                self._changed(watched, now),
                self._stalled(watched, now),
                *self._shares(watched, now),
                self._drift(watched, now),
            )
            if alert is not None and now - self._given.get(alert.kind, -1e9) >= self._rules.hold_off
        ]
        self._given |= {alert.kind: now for alert in found}
        return found

    def _changed(self, watched: Watched, now: float) -> Alert | None:
        whole = watched.run.now(now).whole
        before = self._before.hit if self._before else None
        if whole.hit is None:
            return None
        hits, frames = (
            whole.hit.hits - (before.hits if before else 0),
            whole.hit.frames - (before.frames if before else 0),
        )
        if frames < _BLOCK:
            return None
        self._before = whole
        usual = self._rate.usual
        way = self._rate.add(hits, frames, watched.run.dispersions()[0])
        if way is None or usual is None or self._rules.rate_change is None:
            return None
        if abs(hits / frames - usual) < self._rules.rate_change * usual:
            return None
        self._rate.restart()
        last = watched.run.last or 0
        word = "risen" if way == "up" else "fallen"
        text = f"The hit rate has {word} from {100 * usual:.1f} % to {100 * hits / frames:.1f} %."
        return Alert("rate", now, text, (max(0, last - frames), last))

    def _stalled(self, watched: Watched, now: float) -> Alert | None:
        newest = watched.run.now(now).newest
        limit = self._rules.stalled
        if limit is None or newest is None or watched.about.end is not None or now - newest < limit:
            return None
        return Alert("stalled", now, f"No frame for {now - newest:.0f} s.")

    def _shares(self, watched: Watched, now: float) -> list[Alert | None]:
        found: list[Alert | None] = []
        for kind, limit, words in (
            ("ice", self._rules.ice, "show ice"),
            ("saturation", self._rules.saturation, "have saturated spots"),
        ):
            share = watched.run.recent_share("iced" if kind == "ice" else "saturated", now)
            if limit is not None and share is not None and share > limit:
                text = f"{100 * share:.0f} % of the frames of the last 10 s {words}."
                found.append(Alert("ice" if kind == "ice" else "saturation", now, text))
        return found

    def _drift(self, watched: Watched, now: float) -> Alert | None:
        limit = self._rules.cell
        volume = watched.run.recent_volume(now)
        if limit is None or volume is None:
            return None
        if self._volume is None:
            self._volume = watched.run.mean_volume() or volume
        change = volume / self._volume - 1
        if abs(change) < limit:
            return None
        self._volume = volume
        return Alert("cell", now, f"The mean cell volume has changed by {100 * change:+.1f} % to {volume:,.0f} Å³.")
