"""Which image numbers have come."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

MOST_FRAMES: Final = 2**27
"""Image numbers are below this: what is beyond is nonsense."""


class Marks:
    """One bit for each image number."""

    def __init__(self) -> None:
        self._bits = np.zeros(1 << 13, np.uint8)

    def add(self, frame: NDArray[np.int64], which: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Mark the frames that ``which`` chooses, each at most once; those of them that were not marked before."""
        if not len(frame):
            return which
        need = (int(frame.max()) >> 3) + 1
        if need > len(self._bits):
            grown = np.zeros(max(need, 2 * len(self._bits)), np.uint8)
            grown[: len(self._bits)] = self._bits
            self._bits = grown
        bit = np.left_shift(1, frame & 7).astype(np.uint8)
        fresh: NDArray[np.bool_] = which & ((self._bits[frame >> 3] & bit) == 0)
        np.bitwise_or.at(self._bits, frame[fresh] >> 3, bit[fresh])
        return fresh
