"""Where the compressed bytes of one frame lie, when they can be decoded without HDF5."""

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.images.formats.frame import FrameMeta

_BITSHUFFLE, _LZ4 = 32008, 2
_LARGER = 2  # times the frame, beyond which no packing makes it: HDF5 says what is wrong with such a file


class Damaged(Exception):
    """A chunk is not what its header says."""


class Rejected:
    """The pixels of a detector that are never valid, one for all frames of a file."""

    def __init__(self, mask: NDArray[np.bool_]) -> None:
        self.mask = mask
        self._blocks: dict[int, NDArray[np.bool_]] = {}

    def blocks(self, each: int) -> NDArray[np.bool_]:
        """Which blocks of so many pixels hold one of them; the last two also stand for what is left over."""
        if each not in self._blocks:
            found = np.zeros(self.mask.size // each + 2, np.bool_)
            found[np.flatnonzero(self.mask.ravel()) // each] = True
            found[-1] = found[-2] = bool(found.any())
            self._blocks[each] = found
        return self._blocks[each]


@dataclass(frozen=True, slots=True)
class Chunk:
    """One frame as bitshuffle-LZ4: `size` bytes from `offset` of the file at `path`.

    `shape` is (height, width); `itemsize` 1, 2 or 4 bytes, unsigned and little-endian. Masked is what has all bits set
    or in `rejected` (None where the file rejects nothing).
    """

    path: str
    offset: int
    size: int
    shape: tuple[int, int]
    itemsize: int
    rejected: Rejected | None
    meta: FrameMeta

    def read(self, into: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
        """The bytes, at the beginning of `into` where that is given; fewer where the file is cut short. Raises OSError.

        An array and not bytes: numpy asks for large pages, which come in a tenth of the time.
        """
        room = np.empty(self.size, np.uint8) if into is None else into[: self.size]
        handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0))
        with os.fdopen(handle, "rb", buffering=0) as file:
            file.seek(self.offset)
            return room[: file.readinto(room.data)]


def place_of(dataset: Any, where: tuple[int, ...]) -> tuple[str, int, int] | None:
    """(path, offset, size) of the one chunk that is frame `where` of a dataset; None where HDF5 must decode it."""
    chunks = dataset.chunks
    if chunks is None or chunks != (*(1 for _ in where), *dataset.shape[-2:]):
        return None
    kind = dataset.dtype
    if kind.kind != "u" or kind.itemsize not in (1, 2, 4) or (kind.itemsize > 1 and kind.byteorder == ">"):
        return None
    creation = dataset.id.get_create_plist()
    if creation.get_nfilters() != 1:
        return None
    code, _, options, _ = creation.get_filter(0)
    if code != _BITSHUFFLE or len(options) < 5 or options[4] != _LZ4:
        return None
    file = dataset.file
    if file.userblock_size or file.driver != "sec2":
        return None
    info = dataset.id.get_chunk_info_by_coord((*where, 0, 0))
    if info.byte_offset is None or info.filter_mask or info.size > _LARGER * dataset.shape[-2] * dataset.shape[-1] * 4:
        return None
    return file.filename, int(info.byte_offset), int(info.size)
