"""What people asked for and were not shown, in the audit trail; never so much of it that the rest drowns."""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from auth.identity import Identity
from auth.store import Store

log = logging.getLogger(__name__)

KIND = "denied"
_SECONDS = 60.0
_MOST = 10
_PEOPLE = 2000


class Denials:
    """Writes at most ten rows a minute for one person, and the same thing once.

    Absent and forbidden are the same here too: nobody looks whether it exists. ``submit`` runs the writing elsewhere,
    so that an answer takes no longer for it.
    """

    def __init__(
        self,
        store: Store,
        submit: Callable[[Callable[[], None]], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._submit, self._clock = store, submit, clock
        self._lock = threading.Lock()
        # For each person: when this minute began, and what was asked for in it.
        self._minutes: OrderedDict[str, tuple[float, set[str]]] = OrderedDict()

    def note(self, identity: Identity, address: str, what: str) -> None:
        """``identity`` asked for ``what`` (a link or a path) and it was not shown."""
        words = self._words(identity.key, what[:300])
        if words is not None:
            try:
                self._submit(lambda: self._write(identity.login, address, words))
            except RuntimeError:  # the server is ending
                log.info("not noted: %s", KIND)

    def _words(self, key: str, what: str) -> str | None:
        now = self._clock()
        with self._lock:
            began, asked = self._minutes.get(key, (now, set()))
            if now - began >= _SECONDS:
                began, asked = now, set()
            self._minutes[key] = (began, asked)
            self._minutes.move_to_end(key)
            while len(self._minutes) > _PEOPLE:
                self._minutes.popitem(last=False)
            if what in asked or len(asked) >= _MOST:
                return None
            asked.add(what)
            return what if len(asked) < _MOST else f"{what} (more of this minute are not listed)"

    def _write(self, login: str, address: str, words: str) -> None:
        try:
            self._store.record(KIND, login=login, address=address, detail=words)
        except SQLAlchemyError as error:
            log.error("The audit trail cannot be written: %s", type(error).__name__)
