"""What happened in a visit in one order of time: groups of collections, robot actions, energy scans, spectra.

Each of the four is read along its own key, newest first, and they are merged by time: a page at any depth reads a page
of rows of each, by index and without OFFSET. Within one of the four the order is that of the keys, which sites count up
as things happen; what has no time stands where its neighbour does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, case, exists, func, literal, or_, select, union_all

from data.core.status import status_of_collection
from data.lists import Asked, contains, times
from data.reader import Reader
from data.schema import (
    Collection,
    Crystal,
    EnergyScan,
    ExperimentType,
    Fluorescence,
    GridInfo,
    Group,
    Program,
    Protein,
    RobotAction,
    Sample,
    Visit,
)
from data.techniques.collections import energy, protein_name, runs_of, tidy
from data.techniques.experiments import kind as type_of_group

Row = dict[str, Any]

KINDS: Final = {
    "collection": "Collection",
    "grid": "Grid scan",
    "screening": "Screening",
    "energy": "Energy scan",
    "xrf": "XRF spectrum",
    "robot": "Robot",
}
"""Kinds of event and what they are called. The first three are groups of collections, by their type of experiment."""

_GRID = ("mesh", "mesh3d", "linescan", "xrf map", "grid")
_SCREENING = ("characterization", "screening")
MOST_MEMBERS: Final = 20
"""Collections of one group that are read with it, at most."""
_WORDS = 8
NEVER: Final = datetime(1971, 1, 1)
"""MySQL's zero date is before it, and not NULL."""

Only = Mapping[str, Sequence[int]]
"""Which events alone to list: stream → numbers."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended: stream → number of its last event, and the time it was taken to have."""

    at: tuple[tuple[str, int, datetime | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Events:
    """Some events, newest first; ``place`` to continue below; ``done``: none follow."""

    rows: list[Row]
    place: Place
    done: bool


# ---- the four streams -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stream:
    """One source of events. ``texts``: what ``what`` and the search look at, besides sample and comment."""

    key: str
    mapped: Any
    number: Any
    start: Any
    end: Any
    comment: Any
    kinds: tuple[str, ...]
    kind: Any
    texts: tuple[Any, ...] = ()


def _grid() -> Any:
    name = func.lower(func.coalesce(type_of_group(), ""))
    rastered = exists().where(GridInfo.group_id == Group.group_id)
    return case((or_(name.in_(_GRID), and_(name == "", rastered)), "grid"), (name.in_(_SCREENING), "screening"),
                else_="collection")  # fmt: skip


def _of_group(aggregate: Any) -> Any:
    return select(aggregate).where(Collection.group_id == Group.group_id).scalar_subquery()


GROUPS = Stream(
    "g", Group, Group.group_id,
    func.coalesce(_of_group(func.min(Collection.start)), Group.start),
    func.coalesce(_of_group(func.max(Collection.end)), Group.end),
    Group.comments, ("collection", "grid", "screening"), _grid(), (type_of_group(),),
)  # fmt: skip
# The timeline shows each collection by itself.
COLLECTIONS = Stream(
    "c", Collection, Collection.collection_id, Collection.start, Collection.end, Group.comments, GROUPS.kinds,
    _grid(), (type_of_group(),),
)  # fmt: skip
ROBOT = Stream(
    "r", RobotAction, RobotAction.action_id, RobotAction.start, RobotAction.end, RobotAction.message, ("robot",),
    literal("robot"), (RobotAction.action, RobotAction.status, RobotAction.barcode),
)  # fmt: skip
ENERGY = Stream(
    "e", EnergyScan, EnergyScan.scan_id, EnergyScan.start, EnergyScan.end, EnergyScan.comments, ("energy",),
    literal("energy"), (EnergyScan.element, EnergyScan.edge),
)  # fmt: skip
XRF = Stream(
    "x", Fluorescence, Fluorescence.spectrum_id, Fluorescence.start, Fluorescence.end, Fluorescence.comments,
    ("xrf",), literal("xrf"), (Fluorescence.name,),
)  # fmt: skip
_LISTED = (GROUPS, ENERGY, XRF, ROBOT)
STREAMS: Final = tuple(stream.key for stream in _LISTED)
"""``g`` groups, ``e`` energy scans, ``x`` spectra, ``r`` robot actions: with a number they name an event."""


def _words_in(stream: Stream, word: str) -> ColumnElement[bool]:
    grouped = stream in (GROUPS, COLLECTIONS)
    found = [contains(text, word) for text in stream.texts]
    if grouped:
        mine = Collection.group_id == Group.group_id
        said = [contains(text, word) for text in (Collection.prefix, Collection.template)]
        if word.isascii() and word.isdigit() and len(word) < 10:
            said.append(Collection.collection_id == int(word))
        found.append(or_(*said) if stream is COLLECTIONS else exists().where(mine, or_(*said)))
    return or_(*found)


def _comment_in(stream: Stream, word: str) -> ColumnElement[bool]:
    found = [contains(stream.comment, word)]
    if stream is COLLECTIONS:
        found.append(contains(Collection.comments, word))
    elif stream is GROUPS:
        found.append(exists().where(Collection.group_id == Group.group_id, contains(Collection.comments, word)))
    return or_(*found)


def narrowed(stream: Stream, asked: Asked, only: Only | None) -> list[Any] | None:
    """The conditions of what was asked; None where nothing of the stream fulfils them."""
    given = dict(asked.filters)
    found: list[Any] = []
    if given.get("kind"):
        words = [word.strip().lower() for word in given["kind"].split("|")]
        wanted = [key for key in stream.kinds if any(word and word in f"{key} {KINDS[key].lower()}" for word in words)]
        if not wanted:
            return None
        if len(wanted) < len(stream.kinds):
            found.append(stream.kind.in_(wanted))
    if given.get("start"):
        low, high = times(given["start"])
        found.append(stream.start > NEVER)
        if low is not None:
            found.append(stream.start >= low)
        if high is not None:
            found.append(stream.start < high)
    if given.get("sample"):
        found.append(contains(Sample.name, given["sample"]))
    if given.get("what"):
        found.append(_words_in(stream, given["what"]))
    if given.get("comments"):
        found.append(_comment_in(stream, given["comments"]))
    for word in asked.search[:200].split()[:_WORDS]:
        near = [contains(Sample.name, word), contains(protein_name(), word)]
        found.append(or_(*near, _words_in(stream, word), _comment_in(stream, word)))
    if only is not None:
        numbers = list(only.get("g" if stream is COLLECTIONS else stream.key, ()))
        if not numbers:
            return None
        found.append((Group.group_id if stream is COLLECTIONS else stream.number).in_(numbers))
    return found


def over(stream: Stream, visit_id: int, query: Any, sample: bool) -> Any:
    """``query`` over the events of a stream in a visit, with sample and protein where wanted."""
    owner = Group if stream is COLLECTIONS else stream.mapped
    query = query.select_from(Visit).join(owner, owner.visit_id == Visit.visit_id)
    if stream is COLLECTIONS:
        query = query.join(Collection, Collection.group_id == Group.group_id)
    if owner is Group:
        query = query.outerjoin(ExperimentType, ExperimentType.id == Group.experiment_type_id)
    if sample:
        query = (
            query.outerjoin(Sample, Sample.sample_id == owner.sample_id)
            .outerjoin(Crystal, Crystal.crystal_id == Sample.crystal_id)
            .outerjoin(Protein, Protein.protein_id == Crystal.protein_id)
        )
    return query.where(Visit.visit_id == visit_id)


def needs_sample(asked: Asked) -> bool:
    return bool(asked.search.strip() or dict(asked.filters).get("sample"))


# ---- a page ---------------------------------------------------------------------------------------------------------


def events(
    reader: Reader, visit_id: int, asked: Asked, limit: int, after: Place | None = None, only: Only | None = None
) -> Events:
    """The next ``limit`` events of a visit, newest first. At most seven statements, whatever the depth.

    Each: key (``g101``), stream, number, kind, start, end, sample_id, sample, protein, what, type, comments, status; of
    a group also count, images, members (its collections, MOST_MEMBERS at most) and runs of pipelines.
    Empty where the visit may not be seen.
    """
    known = {stream: (number, when) for stream, number, when in (after or Place()).at}
    parts = []
    for stream in _LISTED:
        conditions = narrowed(stream, asked, only)
        if conditions is None:
            continue
        if stream.key in known:
            conditions.append(stream.number < known[stream.key][0])
        columns = (literal(stream.key).label("stream"), stream.number.label("number"), stream.start.label("start"))
        query = over(stream, visit_id, select(*columns), needs_sample(asked)).where(*conditions)
        parts.append(select(query.order_by(stream.number.desc()).limit(limit + 1).subquery(f"of_{stream.key}")))
    if not parts:
        return Events([], Place(), True)
    found: dict[str, list[tuple[int, datetime | None]]] = {}
    for row in reader.rows(select(union_all(*parts).subquery("events"))):
        found.setdefault(row.stream, []).append((row.number, row.start))
    for numbers in found.values():
        numbers.sort(reverse=True)
    merged, place = merge(found, limit, known)
    listed = rows(reader, visit_id, [(stream, number) for stream, number, _ in merged])
    return Events(listed, place, sum(map(len, found.values())) <= limit)


def merge(
    found: Mapping[str, Sequence[tuple[int, datetime | None]]],
    limit: int,
    before: Mapping[str, tuple[int, datetime | None]] | None = None,
) -> tuple[list[tuple[str, int, datetime | None]], Place]:
    """The first ``limit`` of several streams by time, newest first, and where each stream then stands.

    ``found``: stream → (number, time), numbers falling. Each stream keeps its order; an event without a time has that
    of the one before it, else of the next that has one. Of equal times the earlier stream of STREAMS comes first.
    """
    ends = dict(before or {})
    at = dict.fromkeys(found, 0)
    taken: list[tuple[str, int, datetime | None]] = []

    def time_of(stream: str) -> datetime:
        numbers, place = found[stream], at[stream]
        own = numbers[place][1]
        if own is None and stream in ends:
            own = ends[stream][1]
        if own is None:
            own = next((when for _, when in numbers[place:] if when is not None), None)
        return own if own is not None else datetime.min

    order = [stream for stream in STREAMS if stream in found]
    while len(taken) < limit:
        heads = [stream for stream in order if at[stream] < len(found[stream])]
        if not heads:
            break
        stream = max(heads, key=lambda one: (time_of(one), -order.index(one)))
        when, (number, _) = time_of(stream), found[stream][at[stream]]
        at[stream] += 1
        ends[stream] = (number, when if when != datetime.min else None)
        taken.append((stream, number, ends[stream][1]))
    return taken, Place(tuple((stream, *ends[stream]) for stream in STREAMS if stream in ends))


def counts(reader: Reader, visit_id: int) -> dict[str, int]:
    """How many events of each kind the visit holds; kinds that it lacks are left out. One statement."""
    kinds = []
    for stream in _LISTED:
        of_kind = over(stream, visit_id, select(stream.kind.label("kind"), stream.number), False).subquery()
        kinds.append(select(of_kind.c.kind, func.count()).group_by(of_kind.c.kind))
    merged = union_all(*kinds).subquery("kinds").c
    return {kind: int(count) for kind, count in reader.rows(select(*merged)) if count}


# ---- what a row shows -----------------------------------------------------------------------------------------------


def rows(reader: Reader, visit_id: int, keys: Sequence[tuple[str, int]]) -> list[Row]:
    """The events of these streams and numbers as they are now, in the order of ``keys``; without those of other visits.

    Three statements for groups, one for each of the other streams.
    """
    wanted: dict[str, list[int]] = {}
    for stream, number in keys:
        wanted.setdefault(stream, []).append(number)
    found: dict[tuple[str, int], Row] = {}
    for stream, numbers in wanted.items():
        of_stream = _groups(reader, visit_id, numbers) if stream == "g" else _others(reader, visit_id, stream, numbers)
        found |= {(stream, row["number"]): row for row in of_stream}
    return [found[key] for key in keys if key in found]


def _shared(stream: Stream) -> tuple[Any, ...]:
    owner = stream.mapped
    return (
        stream.number.label("number"), stream.kind.label("kind"), owner.sample_id.label("sample_id"),
        Sample.name.label("sample"), protein_name().label("protein"), stream.comment.label("comments"),
    )  # fmt: skip


def _others(reader: Reader, visit_id: int, key: str, numbers: Sequence[int]) -> list[Row]:
    stream = next(one for one in _LISTED if one.key == key)
    own = {
        "r": (RobotAction.action.label("what"), RobotAction.status, RobotAction.barcode, RobotAction.container_location,
              RobotAction.dewar_location),
        "e": (EnergyScan.element, EnergyScan.edge),
        "x": (Fluorescence.name.label("what"), Fluorescence.energy),
    }[key]  # fmt: skip
    columns = (*_shared(stream), stream.start.label("start"), stream.end.label("end"), *own)
    query = over(stream, visit_id, select(*columns), True).where(stream.number.in_(numbers))
    rows = []
    for record in reader.rows(query):
        row = dict(record._mapping) | {"key": f"{key}{record.number}", "stream": key}
        if key == "e":
            row["what"] = " ".join(part for part in (row["element"], row["edge"]) if part) or None
        elif key == "x" and row["what"]:
            row["what"] = str(row["what"]).rsplit("/", 1)[-1]
        rows.append(row)
    return rows


def _groups(reader: Reader, visit_id: int, numbers: Sequence[int]) -> list[Row]:
    plain = (*_shared(GROUPS), type_of_group().label("type"), Group.start.label("own_start"),
             Group.end.label("own_end"))  # fmt: skip
    query = over(GROUPS, visit_id, select(*plain), True).where(Group.group_id.in_(numbers))
    rows = {
        record.number: dict(record._mapping)
        | {"key": f"g{record.number}", "stream": "g", "count": 0, "images": None, "members": [], "runs": []}
        for record in reader.rows(query)
    }
    sums = (
        over(COLLECTIONS, visit_id, select(
            Group.group_id, func.count(Collection.collection_id).label("held"),
            func.min(Collection.start).label("start"), func.max(Collection.end).label("end"),
            func.sum(Collection.images).label("images"),
            func.count(Collection.end).label("ended"),
        ), False)
        .where(Group.group_id.in_(numbers))
        .group_by(Group.group_id)
    )  # fmt: skip
    totals = {record.group_id: record for record in reader.rows(sums)}
    members = _members(reader, visit_id, list(rows))
    for number, row in rows.items():
        own_start, own_end = row.pop("own_start"), row.pop("own_end")
        total = totals.get(number)
        row["start"], row["end"] = own_start, own_end
        if total:
            row["start"], row["end"] = total.start or own_start, total.end if total.ended == total.held else None
            row["count"], row["images"] = int(total.held), None if total.images is None else int(total.images)
        row["members"] = members.get(number, [])
        first = row["members"][0] if row["members"] else {}
        row["what"] = first.get("prefix") or first.get("template")
        row["comments"] = row["comments"] or first.get("comments")
        row["status"] = _worst([member["status"] for member in row["members"]])
    held = {member["id"]: member for row in rows.values() for member in row["members"]}
    _add_runs(reader, visit_id, held)
    for row in rows.values():
        row["runs"] = [run for member in row["members"] for run in member["runs"]]
    return list(rows.values())


def _worst(states: Sequence[str]) -> str | None:
    for state in ("running", "failed", "stopped", "unknown"):
        if state in states:
            return state
    return "finished" if states else None


def _members(reader: Reader, visit_id: int, groups: Sequence[int]) -> dict[int, list[Row]]:
    """The first collections of each group, in their order. One statement."""
    if not groups:
        return {}
    c = Collection
    place = func.row_number().over(partition_by=c.group_id, order_by=c.collection_id).label("place")
    columns = (
        c.collection_id.label("id"), Group.group_id, c.number.label("run"), c.start, c.end, c.prefix, c.template,
        c.images, c.first_image, c.exposure, c.resolution, energy().label("energy"), c.transmission,
        c.axis_start, c.axis_range,
        status_of_collection(datetime.now()).label("status"), c.status.label("run_status"), c.comments,
        (func.coalesce(c.snapshot_1, "") != "").label("snapshot"), place,
    )  # fmt: skip
    inner = over(COLLECTIONS, visit_id, select(*columns), False).where(Group.group_id.in_(groups)).subquery("members")
    found: dict[int, list[Row]] = {}
    query = select(inner).where(inner.c.place <= MOST_MEMBERS).order_by(inner.c.group_id, inner.c.place)
    for record in reader.rows(query):
        row = tidy(dict(record._mapping), "energy") | {"runs": [], "snapshot": bool(record.snapshot)}
        found.setdefault(record.group_id, []).append(row)
    return found


def _add_runs(reader: Reader, visit_id: int, members: Mapping[int, Row]) -> None:
    """Set ``runs`` of each collection: every AutoProcProgram on it, with name, state and message. One statement.

    State: ok, failed, running, or queued: a run that has neither ended nor begun.
    """
    if not members:
        return
    columns = (Program.name.label("name"), Program.start.label("begun"), Program.message.label("message"))
    for record in reader.rows(runs_of(visit_id, list(members), columns)):
        state = "queued" if record.state == "running" and record.begun is None else record.state
        name = str(record.name or "").split(" (")[0].strip() or "unnamed"
        run = {"id": record.program_id, "name": name, "state": state, "message": record.message}
        members[record.collection_id]["runs"].append(run)
    for row in members.values():
        row["runs"].sort(key=lambda run: run["id"])
