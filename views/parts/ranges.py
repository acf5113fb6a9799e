"""What a person types to filter numbers: ``>2``, ``<= 1.8``, ``1.5-2``, ``0.97``."""

import math
import re
from dataclasses import dataclass

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_COMPARED = re.compile(rf"^(>=|<=|>|<|=|≥|≤)\s*({_NUMBER})$")
_BETWEEN = re.compile(rf"^({_NUMBER})\s*(?:-|–|\.\.|to)\s*({_NUMBER})$")
_ALONE = re.compile(rf"^{_NUMBER}$")


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from ``low`` to ``high``;

    None is without bound, an open bound excludes its number.
    """

    low: float | None = None
    high: float | None = None
    low_open: bool = False
    high_open: bool = False

    def __contains__(self, value: float) -> bool:
        if self.low is not None and (value < self.low or (self.low_open and value == self.low)):
            return False
        return not (self.high is not None and (value > self.high or (self.high_open and value == self.high)))


def parse_range(text: str) -> Range | None:
    """The range that ``text`` asks for, or None where it asks for none.

    A bare number stands for what is shown as that number: ``1.9`` is 1.85 up to but not including
    1.95.
    """
    text = text.strip()
    if match := _COMPARED.match(text):
        return _compared(match[1], float(match[2]))
    if match := _BETWEEN.match(text):
        low, high = sorted((float(match[1]), float(match[2])))
        return Range(low, high) if math.isfinite(low) and math.isfinite(high) else None
    if _ALONE.match(text):
        return _shown_as(text)
    return None


def _compared(sign: str, bound: float) -> Range | None:
    if not math.isfinite(bound):
        return None
    if sign in (">", ">=", "≥"):
        return Range(low=bound, low_open=sign == ">")
    if sign in ("<", "<=", "≤"):
        return Range(high=bound, high_open=sign == "<")
    return Range(bound, bound)


def _shown_as(text: str) -> Range | None:
    value = float(text)
    if not math.isfinite(value):
        return None
    mantissa, _, exponent = text.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    if not decimals and not exponent:
        return Range(value, value)
    half = 0.5 * 10.0 ** (int(exponent or 0) - decimals)
    return Range(value - half, value + half, high_open=True)
