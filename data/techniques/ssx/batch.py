"""Frames of one serial run as columns: the only shape in which sources hand over what they know.

A value that was not measured is -1 in columns of whole numbers and NaN in the others; it is never taken for zero.
"""

from dataclasses import dataclass, replace
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

UNKNOWN: Final = -1

_WHOLE: Final = {
    "hit": np.int8,
    "lattices": np.int16,
    "spots": np.int32,
    "saturated": np.int32,
    "reflections": np.int32,
    "ice": np.int8,
    "pump": np.int8,
    "address": np.int32,
    "again": np.int8,
}
_REAL: Final = ("resolution", "background")


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """``frame`` (n): number of the image in the run, ``time`` (n): when it was taken, s since 1970.

    Each (n): ``hit`` 1 or 0; ``lattices`` indexed (0: none); ``spots``; ``resolution`` Å; ``background`` counts per
    pixel; ``ice`` 1 or 0; ``saturated`` spots;
    ``reflections`` that its lattices gave; ``pump`` 1 with laser, 0 without; ``address`` of the well on the chip;
    ``again`` 1 for a frame that another source told of before.
    ``cells`` (m, 6): a, b, c in Å, α, β, γ in degrees, one for each lattice; ``cell_frame`` (m): index of its frame in
    this batch; ``lattice`` (m): type and centring, such as ``oC`` (empty: not said).
    """

    frame: NDArray[np.int64]
    time: NDArray[np.float64]
    hit: NDArray[np.int8]
    lattices: NDArray[np.int16]
    spots: NDArray[np.int32]
    resolution: NDArray[np.float32]
    background: NDArray[np.float32]
    ice: NDArray[np.int8]
    saturated: NDArray[np.int32]
    reflections: NDArray[np.int32]
    pump: NDArray[np.int8]
    address: NDArray[np.int32]
    again: NDArray[np.int8]
    cells: NDArray[np.float32]
    cell_frame: NDArray[np.int32]
    lattice: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.frame)

    @classmethod
    def of(
        cls, frame: Any, time: Any, *, cells: Any = (), cell_frame: Any = (), lattice: Any = (), **known: Any
    ) -> Self:
        """A batch from what is known; the other columns are unknown. Raises ValueError for columns of other lengths."""
        number = np.asarray(frame, np.int64)
        columns: dict[str, Any] = {
            name: np.asarray(known.pop(name), kind) if name in known else np.full(len(number), UNKNOWN, kind)
            for name, kind in _WHOLE.items()
        }
        for name in _REAL:
            given = known.pop(name, None)
            columns[name] = np.full(len(number), np.nan, np.float32) if given is None else np.asarray(given, np.float32)
        if known:
            raise ValueError(f"a batch has no column {', '.join(sorted(known))}")
        taken = np.asarray(time, np.float64)
        for name, column in (("time", taken), *columns.items()):
            if column.shape != number.shape:
                raise ValueError(f"{name} has {column.shape}, not {number.shape}")
        rows = np.asarray(cells, np.float32).reshape(-1, 6)
        of = np.asarray(cell_frame, np.int32)
        if len(of) != len(rows) or (len(of) and (of.min() < 0 or of.max() >= len(number))):
            raise ValueError("each cell belongs to a frame of the batch")
        kinds = np.asarray(lattice if len(lattice) else [""] * len(rows), np.str_)
        if len(kinds) != len(rows):
            raise ValueError("each cell has one lattice type")
        return cls(frame=number, time=taken, cells=rows, cell_frame=of, lattice=kinds, **columns)

    def with_columns(self, **columns: Any) -> "Batch":
        """The same with other columns, each (n)."""
        return replace(self, **columns)

    def but(self, which: NDArray[np.bool_], *unknown: str, again: int | None = None) -> "Batch":
        """The same, but for the frames that ``which`` (n) marks: these columns unknown, or ``again`` set.

        Frames whose lattices become unknown lose their cells.
        """
        if not which.any():
            return self
        changed: dict[str, Any] = {}
        for name in unknown:
            column = getattr(self, name).copy()
            column[which] = np.nan if name in _REAL else UNKNOWN
            changed[name] = column
        if "lattices" in unknown:
            stay = ~which[self.cell_frame]
            changed |= {name: getattr(self, name)[stay] for name in ("cells", "cell_frame", "lattice")}
        if again is not None:
            column = self.again.copy()
            column[which] = again
            changed["again"] = column
        return replace(self, **changed)

    def where(self, keep: NDArray[np.bool_]) -> "Batch":
        """The frames that ``keep`` (n) marks, with their cells."""
        if keep.all():
            return self
        place = np.cumsum(keep) - 1
        mine = keep[self.cell_frame]
        return Batch(
            frame=self.frame[keep],
            time=self.time[keep],
            resolution=self.resolution[keep],
            background=self.background[keep],
            cells=self.cells[mine],
            cell_frame=place[self.cell_frame[mine]].astype(np.int32),
            lattice=self.lattice[mine],
            **{name: getattr(self, name)[keep] for name in _WHOLE},
        )
