"""What alerts told the person of one browser: in the head of every page, and where a view listens."""

import time
from collections.abc import Callable
from typing import Any

from views import place as places
from views.desk import Desk
from views.problem import Problem
from views.reading import Reading

_AGAIN_SECONDS = 45.0


class Bell:
    """Reads anew when there is news; ``shown`` and who listens get the rows, newest first.

    A row: as `views.alarms.Alarms.told`, with ``link`` to the monitor of its run and ``image`` to any image of it,
    which lacks the number at its end.
    """

    def __init__(self, desk: Desk, shown: Callable[[list[dict[str, Any]]], object]) -> None:
        self._desk, self._shown = desk, shown
        self.rows: list[dict[str, Any]] = []
        self._listeners: list[Callable[[], None]] = []
        self._reading: Reading[list[dict[str, Any]]] = Reading(desk, self._told, self._failed)
        self._seeing: Reading[None] = Reading(desk, lambda _: None, lambda problem: self.read())
        self._read_at = 0.0
        desk.alarms.listen(lambda: desk.later(self.read))

    def begin(self) -> None:
        """Read what is kept, where there is anything: a page of somebody who was told nothing costs nothing more."""
        self._desk.alarms.begin()

    def read(self) -> None:
        """Read what is kept."""
        self._read_at = time.monotonic()
        self._reading.ask(self._desk.alarms.told)

    def again(self) -> None:
        """Read anew where that was long ago: a right may have gone."""
        if self.rows and time.monotonic() - self._read_at > _AGAIN_SECONDS:
            self.read()

    def of(self, run: int | None) -> list[dict[str, Any]]:
        """The rows of one run."""
        return [row for row in self.rows if row["run"] == run]

    def listen(self, heard: Callable[[], None]) -> None:
        """Call ``heard`` when ``rows`` are others."""
        self._listeners.append(heard)

    def see(self, ids: list[int] | None) -> None:
        """The person has seen these, or all: a stranger's numbers, of which only one's own count."""
        self._change(
            [{**row, "seen": row["seen"] or ids is None or row["id"] in ids} for row in self.rows],
        )
        self._seeing.ask(lambda reader: self._desk.alarms.saw(ids))

    def close(self) -> None:
        """The browser is gone."""
        self._reading.forget()
        self._desk.alarms.close()

    def _told(self, rows: list[dict[str, Any]]) -> None:
        desk = self._desk
        self._change(
            [
                {
                    **row,
                    "link": desk.link(places.monitor(row["run"])),
                    "image": f"{desk.link(places.collection(row['run']))}&image=",
                }
                for row in rows
            ]
        )

    def _change(self, rows: list[dict[str, Any]]) -> None:
        if rows != self.rows:
            self.rows = rows
            self._shown(rows)
            for heard in tuple(self._listeners):
                heard()

    def _failed(self, problem: Problem) -> None:
        """What is on the page stays, unless the person may see nothing any more."""
        if not problem.passing:
            self._change([])
