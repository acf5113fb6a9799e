"""Memory that a thread uses again: to get 8 MB anew takes longer than to read them."""

from threading import local

import numpy as np
from numpy.typing import NDArray

_kept = local()


def room(size: int) -> NDArray[np.uint8]:
    """At least `size` bytes, which hold what this thread puts there until it asks the next time."""
    held: NDArray[np.uint8] | None = getattr(_kept, "room", None)
    if held is None or len(held) < size:
        held = _kept.room = np.empty(size, np.uint8)
    return held
