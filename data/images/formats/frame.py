"""What a reader of image files gives: frames, what is known of them, or one sentence."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from data.images.plane import Plane

if TYPE_CHECKING:
    from data.images.formats.chunk import Chunk

# More pixels than any detector has (EIGER2 16M: 18e6): a header that says more is damaged or
# hostile.
MOST_PIXELS = 160_000_000
MOST_BYTES = 2_000_000_000


class Unreadable(Exception):
    """A file or frame cannot be shown. `str()` is one sentence for a person, with no folder in
    it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameMeta:
    """What the file itself says; None where it says nothing or nonsense.

    `wavelength` Å, `distance` mm, beam centre in pixels of the image, pixel sizes in m, times in s,
    angles in degrees, `saturation` in counts. `plane` is the detector in space where the file states
    it by vectors; its own wavelength counts only where `wavelength` is known. `panels`: the picture is
    put together from several, at their places or (loose) in no known ones, where no geometry holds.
    `notes` are sentences for a person.
    """

    wavelength: float | None = None
    distance: float | None = None
    beam_x: float | None = None
    beam_y: float | None = None
    pixel_x: float | None = None
    pixel_y: float | None = None
    exposure: float | None = None
    start: float | None = None
    increment: float | None = None
    axis: str | None = None
    two_theta: float | None = None
    saturation: float | None = None
    detector: str | None = None
    plane: Plane | None = None
    panels: Literal["", "placed", "loose"] = ""
    simulated: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Frame:
    """`array`: (height, width), integers where the file holds integers. `mask`: same shape, true
    where the value means nothing (gap, bad pixel, not written). Look at no value under the
    mask."""

    array: NDArray[Any]
    mask: NDArray[np.bool_]
    meta: FrameMeta = field(default_factory=FrameMeta)

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width)."""
        height, width = self.array.shape
        return height, width


@dataclass(frozen=True, slots=True)
class Peaks:
    """Spots as a file lists them: ``x``, ``y`` in pixels (first centre at 0.5), ``sum``: counts, 0 if unsaid."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    sum: NDArray[np.float64]


class Frames(ABC):
    """The frames of one file, counted from 0. Use as a context manager, or call `close`."""

    count: int
    shape: tuple[int, int]
    channels: int = 1
    held: int = 0
    """Bytes of memory that are taken as long as the file is open."""

    @abstractmethod
    def read(self, index: int = 0, channel: int = 0) -> Frame:
        """One frame. Raises Unreadable, and nothing else."""

    def offsets(self, index: int = 0) -> memoryview | None:
        """The pixels packed by byte offsets, where those that are negative, and no others, are masked. Not looked at
        for damage: see `damage`. Raises Unreadable."""
        return None

    def damage(self, index: int = 0) -> str | None:
        """A sentence where not all pixels of a frame are there, or not as they were written. Takes a while."""
        return None

    def chunk(self, index: int = 0, channel: int = 0) -> "Chunk | None":
        """The compressed bytes of a frame, where they can be decoded by themselves. Raises Unreadable."""
        return None

    def meta(self, index: int = 0) -> FrameMeta:
        """What the file says of a frame, without its pixels where the format allows. Raises Unreadable."""
        return self.read(index).meta

    def text(self, index: int = 0) -> str:
        """What the file says, as it says it: many lines, or none. Raises Unreadable."""
        return ""

    def peaks(self, index: int = 0) -> Peaks | None:
        """The spots that the file lists for a frame; None where it has no list. Raises Unreadable."""
        return None

    @abstractmethod
    def close(self) -> None:
        """Let go of the file."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class Source:
    """A file to open, and the rules for the other files that it names.

    `allowed` says whether a linked file may be opened; without it, only files in the folder of the
    first one may. `supply` is asked for a permitted file that is absent.
    """

    path: Path
    allowed: Callable[[Path], bool] | None = None
    supply: Callable[[Path], bool] | None = None

    @property
    def name(self) -> str:
        """The file's name, for sentences."""
        return self.path.name


def checked_shape(height: int, width: int, name: str) -> tuple[int, int]:
    """(height, width), or Unreadable where no detector has such a size."""
    if height <= 0 or width <= 0 or height * width > MOST_PIXELS:
        raise Unreadable(f"“{name}” states an impossible image size ({width} x {height}).")
    return height, width


def checked_index(index: int, count: int, name: str) -> None:
    """Unreadable where there is no such frame."""
    if not 0 <= index < count:
        frames = "1 frame" if count == 1 else f"{count} frames"
        raise Unreadable(f"There is no frame {index + 1} in “{name}”, which holds {frames}.")
