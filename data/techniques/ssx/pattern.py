"""Which frames had the laser, and where on the chip each was taken: from what ISPyB says of the run.

A run repeats its event chains one after the other; each gives as many frames as its X-ray events have repetitions. On a
chip the first shots go to the first position, and so on; a position's number follows the path of the stage.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_XRAYS: Final = {"XrayDetection", "XrayExposure"}
_LASER: Final = {"LaserExcitation", "ReactionTrigger"}


@dataclass(frozen=True, slots=True)
class Happening:
    """One event of a chain: its kind as ISPyB names it, times in s from the chain's start."""

    kind: str
    offset: float
    duration: float | None
    repetition: float | None


@dataclass(frozen=True, slots=True)
class Chain:
    """A sequence of events that gives one or more frames."""

    name: str
    events: tuple[Happening, ...]

    @property
    def shots(self) -> int:
        """Frames that the chain gives: the repetitions of its X-ray detections, else exposures; 1 where unsaid."""
        for kind in ("XrayDetection", "XrayExposure"):
            count = sum(int(event.repetition or 1) for event in self.events if event.kind == kind)
            if count:
                return count
        return 1

    @property
    def pumped(self) -> bool:
        """Whether the chain has a laser or another trigger."""
        return any(event.kind in _LASER for event in self.events)

    @property
    def known(self) -> bool:
        """Whether it says anything of X-rays; a place holder does not."""
        return any(event.kind in _XRAYS for event in self.events)


def pumped(frame: NDArray[np.int64], first: int, chains: Sequence[Chain]) -> NDArray[np.int8]:
    """1 for frames of a chain with laser, 0 for those of one without, -1 where the chains do not tell them apart."""
    usable = [chain for chain in chains if chain.known]
    if len({chain.pumped for chain in usable}) < 2:
        return np.full(len(frame), -1, np.int8)
    cycle = np.concatenate([np.full(min(chain.shots, 10_000), chain.pumped, np.int8) for chain in usable])
    found: NDArray[np.int8] = cycle[(frame - first) % len(cycle)]
    return found


def shots_per_position(chains: Sequence[Chain]) -> int:
    """Frames taken at each position of a chip: the sum over the chains, 1 where they say nothing."""
    return max(1, sum(chain.shots for chain in chains if chain.known))


@dataclass(frozen=True, slots=True)
class Chip:
    """A chip of ``blocks`` x ``blocks`` city blocks, each of ``wells`` x ``wells`` wells.

    Blocks are visited by columns, up and down in turn; so are the wells of a block.
    """

    name: str
    blocks: int
    wells: int

    @property
    def side(self) -> int:
        """Wells along a side."""
        return self.blocks * self.wells

    @property
    def positions(self) -> int:
        """Wells in all."""
        return self.side**2

    def place(self, position: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(column, row) of each position along the path, counted from the lower left; position within the chip."""
        block, well = position // self.wells**2, position % self.wells**2
        block_x, block_y = snaked(block, self.blocks)
        x, y = snaked(well, self.wells)
        return block_x * self.wells + x, block_y * self.wells + y


def snaked(index: NDArray[np.int64], side: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(column, row) along a path that goes up the first column, down the second, and so on."""
    column, along = index // side, index % side
    return column, np.where(column % 2 == 0, along, side - 1 - along)


CHIPS: Final = (Chip("Oxford", 8, 20), Chip("MISP", 1, 78), Chip("Mini", 1, 20))


def chip_of(model: str | None) -> Chip | None:
    """The chip that a model's name means; None for a jet or a name never heard."""
    words = (model or "").casefold()
    if "misp" in words:
        return CHIPS[1]
    if "mini" in words:
        return CHIPS[2]
    return CHIPS[0] if "oxford" in words else None


def addresses(frame: NDArray[np.int64], first: int, chip: Chip, shots: int) -> NDArray[np.int32]:
    """The well of each frame, row · side + column; -1 for frames beyond the chip."""
    position = (frame - first) // shots
    inside = (position >= 0) & (position < chip.positions)
    column, row = chip.place(np.where(inside, position, 0))
    return np.where(inside, row * chip.side + column, -1).astype(np.int32)
