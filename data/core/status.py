"""How a collection and a run of a pipeline stand, from what sites write of them.

Each rule is there twice, for rows and for SQL; a test holds them together.
"""

from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, case, func, or_

from data.schema import Collection, Program

Status = Literal["running", "finished", "failed", "stopped", "unknown"]
State = Literal["ok", "failed", "running"]

# In this order: "unsuccessful" holds "success".
_WORDS: tuple[tuple[Status, tuple[str, ...]], ...] = (
    ("failed", ("unsuccess", "fail", "error", "crash")),
    ("stopped", ("stop", "abort", "cancel", "interrupt")),
    ("finished", ("success", "finish", "complete")),
    ("running", ("running", "started", "collecting", "in progress")),
)
# Beamlines write "unsuccessful" at the start and correct it at the end: for so long it says nothing.
_NOT_YET, _OPENING = "unsuccess", timedelta(hours=1)
# Without a word and without an end, a collection is taken as running for so long after its start.
_LONGEST = timedelta(days=1)

OK, FAILED = ("1", "SUCCESS"), ("0", "FAILED")


def status(run_status: str | None, end: datetime | None, start: datetime | None, now: datetime) -> Status:
    """The status of a collection, from the beamline's words, else from its times."""
    words = (run_status or "").lower()
    if _NOT_YET in words and end is None and start is not None and now - _OPENING <= start <= now + _OPENING:
        return "running"
    for found, signs in _WORDS:
        if any(sign in words for sign in signs):
            return found
    if end is not None:
        return "finished"
    return "running" if start is not None and now - _LONGEST <= start <= now + _LONGEST else "unknown"


def status_of_collection(now: datetime) -> ColumnElement[str]:
    """The same as an expression over Collection."""
    words = func.lower(func.coalesce(Collection.status, ""))
    recent = and_(Collection.start >= now - _LONGEST, Collection.start <= now + _LONGEST)
    opening = and_(Collection.start >= now - _OPENING, Collection.start <= now + _OPENING)
    return case(
        (and_(words.like(f"%{_NOT_YET}%"), Collection.end.is_(None), opening), "running"),
        *((or_(*(words.like(f"%{sign}%") for sign in signs)), found) for found, signs in _WORDS),
        (Collection.end.is_not(None), "finished"),
        (recent, "running"),
        else_="unknown",
    )


def state(program_status: str | None) -> State:
    """How a run of a pipeline stands; Diamond writes 1, 0 or nothing, ESRF words."""
    if program_status in OK:
        return "ok"
    return "failed" if program_status in FAILED else "running"


def state_of_program() -> Any:
    """The same as an expression over Program."""
    return case((Program.status.in_(OK), "ok"), (Program.status.in_(FAILED), "failed"), else_="running")
