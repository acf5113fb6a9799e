"""The audit trail: what happened at the gate and on the pages of administrators."""

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Connection, Engine, func, insert, or_, select
from sqlalchemy.sql import ColumnElement

from auth.database import reading
from auth.records import AuditRow, TrailFilter
from auth.tables import AUDIT

_MOST_WORDS: Final = 8
_CLOCKS: Final = 300.0  # seconds by which the clocks of hosts that share the database may differ
_COLUMNS: Final = (AUDIT.c.time, AUDIT.c.kind, AUDIT.c.login, AUDIT.c.address, AUDIT.c.detail, AUDIT.c.id)


class Trail:
    """Rows are added and read, never changed."""

    def __init__(self, engine: Engine, clock: Callable[[], float]) -> None:
        self._engine, self._clock = engine, clock

    def record(self, kind: str, *, login: str = "", address: str = "", detail: str = "") -> None:
        """Add a row. Line breaks and the like are replaced, long texts cut."""
        with self._engine.begin() as connection:
            self._add(connection, kind, login, address, detail)

    def _add(self, connection: Connection, kind: str, login: str, address: str, detail: str) -> None:
        connection.execute(
            insert(AUDIT).values(
                time=self._clock(),
                kind=plain(kind, 32),
                login=plain(login, 255),
                address=plain(address, 64),
                detail=plain(detail, 1000),
            )
        )

    def page(self, wanted: TrailFilter, *, before: int | None = None, limit: int = 100) -> list[AuditRow]:
        """The newest rows that fit, newest first; those older than the row of id ``before`` where one is given."""
        query = select(*_COLUMNS).where(*_conditions(wanted))
        if before is not None:
            query = query.where(AUDIT.c.id < before)
        with reading(self._engine) as connection:
            query = query.where(*_bounds(connection, wanted))
            return [AuditRow(*row) for row in connection.execute(query.order_by(AUDIT.c.id.desc()).limit(limit))]


def _bounds(connection: Connection, wanted: TrailFilter) -> list[ColumnElement[bool]]:
    """Ids grow with time, but for the clocks of several hosts: what is far outside is not gone through.

    Asked beforehand: MariaDB goes through everything where a bound is a question of its own.
    """
    columns, found = AUDIT.c, list[ColumnElement[bool]]()
    if wanted.since is not None:
        last = select(columns.id).where(columns.time < wanted.since - _CLOCKS).order_by(columns.time.desc()).limit(1)
        if (low := connection.scalar(last)) is not None:
            found.append(columns.id >= low)
    if wanted.until is not None:
        first = select(columns.id).where(columns.time >= wanted.until + _CLOCKS).order_by(columns.time).limit(1)
        if (high := connection.scalar(first)) is not None:
            found.append(columns.id <= high)
    return found


def _conditions(wanted: TrailFilter) -> list[ColumnElement[bool]]:
    columns = AUDIT.c
    found: list[ColumnElement[bool]] = []
    if wanted.kinds:
        found.append(columns.kind.in_(wanted.kinds))
    if wanted.who is not None:
        found.append(columns.login == wanted.who)
    found += [
        _holds(column, words)
        for column, words in (
            (columns.kind, wanted.kind),
            (columns.login, wanted.login),
            (columns.address, wanted.address),
            (columns.detail, wanted.detail),
        )
        if words
    ]
    if wanted.since is not None:
        found.append(columns.time >= wanted.since)
    if wanted.until is not None:
        found.append(columns.time < wanted.until)
    for word in wanted.search.split()[:_MOST_WORDS]:
        found.append(or_(*(_holds(c, word) for c in (columns.kind, columns.login, columns.address, columns.detail))))
    return found


def _holds(column: Any, words: str) -> ColumnElement[bool]:
    return func.lower(column).contains(words.lower(), autoescape=True)


def plain(text: str, length: int) -> str:
    """``text`` on one line, without control characters, cut to ``length``."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)[:length]
