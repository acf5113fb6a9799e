"""What a person may want to know of a frame, as one table of names, values and units."""

from dataclasses import asdict
from math import isfinite
from typing import Any

from data.images.formats.frame import FrameMeta
from data.images.images import Facts
from data.images.placement import Placement
from data.images.plane import Plane, ice, rings

_ON_SAMPLE = 1e-7  # m
Entry = tuple[str, str | float | int, str]


def about(facts: Facts, placement: Placement) -> dict[str, Any]:
    """Size, channels, header, geometry, rings, ice and the check of the geometry; only what JSON can hold."""
    height, width = facts.shape
    plane = placement.plane
    return {
        "width": width,
        "height": height,
        "channels": [f"Channel {number + 1}" for number in range(facts.channels)] if facts.channels > 1 else [],
        "simulated": facts.meta.simulated,
        "notes": list(facts.meta.notes),
        "panels": facts.meta.panels,
        "saturation": facts.meta.saturation,
        "header": [[group, [list(entry) for entry in entries]] for group, entries in header(facts)],
        "geometry": None if plane is None else _geometry(plane, width, height),
        "rings": [] if plane is None else rings(plane, width, height),
        "ice": [] if plane is None else ice(plane, width, height),
        "check": asdict(placement.check),
    }


def header(facts: Facts) -> list[tuple[str, list[Entry]]]:
    """What the file states, in groups; a group that it says nothing of is left out."""
    meta = facts.meta
    height, width = facts.shape
    groups: list[tuple[str, list[Entry | None]]] = [
        ("Detector", [
            ("Detector", meta.detector, "") if meta.detector else None,
            ("Width", width, "px"), ("Height", height, "px"),
            _pixel("Pixel width", meta.pixel_x), _pixel("Pixel height", meta.pixel_y),
            _entry("Distance", meta.distance, "mm"), _entry("2θ", meta.two_theta, "°"),
            _entry("Beam centre x", meta.beam_x, "px"), _entry("Beam centre y", meta.beam_y, "px"),
            _entry("Saturation", meta.saturation, "counts"),
            ("Images in the file", facts.frames, "") if facts.frames > 1 else None,
        ]),
        ("Beam", [_entry("Wavelength", meta.wavelength, "Å"), _energy(meta)]),
        ("Scan", [
            ("Axis", meta.axis, "") if meta.axis else None, _entry("Start", meta.start, "°"),
            _entry("Width per image", meta.increment, "°"), _entry("Exposure", meta.exposure, "s"),
        ]),
    ]  # fmt: skip
    kept = [(name, [entry for entry in entries if entry is not None]) for name, entries in groups]
    return [(name, entries) for name, entries in kept if entries]


def _entry(name: str, value: float | None, unit: str, factor: float = 1.0) -> Entry | None:
    if value is None or not isfinite(value):
        return None
    return name, float(f"{value * factor:.7g}"), unit


def _pixel(name: str, size: float | None) -> Entry | None:
    """A pixel of a detector in µm, one on a microscope's sample in Å."""
    small = size is not None and size < _ON_SAMPLE
    return _entry(name, size, "Å", 1e10) if small else _entry(name, size, "µm", 1e6)


def _energy(meta: FrameMeta) -> Entry | None:
    return None if meta.wavelength is None else ("Energy", round(12.398419843320026 / meta.wavelength, 4), "keV")


def _geometry(plane: Plane, width: int, height: int) -> dict[str, Any]:
    edge = plane.edge(width, height)
    return {
        "origin": list(plane.origin),
        "fast": list(plane.fast),
        "slow": list(plane.slow),
        "wavelength": plane.wavelength,
        "distance": plane.reach,
        "two_theta": plane.swing,
        "beam": list(plane.beam) if plane.beam is not None else None,
        "pixel": list(plane.pixel),
        "edge_d": edge,
        "corner_d": plane.corner(width, height),
    }
