"""Compiled loops over whole frames. Importing this needs numba, which is an extra (`fast`).

They release the GIL and keep their machine code on disk, so that only the first start compiles.
Never `parallel=True`: numba's own threads abort when two of ours enter at once.
"""

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

_numba: Any = import_module("numba")


def _compiled(function: Any) -> Any:
    try:
        return _numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:  # no writable place for the machine code
        return _numba.njit(nogil=True)(function)


def _pool_loop(array: Any, mask: Any, factor: int, table: Any, top: int, out: Any) -> None:
    height, width = array.shape
    line = np.empty(out.shape[1], np.int64)
    for row in range(out.shape[0]):
        line[:] = -1
        for y in range(row * factor, min(height, (row + 1) * factor)):
            x = 0
            for column in range(out.shape[1]):
                best = line[column]
                for _ in range(min(factor, width - x)):
                    if not mask[y, x]:
                        best = max(best, np.int64(array[y, x]))
                        best = max(best, 0)
                    x += 1
                line[column] = best
        for column in range(out.shape[1]):
            value = line[column]
            if value < 0:
                out[row, column] = 255
            elif value < 65536:
                out[row, column] = table[value]
            else:
                value = min(value, top)
                octave = 0
                while (value >> (octave + 1)) >= 32:
                    octave += 1
                out[row, column] = 32 + 16 * octave + ((value >> (octave + 1)) & 15)


_pool = _compiled(_pool_loop)


def pool(
    array: NDArray[Any], mask: NDArray[np.bool_], factor: int, table: NDArray[np.uint8], top: int
) -> NDArray[np.uint8]:
    """Masked maximum of `factor` x `factor` blocks as codes (see `reduce`)."""
    height, width = array.shape
    out = np.empty((-(-height // factor), -(-width // factor)), np.uint8)
    _pool(array, mask, factor, table, top, out)
    return out
