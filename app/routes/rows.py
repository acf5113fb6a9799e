"""Rows of collections and movies that were looked up a moment ago, each for the Scope that saw it."""

import time
from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock
from typing import Any

from data.core import collection as collections
from data.reader import Reader
from data.scope import Scope
from data.techniques.em import movies

_SECONDS = 5.0
_MOST = 2000


class Rows:
    """A viewer that plays asks for 25 frames of one collection a second; the question takes longer than the answer.

    What was refused is not kept, and a row is never given to another Scope.
    """

    def __init__(self, seconds: float = _SECONDS) -> None:
        self._seconds = seconds
        self._held: OrderedDict[tuple[Scope, str], tuple[float, Mapping[str, Any]]] = OrderedDict()
        self._lock = Lock()

    def held(self, scope: Scope, number: str) -> Mapping[str, Any] | None:
        """What `imaging` found for this Scope, where it is young enough; asks nobody."""
        with self._lock:
            held = self._held.get((scope, number))
        return held[1] if held is not None and time.monotonic() - held[0] < self._seconds else None

    def imaging(self, reader: Reader, number: str) -> Mapping[str, Any]:
        """`collection.imaging`, of m and a number `movies.imaging`, at most a few seconds old. Raises NotFound."""
        found = self.held(reader.scope, number)
        if found is not None:
            return found
        key, now = (reader.scope, number), time.monotonic()
        if number.startswith("m"):
            row = movies.imaging(reader, int(number[1:]))
        else:
            row = collections.imaging(reader, int(number))
        with self._lock:
            self._held[key] = (now, row)
            self._held.move_to_end(key)
            while len(self._held) > _MOST:
                self._held.popitem(last=False)
        return row
