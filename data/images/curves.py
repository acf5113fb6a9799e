"""What can be read off one frame: radial average, histogram, line and box profiles. Masked pixels count nowhere."""

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from math import degrees, hypot
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.images.formats.frame import Frame
from data.images.plane import Plane

Floats = NDArray[np.float64]
_BAND = 256
_LONGEST = 8000


@dataclass(frozen=True, slots=True)
class Radial:
    """Per bin, evenly spaced in 2θ: ``d`` Å, ``two_theta`` °, ``mean`` counts (NaN where none), ``count`` pixels."""

    d: Floats
    two_theta: Floats
    mean: Floats
    count: NDArray[np.int64]
    method: str


def radial(frame: Frame, plane: Plane, bins: int = 800, *, library: bool = True) -> Radial:
    """The average over rings. With pyFAI installed it integrates; else each pixel counts in the bin of its centre."""
    engine = _pyfai() if library else None
    height, width = frame.shape
    if engine is not None:
        return engine(frame, plane, bins)
    corner = float(plane.two_theta([0, width, 0, width], [0, 0, height, height]).max())
    total, count = np.zeros(bins), np.zeros(bins, np.int64)
    across = np.arange(width) + 0.5
    for top in range(0, height, _BAND):
        rows = slice(top, min(height, top + _BAND))
        down = np.arange(rows.start, rows.stop)[:, None] + 0.5
        at = np.minimum(
            (plane.two_theta(*np.broadcast_arrays(across, down)) * (bins / corner)).astype(np.int64), bins - 1
        )
        valid = ~frame.mask[rows]
        count += np.bincount(at[valid], minlength=bins)
        total += np.bincount(at[valid], frame.array[rows][valid].astype(np.float64), minlength=bins)
    centre = (np.arange(bins) + 0.5) * corner / bins
    with np.errstate(invalid="ignore"):
        mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    d = plane.wavelength / (2 * np.sin(centre / 2))
    return Radial(d, np.degrees(centre), mean, count, "Each valid pixel in the bin of its centre, evenly spaced in 2θ.")


def library_ready() -> bool:
    """Whether pyFAI is there and loaded, which takes seconds the first time (see `warm.begin`)."""
    return "pyFAI.integrator.azimuthal" in sys.modules


def load_library() -> Any:
    """pyFAI's module of integrators. Raises ImportError where it is not installed."""
    # Where a Qt is installed it would be loaded too, for windows that nobody opens here; PySide makes every later
    # import statement of the process slower.
    sys.modules.setdefault("silx.gui.qt", None)  # type: ignore[arg-type]
    # Its word that OpenCL is not there concerns nobody: it is not used.
    logging.getLogger("silx.opencl").setLevel(logging.ERROR)
    return import_module("pyFAI.integrator.azimuthal")


def _pyfai() -> Callable[[Frame, Plane, int], Radial] | None:
    try:
        integrator = load_library().AzimuthalIntegrator
    except ImportError:
        return None

    def integrate(frame: Frame, plane: Plane, bins: int) -> Radial:
        poni = poni_of(plane)
        made = integrator(**poni)
        found = made.integrate1d(
            np.asarray(frame.array, np.float32),
            bins,
            mask=frame.mask.astype(np.int8),
            unit="2th_deg",
            correctSolidAngle=False,
            method=("no", "histogram", "cython"),
        )
        angle = np.asarray(found.radial, float)
        count = np.asarray(found.count if found.count is not None else np.zeros(bins)).astype(np.int64)
        mean = np.where(count > 0, np.asarray(found.intensity, float), np.nan)
        with np.errstate(divide="ignore"):
            d = plane.wavelength / (2 * np.sin(np.radians(angle) / 2))
        return Radial(d, angle, mean, count, "pyFAI, histogram without pixel splitting, no solid-angle correction.")

    return integrate


def poni_of(plane: Plane) -> dict[str, Any]:
    """The plane as pyFAI's arguments (metres, radians): its axes 1, 2, 3 are slow, fast and the beam.

    pyFAI puts the detector at (d1, d2, L) and turns it: rot1 about axis 1, rot2 about 2, rot3 about the beam.
    """
    pixel_x, pixel_y = plane.pixel
    # In pyFAI's axes (1 = slow = our y, 2 = fast = our x, 3 = z) the images of the detector's own axes are columns.
    swap = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    slow, fast = np.asarray(plane.slow) / pixel_y, np.asarray(plane.fast) / pixel_x
    turn = np.column_stack((swap @ slow, swap @ fast, swap @ plane.normal))
    if np.linalg.det(turn) < 0:  # seen in a mirror, every d stays as it is
        swap = np.diag((1.0, -1.0, 1.0)) @ swap
        turn = np.column_stack((swap @ slow, swap @ fast, swap @ plane.normal))
    # turn = R3·R2·R1, the first two left-handed.
    rot2 = np.arcsin(np.clip(turn[2, 0], -1, 1))
    rot1 = np.arctan2(-turn[2, 1], turn[2, 2])
    rot3 = np.arctan2(turn[1, 0], turn[0, 0])
    origin = turn.T @ (swap @ np.asarray(plane.origin))
    return {
        "dist": plane.reach * 1e-3,
        "poni1": -origin[0] * 1e-3,
        "poni2": -origin[1] * 1e-3,
        "rot1": float(rot1),
        "rot2": float(rot2),
        "rot3": float(rot3),
        "pixel1": pixel_y * 1e-3,
        "pixel2": pixel_x * 1e-3,
        "wavelength": plane.wavelength * 1e-10,
    }


@dataclass(frozen=True, slots=True)
class Histogram:
    """``counts[i]`` valid pixels from ``edges[i]`` to below ``edges[i + 1]``; ``overloaded`` of them at saturation."""

    edges: Floats
    counts: NDArray[np.int64]
    masked: int
    overloaded: int | None


def histogram(frame: Frame) -> Histogram:
    """Bins of one count up to 64, then sixteen to the octave; evenly spaced for fractions or negative values."""
    valid = frame.array[~frame.mask]
    masked = int(frame.mask.sum())
    saturation = frame.meta.saturation
    overloaded = None if saturation is None else int((valid >= saturation).sum())
    if not valid.size:
        return Histogram(np.array([0.0, 1.0]), np.zeros(1, np.int64), masked, overloaded)
    low, high = float(valid.min()), float(valid.max())
    if valid.dtype.kind == "f" or low < 0:
        edges = np.linspace(low, high if high > low else low + 1, 257)
    else:
        steps = [np.arange(0.0, 64.0)]
        octave = 64.0
        while octave <= high:
            steps.append(octave * (1 + np.arange(16) / 16))
            octave *= 2
        edges = np.append(np.concatenate(steps), octave)
        edges = edges[: int(np.searchsorted(edges, high, "right")) + 1]
    counts, edges = np.histogram(valid, edges)
    return Histogram(edges, counts.astype(np.int64), masked, overloaded)


def profile(
    frame: Frame, start: tuple[float, float], end: tuple[float, float], width: int = 1
) -> tuple[Floats, Floats, Floats]:
    """Along a line, one step a pixel: position from ``start`` in pixels, and x, y (2 x n) of each, and the mean count.

    The mean is over ``width`` pixels across the line; NaN where none is valid or the line is off the detector.
    """
    length = hypot(end[0] - start[0], end[1] - start[1])
    steps = min(_LONGEST, max(2, round(length) + 1))
    share = np.linspace(0.0, 1.0, steps)
    along = np.array([end[0] - start[0], end[1] - start[1]]) / max(length, 1e-9)
    middle = np.array(start)[:, None] + np.outer(along, share * length)
    height, wide = frame.shape
    total, number = np.zeros(steps), np.zeros(steps)
    for offset in np.arange(width) - (width - 1) / 2:
        x = np.floor(middle[0] - along[1] * offset).astype(np.int64)
        y = np.floor(middle[1] + along[0] * offset).astype(np.int64)
        inside = (x >= 0) & (x < wide) & (y >= 0) & (y < height)
        inside[inside] = ~frame.mask[y[inside], x[inside]]
        total[inside] += frame.array[y[inside], x[inside]]
        number[inside] += 1
    value = np.where(number > 0, total / np.maximum(number, 1), np.nan)
    return share * length, np.asarray(middle), value


def box(frame: Frame) -> dict[str, Any]:
    """Sums and means over the columns and rows of a region, and of the whole of it; None where no pixel is valid."""
    valid = ~frame.mask
    values = np.where(valid, frame.array, 0).astype(np.float64)
    found: dict[str, Any] = {"masked": int(frame.mask.sum()), "pixels": int(valid.sum())}
    for axis, name in ((0, "columns"), (1, "rows")):
        number, total = valid.sum(axis), values.sum(axis)
        found[name] = {
            "sum": [float(s) if n else None for s, n in zip(total, number, strict=True)],
            "mean": [float(s / n) if n else None for s, n in zip(total, number, strict=True)],
        }
    if valid.any():
        inside = frame.array[valid]
        found |= {"sum": float(values.sum()), "mean": float(values.sum() / valid.sum())}
        found |= {"min": float(inside.min()), "max": float(inside.max())}
    else:
        found |= dict.fromkeys(("sum", "mean", "min", "max"))
    return found


def spread(plane: Plane, x: Floats, y: Floats) -> tuple[list[float | None], list[float]]:
    """d in Å (None in the direct beam) and 2θ in degrees of points in pixels."""
    angle = plane.two_theta(x, y)
    d = [plane.wavelength / (2 * np.sin(a / 2)) if a > 1e-9 else None for a in angle]
    return [None if value is None else round(float(value), 4) for value in d], [round(degrees(a), 5) for a in angle]
