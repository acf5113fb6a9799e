"""Tables by resolution of CrystFEL: what `compare_hkl` and `check_hkl` write, one statistic or several to a file."""

import re
from collections.abc import Iterator

from data.techniques.mx.logs.report import Curve, Report, Unusable, curve, number

_COMPARED = re.compile(r"^\s*1/d centre\s+(CC)\s", re.MULTILINE)
_CHECKED = re.compile(r"^\s*(?:Center 1/nm|1/d centre)\s+# refs Possible\s+Compl\s+Meas\s+Red\s+SNR\s", re.MULTILINE)
_CHECKED_COLUMNS = {3: "completeness", 5: "multiplicity", 6: "i_over_sigma"}


def fits(start: str) -> bool:
    """Whether a text that begins so is one of these tables."""
    return bool(_COMPARED.search(start) or _CHECKED.search(start))


def read(text: str) -> Report:
    """CC½ of half sets (`compare_hkl --fom=CC`), or completeness, redundancy and signal to noise (`check_hkl`).

    The first column is the middle of the shell, 1/d in nm⁻¹; completeness is in percent, CC a fraction.
    """
    checked = _CHECKED.search(text)
    compared = None if checked else _COMPARED.search(text)
    wanted = _CHECKED_COLUMNS if checked else {1: "cc_half"}
    header = checked or compared
    if header is None:
        raise Unusable("is a table of CrystFEL without a statistic that is known here")
    rows = list(_rows(text[header.start() :]))
    curves: list[Curve] = []
    for column, key in wanted.items():
        points = [((row[0] or 0) ** 2 / 100, row[column]) for row in rows if row[0] and len(row) > column]
        made = curve(key, points, stated=True)
        if made is not None:
            curves.append(made)
    return Report("CrystFEL", tuple(curves))


def _rows(text: str) -> Iterator[list[float | None]]:
    for line in text.splitlines()[1:]:
        cells = line.split()
        if len(cells) < 4 or number(cells[0]) is None:
            return
        yield [number(cell) for cell in cells]
