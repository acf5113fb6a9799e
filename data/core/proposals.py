"""Proposals: the list, one of them, its people and its samples."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Subquery, distinct, func, select, union_all

from data.core.names import (
    is_named,
    parse_name,
    person_name,
    person_text,
    proposal_name,
    proposal_order,
    proposal_text,
)
from data.core.status import OK
from data.errors import NotFound
from data.lists import Asked, Field, Page, conditions, needed, ordering
from data.reader import Reader
from data.schema import (
    Collection,
    Container,
    Crystal,
    Dewar,
    Group,
    Integration,
    Person,
    Program,
    Proposal,
    ProposalHasPerson,
    Protein,
    Sample,
    Scaling,
    ScalingHasIntegration,
    Shipment,
    Statistics,
    Visit,
)
from data.techniques.collections import protein_name

Row = dict[str, Any]


def _stays(proposal_id: int | None = None) -> Subquery:
    """Visits of each proposal: how many, the last begun, at which beamlines."""
    query = select(
        Visit.proposal_id.label("proposal_id"),
        func.count(Visit.visit_id).label("visits"),
        func.max(Visit.start).label("last_visit"),
        func.group_concat(distinct(Visit.beamline)).label("beamlines"),
    ).group_by(Visit.proposal_id)
    return (query if proposal_id is None else query.where(Visit.proposal_id == proposal_id)).subquery("stays")


_STAYS = _stays()

FIELDS = (
    Field("id", Proposal.proposal_id, "number"),
    Field("name", proposal_text(), "text", order=proposal_order()),
    Field("title", Proposal.title, "text"),
    Field("pi", func.nullif(person_text(), ""), "text"),
    Field("visits", func.coalesce(_STAYS.c.visits, 0), "number"),
    Field("last_visit", _STAYS.c.last_visit, "time"),
    Field("state", Proposal.state, "text"),
    Field("beamlines", _STAYS.c.beamlines, "text"),
)
"""Columns of ``proposals``."""


def proposals(reader: Reader, asked: Asked, offset: int, limit: int) -> Page:
    """The proposals that one may see, with the visits that one may see; the last visited first. One statement."""
    query = (
        _with_pi(select(*(field.expression.label(field.key) for field in FIELDS), func.count().over().label("total")))
        .outerjoin(_STAYS, _STAYS.c.proposal_id == Proposal.proposal_id)
        .where(*conditions(asked, FIELDS))
    )
    order = ordering(asked, FIELDS) or [_STAYS.c.last_visit.is_(None), _STAYS.c.last_visit.desc()]
    found = reader.rows(query.order_by(*order, Proposal.proposal_id.desc()).limit(limit + 1).offset(offset))
    rows = [dict(row._mapping) for row in found[:limit]]
    for row in rows:
        del row["total"]
        row["beamlines"] = ", ".join(sorted(filter(None, (row["beamlines"] or "").split(","))))
    return Page(rows, int(found[0].total) if found else 0 if not offset else None, len(found) <= limit)


def proposal(reader: Reader, name: str) -> Row:
    """One proposal by its name, with counts of its visits, samples and shipments. Three statements; raises NotFound."""
    parsed = parse_name(name)
    if parsed is None or parsed[2] is not None:
        raise NotFound("This proposal")
    found = reader.one(
        _with_pi(
            select(
                Proposal.proposal_id,
                Proposal.code,
                Proposal.number,
                Proposal.title,
                Proposal.kind,
                Proposal.state,
                Person.given_name,
                Person.family_name,
            )
        )
        .where(is_named(parsed[0], parsed[1]))
        .order_by(Proposal.proposal_id.desc()),
        "This proposal",
    )
    key = found.proposal_id
    stays = reader.rows(select(_stays(key)))
    samples = select(func.count()).select_from(_samples(key).subquery("samples"))
    shipped = select(func.count(Shipment.shipment_id)).join(Proposal, Proposal.proposal_id == Shipment.proposal_id)
    counted = reader.rows(
        select(samples.scalar_subquery(), shipped.where(Proposal.proposal_id == key).scalar_subquery())
    )[0]
    return {
        "id": key,
        "name": proposal_name(found.code, found.number),
        "title": found.title,
        "kind": found.kind,
        "state": found.state,
        "pi": person_name(found.given_name, found.family_name) or None,
        "visits": int(stays[0].visits) if stays else 0,
        "last_visit": stays[0].last_visit if stays else None,
        "samples": int(counted[0]),
        "shipments": int(counted[1]),
    }


def people(reader: Reader, proposal_id: int) -> list[Row]:
    """Who is on a proposal: name, login, role; its principal investigator first. Two statements."""
    lead = (
        select(Person.person_id, Person.given_name, Person.family_name, Person.login)
        .join(Proposal, Proposal.person_id == Person.person_id)
        .where(Proposal.proposal_id == proposal_id)
    )
    members = (
        select(Person.person_id, Person.given_name, Person.family_name, Person.login, ProposalHasPerson.role)
        .select_from(Proposal)
        .join(ProposalHasPerson, ProposalHasPerson.proposal_id == Proposal.proposal_id)
        .join(Person, Person.person_id == ProposalHasPerson.person_id)
        .where(Proposal.proposal_id == proposal_id)
        .order_by(Person.family_name, Person.given_name, Person.person_id)
    )
    found: dict[int, Row] = {}
    for row in reader.rows(lead):
        found[row.person_id] = _person(row, "Principal Investigator")
    for row in reader.rows(members):
        found.setdefault(row.person_id, _person(row, row.role))
    return list(found.values())


def _person(row: Any, role: str | None) -> Row:
    return {
        "id": row.person_id,
        "name": person_name(row.given_name, row.family_name),
        "login": row.login,
        "role": role,
    }


def _with_pi(query: Any) -> Any:
    return query.select_from(Proposal).outerjoin(Person, Person.person_id == Proposal.person_id)


# ---- samples --------------------------------------------------------------------------------------------------------


def _samples(proposal_id: int) -> Any:
    """Samples of a proposal, once each: of its proteins, and of what it shipped."""
    columns = (
        Sample.sample_id.label("id"),
        Sample.name.label("name"),
        protein_name().label("protein"),
        Crystal.space_group.label("space_group"),
        Container.code.label("container"),
        Sample.location.label("location"),
        Shipment.name.label("shipment"),
        Sample.status.label("status"),
        Sample.comments.label("comments"),
    )
    made = (
        select(*columns)
        .select_from(Proposal)
        .join(Protein, Protein.proposal_id == Proposal.proposal_id)
        .join(Crystal, Crystal.protein_id == Protein.protein_id)
        .join(Sample, Sample.crystal_id == Crystal.crystal_id)
        .outerjoin(Container, Container.container_id == Sample.container_id)
        .outerjoin(Dewar, Dewar.dewar_id == Container.dewar_id)
        .outerjoin(Shipment, Shipment.shipment_id == Dewar.shipment_id)
        .where(Proposal.proposal_id == proposal_id)
    )
    shipped = (
        select(*columns)
        .select_from(Proposal)
        .join(Shipment, Shipment.proposal_id == Proposal.proposal_id)
        .join(Dewar, Dewar.shipment_id == Shipment.shipment_id)
        .join(Container, Container.dewar_id == Dewar.dewar_id)
        .join(Sample, Sample.container_id == Container.container_id)
        .outerjoin(Crystal, Crystal.crystal_id == Sample.crystal_id)
        .outerjoin(Protein, Protein.protein_id == Crystal.protein_id)
        .where(Proposal.proposal_id == proposal_id, func.coalesce(Protein.proposal_id, -1) != proposal_id)
    )
    return union_all(made, shipped)


def _used(samples: Any) -> Any:
    """Collections of each of these samples."""
    return (
        select(Group.sample_id.label("sample_id"), func.count(Collection.collection_id).label("collections"))
        .select_from(Visit)
        .join(Group, Group.visit_id == Visit.visit_id)
        .join(Collection, Collection.group_id == Group.group_id)
        .where(Group.sample_id.in_(samples))
        .group_by(Group.sample_id)
    )


def _resolved(samples: Any) -> Any:
    """Highest resolution that a successful program reached on each of these samples."""
    return (
        select(Group.sample_id.label("sample_id"), func.min(Statistics.high).label("best_resolution"))
        .select_from(Visit)
        .join(Group, Group.visit_id == Visit.visit_id)
        .join(Collection, Collection.group_id == Group.group_id)
        .join(Integration, Integration.collection_id == Collection.collection_id)
        .join(Program, Program.program_id == Integration.program_id)
        .join(ScalingHasIntegration, ScalingHasIntegration.integration_id == Integration.integration_id)
        .join(Scaling, Scaling.scaling_id == ScalingHasIntegration.scaling_id)
        .join(Statistics, Statistics.scaling_id == Scaling.scaling_id)
        .where(
            Group.sample_id.in_(samples),
            Program.status.in_(OK),
            Statistics.shell == "overall",
            Statistics.high > 0,
        )
        .group_by(Group.sample_id)
    )


_TEXTS = ("name", "protein", "space_group", "container", "location", "shipment", "status", "comments")


def _sample_fields(listed: Any, used: Any, resolved: Any) -> tuple[Field, ...]:
    return (
        Field("id", listed.c.id, "number"),
        *(Field(key, listed.c[key], "text") for key in _TEXTS),
        Field("collections", func.coalesce(used.c.collections, 0), "number", "used"),
        Field("best_resolution", resolved.c.best_resolution, "number", "resolved"),
    )


def samples(reader: Reader, proposal_id: int, asked: Asked, offset: int, limit: int) -> Page:
    """The samples of a proposal, newest first unless asked otherwise. Three statements."""
    listed = _samples(proposal_id).subquery("listed")
    mine = select(listed.c.id)
    used, resolved = _used(mine).subquery("used"), _resolved(mine).subquery("resolved")
    fields = _sample_fields(listed, used, resolved)
    query = select(*(listed.c[key] for key in ("id", *_TEXTS)), func.count().over().label("total"))
    for name in needed(asked, fields):
        other = used if name == "used" else resolved
        query = query.outerjoin(other, other.c.sample_id == listed.c.id)
    query = query.where(*conditions(asked, fields))
    query = query.order_by(*ordering(asked, fields), listed.c.id.desc())
    found = reader.rows(query.limit(limit + 1).offset(offset))
    rows = [{key: row._mapping[key] for key in ("id", *_TEXTS)} for row in found[:limit]]
    _add(reader, rows)
    return Page(rows, int(found[0].total) if found else 0 if not offset else None, len(found) <= limit)


def _add(reader: Reader, rows: Sequence[Row]) -> None:
    ids = [row["id"] for row in rows]
    used = {key: int(count) for key, count in reader.rows(_used(ids))} if ids else {}
    resolved = dict(tuple(row) for row in reader.rows(_resolved(ids))) if ids else {}
    for row in rows:
        row["collections"] = used.get(row["id"], 0)
        row["best_resolution"] = resolved.get(row["id"])


_SAMPLES = _samples(0).subquery("listed")
_SAMPLE_IDS = select(_SAMPLES.c.id)
SAMPLE_FIELDS = _sample_fields(_SAMPLES, _used(_SAMPLE_IDS).subquery(), _resolved(_SAMPLE_IDS).subquery())
"""Keys and kinds of the columns of ``samples``."""
