"""XDSAPP: its summary of overall and outermost values."""

import re

from data.techniques.mx.logs.report import Report, Unusable, number

_LINES = {
    "I/sigI": ("i_over_sigma", 1.0),
    "R_meas [%]": ("r_meas", 1.0),
    "Completeness [%]": ("completeness", 1.0),
    "CC(1/2)": ("cc_half", 0.01),
    "Multiplicity": ("multiplicity", 1.0),
    "No. of reflections": ("observations", 1.0),
    "No. of uniques": ("unique", 1.0),
}
_PAIR = re.compile(r"(-?[\d.]+)(?:\s*\((-?[\d.]+)\))?")
_RANGE = re.compile(r"([\d.]{1,20})-([\d.]{1,20})(?:\s*\(([\d.]{1,20})-([\d.]{1,20})\))?")


def read(text: str) -> Report:
    """``results_*.txt``: no statistics by shell, but overall and outer."""
    overall: dict[str, float] = {}
    outer: dict[str, float] = {}
    group, cell = None, None
    for line in text.splitlines():
        words = line.strip()
        if words.startswith("Space group  ") and group is None:
            group = words.removeprefix("Space group").strip().rsplit(" (", 1)[0]
        elif words.startswith("Unit cell parameters [A]") and cell is None:
            values = [number(value) for value in words.removeprefix("Unit cell parameters [A]").split()[:6]]
            cell = tuple(value for value in values if value is not None)
        elif words.startswith("Resolution limit [A]") and (limits := _RANGE.search(words)):
            overall |= {"low": float(limits[1]), "high": float(limits[2])}
            if limits[3]:
                outer |= {"low": float(limits[3]), "high": float(limits[4])}
        for name, (key, factor) in _LINES.items():
            if words.startswith(name) and key not in overall and (pair := _PAIR.search(words[len(name) :])):
                for shell, value in ((overall, number(pair[1])), (outer, number(pair[2]))):
                    # -99.9 stands for no value.
                    if value is not None and value > -99:
                        shell[key] = value * factor
    if not overall:
        raise Unusable("is a summary of XDSAPP without values")
    shells = {"overall": overall} | ({"outer": outer} if outer else {})
    return Report("XDSAPP", (), shells, group, cell if cell and len(cell) == 6 else None)
