"""A table whose rows are all at hand: asked in the same words as the lists that the database answers."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from data.lists import Asked, Kind, matcher

Row = Mapping[str, Any]
_WORDS = 8


@dataclass(frozen=True, slots=True)
class Spec:
    """One column: its name, its unit, decimals to show, and the column of ISPyB that it is from."""

    key: str
    label: str
    kind: Kind = "text"
    unit: str = ""
    digits: int | None = None
    source: str = ""

    @property
    def head(self) -> str:
        """What stands above the column: the name with its unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


_NEGATIVE = re.compile(r"-[\d.]{1,40}(?: \(-?[\d.]{1,40}\))?")


def harmless(text: str) -> str:
    """A text that no spreadsheet takes for a formula: a negative number, with that of the outer shell, is none."""
    risky = text[:1] in {"=", "+", "-", "@", "\t", "\r"} and _NEGATIVE.fullmatch(text) is None
    return f"'{text}" if risky else text


def sifted(rows: Iterable[Row], specs: Sequence[Spec], asked: Asked) -> list[Row]:
    """The rows that fulfil filters and search, in the order asked for, absent values last; else in their own order."""
    known = {spec.key: spec for spec in specs}
    tests = [
        (key, test)
        for key, text in asked.filters
        if key in known and (test := matcher(known[key].kind, text)) is not None
    ]
    searched = [spec.key for spec in specs if spec.kind in {"text", "choice"}]
    words = [word.casefold() for word in asked.search.split()[:_WORDS]]
    kept = []
    for row in rows:
        if not all(test(row.get(key)) for key, test in tests):
            continue
        if words:
            texts = [str(row[key]).casefold() for key in searched if row.get(key) is not None]
            if not all(any(word in text for text in texts) for word in words):
                continue
        kept.append(row)
    spec = known.get(asked.sort or "")
    if spec is None:
        return kept
    key = spec.key
    present = [row for row in kept if row.get(key) is not None]
    if spec.kind in {"text", "choice"}:
        present.sort(key=lambda row: str(row[key]).casefold(), reverse=asked.descending)
    else:
        present.sort(key=lambda row: row[key], reverse=asked.descending)
    return present + [row for row in kept if row.get(key) is None]
