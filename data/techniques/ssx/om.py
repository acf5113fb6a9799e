"""OM's broadcast of a serial experiment (OnDA Monitor, https://www.ondamonitor.com) as a source of a run.

OM publishes by ZeroMQ the tag ``omdata`` (``view:omdata`` in older ones) and a pickled dict, with the events and hits
counted since OM began: ``num_events``, ``num_hits``, ``timestamp`` of the newest event and ``start_timestamp``, s since
1970. It tells of no single frame. What was counted between two messages becomes so many frames, of which so many are
hits, spread evenly over the time between: sums are exact, the order within is not. A message that is lost is made up
for by the next, as counts go on. Events before the run began are not the run's.
"""

import time
from typing import Any, Final

import numpy as np

from data.techniques.ssx.batch import Batch
from data.techniques.ssx.pickled import MOST_BYTES, Refused, unpickled
from data.techniques.ssx.sources import SourceTrouble, times

TAGS: Final = ("omdata", "view:omdata")
_MOST_FRAMES: Final = 1_000_000
_DECODED_SECONDS: Final = 0.9
_SILENT_SECONDS: Final = 10.0


class Counts:
    """The frames that follow from messages, one after the other."""

    def __init__(self, began: float | None, first_image: int = 1) -> None:
        self._began, self._next = began, first_image
        self._events: int | None = None
        self._hits = 0
        self._time = began or 0.0
        self.restarted = 0

    def add(self, message: Any) -> Batch:
        """The frames since the message before. Raises Refused for one that makes no sense."""
        if not isinstance(message, dict):
            raise Refused("it holds no names")
        events, hits, at = (_number(message, key) for key in ("num_events", "num_hits", "timestamp"))
        if events is None or hits is None or at is None or not 0 <= hits <= events < 2**40:
            raise Refused("its counts make no sense")
        before = self._events
        if before is None:
            start = _number(message, "start_timestamp")
            # OM that began with the run has counted nothing else; any other is counted from now on.
            if self._began is None or start is None or start < self._began - 5:
                self._events, self._hits, self._time = int(events), int(hits), at
                return Batch.of([], [])
            before = 0
        elif events < before or hits < self._hits:
            self.restarted += 1
            before, self._hits = 0, 0
        count, found = int(events) - before, int(hits) - self._hits
        if count > _MOST_FRAMES or found > count:
            # From here on they may make sense again.
            self._events, self._hits, self._time = int(events), int(hits), at
            raise Refused(f"it has counted {count:,} events and {found:,} hits since the message before")
        last = self._time if at > self._time > at - 3600 else at
        self._events, self._hits, self._time = int(events), int(hits), at
        frames = np.arange(self._next, self._next + count)
        self._next += count
        # Hits evenly among the frames.
        place = np.arange(count)
        hit = (place + 1) * found // max(1, count) > place * found // max(1, count)
        return Batch.of(frames, last + (place + 1) * (at - last) / max(1, count), hit=hit)


def _number(message: dict[str, Any], key: str) -> float | None:
    value = message.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or abs(value) > 1e15:
        return None
    return float(value)


class OmSocket:
    """Listens to OM at a ZeroMQ address while it is asked; ``close`` when it is not any more."""

    def __init__(
        self, address: str, began: float | None, first_image: int = 1, seconds: float = _DECODED_SECONDS
    ) -> None:
        self.name = f"OM at {address.removeprefix('tcp://')}"
        self.more = False
        self._seconds = seconds
        self._address, self._counts = address, Counts(began, first_image)
        self._socket: Any = None
        self._heard_at = time.monotonic()
        self._decoded_at = float("-inf")
        self._last: bytes | None = None
        self._refused = 0
        self._why = ""

    @property
    def remark(self) -> str:
        """Which messages could not be used, and whether OM began anew."""
        words = []
        if self._counts.restarted:
            words.append(f"It began to count anew {times(self._counts.restarted)}.")
        if self._refused:
            words.append(f"A message could not be used {times(self._refused)}, at last: {self._why}.")
        return " ".join(words)

    def read(self) -> Batch:
        """The frames since the last call, from the newest message alone."""
        socket, again = self._open()
        while True:
            try:
                parts = socket.recv_multipart(copy=True, flags=1)  # zmq.NOBLOCK
            except again:
                break
            if len(parts) == 2 and parts[0].decode("utf-8", "replace") in TAGS:
                self._last, self._heard_at = parts[1], time.monotonic()
        now = time.monotonic()
        if self._last is None:
            if now - self._heard_at > _SILENT_SECONDS:
                raise SourceTrouble(f"{self.name} has sent nothing for {now - self._heard_at:.0f} s.")
            return Batch.of([], [])
        if now - self._decoded_at < self._seconds:
            return Batch.of([], [])
        data, self._last, self._decoded_at = self._last, None, now
        try:
            return self._counts.add(unpickled(data))
        except Refused as error:
            self._refused, self._why = self._refused + 1, str(error)
            return Batch.of([], [])

    def _open(self) -> tuple[Any, Any]:
        try:
            import zmq
        except ImportError:
            raise SourceTrouble(f"{self.name}: this server lacks pyzmq (the extra “live” brings it).") from None
        if self._socket is None:
            try:
                self._socket = zmq.Context.instance().socket(zmq.SUB)
                self._socket.setsockopt(zmq.RCVHWM, 8)
                self._socket.setsockopt(zmq.MAXMSGSIZE, MOST_BYTES)
                self._socket.setsockopt(zmq.LINGER, 0)
                for tag in TAGS:
                    self._socket.setsockopt_string(zmq.SUBSCRIBE, tag)
                self._socket.connect(self._address)
            except zmq.ZMQError:
                self.close()
                raise SourceTrouble(f"{self.name} cannot be reached: the address is not usable.") from None
        return self._socket, zmq.Again

    def close(self) -> None:
        """Listen no longer."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
