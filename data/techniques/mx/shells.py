"""Units of merging statistics: pipelines write CC½ and R values as fractions or in percent, and do not say which.

R values are told in percent, CC½ as a fraction. The overall shell says which unit a pipeline used, where it has the
value: an R of 150 % in the outer shell is a fraction of 1.5 then. Each rule is there for numbers and for SQL.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func

from data.techniques.mx.rule import FRACTION, PERCENT, SHELLS

_LIMIT = 1.5
"""Above this a CC½ or an R value is in percent: overall, R is neither below 1.5 % nor above 150 %."""

ShellRow = dict[str, Any]
STORED = {"overall": "overall", "innershell": "inner", "outershell": "outer"}
"""From ISPyB's names, in lower case, to ours."""


def fraction(value: float | None) -> float | None:
    """A CC½ as a fraction, from a fraction or percent."""
    return value / 100 if value is not None and value > _LIMIT else value


def percent(value: float | None) -> float | None:
    """An R value in percent, from a fraction or percent."""
    return value * 100 if value is not None and value <= _LIMIT else value


def fraction_of(column: Any, told: Any = None) -> ColumnElement[float]:
    """``fraction`` as an expression; ``told``: the value that says which unit it is."""
    return case(((column if told is None else told) > _LIMIT, column / 100.0), else_=column)


def percent_of(column: Any, told: Any = None) -> ColumnElement[float]:
    """``percent`` as an expression."""
    told = column if told is None else told
    return case((and_(told <= _LIMIT, told != 0), column * 100.0), else_=column)


def in_one_unit(key: str, column: Any, overall: Any) -> Any:
    """The statistic ``key`` of any shell as an expression in our unit, without what arithmetic on FLOAT adds to it."""
    told = func.coalesce(func.nullif(overall, 0), column)
    if key in FRACTION:
        return func.round(fraction_of(column, told), 6)
    return func.round(percent_of(column, told), 4) if key in PERCENT else column


def same_units(shells: Mapping[str, ShellRow | None]) -> None:
    """Bring R values to percent and CC½ to fractions, in place; ``shells`` by our names.

    A value that changes has seven digits then: what a FLOAT column holds.
    """
    present = [shell for name in SHELLS if (shell := shells.get(name)) is not None]
    first = shells.get("overall") or {}
    for key, wanted in (*((key, percent) for key in PERCENT), *((key, fraction) for key in FRACTION)):
        stated = first.get(key)
        for shell in present:
            value = shell.get(key)
            if value is None:
                continue
            told = stated or value
            if told:
                factor = (wanted(told) or told) / told
                if factor != 1:
                    shell[key] = float(f"{value * factor:.7g}")
