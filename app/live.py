"""The feed as one browser sees it: the version of the one visit that it shows."""

import logging
import time
from collections.abc import Callable

from tornado.ioloop import PeriodicCallback

from data.live.feed import Feed, Started, Watch

log = logging.getLogger(__name__)

_LOOK_MS = 200.0
# Rights are held for 45 s (`app.access`): with this, none is a minute old on an open page.
_CHECK_SECONDS = 15.0

Check = Callable[[int], None]


class Pulses:
    """The pulses of all browsers of a process.

    One timer compares versions for all of them, and runs only while a browser watches something: a timer in each
    browser's document would cost a thousand times as much.
    """

    def __init__(self, feed: Feed, check_seconds: float = _CHECK_SECONDS) -> None:
        self.feed, self.check_seconds = feed, check_seconds
        self._watching: set[BrowserPulse] = set()
        self._timer: PeriodicCallback | None = None

    def pulse(self, beat: Callable[[], None], check: Check = lambda visit_id: None) -> "BrowserPulse":
        """The pulse of one more browser; ``beat`` is called in the server's loop when its visit has changed.

        ``check`` is called with the visit every quarter of a minute, whether anything changed or not: what comes by
        the feed is the same for everybody, so somebody must ask whether this browser may still have it.
        """
        return BrowserPulse(self, beat, check)

    @property
    def running(self) -> bool:
        """Whether the timer runs."""
        return self._timer is not None

    def look(self) -> None:
        """Tell each browser whose visit has another version than it was told last."""
        for pulse in tuple(self._watching):
            try:
                pulse.look()
            except Exception:
                log.exception("a browser could not be told of a change")

    def follow(self, pulse: "BrowserPulse") -> None:
        """Look at the version of this browser's visit from now on."""
        self._watching.add(pulse)
        if self._timer is None:
            self._timer = PeriodicCallback(self.look, _LOOK_MS)
            self._timer.start()

    def leave(self, pulse: "BrowserPulse") -> None:
        """Look at it no longer."""
        self._watching.discard(pulse)
        if not self._watching and self._timer is not None:
            self._timer.stop()
            self._timer = None


class BrowserPulse:
    """Watches at most one visit for a browser; ``close`` when the browser goes."""

    def __init__(self, pulses: Pulses, beat: Callable[[], None], check: Check) -> None:
        self._pulses, self._beat, self._check = pulses, beat, check
        # Of the browser, not of the visit: else one that changes pages often would never be checked.
        self._checked = time.monotonic()
        self._watch: Watch | None = None
        self._told = (0, 0)
        self._late = False
        self._closed = False

    def watch(self, visit_id: int | None) -> None:
        """Watch this visit from now on, and no other. Its version now is taken as known."""
        if self._closed or (self._watch.visit_id if self._watch is not None else None) == visit_id:
            return
        before = self._watch
        self._watch = self._pulses.feed.watch(visit_id) if visit_id is not None else None
        self._told = self.version(), self.begun()
        if before is not None:
            before.close()
        if self._watch is None:
            self._pulses.leave(self)
        else:
            self._pulses.follow(self)

    def version(self) -> int:
        """The version of the watched visit; 0 while none is."""
        return self._watch.version if self._watch is not None else 0

    def changed(self, since: int) -> frozenset[int] | None:
        """The collections that changed after the version ``since``; None where any may have."""
        return self._watch.changed(since) if self._watch is not None else None

    def steps(self, since: int) -> dict[int, frozenset[int]] | None:
        """The same by version, in order; None where any may have."""
        return self._watch.steps(since) if self._watch is not None else None

    def begun(self) -> int:
        """A number that grows when a collection begins in the watched visit."""
        return self._watch.begun if self._watch is not None else 0

    def started(self, since: int) -> list[Started]:
        """The collections that began after ``since``, in order."""
        return self._watch.started(since) if self._watch is not None else []

    def late(self) -> bool:
        """Whether news cannot come at present: the database does not answer."""
        return self._watch is not None and self._pulses.feed.state == "waiting"

    def look(self) -> None:
        """Beat if something changed or began since this was asked last, or news have begun or ceased to be late."""
        visit, moment = self._watch.visit_id if self._watch is not None else None, time.monotonic()
        if visit is not None and moment - self._checked >= self._pulses.check_seconds:
            self._checked = moment
            self._check(visit)
        now, late = (self.version(), self.begun()), self.late()
        if (now, late) != (self._told, self._late):
            self._told, self._late = now, late
            self._beat()

    def close(self) -> None:
        """Stop watching, for good."""
        self.watch(None)
        self._closed = True
