"""How an event of a visit looks in the list."""

from typing import Any

from data.techniques.mx.events import KINDS
from views import place as places
from views.desk import Desk
from views.parts import blocks as b
from views.parts.table import Column
from views.techniques.mx import status_badge

Row = dict[str, Any]


def _column(key: str, label: str, unit: str = "", **options: Any) -> Column:
    # The list has one order, that of time: it is read by key, newest first.
    options.setdefault("filter", "none")
    return Column(key, label, unit, sortable=False, **options)


COLUMNS = (
    _column("star", "★", kind="act", width=40, title="Favourites: yours alone, kept by this dashboard"),
    _column("open", "Group", kind="act", width=66, title="Collections of the group"),
    _column("start", "Time", kind="time", filter="text", width=142, title="Start"),
    _column("duration", "Duration", kind="text", width=88, align="right", title="From start to end"),
    _column("kind", "Kind", kind="badge", filter="text", width=136),
    _column("what", "What", kind="link", filter="text", width=190, title="Prefix, element, or what the robot did"),
    _column("sample", "Sample", filter="text", width=130),
    _column("protein", "Protein", width=90, title="Acronym"),
    _column("status", "Status", kind="badge", width=100),
    _column(
        "runs", "Pipelines", kind="badge", width=330, title="Each run of each pipeline: queued, running, ok, failed"
    ),
    _column("images", "Images", kind="number", digits=0, width=76),
    _column("resolution", "Resolution", "Å", kind="number", digits=2, width=92, title="At the detector's edge"),
    _column("energy", "Energy", "keV", kind="number", digits=3, width=82),
    _column("exposure", "Exposure", "s", kind="number", digits=4, width=84, title="Per image"),
    _column("transmission", "Transm.", "%", kind="number", digits=1, width=76, default=False, title="Transmission"),
    _column("type", "Type", width=120, default=False, title="Type of experiment"),
    _column("comments", "Comments", filter="text", width=240),
)

_TONES = {"collection": "info", "robot": "quiet"}
_MARKS = {"ok": ("✓", "good", "succeeded"), "failed": ("✕", "bad", "failed"), "running": ("…", "info", "running"),
          "queued": ("○", "quiet", "queued")}  # fmt: skip
_ROBOT = {"success": "good", "warning": "warn"}
_MOST_RUNS = 12


def draw(desk: Desk, row: Row, starred: bool, opened: bool) -> Row:
    """A row of ``data.techniques.mx.events`` as the table draws it."""
    members = row.get("members") or []
    one = members[0] if members else None
    several = row.get("count", 0) > 1
    link = desk.link(places.collection(one["id"])) if one else None
    if row["stream"] == "e":
        link = desk.link(places.energy_scan(row["number"]))
    elif row["stream"] == "x":
        link = desk.link(places.xrf(row["number"]))
    what = row.get("what") or (f"Collection {one['id']}" if one else "Spectrum" if row["stream"] == "x" else None)
    if one and not several and one.get("run") is not None:
        what = f"{what} · {one['run']}"
    return {
        "key": row["key"],
        "_link": link,
        "star": {"act": "star", "text": "★" if starred else "☆", "pressed": starred,
                 "title": "No favourite any more" if starred else "Mark as a favourite"},
        "open": {"act": "open", "text": f"{'▾' if opened else '▸'} {row['count']}", "pressed": opened,
                 "title": f"{row['count']} collections"} if several else None,
        "start": row.get("start"),
        "duration": lasting(row.get("start"), row.get("end")),
        "kind": b.badge(KINDS.get(row["kind"], "Event"), _TONES.get(row["kind"], "warn"), row.get("type")),
        "what": {"text": what, "link": link} if what else None,
        "sample": row.get("sample"),
        "protein": row.get("protein"),
        "status": _status(row, one),
        "runs": runs(row.get("runs") or []),
        "images": row.get("images"),
        "type": row.get("type"),
        "comments": row.get("comments"),
        "energy": row.get("energy"),
        **({name: one[name] for name in ("resolution", "exposure", "transmission", "energy")} if one else {}),
    }  # fmt: skip


def children(desk: Desk, row: Row) -> list[Row]:
    """The collections of an open group as rows below it."""
    found = []
    for one in row["members"]:
        link = desk.link(places.collection(one["id"]))
        name = one.get("prefix") or one.get("template") or f"Collection {one['id']}"
        run = f" · {one['run']}" if one.get("run") is not None else ""
        found.append({
            "key": f"{row['key']}.{one['id']}", "_link": link, "_child": True, "star": None, "open": None,
            "start": one["start"], "duration": lasting(one["start"], one["end"]), "kind": None,
            "what": {"text": f"{name}{run}", "link": link}, "sample": None, "protein": None,
            "status": status_badge(one["status"], one["run_status"]), "runs": runs(one["runs"]),
            "comments": one["comments"],
            **{name: one[name] for name in ("images", "resolution", "energy", "exposure", "transmission")},
        })  # fmt: skip
    if row["count"] > len(row["members"]):
        text = f"and {row['count'] - len(row['members']):,} more, in the list of collections".replace(",", "\u202f")
        found.append({"key": f"{row['key']}.more", "_child": True, "what": {"text": text, "link": None}})
    return found


def runs(found: list[Row]) -> list[b.Block]:
    """Each pipeline with its mark; where it ran several times, how often with which end."""
    by_name: dict[str, list[Row]] = {}
    for run in found:
        by_name.setdefault(run["name"], []).append(run)
    badges = []
    for name, same in list(by_name.items())[:_MOST_RUNS]:
        states = [run["state"] for run in same]
        held = [(state, states.count(state)) for state in _MARKS if state in states]
        marks = " ".join(f"{_MARKS[state][0]}{count if len(same) > 1 else ''}" for state, count in held)
        worst = max(held, key=lambda one: ("ok", "queued", "running", "failed").index(one[0]))[0]
        said = "; ".join(f"{count} {_MARKS[state][2]}" if len(same) > 1 else _MARKS[state][2] for state, count in held)
        message = next((run["message"] for run in same if run["state"] == "failed" and run["message"]), None)
        badges.append(b.badge(f"{marks} {name}", _MARKS[worst][1], f"{said}{f': {message}' if message else ''}"))
    if len(by_name) > _MOST_RUNS:
        badges.append(b.badge(f"+{len(by_name) - _MOST_RUNS}", "quiet", "More on the page of the collection"))
    return badges


def lasting(start: Any, end: Any) -> str | None:
    """From start to end in the unit that fits; None where either is not known."""
    if start is None or end is None or end < start:
        return None
    seconds = (end - start).total_seconds()
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _status(row: Row, one: Row | None) -> b.Block | None:
    if row["stream"] == "g":
        words = one["run_status"] if one and row["count"] == 1 else None
        return status_badge(row["status"], words) if row.get("status") else None
    if row["stream"] != "r" or not row.get("status"):
        return None
    return b.badge(str(row["status"]).capitalize(), _ROBOT.get(row["status"].lower(), "bad"), row.get("comments"))
