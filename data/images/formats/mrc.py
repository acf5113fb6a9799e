"""MRC of microscopes: stacks of sections, each one a frame; also without the mark that says MRC, as RELION writes them.

Values are densities or counts of either sign; none is masked unless it is not finite.
"""

import os
import re
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.images.formats.frame import (
    MOST_BYTES,
    Frame,
    FrameMeta,
    Frames,
    Source,
    Unreadable,
    checked_index,
    checked_shape,
)

_HEADER = 1024
_TYPES = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2", 101: "u1"}
_HALVES = 101  # two pixels in a byte, the lower half first; a row begins with a byte
_OTHERS = {3: "complex numbers", 4: "complex numbers", 16: "colours"}
_NAMED = re.compile(r"\.(mrcs?|map|st|ali|rec)(\.(gz|bz2))?$", re.IGNORECASE)
_UNMARKED = "The file lacks the mark of MRC; it was read by its name and its size."


def is_mrc(start: bytes, name: str, size: int) -> bool:
    """Whether a file begins as MRC: by its mark, or by its name where its header fits its size."""
    if len(start) < _HEADER:
        return False
    if start[208:212] == b"MAP ":
        return True
    return bool(_NAMED.search(name)) and any(_needed(start, order) == size for order in "<>")


def _needed(start: bytes, order: str) -> int:
    width, height, sections, mode = struct.unpack(f"{order}4i", start[:16])
    (extended,) = struct.unpack(f"{order}i", start[92:96])
    if min(width, height, sections) <= 0 or extended < 0 or mode not in _TYPES:
        return -1
    across = -(-width // 2) if mode == _HALVES else width
    return int(_HEADER + extended + across * height * sections * np.dtype(_TYPES[mode]).itemsize)


def open_mrc(source: Source, data: bytes | None = None) -> Frames:
    """The sections of an MRC file; `data` where it was unpacked already."""
    return _Mrc(source, data)


class _Mrc(Frames):
    def __init__(self, source: Source, data: bytes | None) -> None:
        self._source, self._name, self._data = source, source.name, data
        if data is None:
            with source.path.open("rb") as file:
                start = file.read(_HEADER)
                size = os.fstat(file.fileno()).st_size
        else:
            start, size = data[:_HEADER], len(data)
        order = ">" if start[212:213] == b"\x11" or _needed(start, ">") == size else "<"
        width, height, sections, mode = struct.unpack(f"{order}4i", start[:16])
        (extended,) = struct.unpack(f"{order}i", start[92:96])
        self.shape = checked_shape(height, width, self._name)
        if mode not in _TYPES:
            kind = _OTHERS.get(mode, f"numbers of mode {mode}")
            raise Unreadable(f"“{self._name}” holds {kind}, which cannot be drawn as an image.")
        self._type = np.dtype(f"{order}{_TYPES[mode]}")
        self._halves = mode == _HALVES
        self._stored = (height, -(-width // 2)) if self._halves else self.shape
        self.count = max(1, sections)
        self.held = 0 if data is None else len(data)
        self._begin = _HEADER + max(0, extended)
        if self._begin + self.count * self._bytes > size:
            raise Unreadable(f"“{self._name}” is cut short: the image in it is not complete.")
        if self._bytes > MOST_BYTES:
            raise Unreadable(f"“{self._name}” is too large to be opened as an image.")
        (cell,) = struct.unpack(f"{order}f", start[40:44])
        (steps,) = struct.unpack(f"{order}i", start[28:32])
        pixel = cell / steps * 1e-10 if steps > 0 and 0 < cell < 1e9 else None
        notes = () if start[208:212] == b"MAP " else (_UNMARKED,)
        self._text = _spelled(start, order)
        self._meta = FrameMeta(pixel_x=pixel, pixel_y=pixel, notes=notes)

    @property
    def _bytes(self) -> int:
        return self._stored[0] * self._stored[1] * self._type.itemsize

    def read(self, index: int = 0, channel: int = 0) -> Frame:
        checked_index(index, self.count, self._name)
        at = self._begin + index * self._bytes
        if self._data is not None:
            part: Any = self._data[at : at + self._bytes]
        else:
            with self._source.path.open("rb") as file:
                file.seek(at)
                part = file.read(self._bytes)
        if len(part) < self._bytes:
            raise Unreadable(f"“{self._name}” is cut short: the image in it is not complete.")
        array: NDArray[Any] = np.frombuffer(part, self._type).reshape(self._stored)
        if self._halves:
            array = np.stack((array & 15, array >> 4), axis=2).reshape(self.shape[0], -1)[:, : self.shape[1]]
        if self._type.kind == "f" or (self._type.kind == "i" and array.min() < 0):
            array = array.astype(np.float32)
        else:
            array = array.astype(self._type.newbyteorder("="))
        mask = ~np.isfinite(array) if array.dtype.kind == "f" else np.zeros(self.shape, np.bool_)
        return Frame(array, np.asarray(mask), self._meta)

    def meta(self, index: int = 0) -> FrameMeta:
        checked_index(index, self.count, self._name)
        return self._meta

    def text(self, index: int = 0) -> str:
        return self._text

    def close(self) -> None:
        """Nothing is held open."""


# Names of the header in the order of MRC2014, with the four-byte words that they take.
_WORDS = (
    *((name, 0, 1) for name in ("nx", "ny", "nz", "mode", "nxstart", "nystart", "nzstart", "mx", "my", "mz")),
    ("cell lengths (Å)", 1, 3), ("cell angles (°)", 1, 3),
    ("mapc, mapr, maps", 0, 3), ("minimum", 1, 1), ("maximum", 1, 1), ("mean", 1, 1), ("space group", 0, 1),
    ("bytes of the extended header", 0, 1),
)  # fmt: skip


def _spelled(start: bytes, order: str) -> str:
    """The header as lines of names and values, and its labels."""
    lines, at = [], 0
    for name, real, words in _WORDS:
        values = struct.unpack(f"{order}{words}{'f' if real else 'i'}", start[at : at + 4 * words])
        lines.append(f"{name} = {', '.join(f'{value:.7g}' if real else str(value) for value in values)}")
        at += 4 * words
    (count,) = struct.unpack(f"{order}i", start[220:224])
    labels = [
        start[224 + 80 * n : 304 + 80 * n].decode("latin-1").strip("\x00 ") for n in range(min(max(count, 0), 10))
    ]
    return "\n".join([*lines, *(f"label: {label}" for label in labels if label)])
