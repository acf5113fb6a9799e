"""What simulated pipelines and beamlines leave beside their numbers: logs, reports as pages, files that are gone."""

from html import escape
from random import Random
from typing import Any

from data.demo.plan import Plan
from data.demo.words import HOSTILE
from data.schema import Collection, CollectionAttachment, Program, ProgramAttachment

_STAGES = ("importing images", "finding spots", "indexing", "refining", "integrating", "scaling", "merging")
_LONG = 250_000
"""Lines of the few logs that are long."""


def add_logs(plan: Plan) -> None:
    """Contents for the logs that rows name, but for one in twelve; reports of xia2; logs of collections."""
    rows = plan.rows
    programs = {row["program_id"]: row for row in rows.of(Program)}
    # A list of its own: rows are added meanwhile.
    for row in list(rows.of(ProgramAttachment)):
        key = row["program_id"]
        if row["kind"] != "Log" or row["name"] != "log.txt":
            continue
        program = programs[key]
        about = {"seed": key, "program": program["name"], "command": program["command"], "message": program["message"]}
        if key % 12:
            lines = _LONG if key % 1000 == 7 else 60 + key % 900
            plan.pictures[f"{row['directory']}/log.txt"] = {"kind": "log", "lines": lines, **about}
        if key % 2 and (program["name"] or "").startswith("xia2"):
            rows.add(ProgramAttachment, program_id=key, kind="Log", name="xia2.html", directory=row["directory"])
            plan.pictures[f"{row['directory']}/xia2.html"] = {"kind": "report", **about}
    for row in rows.of(Collection):
        key = row["collection_id"]
        if key % 9 or not row.get("directory"):
            continue
        path = f"{row['directory']}{key}_beamline.log"[:255]
        rows.add(CollectionAttachment, collection_id=key, kind="log", path=path)
        if key % 27:
            plan.pictures[path] = {"kind": "log", "seed": key, "lines": 40, "program": "beamline", "command": "collect",
                                   "message": None}  # fmt: skip


def log_of(what: dict[str, Any]) -> str:
    """The text of a log."""
    random = Random(what["seed"])  # noqa: S311 - simulated data, not a secret
    lines = [f"Simulated log of {what['program']}", f"$ {what['command']}", ""]
    total = what["lines"]
    for n in range(total):
        stage = _STAGES[n * len(_STAGES) // total]
        if n % 40 == 0:
            lines.append(f"----- {stage} -----")
        words = (
            f"{n:7d}  {stage}: image {n + 1}, {random.randint(20, 900)} spots, rmsd {random.uniform(0.1, 0.9):.3f} px"
        )
        lines.append(words if random.random() > 0.01 else f"WARNING: ice ring near {random.choice((3.67, 2.25))} Å")
    lines.append(HOSTILE[what["seed"] % len(HOSTILE)] if what["seed"] % 50 == 1 else "")
    lines.append(f"ERROR: {what['message']}" if what["message"] and "success" not in what["message"] else "Normal end")
    return "\n".join(lines) + "\n"


def report_of(what: dict[str, Any]) -> str:
    """A page such as xia2 writes: a table, a picture of its own, and a script that must not run here."""
    random = Random(what["seed"])  # noqa: S311 - simulated data, not a secret
    cells = "".join(
        f"<tr><td>{shell}</td><td>{random.uniform(1.5, 2.5):.2f}</td><td>{random.uniform(0.3, 1):.3f}</td></tr>"
        for shell in ("Overall", "Inner", "Outer")
    )
    bars = "".join(
        f'<rect x="{20 + 22 * n}" y="{120 - 100 * 0.9**n:.0f}" width="16" height="{100 * 0.9**n:.0f}" fill="#4477aa"/>'
        for n in range(14)
    )
    return (
        "<!DOCTYPE html>\n<html><head><meta charset='utf-8'><title>xia2</title>"
        "<style>body{font-family:sans-serif;margin:24px}td,th{padding:4px 14px;border-bottom:1px solid #ccc}</style>"
        f"</head><body><h1>Simulated report of {escape(what['program'] or '')}</h1>"
        f"<pre>{escape(what['command'] or '')}</pre>"
        f"<table><tr><th>Shell</th><th>d_min (Å)</th><th>CC½</th></tr>{cells}</table>"
        f'<svg width="360" height="130" role="img">{bars}</svg>'
        "<script>document.body.textContent = 'A script of a report ran here'</script></body></html>\n"
    )
