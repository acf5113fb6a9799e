"""Tables of numbers in columns, as crystallographic programs print them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from data.techniques.mx.logs.report import Curve, curve, number

_LARGEST = 200_000


def ccp4_tables(text: str) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    """The loggraph tables of a CCP4 log: title, names of the columns, rows as long as the names."""
    starts = [start.start() for start in re.finditer(r"\$TABLE:", text)]
    for start, following in pairwise([*starts, len(text)]):
        # No further than the next: else a text of these words alone would be looked through for each of them.
        part = text[start : min(following, start + _LARGEST)]
        pieces = part.split("$$")
        if len(pieces) < 4:
            continue
        title = pieces[0].split("\n", 1)[0].removeprefix("$TABLE:").strip(" :")
        names = pieces[1].split()
        rows = [line.split() for line in pieces[3].splitlines()]
        yield title, names, [row for row in rows if len(row) == len(names)]


def columns_to_curves(
    names: Sequence[str], rows: Sequence[Sequence[str]], x: str, keys: Mapping[str, tuple[str, float]]
) -> list[Curve]:
    """The columns that ``keys`` names (statistic, factor to our unit) against the column ``x``."""
    if x not in names:
        return []
    at = list(names).index(x)
    found = []
    for name, (key, factor) in keys.items():
        if name not in names:
            continue
        column = list(names).index(name)
        points = []
        for row in rows:
            value = number(row[column])
            points.append((number(row[at]), None if value is None else value * factor))
        made = curve(key, points, stated=True)
        if made is not None:
            found.append(made)
    return found
