"""Where the reflections of an indexed image should be: what CrystFEL or DIALS left beside a serial run.

CrystFEL: the reflections that indexamajig measured after indexing, in the chunk of the image. DIALS: the calculated
places of the reflections of the image's experiments. Places are in pixels of the whole image, 0 at the outer edge of
the first one.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from data.techniques.ssx.stills import NotStills, calculated

MOST: Final = 5_000
"""Reflections of one image that are given."""
_WHOLE: Final = 64 << 20  # a stream of this size is searched through
_LOOK: Final = 4 << 20
_AROUND: Final = 24 << 20
_BEGIN: Final = b"----- Begin chunk -----"
_END: Final = b"----- End chunk -----"
_SERIAL: Final = re.compile(rb"^Image serial number: *(\d{1,9})\b", re.MULTILINE)
_TABLE: Final = b"Reflections measured after indexing"
_TABLE_END: Final = b"End of reflections"
_APART: Final = re.compile(rb"^ *[\w.]+/(?:dim\d+ *= *\d+|data *= *\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Lattice:
    """Reflections of one lattice: ``x``, ``y`` (n) in pixels, ``hkl`` (n, 3)."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    hkl: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Predictions:
    """``by``: who says so; None where nobody does. ``text``: why there are none, else empty."""

    by: str | None
    lattices: tuple[Lattice, ...]
    text: str = ""


NOBODY: Final = "No CrystFEL stream and no DIALS list of this run is here, so nobody says where reflections should be."


def predicted(image: int, stream: Path | None, lists: Iterable[Path], first_image: int = 1) -> Predictions:
    """Of one image of a run: from its stream, else from the newest of its lists that holds it.

    All paths must come from `Files`. A file that cannot be read is passed over and named in the text.
    """
    said = []
    if stream is not None:
        try:
            found = from_stream(stream, image)
        except OSError:
            found = Predictions(None, (), f"{stream.name} cannot be read.")
        if found.lattices:
            return found
        said.append(found.text)
    listed = False
    for path in lists:
        listed = True
        try:
            lattices = [Lattice(*one) for one in calculated(path, image, first_image)]
        except NotStills as trouble:
            said.append(str(trouble))
            continue
        if lattices:
            return Predictions(f"DIALS, {path.name}", tuple(lattices))
    if listed:
        said.append(f"DIALS' lists hold no calculated reflection of image {image}: it was not indexed, or not yet.")
    return Predictions(None, (), " ".join(said) or NOBODY)


def from_stream(path: Path, image: int) -> Predictions:
    """The reflections of an image in a CrystFEL stream. Raises OSError."""
    with path.open("rb") as file:
        if _apart(file.read(_LOOK)):
            return Predictions(None, (), f"The panels in {path.name} are arrays apart, which are not placed here.")
        chunk = _chunk(file, path.stat().st_size, image)
    if chunk is None:
        return Predictions(None, (), f"Image {image} is not in {path.name}, or not yet.")
    by = f"CrystFEL, {path.name}"
    lattices = tuple(lattice for lattice in map(_table, _tables(chunk)) if len(lattice.x))
    return Predictions(by, lattices, "" if lattices else f"Image {image} was not indexed, says {path.name}.")


def _apart(head: bytes) -> bool:
    """Whether the geometry in the stream's head gives panels arrays of their own: fs and ss are no place then."""
    geometry = head.split(b"----- End geometry file -----", 1)[0]
    told = [line.split(b"/", 1)[1].replace(b" ", b"") for line in _APART.findall(geometry)]
    return any(len({one for one in told if one.startswith(key)}) > 1 for key in {one.split(b"=")[0] for one in told})


def _chunk(file: BinaryIO, size: int, image: int) -> bytes | None:
    """The chunk of an image. Images are nearly in order, as several are worked on at once: halved by their numbers down
    to a part that is read whole.
    """
    low, high = 0, size
    while high - low > _WHOLE:
        middle = (low + high) // 2
        file.seek(middle)
        met = _SERIAL.search(file.read(_LOOK))
        if met is None or int(met[1]) >= image:
            high = middle
        else:
            low = middle
    low, high = max(0, low - _AROUND), min(size, high + _AROUND)
    file.seek(low)
    text = file.read(high - low)
    for met in _SERIAL.finditer(text):
        if int(met[1]) == image:
            begin, end = text.rfind(_BEGIN, 0, met.start()), text.find(_END, met.end())
            return text[begin:end] if begin >= 0 and end >= 0 else None
    return None


def _tables(chunk: bytes) -> Iterator[bytes]:
    for crystal in chunk.split(b"--- Begin crystal")[1:]:
        begin = crystal.find(_TABLE)
        if begin >= 0:
            end = crystal.find(_TABLE_END, begin)
            yield crystal[begin : end if end >= 0 else len(crystal)]


def _table(text: bytes) -> Lattice:
    """Rows h k l I σ peak background fs ss panel, under two lines of heading; a row that is none is left out."""
    hkl: list[list[int]] = []
    places: list[list[float]] = []
    for line in text.splitlines()[2:]:
        words = line.split()
        if len(words) < 9 or len(hkl) >= MOST:
            continue
        try:
            row, place = [int(word) for word in words[:3]], [float(word) for word in words[7:9]]
        except ValueError:
            continue
        if all(abs(index) < 10_000 for index in row) and all(abs(value) < 1e6 for value in place):
            hkl.append(row)
            places.append(place)
    x, y = np.array(places, float).reshape(-1, 2).T
    return Lattice(x, y, np.array(hkl, np.int64).reshape(-1, 3))
