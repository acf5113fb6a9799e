"""XDS: CORRECT.LP and XSCALE.LP."""

import re

from data.techniques.mx.logs.report import Curve, Report, Unusable, curve, middle, number

_HEAD = "SUBSET OF INTENSITY DATA WITH SIGNAL/NOISE >="
_KEYS = ("limit", "observed", "unique", "possible", "completeness", "r_merge", "r_expected", "compared", "i_over_sigma")
_ABSENT = -99.0
_STARRED = re.compile(r"(?<=[\d*%])(?=-)")


def read(text: str) -> Report:
    """The last table of statistics by resolution, which is of all data; R values and CC are in percent there."""
    start = text.rfind(_HEAD)
    if start < 0:
        raise Unusable("holds no table of statistics by resolution")
    part = text[start : start + 8000].splitlines()
    half = next((line for line in part[:4] if "CC(1/2)" in line), None) is not None
    rows: list[list[str]] = []
    total: list[str] | None = None
    for line in part[3:]:
        cells = _STARRED.sub(" ", line).split()
        if len(cells) < 14:
            if rows and not cells:
                break
            continue
        if cells[0] == "total":
            total = cells
            break
        if number(cells[0]) is not None:
            rows.append(cells)
    if not rows:
        raise Unusable("is cut off before its statistics by resolution")
    limits = [number(row[0]) or 0.0 for row in rows]
    if min(limits) <= 0:
        raise Unusable("holds resolution limits that are no numbers")
    x = [middle(limits[n - 1] if n else None, limit) for n, limit in enumerate(limits)]
    columns = {"completeness": 4, "r_merge": 5, "i_over_sigma": 8, "r_meas": 9, "cc_anomalous": 11, "sig_anomalous": 12}
    if half:
        columns["cc_half"] = 10
    made = [_curve(key, x, [_value(key, row[at]) for row in rows]) for key, at in columns.items()]
    times = [(number(row[1]), number(row[2])) for row in rows]
    made.append(_curve("multiplicity", x, [seen / unique if seen and unique else None for seen, unique in times]))
    shells = {}
    for name, cells in (("inner", rows[0]), ("outer", rows[-1]), ("overall", total or [])):
        if cells:
            values = {key: _value(key, cells[at]) for key, at in columns.items() if key != "sig_anomalous"}
            values |= {"observations": number(cells[1]), "unique": number(cells[2])}
            if values["observations"] and values["unique"]:
                values["multiplicity"] = values["observations"] / values["unique"]
            values["high"] = limits[0] if name == "inner" else limits[-1]
            values["low"] = limits[-2] if name == "outer" and len(limits) > 1 else None
            shells[name] = {key: value for key, value in values.items() if value is not None}
    return Report(
        "XSCALE" if "***** XSCALE *****" in text[:4000] else "XDS",
        tuple(curve_ for curve_ in made if curve_ is not None),
        shells,
        _space_group(text),
        _cell(text),
    )


def _curve(key: str, x: list[float], y: list[float | None]) -> Curve | None:
    return curve(key, list(zip(x, y, strict=True)), stated=True)


def _value(key: str, text: str) -> float | None:
    value = number(text)
    if value is None or (value < _ABSENT and key != "cc_anomalous"):
        return None
    return value / 100 if key in {"cc_half", "cc_anomalous"} else value


_BY_NUMBER = re.compile(r"SPACE_GROUP_NUMBER=\s*(\d{1,3})")
_CONSTANTS = re.compile(r"UNIT_CELL_CONSTANTS=" + r"\s+(-?[\d.]+)" * 6)


def _space_group(text: str) -> str | None:
    numbers = [int(found) for found in _BY_NUMBER.findall(text) if int(found)]
    if not numbers:
        return None
    try:
        import gemmi
    except ImportError:
        return f"number {numbers[-1]}"
    found = gemmi.find_spacegroup_by_number(numbers[-1])
    return None if found is None else str(found.hm)


def _cell(text: str) -> tuple[float, ...] | None:
    cells = [tuple(map(float, found)) for found in _CONSTANTS.findall(text)]
    usable = [cell for cell in cells if all(value > 0 for value in cell)]
    return usable[-1] if usable else None
