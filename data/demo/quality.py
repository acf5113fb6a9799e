"""What a spot finder says of each image, as real runs look: decay, drift, empty angles, ice, a lost crystal."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

Fate = Literal["steady", "decay", "lost", "blank", "weak", "ice", "grid", "serial"]
Column = list[int] | list[int | None] | list[float | None]


@dataclass(frozen=True, slots=True)
class Series:
    """The per-image numbers of one collection.

    ``images`` is the number wanted, ``taken`` that of a run that ended early, ``stride`` the step between those
    looked at (a busy beamline looks at a few hundred of each run); ``best`` the resolution in Å of the first image;
    ``degrees`` the turn from one image to the next; ``shape`` the columns and rows of a raster, ``peak``
    where in it the crystal is, as parts of its width and height; ``dozor``: whether that program ran.
    """

    NAMES: ClassVar[tuple[str, ...]] = (
        "image", "spots", "bragg", "ice_rings", "resolution_1", "resolution", "signal", "dozor",
    )  # fmt: skip

    seed: int
    fate: Fate
    images: int
    best: float
    stride: int = 1
    degrees: float = 0.1
    hit_rate: float = 0.2
    shape: tuple[int, int] = (1, 1)
    peak: tuple[float, float] | None = None
    taken: int | None = None
    ice: bool = False
    dozor: bool = True

    @property
    def count(self) -> int:
        """How many images have numbers."""
        return -(-(self.images if self.taken is None else self.taken) // self.stride)

    def numbers(self) -> NDArray[np.int64]:
        """The image numbers looked at."""
        return np.arange(1, (self.images if self.taken is None else self.taken) + 1, self.stride)

    def strength(self) -> NDArray[np.float64]:
        """Diffraction of each image looked at, 0 (nothing) to about 1."""
        random = np.random.default_rng([self.seed, 1])
        at = (self.numbers() - 1) / max(self.images, 1)
        angle = np.radians((self.numbers() - 1) * self.degrees)
        # A crystal that is not round and not quite in the middle of the beam.
        facing = 0.82 + 0.18 * np.cos(2 * angle + random.uniform(0, 6.28))
        match self.fate:
            case "decay":
                strength = facing * np.exp(-2.2 * at)
            case "lost":
                gone = random.uniform(0.3, 0.7)
                strength = np.where(at < gone, facing * np.exp(-0.5 * at), 0.0)
            case "blank":
                # At some angles the beam passes beside the crystal.
                strength = facing * np.clip(0.35 + np.cos(angle + random.uniform(0, 6.28)), 0, 1)
            case "weak":
                strength = 0.08 * facing
            case "grid":
                strength = self._raster(random)
            case "serial":
                # The draw that decides about the image itself, see data/demo/render.py.
                draws = [np.random.default_rng([self.seed, int(n), 3]).random() for n in self.numbers()]
                hits = np.array(draws) < self.hit_rate
                strength = np.where(hits, random.beta(2, 4, len(at)) + 0.12, 0.0)
            case _:
                strength = facing * np.exp(-0.35 * at)
        return np.asarray(strength, np.float64)

    def _raster(self, random: np.random.Generator) -> NDArray[np.float64]:
        across, down = self.shape
        index = self.numbers() - 1
        column, row = index % across, index // across
        # Every other line of a raster runs backwards.
        column = np.where(row % 2, across - 1 - column, column)
        part_x, part_y = self.peak or (random.uniform(0.3, 0.7), random.uniform(0.3, 0.7))
        x, y = part_x * across, part_y * down
        wide, high = max(1.2, 0.16 * across), max(1.0, 0.2 * down)
        strength = np.exp(-(((column - x) / wide) ** 2) - ((row - y) / high) ** 2)
        return np.where(strength < 0.05, 0.0, strength)

    def columns(self) -> list[Column]:
        """One list per name of NAMES."""
        random = np.random.default_rng([self.seed, 2])
        strength = self.strength()
        count = len(strength)
        spots = random.poisson(1.5 + strength * 900 / self.best**1.2)
        spots = np.where(strength > 0, spots, random.poisson(0.8, count))
        ice = random.poisson(3.2, count) if self.ice else (random.random(count) < 0.004).astype(int)
        spots = spots + ice * random.poisson(18, count)
        bragg = np.minimum(spots, (spots * random.uniform(0.72, 0.95, count)).astype(int))
        seen = spots >= 8
        best = reach(self.best, strength) + random.normal(0, 0.03, count)
        resolution = np.round(np.clip(best, 0.8, 30.0), 2)
        first = np.round(resolution + np.abs(random.normal(0, 0.05, count)), 2)
        signal = np.round(spots * random.uniform(95, 140, count) * (0.3 + strength), 1)
        dozor = np.round(np.clip(120 * strength / self.best + random.normal(0, 1.0, count), 0, None), 3)
        return [
            self.numbers().tolist(), spots.tolist(), bragg.tolist(), ice.tolist(),
            _known(first, seen), _known(resolution, seen), _known(signal, seen),
            _known(dozor, np.full(count, self.dozor)),
        ]  # fmt: skip


def reach(best: float, strength: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where reflections fade out, in Å, for a crystal of ``best`` Å that is left with this much strength."""
    return np.asarray(best * (1 - 0.175 * np.log(np.clip(strength, 0.02, 1.0))))


def _known(values: NDArray[np.floating[Any]], known: NDArray[np.bool_]) -> list[float | None]:
    return [value if there else None for value, there in zip(values.tolist(), known.tolist(), strict=True)]
