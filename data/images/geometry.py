"""Resolution on a flat detector, and what the stored beam centre means.

Frame: x along the fast pixel direction, y along the slow one, z along the beam; the image is seen
from the source. Pixel (0, 0) has its outer corner at (0, 0); centres lie at half integers.
With a swing angle the detector turns about `swing_axis` around the sample, and the beam centre is
the one at zero swing. d = λ / (2 sin θ), cos 2θ = p·z/|p|.
"""

from dataclasses import dataclass
from math import asin, cos, inf, isfinite, pi, radians, sin, sqrt, tan
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Geometry:
    """A flat detector. `wavelength` Å, `distance` mm along its normal, beam centre in pixels,
    pixel sizes in mm, `two_theta` degrees (positive swings the detector towards larger x or y)."""

    wavelength: float
    distance: float
    beam_x: float
    beam_y: float
    pixel_x: float
    pixel_y: float
    two_theta: float = 0.0
    swing_axis: Literal["fast", "slow"] = "fast"

    def __post_init__(self) -> None:
        for name in ("wavelength", "distance", "pixel_x", "pixel_y"):
            if not 0 < getattr(self, name) < inf:
                raise ValueError(f"{name} must be positive and finite")


def rays(geometry: Geometry, x: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
    """Position in mm from the sample of the points (x, y) in pixels."""
    across = (np.asarray(x, float) - geometry.beam_x) * geometry.pixel_x
    down = (np.asarray(y, float) - geometry.beam_y) * geometry.pixel_y
    angle = radians(geometry.two_theta)
    along = np.full(np.broadcast(across, down).shape, geometry.distance)
    if geometry.swing_axis == "fast":
        turned = down * cos(angle) + along * sin(angle)
        return across, turned, along * cos(angle) - down * sin(angle)
    turned = across * cos(angle) + along * sin(angle)
    return turned, down, along * cos(angle) - across * sin(angle)


def two_theta(geometry: Geometry, x: Floats, y: Floats) -> Floats:
    """Scattering angle 2θ in radians at points in pixels; 0 at the beam centre."""
    across, down, along = rays(geometry, x, y)
    return np.asarray(np.arctan2(np.hypot(across, down), along))


def resolution(geometry: Geometry, x: Floats, y: Floats) -> Floats:
    """d-spacing in Å at points in pixels; infinite at the beam centre."""
    half = np.sin(two_theta(geometry, x, y) / 2)
    with np.errstate(divide="ignore"):
        return np.asarray(geometry.wavelength / (2 * half))


def ring_radius(geometry: Geometry, d: float) -> float | None:
    """Radius in mm of the ring of `d` Å on a detector without swing; None where 2θ ≥ 90°."""
    half_sine = geometry.wavelength / (2 * d)
    if half_sine >= sqrt(0.5):
        return None
    return geometry.distance * tan(2 * asin(half_sine))


def ring(geometry: Geometry, d: float, points: int = 360) -> Floats:
    """The ring of `d` Å as (points, 2) pixel positions, closed; NaN where it misses the plane.

    A circle without swing, a conic with it.
    """
    half_sine = geometry.wavelength / (2 * d)
    if half_sine > 1:
        return np.full((points, 2), np.nan)
    opening = 2 * asin(half_sine)
    around = np.linspace(0, 2 * pi, points)
    x = sin(opening) * np.cos(around)
    y = sin(opening) * np.sin(around)
    z = np.full(points, cos(opening))
    angle = radians(geometry.two_theta)
    if geometry.swing_axis == "fast":
        y, z = y * cos(angle) - z * sin(angle), z * cos(angle) + y * sin(angle)
    else:
        x, z = x * cos(angle) - z * sin(angle), z * cos(angle) + x * sin(angle)
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.where(z > 1e-9, geometry.distance / z, np.nan)
    return np.column_stack(
        (
            geometry.beam_x + x * reach / geometry.pixel_x,
            geometry.beam_y + y * reach / geometry.pixel_y,
        )
    )


def ring_spacings(best: float, count: int = 5) -> tuple[float, ...]:
    """`count` d-spacings in Å down to `best`, evenly spaced in 1/d²."""
    return tuple(best * sqrt(count / step) for step in range(1, count + 1))


def edge_resolution(geometry: Geometry, width: int, height: int) -> float | None:
    """d in Å at the nearest edge (the inscribed circle), for a detector without swing.

    This is ISPyB's `resolution`. None when the beam misses the detector.
    """
    reach = _edge(geometry.beam_x * geometry.pixel_x, geometry.beam_y * geometry.pixel_y,
                  width * geometry.pixel_x, height * geometry.pixel_y)  # fmt: skip
    if reach <= 0:
        return None
    return geometry.wavelength / (2 * sin(np.arctan2(reach, geometry.distance) / 2))


def corner_resolution(geometry: Geometry, width: int, height: int) -> float:
    """The smallest d in Å at a corner."""
    x = np.array([0.0, width, 0.0, width])
    y = np.array([0.0, 0.0, height, height])
    return float(resolution(geometry, x, y).min())


def _edge(x: float, y: float, width: float, height: float) -> float:
    return min(x, y, width - x, height - y)


@dataclass(frozen=True, slots=True)
class Beam:
    """One reading of the stored beam centre, in pixels of the image.

    `error` is the relative difference between the edge radius that it gives and the one that the
    stored resolution states; None when there was nothing to compare with.
    """

    x: float
    y: float
    unit: Literal["mm", "px"]
    swapped: bool
    error: float | None

    @property
    def consistent(self) -> bool:
        """Whether the stored resolution agrees within 1 %."""
        return self.error is not None and self.error <= 0.01


def pixel_in_mm(size: float) -> float:
    """A stored pixel size in mm, whether the site keeps m, mm or µm (no pixel is > 1 mm or < 1
    µm)."""
    if not 0 < size < inf:
        raise ValueError("a pixel size must be positive and finite")
    return size / 1000 if size > 1 else size * 1000 if size < 0.001 else size


def beam_hypotheses(
    x: float,
    y: float,
    *,
    width: int,
    height: int,
    pixel: float,
    resolution: float | None = None,
    wavelength: float | None = None,
    distance: float | None = None,
) -> tuple[Beam, ...]:
    """The readings of a stored beam centre (mm or pixels, axes swapped or not), likeliest first.

    ISPyB gives no units and sites differ. Each reading that falls on the detector (`width` x
    `height` pixels of `pixel` mm, m or µm) is held against `resolution`, which is the d of the
    inscribed circle. Readings that agree equally well keep the order: mm before pixels, as stored
    before swapped. Empty when no reading falls on the detector.
    """
    size = pixel_in_mm(pixel)
    stated = _stated_radius(resolution, wavelength, distance)
    found: list[Beam] = []
    for unit in ("mm", "px"):
        factor = 1 / size if unit == "mm" else 1.0
        for swapped in (False, True):
            px, py = (y * factor, x * factor) if swapped else (x * factor, y * factor)
            reach = _edge(px, py, width, height) * size
            if not (isfinite(px) and isfinite(py) and reach > 0):
                continue
            error = None if stated is None else abs(reach - stated) / stated
            found.append(Beam(px, py, "mm" if unit == "mm" else "px", swapped, error))
    return tuple(sorted(found, key=_likeliness))


def _likeliness(beam: Beam) -> float:
    return inf if beam.error is None else beam.error


def _stated_radius(resolution: float | None, wavelength: float | None, distance: float | None) -> float | None:
    if resolution is None or wavelength is None or distance is None:
        return None
    if not (0 < resolution < inf and 0 < wavelength < inf and 0 < distance < inf):
        return None
    half_sine = wavelength / (2 * resolution)
    return distance * tan(2 * asin(half_sine)) if half_sine < sqrt(0.5) else None


# Hexagonal ice Ih, P6_3/mmc, a = 4.498 Å, c = 7.338 Å (the cell that DIALS uses).
_ICE_A, _ICE_C = 4.498, 7.338
_ICE_HKL = (
    (1, 0, 0), (0, 0, 2), (1, 0, 1), (1, 0, 2), (1, 1, 0), (1, 0, 3), (2, 0, 0), (1, 1, 2),
    (2, 0, 1), (2, 0, 2), (2, 0, 3), (2, 1, 0), (2, 1, 1), (1, 1, 4), (1, 0, 5), (2, 1, 2),
)  # fmt: skip


def ice_spacings() -> tuple[float, ...]:
    """d-spacings in Å of the lines of hexagonal ice, from large to small."""
    lines = (1 / sqrt(4 / 3 * (h * h + h * k + k * k) / _ICE_A**2 + (l_ / _ICE_C) ** 2) for h, k, l_ in _ICE_HKL)
    return tuple(sorted(lines, reverse=True))


ICE: tuple[float, ...] = ice_spacings()
# The three that remain in cubic and stacking-disordered ice, the commonest in cryo data.
CUBIC_ICE: tuple[float, ...] = tuple(_ICE_A / f for f in (sqrt(1.5), 2.0, sqrt(5.5)))


def ice_band(d: float, width: float = 0.0095) -> tuple[float, float]:
    """The band (d_max, d_min) in Å that an ice line covers; `width` is its full width in 1/d, Å⁻¹
    (0.06 Å⁻¹ in q, measured by Jungfraujoch)."""
    return 1 / (1 / d - width / 2), 1 / (1 / d + width / 2)
