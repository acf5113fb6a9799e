"""Where NXmx says that a detector stands: the vectors of its modules and the chain of movements that carries them.

NeXus has +z along the beam and the sample at (0, 0, 0), as `plane` has. An axis moves a point p to R·p + o (rotation)
or p + value·v + o (translation), with its unit ``vector`` v and its ``offset`` o; ``depends_on`` names the axis that
carries it, up to ".". The first pixel's outer corner is where the chain of ``fast_pixel_direction`` brings the origin.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from math import radians
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from data.images.formats.frame import Unreadable
from data.images.formats.links import Opened, inside
from data.images.plane import Plane

Floats = NDArray[np.float64]
Length = Callable[[float, str], float | None]
"""Turns a number and its unit into mm; None for an unknown unit."""
_INSTRUMENT = "/entry/instrument"
_LONGEST_CHAIN = 32
_MOST_MODULES = 600
_FLAT = 0.5  # pixels that a module may stand off the plane of the first
_DEGREES = ("deg", "degree", "degrees", "°", "")


class NotFlat(Exception):
    """The modules do not lie in one plane."""

    words = "The modules of this detector do not lie in one plane: rings and d-spacings are those of a flat one."


class _Unusable(Exception):
    """The vectors are absent, or make no detector."""


@dataclass(frozen=True, slots=True)
class Module:
    """One module: ``corner`` of its own first pixel in mm, ``fast`` and ``slow`` in mm per pixel.

    ``begin`` and ``size`` say which block of a frame it is, slowest axis first; None where the file does not say.
    """

    corner: Floats
    fast: Floats
    slow: Floats
    begin: tuple[int, ...] | None
    size: tuple[int, ...] | None

    @property
    def first(self) -> Floats:
        """Where the frame's own first pixel would be."""
        down, across = (self.begin or (0, 0))[-2:]
        return np.asarray(self.corner - across * self.fast - down * self.slow)


def plane(found: Sequence[Module], wavelength: float | None) -> Plane | None:
    """The detector in space; None where the file states no whole set of vectors for one flat detector.

    Raises NotFlat. ``wavelength`` in Å; where the file states none the plane has 1 Å.
    """
    if not found:
        return None
    try:
        origin, fast, slow = found[0].first, found[0].fast, found[0].slow
        basis = np.column_stack((fast, slow, np.cross(fast, slow)))
        for other in found[1:]:
            off = np.linalg.solve(basis, other.first - origin)[2] * np.linalg.norm(np.cross(fast, slow))
            if abs(off) > _FLAT:
                raise NotFlat
        if not origin[:2].any():
            return None  # what is written when nobody told the detector where the beam is
        return Plane(three(origin), three(fast), three(slow), wavelength or 1.0)
    except (ValueError, np.linalg.LinAlgError):
        return None


def modules(files: Opened, length: Length) -> list[Module]:
    """The modules of the detector, none where the vectors of one of them are absent or make no sense."""
    try:
        near = _Near(files)
        return [_module(near, path, length) for path in _modules(files)]
    except (_Unusable, Unreadable, KeyError, OSError, TypeError, ValueError):
        return []


class _Near:
    """Axes of one file, with their groups and the movements behind them at hand: many modules hang on the same ones."""

    def __init__(self, files: Opened) -> None:
        self._files = files
        self._groups: dict[str, Any] = {}
        self.chains: dict[str, tuple[Floats, Floats]] = {}

    def find(self, path: str) -> Any:
        folder, _, name = path.rpartition("/")
        if folder not in self._groups:
            self._groups[folder] = self._files.walk(self._files.first, folder)
        group = self._groups[folder]
        return self._files.walk(group, name) if isinstance(group, h5py.Group) else None


def detector(files: Opened) -> str:
    """The path of the detector's group: that of the usual name, else the first that NeXus marks as one."""
    usual = f"{_INSTRUMENT}/detector"
    if isinstance(files.walk(files.first, usual), h5py.Group):
        return usual
    return next(iter(_marked(files, _INSTRUMENT, "NXdetector")), usual)


def _marked(files: Opened, path: str, kind: str) -> list[str]:
    """The groups in one that are of a NeXus class, by name."""
    group = files.walk(files.first, path)
    if not isinstance(group, h5py.Group):
        return []
    found = []
    for name in sorted(islice(group, _MOST_MODULES)):
        try:
            inner = files.walk(files.first, f"{path}/{name}")
        except Unreadable:  # a link to a file that is absent: what is beside it counts
            continue
        if isinstance(inner, h5py.Group) and _word(inner, "NX_class") == kind:
            found.append(f"{path}/{name}")
    return found


def _modules(files: Opened) -> list[str]:
    path = detector(files)
    if marked := _marked(files, path, "NXdetector_module"):
        return marked
    group = files.walk(files.first, path)
    if not isinstance(group, h5py.Group):
        return []
    found = [f"{path}/{name}" for name in sorted(islice(group, _MOST_MODULES)) if name.startswith("module")]
    return [path for path in found if isinstance(files.walk(files.first, path), h5py.Group)]


def _module(near: _Near, path: str, length: Length) -> Module:
    fast, slow = (_axis(near, f"{path}/{name}_pixel_direction") for name in ("fast", "slow"))
    turn, move = _carried(near, _next(fast, path), length)
    steps = []
    for axis in (fast, slow):
        size = length(_value(axis), _unit(axis, "units"))
        if size is None or not size > 0:
            raise _Unusable
        steps.append(turn @ (_vector(axis) * size))
    corner = turn @ _offset(fast, length) + move
    block = [_whole(near, f"{path}/data_{name}") for name in ("origin", "size")]
    return Module(corner, steps[0], steps[1], *block)


def _whole(near: _Near, path: str) -> tuple[int, ...] | None:
    """Two or three whole numbers, or None."""
    found = near.find(path)
    if not isinstance(found, h5py.Dataset) or found.dtype.kind not in "iuf" or not inside(found):
        return None
    if not 2 <= found.size <= 4:
        return None
    values = np.asarray(found[()], float).ravel()[-3:]
    return tuple(int(value) for value in values) if (np.abs(values) < 1e6).all() else None


def _carried(near: _Near, path: str, length: Length, depth: int = 0) -> tuple[Floats, Floats]:
    """(rotation, translation in mm) of the chain that begins at an axis."""
    if path in ("", "."):
        return np.eye(3), np.zeros(3)
    if depth >= _LONGEST_CHAIN:
        raise _Unusable
    if path not in near.chains:
        axis = _axis(near, path)
        kind = _word(axis, "transformation_type").lower()
        own, move = np.eye(3), _offset(axis, length)
        if kind == "rotation":
            if _unit(axis, "units") not in (*_DEGREES, "rad", "radian", "radians"):
                raise _Unusable
            value = _value(axis)
            own = _turned(_vector(axis), radians(value) if _unit(axis, "units") in _DEGREES else value)
        elif kind == "translation":
            far = length(_value(axis), _unit(axis, "units"))
            if far is None:
                raise _Unusable
            move = move + far * _vector(axis)
        else:
            raise _Unusable
        turn, behind = _carried(near, _next(axis, path.rpartition("/")[0]), length, depth + 1)
        near.chains[path] = turn @ own, turn @ move + behind
    return near.chains[path]


def _axis(near: _Near, path: str) -> Any:
    found = near.find(path)
    if isinstance(found, h5py.Group):  # what depends_on names may be a group with one axis of the same name
        found = near.find(f"{path}/{path.rpartition('/')[2]}")
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


def _offset(axis: Any, length: Length) -> Floats:
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


def three(values: Floats) -> tuple[float, float, float]:
    """A vector as numbers."""
    x, y, z = (float(value) for value in values)
    return x, y, z


def _unit(axis: Any, name: str) -> str:
    return _word(axis, name).lower()


def _word(axis: Any, name: str) -> str:
    value = axis.attrs.get(name, "")
    if isinstance(value, np.ndarray):
        value = value.ravel()[0] if value.size else ""
    return (value.decode(errors="replace") if isinstance(value, bytes) else str(value)).strip("\x00 ")[:1000]
