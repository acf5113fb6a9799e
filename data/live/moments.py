"""When the frames of a watched run were taken, as far as sources say it, and where they do not."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from data.techniques.ssx.about import About
from data.techniques.ssx.batch import Batch

_AHEAD_SECONDS: Final = 60.0
_EARLY_SECONDS: Final = 3600.0
_EARLIEST: Final = 1e9
"""Times of frames lie between the start of the run, less an hour, and now, and a minute: clocks differ."""


def dated(batch: Batch, what: About, now: float, *, live: bool) -> tuple[int, Batch]:
    """(how many times cannot be, the batch without them): one such would stretch the plot, or stay the newest.

    Frames that arrive as they are taken (``live``) count at ``now`` instead, others have no time.
    """
    earliest = _EARLIEST if what.start is None else what.start.timestamp() - _EARLY_SECONDS
    odd = (batch.time > now + _AHEAD_SECONDS) | (batch.time < earliest)
    if not odd.any():
        return 0, batch
    return int(odd.sum()), batch.with_columns(time=np.where(odd, now if live else np.nan, batch.time))


def taken(batch: Batch, what: About, now: float, within: float | None) -> NDArray[np.float64]:
    """When frames were taken that do not say so.

    What arrives while somebody looks was taken just now, the last first, none more than ``within`` seconds ago. What
    lies before (None) is spread evenly: over the run where it has ended, else at the rate that ISPyB states.
    """
    count, place = len(batch), (batch.frame - what.first_image).astype(float)
    if within is not None:
        behind = (batch.frame.max() - batch.frame) / what.frames_per_second if what.frames_per_second else 0.0
        return np.asarray(np.full(count, now) - np.minimum(behind, within))
    if what.start is None:
        return np.full(count, np.nan)
    began = what.start.timestamp()
    if what.end is not None and what.end > what.start and what.images:
        return np.asarray(began + place * ((what.end.timestamp() - began) / what.images))
    if what.frames_per_second:
        return np.minimum(began + place / what.frames_per_second, now)
    return np.full(count, now)
