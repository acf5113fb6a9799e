"""What a file of a pipeline says of its merging statistics, in one form whatever program wrote it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from data.errors import DataError
from data.techniques.mx.rule import FRACTION, PERCENT
from data.techniques.mx.shells import fraction, percent


class Unusable(DataError):
    """A file gives no statistics; its text says why, for a person."""


LABELS = {
    "i_over_sigma": ("I/σ(I)", ""),
    "cc_half": ("CC½", ""),
    "r_meas": ("Rmeas", "%"),
    "r_merge": ("Rmerge", "%"),
    "r_pim": ("Rpim", "%"),
    "completeness": ("Completeness", "%"),
    "multiplicity": ("Multiplicity", ""),
    "cc_anomalous": ("Anomalous CC", ""),
    "anomalous_completeness": ("Anomalous completeness", "%"),
    "anomalous_multiplicity": ("Anomalous multiplicity", ""),
    "sig_anomalous": ("SigAno", ""),
    "wilson": ("Mean intensity (Wilson)", ""),
}
"""Statistics that are drawn against resolution: what they are called, and our unit."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One statistic against 1/d² in Å⁻², ascending; R and completeness in percent, correlations as fractions."""

    key: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """``shells``: overall, inner, outer as ISPyB would hold them, in our units; what a file does not say is absent."""

    program: str
    curves: tuple[Curve, ...] = ()
    shells: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    space_group: str | None = None
    cell: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not self.curves and not self.shells:
            raise Unusable("holds no merging statistics that are known here")


def number(text: str | None) -> float | None:
    """A number as programs write it: with %, a star of significance, or as a dash; None for none."""
    try:
        value = float((text or "").strip().rstrip("%*"))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def middle(low: float | None, high: float) -> float:
    """1/d² in the middle of a shell; without its low limit, from infinity."""
    return ((0.0 if not low else 1 / low**2) + 1 / high**2) / 2


def curve(key: str, points: Iterable[tuple[float | None, float | None]], stated: bool = False) -> Curve | None:
    """A curve of the points that are numbers; None of fewer than two. ``stated``: the values are in our unit already.

    Else the first values, those at low resolution, say whether they are percent or fractions.
    """
    kept = sorted((x, y) for x, y in points if x is not None and y is not None and x > 0)
    if len(kept) < 2:
        return None
    x, y = zip(*kept, strict=True)
    if not stated and key in (*PERCENT, *FRACTION, "completeness", "anomalous_completeness", "cc_anomalous"):
        y = _in_our_unit(key, y)
    return Curve(key, x, y)


def _in_our_unit(key: str, values: Sequence[float]) -> tuple[float, ...]:
    told = max(abs(value) for value in values[: max(2, len(values) // 3)])
    if not told:
        return tuple(values)
    if key in PERCENT or "completeness" in key:
        factor = (percent(told) or told) / told
    else:
        factor = (fraction(told) or told) / told
    return tuple(value * factor for value in values)
