"""A file's text, within limits: what is empty, packed, damaged, binary or too large is said in one sentence."""

import gzip
import zlib
from pathlib import Path

from data.techniques.mx.logs.report import Unusable

MOST_TEXT = 20_000_000
_NOUGHT = b"\0"


def plain_text(path: Path) -> str:
    """The text of a file under a permitted root, unpacked where it is gzip.

    Raises Unusable, with words that go after the file's name.
    """
    try:
        size = path.stat().st_size
        if size == 0:
            raise Unusable("is empty")
        if size > MOST_TEXT:
            raise Unusable(too_large(size, MOST_TEXT))
        with path.open("rb") as file:
            data = file.read(MOST_TEXT + 1)
    except OSError as error:
        raise Unusable("could not be read from disk") from error
    if data[:2] == b"\x1f\x8b":
        data = _unpacked(data)
    if _NOUGHT in data[:100_000]:
        raise Unusable("is not text")
    return data.decode("utf-8", "replace")


def too_large(size: int, most: int) -> str:
    """Words for a file of ``size`` bytes of which ``most`` are read."""
    return f"is too large: {size / 1e6:.0f} MB, and only {most / 1e6:.0f} MB are read"


def _unpacked(data: bytes) -> bytes:
    unpacker = zlib.decompressobj(31)
    try:
        found = unpacker.decompress(data, MOST_TEXT + 1)
    except (zlib.error, gzip.BadGzipFile) as error:
        raise Unusable("is a damaged gzip file") from error
    if len(found) > MOST_TEXT:
        raise Unusable(f"is too large once unpacked: only {MOST_TEXT / 1e6:.0f} MB are read")
    return found
