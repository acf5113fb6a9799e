"""What the lists of collections of all techniques have in common: where rows come from, shared columns, and paging.

A list asks for the ids of a page first, by key and without OFFSET where it is in its own order, then for what stands in
the columns by those ids. Rows come from the groups of the visit: not every writer sets the collection's own visit.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select, union

from data.core.status import state_of_program, status_of_collection
from data.errors import TooMany
from data.lists import Asked, Field, conditions, needed, ordering
from data.query import Query
from data.reader import Reader
from data.schema import (
    Collection,
    Crystal,
    ExperimentType,
    Group,
    Integration,
    Job,
    Program,
    Proposal,
    Protein,
    Sample,
    Visit,
)
from data.techniques.experiments import Key, kind, technique_of_group

HC = 12.398419843320026
"""Energy in keV times wavelength in Å (CODATA 2018)."""

Row = dict[str, Any]
Joins = Mapping[str, Callable[[Any], Any]]


def of_visit(query: Any, visit_id: int) -> Any:
    """``query`` over the collections of a visit: Visit, Proposal, Group, ExperimentType, Collection."""
    return (
        query.select_from(Visit)
        .join(Proposal, Proposal.proposal_id == Visit.proposal_id)
        .join(Group, Group.visit_id == Visit.visit_id)
        .join(Collection, Collection.group_id == Group.group_id)
        .outerjoin(ExperimentType, ExperimentType.id == Group.experiment_type_id)
        .where(Visit.visit_id == visit_id)
    )


def with_sample(query: Any) -> Any:
    """``query`` with the group's sample and its protein."""
    return (
        query.outerjoin(Sample, Sample.sample_id == Group.sample_id)
        .outerjoin(Crystal, Crystal.crystal_id == Sample.crystal_id)
        .outerjoin(Protein, Protein.protein_id == Crystal.protein_id)
    )


def energy() -> Any:
    """Photon energy in keV as an expression."""
    return HC / func.nullif(Collection.wavelength, 0.0)


def micrometres(column: Any) -> Any:
    """A beam size in µm: ISPyB's unit is mm, and some writers give µm, which no beam is small enough to confuse."""
    return case((column < 1, column * 1000.0), else_=column)


def protein_name() -> Any:
    """Acronym of the protein, else its name, as an expression."""
    return func.coalesce(func.nullif(Protein.acronym, ""), Protein.name)


def comment() -> Any:
    """Comment of the collection, else of its group, as an expression."""
    return func.coalesce(func.nullif(Collection.comments, ""), Group.comments)


def shared_fields(now: datetime) -> tuple[Field, ...]:
    """Columns that every technique lists."""
    c = Collection
    return (
        Field("id", c.collection_id, "number"),
        Field("number", c.number, "number"),
        Field("start", c.start, "time"),
        Field("end", c.end, "time"),
        Field("sample", Sample.name, "text", "sample"),
        Field("protein", protein_name(), "text", "sample"),
        Field("prefix", c.prefix, "text"),
        Field("template", c.template, "text"),
        Field("kind", kind(), "text"),
        Field("images", c.images, "number"),
        Field("wavelength", c.wavelength, "number"),
        Field("energy", energy(), "number"),
        Field("resolution", c.resolution, "number"),
        Field("exposure", c.exposure, "number"),
        Field("transmission", c.transmission, "number"),
        Field("flux", c.flux, "number"),
        Field("axis_range", c.axis_range, "number"),
        Field("rotation", c.axis_range * c.images, "number"),
        Field("beam_size_x", micrometres(c.beam_size_x), "number"),
        Field("beam_size_y", micrometres(c.beam_size_y), "number"),
        Field("comments", comment(), "text"),
        Field("status", status_of_collection(now), "text"),
        Field("run_status", c.status, "text"),
    )


@dataclass(frozen=True, slots=True)
class Ids:
    """The ids of one page, in its order."""

    ids: list[int]
    total: int | None
    done: bool


Cursor = tuple[int, int]
"""A place in a list's own order: group and collection."""
Columns = Callable[[Sequence[int] | None], tuple[Sequence[Field], Joins]]
"""The columns of a list and their joins, over all of the visit or over these collections alone."""

_GROUPS = 4  # groups looked through for a collection of the page, before all are
MOST_SUMMED = 5_000
"""Collections whose images or movies are summed up for one question, at most."""


def page_ids(
    reader: Reader,
    technique: Key,
    visit_id: int,
    columns: Columns,
    asked: Asked,
    offset: int,
    limit: int,
    before: Cursor | None,
    summed: frozenset[str] = frozenset(),
) -> Ids:
    """Which collections the page shows. One statement, two where a column of the joins ``summed`` counts.

    A whole list's own order is by group, newest first, and within a group by collection; a filtered one's is by
    collection. ``before``: continue below this collection, for lists in their own order; then ``offset`` counts from
    there. The total is counted where the answer needs all rows anyway: filtered or sorted, and not continued.

    ``summed``: joins that read images or movies. What they are to compare is found first; raises TooMany where that is
    more than ``MOST_SUMMED`` collections.
    """
    if asked.plain and not offset:
        return _newest(reader, technique, visit_id, limit, before)
    fields, joins = columns(None)
    if needed(asked, fields) & summed:
        fields, joins = columns(_to_sum(reader, technique, visit_id, fields, joins, asked, summed))
    order = ordering(asked, fields)
    counted = (bool(order) or asked.narrowed) and before is None
    query = of_visit(select(Collection.collection_id, *((func.count().over(),) if counted else ())), visit_id)
    for name in needed(asked, fields):
        query = joins[name](query)
    query = query.where(technique_of_group() == technique, *conditions(asked, fields))
    if not order and before is not None:
        query = query.where(Collection.collection_id < before[1] if asked.narrowed else _below(before))
    last = Collection.collection_id.desc() if asked.descending or not order else Collection.collection_id.asc()
    by_group = () if order or asked.narrowed else (Group.group_id.desc(),)
    query = query.order_by(*order, *by_group, last).limit(limit + 1)
    rows = reader.rows(query.offset(offset) if offset else query)
    total = (int(rows[0][1]) if rows else 0 if not offset else None) if counted else None
    return Ids([row[0] for row in rows[:limit]], total, len(rows) <= limit)


def _to_sum(
    reader: Reader,
    technique: Key,
    visit_id: int,
    fields: Sequence[Field],
    joins: Joins,
    asked: Asked,
    summed: frozenset[str],
) -> list[int]:
    """The collections that fulfil all conditions which need no sum. One statement; raises TooMany."""
    cheap = [field for field in fields if not summed.intersection(field.needs.split())]
    query = of_visit(select(Collection.collection_id), visit_id)
    for name in needed(Asked(filters=asked.filters, search=asked.search), cheap):
        query = joins[name](query)
    query = query.where(technique_of_group() == technique, *conditions(asked, cheap))
    found = reader.rows(query.limit(MOST_SUMMED + 1))
    if len(found) > MOST_SUMMED:
        raise TooMany(
            f"To sort or filter by this column, the images or movies of more than {MOST_SUMMED:,} collections would "
            "have to be summed up. Filter the list first, by sample, type or time, or choose another column."
        )
    return [row[0] for row in found]


def fitting(
    reader: Reader, technique: Key, visit_id: int, columns: Columns, asked: Asked, ids: Sequence[int]
) -> list[int]:
    """Which of these collections fulfil the conditions. One statement."""
    fields, joins = columns(ids)
    query = of_visit(select(Collection.collection_id), visit_id)
    for name in needed(Asked(filters=asked.filters, search=asked.search), fields):
        query = joins[name](query)
    query = query.where(
        Collection.collection_id.in_(ids), technique_of_group() == technique, *conditions(asked, fields)
    )
    return [row[0] for row in reader.rows(query.order_by(Collection.collection_id.desc()))]


def _newest(reader: Reader, technique: Key, visit_id: int, limit: int, before: Cursor | None) -> Ids:
    """The next page of a list in its own order: as many groups as it needs, by index, and only their collections.

    Sorting the collections themselves would read all of the visit: 80,000 rows instead of 300 for one of 25,000.
    """
    if before is not None:
        found = _after(reader, technique, visit_id, limit, before, _GROUPS * (limit + 1))
        if not found.done:
            return found
    return _after(reader, technique, visit_id, limit, before, None)


def _after(reader: Reader, technique: Key, visit_id: int, limit: int, before: Cursor | None, most: int | None) -> Ids:
    """The page after this place, out of the next ``most`` groups or of all.

    Without ``most`` the server may sort all that is left of the visit, where it takes the types of experiment together.
    """
    near = of_visit(select(Group.group_id), visit_id).where(technique_of_group() == technique)
    if before is not None:
        near = near.where(Group.group_id <= before[0], _below(before))
        if most is not None:
            next_ones = (
                select(Group.group_id)
                .select_from(Visit)
                .join(Group, Group.visit_id == Visit.visit_id)
                .where(Visit.visit_id == visit_id, Group.group_id <= before[0])
                .order_by(Group.group_id.desc())
                .limit(most)
                .subquery("next_ones")
            )
            near = near.join(next_ones, next_ones.c.group_id == Group.group_id)
    near = near.order_by(Group.group_id.desc()).limit(limit + 1).subquery("near")
    groups = select(near.c.group_id).distinct().subquery("groups")
    query = (
        select(Collection.collection_id)
        .select_from(Visit)
        .join(Group, Group.visit_id == Visit.visit_id)
        .join(groups, groups.c.group_id == Group.group_id)
        .join(Collection, Collection.group_id == Group.group_id)
        .where(Visit.visit_id == visit_id)
    )
    if before is not None:
        query = query.where(_below(before))
    query = query.order_by(Group.group_id.desc(), Collection.collection_id.desc()).limit(limit + 1)
    rows = reader.rows(query)
    return Ids([row[0] for row in rows[:limit]], None, len(rows) <= limit)


def _below(place: Cursor) -> ColumnElement[bool]:
    """What comes after this place in a list's own order."""
    group, collection = place
    return or_(Group.group_id < group, and_(Group.group_id == group, Collection.collection_id < collection))


def newer_ids(reader: Reader, technique: Key, visit_id: int, after_id: int, limit: int = 200) -> list[int]:
    """Collections with a higher id, newest first. One statement."""
    query = of_visit(select(Collection.collection_id), visit_id).where(
        Collection.collection_id > after_id, technique_of_group() == technique
    )
    return [row[0] for row in reader.rows(query.order_by(Collection.collection_id.desc()).limit(limit))]


def count_of(reader: Reader, technique: Key, visit_id: int) -> int:
    """Collections of the technique in the visit. One statement."""
    query = of_visit(select(func.count(Collection.collection_id)), visit_id)
    return int(reader.scalar(query.where(technique_of_group() == technique)) or 0)


def rows_by_id(
    reader: Reader,
    visit_id: int,
    ids: Sequence[int],
    fields: Sequence[Field],
    joins: Joins,
    technique: Key | None = None,
) -> dict[int, Row]:
    """The given columns of collections of the visit, by id; only those of ``technique``, where it is given.

    One statement, none without ids.
    """
    if not ids:
        return {}
    query = of_visit(select(*_row_columns(fields)), visit_id)
    for join in joins.values():
        query = join(query)
    if technique is not None:
        query = query.where(technique_of_group() == technique)
    found = {}
    for row in reader.rows(query.where(Collection.collection_id.in_(ids))):
        values = _row_of(dict(row._mapping))
        found[values["id"]] = values
    return found


_MICROSCOPE = ("voltage", "magnification", "pixel_size", "dose")


def microscope_fields() -> tuple[Field, ...]:
    """What a microscope writes with a collection: kV, ×, Å per pixel, e/Å²."""
    c = Collection
    columns = (c.voltage, c.magnification, c.pixel_on_image, c.exposed_dose)
    return tuple(Field(key, column, "number") for key, column in zip(_MICROSCOPE, columns, strict=True))


def _row_columns(fields: Sequence[Field]) -> tuple[Any, ...]:
    return (
        *(field.expression.label(field.key) for field in fields),
        Sample.sample_id,
        Group.group_id,
        Collection.first_image,
        (func.coalesce(Collection.snapshot_1, "") != "").label("snapshot"),
    )


def _row_of(values: Row) -> Row:
    values["snapshot"] = bool(values["snapshot"])
    return tidy(values, "energy", "rotation", "beam_size_x", "beam_size_y")


def beginnings(now: datetime) -> tuple[tuple[Any, ...], Callable[[Any], Any]]:
    """What all lists show of a collection that has just begun: the columns, and the joins that they stand on."""
    columns = (technique_of_group(), *_row_columns((*shared_fields(now), *microscope_fields())))

    def join(query: Any) -> Any:
        return with_sample(
            query.select_from(Collection)
            .join(Group, Group.group_id == Collection.group_id)
            .join(Visit, Visit.visit_id == Group.visit_id)
            .join(Proposal, Proposal.proposal_id == Visit.proposal_id)
            .outerjoin(ExperimentType, ExperimentType.id == Group.experiment_type_id)
        )

    return columns, join


_BEGUN = tuple(column.key for column in beginnings(datetime(2000, 1, 1))[0][1:])


def first_row(values: Sequence[Any]) -> tuple[str, Row]:
    """The technique, and the row, from the values of ``beginnings``."""
    return str(values[0]), _row_of(dict(zip(_BEGUN, values[1:], strict=True)))


def tidy(row: Row, *keys: str) -> Row:
    """``row`` with these values as numbers of 7 digits: what a FLOAT column holds, without what arithmetic added."""
    for key in keys:
        if row.get(key) is not None:
            row[key] = float(f"{float(row[key]):.7g}")
    return row


# ---- runs of pipelines ----------------------------------------------------------------------------------------------


def runs_of(
    visit_id: int,
    ids: Sequence[int] | None = None,
    columns: Sequence[Any] = (),
    join: Callable[[Any], Any] = lambda query: query,
) -> Query:
    """Runs of pipelines on the collections of a visit, once each: collection_id, program_id, state, and ``columns``.

    A run is found through its integration, its job, or the collection that ESRF writes on it. ``join`` adds what the
    columns stand on.
    """

    def run() -> Any:
        state = state_of_program().label("state")
        own = (Collection.collection_id.label("collection_id"), Program.program_id.label("program_id"), state)
        return _over_visit(select(*own, *columns), visit_id, ids)

    integration = (
        run()
        .join(Integration, Integration.collection_id == Collection.collection_id)
        .join(Program, Program.program_id == Integration.program_id)
    )
    job = run().join(Job, Job.collection_id == Collection.collection_id).join(Program, Program.job_id == Job.job_id)
    direct = run().join(Program, Program.collection_hint == Collection.collection_id)
    return select(union(*map(join, (integration, job, direct))).subquery("runs"))


def _over_visit(query: Any, visit_id: int, ids: Sequence[int] | None) -> Any:
    query = (
        query.select_from(Visit)
        .join(Group, Group.visit_id == Visit.visit_id)
        .join(Collection, Collection.group_id == Group.group_id)
        .where(Visit.visit_id == visit_id)
    )
    return query if ids is None else query.where(Collection.collection_id.in_(ids))


def run_counts(visit_id: int, ids: Sequence[int] | None = None) -> Select[*tuple[Any, ...]]:
    """Runs that succeeded, failed, run, of each collection that has any."""
    runs = runs_of(visit_id, ids).subquery("run_states").c
    count = {name: func.sum(case((runs.state == name, 1), else_=0)) for name in ("ok", "failed", "running")}
    return select(
        runs.collection_id,
        *(expression.label(f"programs_{name}") for name, expression in count.items()),
    ).group_by(runs.collection_id)
