"""CrystFEL's .stream, followed as it grows: complete chunks become frames, the rest waits.

The format is the documented text of indexamajig (CrystFEL 0.9 to 0.11): a chunk for each image, a crystal for each
lattice in it. Peaks and reflections are passed over.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np

from data.techniques.ssx.batch import Batch

_BEGIN: Final = b"----- Begin chunk -----"
_END: Final = b"----- End chunk -----"
_READ: Final = 8 << 20
_LONGEST_CHUNK: Final = 64 << 20
_CELL = re.compile(
    rb"^Cell parameters +%s +%s +%s nm, +%s +%s +%s deg" % ((rb"([0-9.eE+-]+)",) * 6),
    re.MULTILINE,
)
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
        self._identity: tuple[int, int] | None = None
        self.broken = 0
        self.restarted = 0

    def read(self) -> Batch:
        """The frames that were completed since the last call; none where there are none. Raises OSError."""
        with self._path.open("rb") as file:
            about = self._path.stat()
            identity = (about.st_dev, about.st_ino)
            if self._identity not in (None, identity) or about.st_size < self._offset:
                self.restarted += 1
                self._offset, self._rest = 0, b""
            self._identity = identity
            file.seek(self._offset)
            data = file.read(_READ)
        self._offset += len(data)
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
    frame: list[int] = []
    hit: list[int] = []
    lattices: list[int] = []
    spots: list[int] = []
    resolution: list[float] = []
    saturated: list[int] = []
    reflections: list[int] = []
    cells: list[tuple[float, ...]] = []
    cell_frame: list[int] = []
    kinds: list[str] = []
    for chunk in chunks:
        head, *crystals = chunk.split(b"--- Begin crystal")
        number = _number(head, b"Image serial number: ")
        if number is None:
            continue
        said = _number(head, b"hit = ")
        limits = [_angstrom(crystal, b"diffraction_resolution_limit = ") for crystal in crystals]
        found = [value for value in (*limits, _angstrom(head, b"peak_resolution = ")) if value]
        peaks = _number(head, b"num_peaks = ")
        over = [_number(crystal, b"num_saturated_reflections = ") for crystal in crystals]
        here = len(frame)
        frame.append(int(number))
        hit.append(-1 if said is None else int(said != 0))
        lattices.append(len(crystals))
        spots.append(-1 if peaks is None else int(peaks))
        # The lattices' own limits where there are any, else that of the peaks.
        resolution.append(min(found[: sum(map(bool, limits)) or 1], default=np.nan))
        saturated.append(int(sum(value for value in over if value is not None)) if crystals else -1)
        measured = [_number(crystal, b"num_reflections = ") for crystal in crystals]
        reflections.append(int(sum(value for value in measured if value is not None)) if crystals else -1)
        for crystal in crystals:
            match = _CELL.search(crystal)
            if match is None:
                continue
            a, b, c, *angles = (float(text) for text in match.groups())
            cells.append((10 * a, 10 * b, 10 * c, *angles))
            cell_frame.append(here)
            kinds.append(
                _LETTER.get(_word(crystal, b"lattice_type = "), "?") + _word(crystal, b"centering = ").decode()
            )
    times = np.full(len(frame), np.nan)
    return Batch.of(
        frame,
        times,
        hit=hit,
        lattices=lattices,
        spots=spots,
        resolution=resolution,
        saturated=saturated,
        reflections=reflections,
        cells=cells,
        cell_frame=cell_frame,
        lattice=kinds,
    )


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
    return 10 / value if value is not None and value > 0 else None
