"""Previews of electron micrographs and of their power spectra, computed and marked as simulated.

`voltage` is in kV, `pixel` in Å, defocus and astigmatism in µm.
"""

from io import BytesIO
from math import pi, sqrt

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data.demo.snapshots import label

Floats = NDArray[np.float64]
_CS = 2.7e7  # Å: spherical aberration of 2.7 mm
_CONTRAST = 0.1  # amplitude contrast
_SIDE = 512


def electron_wavelength(voltage: float) -> float:
    """Å: λ = 12.2643 / sqrt(V + 0.978466e-6 V²), V in volts."""
    volts = voltage * 1000
    return 12.2643 / sqrt(volts + 0.978466e-6 * volts * volts)


def ctf(frequency: Floats, around: Floats, defocus_um: float, astigmatism_um: float, voltage: float) -> Floats:
    """Contrast transfer at `frequency` Å⁻¹ and azimuth `around` (radians); underfocus is
    positive."""
    wavelength = electron_wavelength(voltage)
    focus = (defocus_um + astigmatism_um / 2 * np.cos(2 * (around - 0.6))) * 1e4
    squares = frequency * frequency
    phase = pi * wavelength * squares * (focus - 0.5 * _CS * wavelength**2 * squares)
    return np.asarray(-sqrt(1 - _CONTRAST**2) * np.sin(phase) - _CONTRAST * np.cos(phase))


def power_spectrum(seed: int, defocus_um: float, astigmatism_um: float, pixel: float, voltage: float) -> bytes:
    """A JPEG, 512 x 512, of Thon rings: the spectrum, and in one quarter the fitted function.

    The edge of the picture is the Nyquist frequency, 1 / (2 `pixel`).
    """
    rng = np.random.default_rng([21, seed])
    radius, around = _polar()
    frequency = radius / (2 * pixel)
    transfer = ctf(frequency, around, defocus_um, astigmatism_um, voltage) ** 2
    envelope = np.exp(-60.0 * frequency**2 / 2)
    noise = rng.exponential(1.0, (_SIDE, _SIDE, 6)).mean(axis=2)
    measured = (0.35 + 1.0 * envelope * (transfer - 0.5)) * noise + 0.8 * np.exp(-((radius / 0.03) ** 2))
    half = _SIDE // 2
    quarter = np.zeros((_SIDE, _SIDE), np.bool_)
    quarter[:half, half:] = True
    shown = np.where(quarter & (radius < 0.75), 0.15 + 0.5 * transfer, measured)
    return _jpeg(np.clip(shown / 1.05, 0, 1) * 235)


def micrograph(seed: int, defocus_um: float, pixel: float, voltage: float) -> bytes:
    """A JPEG, 512 x 512, of particles in ice seen through the transfer function, with a carbon
    edge."""
    rng = np.random.default_rng([22, seed])
    binned = pixel * 8  # a preview: one pixel for eight
    density = np.zeros((_SIDE, _SIDE))
    y, x = np.mgrid[0:_SIDE, 0:_SIDE].astype(np.float64)
    particle = _particles(rng, binned)
    for _ in range(int(rng.integers(120, 260))):
        top, left = rng.integers(0, _SIDE - 40, 2)
        shape = particle[int(rng.integers(len(particle)))]
        density[top : top + shape.shape[0], left : left + shape.shape[1]] += shape
    carbon = np.zeros_like(density)
    if rng.random() < 0.7:  # the hole's rim crosses a corner of many exposures
        centre = rng.uniform(0.3, 0.7, 2) * _SIDE
        distance = np.hypot(x - centre[0], y - centre[1])
        rim = 1 / (1 + np.exp(-(distance - float(rng.uniform(300, 380))) / 2.5))
        carbon = rim * (1 + 0.25 * rng.normal(size=density.shape))
    density += 0.25 * rng.normal(size=density.shape) + 0.9 * carbon
    radius, around = _polar()
    frequency = radius / (2 * binned)
    transfer = np.fft.ifftshift(ctf(frequency, around, defocus_um, 0.0, voltage))
    imaged = np.fft.ifft2(np.fft.fft2(density) * transfer).real - 1.1 * carbon
    # Counting noise as the camera and the binning leave it: less of it at high frequency.
    blur = np.fft.ifftshift(np.exp(-0.5 * (radius / 0.42) ** 2))
    noise = rng.normal(0, 0.9, density.shape)
    noisy = np.fft.ifft2(np.fft.fft2(imaged + noise) * blur).real
    gradient = 0.12 * (x / _SIDE - 0.5) * float(rng.uniform(-1, 1))
    low, high = np.percentile(noisy + gradient, [0.5, 99.5])
    return _jpeg((noisy + gradient - low) / (high - low) * 235 + 10)


def _particles(rng: np.random.Generator, pixel: float) -> list[Floats]:
    """Projections of one lumpy molecule of about 130 Å in a dozen directions."""
    blobs = rng.normal(0, 36, (24, 3))
    weights = rng.uniform(0.5, 1.2, 24)
    half = 18
    y, x = np.mgrid[-half : half + 1, -half : half + 1] * pixel
    views = []
    for _ in range(12):
        axes = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        placed = blobs @ axes
        views.append(
            sum(
                (
                    weight * np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * 13.0**2))
                    for weight, (px, py, _) in zip(weights, placed, strict=True)
                ),
                np.zeros(x.shape),
            )
            * 1.3
        )
    return views


def _polar() -> tuple[Floats, Floats]:
    """(radius, azimuth) of every pixel about the middle; 1 is the edge."""
    y, x = np.mgrid[0:_SIDE, 0:_SIDE] - _SIDE // 2
    return np.hypot(x, y) / (_SIDE // 2), np.arctan2(y, x)


def _jpeg(shades: Floats) -> bytes:
    picture = Image.fromarray(np.clip(shades, 0, 255).astype(np.uint8))
    label(picture)
    out = BytesIO()
    picture.save(out, "JPEG", quality=70, comment="simulated")
    return out.getvalue()
