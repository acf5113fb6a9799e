"""The one statement that tells which visits changed. Its cost does not grow with ISPyB.

Two kinds of rows come back. *Arrivals* are new rows by primary key, of all watched visits at once:
collections, programs, integrations, movies and what was made of them. They say nothing of what is
changed in place, and ISPyB has no indexed time of change, so a *digest* is taken of the newest
collections of a visit, of their processing, and of how far the per-image numbers are.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, literal, null, select, union_all
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from data.query import Query
from data.schema import (
    CTF,
    Collection,
    Group,
    ImageQuality,
    Integration,
    Job,
    MotionCorrection,
    Movie,
    Program,
    Screening,
    SSXResult,
    Visit,
)
from data.schema.settle import Settlement

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

_ARRIVALS = ("collection", "program", "result", "movie", "motion", "ctf")


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

    arrived: Mapping[str, Mapping[int, frozenset[int]]]
    """Kind of row → visit → ids above where the question began."""
    highest: Mapping[str, int]
    digests: Mapping[int, int]
    """Visit → digest, for the visits looked at closely that have collections."""

    def news(self, seen: Seen) -> set[int]:
        """The visits with arrivals that ``seen`` does not know; brings ``seen`` up to date."""
        visits: set[int] = set()
        for kind in _ARRIVALS:
            known = seen.near.get(kind)
            before, now = seen.highest.get(kind), self.highest.get(kind, 0)
            of_kind = self.arrived.get(kind, {})
            if before is not None:
                # The first answer says only where to begin, so what lies near there is met with
                # the second, and is no news.
                visits |= {
                    visit
                    for visit, ids in of_kind.items()
                    if any(one > before if known is None else one not in known for one in ids)
                }
                known = (known or set()).union(*of_kind.values())
                seen.near[kind] = {one for one in known if one > now - 2 * _OVERLAP}
            seen.highest[kind] = max(now, before or 0)
        return visits


def statement(visits: Iterable[int], closely: Sequence[int], seen: Seen, site: Settlement) -> Query:
    """The question for arrivals at ``visits`` since ``seen``, and for digests of ``closely``.

    What the site's schema lacks is not asked for.
    """
    rows = _arrivals(sorted(visits), seen) + _highest() + (_digests(closely) if closely else [])
    here = [row for needed, row in rows if all(_has(site, column) for column in needed)]
    return select(union_all(*here).subquery("marks"))


def marks(rows: Iterable[Sequence[Any]]) -> Marks:
    """What the rows of ``statement`` say."""
    arrived: dict[str, dict[int, frozenset[int]]] = {}
    highest: dict[str, int] = {}
    parts: dict[int, list[str]] = {}
    for kind, visit, number, digest in rows:
        word, _, of = kind.partition(" ")
        if word == "new":
            ids = arrived.setdefault(of, {})
            ids[int(visit)] = ids.get(int(visit), frozenset()) | {int(number)}
        elif word == "max":
            highest[of] = int(number or 0)
        else:
            parts.setdefault(int(visit), []).append(f"{kind} {number} {digest}")
    digests = {visit: hash("\n".join(sorted(said))) for visit, said in parts.items()}
    return Marks(arrived, highest, digests)


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
    "visit": Visit.visit_id,
}


def _highest() -> list[_Row]:
    return [((key,), _row(f"max {kind}", null(), func.max(key))) for kind, key in _MEANS.items()]


def _arrivals(visits: list[int], seen: Seen) -> list[_Row]:
    def new(kind: str, *path: tuple[Any, ColumnElement[bool]], needs: tuple[_Attribute, ...] = ()) -> _Row:
        key = _MEANS[kind]
        query = _row(f"new {kind}", Group.visit_id, key).select_from(key.class_)
        for mapped, tied in (*path, (Group, Group.group_id == Collection.group_id)):
            query = query.join(mapped, tied)
        since = seen.highest[kind] - _OVERLAP if kind in seen.highest else _NOTHING_YET
        return (key, *needs), query.where(key > since, Group.visit_id.in_(visits))

    def collection(link: Any) -> tuple[Any, ColumnElement[bool]]:
        return Collection, Collection.collection_id == link

    job = (Job, Job.job_id == Program.job_id)
    movie = (Movie, Movie.movie_id == MotionCorrection.movie_id)
    motion = (MotionCorrection, MotionCorrection.motion_id == CTF.motion_id)
    filmed = collection(Movie.collection_id)
    hint = Program.collection_hint
    return [
        new("collection"),
        new("program", job, collection(Job.collection_id), needs=(Job.job_id,)),
        new("program", collection(hint), needs=(hint,)),
        new("result", collection(Integration.collection_id)),
        new("movie", filmed),
        new("motion", movie, filmed),
        new("ctf", motion, movie, filmed),
    ]


def _newest(visit: int) -> Select[Any]:
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
            literal(visit).label("visit"),
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


def _digests(visits: Sequence[int]) -> list[_Row]:
    newest = union_all(*(_newest(visit) for visit in visits)).cte("newest").c

    def of(kind: str, number: Any, *parts: Any) -> _Select:
        return _row(kind, newest.visit, number, _Digest(*parts)).group_by(newest.visit)

    def processed(mapped: Any, number: Any, *parts: Any) -> _Select:
        kind = str(mapped.__tablename__)
        tied = mapped.collection_id == newest.collection_id
        return of(kind, number, *parts).join(mapped, tied).where(newest.place <= _PROCESSED)

    program = (Program.program_id, Program.status, Program.end)
    serial = (SSXResult.id, SSXResult.hit_rate, SSXResult.indexing_rate, SSXResult.status)
    jobs = processed(Job, func.count(Program.program_id), *program)
    results = processed(Integration, func.max(Integration.integration_id), *program)
    hints = of("programs", func.count(Program.program_id), *program)
    return [
        (
            (Collection.collection_id,),
            of(
                "collections",
                func.count(newest.collection_id),
                newest.collection_id,
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
            jobs.join(Program, Program.job_id == Job.job_id),
        ),
        (
            (Integration.integration_id, Program.program_id),
            results.join(Program, Program.program_id == Integration.program_id),
        ),
        (
            (Program.collection_hint,),
            hints.join(Program, Program.collection_hint == newest.collection_id).where(newest.place <= _PROCESSED),
        ),
        ((Screening.id,), processed(Screening, func.max(Screening.id), Screening.id)),
        ((SSXResult.id,), processed(SSXResult, func.count(SSXResult.id), *serial)),
        (
            (ImageQuality.image,),
            of(
                "images",
                func.count(newest.collection_id),
                newest.collection_id,
                *_how_far(newest),
            ).where(newest.place <= _MEASURED),
        ),
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
