"""Where NXmx says that a detector stands: the vectors of its modules and the chain of movements that carries them.

NeXus has +z along the beam and the sample at (0, 0, 0), as `plane` has. An axis moves a point p to R·p + o (rotation)
or p + value·v + o (translation), with its unit ``vector`` v and its ``offset`` o; ``depends_on`` names the axis that
carries it, up to ".". The first pixel's outer corner is where the chain of ``fast_pixel_direction`` brings the origin.
"""

from collections.abc import Callable
from math import radians
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from data.images.formats.frame import Unreadable
from data.images.formats.links import Opened, inside
from data.images.plane import Plane

Floats = NDArray[np.float64]
_DETECTOR = "/entry/instrument/detector"
_LONGEST_CHAIN = 32
_MOST_MODULES = 200
_FLAT = 0.5  # pixels that a module may stand off the plane of the first
_DEGREES = ("deg", "degree", "degrees", "°", "")


class NotFlat(Exception):
    """The modules do not lie in one plane."""

    words = "The modules of this detector do not lie in one plane: rings and d-spacings are those of a flat one."


class _Unusable(Exception):
    """The vectors are absent, or make no detector."""


def plane(files: Opened, wavelength: float | None, length: Callable[[float, str], float | None]) -> Plane | None:
    """The detector in space; None where the file states no whole set of vectors for one flat detector.

    Raises NotFlat. ``wavelength`` in Å; ``length`` turns a number and its unit into mm, None for an unknown unit.
    """
    if wavelength is None:
        return None
    try:
        modules = [_module(files, path, length) for path in _modules(files)]
        if not modules:
            return None
        (origin, fast, slow), *others = modules
        basis = np.column_stack((fast, slow, np.cross(fast, slow)))
        for corner, *_ in others:
            off = np.linalg.solve(basis, corner - origin)[2] * np.linalg.norm(np.cross(fast, slow))
            if abs(off) > _FLAT:
                raise NotFlat
        if not origin[:2].any():
            return None  # what is written when nobody told the detector where the beam is
        return Plane(_three(origin), _three(fast), _three(slow), wavelength)
    except (_Unusable, Unreadable, KeyError, OSError, TypeError, ValueError, np.linalg.LinAlgError):
        return None


def _modules(files: Opened) -> list[str]:
    group = files.walk(files.first, _DETECTOR)
    if not isinstance(group, h5py.Group):
        return []
    found = [f"{_DETECTOR}/{name}" for name in sorted(group)[:_MOST_MODULES] if name.startswith("module")]
    return [path for path in found if isinstance(files.walk(files.first, path), h5py.Group)]


def _module(files: Opened, path: str, length: Callable[[float, str], float | None]) -> tuple[Floats, Floats, Floats]:
    """(corner of the image's first pixel, fast, slow) as this module has them; mm, mm per pixel."""
    fast, slow = (_axis(files, f"{path}/{name}_pixel_direction") for name in ("fast", "slow"))
    turn, move = _carried(files, _next(fast, path), length)
    steps = []
    for axis in (fast, slow):
        size = length(_value(axis), _unit(axis, "units"))
        if size is None or not size > 0:
            raise _Unusable
        steps.append(turn @ (_vector(axis) * size))
    corner = turn @ _offset(fast, length) + move
    begin = files.walk(files.first, f"{path}/data_origin")
    if isinstance(begin, h5py.Dataset) and 2 <= begin.size <= _MOST_MODULES and inside(begin):
        down, across = (float(value) for value in np.asarray(begin[()]).ravel()[-2:])
        corner = corner - across * steps[0] - down * steps[1]
    return corner, steps[0], steps[1]


def _carried(files: Opened, path: str, length: Callable[[float, str], float | None]) -> tuple[Floats, Floats]:
    """(rotation, translation in mm) of the chain that begins at an axis."""
    turn, move = np.eye(3), np.zeros(3)
    for _ in range(_LONGEST_CHAIN):
        if path in ("", "."):
            return turn, move
        axis = _axis(files, path)
        kind = _word(axis, "transformation_type").lower()
        offset = _offset(axis, length)
        if kind == "rotation":
            if _unit(axis, "units") not in (*_DEGREES, "rad", "radian", "radians"):
                raise _Unusable
            value = _value(axis)
            angle = radians(value) if _unit(axis, "units") in _DEGREES else value
            own = _turned(_vector(axis), angle)
            turn, move = own @ turn, own @ move + offset
        elif kind == "translation":
            far = length(_value(axis), _unit(axis, "units"))
            if far is None:
                raise _Unusable
            move = move + far * _vector(axis) + offset
        else:
            raise _Unusable
        path = _next(axis, path.rpartition("/")[0])
    raise _Unusable


def _axis(files: Opened, path: str) -> Any:
    found = files.walk(files.first, path)
    if isinstance(found, h5py.Group):  # what depends_on names may be a group with one axis of the same name
        found = files.walk(files.first, f"{path}/{path.rpartition('/')[2]}")
    usable = isinstance(found, h5py.Dataset) and found.dtype.kind in "iuf" and inside(found)
    if not usable or found.size < 1:
        raise _Unusable
    return found


def _next(axis: Any, folder: str) -> str:
    """The path of the axis that carries one; relative ones are beside it."""
    name = _word(axis, "depends_on")
    return name if name in ("", ".") or name.startswith("/") else f"{folder}/{name}"


def _value(axis: Any) -> float:
    value = float(axis[(0,) * axis.ndim])
    if not np.isfinite(value):
        raise _Unusable
    return value


def _vector(axis: Any) -> Floats:
    vector = np.asarray(axis.attrs["vector"], float)
    size = float(np.linalg.norm(vector))
    if vector.shape != (3,) or not 0 < size < np.inf:
        raise _Unusable
    return np.asarray(vector / size)


def _offset(axis: Any, length: Callable[[float, str], float | None]) -> Floats:
    if "offset" not in axis.attrs:
        return np.zeros(3)
    offset = np.asarray(axis.attrs["offset"], float)
    if offset.shape != (3,) or not np.isfinite(offset).all():
        raise _Unusable
    if not offset.any():
        return np.zeros(3)
    unit = _unit(axis, "offset_units")
    factor = length(1.0, unit if unit or _word(axis, "transformation_type") == "rotation" else _unit(axis, "units"))
    if factor is None:
        raise _Unusable
    return offset * factor


def _turned(axis: Floats, angle: float) -> Floats:
    """The rotation about a unit vector by an angle in radians (Rodrigues)."""
    x, y, z = axis
    across = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + np.sin(angle) * across + (1 - np.cos(angle)) * across @ across)


def _three(values: Floats) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z


def _unit(axis: Any, name: str) -> str:
    return _word(axis, name).lower()


def _word(axis: Any, name: str) -> str:
    value = axis.attrs.get(name, "")
    if isinstance(value, np.ndarray):
        value = value.ravel()[0] if value.size else ""
    return (value.decode(errors="replace") if isinstance(value, bytes) else str(value)).strip("\x00 ")[:1000]
