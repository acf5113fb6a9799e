"""JSON of plots as pipelines attach them: Plotly figures, lists of named series, tables by 1/d²."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from data.techniques.mx.logs.report import Curve, Report, Unusable, curve

NAMES = {
    "cc_one_half": "cc_half", "cc_half": "cc_half", "cchalf": "cc_half", "cc1/2": "cc_half", "cc½": "cc_half",
    "i_over_sig_i": "i_over_sigma", "i_over_sigma": "i_over_sigma", "i_over_sigma_mean": "i_over_sigma",
    "i/sigma": "i_over_sigma", "i/sigi": "i_over_sigma", "isigi": "i_over_sigma",
    "completeness": "completeness", "multiplicity": "multiplicity", "multiplicity_vs_resolution": "multiplicity",
    "redundancy": "multiplicity", "r_merge": "r_merge", "rmerge": "r_merge", "r_meas": "r_meas", "rmeas": "r_meas",
    "r_pim": "r_pim", "rpim": "r_pim", "cc_anom": "cc_anomalous", "cc-anom": "cc_anomalous", "ccanom": "cc_anomalous",
    "cc_ano": "cc_anomalous", "anom_completeness": "anomalous_completeness", "sigano": "sig_anomalous",
    "wilson_intensity_plot": "wilson",
}  # fmt: skip
_DEEP, _MOST = 4, 400
# 1/d² beyond any macromolecular data: the x axis is something else.
_LARGEST_X = 4.0


def parsed(text: str) -> Any:
    """The value that JSON stands for; NaN and infinities become None. Raises Unusable."""
    try:
        return json.loads(text, parse_constant=lambda _: None)
    except (ValueError, RecursionError) as error:
        raise Unusable("is not whole JSON") from error


def read(text: str) -> Report:
    """The graphs of one JSON file."""
    value = parsed(text)
    return report(value if isinstance(value, dict) else {"": value}, "graphs")


def report(value: Mapping[str, Any], program: str) -> Report:
    """What is known of the graphs in ``value``, however they are nested."""
    curves: dict[str, Curve] = {}
    for key, x, y in _series("", value, 0):
        if key in curves or len(curves) > _MOST:
            continue
        points = [(a, b) for a, b in zip(x, y, strict=False) if _real(a) and _real(b)]
        if any(a > _LARGEST_X for a, _ in points):
            continue
        made = curve(key, points)
        if made is not None:
            curves[key] = made
    if not curves:
        raise Unusable("is JSON of another shape: it holds no statistic against resolution that is known here")
    return Report(program, tuple(curves.values()))


def _real(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _known(name: object) -> str | None:
    if not isinstance(name, str):
        return None
    return NAMES.get(name.strip().lower().replace(" ", "_")) or NAMES.get(name.strip().lower())


def _series(name: str, value: Any, depth: int) -> Iterator[tuple[str, list[Any], list[Any]]]:
    """Every known series in ``value``: statistic, 1/d², values. ``name``: what the value is called where it lies."""
    if depth > _DEEP:
        return
    if isinstance(value, list):
        for item in value[:_MOST]:
            yield from _series(name, item, depth + 1)
        return
    if not isinstance(value, dict):
        return
    own = next((value[key] for key in ("name", "label", "title") if isinstance(value.get(key), str)), name)
    # A figure's first trace is the statistic, whatever it is called; another trace counts if it has a known name.
    data = value.get("data")
    if isinstance(data, list) and data and all(isinstance(item, dict) for item in data):
        for n, trace in enumerate(data[:_MOST]):
            key = _known(trace.get("name")) or (_known(name) if n == 0 else None)
            if key and isinstance(trace.get("x"), list) and isinstance(trace.get("y"), list):
                yield key, trace["x"], trace["y"]
        return
    key = _known(own) or _known(name)
    if key and isinstance(value.get("x"), list) and isinstance(value.get("y"), list):
        yield key, value["x"], value["y"]
        return
    if key and isinstance(data, list) and all(isinstance(pair, list) and len(pair) >= 2 for pair in data):
        yield key, [pair[0] for pair in data], [pair[1] for pair in data]
        return
    bins = _bins(value)
    if bins is not None:
        for column, values in value.items():
            if (statistic := _known(column)) and isinstance(values, list):
                yield statistic, bins, values
        return
    for inner, item in list(value.items())[:_MOST]:
        yield from _series(str(inner), item, depth + 1)


def _bins(value: Mapping[str, Any]) -> list[Any] | None:
    """The middles of resolution bins, where ``value`` is a table by them."""
    low, high = value.get("d_star_sq_min"), value.get("d_star_sq_max")
    if isinstance(low, list) and isinstance(high, list):
        return [(a + b) / 2 if _real(a) and _real(b) else None for a, b in zip(low, high, strict=False)]
    return None
