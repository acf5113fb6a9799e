"""Who is signed in, and when and from where somebody signed in last."""

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Engine, select

from auth.database import reading
from auth.identity import SignedIn, identity_from
from auth.persons import own
from auth.records import SignIn
from auth.tables import LOGIN_SESSION

#: A login session's public name: this much of its hash. It tells sessions apart and opens nothing.
MARK_LENGTH: Final = 16
_MOST: Final = 2000
_COLUMNS: Final = tuple(
    LOGIN_SESSION.c[name]
    for name in (
        "session_hash", "identity", "created", "last_used", "expires", "revoked", "reason", "address", "agent",
    )
)  # fmt: skip


def mark_of(session_hash: str) -> str:
    """The public name of a login session."""
    return session_hash[:MARK_LENGTH]


class SignIns:
    """Reads login sessions as lists. ``idle``: seconds after which an unused one has ended."""

    def __init__(self, engine: Engine, clock: Callable[[], float], idle: float) -> None:
        self._engine, self._clock, self._idle = engine, clock, idle

    def now(self) -> list[SignIn]:
        """The login sessions that hold, the latest used first; at most 2000."""
        columns, now = LOGIN_SESSION.c, self._clock()
        living = (columns.revoked.is_(False), columns.expires > now, columns.last_used > now - self._idle)
        return self._read(select(*_COLUMNS).where(*living).order_by(columns.last_used.desc()).limit(_MOST))

    def of(self, who: SignedIn, limit: int = 50) -> list[SignIn]:
        """The login sessions of the person who has this one, by whatever way they signed in, the latest begun first.

        With those that ended in the last days.
        """
        query = select(*_COLUMNS).where(own(who.identity, who.session_hash))
        return self._read(query.order_by(LOGIN_SESSION.c.created.desc()).limit(limit))

    def marked(self, mark: str, of: SignedIn | None = None) -> SignIn | None:
        """The login session of that public name, unless it has ended; only that person's, where ``of`` is given."""
        if len(mark) != MARK_LENGTH or not mark.isalnum():
            return None
        query = select(*_COLUMNS).where(LOGIN_SESSION.c.session_hash.startswith(mark, autoescape=True)).limit(2)
        if of is not None:
            query = query.where(own(of.identity, of.session_hash))
        found = self._read(query)
        return found[0] if len(found) == 1 and found[0].ended is None else None

    def _read(self, query: Any) -> list[SignIn]:
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        return [
            SignIn(
                row.session_hash,
                identity_from(row.identity),
                row.created,
                row.last_used,
                row.expires,
                row.address,
                row.agent,
                self._ended(row),
            )
            for row in rows
        ]

    def _ended(self, row: Any) -> str | None:
        """Why the login session has ended; None while it holds."""
        if row.revoked:
            return str(row.reason) or "ended"
        now = self._clock()
        if row.expires <= now:
            return "ran out"
        return "not used" if row.last_used <= now - self._idle else None
