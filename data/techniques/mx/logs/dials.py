"""DIALS and xia2: the logs of scaling, merging and multiplex, and the graphs in their HTML reports."""

import re

from data.techniques.mx.logs import graphs
from data.techniques.mx.logs.report import Curve, Report, Unusable, curve, middle, number

_COLUMNS = {
    "mult.": ("multiplicity", 1), "%comp": ("completeness", 1), "<I/sI>": ("i_over_sigma", 1), "<I>": ("wilson", 1),
    "r_mrg": ("r_merge", 100), "r_meas": ("r_meas", 100), "r_pim": ("r_pim", 100), "cc1/2": ("cc_half", 1),
    "cc_ano": ("cc_anomalous", 1),
}  # fmt: skip
_BOXED = {
    "Multiplicity": ("multiplicity", 1), "Completeness": ("completeness", 1), "Mean I/σ(I)": ("i_over_sigma", 1),
    "Mean I": ("wilson", 1), "Rmerge": ("r_merge", 100), "Rmeas": ("r_meas", 100), "Rpim": ("r_pim", 100),
    "CC½": ("cc_half", 1), "CCano": ("cc_anomalous", 1), "Observations": ("observations", 1),
    "Unique reflections": ("unique", 1),
}  # fmt: skip
_SUMMARY = {
    "High resolution limit": ("high", 1), "Low resolution limit": ("low", 1), "Completeness": ("completeness", 1),
    "Multiplicity": ("multiplicity", 1), "I/sigma": ("i_over_sigma", 1), "Rmerge(I)": ("r_merge", 100),
    "Rmeas(I)": ("r_meas", 100), "Rpim(I)": ("r_pim", 100), "CC half": ("cc_half", 1),
    "Anomalous completeness": ("anomalous_completeness", 1), "Anomalous multiplicity": ("anomalous_multiplicity", 1),
    "Anomalous correlation": ("cc_anomalous", 1), "Total observations": ("observations", 1),
    "Total unique": ("unique", 1),
}  # fmt: skip
_HEAD = re.compile(r"^[ \t]*d_max[ \t]+d_min[ \t]+#obs[ \t]+#uniq.*$", re.M)
_LIMITS = re.compile(r"([\d.]+)\s*-\s*([\d.]+)")


def read(text: str) -> Report:
    """The last statistics by resolution bin and the last summary: those of the final round."""
    curves = _bins(text) or _boxed_bins(text)
    shells = _summary(text) or _boxed(text)
    if not curves and not shells:
        raise Unusable("is a DIALS log without merging statistics")
    group = re.findall(r"(?:Recommended s|S)pace group: ([PCIFRH] [\d ]+\d)", text)
    return Report("DIALS", tuple(curves), shells, group[-1] if group else None)


def read_html(text: str) -> Report:
    """The graphs of a report: the JSON that its script holds. Nothing is run."""
    found: dict[str, object] = {}
    for match in re.finditer(r"^[ \t]*var graphs_(\w+) = (\{.*\});?[ \t\r]*$", text, re.M):
        name = match[1].removesuffix("_All_data")
        if any(name.startswith(known) for known in graphs.NAMES):
            found[name] = match[2]
    if not found:
        raise Unusable("is a report without graphs of merging statistics")
    return graphs.report({name: graphs.parsed(str(words)) for name, words in found.items()}, "DIALS report")


def _bins(text: str) -> list[Curve]:
    heads = list(_HEAD.finditer(text))
    if not heads:
        return []
    names = heads[-1][0].split()
    rows = []
    for line in text[heads[-1].end() :].splitlines()[1:]:
        # A star of significance stands where a blank would.
        cells = line.replace("*", " ").split()
        if len(cells) != len(names) or number(cells[0]) is None:
            break
        rows.append(cells)
    return _curves(names, rows[:-1], [(row[0], row[1]) for row in rows[:-1]], _COLUMNS)


def _boxed_bins(text: str) -> list[Curve]:
    start = text.rfind("Resolution shells:")
    if start < 0:
        return []
    lines = [line for line in text[start:].splitlines()[1:60] if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    if len(cells) < 3:
        return []
    rows = [row for row in cells[1:] if len(row) == len(cells[0]) and _LIMITS.fullmatch(row[0])]
    limits = [match.groups() for row in rows if (match := _LIMITS.fullmatch(row[0]))]
    return _curves(cells[0], rows, [(low, high) for low, high in limits], _BOXED)


def _curves(
    names: list[str], rows: list[list[str]], limits: list[tuple[str, str]], keys: dict[str, tuple[str, int]]
) -> list[Curve]:
    edges = [(number(low), number(high)) for low, high in limits]
    x = [middle(low, high) if high else None for low, high in edges]
    found = []
    for name, (key, factor) in keys.items():
        if name in names:
            values = [number(row[names.index(name)]) for row in rows]
            scaled = [None if value is None else value * factor for value in values]
            made = curve(key, list(zip(x, scaled, strict=True)), stated=True)
            if made is not None:
                found.append(made)
    return found


def _summary(text: str) -> dict[str, dict[str, float]]:
    start = text.rfind("Summary of merging statistics")
    if start < 0:
        return {}
    lines = text[start : start + 4000].splitlines()
    heads = next((line.split() for line in lines[1:4] if "Overall" in line), None)
    if heads is None:
        return {}
    # Where a limit is suggested, its column is what the statistics of that limit are.
    order = ["overall", "inner", "outer"]
    places = [heads.index("Suggested" if "Suggested" in heads else "Overall"), heads.index("Low"), heads.index("High")]
    shells: dict[str, dict[str, float]] = {name: {} for name in order}
    for line in lines[2:]:
        words = line.strip()
        found = max((name for name in _SUMMARY if words.startswith(name)), key=len, default=None)
        if found is None:
            continue
        key, factor = _SUMMARY[found]
        values = words[len(found) :].split()
        for name, place in zip(order, places, strict=True):
            value = number(values[place]) if place < len(values) else None
            if value is not None:
                shells[name][key] = value * factor
    return {name: values for name, values in shells.items() if values}


def _boxed(text: str) -> dict[str, dict[str, float]]:
    start = text.rfind("Overall merging statistics:")
    if start < 0:
        return {}
    shells: dict[str, dict[str, float]] = {"overall": {}, "inner": {}, "outer": {}}
    for line in text[start : start + 3000].splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) != 4:
            continue
        for name, cell in zip(shells, cells[1:], strict=True):
            if cells[0] == "Resolution (Å)" and (limits := _LIMITS.fullmatch(cell)):
                shells[name] |= {"low": float(limits[1]), "high": float(limits[2])}
            elif cells[0] in _BOXED and (value := number(cell)) is not None:
                key, factor = _BOXED[cells[0]]
                shells[name][key] = value * factor
    return {name: values for name, values in shells.items() if values}
