"""When to call the scientist: changes that are real, with their cause, and not again at once.

A rate is watched by a two-sided CUSUM of standardised differences (E. S. Page, 1954): it reacts to a small lasting
change sooner than two windows do, and to chance rarely.
"""

import math
from dataclasses import dataclass
from typing import Final, Literal

_SURPRISE: Final = 3.0

Kind = Literal["rate", "stalled", "ice", "saturation", "cell", "target"]


@dataclass(frozen=True, slots=True)
class Rules:
    """What the user wants to hear of; None: not at all.

    ``rate_change``: share of the usual rate that counts as a change (0.5: halved or up by half); ``stalled``: seconds
    without a frame; ``ice`` and ``saturation``: share of frames; ``cell``: share by which the mean volume drifts;
    ``hold_off``: seconds in which the same alert is not given again.
    """

    rate_change: float | None = 0.5
    stalled: float | None = 10.0
    ice: float | None = 0.2
    saturation: float | None = 0.1
    cell: float | None = 0.02
    target: bool = True
    hold_off: float = 60.0


@dataclass(frozen=True, slots=True)
class Alert:
    """What happened at ``time`` (s since 1970), in words with numbers, and the first and last image concerned."""

    kind: Kind
    time: float
    text: str
    frames: tuple[int, int] | None = None


class Cusum:
    """Watches a share of frames that comes in blocks; ``threshold`` and ``slack`` in standard deviations.

    The usual rate is the mean of the unsurprising blocks since the last alarm; the first ``learn`` give none.
    """

    def __init__(self, threshold: float = 6.0, slack: float = 0.75, learn: int = 10) -> None:
        self._threshold, self._slack, self._learn = threshold, slack, learn
        self.restart()

    def restart(self) -> None:
        """Learn the usual rate anew."""
        self._blocks, self._hits, self._frames = 0, 0.0, 0.0
        self._up = self._down = 0.0
        self.usual: float | None = None

    def add(self, hits: float, frames: float, dispersion: float = 1.0) -> Literal["up", "down"] | None:
        """One more block; which way the rate has changed, if it has."""
        if frames <= 0:
            return None
        self._blocks += 1
        if self._blocks > self._learn:
            # Laplace's half hit keeps a rate of zero from making any hit infinitely surprising.
            p = (self._hits + 0.5) / (self._frames + 1)
            deviation = (hits - frames * p) / math.sqrt(frames * p * (1 - p) * dispersion)
            self._up = max(0.0, self._up + deviation - self._slack)
            self._down = max(0.0, self._down - deviation - self._slack)
            if abs(deviation) > _SURPRISE:  # not learnt from: it may be the change
                hits = frames = 0.0
        self._hits += hits
        self._frames += frames
        self.usual = self._hits / self._frames
        if self._up > self._threshold:
            return "up"
        if self._down > self._threshold:
            return "down"
        return None
