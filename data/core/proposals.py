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
    samples = select(func.count()).select_from(_sample_ids(key))
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


def _ways(proposal_id: int, made: Any, shipped: Any) -> tuple[Any, Any]:
    """The two ways to the samples of a proposal, each sample by one: of its proteins, and others that it shipped."""
    made = (
        made.select_from(Proposal)
        .join(Protein, Protein.proposal_id == Proposal.proposal_id)
        .join(Crystal, Crystal.protein_id == Protein.protein_id)
        .join(Sample, Sample.crystal_id == Crystal.crystal_id)
        .where(Proposal.proposal_id == proposal_id)
    )
    shipped = (
        shipped.select_from(Proposal)
        .join(Shipment, Shipment.proposal_id == Proposal.proposal_id)
        .join(Dewar, Dewar.shipment_id == Shipment.shipment_id)
        .join(Container, Container.dewar_id == Dewar.dewar_id)
        .join(Sample, Sample.container_id == Container.container_id)
        .outerjoin(Crystal, Crystal.crystal_id == Sample.crystal_id)
        .outerjoin(Protein, Protein.protein_id == Crystal.protein_id)
        .where(Proposal.proposal_id == proposal_id, func.coalesce(Protein.proposal_id, -1) != proposal_id)
    )
    return made, shipped


def _samples(proposal_id: int) -> Any:
    """The samples of a proposal with what is told of them."""
    columns = select(
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
    made, shipped = _ways(proposal_id, columns, columns)
    made = (
        made.outerjoin(Container, Container.container_id == Sample.container_id)
        .outerjoin(Dewar, Dewar.dewar_id == Container.dewar_id)
        .outerjoin(Shipment, Shipment.shipment_id == Dewar.shipment_id)
    )
    return union_all(made, shipped)


def _sample_ids(proposal_id: int) -> Any:
    column = select(Sample.sample_id.label("id"))
    return union_all(*_ways(proposal_id, column, column)).subquery("sample_ids")


def _collections(query: Any) -> Any:
    """``query`` over samples, continued to their collections."""
    return (
        query.join(Group, Group.sample_id == Sample.sample_id)
        .join(Visit, Visit.visit_id == Group.visit_id)
        .join(Collection, Collection.group_id == Group.group_id)
    )


def _results(query: Any) -> Any:
    """``query`` over collections, continued to the overall statistics of their successful programs."""
    return (
        query.join(Integration, Integration.collection_id == Collection.collection_id)
        .join(Program, Program.program_id == Integration.program_id)
        .join(ScalingHasIntegration, ScalingHasIntegration.integration_id == Integration.integration_id)
        .join(Scaling, Scaling.scaling_id == ScalingHasIntegration.scaling_id)
        .join(Statistics, Statistics.scaling_id == Scaling.scaling_id)
        .where(Program.status.in_(OK), Statistics.shell == "overall", Statistics.high > 0)
    )


def _used(ids: Sequence[int]) -> Any:
    """Collections of each of these samples."""
    query = select(Sample.sample_id, func.count(Collection.collection_id)).select_from(Sample)
    return _collections(query).where(Group.sample_id.in_(ids)).group_by(Sample.sample_id)


def _resolved(ids: Sequence[int]) -> Any:
    """Highest resolution that a successful program reached on each of these samples."""
    query = select(Sample.sample_id, func.min(Statistics.high)).select_from(Sample)
    return _results(_collections(query)).where(Group.sample_id.in_(ids)).group_by(Sample.sample_id)


def _used_of(proposal_id: int) -> Any:
    column = select(Sample.sample_id.label("sample_id"), Collection.collection_id.label("value"))
    found = union_all(*map(_collections, _ways(proposal_id, column, column))).subquery("used_samples").c
    return select(found.sample_id, func.count(found.value).label("value")).group_by(found.sample_id).subquery("used")


def _resolved_of(proposal_id: int) -> Any:
    column = select(Sample.sample_id.label("sample_id"), Statistics.high.label("value"))
    ways = (_results(_collections(way)) for way in _ways(proposal_id, column, column))
    found = union_all(*ways).subquery("resolved_samples").c
    return select(found.sample_id, func.min(found.value).label("value")).group_by(found.sample_id).subquery("resolved")


_TEXTS = ("name", "protein", "space_group", "container", "location", "shipment", "status", "comments")


def _sample_fields(listed: Any, joined: dict[str, Any]) -> tuple[Field, ...]:
    return (
        Field("id", listed.c.id, "number"),
        *(Field(key, listed.c[key], "text") for key in _TEXTS),
        Field("collections", func.coalesce(joined["used"].c.value, 0), "number", "used"),
        Field("best_resolution", joined["resolved"].c.value, "number", "resolved"),
    )


def samples(reader: Reader, proposal_id: int, asked: Asked, offset: int, limit: int) -> Page:
    """The samples of a proposal, newest first unless asked otherwise. Three statements."""
    listed = _samples(proposal_id).subquery("listed")
    joined = {"used": _used_of(proposal_id), "resolved": _resolved_of(proposal_id)}
    fields = _sample_fields(listed, joined)
    query = select(*(listed.c[key] for key in ("id", *_TEXTS)), func.count().over().label("total"))
    for name in needed(asked, fields):
        query = query.outerjoin(joined[name], joined[name].c.sample_id == listed.c.id)
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


SAMPLE_FIELDS = _sample_fields(_samples(0).subquery("listed"), {"used": _used_of(0), "resolved": _resolved_of(0)})
"""Keys and kinds of the columns of ``samples``."""
