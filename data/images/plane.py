"""A flat detector anywhere in space, and the rings on it.

The sample is at (0, 0, 0) and the beam runs along +z. The point (x, y), in pixels from the outer corner of the first
pixel, is at origin + x·fast + y·slow. cos 2θ = p·z/|p|, d = λ / (2 sin θ). A ring is a cone cut by the plane: a circle
where the plane stands upright on the beam, else a conic.
"""

from dataclasses import dataclass
from math import asin, cos, degrees, inf, isfinite, pi, radians, sin, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.images.geometry import CUBIC_ICE, ICE, Geometry, ice_band

Floats = NDArray[np.float64]
Vector = tuple[float, float, float]
Lines = list[list[tuple[float, float]]]

_MOST_RINGS = 12


@dataclass(frozen=True, slots=True)
class Plane:
    """``origin`` in mm; ``fast`` and ``slow`` in mm per pixel; ``wavelength`` in Å."""

    origin: Vector
    fast: Vector
    slow: Vector
    wavelength: float

    def __post_init__(self) -> None:
        if not 0 < self.wavelength < inf or not abs(self.reach) > 0:
            raise ValueError("the wavelength and the distance of the plane must be positive")

    @classmethod
    def of(cls, geometry: Geometry) -> "Plane":
        """The plane of a detector that is swung about one of its axes."""
        angle = radians(geometry.two_theta)

        def turned(x: float, y: float, z: float) -> Vector:
            if geometry.swing_axis == "fast":
                return x, y * cos(angle) + z * sin(angle), z * cos(angle) - y * sin(angle)
            return x * cos(angle) + z * sin(angle), y, z * cos(angle) - x * sin(angle)

        corner = (-geometry.beam_x * geometry.pixel_x, -geometry.beam_y * geometry.pixel_y, geometry.distance)
        return cls(
            turned(*corner),
            turned(geometry.pixel_x, 0.0, 0.0),
            turned(0.0, geometry.pixel_y, 0.0),
            geometry.wavelength,
        )

    @property
    def pixel(self) -> tuple[float, float]:
        """Pixel sizes in mm."""
        return _length(self.fast), _length(self.slow)

    @property
    def normal(self) -> Floats:
        """Unit vector across the plane, away from the sample."""
        across = np.cross(self.fast, self.slow)
        size = np.linalg.norm(across)
        if not size > 0:
            return np.zeros(3)
        unit = across / size
        return np.asarray(unit if unit @ np.asarray(self.origin) >= 0 else -unit)

    @property
    def reach(self) -> float:
        """Distance from the sample along the normal, mm."""
        return float(np.asarray(self.origin) @ self.normal)

    @property
    def swing(self) -> float:
        """The angle in degrees between the normal and the beam."""
        return degrees(float(np.arccos(np.clip(self.normal[2], -1.0, 1.0))))

    @property
    def beam(self) -> tuple[float, float] | None:
        """Where the direct beam meets the plane, in pixels; None where it does not."""
        x, y = self._meet(np.array([[0.0, 0.0, 1.0]]))[0]
        return (float(x), float(y)) if isfinite(x) and isfinite(y) else None

    def points(self, x: Any, y: Any) -> Floats:
        """(..., 3) positions in mm of points in pixels."""
        x, y = np.asarray(x, float)[..., None], np.asarray(y, float)[..., None]
        return np.asarray(np.asarray(self.origin) + x * np.asarray(self.fast) + y * np.asarray(self.slow))

    def two_theta(self, x: Any, y: Any) -> Floats:
        """2θ in radians."""
        p = self.points(x, y)
        return np.asarray(np.arctan2(np.hypot(p[..., 0], p[..., 1]), p[..., 2]))

    def resolution(self, x: Any, y: Any) -> Floats:
        """d in Å; infinite in the direct beam."""
        with np.errstate(divide="ignore"):
            return np.asarray(self.wavelength / (2 * np.sin(self.two_theta(x, y) / 2)))

    def edge(self, width: int, height: int) -> float | None:
        """d in Å of the largest ring that is whole on the detector; None where the beam misses it."""
        beam = self.beam
        if beam is None or not (0 <= beam[0] <= width and 0 <= beam[1] <= height):
            return None
        along = np.linspace(0.0, 1.0, 4001)
        sides = [(along * width, 0 * along), (along * width, 0 * along + height)]
        sides += [(0 * along, along * height), (0 * along + width, along * height)]
        return float(max(self.resolution(x, y).max() for x, y in sides))

    def corner(self, width: int, height: int) -> float:
        """The smallest d in Å, which is at a corner."""
        return float(self.resolution([0, width, 0, width], [0, 0, height, height]).min())

    def ring(self, d: float, points: int = 721) -> Floats:
        """The ring of ``d`` Å as (points, 2) pixels, closed; NaN where it misses the plane."""
        half_sine = self.wavelength / (2 * d)
        if half_sine > 1:
            return np.full((points, 2), np.nan)
        opening = 2 * asin(half_sine)
        around = np.linspace(0, 2 * pi, points)
        rays = np.column_stack(
            (sin(opening) * np.cos(around), sin(opening) * np.sin(around), np.full(points, cos(opening)))
        )
        return self._meet(rays)

    def lines(self, d: float, width: int, height: int) -> Lines:
        """The parts of a ring on the detector, as polylines in pixels."""
        ring = self.ring(d)
        margin = 2.0
        with np.errstate(invalid="ignore"):
            inside = (ring >= -margin).all(axis=1) & (ring[:, 0] <= width + margin) & (ring[:, 1] <= height + margin)
        if not inside.any():
            return []
        if not inside.all():  # begin outside, so that no part is cut in two by the start
            begin = int(np.argmin(inside))
            ring, inside = np.roll(ring[:-1], -begin, axis=0), np.roll(inside[:-1], -begin)
        found: Lines = []
        for piece in np.split(np.arange(len(ring)), np.flatnonzero(np.diff(inside.astype(int))) + 1):
            if inside[piece[0]] and len(piece) > 1:
                found.append([(round(float(x), 2), round(float(y), 2)) for x, y in ring[piece]])
        return found

    def _meet(self, rays: Floats) -> Floats:
        """Where rays from the sample meet the plane, in pixels; NaN where they run away from it."""
        facing = rays @ self.normal
        with np.errstate(divide="ignore", invalid="ignore"):
            far = np.where(facing > 1e-9, self.reach / facing, np.nan)
        offset = rays * far[:, None] - np.asarray(self.origin)
        basis = np.column_stack((self.fast, self.slow))
        return np.asarray(offset @ np.linalg.pinv(basis).T)


def _length(vector: Vector) -> float:
    return sqrt(sum(part * part for part in vector))


def rings(plane: Plane, width: int, height: int) -> list[dict[str, Any]]:
    """Rings evenly spaced in 1/d², the fifth at the nearest edge, on to the corner: ``d`` Å and its ``lines``.

    Where that would take more than twelve, the beam being near an edge, the twelfth is at the corner.
    """
    corner = plane.corner(width, height)
    edge = plane.edge(width, height)
    best = corner if edge is None else min(edge, corner * sqrt(_MOST_RINGS / 5))
    found = []
    for step in range(1, _MOST_RINGS + 1):
        d = best * sqrt(5 / step)
        if d < corner * 0.9999:
            break
        if lines := plane.lines(d, width, height):
            found.append({"d": round(d, 4), "lines": lines})
    return found


def ice(plane: Plane, width: int, height: int) -> list[dict[str, Any]]:
    """Bands of ice on the detector: ``d`` Å of the line, ``low`` and ``high`` d of the band, and their lines.

    Hexagonal ice; ``strong`` marks the three that stay in stacking-disordered ice, the commonest in cryo data.
    """
    corner = plane.corner(width, height)
    found = []
    for d in ICE:
        high, low = ice_band(d)
        if high < corner:
            continue
        inner, outer = plane.lines(high, width, height), plane.lines(low, width, height)
        if inner or outer:
            strong = any(abs(d / line - 1) < 0.005 for line in CUBIC_ICE)
            found.append(
                {"d": round(d, 3), "low": round(low, 4), "high": round(high, 4), "strong": strong}
                | {"lines_low": outer, "lines_high": inner}
            )
    return found
