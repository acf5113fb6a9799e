"""Columns of numbers out of the text files of beamlines: XDI, SPEC, GDA, LabVIEW, CHOOCH, plain columns and CSV."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.techniques.mx.logs.report import Unusable

Floats = NDArray[np.float64]
_COMMENT = ("#", "%", ";", "!", "&")
_SPLIT = re.compile(r"[\s,;]+")
_XDI_COLUMN = re.compile(r"^#\s*Column\.(\d+):\s*(\S+)(?:\s+(\w+))?", re.IGNORECASE)
_SPEC_LABELS = re.compile(r"^#L\s+(.*)$")
_FEWEST_ROWS, _MOST_COLUMNS, _MOST_ROWS = 3, 400, 500_000


@dataclass(frozen=True, slots=True)
class Columns:
    """``values`` of shape (rows, columns); ``names`` as the file has them, ``1``, ``2`` … where it has none;
    ``units`` where it states them, else empty."""

    names: tuple[str, ...]
    units: tuple[str, ...]
    values: Floats


def read_columns(text: str) -> Columns:
    """The longest run of rows with equally many numbers. Raises Unusable, with words that go after the file's name."""
    best: list[list[float]] = []
    run: list[list[float]] = []
    header = best_header = ""
    stated: dict[int, tuple[str, str]] = {}
    labels = ""
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped:
            continue
        numbers = None if stripped.startswith(_COMMENT) else _numbers(stripped)
        if numbers is None:
            xdi, spec = _XDI_COLUMN.match(stripped), _SPEC_LABELS.match(stripped)
            if xdi and int(xdi[1]) <= _MOST_COLUMNS:
                stated[int(xdi[1])] = (xdi[2].strip(","), xdi[3] or "")
            elif spec:
                labels = spec[1]
            if len(run) > len(best):
                best, best_header = run, header
            run, header = [], stripped
            continue
        if run and len(run[-1]) != len(numbers):
            if len(run) > len(best):
                best, best_header = run, header
            run = []
        if len(run) >= _MOST_ROWS:
            raise Unusable(f"has more than {_MOST_ROWS:,} rows of numbers")
        run.append(numbers)
    if len(run) > len(best):
        best, best_header = run, header
    if len(best) < _FEWEST_ROWS:
        raise Unusable("holds no columns of numbers")
    values = np.array(best, np.float64)
    count = values.shape[1]
    names = _names(count, stated, labels, best_header)
    units = tuple(stated[n][1] if n in stated and len(stated) >= count else "" for n in range(1, count + 1))
    return Columns(names, units, values)


def _numbers(line: str) -> list[float] | None:
    parts = [part for part in _SPLIT.split(line) if part]
    if not 1 <= len(parts) <= _MOST_COLUMNS:
        return None
    try:
        return [float(part) for part in parts]
    except ValueError:
        return None


def _names(count: int, stated: dict[int, tuple[str, str]], labels: str, header: str) -> tuple[str, ...]:
    if all(n in stated for n in range(1, count + 1)):
        return tuple(stated[n][0] for n in range(1, count + 1))
    for text, pattern in ((labels, r"\s{2,}|\t"), (labels, r"\s+"), (header, r",\s*"), (header, r"\s{2,}|\t"),
                          (header, r"\s+")):  # fmt: skip
        found = [part.strip(" ,") for part in re.split(pattern, text.lstrip("#%;!& ").strip()) if part.strip(" ,")]
        if len(found) == count and any(re.search("[A-Za-z]", part) for part in found):
            return tuple(found)
    return tuple(str(n) for n in range(1, count + 1))
