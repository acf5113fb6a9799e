"""The jump box: what a short text may name."""

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import select

from data.core.names import is_named, parse_name, proposal_name, visit_name
from data.errors import TooSlow
from data.lists import contains
from data.reader import Reader
from data.schema import Collection, Crystal, Group, Proposal, Protein, Sample, Visit

_MOST = 8
_LONGEST = 100
# Text inside a name has no index: who sees whole beamlines searches the visits that began last.
_LATELY = 1000


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing that the text may mean. What it lies in is named as far as it is known."""

    label: str
    detail: str
    kind: Literal["visit", "proposal", "collection", "sample"]
    proposal: str | None = None
    visit: int | None = None
    collection: int | None = None


def jump(reader: Reader, text: str) -> list[Hit]:
    """What ``text`` may name: ``mx415-3``, ``mx415``, a number, a part of a sample's name or of a file prefix.

    At most four statements and 32 hits; a search that takes too long adds nothing.
    """
    text = text.strip()[:_LONGEST]
    if not text:
        return []
    name = parse_name(text)
    found: list[Hit] = []
    if name is not None:
        code, number, visit = name
        found += (
            _visits(reader, code, number, visit) if visit is not None else _proposals(reader, is_named(code, number))
        )
    elif text.isascii() and text.isdigit() and len(text) <= 10:
        found += _collections(reader, Collection.collection_id == int(text))
        found += _proposals(reader, Proposal.number == text)
    if len(text) >= 2:
        for search in (_samples, _prefixes):
            try:
                found += search(reader, text)
            except TooSlow:
                continue
    return list(dict.fromkeys(found))


def _detail(*parts: object) -> str:
    return " · ".join(str(part) for part in parts if part)


def _proposals(reader: Reader, named: Any) -> list[Hit]:
    query = select(Proposal.code, Proposal.number, Proposal.title).where(named)
    return [
        Hit(proposal_name(row.code, row.number), row.title or "", "proposal", proposal_name(row.code, row.number))
        for row in reader.rows(query.order_by(Proposal.proposal_id.desc()).limit(_MOST))
    ]


def _visits(reader: Reader, code: str, number: str, visit: int) -> list[Hit]:
    query = (
        select(Proposal.code, Proposal.number.label("proposal_number"), Visit.number, Visit.beamline, Visit.start)
        .join(Proposal, Proposal.proposal_id == Visit.proposal_id)
        .where(is_named(code, number), Visit.number == visit)
        .order_by(Visit.visit_id.desc())
        .limit(1)
    )
    return [
        Hit(
            visit_name(row.code, row.proposal_number, row.number),
            _detail(row.beamline, row.start and f"{row.start:%Y-%m-%d}"),
            "visit",
            proposal_name(row.code, row.proposal_number),
            row.number,
        )
        for row in reader.rows(query)
    ]


def _collections(reader: Reader, condition: Any) -> list[Hit]:
    query = (
        select(
            Collection.collection_id,
            Collection.prefix,
            Collection.start,
            Proposal.code,
            Proposal.number.label("proposal_number"),
            Visit.number,
        )
        .select_from(Visit)
        .join(Proposal, Proposal.proposal_id == Visit.proposal_id)
        .join(Group, Group.visit_id == Visit.visit_id)
        .join(Collection, Collection.group_id == Group.group_id)
        .where(condition)
        .order_by(Collection.collection_id.desc())
        .limit(_MOST)
    )
    return [
        Hit(
            f"{row.prefix or 'Collection'} ({row.collection_id})",
            _detail(visit_name(row.code, row.proposal_number, row.number), row.start and f"{row.start:%Y-%m-%d %H:%M}"),
            "collection",
            proposal_name(row.code, row.proposal_number),
            row.number,
            row.collection_id,
        )
        for row in reader.rows(query)
    ]


def _wide(reader: Reader) -> bool:
    return reader.scope.everything or bool(reader.scope.beamlines)


def _lately() -> Any:
    newest = select(Visit.visit_id, Visit.proposal_id).order_by(Visit.start.desc(), Visit.visit_id.desc())
    return newest.limit(_LATELY).subquery("lately")


def _prefixes(reader: Reader, text: str) -> list[Hit]:
    condition = contains(Collection.prefix, text)
    if _wide(reader):
        condition = condition & Visit.visit_id.in_(select(_lately().c.visit_id))
    return _collections(reader, condition)


def _samples(reader: Reader, text: str) -> list[Hit]:
    condition = contains(Sample.name, text)
    if _wide(reader):
        condition = condition & Proposal.proposal_id.in_(select(_lately().c.proposal_id))
    query = (
        select(Sample.sample_id, Sample.name, Protein.acronym, Proposal.code, Proposal.number)
        .select_from(Proposal)
        .join(Protein, Protein.proposal_id == Proposal.proposal_id)
        .join(Crystal, Crystal.protein_id == Protein.protein_id)
        .join(Sample, Sample.crystal_id == Crystal.crystal_id)
        .where(condition)
        .order_by(Sample.sample_id.desc())
        .limit(_MOST)
    )
    return [
        Hit(
            row.name,
            _detail("sample", row.acronym, proposal_name(row.code, row.number)),
            "sample",
            proposal_name(row.code, row.number),
        )
        for row in reader.rows(query)
    ]
