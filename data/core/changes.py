"""What changed since a moment, visit by visit."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from data.core.names import proposal_name, visit_name
from data.core.status import OK
from data.reader import Reader
from data.schema import Collection, Group, Integration, Program, Proposal, Visit

Row = dict[str, Any]

_MOST = 50
_LONGEST = timedelta(days=60)
# Results of collections taken before the moment count too, where the pipelines took their time.
_LATE = timedelta(days=2)


def since(reader: Reader, moment: datetime, limit: int = 30, now: datetime | None = None) -> list[Row]:
    """What happened after ``moment`` in the visits that one may see, latest first. Three statements.

    ``kind`` is visit, collections or results; with ``text``, ``detail``, ``time``, ``count``, ``proposal``, ``number``.
    Only the 50 visits that began last are looked into, of those not long over at the moment.
    """
    query = (
        select(
            Visit.visit_id,
            Visit.number,
            Visit.beamline,
            Visit.start,
            Proposal.code,
            Proposal.number.label("proposal_number"),
            Proposal.title,
        )
        .join(Proposal, Proposal.proposal_id == Visit.proposal_id)
        .where(Visit.end >= moment - _LATE, Visit.start >= moment - _LONGEST, Visit.start <= (now or datetime.now()))
        .order_by(Visit.start.desc(), Visit.visit_id.desc())
        .limit(_MOST)
    )
    visits = {row.visit_id: row for row in reader.rows(query)}
    if not visits:
        return []
    found = [
        _change(row, "visit", 1, "began", row.start) for row in visits.values() if row.start and row.start >= moment
    ]
    ids = list(visits)
    collected = (
        select(Visit.visit_id, func.count(Collection.collection_id), func.max(Collection.start))
        .join(Group, Group.visit_id == Visit.visit_id)
        .join(Collection, Collection.group_id == Group.group_id)
        .where(Visit.visit_id.in_(ids), Collection.start >= moment)
        .group_by(Visit.visit_id)
    )
    for key, count, last in reader.rows(collected):
        found.append(_change(visits[key], "collections", int(count), f"{count} new collection{_s(count)}", last))
    when = func.coalesce(Program.end, Program.recorded)
    finished = (
        select(Visit.visit_id, func.count(Program.program_id.distinct()), func.max(when))
        .join(Group, Group.visit_id == Visit.visit_id)
        .join(Collection, Collection.group_id == Group.group_id)
        .join(Integration, Integration.collection_id == Collection.collection_id)
        .join(Program, Program.program_id == Integration.program_id)
        .where(
            Visit.visit_id.in_(ids),
            Collection.start >= moment - _LATE,
            Program.status.in_(OK),
            when >= moment,
        )
        .group_by(Visit.visit_id)
    )
    for key, count, last in reader.rows(finished):
        found.append(_change(visits[key], "results", int(count), f"{count} new result{_s(count)}", last))
    return sorted(found, key=lambda row: (row["time"], row["text"]), reverse=True)[:limit]


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def _change(row: Any, kind: str, count: int, words: str, time: datetime) -> Row:
    name = visit_name(row.code, row.proposal_number, row.number)
    return {
        "kind": kind,
        "count": count,
        "text": f"{name}: {words}" if kind != "visit" else f"{name} {words}",
        "detail": " · ".join(part for part in (row.beamline, row.title) if part),
        "time": time,
        "proposal": proposal_name(row.code, row.proposal_number),
        "number": row.number,
    }
