"""Which part of which file each part of a virtual dataset is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import h5py

from data.images.formats.frame import Unreadable

Box = tuple[tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Piece:
    """A block of a virtual dataset, from `low`, of `size`, that is dataset `path` of the file `file_name` ("." is the
    same file), from `first` (None: from its beginning)."""

    file_name: str
    path: str
    low: tuple[int, ...]
    size: tuple[int, ...]
    first: tuple[int, ...] | None

    def holds(self, where: Sequence[int]) -> bool:
        """Whether frame `where` is in the block."""
        return all(a <= at < a + n for a, n, at in zip(self.low, self.size, self.lead(where), strict=False))

    def lead(self, where: Sequence[int]) -> tuple[int, ...]:
        """`where`, in as many axes as the block has before the image's own two."""
        return tuple(where) if len(where) == len(self.low) - 2 else (0,) * (len(self.low) - 2)

    def inner(self, where: Sequence[int], axes: int) -> tuple[int, ...]:
        """The frame of the source, which has so many `axes`. A stack maps its leading axes one to one."""
        first = self.first or (0,) * axes
        offsets = tuple(at - a for a, at in zip(self.low, self.lead(where), strict=False))
        found = tuple(f + o for f, o in zip(first[: axes - 2], offsets, strict=False))
        return found + (0,) * (axes - 2 - len(found))


def pieces(dataset: Any, name: str) -> list[Piece]:
    """The blocks of a virtual dataset. Raises Unreadable where it is put together in other ways."""
    found: list[Piece] = []
    for source in dataset.virtual_sources():
        box, first = _box(source.vspace), None
        if box is not None and source.src_space.get_select_type() != h5py.h5s.SEL_ALL:
            begin = _box(source.src_space)
            box, first = (box, begin[0]) if begin is not None else (None, None)
        if box is None:
            raise Unreadable(f"“{name}” is put together in a way that is not read here.")
        found.append(Piece(source.file_name, source.dset_name, *box, first))
    return found


def _box(space: Any) -> Box | None:
    """(start, size) of a selection that is one block, or all; None for anything else."""
    kind = space.get_select_type()
    if kind == h5py.h5s.SEL_ALL:
        return (0,) * space.get_simple_extent_ndims(), tuple(space.get_simple_extent_dims())
    if kind != h5py.h5s.SEL_HYPERSLABS or not space.is_regular_hyperslab():
        return None
    start, stride, count, block = space.get_regular_hyperslab()
    whole = all(c == 1 or s == b for s, c, b in zip(stride, count, block, strict=True))
    limited = all(c < 2**40 for c in count)
    if not (whole and limited):
        return None
    size = tuple(int(c * b) for c, b in zip(count, block, strict=True))
    return tuple(int(s) for s in start), size
