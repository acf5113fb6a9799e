"""A compressed frame pooled by two threads where nothing else is pooled, so that who waits for one frame waits half."""

import os
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.images.formats.chunk import Rejected
from data.images.reduce import table

_LEAST = 1_000_000  # pixels below which a second thread brings nothing


class Pooler:
    """Safe in threads. A frame that comes while another is worked on gets one thread: then both cores have work."""

    def __init__(self, cores: int | None = None) -> None:
        self._second = ThreadPoolExecutor(1, "pooling") if (cores or os.cpu_count() or 1) > 1 else None
        self._at_work = 0
        self._lock = Lock()

    def pool(self, packed: Any, factor: int, rejected: Rejected | None) -> NDArray[np.uint8]:
        """`bitshuffle.Packed.pool` of the whole frame. Raises Damaged."""
        with self._lock:
            self._at_work += 1
            alone = self._at_work == 1
        try:
            height, width = packed.shape
            if not alone or self._second is None or height * width < _LEAST:
                whole: NDArray[np.uint8] = packed.pool(factor, table(), rejected)
                return whole
            rows = -(-height // factor)
            out = np.empty((rows, -(-width // factor)), np.uint8)
            half = rows // 2
            other = self._second.submit(packed.pool, factor, table(), rejected, (half, rows), out)
            try:
                packed.pool(factor, table(), rejected, (0, half), out)
            finally:
                other.result()
            return out
        finally:
            with self._lock:
                self._at_work -= 1
