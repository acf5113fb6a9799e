"""The watch that goes on while nobody looks: alerts of serial runs, judged once for all processes and all viewers.

A wish (`auth.alerts.Wish`) names what somebody wants to be told of: ``run 12``, every run of ``visit 4`` or of
``beamline I24``, or, while a page is open, ``open 12 …``. Of the processes of a site one has its turn at a run: it
follows the run as a page does, looks at it for each person who wishes so, by that person's rules and with that person's
rights, and keeps what happened together with what it knows of the run. When it is gone another one goes on from there.
"""

import json
import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from app.access import Access
from app.bells import Bells
from auth.alerts import Happened, Wish
from auth.identity import Identity
from auth.store import Store
from data.core import visits
from data.errors import DataError
from data.live.runs import Runs, Watched
from data.live.shared import Shared
from data.live.watchdog import Watchdog, facts_of, place_of
from data.techniques.ssx import queries
from data.techniques.ssx.about import about
from data.techniques.ssx.alerts import Facts, Memory
from data.techniques.ssx.merging import Target
from data.techniques.ssx.rules import memory_of, remembered, rules_from, target_of

log = logging.getLogger(__name__)

_TURN_SECONDS: Final = 30.0
_KEEP_SECONDS: Final = 10.0
_PLAN_SECONDS: Final = 3.0
_SEEK_SECONDS: Final = 10.0
_CLUSTER_SECONDS: Final = 60.0
_LINGER_SECONDS: Final = 120.0
"""So long after the end of a run its late results are news."""
_MOST_RUNS: Final = 40
_MOST_PEOPLE: Final = 100
"""Runs that one process follows for alerts, and people of one run."""

Concerned = dict[str, tuple[Identity, Target]]
"""Who wants to be told of a run, with the sign-in by which rights are read and what is to be reached."""


class _Ear:
    """Hears of changes; they are looked at in the watch's own time."""

    def __call__(self) -> None:
        pass


@dataclass(slots=True)
class _Followed:
    """A run that it is this process' turn to follow."""

    watched: Watched
    ear: Callable[[], None]
    people: Concerned
    known: dict[str, Memory]
    changed_at: float
    dogs: dict[str, Watchdog] = field(default_factory=dict)
    version: int = -1
    kept_at: float = 0.0
    clustered_at: float = float("-inf")
    failed: bool = False


class Night:
    """The watch of one process; a thread of its own from ``start`` on. ``turn`` is one look, for tests."""

    def __init__(
        self,
        store: Store,
        access: Access,
        runs: Runs,
        shared: Shared,
        *,
        seconds: float = 1.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._access, self._runs, self._shared = store, access, runs, shared
        self._seconds, self._clock = seconds, clock
        self._me = secrets.token_hex(8)
        self._followed: dict[int, _Followed] = {}
        self._planned = float("-inf")
        self._sought: dict[tuple[str, str], tuple[float, list[int]]] = {}
        self._lock = threading.Lock()
        self.bells = Bells(store)
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._silent = False

    @property
    def following(self) -> list[int]:
        """The runs that this process follows for alerts."""
        return sorted(self._followed)

    def start(self) -> None:
        """Watch from now on. After a process was forked, in each of them."""
        with self._lock:
            if self._thread is not None or self._closed:
                return
            self._me = secrets.token_hex(8)
            self._thread = threading.Thread(target=self._work, name="ispyb-lens-night", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop for good, and leave the runs to other processes."""
        self._closed = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(5)
        for run in list(self._followed):
            self._leave(run)

    def hurry(self) -> None:
        """A wish was made or changed: it holds at the next turn."""
        self._planned = float("-inf")
        self._wake.set()

    def wake(self) -> None:
        """Something was seen: who is there may be told at once."""
        self._wake.set()

    # -- turns

    def _work(self) -> None:
        while not self._closed:
            try:
                self.turn()
                self._silent = False
            except SQLAlchemyError as error:
                if not self._silent:
                    log.error(
                        "Alerts are not watched while the dashboard's own database cannot be used: %s",
                        type(error).__name__,
                    )
                self._silent = True
            except Exception:
                log.exception("alerts could not be watched")
            self._wake.wait(self._seconds)
            self._wake.clear()

    def turn(self) -> None:
        """Look once at what is wished, at the runs, and at who is to be told. Raises SQLAlchemy's errors."""
        now = self._clock()
        if now - self._planned >= _PLAN_SECONDS:
            self._planned = now
            self._plan(now)
        for run, followed in list(self._followed.items()):
            try:
                self._look(run, now)
            except SQLAlchemyError:
                raise
            except Exception:  # the other runs are looked at all the same
                if not followed.failed:
                    log.exception("run %s cannot be looked at for alerts", run)
                followed.failed = True
        self.bells.ring()

    def _plan(self, now: float) -> None:
        concerned = self._concerned(self._store.alerts.wishes(), now)
        for run in list(self._followed):
            if run not in concerned:
                self._leave(run, done=True)
        for run, people in concerned.items():
            followed = self._followed.get(run)
            if followed is not None:
                followed.people = people
                self._rule(followed)
            elif len(self._followed) < _MOST_RUNS:
                self._begin(run, people, now)

    def _concerned(self, wishes: list[Wish], now: float) -> dict[int, Concerned]:
        """The runs that go on, or were followed when their process ended, with those who want to be told of them."""
        found: dict[int, Concerned] = {}
        abandoned = {run: _state(text) for run, text in self._store.alerts.abandoned().items()} if wishes else {}
        held = {key: one for key, one in self._sought.items() if now - one[0] < _SEEK_SECONDS}
        self._sought = {}
        for wish in wishes:
            what, _, which = wish.place.partition(" ")
            key = (wish.person, wish.place)
            if key not in held:
                held[key] = now, self._seek(wish, what, which)
            self._sought[key] = held[key]
            runs = set(held[key][1]) | {run for run, state in abandoned.items() if _covers(what, which, run, state)}
            runs |= {run for run, one in self._followed.items() if _covers(what, which, run, _about(one.watched))}
            for run in runs:
                people = found.setdefault(run, {})
                if len(people) < _MOST_PEOPLE:
                    # The wish that was changed last comes first: its target counts.
                    people.setdefault(wish.person, (wish.identity, target_of(wish.detail)))
        return found

    def _seek(self, wish: Wish, what: str, which: str) -> list[int]:
        """The runs of a wish that go on, as far as the person may see them."""
        at = datetime.fromtimestamp(self._clock())
        try:
            reader = self._access.reader(wish.identity)
            if what in ("run", "open"):
                number = _whole(which.partition(" ")[0])
                return [number] if number and about(reader, number).end is None else []
            if what == "visit":
                number = _whole(which)
                ids = [number] if number else []
            else:
                ids = [row["id"] for row in visits.current(reader, at) if row["beamline"] == which]
            return [row["id"] for row in queries.going(reader, ids, at, 10)]
        except DataError:
            return []
        except Exception:
            log.exception("the wish %r cannot be looked up", wish.place)
            return []

    def _begin(self, run: int, people: Concerned, now: float) -> None:
        state = self._store.alerts.take(run, self._me, _TURN_SECONDS)
        if state is None:
            return
        known = {who: memory for who, one in _people(_state(state)).items() if (memory := memory_of(one)) is not None}
        ear = _Ear()
        for identity, _ in people.values():
            try:
                watched = self._runs.watch(self._access.reader(identity), run, ear)
            except DataError:
                continue
            self._followed[run] = _Followed(watched, ear, people, known, now)
            self._rule(self._followed[run])
            return
        self._store.alerts.give_back(run, self._me, done=not known)

    def _rule(self, followed: _Followed) -> None:
        """The rules as people have them now."""
        kept = self._store.preferences.of_all(list(followed.people), place_of(followed.watched))
        for person, (_, target) in followed.people.items():
            rules = rules_from(kept.get(person))
            dog = followed.dogs.get(person)
            if dog is None:
                followed.dogs[person] = Watchdog(rules, target, followed.known.get(person))
            else:
                dog.rules = rules
                dog.aim(target)
        followed.dogs = {who: dog for who, dog in followed.dogs.items() if who in followed.people}

    def _look(self, run: int, now: float) -> None:
        followed = self._followed[run]
        watched = followed.watched
        if watched.loading:
            self._hold(run, followed, now)
            return
        if watched.version != followed.version:
            followed.version, followed.changed_at = watched.version, now
        self._cluster(followed, now)
        facts: dict[Target, Facts] = {}
        happened: list[Happened] = []
        after: dict[str, tuple[Facts, Memory]] = {}
        for person, dog in followed.dogs.items():
            if not self._may(followed.people[person][0], watched.about.visit_id):
                continue
            if dog.target not in facts:
                facts[dog.target] = facts_of(watched, now, dog.target)
            found, memory = dog.judged(facts[dog.target])
            after[person] = facts[dog.target], memory
            for alert in found:
                first, last = alert.frames or (None, None)
                place = watched.about.visit_id
                happened.append(Happened(person, run, place, alert.kind, alert.time, alert.text, first, last))
        if happened or now - followed.kept_at >= _KEEP_SECONDS:
            known = {**followed.known, **{who: dog.memory for who, dog in followed.dogs.items()}}
            known |= {who: memory for who, (_, memory) in after.items()}
            if not self._keep(run, followed, known, happened, now):
                return
        # Only now: what could not be kept is found again the next time.
        for person, (seen, memory) in after.items():
            followed.dogs[person].keep(seen, memory)
        if watched.about.end is not None and now - followed.changed_at > _LINGER_SECONDS:
            self._finish(run, followed)

    @staticmethod
    def _cluster(followed: _Followed, now: float) -> None:
        """Which forms the crystal has decides what a drift of its cell is. It takes a second, so once a minute."""
        wanted = any(dog.rules.cell is not None for dog in followed.dogs.values())
        if not wanted or now - followed.clustered_at < _CLUSTER_SECONDS or not followed.watched.clustering.due:
            return
        followed.clustered_at = now
        try:
            followed.watched.clustering.now()
        except Exception as error:
            log.info("run %s: no clusters of cells: %s", followed.watched.about.collection_id, error)

    def _hold(self, run: int, followed: _Followed, now: float) -> None:
        """While a long past is read, the turn stays ours."""
        if now - followed.kept_at >= _KEEP_SECONDS:
            self._keep(run, followed, followed.known, [], now)

    def _keep(
        self, run: int, followed: _Followed, known: Mapping[str, Memory], happened: list[Happened], now: float
    ) -> bool:
        about_it = _about(followed.watched)
        memories = {who: remembered(known[who]) for who in known if who in followed.people}
        state = json.dumps({**about_it, "people": memories})
        if self._store.alerts.keep(run, self._me, _TURN_SECONDS, state, happened):
            followed.kept_at = now
            return True
        # This process was away for long and another one took its turn: that one tells.
        self._drop(run)
        return False

    def _may(self, identity: Identity, visit_id: int) -> bool:
        """Whether the person may see the visit now, asked as for an open page; no, where it cannot be asked."""
        try:
            self._shared.check(self._access.reader(identity), visit_id)
        except DataError:
            return False
        return True

    def _finish(self, run: int, followed: _Followed) -> None:
        for person in followed.people:
            self._store.alerts.cease(person, f"run {run}")
        self._sought.clear()
        self._leave(run, done=True)

    def _leave(self, run: int, *, done: bool = False) -> None:
        self._drop(run)
        try:
            self._store.alerts.give_back(run, self._me, done=done)
        except SQLAlchemyError:
            log.info("run %s will be free for others in %.0f s", run, _TURN_SECONDS)

    def _drop(self, run: int) -> None:
        followed = self._followed.pop(run, None)
        if followed is not None:
            self._runs.leave(run, followed.ear)


def _about(watched: Watched) -> dict[str, Any]:
    return {"visit": watched.about.visit_id, "beamline": watched.about.beamline}


def _covers(what: str, which: str, run: int, state: Mapping[str, Any]) -> bool:
    """Whether a wish is about a run that is, or was, followed."""
    if what in ("run", "open"):
        return which.partition(" ")[0] == str(run)
    return which != "" and which == str(state.get(what))


def _state(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _people(state: Mapping[str, Any]) -> dict[str, Any]:
    found = state.get("people")
    return found if isinstance(found, dict) else {}


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else 0
