"""The dashboard's own database, as far as it concerns who is signed in.

Several processes may share it. SQLite by default (a file that only its owner may read); any other
database that SQLAlchemy knows where several hosts serve.
"""

import secrets
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import Connection, Table, bindparam, delete, insert, select, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError
from sqlalchemy.sql import ColumnElement

from auth.alerts import Alerts
from auth.database import digest as digest
from auth.database import forget_in_children, opened, put, reading
from auth.favourites import Favourites
from auth.flows import Flows
from auth.identity import Identity, Principal, identity_from, identity_text
from auth.links import Links
from auth.persons import Persons, own
from auth.preferences import Preferences
from auth.records import Account, AuditRow, Limit, LoginSession, ProviderSession, TrailFilter
from auth.sign_ins import SignIns
from auth.tables import (
    ACCOUNT,
    LAST_SEEN,
    LOGIN_SESSION,
    PROPOSAL_ACCOUNT,
    SIGN_IN_TOKEN,
    THROTTLE,
    make_tables,
)
from auth.trail import Trail, plain

# A page that stays away longer than this comes back as a new visit.
_STAY: Final = 1800.0
# The latest use of a login session is written down at most this often.
_TOUCH: Final = 15.0
# Failed attempts are forgotten after this; no wait is longer than the other.
_FORGET: Final = 900.0
_LONGEST_WAIT: Final = 300.0
# Rows of ended login sessions are kept this long, for whoever asks what happened.
_KEEP_ENDED: Final = 7 * 86400.0

_ACCOUNTS: Final[dict[Principal, Table]] = {"person": ACCOUNT, "proposal": PROPOSAL_ACCOUNT}

# Built once: every request asks it.
_LOOK_UP: Final = select(
    LOGIN_SESSION.c.identity,
    LOGIN_SESSION.c.created,
    LOGIN_SESSION.c.last_used,
    LOGIN_SESSION.c.expires,
).where(
    LOGIN_SESSION.c.session_hash == bindparam("hash"),
    LOGIN_SESSION.c.revoked.is_(False),
    LOGIN_SESSION.c.expires > bindparam("now"),
    LOGIN_SESSION.c.last_used > bindparam("idle_since"),
)


class Store:
    """Login sessions, attempts, the audit trail, local accounts and sign-in links.

    ``idle`` and ``absolute`` are the lifetimes of a login session in seconds: without use, and in
    any case. Every method may raise SQLAlchemy's errors when the database cannot be reached.
    """

    def __init__(
        self,
        url: str | URL,
        *,
        idle: float = 1800.0,
        absolute: float = 8 * 3600.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.idle = idle
        self.absolute = absolute
        self._clock = clock
        self._engine = opened(make_url(url))
        self.trail = Trail(self._engine, clock)
        self.sign_ins = SignIns(self._engine, clock, idle)
        #: Sign-ins under way at providers that have pages of their own.
        self.flows = Flows(self._engine, clock)
        self.links = Links(self._engine, clock)
        self.favourites = Favourites(self._engine, clock)
        self.preferences = Preferences(self._engine, clock)
        self.persons = Persons(self._engine)
        self.alerts = Alerts(self._engine, clock)
        #: Whether a call is too short to be worth a thread.
        self.local = self._engine.dialect.name == "sqlite"
        # Two processes may start at once, and both find no tables.
        try:
            make_tables(self._engine)
        except DatabaseError:
            make_tables(self._engine)
        forget_in_children(self._engine)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    # -- login sessions ---------------------------------------------------------------------

    def begin(
        self, identity: Identity, *, address: str = "", agent: str = "", there: ProviderSession | None = None
    ) -> str:
        """Start a login session; its id (256 bits), which is stored nowhere, is for the cookie.

        ``there`` is what the provider calls it.
        """
        session_id = secrets.token_urlsafe(32)
        now = self._clock()
        with self._writing() as connection:
            connection.execute(
                insert(LOGIN_SESSION).values(
                    session_hash=digest(session_id),
                    provider=identity.provider,
                    subject=identity.subject,
                    identity=identity_text(identity),
                    created=now,
                    last_used=now,
                    expires=now + self.absolute,
                    revoked=False,
                    reason="",
                    address=plain(address, 64),
                    agent=plain(agent, 255),
                )
            )
            if there is not None:
                self.flows.tie(connection, digest(session_id), identity.provider, there)
        return session_id

    def look_up(self, session_id: str) -> LoginSession | None:
        """The login session of that id, unless it was revoked or has run out."""
        if not session_id or len(session_id) > 128:
            return None
        session_hash, now = digest(session_id), self._clock()
        given = {"hash": session_hash, "now": now, "idle_since": now - self.idle}
        with self._reading() as connection:
            row = connection.execute(_LOOK_UP, given).one_or_none()
        if row is None:
            return None
        return LoginSession(session_hash, identity_from(row.identity), row.created, row.last_used, row.expires)

    def touch(self, session_hash: str) -> None:
        """Note that the login session is in use, which puts off its idle limit."""
        columns = LOGIN_SESSION.c
        now = self._clock()
        stale = (columns.session_hash == session_hash, columns.last_used < now - _TOUCH)
        with self._reading() as connection:
            if connection.execute(select(columns.created).where(*stale)).first() is None:
                return
        with self._writing() as connection:
            connection.execute(update(LOGIN_SESSION).where(*stale, *self._living()).values(last_used=now))

    def living(self, session_hashes: Collection[str]) -> set[str]:
        """Those of ``session_hashes`` whose login sessions still hold."""
        columns = LOGIN_SESSION.c
        query = select(columns.session_hash).where(columns.session_hash.in_(list(session_hashes)), *self._living())
        with self._reading() as connection:
            return set(connection.scalars(query))

    def revoke(self, session_hash: str, reason: str) -> bool:
        """End a login session; whether it was still held."""
        return self._revoke(reason, LOGIN_SESSION.c.session_hash == session_hash) > 0

    def revoke_identity(self, provider: str, subject: str, reason: str) -> int:
        """End all login sessions of an identity; how many there were."""
        columns = LOGIN_SESSION.c
        return self._revoke(reason, columns.provider == provider, columns.subject == subject)

    def revoke_everywhere(self, identity: Identity, session_hash: str, reason: str) -> int:
        """End all login sessions of the person who has this one, by whatever way they signed in; how many."""
        return self._revoke(reason, own(identity, session_hash))

    def revoke_provider_session(self, provider: str, sid: str, subject: str, reason: str) -> int:
        """End the login sessions that ``provider`` calls ``sid``, of ``subject`` where one is given; how many."""
        columns = LOGIN_SESSION.c
        which = [columns.provider == provider, columns.session_hash.in_(list(self.flows.named(provider, sid)))]
        if subject:
            which.append(columns.subject == subject)
        return self._revoke(reason, *which)

    def _revoke(self, reason: str, *which: ColumnElement[bool]) -> int:
        columns = LOGIN_SESSION.c
        with self._writing() as connection:
            found = connection.scalars(select(columns.session_hash).where(*which, columns.revoked.is_(False)))
            hashes = list(found)
            ended = connection.execute(
                update(LOGIN_SESSION)
                .where(columns.session_hash.in_(hashes), columns.revoked.is_(False))
                .values(revoked=True, reason=plain(reason, 64))
            )
            self.flows.untie(connection, hashes)
            return int(ended.rowcount)

    def _living(self) -> tuple[ColumnElement[bool], ...]:
        columns, now = LOGIN_SESSION.c, self._clock()
        return (
            columns.revoked.is_(False),
            columns.expires > now,
            columns.last_used > now - self.idle,
        )

    # -- attempts ---------------------------------------------------------------------------

    def attempt(self, limits: Sequence[Limit]) -> float:
        """Count an attempt under each limit, before it is known how it ends.

        Returns 0, or the seconds to wait when it must not be made; that one is not counted.
        """
        # Two first attempts at once may get in each other's way on a database server.
        for _ in range(3):
            try:
                return self._attempt(limits)
            except (OperationalError, IntegrityError) as error:
                failed = error
        raise failed

    def _attempt(self, limits: Sequence[Limit]) -> float:
        now = self._clock()
        with self._writing() as connection:
            counts = {}
            for limit in limits:
                row = self._throttle(connection, limit)
                if row is not None and row.until > now:
                    return float(row.until - now)
                recent = row is not None and row.last > now - _FORGET
                counts[limit] = (row.count if row is not None and recent else 0) + 1
            for limit, count in counts.items():
                # Capped before the power: a count is as large as a stranger is patient.
                over = min(count - limit.free + 1, 16)
                wait = min(2.0**over, _LONGEST_WAIT) if count >= limit.free else 0.0
                put(
                    connection,
                    THROTTLE,
                    {"key_hash": digest(limit.key)},
                    {"count": count, "last": now, "until": now + wait},
                )
        return 0.0

    def give_back(self, limits: Sequence[Limit]) -> None:
        """Take back one count under each limit: that attempt was not a guess."""
        with self._writing() as connection:
            for limit in limits:
                row = self._throttle(connection, limit)
                if row is None:
                    continue
                count = max(row.count - 1, 0)
                values: dict[str, Any] = {"count": count}
                if count < limit.free:
                    values["until"] = 0.0
                connection.execute(update(THROTTLE).where(THROTTLE.c.key_hash == digest(limit.key)).values(**values))

    def forgive(self, limit: Limit) -> None:
        """Forget all attempts under ``limit``."""
        with self._writing() as connection:
            connection.execute(delete(THROTTLE).where(THROTTLE.c.key_hash == digest(limit.key)))

    def _throttle(self, connection: Connection, limit: Limit) -> Any:
        query = select(THROTTLE).where(THROTTLE.c.key_hash == digest(limit.key))
        return connection.execute(query.with_for_update()).one_or_none()

    # -- audit ------------------------------------------------------------------------------

    def record(self, kind: str, *, login: str = "", address: str = "", detail: str = "") -> None:
        """Add a row to the audit trail."""
        self.trail.record(kind, login=login, address=address, detail=detail)

    def audit(self, *, kind: str | None = None, login: str | None = None, limit: int = 100) -> list[AuditRow]:
        """The newest rows of the audit trail, newest first."""
        return self.trail.page(TrailFilter((kind,) if kind else (), login), limit=limit)

    # -- local accounts ---------------------------------------------------------------------

    def account(self, folded: str, kind: Principal = "person") -> Account | None:
        """The account of that kind and folded login name."""
        return next(iter(self._accounts(kind, _ACCOUNTS[kind].c.folded == folded)), None)

    def accounts(self) -> list[Account]:
        """All accounts: those of people by name, then those of proposals."""
        return [account for kind in _ACCOUNTS for account in self._accounts(kind)]

    def _accounts(self, kind: Principal, *which: ColumnElement[bool]) -> list[Account]:
        columns = _ACCOUNTS[kind].c
        query = select(columns.folded, columns.login, columns.name, columns.password_hash, columns.disabled)
        with self._reading() as connection:
            rows = connection.execute(query.where(*which).order_by(columns.folded))
            return [Account(*row, kind=kind) for row in rows]

    def add_account(self, account: Account) -> bool:
        """Keep a new account; False where one of that kind and name exists."""
        values = {**asdict(account), "created": self._clock()}
        del values["kind"]
        try:
            with self._writing() as connection:
                connection.execute(insert(_ACCOUNTS[account.kind]).values(**values))
        except IntegrityError:
            return False
        return True

    def change_account(
        self, folded: str, kind: Principal = "person", *, password_hash: str | None = None, disabled: bool | None = None
    ) -> bool:
        """Change what is given; False where there is no such account."""
        given = {"password_hash": password_hash, "disabled": disabled}
        values = {name: value for name, value in given.items() if value is not None}
        table = _ACCOUNTS[kind]
        with self._writing() as connection:
            changed = connection.execute(update(table).where(table.c.folded == folded).values(**values))
            return bool(changed.rowcount)

    # -- sign-in links ----------------------------------------------------------------------

    def make_token(self, identity: Identity, *, seconds: float = 60.0) -> str:
        """A token that signs ``identity`` in once, within ``seconds``."""
        token = secrets.token_urlsafe(32)
        with self._writing() as connection:
            connection.execute(
                insert(SIGN_IN_TOKEN).values(
                    token_hash=digest(token),
                    identity=identity_text(identity),
                    expires=self._clock() + seconds,
                )
            )
        return token

    def take_token(self, token: str) -> Identity | None:
        """Whom ``token`` signs in; None when it is unknown, used or too old."""
        columns = SIGN_IN_TOKEN.c
        this = columns.token_hash == digest(token)
        with self._writing() as connection:
            row = connection.execute(
                select(columns.identity, columns.expires).where(this).with_for_update()
            ).one_or_none()
            taken = connection.execute(delete(SIGN_IN_TOKEN).where(this)).rowcount == 1
        if row is None or not taken or row.expires <= self._clock():
            return None
        return identity_from(row.identity)

    # -- visits of the dashboard ------------------------------------------------------------

    def seen(self, person_key: str) -> float | None:
        """Note that the person is here; when they were here last, before this stay.

        Pages opened within half an hour of each other are one stay, so a reload answers the same.
        """
        now = self._clock()
        columns = LAST_SEEN.c
        with self._writing() as connection:
            row = connection.execute(
                select(columns.seen, columns.before).where(columns.person_key == person_key)
            ).one_or_none()
            before = None if row is None else row.before
            if row is not None and row.seen < now - _STAY:
                before = row.seen
            put(connection, LAST_SEEN, {"person_key": person_key}, {"seen": now, "before": before})
        return before

    # -- housekeeping -----------------------------------------------------------------------

    def tidy(self) -> None:
        """Delete what has run out: old login sessions, attempts and sign-in links."""
        now = self._clock()
        with self._writing() as connection:
            connection.execute(delete(LOGIN_SESSION).where(LOGIN_SESSION.c.expires < now - _KEEP_ENDED))
            connection.execute(delete(THROTTLE).where(THROTTLE.c.last < now - 4 * _FORGET))
            connection.execute(delete(SIGN_IN_TOKEN).where(SIGN_IN_TOKEN.c.expires < now))
            self.flows.tidy(connection, now)
            self.persons.tidy(connection)
            self.alerts.tidy(connection, now)

    def _writing(self) -> Any:
        return self._engine.begin()

    def _reading(self) -> AbstractContextManager[Connection]:
        return reading(self._engine)
