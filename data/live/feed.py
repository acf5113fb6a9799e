"""A version per visit, and what it stands for: what crosses threads when something new is measured.

A session that shows a visit holds a ``Watch`` and compares its ``version`` with the one it last read for; ``changed``
names the collections to read again, in the session's own Scope. A collection that has just begun crosses as a row, so
that nobody has to ask for it: whoever watches a visit has been shown that visit. The Poller fills the feed.
"""

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self

State = Literal["live", "waiting"]

_REMEMBERED = 100  # versions, and beginnings, of a visit that can still be told apart


@dataclass(frozen=True, slots=True)
class Started:
    """A collection that began: its technique, and its row as far as it is known then."""

    technique: str
    row: dict[str, Any]


@dataclass(slots=True)
class _Visit:
    version: int
    oldest: int
    """What changed up to this version is forgotten."""
    changes: deque[tuple[int, frozenset[int] | None]] = field(default_factory=deque)
    begun: int = 0
    started: deque[tuple[int, Started]] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))


class Watch:
    """One browser's interest in one visit (None: in the facility as a whole), until closed."""

    def __init__(self, feed: "Feed", visit_id: int | None) -> None:
        self._feed = feed
        self._open = True
        self.visit_id = visit_id

    @property
    def version(self) -> int:
        """Changes whenever the visit did; read again when it differs from the one last seen."""
        return self._feed.version(self.visit_id)

    @property
    def begun(self) -> int:
        """Grows when a collection begins."""
        return self._feed.begun(self.visit_id)

    def changed(self, since: int) -> frozenset[int] | None:
        """The collections that changed after the version ``since``; None where any may have."""
        return self._feed.changed(self.visit_id, since)

    def steps(self, since: int) -> dict[int, frozenset[int]] | None:
        """The same by version, in order: what each step from one version to the next changed."""
        return self._feed.steps(self.visit_id, since)

    def started(self, since: int) -> list[Started]:
        """The collections that began after ``since``, the latest 100 of them, in order."""
        return self._feed.started(self.visit_id, since)

    def close(self) -> None:
        """End the interest; a second close does nothing."""
        if self._open:
            self._open = False
            self._feed._leave(self.visit_id)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Feed:
    """Versions of the visits that somebody watches. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watchers: Counter[int | None] = Counter()
        self._visits: dict[int | None, _Visit] = {}
        # One count for all: a visit watched anew never gets a number that somebody has seen.
        self._count = 0
        self._listeners: list[Callable[[], None]] = []
        self.state: State = "live"
        """``waiting`` while the database does not answer."""

    def watch(self, visit_id: int | None) -> Watch:
        """Begin to watch a visit; close the Watch when its browser is gone.

        None watches the facility: new visits, new collections, at most every 15 s.
        """
        with self._lock:
            self._watchers[visit_id] += 1
            fresh = self._watchers[visit_id] == 1
            if fresh:
                self._count += 1
                self._visits[visit_id] = _Visit(self._count, self._count, begun=self._count)
            listeners = tuple(self._listeners) if fresh else ()
        for listener in listeners:
            listener()
        return Watch(self, visit_id)

    def version(self, visit_id: int | None) -> int:
        """The version of a visit; 0 where nobody watches it."""
        held = self._visits.get(visit_id)
        return 0 if held is None else held.version

    def begun(self, visit_id: int | None) -> int:
        """A number that grows when a collection begins; 0 where nobody watches the visit."""
        held = self._visits.get(visit_id)
        return 0 if held is None else held.begun

    def changed(self, visit_id: int | None, since: int) -> frozenset[int] | None:
        """The collections that changed after the version ``since``; None where any may have."""
        steps = self.steps(visit_id, since)
        return None if steps is None else frozenset().union(*steps.values())

    def steps(self, visit_id: int | None, since: int) -> dict[int, frozenset[int]] | None:
        """Each version after ``since`` and the collections that changed with it; None where any may have."""
        with self._lock:
            held = self._visits.get(visit_id)
            if held is None or since < held.oldest:
                return None
            found: dict[int, frozenset[int]] = {}
            for version, ids in held.changes:
                if version > since:
                    if ids is None:
                        return None
                    found[version] = ids
            return found

    def started(self, visit_id: int | None, since: int) -> list[Started]:
        """The collections that began after ``since``, the latest 100 of them, in order."""
        with self._lock:
            held = self._visits.get(visit_id)
            return [] if held is None else [one for number, one in held.started if number > since]

    def touch(self, *visit_ids: int | None, ids: Iterable[int] | None = None) -> None:
        """Say that these visits changed; those that nobody watches are passed over.

        ``ids``: the collections that changed; None where any may have.
        """
        which = None if ids is None else frozenset(ids)
        with self._lock:
            for visit_id in visit_ids:
                held = self._visits.get(visit_id)
                if held is None:
                    continue
                self._count += 1
                held.version = self._count
                held.changes.append((self._count, which))
                while len(held.changes) > _REMEMBERED:
                    held.oldest = held.changes.popleft()[0]

    def announce(self, visit_id: int, started: Sequence[Started]) -> None:
        """Say that these collections of a visit began; passed over where nobody watches it."""
        with self._lock:
            held = self._visits.get(visit_id)
            if held is not None:
                for one in started:
                    self._count += 1
                    held.begun = self._count
                    held.started.append((held.begun, one))

    @property
    def watched(self) -> frozenset[int | None]:
        """The visits that somebody watches."""
        with self._lock:
            return frozenset(self._visits)

    def listen(self, listener: Callable[[], None]) -> None:
        """Call ``listener``, in the watcher's thread, when a visit gets its first watcher."""
        with self._lock:
            self._listeners.append(listener)

    def _leave(self, visit_id: int | None) -> None:
        with self._lock:
            self._watchers[visit_id] -= 1
            if self._watchers[visit_id] <= 0:
                del self._watchers[visit_id]
                del self._visits[visit_id]
