"""What DECTRIS and NXmx files say of the experiment, units honoured, nonsense dropped.

Everything is read through the same permitted walk as the images, and only values of few bytes.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from data.images.formats import vectors
from data.images.formats.frame import FrameMeta, Unreadable
from data.images.formats.header import positive
from data.images.formats.links import Opened, inside
from data.images.formats.vectors import Module
from data.images.plane import Plane

_DETECTOR = "/entry/instrument/detector/"
# Metres, Å, seconds and degrees in one of the units that files use.
_METRES = {"m": 1.0, "metre": 1.0, "meter": 1.0, "cm": 1e-2, "mm": 1e-3, "millimetre": 1e-3,
           "millimeter": 1e-3, "um": 1e-6, "µm": 1e-6, "micron": 1e-6, "micrometer": 1e-6,
           "micrometre": 1e-6, "nm": 1e-9, "a": 1e-10, "angstrom": 1e-10, "å": 1e-10}  # fmt: skip
_SECONDS = {"s": 1.0, "second": 1.0, "ms": 1e-3, "millisecond": 1e-3, "us": 1e-6, "ns": 1e-9}


def read(files: Opened, modules: Sequence[Module]) -> FrameMeta:
    """FrameMeta of the first frame; `start` is the angle of frame 0 and `increment` per frame.

    `modules` are those of `vectors`."""
    pixel_x = _length(files, _DETECTOR + "x_pixel_size")
    pixel_y = _length(files, _DETECTOR + "y_pixel_size")
    distance = _length(files, _DETECTOR + "detector_distance", _DETECTOR + "distance")
    wavelength = _length(
        files,
        "/entry/instrument/beam/incident_wavelength",
        "/entry/sample/beam/incident_wavelength",
        "/entry/instrument/monochromator/wavelength",
        default="angstrom",
    )
    axis, start, increment = _rotation(files)
    saturation = _number(files, _DETECTOR + "saturation_value")[0]
    if saturation is None:
        saturation = _number(files, _DETECTOR + "detectorSpecific/countrate_correction_count_cutoff")[0]
    exposure, unit = _number(files, _DETECTOR + "count_time")
    beam_x, beam_y = _centre(files, "x", pixel_x), _centre(files, "y", pixel_y)
    if beam_x == beam_y == 0:  # what DECTRIS writes when nobody told the detector
        beam_x = beam_y = None
    angstroms = None if wavelength is None else round(wavelength * 1e10, 9)
    plane: Plane | None = None
    notes: tuple[str, ...] = ()
    try:
        plane = vectors.plane(modules, angstroms)
    except vectors.NotFlat:
        notes = (vectors.NotFlat.words,)
    said = " ".join(_text(files, path) for path in ("/entry/title", _DETECTOR + "description"))
    return FrameMeta(
        wavelength=angstroms,
        distance=None if distance is None else round(distance * 1e3, 9),
        beam_x=beam_x,
        beam_y=beam_y,
        pixel_x=pixel_x,
        pixel_y=pixel_y,
        exposure=positive(None if exposure is None else exposure * _SECONDS.get(unit, 1.0)),
        start=start,
        increment=increment,
        axis=axis,
        two_theta=_number(files, "/entry/instrument/detector/goniometer/two_theta")[0],
        saturation=positive(saturation),
        detector=_text(files, _DETECTOR + "description") or None,
        plane=plane,
        notes=notes,
        simulated="simulated" in said.lower(),
    )


def at(meta: FrameMeta, index: int) -> FrameMeta:
    """The FrameMeta of one frame: its own start angle."""
    if meta.start is None or meta.increment is None:
        return meta
    return replace(meta, start=meta.start + index * meta.increment)


def stated_frames(files: Opened) -> int | None:
    """How many frames the detector was told to take (images x triggers), or None."""
    images = _number(files, _DETECTOR + "detectorSpecific/nimages")[0]
    triggers = _number(files, _DETECTOR + "detectorSpecific/ntrigger")[0]
    if images is None or images < 1 or images * (triggers or 1) > 1e8:
        return None
    return int(images * max(1, triggers or 1))


def pixel_mask(files: Opened, shape: tuple[int, int], panels: int = 0) -> NDArray[np.bool_]:
    """True where `pixel_mask` rejects (any of bits 0-15); all false where there is none of that
    shape. Of a detector of so many `panels` the masks of all, one below another.

    Bits: 0 gap, 1 dead, 2 under-, 3 over-responding, 4 noisy, 6 cluster, 8 user; 31 (virtual)
    stays.
    """
    for path in (_DETECTOR + "pixel_mask", _DETECTOR + "detectorSpecific/pixel_mask"):
        dataset = _dataset(files, path)
        if dataset is None or dataset.dtype.kind not in "iu" or dataset.shape[-2:] != shape:
            continue
        if dataset.ndim > 3 or (panels and (dataset.ndim != 3 or dataset.shape[0] != panels)):
            continue
        try:
            bits = np.asarray(dataset[()] if panels else dataset[(0,) * (dataset.ndim - 2)])
        except OSError:
            continue
        return np.asarray((bits.reshape(-1, shape[1]).astype(np.int64) & 0xFFFF) != 0)
    return np.zeros((max(1, panels) * shape[0], shape[1]), np.bool_)


def _rotation(files: Opened) -> tuple[str | None, float | None, float | None]:
    for group in ("/entry/sample/goniometer/", "/entry/sample/transformations/", "/entry/data/"):
        for axis in ("omega", "phi"):
            dataset = _dataset(files, group + axis)
            if dataset is None or dataset.dtype.kind not in "iuf" or dataset.ndim > 1 or not dataset.size:
                continue
            angles = np.atleast_1d(np.asarray(dataset[:2] if dataset.ndim else dataset[()], float))
            if len(angles) == 2:
                return axis, float(angles[0]), round(float(angles[1] - angles[0]), 9)
            width = _number(files, f"{group}{axis}_range_average")[0]
            if width is not None:
                return axis, float(angles[0]), width
    return None, None, None


def _centre(files: Opened, letter: str, pixel: float | None) -> float | None:
    """The beam centre in pixels; NXmx allows a length instead."""
    value, unit = _number(files, f"{_DETECTOR}beam_center_{letter}")
    if value is None:
        return None
    if unit in _METRES:
        return value * _METRES[unit] / pixel if pixel else None
    return value


def millimetres(value: float, unit: str) -> float | None:
    """A length in mm; NXmx's lengths without a unit are metres."""
    factor = _METRES.get(unit or "m") or _METRES.get(unit.rstrip("s"))
    return None if factor is None else value * factor * 1e3


def _length(files: Opened, *paths: str, default: str = "m") -> float | None:
    """The first positive length, in metres."""
    for path in paths:
        value, unit = _number(files, path)
        if value is not None and value > 0:
            factor = _METRES.get(unit) or _METRES.get(unit.rstrip("s")) or _METRES[default]
            return value * factor
    return None


def _dataset(files: Opened, path: str) -> Any:
    try:
        found = files.walk(files.first, path)
    except (Unreadable, KeyError, OSError, ValueError):
        return None  # a link that leads nowhere: the picture counts
    return found if isinstance(found, h5py.Dataset) and inside(found) else None


def _number(files: Opened, path: str) -> tuple[float | None, str]:
    """(value, unit in lower case) of a dataset of one number, or the first of a few."""
    dataset = _dataset(files, path)
    if dataset is None or dataset.dtype.kind not in "iufb" or not 0 < dataset.size < 1e7:
        return None, ""
    if dataset.ndim > 1:
        return None, ""
    try:
        value = float(dataset[0] if dataset.ndim else dataset[()])
        unit = dataset.attrs.get("units", "")
    except (OSError, TypeError, ValueError):
        return None, ""
    unit = unit.decode(errors="replace") if isinstance(unit, bytes) else str(unit)
    return (value if isfinite(value) else None), unit.strip().lower()


def _text(files: Opened, path: str) -> str:
    dataset = _dataset(files, path)
    if dataset is None or dataset.dtype.kind not in "SO" or dataset.size != 1:
        return ""
    try:
        value = dataset[()] if dataset.ndim == 0 else dataset[0]
    except (OSError, TypeError, ValueError):
        return ""
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return text.strip("\x00 ")[:200]
