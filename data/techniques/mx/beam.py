"""How far a pipeline moved the beam centre, when it is not said in which unit and order either centre is stored."""

from dataclasses import dataclass
from itertools import product
from math import hypot

from data.images.geometry import pixel_in_mm

WARN_MM = 0.5
"""From this shift on one should look: indexing may be off by one."""


@dataclass(frozen=True, slots=True)
class Shift:
    """``x`` and ``y``: refined less stored, in mm. ``swapped``: the refined centre names its axes the other way."""

    x: float
    y: float
    swapped: bool

    @property
    def length(self) -> float:
        """The shift in mm."""
        return hypot(self.x, self.y)

    @property
    def large(self) -> bool:
        """Whether it is a warning."""
        return self.length > WARN_MM


def shift(
    stored: tuple[float | None, float | None], refined: tuple[float | None, float | None], pixel: float | None
) -> Shift | None:
    """The shift of the centre; None where a centre is not known.

    Each centre may be in mm or in pixels of size ``pixel`` (m, mm or µm), the refined one with x and y exchanged: the
    reading in which both are nearest is taken, as a wrong one is off by centimetres.
    """
    if None in (*stored, *refined) or not all(stored) or not all(refined):
        return None
    size = pixel_in_mm(pixel) if pixel is not None and pixel > 0 else None
    factors = (1.0,) if size is None else (1.0, size)
    found = []
    for a, b, swapped in product(factors, factors, (False, True)):
        x, y = (refined[1], refined[0]) if swapped else refined
        moved = Shift(x * b - stored[0] * a, y * b - stored[1] * a, swapped)  # type: ignore[operator]
        # In pixels a centre is tens of mm from the corner as in mm: one that is a few mm away is misread.
        if stored[0] * a < 20 and stored[1] * a < 20 and size is not None:  # type: ignore[operator]
            continue
        found.append(moved)
    return min(found, key=lambda one: one.length + (0.05 if one.swapped else 0), default=None)
