"""The one statement that tells which visits changed. Its cost does not grow with ISPyB.

Two kinds of rows come back. *Arrivals* are new rows by primary key, of all watched visits at once:
collections, programs, integrations, movies and what was made of them; a collection brings what its
list shows of it. They say nothing of what is changed in place, and ISPyB has no indexed time of
change, so a *digest* is taken of each of the newest collections of a visit, of its processing, and
of how far its per-image numbers are.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, bindparam, case, func, literal, null, select, union_all
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from data.live.feed import Started
from data.query import Query
from data.schema import (
    CTF,
    Collection,
    EnergyScan,
    Fluorescence,
    Group,
    ImageQuality,
    Integration,
    Job,
    MotionCorrection,
    Movie,
    Program,
    RobotAction,
    Screening,
    SSXResult,
    Visit,
)
from data.schema.settle import Settlement
from data.techniques.collections import beginnings, first_row

# Newest collections of a visit whose rows, processing and per-image numbers are compared.
_RECENT = 200
_PROCESSED = 100
_MEASURED = 5
# To count the images of a longer collection would cost more than all the rest: there the number
# of the last one must do.
_COUNTED = 20_000
# A transaction may commit after one with a higher id: arrivals are asked for again this far back.
_OVERLAP = 100
_NOTHING_YET = 2**62

_ARRIVALS = ("collection", "program", "result", "movie", "motion", "ctf", "robot", "energy", "spectrum")
_NO_COLLECTION = 0  # stands for the collection of what belongs to the visit itself


class _Digest(FunctionElement[Any]):
    """An aggregate that changes when a value of one of its columns does, whatever their types."""

    name = "digest"
    inherit_cache = True


@compiles(_Digest, "mysql", "mariadb")
def _(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    parts = (f"COALESCE({compiler.process(column, **options)}, '')" for column in element.clauses)
    return f"SUM(CRC32(CONCAT_WS('|', {', '.join(parts)})))"


@compiles(_Digest)
def _(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    parts = (f"COALESCE({compiler.process(column, **options)}, '')" for column in element.clauses)
    joined = " || '|' || ".join(parts)
    return f"GROUP_CONCAT({joined}, ';')"


@dataclass(slots=True)
class Seen:
    """The highest ids met, and the arrivals near them."""

    highest: dict[str, int] = field(default_factory=dict)
    near: dict[str, set[int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Marks:
    """What one run of the statement found."""

    arrived: Mapping[str, Mapping[int, Mapping[int, int]]]
    """Kind of row → visit → id above where the question began → the collection that it belongs to."""
    started: Mapping[int, Mapping[int, Started]]
    """Visit → collection → its row, of the collections that arrived."""
    highest: Mapping[str, int]
    digests: Mapping[int, Mapping[tuple[str, int], str]]
    """Visit → what is compared, and the collection → digest, for the visits looked at closely."""

    def news(self, seen: Seen) -> tuple[dict[int, set[int] | None], dict[int, list[Started]]]:
        """Visit → collections with arrivals that ``seen`` does not know, and the collections that arrived themselves.

        Brings ``seen`` up to date.
        """
        visits: dict[int, set[int] | None] = {}
        begun: dict[int, list[Started]] = {}
        for kind in _ARRIVALS:
            known = seen.near.get(kind)
            before, now = seen.highest.get(kind), self.highest.get(kind, 0)
            of_kind = self.arrived.get(kind, {})
            if before is not None:
                # The first answer says only where to begin, so what lies near there is met with
                # the second, and is no news.
                for visit, ids in of_kind.items():
                    fresh = {one for one in ids if (one > before if known is None else one not in known)}
                    if fresh:
                        visits[visit] = (visits.get(visit) or set()) | {ids[one] for one in fresh}
                    if fresh and kind == "collection":
                        begun[visit] = [self.started[visit][one] for one in sorted(fresh)]
                known = (known or set()).union(*of_kind.values())
                seen.near[kind] = {one for one in known if one > now - 2 * _OVERLAP}
            seen.highest[kind] = max(now, before or 0)
        return visits, begun


def statement(closely: int, site: Settlement, now: datetime) -> Query:
    """The question for arrivals, and for digests of so many visits; to be asked with ``parameters``.

    What the site's schema lacks is not asked for. ``now`` counts only for the status of collections that just began,
    which does not depend on minutes.
    """
    rows = _arrivals() + _highest() + (_digests(closely) if closely else [])
    here = [row for needed, row in rows if all(_has(site, column) for column in needed)]
    # The types of a union's columns are those of its first part.
    first, width = _beginnings(now)
    return select(union_all(first, *(_widened(row, width) for row in here)).subquery("marks"))


def parameters(visits: Iterable[int], closely: Sequence[int], seen: Seen) -> dict[str, Any]:
    """What a ``statement`` is asked: about arrivals at ``visits`` since ``seen``, and about each of ``closely``."""
    since = {kind: seen.highest[kind] - _OVERLAP if kind in seen.highest else _NOTHING_YET for kind in _ARRIVALS}
    return {
        "visits": sorted(visits),
        **{f"since_{kind}": key for kind, key in since.items()},
        **{f"closely_{place}": visit for place, visit in enumerate(closely)},
    }


def _watched(visit: Any = Group.visit_id) -> Any:
    return visit.in_(bindparam("visits", expanding=True))


def _since(kind: str) -> Any:
    return bindparam(f"since_{kind}", type_=Integer)


def marks(rows: Iterable[Any]) -> Marks:
    """What the rows of ``statement`` say."""
    arrived: dict[str, dict[int, dict[int, int]]] = {}
    started: dict[int, dict[int, Started]] = {}
    highest: dict[str, int] = {}
    digests: dict[int, dict[tuple[str, int], str]] = {}
    for row in rows:
        kind, visit, number, digest = row[:4]
        word, _, of = kind.partition(" ")
        if word == "max":
            highest[of] = int(number or 0)
        elif word in {"new", "started"}:
            if word == "started":
                started.setdefault(int(visit), {})[int(number)] = Started(*first_row(row[4:]))
            arrived.setdefault(of, {}).setdefault(int(visit), {})[int(number)] = int(digest)
        else:
            digests.setdefault(int(visit), {})[word, int(number)] = str(digest)
    return Marks(arrived, started, highest, digests)


_Select = Any  # of kind, visit, number, digest
_Attribute = InstrumentedAttribute[Any]
_Row = tuple[tuple[_Attribute, ...], _Select]
"""The columns without which it cannot be asked, and the SELECT."""


def _has(site: Settlement, column: _Attribute) -> bool:
    spelled = column.property.columns[0]
    fit = site.fits[spelled.table.name]
    return fit.real is not None and spelled.name not in fit.absent


def _row(kind: str, visit: Any, number: Any, digest: Any = None) -> _Select:
    return select(
        literal(kind).label("kind"),
        visit.label("visit"),
        number.label("number"),
        (null() if digest is None else digest).label("digest"),
    )


_MEANS = {
    "collection": Collection.collection_id,
    "program": Program.program_id,
    "result": Integration.integration_id,
    "movie": Movie.movie_id,
    "motion": MotionCorrection.motion_id,
    "ctf": CTF.ctf_id,
    "robot": RobotAction.action_id,
    "energy": EnergyScan.scan_id,
    "spectrum": Fluorescence.spectrum_id,
    "visit": Visit.visit_id,
}


def _beginnings(now: datetime) -> tuple[_Select, int]:
    """The collections that arrived, with what their list shows of them, and how many columns that takes."""
    columns, join = beginnings(now)
    query = join(_row("started collection", Group.visit_id, Collection.collection_id, Collection.collection_id))
    query = query.add_columns(*(column.label(f"c{place}") for place, column in enumerate(columns)))
    return query.where(Collection.collection_id > _since("collection"), _watched()), len(columns)


def _widened(row: _Select, width: int) -> _Select:
    return row.add_columns(*(null().label(f"c{place}") for place in range(width)))


def _highest() -> list[_Row]:
    return [((key,), _row(f"max {kind}", null(), func.max(key))) for kind, key in _MEANS.items()]


def _arrivals() -> list[_Row]:
    def new(kind: str, *path: tuple[Any, ColumnElement[bool]], needs: tuple[_Attribute, ...] = ()) -> _Row:
        key = _MEANS[kind]
        query = _row(f"new {kind}", Group.visit_id, key, Collection.collection_id).select_from(key.class_)
        for mapped, tied in (*path, (Group, Group.group_id == Collection.group_id)):
            query = query.join(mapped, tied)
        return (key, *needs), query.where(key > _since(kind), _watched())

    def of_visit(kind: str) -> _Row:
        key = _MEANS[kind]
        visit = key.class_.visit_id
        query = _row(f"new {kind}", visit, key, literal(_NO_COLLECTION)).select_from(key.class_)
        return (key,), query.where(key > _since(kind), _watched(visit))

    def collection(link: Any) -> tuple[Any, ColumnElement[bool]]:
        return Collection, Collection.collection_id == link

    job = (Job, Job.job_id == Program.job_id)
    movie = (Movie, Movie.movie_id == MotionCorrection.movie_id)
    motion = (MotionCorrection, MotionCorrection.motion_id == CTF.motion_id)
    filmed = collection(Movie.collection_id)
    hint = Program.collection_hint
    return [
        new("program", job, collection(Job.collection_id), needs=(Job.job_id,)),
        new("program", collection(hint), needs=(hint,)),
        new("result", collection(Integration.collection_id)),
        new("movie", filmed),
        new("motion", movie, filmed),
        new("ctf", motion, movie, filmed),
        *(of_visit(kind) for kind in ("robot", "energy", "spectrum")),
    ]


def _newest(visit: Any) -> Select[Any]:
    """The newest collections of a visit: two bounded steps, as a group may hold thousands."""
    groups = (
        select(Group.group_id, Group.comments)
        .where(Group.visit_id == visit)
        .order_by(Group.group_id.desc())
        .limit(_RECENT)
        .subquery("groups")
    )
    rows = (
        select(
            visit.label("visit"),
            func.row_number().over(order_by=Collection.collection_id.desc()).label("place"),
            Collection.collection_id,
            Collection.end,
            Collection.status,
            Collection.images,
            Collection.comments,
            Collection.snapshot_1,
            groups.c.comments.label("group_comments"),
        )
        .join(groups, groups.c.group_id == Collection.group_id)
        .order_by(Collection.collection_id.desc())
        .limit(_RECENT)
        .subquery("newest_of_one")
    )
    return select(rows)


def _digests(visits: int) -> list[_Row]:
    each = (_newest(bindparam(f"closely_{place}", type_=Integer)) for place in range(visits))
    newest = union_all(*each).cte("newest").c

    def of(kind: str, *parts: Any) -> _Select:
        digest = _row(kind, newest.visit, newest.collection_id, _Digest(*parts))
        return digest.group_by(newest.visit, newest.collection_id)

    def processed(mapped: Any, *parts: Any) -> _Select:
        tied = mapped.collection_id == newest.collection_id
        return of(str(mapped.__tablename__), *parts).join(mapped, tied).where(newest.place <= _PROCESSED)

    program = (Program.program_id, Program.status, Program.end)
    serial = (SSXResult.id, SSXResult.hit_rate, SSXResult.indexing_rate, SSXResult.status)
    hints = of("programs", *program)
    return [
        (
            (Collection.collection_id,),
            of(
                "collections",
                newest.end,
                newest.status,
                newest.images,
                newest.comments,
                newest.snapshot_1,
                newest.group_comments,
            ),
        ),
        (
            (Job.job_id, Program.job_id),
            processed(Job, *program).join(Program, Program.job_id == Job.job_id),
        ),
        (
            (Integration.integration_id, Program.program_id),
            processed(Integration, Integration.integration_id, *program).join(
                Program, Program.program_id == Integration.program_id
            ),
        ),
        (
            (Program.collection_hint,),
            hints.join(Program, Program.collection_hint == newest.collection_id).where(newest.place <= _PROCESSED),
        ),
        ((Screening.id,), processed(Screening, Screening.id)),
        ((SSXResult.id,), processed(SSXResult, *serial)),
        ((ImageQuality.image,), of("images", *_how_far(newest)).where(newest.place <= _MEASURED)),
    ]


def _how_far(newest: Any) -> tuple[Any, Any]:
    """The last image with numbers, and how many have them."""
    table = newest.visit.table
    mine = ImageQuality.collection_id == newest.collection_id
    last = select(ImageQuality.image).where(mine).order_by(ImageQuality.image.desc()).limit(1)
    number = select(func.count()).select_from(ImageQuality).where(mine)
    counted = number.correlate(table).scalar_subquery()
    return (
        last.correlate(table).scalar_subquery(),
        case((newest.images <= _COUNTED, counted)),
    )
