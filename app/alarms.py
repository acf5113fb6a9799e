"""One browser's part in the watch of the night: see `views.alarms.Alarms`."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from app.office import stored
from app.services import Services
from auth.identity import Identity
from data.errors import NotFound
from data.reader import Reader
from data.techniques.ssx.about import About

log = logging.getLogger(__name__)

_WEEK: Final = 7 * 86400.0
_OPEN: Final = 90.0
"""A page that has not said for so long (s) that it is open is gone."""
_MOST: Final = 50


class BrowserAlarms:
    """See `views.alarms.Alarms`."""

    def __init__(self, shared: Services, identity: Identity) -> None:
        self._shared, self._identity = shared, identity
        self._heard: Callable[[], None] | None = None
        self._closed = False

    def _person(self) -> str:
        person = self._shared.access.person(self._identity)
        if person is None:
            raise NotFound("This person")
        return person

    def listen(self, heard: Callable[[], None]) -> None:
        """Call ``heard``, from any thread, when there may be news of this person's alerts."""
        self._heard = heard

    def begin(self) -> None:
        """Hear of news from now on, and at once where something was told before. Until then no page is touched."""
        heard = self._heard

        def look() -> None:
            if heard is None:
                return
            try:
                person = self._shared.access.person(self._identity)
                if person is None:
                    return
                if not self._hang(person, heard):
                    return
            except Exception as error:  # who reads then says what is wrong, and tries again
                log.info("what was told is not known: %s", type(error).__name__)
            if not self._closed:
                heard()

        try:
            self._shared.questions.submit(look)
        except RuntimeError:  # the server is ending
            log.info("what was told is not asked for any more")

    def _hang(self, person: str, heard: Callable[[], None]) -> bool:
        before = self._shared.night.bells.hang(person, heard)
        if self._closed:  # it left meanwhile
            self._shared.night.bells.take(heard)
        return before

    def told(self, reader: Reader) -> list[dict[str, Any]]:
        """What this person was told, newest first, as far as they may see it now."""
        person = self._shared.access.person(self._identity)
        if person is None:
            return []
        if self._heard is not None:
            stored(partial(self._hang, person, self._heard))
        kept = stored(lambda: self._shared.store.alerts.told(person, _MOST))
        open_: dict[int, bool] = {}
        for one in kept:
            if one.what.place not in open_:
                try:
                    self._shared.shared.check(reader, one.what.place)
                    open_[one.what.place] = True
                except NotFound:
                    open_[one.what.place] = False
        return [
            {
                "id": one.id,
                "run": one.what.subject,
                "kind": one.what.kind,
                "time": one.what.time,
                "text": one.what.text,
                "frames": None
                if one.what.last is None
                else (one.what.last if one.what.first is None else one.what.first, one.what.last),
                "seen": one.seen,
            }
            for one in kept
            if open_[one.what.place]
        ]

    def saw(self, ids: list[int] | None) -> None:
        """This person has seen these, or all."""
        person = self._person()
        stored(lambda: self._shared.store.alerts.saw(person, ids))
        self._shared.night.wake()

    def wishes(self, what: About) -> dict[str, float]:
        """Which of the places that concern the run are watched for this person, until when."""
        person = self._shared.access.person(self._identity)
        if person is None:
            return {}
        held = {wish.place: wish.until for wish in stored(lambda: self._shared.store.alerts.wishes(person))}
        return {name: held[place] for name, place in _places(what).items() if place in held}

    def wish(self, what: About, place: str, wanted: bool, target: str) -> None:
        """Watch such a place for a week, or no longer."""
        person, places = self._person(), _places(what)
        if place not in places:
            raise NotFound("This place")
        alerts = self._shared.store.alerts
        if wanted:
            stored(lambda: alerts.ask(person, places[place], self._identity, target, _WEEK))
        else:
            stored(lambda: alerts.cease(person, places[place]))
        self._shared.night.hurry()

    def attend(self, run: int, page: str, target: str) -> None:
        """A page shows the run."""
        person, alerts = self._person(), self._shared.store.alerts
        stored(lambda: alerts.ask(person, f"open {run} {page}", self._identity, target, _OPEN))
        if self._closed:
            stored(lambda: alerts.cease(person, f"open {run} {page}"))

    def depart(self, run: int, page: str) -> None:
        """The page is gone."""

        def cease() -> None:
            try:
                person = self._shared.access.person(self._identity)
                if person is not None:
                    self._shared.store.alerts.cease(person, f"open {run} {page}")
                    self._shared.night.hurry()
            except Exception as error:  # it runs out by itself
                log.info("a page that is gone is watched for %.0f s more: %s", _OPEN, type(error).__name__)

        try:
            self._shared.questions.submit(cease)
        except RuntimeError:  # the server is ending
            log.info("a page that is gone is watched for %.0f s more", _OPEN)

    def close(self) -> None:
        """The browser is gone."""
        self._closed = True
        if self._heard is not None:
            self._shared.night.bells.take(self._heard)


def _places(what: About) -> dict[str, str]:
    """The names under which wishes are kept: at most 64 characters."""
    places = {"run": f"run {what.collection_id}", "visit": f"visit {what.visit_id}"}
    if what.beamline and len(what.beamline) <= 50:
        places["beamline"] = f"beamline {what.beamline}"
    return places
