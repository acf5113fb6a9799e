"""Asks the database, once for everybody, what changed in the watched visits, and tells the feed.

While a visit changes all the time its changes are told together, and the looks are further apart: what the looks and
the readings that they cause ask of the database stays below one statement a second for a visit, however many watch.
"""

import logging
import math
import threading
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from data.errors import DataError
from data.live.feed import Feed
from data.live.watermark import Marks, Seen, marks, parameters, statement
from data.query import Query
from data.reader import Reader
from data.schema.settle import Settlement
from data.scope import Scope
from data.source import Source

log = logging.getLogger(__name__)

_LONGEST_PAUSE = 5.0
# Visits that get a close look at each turn; the others wait for theirs and hear of arrivals.
_CLOSELY = 8
_SLOTS = (0, 1, 2, 4, _CLOSELY)
# A list of all visits needs no more, and a facility always measures somewhere.
_FACILITY_SECONDS = 15.0
# In units of the pause between two looks. A changing visit is told of every 3.5 of them, after each second look; each
# telling causes one statement, so three are sent in 3.5: with the rights that are asked again that stays below one.
_TOGETHER, _BUSY = 3.0, 1.75

_KEPT = timedelta(minutes=10)

_Changes = dict[int, set[int] | None]
"""Visit → its collections that changed; None: any may have."""


class Poller:
    """At most one statement each ``seconds``, in a daemon thread while something is watched.

    The statement runs with a Scope that sees everything; what it finds leaves this class through the feed alone.
    While the database does not answer, ``feed.state`` is ``waiting`` and the pause grows to 5 s;
    once it answers every watched visit is bumped, as what happened meanwhile is unknown.

    A new collection is announced at the next look, whatever is watched. Of changes in place, each
    look takes eight visits in turn: with 50 visits open such a change is noticed within 7 looks.
    The first change of a visit is told at once, those of the following ``together`` seconds at their end.
    """

    def __init__(self, source: Source, feed: Feed, *, seconds: float = 1.0, together: float | None = None) -> None:
        self._reader = Reader(source, Scope(everything=True, name="poller"))
        self._feed = feed
        self._seconds = seconds
        self._together = _TOGETHER * seconds if together is None else together
        self._longest = max(_LONGEST_PAUSE, seconds)
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._started = False
        self._closed = False
        self._thread: threading.Thread | None = None
        self._due = 0.0
        self._questions: dict[int, tuple[Settlement, datetime, Query]] = {}
        self._forget()
        feed.listen(self._begin)

    def start(self) -> None:
        """From now on the thread lives whenever something is watched."""
        with self._lock:
            self._started = True
        self._begin()

    @property
    def running(self) -> bool:
        """Whether the thread lives."""
        return self._thread is not None

    def close(self) -> None:
        """Stop for good; returns when the thread has ended, after 5 s at most."""
        with self._lock:
            self._closed = True
            thread = self._thread
        self._wake.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(_LONGEST_PAUSE)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _begin(self) -> None:
        with self._lock:
            if self._closed or not self._started or self._thread is not None or not self._feed.watched:
                return
            self._thread = threading.Thread(target=self._run, name="ispyb-lens-poller", daemon=True)
            self._thread.start()

    def _forget(self) -> None:
        self._seen = Seen()
        self._digests: dict[int, Mapping[tuple[str, int], str]] = {}
        self._held: _Changes = {}
        self._told: dict[int, float] = {}
        self._looked: dict[int, int] = {}
        self._turn = 0
        self._facility: tuple[int, int] | None = None
        self._facility_due = 0.0

    def _run(self) -> None:
        self._forget()
        pause = self._seconds
        while True:
            # A new watcher does not hurry the next statement: administrators rely on the rate.
            while not self._closed and (rest := self._due - time.monotonic()) > 0:
                self._wake.wait(rest)
            with self._lock:
                if self._closed or not self._feed.watched:
                    self._thread = None
                    return
            began = time.monotonic()
            self.look()
            # From the beginning where all is well, from the end where the database struggles.
            if self._feed.state == "live":
                pause = self._seconds
                self._due = began + (_BUSY if self._busy(began) else 1.0) * self._seconds
            else:
                pause = min(2 * pause, self._longest)
                self._due = time.monotonic() + pause

    def look(self) -> None:
        """Look once, with one statement for everything watched. Not for use beside the thread.

        Raises nothing: a failure becomes ``feed.state``.
        """
        watched = self._feed.watched
        try:
            self._compare(watched)
        except Exception as error:
            if not isinstance(error, DataError):
                log.exception("the poller met an error that it does not know")
            self._feed.state = "waiting"
            return
        if self._feed.state == "waiting":
            self._feed.state = "live"
            self._feed.touch(*watched)

    def _compare(self, watched: frozenset[int | None]) -> None:
        visits = {visit for visit in watched if visit is not None}
        closely = self._next(visits)
        # Few shapes of the statement, so that each is prepared once; no visit has the number 0.
        slots = next(size for size in _SLOTS if size >= len(closely))
        padded = [*closely, *[0] * (slots - len(closely))]
        found = marks(self._reader.rows(self._question(slots), parameters(visits, padded, self._seen)))
        changed, begun = found.news(self._seen)
        for visit, rows in begun.items():
            self._feed.announce(visit, rows)
        for visit in closely:
            now, before = found.digests.get(visit, {}), self._digests.get(visit)
            self._digests[visit] = now
            if before is None:
                # A visit met first counts as changed: its watcher may have read just before.
                changed[visit] = None
            else:
                # What has left the newest is no news; what is there first is.
                _add(changed, visit, {key[1] for key, digest in now.items() if before.get(key) != digest})
                # A new one that did not arrive has a number far below the highest: nothing is known of it.
                if _collections(now) - _collections(before) - {one.row["id"] for one in begun.get(visit, ())}:
                    changed[visit] = None
        self._tell(changed, visits)
        if None in watched:
            self._facility_news(found)

    def _question(self, slots: int) -> Query:
        """The statement for so many visits. To make it takes more than to ask it, so it is kept for some minutes."""
        site, now = self._reader.settlement, datetime.now()
        held = self._questions.get(slots)
        if held is None or held[0] is not site or not timedelta() <= now - held[1] < _KEPT:
            held = self._questions[slots] = site, now, statement(slots, site, now)
        return held[2]

    def _tell(self, changed: _Changes, visits: set[int]) -> None:
        """Pass on what changed, and what was kept back, of the visits that were not told of just before."""
        for visit, ids in changed.items():
            _add(self._held, visit, ids)
        for gone in self._told.keys() - visits:
            del self._told[gone]
        now = time.monotonic()
        for visit in list(self._held):
            if visit not in visits:
                del self._held[visit]
            elif now - self._told.get(visit, -math.inf) >= self._together:
                self._told[visit] = now
                self._feed.touch(visit, ids=self._held.pop(visit))

    def _busy(self, now: float) -> bool:
        """Whether a visit was told of just before."""
        return any(now - told < self._together for told in self._told.values())

    def _next(self, visits: set[int]) -> list[int]:
        """The visits whose turn it is: never looked at, then not looked at for longest."""
        for gone in self._looked.keys() - visits:
            del self._looked[gone]
            self._digests.pop(gone, None)
        self._turn += 1
        chosen = sorted(visits, key=lambda visit: (self._looked.get(visit, 0), visit))[:_CLOSELY]
        self._looked.update(dict.fromkeys(chosen, self._turn))
        return sorted(chosen)

    def _facility_news(self, found: Marks) -> None:
        now = found.highest.get("visit", 0), found.highest.get("collection", 0)
        if self._facility is None or (now != self._facility and time.monotonic() >= self._facility_due):
            self._facility = now
            self._facility_due = time.monotonic() + _FACILITY_SECONDS
            self._feed.touch(None)


def _collections(digests: Mapping[tuple[str, int], str]) -> set[int]:
    return {number for kind, number in digests if kind == "collections"}


def _add(changes: _Changes, visit: int, ids: set[int] | None) -> None:
    known = changes.get(visit, set())
    if ids is None or known is None:
        changes[visit] = None
    elif ids:
        changes[visit] = known | ids
