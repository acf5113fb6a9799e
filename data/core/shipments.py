"""What a proposal sent: shipments, the dewars in them, the containers in those, and the samples."""

from typing import Any

from sqlalchemy import select

from data.reader import Reader
from data.schema import Container, Crystal, Dewar, Proposal, Protein, Sample, Shipment
from data.techniques.collections import protein_name

Row = dict[str, Any]


def shipments(reader: Reader, proposal_id: int) -> list[Row]:
    """The tree of a proposal, newest shipment first. Four statements.

    Each shipment has ``dewars``, each of these ``containers``, each of these ``samples``; ``count_*`` counts what is
    below, at any depth.
    """
    tree = _rows(
        reader,
        select(
            Shipment.shipment_id.label("id"),
            Shipment.name,
            Shipment.status,
            Shipment.created,
            Shipment.courier,
            Shipment.safety_level,
            Shipment.comments,
        )
        .select_from(Proposal)
        .join(Shipment, Shipment.proposal_id == Proposal.proposal_id)
        .where(Proposal.proposal_id == proposal_id)
        .order_by(Shipment.shipment_id.desc()),
    )
    dewars = _rows(
        reader,
        _below(
            select(
                Dewar.dewar_id.label("id"),
                Dewar.shipment_id.label("parent"),
                Dewar.code,
                Dewar.kind,
                Dewar.barcode,
                Dewar.status,
                Dewar.location,
                Dewar.tracking_to,
                Dewar.tracking_from,
                Dewar.comments,
            ),
            proposal_id,
        ).order_by(Dewar.dewar_id),
    )
    containers = _rows(
        reader,
        _below(
            select(
                Container.container_id.label("id"),
                Container.dewar_id.label("parent"),
                Container.code,
                Container.kind,
                Container.barcode,
                Container.capacity,
                Container.status,
                Container.beamline,
                Container.changer_position,
            ),
            proposal_id,
        )
        .join(Container, Container.dewar_id == Dewar.dewar_id)
        .order_by(Container.container_id),
    )
    samples = _rows(
        reader,
        _below(
            select(
                Sample.sample_id.label("id"),
                Sample.container_id.label("parent"),
                Sample.name,
                Sample.location,
                protein_name().label("protein"),
                Sample.status,
                Sample.comments,
            ),
            proposal_id,
        )
        .join(Container, Container.dewar_id == Dewar.dewar_id)
        .join(Sample, Sample.container_id == Container.container_id)
        .outerjoin(Crystal, Crystal.crystal_id == Sample.crystal_id)
        .outerjoin(Protein, Protein.protein_id == Crystal.protein_id)
        .order_by(Sample.sample_id),
    )
    samples.sort(key=lambda row: _position(row["location"]))
    _hang(samples, containers, "samples")
    _hang(containers, dewars, "containers")
    _hang(dewars, tree, "dewars")
    for container in containers:
        container["count_samples"] = len(container["samples"])
    for dewar in dewars:
        dewar["count_containers"] = len(dewar["containers"])
        dewar["count_samples"] = sum(one["count_samples"] for one in dewar["containers"])
    for shipment in tree:
        shipment["count_dewars"] = len(shipment["dewars"])
        for below in ("count_containers", "count_samples"):
            shipment[below] = sum(one[below] for one in shipment["dewars"])
    return tree


def _rows(reader: Reader, query: Any) -> list[Row]:
    return [dict(row._mapping) for row in reader.rows(query)]


def _below(query: Any, proposal_id: int) -> Any:
    return (
        query.select_from(Proposal)
        .join(Shipment, Shipment.proposal_id == Proposal.proposal_id)
        .join(Dewar, Dewar.shipment_id == Shipment.shipment_id)
        .where(Proposal.proposal_id == proposal_id)
    )


def _position(location: str | None) -> tuple[int, str]:
    """Position 2 before 10; positions that are no number after them."""
    text = location or ""
    return (int(text), "") if text.isascii() and text.isdigit() else (10**9, text)


def _hang(children: list[Row], parents: list[Row], name: str) -> None:
    at = {parent["id"]: parent.setdefault(name, []) for parent in parents}
    for child in children:
        place = at.get(child.pop("parent"))
        if place is not None:
            place.append(child)
