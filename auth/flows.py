"""Sign-ins under way at a provider, and what providers call the login sessions that came of them."""

from collections.abc import Callable, Collection
from typing import Final

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError

from auth.database import digest, reading
from auth.records import Flow, ProviderSession
from auth.tables import FLOW, LOGIN_SESSION, PROVIDER_SESSION, USED_TOKEN

#: So long may somebody take to sign in at the provider.
FLOW_SECONDS: Final = 600.0


class Flows:
    """The part of the dashboard's own database that redirect providers need (`auth.store.Store.flows`)."""

    def __init__(self, engine: Engine, clock: Callable[[], float]) -> None:
        self._engine, self._clock = engine, clock

    def begin(self, state: str, browser: str, provider: str, wanted: str) -> float:
        """Note that ``browser`` leaves for ``provider``; the time of it."""
        now = self._clock()
        with self._engine.begin() as connection:
            connection.execute(
                insert(FLOW).values(
                    state_hash=digest(state),
                    browser_hash=digest(browser),
                    provider=provider,
                    wanted=wanted,
                    begun=now,
                )
            )
        return now

    def take(self, state: str, browser: str, provider: str) -> Flow | None:
        """The sign-in of that ``state``, once; None when it is unknown, over, or of another browser or provider."""
        columns = FLOW.c
        this = (
            columns.state_hash == digest(state),
            columns.browser_hash == digest(browser),
            columns.provider == provider,
        )
        with self._engine.begin() as connection:
            row = connection.execute(select(columns.wanted, columns.begun).where(*this).with_for_update()).one_or_none()
            taken = connection.execute(delete(FLOW).where(*this)).rowcount == 1
        if row is None or not taken or row.begun <= self._clock() - FLOW_SECONDS:
            return None
        return Flow(row.wanted, row.begun)

    def use_once(self, token: str, until: float) -> bool:
        """Whether ``token`` is used for the first time. It is remembered ``until`` it counts no more in any case."""
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(USED_TOKEN).values(token_hash=digest(token), until=until))
        except IntegrityError:
            return False
        return True

    def of(self, session_hash: str) -> ProviderSession | None:
        """What the provider calls a login session."""
        columns = PROVIDER_SESSION.c
        query = select(columns.sid, columns.hint).where(columns.session_hash == session_hash)
        with reading(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else ProviderSession(*row)

    def named(self, provider: str, sid: str) -> set[str]:
        """The login sessions that ``provider`` calls ``sid``."""
        columns = PROVIDER_SESSION.c
        query = select(columns.session_hash).where(columns.provider == provider, columns.sid == sid)
        with reading(self._engine) as connection:
            return set(connection.scalars(query))

    # -- within a transaction of the store --------------------------------------------------

    @staticmethod
    def tie(connection: Connection, session_hash: str, provider: str, session: ProviderSession) -> None:
        """Note what the provider calls a login session."""
        connection.execute(
            insert(PROVIDER_SESSION).values(
                session_hash=session_hash, provider=provider, sid=session.sid, hint=session.hint
            )
        )

    @staticmethod
    def untie(connection: Connection, session_hashes: Collection[str]) -> None:
        """Forget what providers call login sessions that ended."""
        connection.execute(delete(PROVIDER_SESSION).where(PROVIDER_SESSION.c.session_hash.in_(list(session_hashes))))

    @staticmethod
    def tidy(connection: Connection, now: float) -> None:
        """Delete what has run out."""
        connection.execute(delete(FLOW).where(FLOW.c.begun < now - FLOW_SECONDS))
        connection.execute(delete(USED_TOKEN).where(USED_TOKEN.c.until < now))
        living = select(LOGIN_SESSION.c.session_hash).where(
            LOGIN_SESSION.c.revoked.is_(False), LOGIN_SESSION.c.expires > now
        )
        connection.execute(delete(PROVIDER_SESSION).where(PROVIDER_SESSION.c.session_hash.not_in(living)))
