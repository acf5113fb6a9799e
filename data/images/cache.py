"""A small cache bounded in bytes, in which nothing is computed twice at the same time."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Cache(Generic[K, V]):
    """Least recently used values, together at most `limit` bytes by `size`. Thread-safe.

    Threads that ask for one absent key at the same time wait for a single computation. What that
    raises reaches all of them and is not kept. A value larger than `limit` is returned, not kept.
    """

    def __init__(self, limit: int, size: Callable[[V], int]) -> None:
        self._limit = limit
        self._size = size
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._making: dict[K, Future[V]] = {}
        self._bytes = 0
        self._lock = Lock()

    @property
    def bytes(self) -> int:
        """Size of what is kept."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: K, make: Callable[[], V]) -> V:
        """The value of `key`, from the cache or from `make()`."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key][0]
            pending = self._making.get(key)
            if pending is None:
                mine: Future[V] = Future()
                self._making[key] = mine
        if pending is not None:
            return pending.result()
        try:
            value = make()
            size = self._size(value)
        except BaseException as problem:
            with self._lock:
                self._forget(key, mine)
            mine.set_exception(problem)
            raise
        with self._lock:
            # After `clear` the value is still right for those who wait, but is not kept.
            if self._forget(key, mine):
                self._keep(key, value, size)
        mine.set_result(value)
        return value

    def held(self, key: K) -> V | None:
        """The value of `key` where it is kept, without making it."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key][0]

    def clear(self) -> None:
        """Forget everything, also what is being made."""
        with self._lock:
            self._kept.clear()
            self._making.clear()
            self._bytes = 0

    def _forget(self, key: K, mine: Future[V]) -> bool:
        if self._making.get(key) is not mine:
            return False
        del self._making[key]
        return True

    def _keep(self, key: K, value: V, size: int) -> None:
        if size > self._limit:
            return
        self._kept[key] = (value, size)
        self._bytes += size
        while self._bytes > self._limit:
            _, (_, dropped) = self._kept.popitem(last=False)
            self._bytes -= dropped
