"""CCP4's aimless: its loggraphs and its summary."""

import re

from data.techniques.mx.logs.report import Curve, Report, Unusable, number
from data.techniques.mx.logs.table import ccp4_tables, columns_to_curves

_GRAPHS = {
    "Analysis against resolution,": {
        "Rmrg": ("r_merge", 100), "Rmeas": ("r_meas", 100), "Rpim": ("r_pim", 100), "Mn(I/sd)": ("i_over_sigma", 1),
        "AvI": ("wilson", 1),
    },
    "Analysis against resolution, with": {
        "RmrgOv": ("r_merge", 100), "RmeasOv": ("r_meas", 100), "RpimOv": ("r_pim", 100),
    },
    "Completeness & multiplicity": {
        "%poss": ("completeness", 1), "Mlplct": ("multiplicity", 1), "AnoCmp": ("anomalous_completeness", 1),
        "AnoMlt": ("anomalous_multiplicity", 1),
    },
    "Correlations CC(1/2)": {"CC1/2": ("cc_half", 1), "CCanom": ("cc_anomalous", 1)},
}  # fmt: skip
# R of all I+ and I-, as ISPyB's columns have it.
_SUMMARY = {
    "Low resolution limit": ("low", 1),
    "High resolution limit": ("high", 1),
    "Rmerge  (all I+ and I-)": ("r_merge", 100),
    "Rmeas (all I+ & I-)": ("r_meas", 100),
    "Rpim (all I+ & I-)": ("r_pim", 100),
    "Total number of observations": ("observations", 1),
    "Total number unique": ("unique", 1),
    "Mean((I)/sd(I))": ("i_over_sigma", 1),
    "Mn(I) half-set correlation CC(1/2)": ("cc_half", 1),
    "Completeness": ("completeness", 1),
    "Multiplicity": ("multiplicity", 1),
    "Anomalous completeness": ("anomalous_completeness", 1),
    "Anomalous multiplicity": ("anomalous_multiplicity", 1),
    "DelAnom correlation between half-sets": ("cc_anomalous", 1),
}


def read(text: str) -> Report:
    """Curves of the loggraphs by resolution, and the three shells of the summary."""
    curves: dict[str, Curve] = {}
    for title, names, rows in ccp4_tables(text):
        # The longest beginning that fits: R of all I+ and I- stands in a table of its own.
        begins = max((key for key in _GRAPHS if title.startswith(key)), key=len, default=None)
        if begins is not None:
            curves |= {found.key: found for found in columns_to_curves(names, rows, "1/d^2", _GRAPHS[begins])}
    shells = _shells(text)
    if not curves and not shells:
        raise Unusable("is an aimless log that stops before its statistics")
    group = re.search(r"Space group:?\s+([PCIFRH] ?[\d /-]+[\d])\s*$", text, re.M)
    return Report("aimless", tuple(curves.values()), shells, group[1].strip() if group else None)


def _shells(text: str) -> dict[str, dict[str, float]]:
    start = text.rfind("Overall  InnerShell  OuterShell")
    if start < 0:
        return {}
    shells: dict[str, dict[str, float]] = {"overall": {}, "inner": {}, "outer": {}}
    for line in text[start : start + 4000].splitlines():
        for words, (key, factor) in _SUMMARY.items():
            if line.strip().startswith(words):
                values = [number(value) for value in line.strip()[len(words) :].split()[:3]]
                for shell, value in zip(shells, values, strict=False):
                    if value is not None:
                        shells[shell][key] = value * factor
    return {name: values for name, values in shells.items() if values}
