"""A window on a text file of any length: lines by number, and where a text is found, without reading it whole.

The file is read in blocks; how many lines end in each block is counted once while the file does not change. Nothing is
mapped into memory: a file that somebody cuts short meanwhile must not take the process with it.
"""

import os
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_BLOCK = 1 << 20
_LONGEST = 2000
_MOST_LINES = 1000
_MOST_HITS = 100_000
_NEWLINE = 10
_KEPT = 24
Stop = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Window:
    """Some lines: the number of the first (from 1), the texts, and how many lines the file has."""

    first: int
    lines: tuple[str, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Hits:
    """The numbers of the lines that hold a text, in order; ``whole`` is false where there are more."""

    lines: NDArray[np.int64]
    whole: bool


@dataclass(slots=True)
class Lines:
    """One text file, as it was when it was opened. Safe to use from several threads."""

    path: Path
    size: int
    _ends: list[int] = field(default_factory=list)
    """Newlines before the end of each block."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def total(self) -> int:
        """How many lines there are; a last one without its newline counts."""
        ends = self._counted()
        if not self.size:
            return 0
        return ends[-1] + (self._read(self.size - 1, 1) != b"\n")

    def window(self, first: int, count: int) -> Window:
        """``count`` lines from ``first`` on, both held within what there is and 1000. Raises OSError.

        A line longer than 2000 bytes is cut, and says so.
        """
        total = self.total()
        count = max(1, min(count, _MOST_LINES))
        first = max(1, min(first, total - count + 1))
        found, block = [], _Block(self)
        at = block.start(first - 1)
        for line in range(first, min(first + count, total + 1)):
            end = block.start(line) if line < total else self.size
            found.append(self._text(at, end))
            at = end
        return Window(first, tuple(found), total)

    def find(self, wanted: str, stop: Stop = lambda: False) -> Hits:
        """Which lines hold ``wanted``, whatever its case (of ASCII letters). Raises OSError."""
        needle = wanted.encode("utf-8", "replace").lower()
        found: list[int] = []
        if not needle or b"\n" in needle:
            return Hits(np.array([], np.int64), True)
        self._counted()
        line, carried = 1, b""
        with self.path.open("rb") as file:
            while not stop() and (piece := file.read(_BLOCK)):
                data = carried + piece.lower()
                # The last line may go on in the next block.
                cut = data.rfind(b"\n") + 1 if len(carried) < 8 * _BLOCK else len(data) - len(needle) + 1
                self._search(data[: cut or 0], needle, line, found)
                line += data.count(b"\n", 0, cut)
                carried = data[cut:]
                if len(found) > _MOST_HITS:
                    return Hits(np.array(found[:_MOST_HITS], np.int64), False)
            self._search(carried, needle, line, found)
        return Hits(np.array(found, np.int64), not stop())

    @staticmethod
    def _search(data: bytes, needle: bytes, line: int, found: list[int]) -> None:
        at = data.find(needle)
        counted = 0
        while at >= 0 and len(found) <= _MOST_HITS:
            line += data.count(b"\n", counted, at)
            counted = at
            if not found or found[-1] != line:
                found.append(line)
            newline = data.find(b"\n", at)
            if newline < 0:
                return
            at = data.find(needle, newline)

    def _text(self, at: int, end: int) -> str:
        data = self._read(at, min(end - at, _LONGEST))
        text = data.decode("utf-8", "replace").rstrip("\r\n")
        return f"{text} … ({end - at:,} bytes)" if end - at > _LONGEST else text

    def _read(self, at: int, count: int) -> bytes:
        with self.path.open("rb") as file:
            file.seek(at)
            return file.read(count)

    def _counted(self) -> list[int]:
        with self._lock:
            if not self._ends and self.size:
                ends, count, read = [], 0, 0
                with self.path.open("rb") as file:
                    while read < self.size and (piece := file.read(min(_BLOCK, self.size - read))):
                        count += piece.count(b"\n")
                        read += len(piece)
                        ends.append(count)
                if read < self.size:
                    raise OSError("the file became shorter")
                self._ends = ends
            return self._ends


class _Block:
    """The newlines of the block that was looked at last."""

    def __init__(self, lines: Lines) -> None:
        self._lines, self._number = lines, -1
        self._places: NDArray[np.intp] = np.array([], np.intp)

    def start(self, line: int) -> int:
        """Where the line begins that has so many before it."""
        if line <= 0:
            return 0
        ends = self._lines._counted()
        number = bisect_right(ends, line - 1)
        if number >= len(ends):
            return self._lines.size
        if number != self._number:
            data = self._lines._read(number * _BLOCK, _BLOCK)
            self._places = np.flatnonzero(np.frombuffer(data, np.uint8) == _NEWLINE)
            self._number = number
        place = line - 1 - (ends[number - 1] if number else 0)
        if place >= len(self._places):
            raise OSError("the file changed")
        return number * _BLOCK + int(self._places[place]) + 1


_OPEN: OrderedDict[tuple[str, int, int], Lines] = OrderedDict()
_GATE = threading.Lock()


def lines_of(path: Path) -> Lines:
    """The lines of a file under a permitted root; counted once while it does not change. Raises OSError."""
    status = os.stat(path)
    key = (str(path), status.st_mtime_ns, status.st_size)
    with _GATE:
        found = _OPEN.pop(key, None) or Lines(path, status.st_size)
        _OPEN[key] = found
        while len(_OPEN) > _KEPT:
            _OPEN.popitem(last=False)
    return found
