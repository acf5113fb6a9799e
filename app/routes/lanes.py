"""Threads for files: apart for each root, never twice for one answer, and none for what nobody waits for any more."""

import asyncio
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


class Late(Exception):
    """The file server did not answer in time."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"The file server did not give this within {seconds:g} s: it is slow or busy, and still at work."
        )


@dataclass(slots=True)
class _Work:
    future: "Future[Any]"
    told: "asyncio.Future[Any]"
    """The same for the loop: one for all who wait, as each would be told by a call from the thread."""
    waiting: int = 0


class Lanes:
    """A few threads for each lane. Used from the event loop only."""

    def __init__(self, threads: int = 2, seconds: float = 2.0) -> None:
        self._threads, self.seconds = threads, seconds
        self._pools: dict[int, ThreadPoolExecutor] = {}
        self._running: dict[Hashable, _Work] = {}

    async def run(self, lane: int, key: Hashable, work: Callable[[], T], seconds: float = 0.0) -> T:
        """The answer of ``work`` from a thread of ``lane``; who asks for the same key meanwhile gets the same one.

        Work that has not begun is dropped when the last who waits for it is cancelled. Raises Late after the time
        limit (``seconds``, where that is longer), while the thread, which nothing can stop, goes on.
        """
        limit = max(seconds, self.seconds)
        found = self._running.get((lane, key))
        if found is None or found.future.cancelled():
            future = self._pool(lane).submit(work)
            found = _Work(future, asyncio.wrap_future(future))
            self._running[lane, key] = found
            found.told.add_done_callback(lambda done: self._ended(lane, key, found, done))
        found.waiting += 1
        try:
            shared: T = await asyncio.wait_for(asyncio.shield(found.told), limit)
            return shared
        except TimeoutError:
            if found.future.done() and not found.future.cancelled():  # just now, or with an error of this kind
                late: T = found.future.result()
                return late
            raise Late(limit) from None
        finally:
            found.waiting -= 1
            if found.waiting == 0 and not found.future.done():
                found.future.cancel()

    def close(self) -> None:
        """Begin nothing more."""
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)

    def _pool(self, lane: int) -> ThreadPoolExecutor:
        if lane not in self._pools:
            self._pools[lane] = ThreadPoolExecutor(self._threads, f"files-{lane}")
        return self._pools[lane]

    def _ended(self, lane: int, key: Hashable, work: _Work, done: "asyncio.Future[Any]") -> None:
        if self._running.get((lane, key)) is work:
            del self._running[lane, key]
        if not done.cancelled():
            done.exception()  # looked at here, so that nobody is told of one that no one waits for
