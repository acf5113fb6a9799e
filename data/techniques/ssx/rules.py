"""Rules of alerts and what is remembered of a run, as texts: what a form sends, and what is kept."""

import json
import math
from dataclasses import asdict, replace
from typing import Any, Final

from data.techniques.ssx.alerts import Cusum, Memory, Rules
from data.techniques.ssx.merging import Target

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


def remembered(memory: Memory) -> dict[str, Any]:
    """A memory as plain values, for JSON."""
    return {**asdict(memory), "met": sorted(memory.met), "said": dict(memory.said)}


def memory_of(given: object) -> Memory | None:
    """What `remembered` made; None where it cannot be read."""
    if not isinstance(given, dict):
        return None
    try:
        return Memory(**{**given, "rate": Cusum(**given["rate"]), "met": frozenset(given["met"])})
    except (TypeError, KeyError):
        return None


def target_of(text: str) -> Target:
    """``1.8,0.3,0.95,10``: resolution in Å, CC½, completeness, multiplicity; empty where not wanted."""
    parts = [*text.split(","), "", "", "", ""][:4]
    bounds = ((0.3, 50.0), (0.001, 0.999), (0.001, 0.9999), (0.1, 100_000.0))
    values = [_within(part, *bound) for part, bound in zip(parts, bounds, strict=True)]
    return Target(*values)


def target_text(target: Target) -> str:
    """What `target_of` reads."""
    values = (target.resolution, target.cc_half, target.completeness, target.multiplicity)
    return ",".join("" if value is None else f"{value:g}" for value in values).rstrip(",")


def _within(text: str, low: float, high: float) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if low <= value <= high else None
