"""Where the images of a grid scan lie: image number, cell of the grid and position, in one place.

``cells`` is the only function that knows the order of a scan; everything else is derived from what it says.
"""

from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

Cells = NDArray[np.int64]
MOST_CELLS = 250_000
"""More cells than any stage has been sent to; a row that states more is not believed."""


@dataclass(frozen=True, slots=True)
class Raster:
    """A grid of ``across`` by ``down`` cells whose corner is up and left in the snapshot.

    ``vertical``: columns are scanned one after another instead of rows. ``snaked``: every other line runs backwards.
    ``patches_x`` by ``patches_y`` equal parts are scanned one after another, row by row of parts, each in the same
    order. ``step_x``, ``step_y``: mm from cell to cell; ``offset_x``, ``offset_y``: mm, where the middle of the first
    cell is, 0 where nobody says. Images are counted from ``first``.
    """

    across: int
    down: int
    step_x: float = 1.0
    step_y: float = 1.0
    snaked: bool = False
    vertical: bool = False
    patches_x: int = 1
    patches_y: int = 1
    offset_x: float = 0.0
    offset_y: float = 0.0
    first: int = 1

    @property
    def size(self) -> int:
        """The number of cells."""
        return self.across * self.down

    @property
    def last(self) -> int:
        """The image of the last cell."""
        return self.first + self.size - 1


def cells(raster: Raster) -> tuple[Cells, Cells]:
    """Column and row, from 0, of each image from the first on."""
    wide, high = raster.across // raster.patches_x, raster.down // raster.patches_y
    order = np.arange(raster.size, dtype=np.int64)
    patch, within = order // (wide * high), order % (wide * high)
    long = high if raster.vertical else wide
    line, place = within // long, within % long
    if raster.snaked:
        place = np.where(line % 2 == 1, long - 1 - place, place)
    column, row = (line, place) if raster.vertical else (place, line)
    return column + patch % raster.patches_x * wide, row + patch // raster.patches_x * high


def cell_of(raster: Raster, image: int) -> tuple[int, int] | None:
    """Column and row of an image; None where the grid has no such image."""
    if not raster.first <= image <= raster.last:
        return None
    columns, rows = cells(raster)
    return int(columns[image - raster.first]), int(rows[image - raster.first])


def image_map(raster: Raster) -> Cells:
    """The image number of each cell, shape (down, across)."""
    columns, rows = cells(raster)
    numbers = np.empty((raster.down, raster.across), np.int64)
    numbers[rows, columns] = np.arange(raster.size) + raster.first
    return numbers


def image_of(raster: Raster, column: int, row: int) -> int | None:
    """The image of a cell; None outside of the grid."""
    if not (0 <= column < raster.across and 0 <= row < raster.down):
        return None
    return int(image_map(raster)[row, column])


def position(raster: Raster, column: float, row: float) -> tuple[float, float]:
    """Where the middle of a cell is, in mm; parts of a cell as well."""
    return raster.offset_x + column * raster.step_x, raster.offset_y + row * raster.step_y


def spread(raster: Raster, images: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values of images on their cells, shape (down, across); NaN where there is none.

    Images that the grid does not have are left out.
    """
    found = np.full((raster.down, raster.across), np.nan)
    inside = (images >= raster.first) & (images <= raster.last)
    columns, rows = cells(raster)
    at = images[inside] - raster.first
    found[rows[at], columns[at]] = values[inside]
    return found


def raster_of(row: dict[str, Any], first: int | None = None) -> Raster | str:
    """The raster that a row of GridInfo describes, or one sentence that says why it describes none.

    A row without word on snaking is of a scan where every line runs the same way; one without orientation of rows.
    """
    across, down = _count(row.get("steps_x")), _count(row.get("steps_y"))
    if across is None or down is None:
        return "ISPyB does not say how many cells this grid has across and down, so no map can be drawn."
    if across * down > MOST_CELLS:
        return f"ISPyB states {across:,} by {down:,} cells, which no grid scan has: no map is drawn."
    patches_x, patches_y = row.get("patches_x") or 1, row.get("patches_y") or 1
    if patches_x < 1 or patches_y < 1 or across % patches_x or down % patches_y:
        return (
            f"ISPyB divides {across} by {down} cells into {patches_x} by {patches_y} equal patches, which cannot be: "
            "the order of the images is not known."
        )
    return Raster(
        across,
        down,
        _step(row.get("step_x")),
        _step(row.get("step_y")),
        bool(row.get("snaked")),
        (row.get("orientation") or "").strip().lower().startswith("v"),
        patches_x,
        patches_y,
        row.get("offset_x") or 0.0,
        row.get("offset_y") or 0.0,
        1 if first is None else first,
    )


def _count(value: float | None) -> int | None:
    if value is None or not isfinite(value) or value < 0.5 or value > 1e6:
        return None
    return round(value)


def _step(value: float | None) -> float:
    """mm; 1 where the site does not say, so that positions are cells."""
    return abs(value) if value is not None and isfinite(value) and value != 0 else 1.0


def measured(row: dict[str, Any]) -> bool:
    """Whether a row of GridInfo says how large its cells are."""
    return all((row.get(key) or 0.0) != 0 for key in ("step_x", "step_y"))
