"""What people marked with a star: rows of ISPyB, which itself keeps nothing of it.

A person is named by a text of the application's own, as in `auth.links`; so is what is marked. Whether somebody may see
it is not known here: only names are kept.
"""

from collections.abc import Callable
from typing import Final

from sqlalchemy import delete, func, insert, select
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError

from auth.database import reading
from auth.tables import FAVOURITE

#: Stars of one person in one place, at most.
MOST: Final = 500


class Favourites:
    """The part of the dashboard's own database that keeps stars (`auth.store.Store.favourites`)."""

    def __init__(self, engine: Engine, clock: Callable[[], float]) -> None:
        self._engine, self._clock = engine, clock

    def of(self, person: str, place: str) -> list[str]:
        """What the person marked in that place, the oldest first."""
        columns = FAVOURITE.c
        query = select(columns.item).where(columns.person == person, columns.place == place)
        with reading(self._engine) as connection:
            return list(connection.scalars(query.order_by(columns.made, columns.item)))

    def add(self, person: str, place: str, item: str) -> bool:
        """Mark something; False where the person has too many marks there. Marking it again changes nothing."""
        columns = FAVOURITE.c
        held = select(func.count()).select_from(FAVOURITE).where(columns.person == person, columns.place == place)
        values = {"person": person, "place": place, "item": item, "made": self._clock()}
        try:
            with self._engine.begin() as connection:
                if int(connection.scalar(held) or 0) >= MOST:
                    return False
                connection.execute(insert(FAVOURITE).values(**values))
        except IntegrityError:
            pass
        return True

    def remove(self, person: str, place: str, item: str) -> None:
        """Take a mark away; without one nothing happens."""
        columns = FAVOURITE.c
        this = (columns.person == person, columns.place == place, columns.item == item)
        with self._engine.begin() as connection:
            connection.execute(delete(FAVOURITE).where(*this))
