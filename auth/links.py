"""Which person signs in by which further ways: identities that people added to themselves while signed in.

A person is named by a text of the application's own (ISPyB's personId); this part of the database does not know what
it means. E-mail addresses are never compared.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import delete, insert, select
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError

from auth.database import put, reading
from auth.identity import Identity
from auth.tables import LINK, LINKING

#: So long may somebody take to prove that a further way to sign in is theirs.
LINKING_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True)
class Link:
    """One identity that a person added; ``made`` in seconds since 1970."""

    provider: str
    subject: str
    login: str
    made: float


class Links:
    """The part of the dashboard's own database that ties identities to persons (`auth.store.Store.links`)."""

    def __init__(self, engine: Engine, clock: Callable[[], float]) -> None:
        self._engine, self._clock = engine, clock

    def person(self, provider: str, subject: str) -> str | None:
        """The person who added that identity."""
        query = select(LINK.c.person).where(LINK.c.provider == provider, LINK.c.subject == subject)
        with reading(self._engine) as connection:
            return connection.scalar(query)

    def of(self, person: str) -> list[Link]:
        """What the person added, the oldest first."""
        columns = LINK.c
        query = select(columns.provider, columns.subject, columns.login, columns.made).where(columns.person == person)
        with reading(self._engine) as connection:
            return [Link(*row) for row in connection.execute(query.order_by(columns.made, columns.subject))]

    def add(self, identity: Identity, person: str) -> bool:
        """Tie an identity to a person; False where it is another's. Adding it again changes nothing."""
        try:
            with self._engine.begin() as connection:
                connection.execute(
                    insert(LINK).values(
                        provider=identity.provider,
                        subject=identity.subject,
                        person=person,
                        login=identity.login,
                        made=self._clock(),
                    )
                )
        except IntegrityError:
            return self.person(identity.provider, identity.subject) == person
        return True

    def remove(self, provider: str, subject: str, person: str) -> bool:
        """Untie an identity; False where it is not that person's."""
        columns = LINK.c
        this = (columns.provider == provider, columns.subject == subject, columns.person == person)
        with self._engine.begin() as connection:
            return connection.execute(delete(LINK).where(*this)).rowcount == 1

    def want(self, session_hash: str, provider: str, person: str) -> None:
        """Note that the person of a login session is about to show an identity of ``provider``, to add it."""
        with self._engine.begin() as connection:
            connection.execute(delete(LINKING).where(LINKING.c.begun < self._clock() - LINKING_SECONDS))
            values = {"provider": provider, "person": person, "begun": self._clock()}
            put(connection, LINKING, {"session_hash": session_hash}, values)

    def wanted(self, session_hash: str, provider: str) -> str | None:
        """The person who wanted to add an identity of ``provider`` in that login session; answered once."""
        columns = LINKING.c
        this = (columns.session_hash == session_hash, columns.provider == provider)
        with self._engine.begin() as connection:
            row = connection.execute(select(columns.person, columns.begun).where(*this).with_for_update()).one_or_none()
            taken = connection.execute(delete(LINKING).where(*this)).rowcount == 1
        if row is None or not taken or row.begun < self._clock() - LINKING_SECONDS:
            return None
        return str(row.person)
