"""Crystals of the demo facility: lattice, orientation and intensities that never change for one
seed."""

from dataclasses import dataclass
from functools import lru_cache
from math import cos, log, radians, sin, sqrt

import numpy as np
from numpy.typing import NDArray

from data.demo.symmetry import space_group

Floats = NDArray[np.float64]
Cell = tuple[float, float, float, float, float, float]
_MOST_REFLECTIONS = 20_000_000


@dataclass(frozen=True, slots=True)
class Crystal:
    """A crystal that diffracts.

    `cell`: a, b, c in Å and α, β, γ in degrees. `orientation`: the seed of its rotation.
    `mosaicity`: full width at half maximum in degrees. `b_factor` Å². `scale`: counts of a full
    reflection of mean intensity at low resolution, before B, Lorentz and polarisation.
    `seed` decides the intensities.
    """

    cell: Cell
    symbol: str
    orientation: int = 0
    mosaicity: float = 0.15
    b_factor: float = 20.0
    scale: float = 2000.0
    seed: int = 0


def b_factor(resolution_limit: float, scale: float, faintest: float = 12.0) -> float:
    """The B that brings the mean reflection down to `faintest` counts at the resolution limit
    (Å)."""
    return max(4.0, 2 * resolution_limit**2 * log(max(1.1, scale / faintest)))


def reciprocal(cell: Cell) -> Floats:
    """B, 3 x 3, Å⁻¹: columns a*, b*, c* on Cartesian axes with a along x and b in the xy plane."""
    a, b, c = cell[:3]
    alpha, beta, gamma = (radians(angle) for angle in cell[3:])
    x = (cos(alpha) - cos(beta) * cos(gamma)) / sin(gamma)
    height = sqrt(max(0.0, 1 - cos(beta) ** 2 - x**2))
    if min(a, b, c) <= 0 or height <= 0:
        raise ValueError(f"not a unit cell: {cell}")
    direct = np.array(
        [
            [a, b * cos(gamma), c * cos(beta)],
            [0, b * sin(gamma), c * x],
            [0, 0, c * height],
        ]
    )
    return np.asarray(np.linalg.inv(direct).T)


def rotation(seed: int | tuple[int, ...]) -> Floats:
    """A rotation matrix drawn evenly from all orientations."""
    w, x, y, z = np.random.default_rng(seed).normal(size=4)
    w, x, y, z = np.array([w, x, y, z]) / sqrt(w * w + x * x + y * y + z * z)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


@dataclass(frozen=True, slots=True)
class Reflections:
    """`hkl` (n, 3); `vectors` (n, 3) in Å⁻¹ on the crystal's own Cartesian axes; `intensity` (n,)
    in counts of a full reflection, before Lorentz and polarisation."""

    hkl: NDArray[np.int64]
    vectors: Floats
    intensity: Floats


@lru_cache(maxsize=6)
def reflections(crystal: Crystal, d_min: float) -> Reflections:
    """All reflections present down to `d_min` Å, with Wilson intensities.

    Equivalent reflections have equal intensities. The mean falls with B and shows the dip near 6 Å
    and the maximum near 4.5 Å that proteins have.
    """
    group = space_group(crystal.symbol)
    matrix = reciprocal(crystal.cell)
    most = [int(length / d_min) + 1 for length in crystal.cell[:3]]
    if np.prod([2 * m + 1 for m in most]) > _MOST_REFLECTIONS:
        raise ValueError("too many reflections for a demo: larger d_min or smaller cell")
    axes = [np.arange(-m, m + 1) for m in most]
    hkl = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    squares = np.einsum("ij,ij->i", hkl @ matrix.T, hkl @ matrix.T)
    hkl = hkl[(squares <= 1 / d_min**2) & (squares > 0)]
    hkl = hkl[group.present(hkl)]
    vectors = hkl @ matrix.T
    squares = np.einsum("ij,ij->i", vectors, vectors)
    acentric = -np.log(_uniform(group.unique(hkl), crystal.seed))
    mean = np.exp(-crystal.b_factor / 2 * squares) * _protein(np.sqrt(squares))
    return Reflections(hkl, vectors, crystal.scale * acentric * mean)


def _protein(inverse_d: Floats) -> Floats:
    """Mean intensity of protein relative to random atoms, against 1/d (shape of the usual Wilson
    plot)."""
    at = [0.0, 0.03, 0.08, 0.12, 0.16, 0.19, 0.225, 0.26, 0.30, 0.36, 0.45, 0.6, 1.2]
    is_ = [2.2, 2.2, 1.5, 0.9, 0.55, 0.75, 1.35, 1.25, 0.95, 0.8, 0.95, 1.0, 1.0]
    return np.asarray(np.interp(inverse_d, at, is_))


def _uniform(numbers: NDArray[np.int64], seed: int) -> Floats:
    """A number in (0, 1) for each integer: splitmix64."""
    state = numbers.astype(np.uint64) + np.uint64(seed * 0x9E3779B97F4A7C15 % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        state = (state ^ (state >> np.uint64(shift))) * np.uint64(factor)
    state ^= state >> np.uint64(31)
    return np.asarray(((state >> np.uint64(11)).astype(np.float64) + 0.5) / 2**53)
