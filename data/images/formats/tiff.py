"""TIFF in several pages, packed, or beyond 4 GB: movies of microscopes, through tifffile and imagecodecs; EER as well.

A plain TIFF of one page is read by fabio (`flat`), which needs neither. Pages are counted here, since a chain of them
may lead back to itself, and each page is held against the file before its pixels are asked for.
"""

import io
import logging
import struct
from importlib import import_module
from math import prod
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from data.images.formats import header
from data.images.formats.frame import (
    MOST_PIXELS,
    Frame,
    FrameMeta,
    Frames,
    Source,
    Unreadable,
    checked_index,
    checked_shape,
)

# What is wrong with a file is said in a sentence to whoever asked.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)

MARKS = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_EER = (65000, 65001, 65002)
_MOST_PAGES = 100_000
_MOST_TAGS = 4096
_EXTRA = "the extra “em” is not installed on this server"


def open_tiff(source: Source, start: bytes, data: bytes | None = None) -> Frames | None:
    """The pages of a TIFF that begins with ``start``; None for one that `flat` reads. ``data``: where it was unpacked.

    Raises Unreadable.
    """
    file: BinaryIO = source.path.open("rb") if data is None else io.BytesIO(data)
    opened: Frames | None = None
    try:
        pages, packing = _pages(file, source.name)
        large = start[2:3] == b"+" or start[3:4] == b"+"
        file.seek(0)
        if not (large or packing != 1 or pages > 1):
            return None
        try:
            library: Any = import_module("tifffile")
            import_module("imagecodecs")
        except ImportError:
            if not large and packing == 1:
                return None
            kind = "a movie of single electrons (EER)" if packing in _EER else "a packed or very large TIFF"
            raise Unreadable(f"“{source.name}” is {kind}, and {_EXTRA}.") from None
        try:
            known = {"is_eer": True} if packing in _EER else {}
            opened = _Tiff(source.name, library.TiffFile(file, **known), file, pages)
            opened.held = 0 if data is None else len(data)
        except Unreadable:
            raise
        except Exception as problem:
            raise Unreadable(f"“{source.name}” is cut short or damaged.") from problem
        return opened
    finally:
        if opened is None:
            file.close()


def _pages(file: BinaryIO, name: str) -> tuple[int, int]:
    """(pages, how the last is packed: 1 is plain). Raises Unreadable where their chain has no end."""
    broken = Unreadable(f"“{name}” is cut short or damaged.")
    try:
        mark = file.read(4)
        sign, large = ("<" if mark[:2] == b"II" else ">"), 43 in mark[2:4]
        number, each, word = ("Q", 20, "Q") if large else ("H", 12, "I")
        file.seek(8 if large else 4)
        (at,) = struct.unpack(sign + word, file.read(struct.calcsize(word)))
        seen: set[int] = set()
        packing = 1
        while at:
            if at in seen or len(seen) >= _MOST_PAGES:
                raise broken
            seen.add(at)
            file.seek(at)
            (tags,) = struct.unpack(sign + number, file.read(struct.calcsize(number)))
            if tags > _MOST_TAGS:
                raise broken
            listed = file.read(tags * each)
            (at,) = struct.unpack(sign + word, file.read(struct.calcsize(word)))
            # Tag 259 is the packing, a short; the last page tells, as EER may begin with a plain sum.
            for tag in range(0, len(listed), each):
                if struct.unpack_from(sign + "H", listed, tag)[0] == 259:
                    packing = struct.unpack_from(sign + "H", listed, tag + each - (8 if large else 4))[0]
    except (struct.error, OSError, OverflowError):
        raise broken from None
    if not seen:
        raise broken
    return len(seen), packing


class _Tiff(Frames):
    def __init__(self, name: str, opened: Any, file: BinaryIO, pages: int) -> None:
        self._name, self._opened, self._file = name, opened, file
        self._size = file.seek(0, io.SEEK_END)
        first = opened.pages[0]
        # EER may begin with the sum of its frames.
        self._skipped = int(pages > 1 and int(first.compression) not in _EER and self._packing(1) in _EER)
        self.count = pages - self._skipped
        page = opened.pages[self._skipped]
        self.shape = checked_shape(int(page.imagelength), int(page.imagewidth), name)
        if int(page.samplesperpixel) != 1 or page.dtype is None or np.dtype(page.dtype).kind not in "iufb":
            raise Unreadable(f"“{name}” does not hold a plain two-dimensional image.")
        words = str(page.description or "")
        self._meta = header.dectris("\n".join(f"# {line.strip('# ')}" for line in words.splitlines()))
        self._text = "\n".join(f"{tag.name} = {str(tag.value)[:400]}" for tag in list(page.tags)[:200])

    def read(self, index: int = 0, channel: int = 0) -> Frame:
        checked_index(index, self.count, self._name)
        try:
            page = self._opened.pages[index + self._skipped]
            self._refuse_impossible(page, index)
            array: NDArray[Any] = np.asarray(page.asarray(maxworkers=1))
        except Unreadable:
            raise
        except Exception as problem:
            raise Unreadable(f"Frame {index + 1} of “{self._name}” is damaged.") from problem
        array = array.reshape(array.shape[-2:])
        if array.dtype.kind == "b":
            array = array.astype(np.uint8)
        array = array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
        return Frame(*_valid(array), self._meta)

    def meta(self, index: int = 0) -> FrameMeta:
        checked_index(index, self.count, self._name)
        return self._meta

    def text(self, index: int = 0) -> str:
        return self._text

    def close(self) -> None:
        self._opened.close()
        self._file.close()

    def _packing(self, page: int) -> int:
        return int(self._opened.pages[page].compression)

    def _refuse_impossible(self, page: Any, index: int) -> None:
        """Before anything is unpacked: the size is that of the first, and what is named lies in the file."""
        if (int(page.imagelength), int(page.imagewidth)) != self.shape:
            raise Unreadable(f"Frame {index + 1} of “{self._name}” is of another size than the first.")
        if prod(page.chunks) > MOST_PIXELS or int(page.samplesperpixel) != 1:
            raise Unreadable(f"Frame {index + 1} of “{self._name}” is stored in impossibly large pieces.")
        for offset, size in zip(page.dataoffsets, page.databytecounts, strict=True):
            if not size or not offset:  # tifffile gives zeros for what is not there
                raise Unreadable(f"Frame {index + 1} of “{self._name}” has not been written.")
            if offset + size > self._size:
                raise Unreadable(f"“{self._name}” is cut short: the image in it is not complete.")
        if int(page.compression) == 1 and sum(page.databytecounts) < prod(page.shape) * page.dtype.itemsize:
            raise Unreadable(f"“{self._name}” is cut short: the image in it is not complete.")


def _valid(array: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Pixels and mask: negative or all-ones numbers of 32 bits are a detector's gaps, narrower ones are densities."""
    kind, wide = array.dtype.kind, array.dtype.itemsize >= 4
    if kind == "f":
        return array, np.asarray(~np.isfinite(array))
    if kind == "i" and not wide and array.size and array.min() < 0:
        array = array.astype(np.float32)
    if not wide:
        return array, np.zeros(array.shape, np.bool_)
    return array, np.asarray(array < 0 if kind == "i" else array == np.iinfo(array.dtype).max)
