"""Who is there to be told: a bell for each browser that shows a page, rung when its person has news."""

import logging
import threading
from collections.abc import Callable
from typing import Final

from auth.store import Store

log = logging.getLogger(__name__)

_NOTHING: Final = (0, 0)
"""The mark (`auth.alerts.Alerts.marks`) of somebody who was never told anything."""


class Bells:
    """The bells of one process. Whoever tells may be another process: the database says what is new."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._bells: dict[Callable[[], None], str] = {}
        self._marks: dict[str, tuple[int, int]] = {}

    def hang(self, person: str, bell: Callable[[], None]) -> bool:
        """Call ``bell`` when there is news of that person's alerts from now on; whether there were any before."""
        mark = self._store.alerts.marks({person}).get(person, _NOTHING)
        with self._lock:
            self._bells[bell] = person
            # News is whatever changes after this, although the next look comes later.
            self._marks.setdefault(person, mark)
        return mark != _NOTHING

    def take(self, bell: Callable[[], None]) -> None:
        """Call it no longer."""
        with self._lock:
            self._bells.pop(bell, None)

    def ring(self) -> None:
        """Call the bells of all who have news. One statement, where anybody is there. Raises SQLAlchemy's errors."""
        with self._lock:
            persons = set(self._bells.values())
        if not persons:
            return
        marks = self._store.alerts.marks(persons)
        with self._lock:
            there = set(self._bells.values())
            fresh = {who: marks.get(who, _NOTHING) for who in persons & there}
            called = [bell for bell, who in self._bells.items() if who in fresh and fresh[who] != self._marks[who]]
            self._marks = {who: mark for who, mark in self._marks.items() if who in there} | fresh
        for bell in called:
            try:
                bell()
            except Exception:  # the others are told all the same
                log.exception("a browser could not be told of an alert")
