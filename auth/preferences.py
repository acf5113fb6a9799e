"""What people have set for themselves, as texts of the application's own, each in a place.

A person is named as in `auth.links`. Whether a place exists, or may be seen, is not known here.
"""

from collections.abc import Callable, Collection
from typing import Final

from sqlalchemy import delete, func, select
from sqlalchemy.engine import Connection, Engine

from auth.database import reading, replace
from auth.tables import PREFERENCE

#: Places of one person, at most: the one changed longest ago makes room.
MOST: Final = 200
#: Characters of a text, at most.
LONGEST: Final = 2_000


class Preferences:
    """The part of the dashboard's own database that keeps preferences (`auth.store.Store.preferences`)."""

    def __init__(self, engine: Engine, clock: Callable[[], float]) -> None:
        self._engine, self._clock = engine, clock

    def of(self, person: str, place: str) -> str | None:
        """What the person has set in that place; None where nothing."""
        columns = PREFERENCE.c
        query = select(columns.value).where(columns.person == person, columns.place == place)
        with reading(self._engine) as connection:
            return connection.scalar(query)

    def of_all(self, persons: Collection[str], place: str) -> dict[str, str]:
        """What each of these has set in that place, where they have. One statement."""
        columns = PREFERENCE.c
        query = select(columns.person, columns.value)
        with reading(self._engine) as connection:
            rows = connection.execute(query.where(columns.place == place, columns.person.in_(list(persons))))
            return {row.person: row.value for row in rows}

    def keep(self, person: str, place: str, value: str) -> None:
        """Set it, in place of what was set before. Raises ValueError for a text that is too long."""
        if len(value) > LONGEST:
            raise ValueError(f"a preference has at most {LONGEST} characters")
        values = {"value": value, "changed": self._clock()}
        key = {"person": person, "place": place}
        replace(self._engine, PREFERENCE, key, values, lambda connection: self._make_room(connection, person))

    def _make_room(self, connection: Connection, person: str) -> None:
        columns = PREFERENCE.c
        mine = columns.person == person
        held = int(connection.scalar(select(func.count()).select_from(PREFERENCE).where(mine)) or 0)
        if held < MOST:
            return
        oldest = select(columns.place).where(mine).order_by(columns.changed).limit(held - MOST + 1)
        places = list(connection.scalars(oldest))
        connection.execute(delete(PREFERENCE).where(mine, columns.place.in_(places)))
