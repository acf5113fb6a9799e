"""The cells of a run that are kept: a fair choice of all, and the newest."""

from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from data.techniques.ssx.batch import Batch
from data.techniques.ssx.timeline import volume

MOST: Final = 20_000
_NEWEST: Final = 1_024
_MOST_KINDS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Kept:
    """``cells`` (m, 6) in Å and degrees; of each (m): ``frame``, -1 where not told; ``time`` of that frame, s since
    1970, NaN where not known; ``kinds``: lattice types.
    """

    cells: NDArray[np.float32]
    frame: NDArray[np.int64]
    time: NDArray[np.float64]
    kinds: list[str]


class Reservoir:
    """At most 20,000 cells, each of all with the same chance, and the volumes of the newest 1,024."""

    def __init__(self) -> None:
        self._cells = np.zeros((MOST, 6), np.float32)
        self._frame = np.zeros(MOST, np.int64)
        self._time = np.full(MOST, np.nan)
        self._kind = np.zeros(MOST, np.int16)
        self._kinds: list[str] = []
        self._newest = np.full((_NEWEST, 2), np.nan)
        self._random = np.random.default_rng(0)
        self.offered = 0
        """Cells that came, kept or not."""
        self.types: Counter[str] = Counter()
        """How many lattices of each type and centring."""

    def append(self, batch: Batch) -> None:
        """Add the cells of a batch. Algorithm R (J. S. Vitter, 1985)."""
        count = len(batch.cells)
        if not count:
            return
        for name, many in zip(*np.unique(batch.lattice, return_counts=True), strict=True):
            self.types[str(name)] += int(many)
            if str(name) not in self._kinds and len(self._kinds) < _MOST_KINDS:
                self._kinds.append(str(name))
        index = {name: k for k, name in enumerate(self._kinds)}
        kinds = np.array([index.get(str(name), 0) for name in batch.lattice], np.int16)
        order = self.offered + np.arange(count)
        place = np.where(order < MOST, order, (self._random.random(count) * (order + 1)).astype(np.int64))
        kept = place < MOST
        time = batch.time[batch.cell_frame]
        self._cells[place[kept]] = batch.cells[kept]
        self._frame[place[kept]] = batch.frame[batch.cell_frame[kept]]
        self._time[place[kept]] = time[kept]
        self._kind[place[kept]] = kinds[kept]
        self._newest = np.concatenate([self._newest, np.column_stack([time, volume(batch.cells)])])[-_NEWEST:]
        self.offered += count

    def kept(self) -> Kept:
        """The choice so far."""
        held = min(self.offered, MOST)
        kinds = [self._kinds[k] for k in self._kind[:held]]
        return Kept(self._cells[:held].copy(), self._frame[:held].copy(), self._time[:held].copy(), kinds)

    def newest(self, start: float, end: float) -> NDArray[np.float64]:
        """Volumes (k), Å³, of those of the newest 1,024 cells whose frames were taken within start..end."""
        time, size = self._newest.T
        found: NDArray[np.float64] = size[(time >= start) & (time <= end)]
        return found
