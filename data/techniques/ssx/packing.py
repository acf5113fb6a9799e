"""MessagePack as DIALS writes reflection tables in: maps, lists, numbers, texts, bytes; bounded, and nothing else.

A reader of our own: the files come from a path in the database, and columns are wanted as views of the bytes, without
a copy of what is passed over.
"""

import struct
from collections.abc import Callable
from typing import Any, Final

_DEEPEST: Final = 16
_MOST_ITEMS: Final = 1_000_000


class Unpackable(Exception):
    """Bytes that are no such packing, or more than is read."""


class Packed:
    """Reads one value after the other from ``data``."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = memoryview(data), 0
        self._left = _MOST_ITEMS

    def value(self, deep: int = 0) -> Any:
        """The next value; bytes as a view. Raises Unpackable."""
        if deep > _DEEPEST:
            raise Unpackable("nested too deeply")
        self._left -= 1
        if self._left < 0:
            raise Unpackable("too many values")
        (code,) = self._take(1)
        if code < 0x80:
            return code
        if code >= 0xE0:
            return code - 0x100
        if code < 0x90:
            return self._map(code & 0x0F, deep)
        if code < 0xA0:
            return self._list(code & 0x0F, deep)
        if code < 0xC0:
            return self._text(code & 0x1F)
        read = _CODES.get(code)
        if read is None:
            raise Unpackable(f"code {code:#x}")
        return read(self, deep)

    def _take(self, count: int) -> memoryview:
        end = self._at + count
        if end > len(self._data):
            raise Unpackable("cut short")
        found = self._data[self._at : end]
        self._at = end
        return found

    def _number(self, form: str) -> Any:
        return struct.unpack(f">{form}", self._take(struct.calcsize(f">{form}")))[0]

    def _text(self, count: int) -> str:
        return bytes(self._take(count)).decode("utf-8", "replace")

    def _list(self, count: int, deep: int) -> list[Any]:
        if count > self._left:
            raise Unpackable("too many values")
        return [self.value(deep + 1) for _ in range(count)]

    def _map(self, count: int, deep: int) -> dict[Any, Any]:
        if count > self._left:
            raise Unpackable("too many values")
        found: dict[Any, Any] = {}
        for _ in range(count):
            key = self.value(deep + 1)
            if not isinstance(key, str | int):
                raise Unpackable("a key that is no text and no number")
            found[key] = self.value(deep + 1)
        return found


_CODES: Final[dict[int, Callable[[Packed, int], Any]]] = {
    0xC0: lambda p, _: None,
    0xC2: lambda p, _: False,
    0xC3: lambda p, _: True,
    0xC4: lambda p, _: p._take(p._number("B")),
    0xC5: lambda p, _: p._take(p._number("H")),
    0xC6: lambda p, _: p._take(p._number("I")),
    0xCA: lambda p, _: p._number("f"),
    0xCB: lambda p, _: p._number("d"),
    0xCC: lambda p, _: p._number("B"),
    0xCD: lambda p, _: p._number("H"),
    0xCE: lambda p, _: p._number("I"),
    0xCF: lambda p, _: p._number("Q"),
    0xD0: lambda p, _: p._number("b"),
    0xD1: lambda p, _: p._number("h"),
    0xD2: lambda p, _: p._number("i"),
    0xD3: lambda p, _: p._number("q"),
    0xD9: lambda p, _: p._text(p._number("B")),
    0xDA: lambda p, _: p._text(p._number("H")),
    0xDB: lambda p, _: p._text(p._number("I")),
    0xDC: lambda p, deep: p._list(p._number("H"), deep),
    0xDD: lambda p, deep: p._list(p._number("I"), deep),
    0xDE: lambda p, deep: p._map(p._number("H"), deep),
    0xDF: lambda p, deep: p._map(p._number("I"), deep),
}
