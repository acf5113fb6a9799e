"""What the parameters of a collection have in common on screen, whatever the technique."""

from functools import partial
from typing import Any, Protocol

from views.parts import blocks as b
from views.parts.text import number, when

Row = dict[str, Any]


class Value(Protocol):
    """Draws one parameter of a row: its label, the key of the row, decimals, unit, and what explains it."""

    def __call__(
        self, label: str, key: str, digits: int | None = None, unit: str = "", title: str | None = None
    ) -> b.Block:
        """The parameter as a fact; a dash where the site has no value."""


def values_of(row: Row) -> Value:
    """Draws parameters of ``row``."""
    return partial(_value, row)


def _value(
    row: Row, label: str, key: str, digits: int | None = None, unit: str = "", title: str | None = None
) -> b.Block:
    found = row.get(key)
    shown = found if isinstance(found, str) else number(found, digits)
    return b.fact(label, shown or "–", unit if found is not None else "", title)


def times(row: Row) -> list[b.Block]:
    """When it began and ended."""
    return [b.fact("Start", when(row.get("start"), seconds=True)), b.fact("End", when(row.get("end"), seconds=True))]


def detector(row: Row, label: str = "Detector") -> b.Block:
    """Maker and model of the detector."""
    return b.fact(label, " ".join(str(row[k]) for k in ("detector_maker", "detector_model") if row.get(k)) or "–")
