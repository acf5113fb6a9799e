"""Everything else, through fabio: TIFF, EDF, SMV, d*TREK, MarCCD and its other formats.

fabio returns `data = None` for some damaged files, pads others and raises anything; headers decide
how much it allocates. Sizes are therefore checked against the file before it is asked.
"""

import bz2
import gzip
import io
import logging
import re
import struct
from dataclasses import replace
from math import prod
from typing import Any

import fabio
import numpy as np
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

# What is wrong with a file is said in a sentence to whoever asked; fabio's log repeats it per read.
logging.getLogger("fabio").setLevel(logging.CRITICAL)

_MOST_UNPACKED = 400_000_000


def unpacked(source: Source, start: bytes) -> bytes | None:
    """The bytes of a gzip or bzip2 file, bounded; None for any other file."""
    opener: Any
    if start.startswith(b"\x1f\x8b"):
        opener = gzip.open
    elif start.startswith(b"BZh"):
        opener = bz2.open
    else:
        return None
    try:
        with opener(source.path, "rb") as file:
            data: bytes = file.read(_MOST_UNPACKED + 1)
    except (OSError, EOFError, ValueError) as problem:
        raise Unreadable(f"“{source.name}” is cut short or damaged.") from problem
    if len(data) > _MOST_UNPACKED:
        raise Unreadable(f"“{source.name}” unpacks to more than an image can hold.")
    return data


def open_flat(source: Source, start: bytes, data: bytes | None = None) -> Frames:
    """The frames of a file that fabio knows, which begins with `start`; `data` where it was unpacked already."""
    size = source.path.stat().st_size if data is None else len(data)
    if size > MOST_BYTES:
        raise Unreadable(f"“{source.name}” is too large to be opened as an image.")
    if data is None:
        with source.path.open("rb") as file:
            start = file.read(65536)
            _refuse_impossible(start, size, file, source.name)
    else:
        _refuse_impossible(data[:65536], size, io.BytesIO(data), source.name)
    return _Fabio(source, data)


class _Fabio(Frames):
    def __init__(self, source: Source, data: bytes | None) -> None:
        self._name = source.name
        try:
            self._image: Any = fabio.open(str(source.path) if data is None else _named(data, source.name))
        except Exception as problem:
            if str(problem).startswith("Fabio could not identify"):
                sentence = f"“{self._name}” is not in a known image format."
            else:
                sentence = f"“{self._name}” is damaged or cut short."
            raise Unreadable(sentence) from problem
        first = self._array(self._image)
        self.count = max(1, int(getattr(self._image, "nframes", 1) or 1))
        self.shape = checked_shape(first.shape[0], first.shape[1], self._name)

    def read(self, index: int = 0, channel: int = 0) -> Frame:
        checked_index(index, self.count, self._name)
        try:
            image = self._image if index == 0 else self._image.get_frame(index)
        except Exception as problem:
            raise Unreadable(f"Frame {index + 1} of “{self._name}” is damaged.") from problem
        array = self._array(image)
        return Frame(array, _mask(array), self._meta(image))

    def text(self, index: int = 0) -> str:
        try:
            image = self._image if index == 0 else self._image.get_frame(index)
            return "\n".join(f"{key} = {value}" for key, value in image.header.items())
        except Exception:  # a header is a courtesy; the picture counts
            return ""

    def close(self) -> None:
        try:
            self._image.close()
        except Exception:  # some fabio classes have nothing to close and raise
            return

    def _array(self, image: Any) -> NDArray[Any]:
        # As the header of this frame has it: fabio fills up what a file lacks, whatever that takes.
        stated = getattr(image, "shape", None) or (1, 1)
        if 0 not in stated:  # of a file that is cut short the data say so
            checked_shape(prod(stated[:-1]), stated[-1], self._name)
        data = image.data
        if data is None:
            raise Unreadable(f"“{self._name}” is cut short: the image in it is not complete.")
        array = np.asarray(data)
        if array.ndim != 2 or array.dtype.kind not in "iufb" or not array.size:
            raise Unreadable(f"“{self._name}” does not hold a plain two-dimensional image.")
        if array.dtype.kind == "b":
            array = array.astype(np.uint8)
        return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))

    @staticmethod
    def _meta(image: Any) -> FrameMeta:
        try:
            entries = dict(image.header)
            lines = "\n".join(f"# {key} {value}" for key, value in entries.items())
            meta = header.dectris(lines)
            if meta == FrameMeta(simulated=meta.simulated):
                meta = replace(header.fields(entries), simulated=meta.simulated)
        except Exception:  # a header is a courtesy; the picture counts
            return FrameMeta()
        return meta


def _named(data: bytes, name: str) -> io.BytesIO:
    stream = io.BytesIO(data)
    stream.name = re.sub(r"\.(gz|bz2)$", "", name, flags=re.IGNORECASE)
    return stream


def _mask(array: NDArray[Any]) -> NDArray[np.bool_]:
    """Gaps and bad pixels by value: negative, not finite, or the all-ones value of 32 bits.

    65535 in 16 bits stays: CCD formats use it for overloads.
    """
    if array.dtype.kind == "f":
        return np.asarray(~np.isfinite(array))
    if array.dtype.kind == "i":
        return np.asarray(array < 0)
    if array.dtype.itemsize >= 4:
        return np.asarray(array == np.iinfo(array.dtype).max)
    return np.zeros(array.shape, np.bool_)


def _refuse_impossible(start: bytes, size: int, file: Any, name: str) -> None:
    """Unreadable for a format not listed here, or a header that promises more than the file holds.

    fabio would go on to guess by the name of the file, and some of its readers then never end.
    """
    if start[:4] in (b"II*\x00", b"MM\x00*"):
        needed = _tiff_bytes(start[:2], file, name)
    elif start.lstrip()[:1] == b"{":
        needed = _text_bytes(start, name)
    elif start.startswith((b"\xd2\x04\x00\x00", b"\x00\x00\x04\xd2")):
        order = "<" if start[0] == 0xD2 else ">"
        (side,) = struct.unpack(order + "i", start[4:8]) if len(start) >= 8 else (0,)
        checked_shape(side, side, name)
        needed = 4096
    elif start.startswith((b"FORMAT :        86", b"R-AXIS", b"OD SAPPHIRE")):
        needed = 1024
    else:
        raise Unreadable(f"“{name}” is not in a known image format.")
    if needed > size:
        raise Unreadable(f"“{name}” is cut short: the image in it is not complete.")


def _tiff_bytes(order: bytes, file: Any, name: str) -> int:
    """The bytes that an uncompressed TIFF needs; 0 for a compressed one."""
    sign = "<" if order == b"II" else ">"
    try:
        file.seek(4)
        file.seek(struct.unpack(sign + "I", file.read(4))[0])
        (count,) = struct.unpack(sign + "H", file.read(2))
        tags: dict[int, int] = {}
        for _ in range(min(count, 512)):
            tag, kind, number, value = struct.unpack(sign + "HHI4s", file.read(12))
            if number == 1 and kind in (3, 4):
                tags[tag] = struct.unpack(sign + ("H" if kind == 3 else "I"), value[: 2 * kind - 4])[0]
    except struct.error as problem:
        raise Unreadable(f"“{name}” is cut short or damaged.") from problem
    width, height = tags.get(256, 0), tags.get(257, 0)
    checked_shape(height, width, name)
    return width * height * tags.get(258, 8) // 8 if tags.get(259, 1) == 1 else 0


def _text_bytes(start: bytes, name: str) -> int:
    """The bytes that an EDF or SMV text header promises, as far as it says."""
    text = start.decode("latin-1")

    def whole(pattern: str) -> int:
        found = re.search(rf"\b{pattern}\s*=\s*(-?\d{{1,18}})\s*;", text, re.IGNORECASE)
        return int(found.group(1)) if found else 0

    width, height = whole("(?:SIZE1|Dim_1)"), whole("(?:SIZE2|Dim_2)")
    if not (width or height):
        return 0
    checked_shape(height, width, name)
    if re.search(r"\bCOMPRESSION\s*=\s*(?!none|no)\w", text, re.IGNORECASE):
        return 0
    kind = re.search(r"\b(?:TYPE|Data_type|DataType)\s*=\s*(\w[\w ]{0,40})\s*;", text, re.IGNORECASE)
    sizes = {
        "unsigned_short": 2, "unsigned short int": 2, "unsignedshort": 2, "signedshort": 2,
        "signedinteger": 4, "unsignedinteger": 4, "floatvalue": 4, "float": 4, "doublevalue": 8,
    }  # fmt: skip
    each = sizes.get(kind.group(1).strip().lower(), 1) if kind else 1
    # An EDF header ends with "}" and a line feed, where the picture begins.
    begin = whole("HEADER_BYTES") or text.find("}") + 2
    return begin + width * height * each
