"""Which login sessions are one person's, however they signed in.

A person is named by a text of the application's own, which is written down when a page is opened: signing out
everywhere must not need the facility's database.
"""

from collections import OrderedDict
from typing import Final

from sqlalchemy import Connection, delete, or_, select
from sqlalchemy.engine import Engine
from sqlalchemy.sql import ColumnElement

from auth.database import put
from auth.identity import Identity
from auth.tables import LOGIN_SESSION, SESSION_PERSON

_MOST: Final = 4000


class Persons:
    """The part of the dashboard's own database that ties login sessions to persons (`auth.store.Store.persons`)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # What this process has written: every page asks.
        self._noted: OrderedDict[str, str] = OrderedDict()

    def note(self, session_hash: str, person: str) -> None:
        """Note whose the login session is; an empty ``person`` is one that cannot be told now."""
        if not person or self._noted.get(session_hash) == person:
            return
        with self._engine.begin() as connection:
            put(connection, SESSION_PERSON, {"session_hash": session_hash}, {"person": person})
        self._noted[session_hash] = person
        while len(self._noted) > _MOST:
            self._noted.popitem(last=False)

    @staticmethod
    def tidy(connection: Connection) -> None:
        """Forget login sessions that are forgotten themselves."""
        connection.execute(
            delete(SESSION_PERSON).where(SESSION_PERSON.c.session_hash.not_in(select(LOGIN_SESSION.c.session_hash)))
        )


def own(identity: Identity, session_hash: str) -> ColumnElement[bool]:
    """Which rows of login sessions are the person's who has this one: those of the identity, and of the person."""
    columns, persons = LOGIN_SESSION.c, SESSION_PERSON.c
    person = select(persons.person).where(persons.session_hash == session_hash).scalar_subquery()
    return or_(
        (columns.provider == identity.provider) & (columns.subject == identity.subject),
        columns.session_hash.in_(select(persons.session_hash).where(persons.person == person)),
    )
