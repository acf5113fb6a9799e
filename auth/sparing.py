"""How much of what strangers do is written down: the audit trail is no place for them to fill."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

#: What anybody can make happen as often as they like, without signing in or after being let in for nothing.
SPARED: Final = frozenset({"form refused", "link refused", "throttled", "denied"})
_SECONDS: Final = 60.0
_EACH: Final = 20
_ALL: Final = 300
_ADDRESSES: Final = 2000


class Sparing:
    """So many rows a minute from one address, and so many from all; the last one says that more is not listed."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, each: int = _EACH, most: int = _ALL) -> None:
        self._clock, self._each, self._most = clock, each, most
        self._lock = threading.Lock()
        self._began, self._all = clock(), 0
        self._counts: OrderedDict[str, int] = OrderedDict()

    def words(self, address: str, detail: str) -> str | None:
        """What the row says, or None where none is written."""
        with self._lock:
            now = self._clock()
            if now - self._began >= _SECONDS:
                self._began, self._all = now, 0
                self._counts.clear()
            count = self._counts.get(address, 0) + 1
            if count > self._each or self._all >= self._most:
                return None
            self._counts[address] = count
            self._all += 1
            while len(self._counts) > _ADDRESSES:
                self._counts.popitem(last=False)
            last = count == self._each or self._all == self._most
        return f"{detail} (more of this minute are not listed)".strip() if last else detail
