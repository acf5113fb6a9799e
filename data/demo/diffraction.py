"""Diffraction frames computed as physics has them: Ewald construction, partiality, counting noise.

Laboratory axes: x along the fast pixel direction, y along the slow one, z along the beam (the frame
that XDS uses by default). The crystal turns about +x. A reflection r = R(φ) U B h is recorded where
|s0 + r| = |s0|, at the point where s0 + r meets the detector.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import radians, sqrt

import numpy as np
from numpy.typing import NDArray

from data.demo import background
from data.demo.background import Setting
from data.demo.crystals import Crystal, Reflections, reflections, rotation
from data.demo.detectors import Detector, bad, gaps

Floats = NDArray[np.float64]
_SIGMA = 0.062  # mm: size of crystal and beam, and crossfire, as seen on the detector
_SPREAD = 0.02  # degrees: divergence and bandwidth, beside the mosaicity


@dataclass(frozen=True, slots=True)
class Spots:
    """Reflections on one frame: `hkl` (n, 3); `x`, `y` (n,) in pixels; `counts` (n,) expected."""

    hkl: NDArray[np.int64]
    x: Floats
    y: Floats
    counts: Floats


@dataclass(frozen=True, slots=True)
class _Crossings:
    """Where every reflection crosses the sphere in a full turn, ordered by angle (radians)."""

    angle: Floats
    width: Floats
    hkl: NDArray[np.int64]
    x: Floats
    y: Floats
    counts: Floats
    widest: float


def corner_d(setting: Setting) -> float:
    """The smallest d in Å that reaches the detector."""
    detector = setting.detector
    far = max(
        (x - setting.beam_x) ** 2 + (y - setting.beam_y) ** 2 for x in (0, detector.width) for y in (0, detector.height)
    )
    angle = np.arctan2(sqrt(far) * detector.pixel_mm, setting.distance)
    return float(setting.wavelength / (2 * np.sin(angle / 2)))


def rotation_spots(crystal: Crystal, setting: Setting, start: float, width: float) -> Spots:
    """The reflections recorded while the crystal turns from `start` by `width` degrees."""
    all_ = _crossings(crystal, setting)
    first, last = np.deg2rad(start), np.deg2rad(start + width)
    reach = all_.widest * 3.5
    turn = 2 * np.pi
    parts: list[Spots] = []
    for shift in np.arange(np.floor((first - reach) / turn), np.floor((last + reach) / turn) + 1):
        low, high = np.searchsorted(all_.angle, [first - reach - shift * turn, last + reach - shift * turn])
        near = slice(int(low), int(high))
        angle = all_.angle[near] + shift * turn
        share = _normal((last - angle) / all_.width[near]) - _normal((first - angle) / all_.width[near])
        seen = share > 1e-3
        parts.append(
            Spots(
                all_.hkl[near][seen],
                all_.x[near][seen],
                all_.y[near][seen],
                (all_.counts[near] * share)[seen],
            )
        )
    return _joined(parts)


def still_spots(crystal: Crystal, setting: Setting, orientation: int | tuple[int, ...], size: float = 2000.0) -> Spots:
    """The reflections of a still of a crystal in a random orientation; `size`: mosaic block in Å.

    The share of a reflection falls as a Gaussian of its distance from the sphere.
    """
    found = _within(crystal, setting)
    turn, wave = rotation(orientation), 1 / setting.wavelength
    squares, half, reach = _closeness(crystal, setting, size)
    # |s0 + r|² - |s0|² is near zero for few: only these are looked at closely.
    near = np.flatnonzero(np.abs(squares + 2 * wave * (found.vectors @ turn[2])) < reach)
    half, turned = half[near], found.vectors[near] @ turn.T
    towards = turned + np.array([0, 0, wave])
    excess = np.sqrt(np.einsum("ij,ij->i", towards, towards)) - wave
    seen = (np.abs(excess) < 3 * half) & (towards[:, 2] > 0)
    share = np.exp(-0.5 * (excess[seen] / half[seen]) ** 2)
    near = near[seen]
    return _landed(setting, found.hkl[near], towards[seen], found.intensity[near] * share, np.ones(len(share)))


@lru_cache(maxsize=4)
def _closeness(crystal: Crystal, setting: Setting, size: float) -> tuple[Floats, Floats, Floats]:
    """Of each reflection |r|² (Å⁻²), the half width of its Gaussian (Å⁻¹), and how far |s0 + r|² may be off (Å⁻²)."""
    vectors, wave = _within(crystal, setting).vectors, 1 / setting.wavelength
    squares = np.einsum("ij,ij->i", vectors, vectors)
    half = 1 / size + radians(crystal.mosaicity + _SPREAD) / 2.355 * np.sqrt(squares)
    return squares, half, 3.1 * half * (2 * wave + 3.1 * half)


def frame(
    setting: Setting, spots: list[Spots], seed: tuple[int, ...]
) -> tuple[NDArray[np.uint32], NDArray[np.bool_], NDArray[np.bool_]]:
    """(counts, gaps, bad pixels) of one exposure, each (height, width); counts are 0 under the
    masks."""
    detector = setting.detector
    rng = np.random.default_rng(seed)
    counts = background.noisy(setting, rng).astype(np.uint32)
    flat = counts.reshape(-1)
    for some in spots:
        where, expected = _drawn(setting, some)
        flat[where] += rng.poisson(expected).astype(np.uint32)
    np.minimum(counts, detector.saturation, out=counts)
    between, broken = gaps(detector), bad(detector)
    counts[between] = 0
    counts[broken] = 0
    return counts, between, broken


def _within(crystal: Crystal, setting: Setting) -> Reflections:
    # Spots of far less than a count are not worth their time: stop where the mean is 0.2.
    faint = sqrt(crystal.b_factor / 2 / max(0.1, np.log(crystal.scale / 0.2)))
    return reflections(crystal, round(max(corner_d(setting), faint), 3))


@lru_cache(maxsize=4)
def _crossings(crystal: Crystal, setting: Setting) -> _Crossings:
    found = _within(crystal, setting)
    vectors = found.vectors @ rotation(crystal.orientation).T
    squares = np.einsum("ij,ij->i", vectors, vectors)
    # On the sphere: z' = -λ r²/2, with (y, z) turned by φ about x: z' = y sin φ + z cos φ.
    needed = -setting.wavelength / 2 * squares
    radius = np.hypot(vectors[:, 1], vectors[:, 2])
    can = np.abs(needed) < radius * 0.9999
    vectors, needed, radius = vectors[can], needed[can], radius[can]
    middle = np.arctan2(vectors[:, 1], vectors[:, 2])
    swing = np.arccos(needed / radius)
    both = []
    for sign in (1.0, -1.0):
        angle = middle + sign * swing
        cosine, sine = np.cos(angle), np.sin(angle)
        towards = np.column_stack(
            (
                vectors[:, 0],
                vectors[:, 1] * cosine - vectors[:, 2] * sine,
                needed + 1 / setting.wavelength,
            )
        )
        # zeta = e1 · x, e1 along s1 x s0: how straight the reflection goes through the sphere.
        zeta = np.abs(towards[:, 1]) / np.maximum(np.hypot(towards[:, 0], towards[:, 1]), 1e-12)
        seen = (towards[:, 2] > 0) & (zeta > 0.03)
        spots = _landed(setting, found.hkl[can][seen], towards[seen], found.intensity[can][seen], zeta[seen])
        both.append((angle[seen], zeta[seen], spots))
    angle = np.mod(np.concatenate([one for one, _, _ in both]), 2 * np.pi)
    zeta = np.concatenate([one for _, one, _ in both])
    spots = _joined([one for _, _, one in both], keep_all=True)
    width = radians(crystal.mosaicity + _SPREAD) / 2.355 / zeta
    on = _on_detector(setting.detector, spots.x, spots.y)
    order = np.flatnonzero(on)[np.argsort(angle[on], kind="stable")]
    return _Crossings(
        angle[order], width[order], spots.hkl[order], spots.x[order], spots.y[order],
        spots.counts[order], float(width[order].max(initial=0.0)),
    )  # fmt: skip


def _landed(setting: Setting, hkl: NDArray[np.int64], towards: Floats, intensity: Floats, zeta: Floats) -> Spots:
    """Where diffracted rays meet the detector, and their counts with Lorentz, polarisation and
    shadow."""
    detector = setting.detector
    x = setting.distance * towards[:, 0] / towards[:, 2]
    y = setting.distance * towards[:, 1] / towards[:, 2]
    sine = np.hypot(towards[:, 0], towards[:, 1]) * setting.wavelength
    # Relative to the Lorentz factor at 3 Å, so that `scale` means counts there.
    lorentz = (setting.wavelength / 3.0) / np.maximum(sine * zeta, 1e-3)
    left = background.polarisation(towards[:, 0], towards[:, 1], towards[:, 2])
    counts = intensity * lorentz * left * background.transmission(x, y)
    return Spots(hkl, x / detector.pixel_mm + setting.beam_x, y / detector.pixel_mm + setting.beam_y, counts)


def _on_detector(detector: Detector, x: Floats, y: Floats) -> NDArray[np.bool_]:
    return np.asarray((x > 1) & (y > 1) & (x < detector.width - 1) & (y < detector.height - 1))


def _joined(parts: list[Spots], keep_all: bool = False) -> Spots:
    joined = Spots(
        np.concatenate([part.hkl for part in parts]),
        np.concatenate([part.x for part in parts]),
        np.concatenate([part.y for part in parts]),
        np.concatenate([part.counts for part in parts]),
    )
    if keep_all:
        return joined
    seen = joined.counts > 0.05
    return Spots(joined.hkl[seen], joined.x[seen], joined.y[seen], joined.counts[seen])


def _drawn(setting: Setting, spots: Spots) -> tuple[NDArray[np.int64], Floats]:
    """(flat pixel numbers, expected counts) of all spots: Gaussians integrated over pixels.

    A ray that comes in at an angle stops somewhere in the sensor: the spot grows outwards.
    """
    detector = setting.detector
    on = _on_detector(detector, spots.x, spots.y) & (spots.counts > 0.05)
    x, y, counts = spots.x[on], spots.y[on], spots.counts[on]
    sigma = max(0.4, _SIGMA / detector.pixel_mm)
    half = int(np.ceil(3.2 * sigma)) + 1
    out_x, out_y = x - setting.beam_x, y - setting.beam_y
    radius = np.maximum(np.hypot(out_x, out_y), 1e-9)
    slope = radius * detector.pixel_mm / setting.distance
    smear = slope * detector.thickness / detector.pixel / sqrt(12)
    box = np.arange(-half, half + 1)
    column = np.floor(x).astype(np.int64)[:, None] + box
    row = np.floor(y).astype(np.int64)[:, None] + box
    shape = np.zeros((len(x), len(box), len(box)))
    for offset in (-1.2, 0.0, 1.2):
        centre_x = (x + offset * smear * out_x / radius)[:, None]
        centre_y = (y + offset * smear * out_y / radius)[:, None]
        across = _normal((column + 1 - centre_x) / sigma) - _normal((column - centre_x) / sigma)
        down = _normal((row + 1 - centre_y) / sigma) - _normal((row - centre_y) / sigma)
        shape += down[:, :, None] * across[:, None, :] / 3
    expected = shape * counts[:, None, None]
    inside = ((row >= 0) & (row < detector.height))[:, :, None] & ((column >= 0) & (column < detector.width))[
        :, None, :
    ]
    place = row[:, :, None] * detector.width + column[:, None, :]
    keep = inside & (expected > 1e-3)
    where, back = np.unique(place[keep], return_inverse=True)
    sums = np.bincount(back, weights=expected[keep], minlength=len(where))
    return np.asarray(where), np.asarray(sums, np.float64)


def _normal(z: Floats) -> Floats:
    """The normal distribution function, within 1e-7 (Abramowitz and Stegun 26.2.17)."""
    size = np.minimum(np.abs(z), 8.0)
    t = 1 / (1 + 0.2316419 * size)
    series = t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
    tail = np.exp(-0.5 * size * size) / sqrt(2 * np.pi) * series
    return np.asarray(np.where(z > 0, 1 - tail, tail))
