"""The events of a visit along time: each by itself where they are few, else how many in each stretch of each lane."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import Integer, case, func, literal, select, union_all
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from data.lists import Asked
from data.reader import Reader
from data.schema import Collection, EnergyScan, Fluorescence, Group, RobotAction, Sample
from data.techniques.mx.events import COLLECTIONS, ENERGY, NEVER, ROBOT, XRF, Only, narrowed, needs_sample, over

Lanes = Literal["kind", "sample"]
MOST_DRAWN: Final = 3_000
"""Events that are sent one by one, at most."""
_MOST_LANES = 40
# Clocks go wrong: what lies further from the visit than this does not stretch the axis.
_AROUND = timedelta(days=2)


class _Seconds(FunctionElement[int]):
    """Whole seconds from a given moment to a column."""

    type = Integer()
    name = "lens_seconds"
    inherit_cache = True


@compiles(_Seconds)
def _(element: Any, compiler: Any, **options: Any) -> str:
    since, column = (compiler.process(part, **options) for part in element.clauses)
    return f"TIMESTAMPDIFF(SECOND, {since}, {column})"


@compiles(_Seconds, "sqlite")
def _(element: Any, compiler: Any, **options: Any) -> str:
    since, column = (compiler.process(part, **options) for part in element.clauses)
    return f"(CAST(strftime('%s', {column}) AS INTEGER) - CAST(strftime('%s', {since}) AS INTEGER))"


@dataclass(frozen=True, slots=True)
class Drawn:
    """One bar. ``lane``: a kind, or a sample's id (0: without); ``key``: the row of the list that it belongs to.

    ``number`` counts within ``stream``: ``c`` collections, ``e``, ``x``, ``r`` as in the list. ``count`` events stand
    for it, more than one where they are too many to draw; then ``number`` is the first of them. ``what``: prefix of the
    collection, element, what the robot did.
    """

    stream: str
    number: int
    key: str
    kind: str
    lane: str
    start: datetime
    end: datetime | None
    count: int = 1
    what: str | None = None


@dataclass(frozen=True, slots=True)
class Timeline:
    """What is drawn from ``low`` to ``high``. ``total``: events there; ``first`` and ``last``: of all that fit the
    question; ``names``: of the samples that are lanes; ``width``: seconds of a stretch, 0 where events are by
    themselves; ``folded``: whether lanes beyond the first were put into one, named ``…``."""

    bars: list[Drawn]
    low: datetime | None
    high: datetime | None
    first: datetime | None
    last: datetime | None
    total: int
    names: dict[str, str]
    width: int = 0
    folded: bool = False


_STREAMS = (COLLECTIONS, ENERGY, XRF, ROBOT)
_WHAT = {"c": Collection.prefix, "e": EnergyScan.element, "x": Fluorescence.name, "r": RobotAction.action}


def timeline(
    reader: Reader,
    visit_id: int,
    asked: Asked,
    lanes: Lanes = "kind",
    low: datetime | None = None,
    high: datetime | None = None,
    *,
    about: tuple[datetime | None, datetime | None] = (None, None),
    stretches: int = 600,
    only: Only | None = None,
) -> Timeline:
    """The events that ``asked`` lists, between two moments or all of them. At most three statements.

    ``about``: beginning and end of the visit; events further than two days from it do not count for the span.
    Events without a time are not drawn.
    """
    merged = _events(visit_id, asked, only)
    if merged is None:
        return Timeline([], low, high, None, None, 0, {})
    near = [merged.start > NEVER]
    if about[0] is not None:
        near.append(merged.start >= about[0] - _AROUND)
    if about[1] is not None:
        near.append(merged.start <= about[1] + _AROUND)
    until = case((merged.end > NEVER, merged.end), else_=merged.start)
    inside = [*near]
    if low is not None and high is not None:
        inside = [merged.start > NEVER, merged.start <= high, until >= low]
    span = select(func.min(merged.start), func.max(merged.start), func.max(merged.end)).where(*near)
    first, begun, ended = reader.rows(span)[0]
    last = max((when for when in (begun, ended) if when is not None), default=None)
    if first is None or last is None:
        return Timeline([], low, high, None, None, 0, {})
    if about[1] is not None:
        last = max(begun, min(last, about[1] + _AROUND))
    low, high = low or first, high or last
    columns = (
        merged.stream,
        merged.number,
        merged.parent,
        merged.kind,
        merged.sample_id,
        merged.start,
        merged.end,
        merged.what,
    )
    few = reader.rows(
        select(*columns).where(*inside).order_by(merged.start, merged.stream, merged.number).limit(MOST_DRAWN + 1)
    )
    if len(few) <= MOST_DRAWN:
        bars = [
            Drawn(
                r.stream,
                r.number,
                _key(r.stream, r.number, r.parent),
                r.kind,
                _lane(lanes, r),
                r.start,
                r.end,
                1,
                r.what,
            )
            for r in few
        ]
        return _with_names(reader, Timeline(bars, low, high, first, last, len(bars), {}), lanes)
    width = max(1, -(-int((high - low).total_seconds() + 1) // stretches))
    lane = merged.sample_id if lanes == "sample" else merged.kind
    # What began before the stretch in sight is put at its edge.
    since = literal(low, Collection.start.type)
    place = case((merged.start < low, 0), else_=_Seconds(since, merged.start) // width)
    counted = (
        select(merged.kind, lane.label("lane"), place.label("place"), func.count().label("held"),
               func.min(merged.stream).label("stream"), func.min(merged.number).label("number"),
               func.min(merged.parent).label("parent"), func.min(merged.what).label("what"),
               func.min(merged.start).label("start"),
               func.max(until).label("end"))
        .where(*inside)
        .group_by(merged.kind, lane, place)
    )  # fmt: skip
    bars = [
        Drawn(r.stream, r.number, _key(r.stream, r.number, r.parent), r.kind,
              str(r.lane or 0) if lanes == "sample" else r.kind, r.start, r.end, int(r.held), r.what)
        for r in reader.rows(counted)
    ]  # fmt: skip
    bars.sort(key=lambda bar: bar.start)
    return _with_names(reader, Timeline(bars, low, high, first, last, sum(b.count for b in bars), {}, width), lanes)


def _events(visit_id: int, asked: Asked, only: Only | None) -> Any:
    """All events as one derived table: stream, number, parent (group), kind, sample_id, start, end; or None."""
    parts = []
    for stream in _STREAMS:
        conditions = narrowed(stream, asked, only)
        if conditions is None:
            continue
        owner = Group if stream is COLLECTIONS else stream.mapped
        columns = (
            literal(stream.key).label("stream"), stream.number.label("number"),
            (Group.group_id if stream is COLLECTIONS else literal(0)).label("parent"), stream.kind.label("kind"),
            owner.sample_id.label("sample_id"), stream.start.label("start"), stream.end.label("end"),
            _WHAT[stream.key].label("what"),
        )  # fmt: skip
        parts.append(over(stream, visit_id, select(*columns), needs_sample(asked)).where(*conditions))
    return union_all(*parts).subquery("merged").c if parts else None


def _key(stream: str, number: int, parent: int) -> str:
    return f"g{parent}" if stream == "c" else f"{stream}{number}"


def _lane(lanes: Lanes, row: Any) -> str:
    return str(row.sample_id or 0) if lanes == "sample" else str(row.kind)


def _with_names(reader: Reader, found: Timeline, lanes: Lanes) -> Timeline:
    """Lanes of samples in the order in which they were used, with their names; those beyond the most in one."""
    if lanes != "sample":
        return found
    order = list(dict.fromkeys(bar.lane for bar in found.bars))
    kept = set(order[:_MOST_LANES])
    folded = len(order) > _MOST_LANES
    bars = [bar if bar.lane in kept else replace(bar, lane="…") for bar in found.bars] if folded else found.bars
    ids = [int(lane) for lane in kept if lane != "0"]
    return replace(found, bars=bars, names=_names(reader, ids), folded=folded)


def _names(reader: Reader, ids: Sequence[int]) -> dict[str, str]:
    if not ids:
        return {}
    rows = reader.rows(select(Sample.sample_id, Sample.name).where(Sample.sample_id.in_(ids)))
    return {str(row.sample_id): row.name or f"Sample {row.sample_id}" for row in rows}
