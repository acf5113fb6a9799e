"""One sample: what it is, where it travelled, and everything that was collected on it."""

from datetime import datetime
from typing import Any

from sqlalchemy import select

from data.core.names import proposal_name, visit_name
from data.core.status import status
from data.reader import Reader
from data.schema import (
    Collection,
    Container,
    Crystal,
    Dewar,
    ExperimentType,
    Group,
    Proposal,
    Protein,
    Sample,
    Shipment,
    Visit,
)
from data.techniques.collections import comment, protein_name
from data.techniques.experiments import kind, technique
from data.techniques.mx.results import Where, best_of_each, results

Row = dict[str, Any]
MOST = 500
"""Collections at most; the newest are kept."""

_CELL = ("a", "b", "c", "alpha", "beta", "gamma")
_BEST = ("pipeline", "space_group", "high", "r_meas", "cc_half", "completeness", "i_over_sigma")


def sample(reader: Reader, sample_id: int) -> Row:
    """What is known of a sample. One statement; raises NotFound.

    id, name, code, location, support, status, comments, protein (acronym), protein_name, space_group and cell_* as
    expected (Å, °), container, dewar, shipment.
    """
    query = (
        select(
            Sample.sample_id.label("id"),
            Sample.name,
            Sample.code,
            Sample.location,
            Sample.support,
            Sample.status,
            Sample.comments,
            protein_name().label("protein"),
            Protein.name.label("protein_name"),
            Crystal.space_group,
            *(getattr(Crystal, f"cell_{name}") for name in _CELL),
            Container.code.label("container"),
            Dewar.code.label("dewar"),
            Shipment.name.label("shipment"),
        )
        .select_from(Sample)
        .outerjoin(Crystal, Crystal.crystal_id == Sample.crystal_id)
        .outerjoin(Protein, Protein.protein_id == Crystal.protein_id)
        .outerjoin(Container, Container.container_id == Sample.container_id)
        .outerjoin(Dewar, Dewar.dewar_id == Container.dewar_id)
        .outerjoin(Shipment, Shipment.shipment_id == Dewar.shipment_id)
        .where(Sample.sample_id == sample_id)
    )
    return dict(reader.one(query, "This sample")._mapping)


def collections(reader: Reader, sample_id: int) -> list[Row]:
    """The collections of a sample over all visits that one may see, newest first, with the best result of each.

    id, start, prefix, number, kind, technique, status, images, comments, proposal, visit, and pipeline, space_group,
    high (Å), r_meas (%), cc_half, completeness (%), i_over_sigma of the best result by the site's rule, ``best`` for
    the best of all. One statement, and two for each proposal with results.
    """
    query = (
        select(
            Collection.collection_id.label("id"),
            Collection.start,
            Collection.end,
            Collection.status.label("run_status"),
            Collection.prefix,
            Collection.number,
            Collection.images,
            comment().label("comments"),
            kind().label("kind"),
            ExperimentType.proposal_type,
            Visit.number.label("visit_number"),
            Proposal.proposal_id,
            Proposal.code,
            Proposal.number.label("proposal_number"),
        )
        .select_from(Group)
        .join(Visit, Visit.visit_id == Group.visit_id)
        .join(Proposal, Proposal.proposal_id == Visit.proposal_id)
        .join(Collection, Collection.group_id == Group.group_id)
        .outerjoin(ExperimentType, ExperimentType.id == Group.experiment_type_id)
        .where(Group.sample_id == sample_id)
        .order_by(Collection.collection_id.desc())
        .limit(MOST)
    )
    now = datetime.now()
    rows: list[Row] = []
    for found in reader.rows(query):
        row = dict(found._mapping) | dict.fromkeys(_BEST) | {"best": False}
        row["technique"] = technique(row["kind"], row.pop("proposal_type"), row["code"])
        row["status"] = status(row["run_status"], row["end"], row["start"], now)
        row["proposal"] = proposal_name(row["code"], row["proposal_number"])
        row["visit"] = visit_name(row["code"], row["proposal_number"], row["visit_number"])
        rows.append(row)
    _add_best(reader, sample_id, rows)
    return rows


def _add_best(reader: Reader, sample_id: int, rows: list[Row]) -> None:
    proposals = {row["proposal_id"] for row in rows if row["technique"] == "mx"}
    found = [
        row for key in sorted(proposals) for row in results(reader, Where(proposal_id=key, sample_id=sample_id)).rows
    ]
    by_id = {row["id"]: row for row in found}
    best = {row["id"] for row in best_of_each(found, "sample", reader.rule)}
    for row in rows:
        if row["id"] in by_id:
            row |= {key: by_id[row["id"]][key] for key in _BEST} | {"best": row["id"] in best}
