"""What lies under the spots: air, solvent, ice and the shadow of the beam stop, and its counting
noise."""

from dataclasses import dataclass
from functools import cache, lru_cache
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.demo.detectors import Detector
from data.images.geometry import ICE

Floats = NDArray[np.float64]

_POLARISATION = 0.99  # share of the beam polarised along the fast direction
_BRIGHTEST = 120.0
_LEVELS = 256
# Intensity of the lines of hexagonal ice, in the order of ICE: 100 002 101 102 110 103 200 112
# 201 …
_ICE_STRENGTH = (1.0, 0.75, 0.55, 0.22, 0.45, 0.33, 0.06, 0.27, 0.12, 0.02, 0.05, 0.03, 0.04, 0.03,
                 0.02, 0.05)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Setting:
    """A detector in a beam. `wavelength` Å, `distance` mm, beam centre in pixels, `level`: mean
    counts per pixel on the solvent ring, `ice`: brightness of the ice rings relative to it, 0 for
    none."""

    detector: Detector
    wavelength: float
    distance: float
    beam_x: float
    beam_y: float
    level: float = 1.0
    ice: float = 0.0
    seed: int = 0


def polarisation(x: Floats, y: Floats, z: Floats) -> Floats:
    """Share of the intensity scattered towards (x, y, z) that polarisation leaves."""
    squares = x * x + y * y + z * z
    return np.asarray(_POLARISATION * (1 - x * x / squares) + (1 - _POLARISATION) * (1 - y * y / squares))


def transmission(x: NDArray[Any], y: NDArray[Any]) -> Floats:
    """Share that passes the beam stop (a disc on an arm from the left), at mm from the beam
    centre."""
    disc = _edge((np.hypot(x, y) - 2.6) / 0.35)
    below = np.abs(y - 0.03 * x)
    arm = np.where(x < 0, 0.45 + 0.55 * _edge((below - 0.9) / 0.3), 1.0)
    return np.asarray(disc * arm)


def _edge(distance: Floats) -> Floats:
    """A soft edge: 0.004 well inside, 1 outside."""
    return np.asarray(0.004 + 0.996 / (1 + np.exp(-4 * np.clip(distance, -8, 8))))


def profile(inverse_d: Floats) -> Floats:
    """Air and solvent against 1/d (Å⁻¹), 1 on the solvent ring at about 3.2 Å."""
    air = 2.6 / (1 + (inverse_d / 0.045) ** 2) ** 1.1
    ring = 0.72 * np.exp(-0.5 * ((inverse_d - 0.31) / 0.052) ** 2)
    second = 0.13 * np.exp(-0.5 * ((inverse_d - 0.475) / 0.06) ** 2)
    diffuse = 0.24 / (1 + (inverse_d / 0.5) ** 2)
    return np.asarray(air + ring + second + diffuse)


def ice_profile(inverse_d: Floats) -> Floats:
    """Powder rings of hexagonal ice against 1/d, 1 on the strongest."""
    rings = np.zeros_like(inverse_d)
    for d, strength in zip(ICE, _ICE_STRENGTH, strict=True):
        rings += strength * np.exp(-0.5 * ((inverse_d - 1 / d) / 0.0011) ** 2)
    return rings


@lru_cache(maxsize=3)
def brightness_codes(setting: Setting) -> NDArray[np.uint8]:
    """(height, width): the expected background of every pixel, as dithered steps of its square
    root.

    The same for all frames of a setting, so it is made once.
    """
    detector = setting.detector
    rng = np.random.default_rng([7, setting.seed])
    waves = rng.normal(size=(5, 2)) / np.arange(2, 7)[:, None]
    x = _millimetres(detector.width, setting.beam_x, detector)[None, :]
    y_all = _millimetres(detector.height, setting.beam_y, detector)
    codes = np.empty((detector.height, detector.width), np.uint8)
    grid = np.linspace(0, 1.6, 8192)
    scale = np.float32(8191 / 1.6 / setting.wavelength)
    plain = (profile(grid) * setting.level).astype(np.float32)
    ice = (ice_profile(grid) * setting.level * setting.ice).astype(np.float32)
    shadow = 30 * detector.pixel_mm + 0.03 * detector.width * detector.pixel_mm
    for top in range(0, detector.height, 64):
        y = y_all[top : top + 64, None]
        squares = x * x + y * y
        away = squares + np.float32(setting.distance**2)
        cosine = np.float32(setting.distance) / np.sqrt(away)
        place = np.minimum(np.sqrt(np.maximum(2 * (1 - cosine), 0)) * scale, 8191).astype(np.int32)
        expected = plain[place]
        if setting.ice:
            # The unevenness around the ring is smooth: every eighth pixel is enough.
            around = _uneven(np.arctan2(y, x[:, ::8]), waves)
            expected += ice[place] * np.repeat(around, 8, axis=1)[:, : detector.width]
        expected *= cosine * cosine * cosine
        left = np.float32(_POLARISATION) * x * x + np.float32(1 - _POLARISATION) * y * y
        expected *= 1 - left / away
        if np.abs(y).min() < shadow:
            expected *= transmission(x, y)
        np.minimum(expected, _BRIGHTEST, out=expected)
        level = np.sqrt(expected) * np.float32((_LEVELS - 2) / sqrt(_BRIGHTEST))
        level += rng.random(level.shape, np.float32)
        codes[top : top + 64] = level
    codes.setflags(write=False)
    return codes


def _millimetres(pixels: int, centre: float, detector: Detector) -> NDArray[np.float32]:
    """Distance of the pixels' centres from the beam centre, along one side."""
    return ((np.arange(pixels) + 0.5 - centre) * detector.pixel_mm).astype(np.float32)


def _uneven(around: NDArray[np.float32], waves: Floats) -> NDArray[np.float32]:
    """Brightness of an ice ring around the beam, about 1: crystallites are few and lie as they
    like."""
    total = np.ones_like(around)
    for order, (a, b) in enumerate(waves, 2):
        total += 0.5 * (a * np.cos(order * around) + b * np.sin(order * around))
    return np.clip(total, 0.25, 3)


def noisy(setting: Setting, rng: np.random.Generator) -> NDArray[np.uint8]:
    """(height, width) counts of one exposure: Poisson noise on the expected background.

    By look-up: the inverse distribution of every brightness step at 65 536 points.
    """
    codes = brightness_codes(setting)
    table = _inverse()
    counts = np.empty(codes.shape, np.uint8)
    for top in range(0, len(codes), 64):
        part = codes[top : top + 64]
        place = part.astype(np.uint32) << np.uint32(16)
        place |= rng.integers(0, 65536, part.shape, np.uint16)
        np.take(table, place, out=counts[top : top + 64], mode="clip")
    return counts


@cache
def _inverse() -> NDArray[np.uint8]:
    rows = []
    for level in range(_LEVELS):
        mean = _BRIGHTEST * (level / (_LEVELS - 2)) ** 2
        count = np.arange(256)
        logs = count * np.log(max(mean, 1e-12)) - mean - np.cumsum(np.log(np.maximum(count, 1)))
        ends = np.rint(np.cumsum(np.exp(logs)) * 65536).astype(np.int64).clip(0, 65536)
        ends[-1] = 65536
        rows.append(np.repeat(count.astype(np.uint8), np.diff(ends, prepend=0)))
    return np.concatenate(rows)
