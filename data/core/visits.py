"""Visits: one, those of a proposal, and those at hand now."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import String, cast, func, or_, select

from data.core.names import is_named, parse_name, person_name, proposal_name, proposal_text, visit_name
from data.errors import NotFound
from data.lists import Asked, Field, Page, conditions, needed, ordering
from data.reader import Reader
from data.schema import Collection, ExperimentType, Group, Person, Proposal, Visit, VisitHasPerson, VisitType
from data.techniques.experiments import technique_of_group

__all__ = ["current", "parse_name", "people", "recent", "techniques", "upcoming", "visit", "visits_of"]

Row = dict[str, Any]

_LONGEST = timedelta(days=60)
_SOON = timedelta(days=200)
_LATELY = timedelta(days=60)
_NAMES = 4

_COLUMNS = (
    Visit.visit_id.label("id"),
    Visit.number,
    Proposal.proposal_id,
    Proposal.code,
    Proposal.number.label("proposal_number"),
    Proposal.title.label("proposal_title"),
    Visit.beamline,
    Visit.start,
    Visit.end,
    Visit.title,
    Visit.comments,
    Visit.local_contact,
)


def visit(reader: Reader, proposal: str, number: int) -> Row:
    """One visit by the name of its proposal and its number. Two statements; raises NotFound.

    Where a site gave a number twice, the newer visit.
    """
    name = parse_name(proposal)
    if name is None or name[2] is not None or abs(number) > 2**31:
        raise NotFound("This visit")
    query = _visits().where(is_named(name[0], name[1]), Visit.number == number)
    found = _row(reader.one(query.order_by(Visit.visit_id.desc()), "This visit"))
    types = select(VisitType.name).join(Visit, Visit.visit_id == VisitType.visit_id)
    kinds = reader.rows(types.where(Visit.visit_id == found["id"]))
    return found | {"kinds": sorted({row[0] for row in kinds if row[0]})}


def visits_of(reader: Reader, proposal_id: int, asked: Asked, offset: int, limit: int) -> Page:
    """The visits of a proposal, newest first unless asked otherwise. Two statements."""
    counts = (
        _counts(select(Group.visit_id.label("visit_id"), func.count(Collection.collection_id).label("collections")))
        .where(Visit.proposal_id == proposal_id)
        .group_by(Group.visit_id)
        .subquery("counts")
    )
    fields = (*FIELDS, Field("collections", func.coalesce(counts.c.collections, 0), "number", "counts"))
    query = _visits(func.count().over().label("total")).where(Proposal.proposal_id == proposal_id)
    if needed(asked, fields):
        query = query.outerjoin(counts, counts.c.visit_id == Visit.visit_id)
    order = ordering(asked, fields) or [Visit.start.is_(None), Visit.start.desc()]
    query = query.where(*conditions(asked, fields)).order_by(*order, Visit.visit_id.desc())
    found = reader.rows(query.limit(limit + 1).offset(offset))
    rows = [_row(row) for row in found[:limit]]
    held = _collections(reader, [row["id"] for row in rows])
    for row in rows:
        row["collections"] = held.get(row["id"], 0)
    return Page(rows, int(found[0].total) if found else 0 if not offset else None, len(found) <= limit)


FIELDS = (
    Field("name", proposal_text() + "-" + cast(Visit.number, String), "text", order=(Visit.number,)),
    Field("number", Visit.number, "number"),
    Field("beamline", Visit.beamline, "text"),
    Field("start", Visit.start, "time"),
    Field("end", Visit.end, "time"),
    Field("local_contact", Visit.local_contact, "text"),
    Field("title", Visit.title, "text"),
    Field("comments", Visit.comments, "text"),
)
"""Keys and kinds of the columns of ``visits_of``; ``collections``, a number, comes on top."""


def current(reader: Reader, now: datetime, limit: int = 50) -> list[Row]:
    """Visits within their time, the latest begun first. Three statements."""
    query = _visits().where(Visit.start <= now, Visit.start >= now - _LONGEST, Visit.end >= now)
    return _at_hand(reader, reader.rows(query.order_by(Visit.start.desc(), Visit.visit_id.desc()).limit(limit)))


def upcoming(reader: Reader, now: datetime, limit: int = 10) -> list[Row]:
    """The next visits, the nearest first. Three statements."""
    query = _visits().where(Visit.start > now, Visit.start < now + _SOON)
    return _at_hand(reader, reader.rows(query.order_by(Visit.start, Visit.visit_id).limit(limit)))


def recent(reader: Reader, now: datetime, limit: int = 10) -> list[Row]:
    """The last visits that ended, the latest first. Three statements, one more where little happened lately."""
    query = _visits().where(Visit.end < now).order_by(Visit.end.desc(), Visit.visit_id.desc()).limit(limit)
    # Who sees thousands of visits finds enough in the last weeks; for the others all are few.
    found = reader.rows(query.where(Visit.end >= now - _LATELY))
    return _at_hand(reader, found if len(found) == limit else reader.rows(query))


def techniques(reader: Reader, visit_id: int) -> dict[str, int]:
    """How many collections of each technique the visit holds. One statement."""
    key = technique_of_group()
    kinds = (
        select(key.label("technique"), Collection.collection_id)
        .select_from(Visit)
        .join(Proposal, Proposal.proposal_id == Visit.proposal_id)
        .join(Group, Group.visit_id == Visit.visit_id)
        .join(Collection, Collection.group_id == Group.group_id)
        .outerjoin(ExperimentType, ExperimentType.id == Group.experiment_type_id)
        .where(Visit.visit_id == visit_id)
        .subquery("kinds")
    )
    query = select(kinds.c.technique, func.count()).group_by(kinds.c.technique)
    return {name: int(count) for name, count in reader.rows(query)}


def people(reader: Reader, visit_id: int) -> list[Row]:
    """Who is at a visit: name, login, role, remote. One statement."""
    query = (
        select(
            Person.person_id,
            Person.given_name,
            Person.family_name,
            Person.login,
            VisitHasPerson.role,
            VisitHasPerson.remote,
        )
        .select_from(Visit)
        .join(VisitHasPerson, VisitHasPerson.visit_id == Visit.visit_id)
        .join(Person, Person.person_id == VisitHasPerson.person_id)
        .where(Visit.visit_id == visit_id)
        .order_by(Person.family_name, Person.given_name, Person.person_id)
    )
    return [
        {
            "id": row.person_id,
            "name": person_name(row.given_name, row.family_name),
            "login": row.login,
            "role": row.role,
            "remote": bool(row.remote),
        }
        for row in reader.rows(query)
    ]


def _visits(*more: Any) -> Any:
    return select(*_COLUMNS, *more).join(Proposal, Proposal.proposal_id == Visit.proposal_id)


def _row(row: Any) -> Row:
    values = dict(row._mapping)
    code, number = values.pop("code"), values.pop("proposal_number")
    values.pop("total", None)
    return values | {
        "name": visit_name(code, number, row.number),
        "proposal": proposal_name(code, number),
    }


def _at_hand(reader: Reader, found: Sequence[Any]) -> list[Row]:
    rows = [_row(row) for row in found]
    ids = [row["id"] for row in rows]
    held, present = _collections(reader, ids), _present(reader, ids)
    return [
        row | {"collections": held.get(row["id"], 0), "people": _listed(present.get(row["id"], []))} for row in rows
    ]


def _counts(query: Any) -> Any:
    return (
        query.select_from(Visit)
        .join(Group, Group.visit_id == Visit.visit_id)
        .join(Collection, Collection.group_id == Group.group_id)
    )


def _collections(reader: Reader, ids: Sequence[int]) -> dict[int, int]:
    if not ids:
        return {}
    query = _counts(select(Visit.visit_id, func.count(Collection.collection_id))).where(Visit.visit_id.in_(ids))
    return {key: int(count) for key, count in reader.rows(query.group_by(Visit.visit_id))}


def _present(reader: Reader, ids: Sequence[int]) -> dict[int, list[str]]:
    if not ids:
        return {}
    query = (
        select(Visit.visit_id, Person.given_name, Person.family_name)
        .join(VisitHasPerson, VisitHasPerson.visit_id == Visit.visit_id)
        .join(Person, Person.person_id == VisitHasPerson.person_id)
        .where(Visit.visit_id.in_(ids), or_(Person.given_name.is_not(None), Person.family_name.is_not(None)))
        .order_by(Person.family_name, Person.person_id)
    )
    found: dict[int, list[str]] = {}
    for key, given, family in reader.rows(query):
        found.setdefault(key, []).append(person_name(given, family))
    return found


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMES])
    return shown if len(names) <= _NAMES else f"{shown} and {len(names) - _NAMES} more"
