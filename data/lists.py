"""Lists: what a person asked of one, how that narrows and orders a query, and a page of the answer.

Filters: text contains; numbers ``>2``, ``<=1.8``, ``1.5-2``, ``=3``; times ``2026-11-01``, ``>2026-11``,
``2026-11-01..2026-11-03``; a choice by its exact word, several with ``|`` between them. A number without sign matches
what would be shown as it: ``1.5`` is 1.45 up to 1.55.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite
from typing import Any, Literal

from sqlalchemy import Boolean, ColumnElement, and_, bindparam, func, or_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

Kind = Literal["text", "number", "time", "choice"]

_WORDS = 8
_LARGEST_KEY = 2**32
_LONGEST = 200
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER})\s*(?:-|–|\.\.)\s*({_NUMBER})")
_COMPARED = re.compile(rf"(<=|>=|≤|≥|<|>|=)?\s*({_NUMBER})")
_DAY = r"\d{4}(?:-\d{1,2}(?:-\d{1,2}(?:[T ]\d{1,2}(?::\d{2}(?::\d{2})?)?)?)?)?"
_TIME_RANGE = re.compile(rf"({_DAY})\s*(?:\.\.|\s[-–]\s)\s*({_DAY})")
_TIME = re.compile(rf"(<=|>=|≤|≥|<|>|=)?\s*({_DAY})")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asked of a list. Without ``sort`` the list has its own order, newest first."""

    sort: str | None = None
    descending: bool = True
    filters: tuple[tuple[str, str], ...] = ()
    search: str = ""

    @property
    def plain(self) -> bool:
        """True for all rows in the list's own order."""
        return self.sort is None and not self.narrowed

    @property
    def narrowed(self) -> bool:
        """True when rows are left out."""
        return bool(self.filters or self.search.strip())


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a list. ``total``: rows of the whole list, None where it was not counted; ``done``: none follow."""

    rows: list[dict[str, Any]]
    total: int | None
    done: bool


@dataclass(frozen=True, slots=True)
class Field:
    """One column of a list.

    ``needs`` names the joins that its expression stands on, where they are not always there; ``order``: what it is
    sorted by, where that is not the expression itself.
    """

    key: str
    expression: Any
    kind: Kind
    needs: str = ""
    order: tuple[Any, ...] = ()


def valid(asked: Asked, fields: Iterable[Field]) -> Asked:
    """``asked`` without the columns that the list lacks, filters that cannot be read, and text of absurd length."""
    known = {field.key: field for field in fields}
    return Asked(
        asked.sort if asked.sort in known else None,
        asked.descending or asked.sort not in known,
        tuple(
            (key, text.strip())
            for key, text in dict(asked.filters).items()
            if key in known and understood(known[key].kind, text)
        ),
        asked.search.strip()[:_LONGEST],
    )


def understood(kind: Kind, text: str) -> bool:
    """True when ``text`` is a filter for a column of this kind."""
    return _condition(func.now(), kind, text) is not None


def conditions(asked: Asked, fields: Iterable[Field]) -> list[ColumnElement[bool]]:
    """What a row must fulfil."""
    known = {field.key: field for field in fields}
    found = []
    for key, text in asked.filters:
        field = known.get(key)
        condition = _condition(field.expression, field.kind, text) if field else None
        if condition is not None:
            found.append(condition)
    searched = [field.expression for field in known.values() if field.kind in {"text", "choice"}]
    for word in asked.search[:_LONGEST].split()[:_WORDS]:
        found.append(or_(*(contains(expression, word) for expression in searched)))
    return found


def ordering(asked: Asked, fields: Iterable[Field]) -> list[Any]:
    """ORDER BY of the column asked for, NULLs last in both directions; empty for the list's own order."""
    field = next((field for field in fields if field.key == asked.sort), None)
    if field is None:
        return []
    expression = field.expression
    # Databases differ in whether capitals come first.
    value = func.lower(expression) if field.kind in {"text", "choice"} else expression
    values = field.order or (value,)
    return [expression.is_(None), *(value.desc() if asked.descending else value.asc() for value in values)]


def needed(asked: Asked, fields: Sequence[Field]) -> frozenset[str]:
    """The joins that the conditions and the order stand on."""
    touched = {key for key, _ in asked.filters} | {asked.sort}
    return frozenset(
        name
        for field in fields
        if field.needs and (field.key in touched or (asked.search.strip() and field.kind in {"text", "choice"}))
        for name in field.needs.split()
    )


def matcher(kind: Kind, text: str) -> Callable[[Any], bool] | None:
    """Whether a value fulfils a filter, for rows that are at hand; None where ``text`` is no filter for this kind."""
    text = text.strip()
    if not text or len(text) > _LONGEST:
        return None
    if kind == "text":
        return lambda value: value is not None and text.casefold() in str(value).casefold()
    if kind == "choice":
        words = {word.strip().lower() for word in text.split("|") if word.strip()}
        return (lambda value: str(value).lower() in words) if words else None
    low, low_in, high, high_in = _numbers(text) if kind == "number" else _times(text)
    if low is None and high is None:
        return None

    def within(value: Any) -> bool:
        if value is None or (low is not None and (value < low or (value == low and not low_in))):
            return False
        return not (high is not None and (value > high or (value == high and not high_in)))

    return within


def times(text: str) -> tuple[datetime | None, datetime | None]:
    """From when (inclusive) to when (exclusive) a filter of times reaches; None where it is open or cannot be read."""
    low, _, high, _ = _times(text.strip()[:_LONGEST])
    return low, high


# ---- text -----------------------------------------------------------------------------------------------------------


class _Contains(FunctionElement[bool]):
    """``column`` contains a text, without regard to case, and with any character of Unicode in the text."""

    type = Boolean()
    name = "lens_contains"
    inherit_cache = True


def contains(column: Any, text: str) -> ColumnElement[bool]:
    """True where ``column`` holds ``text``, case-insensitively and literally."""
    pattern = re.sub(r"([%_|])", r"|\1", text)
    return _Contains(column, bindparam(None, text, unique=True), bindparam(None, f"%{pattern}%", unique=True))


@compiles(_Contains)
def _like(element: _Contains, compiler: Any, **options: Any) -> str:
    column, _, pattern = (compiler.process(part, **options) for part in element.clauses)
    # ISPyB's tables are latin1: a parameter with other letters would be an error, not an empty answer.
    return f"(CONVERT({column} USING utf8mb4) LIKE {pattern} ESCAPE '|')"


@compiles(_Contains, "sqlite")
def _call(element: _Contains, compiler: Any, **options: Any) -> str:
    # SQLite's LIKE knows the case of a to z only: the function is defined where connections are made.
    column, text, _ = element.clauses
    return f"lens_contains({compiler.process(column, **options)}, {compiler.process(text, **options)})"


# ---- filters --------------------------------------------------------------------------------------------------------


def _condition(expression: Any, kind: Kind, text: str) -> ColumnElement[bool] | None:
    text = text.strip()
    if not text or len(text) > _LONGEST:
        return None
    if kind == "text":
        return contains(expression, text)
    if kind == "choice":
        words = [word.strip().lower() for word in text.split("|") if word.strip()]
        return func.lower(expression).in_(words) if words else None
    if kind == "number":
        return _between(expression, *_numbers(text))
    return _between(expression, *_times(text))


def _between(expression: Any, low: Any, low_in: bool, high: Any, high_in: bool) -> ColumnElement[bool] | None:
    parts = []
    if low is not None:
        parts.append(expression >= low if low_in else expression > low)
    if high is not None:
        parts.append(expression <= high if high_in else expression < high)
    return and_(*parts) if parts else None


_Bounds = tuple[Any, bool, Any, bool]
_NOTHING: _Bounds = (None, False, None, False)


def _numbers(text: str) -> _Bounds:
    if match := _RANGE.fullmatch(text):
        low, high = sorted(map(float, match.groups()))
        return (low, True, high, True) if isfinite(low) and isfinite(high) else _NOTHING
    match = _COMPARED.fullmatch(text)
    if match is None:
        return _NOTHING
    sign, digits = match.groups()
    value = float(digits)
    if not isfinite(value):
        return _NOTHING
    if sign in {">", ">=", "≥"}:
        return value, sign != ">", None, False
    if sign in {"<", "<=", "≤"}:
        return None, False, value, sign != "<"
    mantissa, _, exponent = digits.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    half = 0.5 * 10.0 ** (int(exponent or 0) - decimals) if abs(int(exponent or 0)) < 300 else 0.0
    if not digits.lstrip("+-").isdigit() or abs(value) > _LARGEST_KEY:
        # A FLOAT column holds seven digits: what was typed in full must find it.
        half = max(half, abs(value) * 1e-7)
    return value - half, True, value + half, half == 0


def _times(text: str) -> _Bounds:
    if match := _TIME_RANGE.fullmatch(text):
        first, last = (_span(part) for part in match.groups())
        return (first[0], True, last[1], False) if first and last else _NOTHING
    match = _TIME.fullmatch(text)
    span = _span(match[2]) if match else None
    if match is None or span is None:
        return _NOTHING
    begin, end = span
    return {
        ">": (end, True, None, False),
        ">=": (begin, True, None, False),
        "≥": (begin, True, None, False),
        "<": (None, False, begin, False),
        "<=": (None, False, end, False),
        "≤": (None, False, end, False),
    }.get(match[1], (begin, True, end, False))


def _span(text: str) -> tuple[datetime, datetime] | None:
    """What a date stands for: its year, month, day, hour, minute or second."""
    numbers = [int(part) for part in re.split(r"[-T: ]", text)]
    given = len(numbers)
    try:
        begin = datetime(*(numbers + [1, 1][max(given - 1, 0) :] if given < 3 else numbers))  # type: ignore[arg-type]
        if given == 1:
            return begin, begin.replace(year=begin.year + 1)
        if given == 2:
            return begin, (begin + timedelta(days=32)).replace(day=1)
        step = (timedelta(days=1), timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1))
        return begin, begin + step[given - 3]
    except (ValueError, OverflowError):
        return None
