"""A Redis stream as a source of a serial run: entries that a site's own programs add as frames are processed.

An entry tells of one frame or of many: each field is a list of numbers separated by commas, one for each frame, an
empty place for what was not measured. ``image`` is the number of the image and the only field that must be there;
``time`` (s since 1970), ``hit`` and ``ice`` (1 or 0), ``lattices``, ``spots``, ``resolution`` (Å) and ``background``
(counts per pixel) may be. ``cells`` holds a cell for each lattice, separated by semicolons: the number of its image
and a, b, c in Å, α, β, γ in degrees, separated by blanks. What lies in the stream when a run is looked at is its past.
"""

import math
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import numpy as np

from data.techniques.ssx.batch import UNKNOWN, Batch
from data.techniques.ssx.sources import SourceTrouble, times

_WHOLE: Final = ("hit", "ice", "lattices", "spots")
_REAL: Final = ("time", "resolution", "background")
_ENTRIES: Final = 5_000
_MOST_FRAMES: Final = 100_000
_MOST_TEXT: Final = 2_000_000
_SECONDS: Final = 1.0
_AGAIN_SECONDS: Final = 5.0
_BEFORE_ALL: Final = b"0-0"


class NoEntry(Exception):
    """An entry of the stream makes no sense."""


def frames_of(entry: Mapping[bytes, bytes]) -> dict[str, Any]:
    """The columns of an entry, as `Batch.of` takes them. Raises NoEntry."""
    if sum(map(len, entry.values())) > _MOST_TEXT:
        raise NoEntry
    image = _numbers(entry.get(b"image", b""))
    count = len(image)
    if not count or count > _MOST_FRAMES or not np.isfinite(image).all():
        raise NoEntry
    columns: dict[str, Any] = {"frame": _whole(image)}
    for name in (*_WHOLE, *_REAL):
        values = _numbers(entry[name.encode()]) if name.encode() in entry else np.full(count, np.nan)
        if len(values) != count:
            raise NoEntry
        columns[name] = _whole(values) if name in _WHOLE else values
    at = {number: place for place, number in enumerate(columns["frame"].tolist())}
    cells, of = [], []
    for text in filter(None, entry.get(b"cells", b"").split(b";")):
        number, *cell = _numbers(text.strip().replace(b" ", b","))
        if len(cell) != 6 or number not in at or not np.isfinite(cell).all():
            raise NoEntry
        cells.append(cell)
        of.append(at[int(number)])
    return columns | {"cells": cells, "cell_frame": of}


def _numbers(text: bytes) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    try:
        return np.array([float(part) if part.strip() else math.nan for part in text.split(b",")])
    except ValueError:
        raise NoEntry from None


def _whole(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Whole numbers; what is absent is unknown. Raises NoEntry for others."""
    known = np.where(np.isfinite(values), values, UNKNOWN)
    if (known != np.floor(known)).any() or (np.abs(known) > 2**31 - 1).any() or (known < UNKNOWN).any():
        raise NoEntry
    return known.astype(np.int64)


class RedisStream:
    """Reads one stream from its beginning on. ``address`` is redis://host:port/database/key."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        database, _, self._key = parts.path.lstrip("/").partition("/")
        self._server = parts._replace(path=f"/{database}").geturl()
        # Not the whole address: it may hold a password.
        self.name = f"Redis at {parts.hostname}:{parts.port}, {self._key}"
        self.more = False
        self._client: Any = None
        self._last = _BEFORE_ALL
        self._tried = -math.inf
        self._refused = self._restarted = 0

    @property
    def remark(self) -> str:
        """Which entries could not be used, and whether the stream began anew."""
        words = []
        if self._restarted:
            words.append(f"It began anew {times(self._restarted)} and was read from its beginning.")
        if self._refused:
            words.append(f"{self._refused:,} entries make no sense and are left out.")
        return " ".join(words)

    def read(self) -> Batch:
        """The entries since the last call, at most 5,000."""
        self.more = False
        client, errors, not_a_stream = self._open()
        try:
            found = client.xrange(self._key, min=b"(" + self._last, count=_ENTRIES)
            if not found and self._last != _BEFORE_ALL:
                newest = client.xrevrange(self._key, count=1)
                if newest and _place(newest[0][0]) < _place(self._last):
                    # It was emptied and begun anew.
                    self._last, self._restarted = _BEFORE_ALL, self._restarted + 1
                    found = client.xrange(self._key, count=_ENTRIES)
        except not_a_stream:
            raise SourceTrouble(f"{self.name}: what is there is no stream that may be read.") from None
        except errors:
            self.close()
            raise SourceTrouble(f"{self.name} does not answer.") from None
        if not found:
            return Batch.of([], [])
        self._last, self.more = found[-1][0], len(found) == _ENTRIES
        return self._put_together([entry for _, entry in found])

    def _put_together(self, entries: list[Mapping[bytes, bytes]]) -> Batch:
        told, refused = [], 0
        for entry in entries:
            try:
                told.append(frames_of(entry))
            except NoEntry:
                refused += 1
        self._refused += refused
        if not told:
            return Batch.of([], [])
        sizes = np.cumsum([0, *(len(one["frame"]) for one in told[:-1])])
        columns = {name: np.concatenate([one[name] for one in told]) for name in ("frame", *_WHOLE, *_REAL)}
        return Batch.of(
            columns.pop("frame"),
            columns.pop("time"),
            cells=[cell for one in told for cell in one["cells"]],
            cell_frame=[place + first for one, first in zip(told, sizes, strict=True) for place in one["cell_frame"]],
            **columns,
        )

    def _open(self) -> tuple[Any, Any, Any]:
        try:
            import redis
        except ImportError:
            raise SourceTrouble(f"{self.name}: this server lacks redis (the extra “live” brings it).") from None
        if self._client is None:
            if time.monotonic() - self._tried < _AGAIN_SECONDS:
                # Other runs are read by the same thread: not each turn waits for what is away.
                raise SourceTrouble(f"{self.name} does not answer.")
            self._tried = time.monotonic()
            self._client = redis.Redis.from_url(
                self._server, socket_timeout=_SECONDS, socket_connect_timeout=_SECONDS, retry=None
            )
        return self._client, (redis.RedisError, OSError), redis.ResponseError

    def close(self) -> None:
        """Read no longer."""
        if self._client is not None:
            self._client.close()
            self._client = None


def _place(entry: bytes) -> tuple[int, int]:
    """When an entry was added, to be compared."""
    milliseconds, _, number = entry.partition(b"-")
    return int(milliseconds), int(number or 0)
