"""The header lines of DECTRIS mini-CBF and PILATUS TIFF, and the keys of other text headers."""

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any

from data.images.formats.frame import FrameMeta

# Bounded, as are all repetitions that may meet each other: a header of digits alone must not take minutes.
_NUMBER = r"([-+]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][-+]?\d{1,4})?)"


def _find(text: str, pattern: str) -> tuple[float | None, ...]:
    found = re.search(pattern.replace("<n>", _NUMBER), text, re.IGNORECASE)
    if found is None:
        return (None,) * max(1, pattern.count("<n>"))
    return tuple(float(group) for group in found.groups())


def positive(value: float | None) -> float | None:
    """The value where it is finite and above zero."""
    return value if value is not None and isfinite(value) and value > 0 else None


def _finite(value: float | None) -> float | None:
    # -9999 is how some control systems say "not known".
    return value if value is not None and isfinite(value) and value > -9000 else None


def dectris(text: str) -> FrameMeta:
    """FrameMeta of the `# Key value unit` lines of a DECTRIS header."""
    pixel_x, pixel_y = _find(text, r"Pixel_size[ :=]+<n>\s*m\s*x\s*<n>\s*m")
    beam_x, beam_y = _find(text, r"Beam_xy[ :=]*\(\s*<n>\s*,\s*<n>\s*\)")
    (metres,) = _find(text, r"Detector_distance[ :=]+<n>\s*m\b")
    axis = re.search(r"Oscillation_axis[ :=]+(\w+)", text)
    detector = re.search(r"Detector:[ ]*([^\r\n]{1,120})", text)
    distance = positive(metres)
    return FrameMeta(
        wavelength=positive(_find(text, r"Wavelength[ :=]+<n>\s*A\b")[0]),
        distance=None if distance is None else round(distance * 1000, 9),
        beam_x=_finite(beam_x),
        beam_y=_finite(beam_y),
        pixel_x=positive(pixel_x),
        pixel_y=positive(pixel_y),
        exposure=positive(_find(text, r"Exposure_time[ :=]+<n>\s*s\b")[0]),
        start=_finite(_find(text, r"Start_angle[ :=]+<n>")[0]),
        increment=_finite(_find(text, r"Angle_increment[ :=]+<n>")[0]),
        axis=axis.group(1) if axis else None,
        two_theta=_finite(_find(text, r"Detector_2theta[ :=]+<n>")[0]),
        saturation=positive(_find(text, r"Count_cutoff[ :=]+<n>")[0]),
        detector=detector.group(1).strip() if detector else None,
        simulated="simulated" in text.lower(),
    )


def fields(header: Mapping[str, Any]) -> FrameMeta:
    """FrameMeta of the header of SMV, d*TREK, MarCCD and EDF as fabio gives it.

    SMV states the beam centre in mm along fast and slow axes, though writers disagree about which
    is which; it is taken as it stands.
    """
    keys = {str(key).lower(): value for key, value in header.items()}

    def number(*names: str) -> float | None:
        for name in names:
            try:
                value = float(str(keys[name]).split()[0])
            except (KeyError, ValueError, IndexError):
                continue
            if isfinite(value):
                return value
        return None

    if "xtal_to_detector" in keys:  # MarCCD: whole numbers of small units
        return FrameMeta(
            wavelength=positive(_scaled(number("source_wavelength"), 1e-5)),
            distance=positive(_scaled(number("xtal_to_detector"), 1e-3)),
            beam_x=positive(_scaled(number("beam_x"), 1e-3)),
            beam_y=positive(_scaled(number("beam_y"), 1e-3)),
            pixel_x=positive(_scaled(number("pixelsize_x"), 1e-9)),
            pixel_y=positive(_scaled(number("pixelsize_y"), 1e-9)),
            exposure=positive(_scaled(number("exposure_time"), 1e-3)),
            start=_scaled(number("start_phi"), 1e-3),
            increment=_scaled(number("rotation_range"), 1e-3),
        )
    if "psize_1" in keys:  # EDF as the ESRF writes it: metres
        return FrameMeta(
            wavelength=positive(_scaled(number("wavelength"), 1e10)),
            distance=positive(_scaled(number("sampledistance"), 1e3)),
            beam_x=number("center_1"),
            beam_y=number("center_2"),
            pixel_x=positive(number("psize_1")),
            pixel_y=positive(number("psize_2")),
        )
    pixel = positive(number("pixel_size"))
    return FrameMeta(
        wavelength=positive(number("wavelength", "scan_wavelength")),
        distance=positive(number("distance")),
        beam_x=_scaled(number("beam_center_x"), 1 / pixel if pixel else None),
        beam_y=_scaled(number("beam_center_y"), 1 / pixel if pixel else None),
        pixel_x=_scaled(pixel, 1e-3),
        pixel_y=_scaled(pixel, 1e-3),
        exposure=positive(number("time", "count_time")),
        start=number("osc_start"),
        increment=number("osc_range"),
        axis=str(keys["axis"]) if "axis" in keys else None,
        two_theta=number("twotheta"),
        saturation=positive(number("ccd_image_saturation")),
    )


def _scaled(value: float | None, factor: float | None) -> float | None:
    return None if value is None or factor is None else value * factor
