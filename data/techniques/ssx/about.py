"""What ISPyB says of one serial run before any frame is counted."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from data.core.names import visit_name
from data.errors import NotFound
from data.reader import Reader
from data.schema import Collection, Event, EventChain, EventType, Group, Proposal, SSXCollection, SSXResult, Visit
from data.techniques import experiments
from data.techniques.ssx.pattern import Chain, Happening


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """One run: when it began and ended (None: it goes on), images wanted, expected frames a second, its event chains.

    ``stated_hits`` and ``stated_indexed`` are fractions from a result row of the site, where there is one.
    """

    collection_id: int
    visit_id: int
    visit: str
    beamline: str | None
    start: datetime | None
    end: datetime | None
    images: int | None
    first_image: int
    frames_per_second: float | None
    chip: str | None
    chains: tuple[Chain, ...]
    directory: str | None
    prefix: str | None
    stated_hits: float | None
    stated_indexed: float | None
    stated_by: str | None


def about(reader: Reader, collection_id: int) -> About:
    """The run of a collection. Three statements. Raises NotFound where it is absent, hidden, or no serial run."""
    row = reader.one(
        select(
            Collection.collection_id,
            Visit.visit_id,
            Visit.beamline,
            Visit.number.label("visit_number"),
            Proposal.code,
            Proposal.number.label("proposal_number"),
            Group.experiment,
            Collection.start,
            Collection.end,
            Collection.images,
            Collection.first_image,
            Collection.exposure,
            Collection.directory,
            Collection.prefix,
            SSXCollection.repetition_rate,
            SSXCollection.chip_model,
        )
        .select_from(Visit)
        .join(Proposal, Proposal.proposal_id == Visit.proposal_id)
        .join(Group, Group.visit_id == Visit.visit_id)
        .join(Collection, Collection.group_id == Group.group_id)
        .outerjoin(SSXCollection, SSXCollection.collection_id == Collection.collection_id)
        .where(Collection.collection_id == collection_id),
        "This run",
    )
    if row.experiment not in experiments.SSX:
        raise NotFound("This run")
    # Some beamlines write a repetition rate of 0.
    rate = row.repetition_rate or (1 / row.exposure if row.exposure else None)
    stated = reader.rows(
        select(SSXResult.hit_rate, SSXResult.indexing_rate, SSXResult.stage)
        .where(SSXResult.collection_id == collection_id)
        .order_by(SSXResult.stage.desc(), SSXResult.id.desc())
        .limit(20)
    )
    best = next((one for one in stated if one.stage == "Final"), stated[0] if stated else None)
    return About(
        collection_id=collection_id,
        visit_id=row.visit_id,
        visit=visit_name(row.code, row.proposal_number, row.visit_number) or "",
        beamline=row.beamline,
        start=row.start,
        end=row.end,
        images=row.images,
        first_image=row.first_image or 1,
        frames_per_second=float(rate) if rate else None,
        chip=row.chip_model,
        chains=_chains(reader, collection_id),
        directory=row.directory,
        prefix=row.prefix,
        stated_hits=_fraction(best.hit_rate if best else None),
        stated_indexed=_fraction(best.indexing_rate if best else None),
        stated_by=best.stage if best else None,
    )


def _fraction(value: float | None) -> float | None:
    return None if value is None else float(value) / 100 if value > 1 else float(value)


def _chains(reader: Reader, collection_id: int) -> tuple[Chain, ...]:
    found: dict[int, tuple[str, list[Happening]]] = {}
    for row in reader.rows(
        select(
            EventChain.chain_id,
            EventChain.name,
            EventType.name.label("kind"),
            Event.offset,
            Event.duration,
            Event.repetition,
        )
        .select_from(EventChain)
        .outerjoin(Event, Event.chain_id == EventChain.chain_id)
        .outerjoin(EventType, EventType.id == Event.type_id)
        .where(EventChain.collection_id == collection_id)
        .order_by(EventChain.chain_id, Event.offset)
    ):
        _, events = found.setdefault(row.chain_id, (row.name or "", []))
        if row.kind is not None:
            events.append(Happening(row.kind, row.offset or 0.0, row.duration, row.repetition))
    return tuple(Chain(name, tuple(events)) for name, events in found.values())
