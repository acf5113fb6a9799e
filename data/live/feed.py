"""A version per visit: the whole of what crosses threads when something new is measured.

A session that shows a visit holds a ``Watch`` and compares its ``version`` with the one it last
read for. No row crosses: each session reads again for itself, in its own Scope. The Poller bumps
the versions.
"""

import threading
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Literal, Self

State = Literal["live", "waiting"]


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
        self._versions: dict[int | None, int] = {}
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
                self._versions[visit_id] = self._count
            listeners = tuple(self._listeners) if fresh else ()
        for listener in listeners:
            listener()
        return Watch(self, visit_id)

    def version(self, visit_id: int | None) -> int:
        """The version of a visit; 0 where nobody watches it."""
        return self._versions.get(visit_id, 0)

    def touch(self, *visit_ids: int | None) -> None:
        """Say that these visits changed; those that nobody watches are passed over."""
        with self._lock:
            for visit_id in visit_ids:
                if visit_id in self._versions:
                    self._count += 1
                    self._versions[visit_id] = self._count

    @property
    def watched(self) -> frozenset[int | None]:
        """The visits that somebody watches."""
        with self._lock:
            return frozenset(self._versions)

    def listen(self, listener: Callable[[], None]) -> None:
        """Call ``listener``, in the watcher's thread, when a visit gets its first watcher."""
        with self._lock:
            self._listeners.append(listener)

    def _leave(self, visit_id: int | None) -> None:
        with self._lock:
            self._watchers[visit_id] -= 1
            if self._watchers[visit_id] <= 0:
                del self._watchers[visit_id]
                del self._versions[visit_id]
