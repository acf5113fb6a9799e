"""Where the detector stood: from the file and from ISPyB, and whether the two agree with the stored resolution.

Neither ISPyB's beam centre nor a file's states reliably what it is: mm or pixels, along which axis. ISPyB's
``resolution`` is the d of the largest whole ring, so each reading can be held against it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, Literal

from data.images.formats.frame import FrameMeta
from data.images.geometry import Geometry, pixel_in_mm
from data.images.plane import Plane

Unit = Literal["mm", "px"]
_AGREES = 0.01
_ALIKE = 0.0002


@dataclass(frozen=True, slots=True)
class Convention:
    """How a beamline writes its beam centre: unit, axes swapped or not, and the axis that 2θ swings about."""

    unit: Unit | None = None
    swapped: bool = False
    swing_axis: Literal["fast", "slow"] = "fast"

    @classmethod
    def of(cls, words: Sequence[str]) -> "Convention":
        """From the words of a setting: mm or px, swapped, slow. Raises ValueError."""
        if unknown := set(words) - {"mm", "px", "swapped", "slow"}:
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
        if {"mm", "px"} <= set(words):
            raise ValueError("mm and px exclude each other")
        unit: Unit | None = "mm" if "mm" in words else "px" if "px" in words else None
        if unit is None and "swapped" in words:
            raise ValueError("swapped needs mm or px")
        return cls(unit, "swapped" in words, "slow" if "slow" in words else "fast")


_MICROSCOPE = "Pixels of a microscope's image lie on the sample: there are no rings and no d-spacings."
_LOOSE = "The file does not state where the panels of the detector stand, so there is no resolution scale."


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read a stored beam centre: its place in pixels, the d of the largest whole ring that follows."""

    words: str
    x: float
    y: float
    edge: float | None
    error: float | None
    """How much ``edge`` differs from the stored resolution, relative; None where either is unknown."""
    of_file: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """Whether the geometry proves itself. ``numbers``: (what, value, unit) as they were compared."""

    state: Literal["consistent", "warning", "unknown"]
    text: str
    convention: str
    numbers: tuple[tuple[str, float, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Placement:
    """The detector in space, or None where something needed is nowhere stated; and the check of it."""

    plane: Plane | None
    check: Check


def place(
    meta: FrameMeta, row: Mapping[str, Any], shape: tuple[int, int], convention: Convention | None = None
) -> Placement:
    """The placement for an image of ``shape`` (height, width).

    ``row``: wavelength (Å), distance (mm), beam_x, beam_y, two_theta (°), resolution (Å), pixel_size_x, pixel_size_y
    (mm, m or µm) as ISPyB has them, any of them None. With a ``convention`` that states a unit, ISPyB's beam centre is
    read so and no other way. Else the file's own centre is taken unless only a reading of ISPyB's agrees with the
    stored resolution.
    """
    height, width = shape
    convention = convention or Convention()
    wavelength = meta.wavelength or _positive(row.get("wavelength"))
    if "movie" in row:
        return Placement(None, Check("unknown", _MICROSCOPE, ""))
    if meta.panels == "loose":
        return Placement(None, Check("unknown", _LOOSE, ""))
    if meta.plane is not None and wavelength is not None and (convention.unit is None or meta.panels):
        plane = replace(meta.plane, wavelength=wavelength)
        return _placed(plane, "the file's own vectors", width, height, _positive(row.get("resolution")))
    if meta.panels:
        return Placement(None, Check("unknown", _missing(wavelength, meta.plane, True), ""))
    distance = meta.distance or _positive(row.get("distance"))
    pixel = _pixel(meta, row)
    if wavelength is None or distance is None or pixel is None:
        return Placement(None, Check("unknown", _missing(wavelength, distance, pixel), ""))
    swing = meta.two_theta if meta.two_theta is not None else _finite(row.get("two_theta")) or 0.0
    stored = _positive(row.get("resolution"))

    def plane_at(x: float, y: float, angle: float = swing) -> Plane:
        return Plane.of(Geometry(wavelength, distance, x, y, *pixel, angle, convention.swing_axis))

    readings: list[Reading] = []
    if meta.beam_x is not None and meta.beam_y is not None and convention.unit is None:
        own = _reading("the file's header, in pixels", plane_at, meta.beam_x, meta.beam_y, shape, stored)
        readings.append(replace(own, of_file=True))
    x, y = _finite(row.get("beam_x")), _finite(row.get("beam_y"))
    if x is not None and y is not None and (x or y):
        units: tuple[Unit, ...] = ("mm", "px") if convention.unit is None else (convention.unit,)
        for unit in units:
            for swapped in (False, True) if convention.unit is None else (convention.swapped,):
                across, down = (y, x) if swapped else (x, y)
                at = (across / pixel[0], down / pixel[1]) if unit == "mm" else (across, down)
                words = f"ISPyB's beam centre in {'mm' if unit == 'mm' else 'pixels'}{', swapped' if swapped else ''}"
                reading = _reading(words, plane_at, *at, shape, stored)
                if convention.unit is not None or _on(at, shape):
                    readings.append(reading)
    if not readings:
        return Placement(None, Check("unknown", "Neither the file nor ISPyB states a usable beam centre.", ""))
    chosen = _chosen(readings, shape)
    made = plane_at(chosen.x, chosen.y)
    check = _check(chosen, readings, stored, swing, fixed=convention.unit is not None)
    return Placement(made, check)


def _placed(plane: Plane, words: str, width: int, height: int, stored: float | None) -> Placement:
    edge = plane.edge(width, height)
    beam = plane.beam or (float("nan"), float("nan"))
    error = None if edge is None or stored is None else abs(edge / stored - 1)
    reading = Reading(words, *beam, edge, error, of_file=True)
    return Placement(plane, _check(reading, [reading], stored, plane.swing, fixed=False))


def _reading(words: str, plane_at: Any, x: float, y: float, shape: tuple[int, int], stored: float | None) -> Reading:
    edge: float | None = plane_at(x, y).edge(shape[1], shape[0])
    return Reading(words, x, y, edge, None if edge is None or stored is None else abs(edge / stored - 1))


def _chosen(readings: Sequence[Reading], shape: tuple[int, int]) -> Reading:
    """The one that agrees best with the stored resolution, the file's own where it agrees; else the first on the
    detector, else the first."""
    agreeing = [r for r in readings if r.error is not None and r.error <= _AGREES]
    if agreeing:
        return agreeing[0] if agreeing[0].of_file else min(agreeing, key=lambda r: r.error or 0.0)
    return next((r for r in readings if _on((r.x, r.y), shape)), readings[0])


def _rival(chosen: Reading, readings: Sequence[Reading]) -> Reading | None:
    """Another reading that the stored resolution cannot tell from the chosen one."""
    if chosen.of_file or chosen.error is None:
        return None
    for other in readings:
        apart = max(abs(other.x - chosen.x), abs(other.y - chosen.y))
        if other is not chosen and other.error is not None and other.error - chosen.error < _ALIKE and apart > 3:
            return other
    return None


def _check(chosen: Reading, readings: Sequence[Reading], stored: float | None, swing: float, *, fixed: bool) -> Check:
    numbers = [(f"Beam centre x by {r.words}", round(r.x, 2), "px") for r in readings if isfinite(r.x)]
    numbers += [(f"Beam centre y by {r.words}", round(r.y, 2), "px") for r in readings if isfinite(r.y)]
    numbers += [(f"Resolution at the edge by {r.words}", round(r.edge, 3), "Å") for r in readings if r.edge is not None]
    if stored is not None:
        numbers.insert(0, ("Resolution stored in ISPyB", round(stored, 3), "Å"))
    said = f"taken from {chosen.words}" + (", as the settings say" if fixed else "")
    if stored is None:
        text = f"Beam centre {said}. ISPyB holds no resolution to test it against."
        return Check("unknown", text, chosen.words, tuple(numbers))
    if chosen.edge is None:
        text = f"Beam centre {said}. The direct beam is not on the detector, so the stored resolution tests nothing."
        return Check("unknown", text, chosen.words, tuple(numbers))
    if chosen.error is not None and chosen.error <= _AGREES:
        rival = _rival(chosen, readings)
        if rival is not None:
            text = (
                f"Beam centre {said}, but it may as well be {rival.words}: both fit the stored {stored:.2f} Å. "
                "The setting frames.beam_centre fixes it."
            )
            return Check("unknown", text, chosen.words, tuple(numbers))
        text = f"Geometry consistent: beam centre {said}; {chosen.edge:.2f} Å at the edge, {stored:.2f} Å stored."
        return Check("consistent", text, chosen.words, tuple(numbers))
    text = f"Geometry doubtful: beam centre {said} gives {chosen.edge:.2f} Å at the edge, ISPyB holds {stored:.2f} Å."
    if abs(swing) > 0.01:
        text += f" The detector is swung by {swing:g}°, and sites differ in what they store then."
    if not fixed:
        text += " Where a beamline writes its beam centre in another way, the setting frames.beam_centre says so."
    return Check("warning", text, chosen.words, tuple(numbers))


def _on(at: tuple[float, float], shape: tuple[int, int]) -> bool:
    return 0 < at[0] < shape[1] and 0 < at[1] < shape[0]


def _pixel(meta: FrameMeta, row: Mapping[str, Any]) -> tuple[float, float] | None:
    """Pixel sizes in mm: the file's, else the detector's in ISPyB."""
    if meta.pixel_x and meta.pixel_y:
        return meta.pixel_x * 1e3, meta.pixel_y * 1e3
    across = _positive(row.get("pixel_size_x"))
    if across is None:
        return None
    return pixel_in_mm(across), pixel_in_mm(_positive(row.get("pixel_size_y")) or across)


def _missing(wavelength: float | None, distance: object, pixel: object) -> str:
    names = {"the wavelength": wavelength, "the detector distance": distance, "the pixel size": pixel}
    absent = [name for name, value in names.items() if value is None]
    words = absent[0] if len(absent) == 1 else f"{', '.join(absent[:-1])} and {absent[-1]}"
    return f"Neither the file nor ISPyB states {words}, so there is no resolution scale."


def _finite(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if isfinite(number) else None


def _positive(value: Any) -> float | None:
    number = _finite(value)
    return number if number is not None and number > 0 else None
