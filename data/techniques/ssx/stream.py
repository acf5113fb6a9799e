"""CrystFEL's .stream, followed as it grows: complete chunks become frames, the rest waits.

The format is the documented text of indexamajig (CrystFEL 0.9 to 0.11): a chunk for each image, a crystal for each
lattice in it. Peaks and reflections are passed over.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from data.techniques.ssx.batch import Batch

_BEGIN: Final = b"----- Begin chunk -----"
_END: Final = b"----- End chunk -----"
_READ: Final = 8 << 20
_LONGEST_CHUNK: Final = 64 << 20
_TAIL: Final = 256
"""Bytes before the place where reading goes on, by which a file that was written anew is told from one that grew."""
_CELL = re.compile(
    rb"^Cell parameters +%s +%s +%s nm, +%s +%s +%s deg" % ((rb"([0-9.eE+-]+)",) * 6),
    re.MULTILINE,
)
_MOST_COUNT: Final = 2**31 - 1
_LETTER: Final = {
    b"triclinic": "a",
    b"monoclinic": "m",
    b"orthorhombic": "o",
    b"tetragonal": "t",
    b"rhombohedral": "h",
    b"hexagonal": "h",
    b"cubic": "c",
}


class StreamFile:
    """Reads a stream from where it stopped last. ``path`` must come from `Files`.

    ``broken`` counts chunks that could not be understood and are left out; ``restarted`` how often the file was
    replaced or cut, after which it is read from its beginning.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._rest = b""
        self._tail = b""
        self._identity: tuple[int, int] | None = None
        self.broken = 0
        self.restarted = 0

    def read(self) -> Batch:
        """The frames that were completed since the last call; none where there are none. Raises OSError."""
        with self._path.open("rb") as file:
            about = self._path.stat()
            identity = (about.st_dev, about.st_ino)
            file.seek(max(0, self._offset - len(self._tail)))
            if self._identity not in (None, identity) or file.read(len(self._tail)) != self._tail:
                self.restarted += 1
                self._offset, self._rest, self._tail = 0, b"", b""
            self._identity = identity
            file.seek(self._offset)
            data = file.read(_READ)
        self._offset += len(data)
        self._tail = (self._tail + data)[-_TAIL:]
        text = self._rest + data
        end = text.rfind(_END)
        if end < 0:
            self._rest = text
            if len(text) > _LONGEST_CHUNK:
                self._rest, self.broken = b"", self.broken + 1
            return frames_of(())
        whole, self._rest = text[:end], text[end + len(_END) :]
        chunks = [part.split(_BEGIN, 1)[1] for part in whole.split(_END) if _BEGIN in part]
        batch = frames_of(chunks)
        self.broken += len(chunks) - len(batch)
        return batch

    @property
    def behind(self) -> bool:
        """Whether more is on disk than was read."""
        return self._path.stat().st_size > self._offset


def frames_of(chunks: Iterable[bytes]) -> Batch:
    """The frames of whole chunks; one that lacks its serial number is left out.

    CrystFEL numbers images from 1; times are not in the stream. Lengths become Å; a peak resolution is the one that
    indexamajig prints.
    """
    found = [one for chunk in chunks if (one := _shot(chunk)) is not None]
    cells = [(here, crystal) for here, one in enumerate(found) for crystal in one.crystals]
    return Batch.of(
        [one.number for one in found],
        np.full(len(found), np.nan),
        hit=[one.hit for one in found],
        lattices=[one.lattices for one in found],
        spots=[one.spots for one in found],
        resolution=[one.resolution for one in found],
        saturated=[one.saturated for one in found],
        reflections=[one.reflections for one in found],
        cells=[cell for _, (cell, _) in cells],
        cell_frame=[here for here, _ in cells],
        lattice=[kind for _, (_, kind) in cells],
    )


class _Shot(NamedTuple):
    """One chunk; -1 and NaN where it does not say. ``crystals``: cell and lattice type of each that has a cell."""

    number: int
    hit: int
    lattices: int
    spots: int
    resolution: float
    saturated: int
    reflections: int
    crystals: list[tuple[tuple[float, ...], str]]


def _shot(chunk: bytes) -> _Shot | None:
    head, *crystals = chunk.split(b"--- Begin crystal")
    number = _count(head, b"Image serial number: ")
    if number is None:
        return None
    hit, peaks = _count(head, b"hit = "), _count(head, b"num_peaks = ")
    limits = [_angstrom(crystal, b"diffraction_resolution_limit = ") for crystal in crystals]
    found = [value for value in (*limits, _angstrom(head, b"peak_resolution = ")) if value]
    over, measured = (
        [_count(crystal, key) or 0 for crystal in crystals]
        for key in (b"num_saturated_reflections = ", b"num_reflections = ")
    )
    return _Shot(
        number,
        -1 if hit is None else int(hit != 0),
        min(len(crystals), 1000),
        -1 if peaks is None else peaks,
        # The lattices' own limits where there are any, else that of the peaks.
        min(found[: sum(map(bool, limits)) or 1], default=np.nan),
        min(sum(over), _MOST_COUNT) if crystals else -1,
        min(sum(measured), _MOST_COUNT) if crystals else -1,
        [cell for crystal in crystals if (cell := _cell(crystal)) is not None],
    )


def _cell(crystal: bytes) -> tuple[tuple[float, ...], str] | None:
    """Lengths in Å, angles in degrees, lattice type; None for what is no cell."""
    match = _CELL.search(crystal)
    try:
        lengths, angles = ([float(text) for text in match.groups()[part]] for part in (slice(3), slice(3, 6)))  # type: ignore[union-attr]
    except (AttributeError, ValueError):
        return None
    if not all(0 < one < 1e4 for one in lengths) or not all(0 < one < 180 for one in angles):
        return None
    kind = _LETTER.get(_word(crystal, b"lattice_type = "), "?")
    return (*(10 * one for one in lengths), *angles), kind + _word(crystal, b"centering = ").decode("ascii", "replace")


def _count(text: bytes, key: bytes) -> int | None:
    """A whole number from 0 on; None for what is none."""
    value = _number(text, key)
    return int(value) if value is not None and 0 <= value <= _MOST_COUNT else None


def _word(text: bytes, key: bytes) -> bytes:
    start = text.find(b"\n" + key)
    if start < 0:
        return b""
    start += 1 + len(key)
    end = text.find(b"\n", start)
    return text[start : end if end >= 0 else len(text)].strip()[:40]


def _number(text: bytes, key: bytes) -> float | None:
    words = _word(text, key).split()
    try:
        return float(words[0]) if words else None
    except ValueError:
        return None


def _angstrom(text: bytes, key: bytes) -> float | None:
    """From ``1.80 nm^-1 or 5.56 A``: the first number, whose digits suffice, as a length in Å."""
    value = _number(text, key)
    return 10 / value if value is not None and 1e-3 < value < 1e3 else None
