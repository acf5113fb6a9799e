"""Alerts of one browser's monitor: the rules that its user has set, applied to the numbers of the run."""

import json
import math
from dataclasses import replace
from typing import Any, Final

from data.live.runs import Watched
from data.techniques.ssx.alerts import Alert, Facts, Memory, Rules, judge
from data.techniques.ssx.clusters import steady
from data.techniques.ssx.merging import Target, needs

_BOUNDS: Final = {
    "rate_change": (0.05, 5.0),
    "stalled": (1.0, 3600.0),
    "ice": (0.001, 1.0),
    "saturation": (0.001, 1.0),
    "cell": (0.001, 0.5),
    "hold_off": (5.0, 3600.0),
}
_KINDS: Final = frozenset({"rate", "stalled", "ice", "saturation", "cell", "target"})
_LONGEST_MUTE: Final = 24 * 3600.0


def rules_of(text: str) -> Rules:
    """``0.5,10,0.2,0.1,0.02,60,1`` in the order of the form; empty: not watched; nothing at all: the defaults.

    The hold-off has its default where it is empty, and a target that is met is told unless the last part is empty.
    """
    text = text[:100]
    if not text:
        return Rules()
    given = text.split(",")
    parts = [*given, *[""] * len(_BOUNDS)][: len(_BOUNDS)]
    chosen: dict[str, Any] = {}
    for (name, (low, high)), part in zip(_BOUNDS.items(), parts, strict=True):
        try:
            value = float(part)
        except ValueError:
            value = math.nan
        chosen[name] = None if math.isnan(value) else min(high, max(low, value))
    chosen["hold_off"] = chosen["hold_off"] or Rules().hold_off
    return Rules(**chosen, target=len(given) <= len(_BOUNDS) or bool(given[len(_BOUNDS)].strip()))


def as_texts(rules: Rules) -> list[str]:
    """The rules as the form shows them."""
    values = [getattr(rules, name) for name in _BOUNDS]
    return [*("" if value is None else f"{value:g}" for value in values), "1" if rules.target else ""]


def muted(rules: Rules, kind: str, seconds: object, now: float) -> Rules:
    """The rules with one kind silent for so long, a day at most; 0: not silent. Anything else changes nothing."""
    if kind not in _KINDS or not isinstance(seconds, int | float) or seconds != seconds:
        return rules
    until = {name: moment for name, moment in rules.muted.items() if name != kind and moment > now}
    if seconds > 0:
        until[kind] = now + min(float(_LONGEST_MUTE), seconds)
    return replace(rules, muted=until)


def kept(rules: Rules) -> str:
    """The rules as a text to be kept."""
    return json.dumps({"rules": ",".join(as_texts(rules)), "muted": dict(rules.muted)})


def rules_from(text: str | None) -> Rules:
    """What `kept` made; the defaults where it cannot be read."""
    try:
        found = json.loads(text or "")
    except ValueError:
        return Rules()
    if not isinstance(found, dict):
        return Rules()
    words, until = found.get("rules"), found.get("muted")
    silent = until.items() if isinstance(until, dict) else ()
    return replace(
        rules_of(words if isinstance(words, str) else ""),
        muted={kind: float(at) for kind, at in silent if kind in _KINDS and isinstance(at, int | float)},
    )


def place_of(watched: Watched) -> str:
    """Where these rules are kept: for runs of one kind at one beamline."""
    what = watched.about
    return f"alerts ssx-{'chip' if what.chip else 'jet'} {what.beamline or ''}".strip()[:64]


def facts_of(watched: Watched, now: float, target: Target) -> Facts:
    """The numbers that alerts are judged by."""
    run, head = watched.run, watched.run.now(now)
    hit = head.whole.hit
    wanted = needs(target, (), run.multiplicity(target.resolution) if target.resolution else None)
    mixed = steady(watched.clustering.held, run.newest_volumes(now))
    volume, whole, forms = mixed or (run.recent_volume(now), run.mean_volume(), 1)
    return Facts(
        at=now,
        hits=hit.hits if hit else 0,
        judged=hit.frames if hit else 0,
        dispersion=run.dispersions()[0],
        last=run.last,
        newest=head.newest,
        ice=run.recent_share("iced", now),
        ice_frame=run.latest("iced"),
        saturation=run.recent_share("saturated", now),
        saturation_frame=run.latest("saturated"),
        volume=volume,
        whole_volume=whole,
        forms=forms,
        cell_frame=run.latest("indexed"),
        lattices=head.lattices,
        needs={need.quantity: need.lattices for need in wanted},
        ended=watched.about.end is not None,
        history=watched.loading,
    )


class Watchdog:
    """Looks at a run each time it changed, by ``rules`` as they are then."""

    def __init__(self, rules: Rules, target: Target | None = None) -> None:
        self.rules = rules
        self._target = target or Target()
        self._memory = Memory()

    def aim(self, target: Target) -> None:
        """Another target may be met anew."""
        if target != self._target:
            self._target, self._memory = target, replace(self._memory, met=frozenset())

    def look(self, watched: Watched, now: float) -> list[Alert]:
        """What is to be said now; what was said within the hold-off is not said again."""
        found, self._memory = judge(self.rules, facts_of(watched, now, self._target), self._memory)
        return found
