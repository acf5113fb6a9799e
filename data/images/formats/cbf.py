"""CBF as PILATUS, CBFlib, XDS and FIT2D write it: byte-offset or uncompressed, one frame.

Read here and not through fabio, because a header is bounded by the size of the file before anything
is allocated, and files that fabio refuses (sizes only in the CIF part) have a picture in them.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import replace
from typing import Any

import numpy as np
from fabio.compression import decByteOffset
from numpy.typing import NDArray

from data.images.formats import header
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
from data.images.loops import kernels

_SECTION = b"--CIF-BINARY-FORMAT-SECTION--"
_START = b"\x0c\x1a\x04\xd5"
_TYPES = {
    "signed 8-bit integer": "i1",
    "unsigned 8-bit integer": "u1",
    "signed 16-bit integer": "i2",
    "unsigned 16-bit integer": "u2",
    "signed 32-bit integer": "i4",
    "unsigned 32-bit integer": "u4",
    "signed 32-bit real ieee": "f4",
    "signed 64-bit real ieee": "f8",
}
_NARROW = (np.dtype("i4"), np.dtype("i2"), np.dtype("i1"))


def open_cbf(source: Source, data: bytes | None = None) -> Frames:
    """The frame of a CBF file; `data` where it was unpacked already."""
    if data is None:
        if source.path.stat().st_size > MOST_BYTES:
            raise Unreadable(f"“{source.name}” is too large for an image of one frame.")
        data = source.path.read_bytes()
    return _Cbf(source.name, data)


class _Cbf(Frames):
    count = 1

    def __init__(self, name: str, data: bytes) -> None:
        self._name = name
        section = data.find(_SECTION)
        start = data.find(_START, section)
        if section < 0 or start < 0:
            raise Unreadable(f"“{name}” holds no image, or it breaks off before the image.")
        self._text = data[:section].decode("latin-1")
        self._mime = data[section:start].decode("latin-1")
        self.shape = self._size()
        begin = start + len(_START)
        self._type = np.dtype(_TYPES.get(self._word("X-Binary-Element-Type").lower(), "i4"))
        if "big" in self._word("X-Binary-Element-Byte-Order").lower():
            self._type = self._type.newbyteorder(">")
        pixels = self.shape[0] * self.shape[1]
        self._packing = self._word("conversions").lower() or "x-cbf_none"
        if "byte_offset" not in self._packing and "none" not in self._packing:
            kind = self._packing.removeprefix("x-cbf_")
            raise Unreadable(f"“{name}” is a CBF compressed as “{kind}”, which is not supported.")
        stated = self._whole("X-Binary-Size") or len(data) - begin
        self._more = data.find(b"\r\n" + _SECTION + b"\r\n", begin + stated) >= 0
        self._data = memoryview(data)[begin : begin + stated]
        least = pixels if "byte_offset" in self._packing else pixels * self._type.itemsize
        if len(self._data) < stated or len(self._data) < least:
            raise Unreadable(f"“{name}” is cut short: the image in it is not complete.")

    def read(self, index: int = 0, channel: int = 0) -> Frame:
        checked_index(index, self.count, self._name)
        array = self._sound()
        mask = array < 0 if array.dtype.kind == "i" else ~np.isfinite(array)
        return Frame(array, np.asarray(mask), self.meta())

    def offsets(self, index: int = 0) -> memoryview | None:
        checked_index(index, self.count, self._name)
        return self._data if self._type in _NARROW and "byte_offset" in self._packing else None

    def damage(self, index: int = 0) -> str | None:
        stated = self._word("Content-MD5")
        wrong = bool(stated) and self._wrong_sum(stated)
        return f"The image in “{self._name}” is damaged: its checksum does not agree." if wrong else None

    def _sound(self) -> NDArray[Any]:
        try:
            return self._decoded()
        except Unreadable:
            raise
        except Exception as problem:
            raise Unreadable(f"The image in “{self._name}” is damaged.") from problem

    def meta(self, index: int = 0) -> FrameMeta:
        checked_index(index, self.count, self._name)
        meta = header.dectris(self._text)
        if self._more:
            meta = replace(meta, notes=("The file holds several images; the first is shown.",))
        return meta

    def text(self, index: int = 0) -> str:
        return f"{self._text.strip()}\n{self._mime.strip()}"

    def close(self) -> None:
        """Nothing is held open."""

    def _decoded(self) -> NDArray[Any]:
        pixels = self.shape[0] * self.shape[1]
        if wrong := self.damage():
            raise Unreadable(wrong)
        if "byte_offset" in self._packing:
            # The sums are signed; fabio knows two widths of them.
            wide = self._type not in _NARROW
            compiled = None if wide else kernels()
            flat = None if compiled is None else compiled.offsets(self._data, pixels)
            if flat is None:
                flat = decByteOffset(bytes(self._data), pixels, "int64" if wide else "int32")
        else:
            flat = np.frombuffer(self._data, self._type, pixels).astype(self._type.newbyteorder("="))
        if flat.size != pixels:
            raise Unreadable(f"“{self._name}” is cut short: the image in it is not complete.")
        return np.asarray(flat).reshape(self.shape)

    def _wrong_sum(self, stated: str) -> bool:
        try:
            expected = base64.b64decode(stated, validate=True)
        except (binascii.Error, ValueError):
            return False
        # Some writers put zeros for "not computed".
        if len(expected) != 16 or not any(expected):
            return False
        return hashlib.md5(self._data, usedforsecurity=False).digest() != expected

    def _size(self) -> tuple[int, int]:
        width = self._whole("X-Binary-Size-Fastest-Dimension")
        height = self._whole("X-Binary-Size-Second-Dimension")
        if not (width and height):
            # FIT2D states the sizes in the CIF part only: array id, index, dimension, precedence.
            rows = re.findall(r"^[ \t]*\S+ +\d+ +(\d{1,9}) +([12]) +\w+creasing", self._text, re.M)
            sizes = {precedence: int(size) for size, precedence in rows}
            width, height = sizes.get("1", 0), sizes.get("2", 0)
        if not (width and height):
            raise Unreadable(f"“{self._name}” does not state the size of its image.")
        return checked_shape(height, width, self._name)

    def _word(self, key: str) -> str:
        found = re.search(rf'{re.escape(key)} *[:=] *"?([^"\r\n;]*)', self._mime, re.IGNORECASE)
        return found.group(1).strip() if found else ""

    def _whole(self, key: str) -> int:
        word = self._word(key)
        return int(word) if word.isdigit() and len(word) < 12 else 0
