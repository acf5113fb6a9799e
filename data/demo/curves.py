"""Statistics by resolution that simulated pipelines attach as JSON graphs: between the shells that ISPyB holds."""

import json
from random import Random
from typing import Any

from data.demo.plan import Plan
from data.schema import AutoProc, Program, ProgramAttachment, Scaling, Statistics

_BINS = 20
_NAMES = {
    "i_over_sigma": ("i_over_sig_i", "I/sigI vs resolution"),
    "cc_half": ("cc_one_half", "CC<sub>½</sub>"),
    "r_meas": ("r_meas", "Rmeas"),
    "completeness": ("completeness", "Completeness"),
    "multiplicity": ("multiplicity_vs_resolution", "Multiplicity"),
}


def add_curves(plan: Plan) -> None:
    """A file of graphs for nine of ten results, and the row that names it; one in forty is gone from disk again."""
    rows = plan.rows
    program_of = {row["auto_proc_id"]: row["program_id"] for row in rows.of(AutoProc)}
    program_of_scaling = {row["scaling_id"]: program_of.get(row["auto_proc_id"]) for row in rows.of(Scaling)}
    shells: dict[int, dict[str, dict[str, Any]]] = {}
    for row in rows.of(Statistics):
        program = program_of_scaling.get(row["scaling_id"])
        if program is not None:
            shells.setdefault(program, {})[row["shell"]] = row
    folders = {row["program_id"]: row["directory"] for row in rows.of(ProgramAttachment)}
    for program in rows.of(Program):
        key = program["program_id"]
        found = shells.get(key, {})
        if key % 10 == 0 or len(found) < 3 or key not in folders:
            continue
        name = f"{key}-plots.json"
        rows.add(ProgramAttachment, program_id=key, kind="Graph", name=name, directory=folders[key])
        if key % 40 != 3:
            values = {
                statistic: [found[shell].get(statistic) for shell in ("innerShell", "outerShell")]
                for statistic in _NAMES
            }
            plan.pictures[f"{folders[key]}/{name}"] = {
                "kind": "curves", "seed": key, "high": found["overall"]["high"], "values": values,
            }  # fmt: skip


def curves(what: dict[str, Any]) -> str:
    """The file: figures as Plotly has them, against 1/d² in Å⁻²."""
    noise = Random(what["seed"])  # noqa: S311 - simulated data, not a secret
    most = 1 / what["high"] ** 2
    x = [most * (n + 0.5) / _BINS for n in range(_BINS)]
    graphs = {}
    for statistic, (key, name) in _NAMES.items():
        inner, outer = what["values"][statistic]
        if inner is None or outer is None:
            continue
        # R rises and CC½ falls late; I/σ falls early.
        power = {"r_meas": 3.0, "cc_half": 4.0, "i_over_sigma": 0.6}.get(statistic, 2.0)
        y = [inner + (outer - inner) * ((n + 0.5) / _BINS) ** power * noise.uniform(0.97, 1.03) for n in range(_BINS)]
        trace = {"type": "scatter", "name": name, "x": x, "y": [round(value, 4) for value in y]}
        graphs[key] = {"data": [trace], "layout": {"xaxis": {"title": "Resolution (Å)"}, "title": f"simulated {name}"}}
    return json.dumps(graphs)
