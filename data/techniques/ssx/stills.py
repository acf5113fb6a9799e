"""DIALS' stills: an experiment list (.expt, JSON) with a crystal for each lattice, and its reflections (.refl).

The shot's number comes from the file that holds all shots (its index, counted from 0), else from the last digits of the
image's name. Lattices of one shot are one frame. Only what indexed is in such files: an image between the first and the
last of a list that is not in it has no lattice; whether it is a hit is not told.
"""

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from data.techniques.ssx.batch import Batch
from data.techniques.ssx.packing import Packed, Unpackable

_MOST_BYTES: Final = 256 * 1024 * 1024
_MOST_LATTICES: Final = 1_000_000
_DIGITS = re.compile(r"(\d{1,9})(?=\D*$)")
_FORMS: Final = {
    "int": "<i4",
    "std::size_t": "<u8",
    "double": "<f8",
    "vec3<double>": "<f8",
    "cctbx::miller::index<>": "<i4",
}
_THREES: Final = ("vec3<double>", "cctbx::miller::index<>")
_INTEGRATED: Final = 1 << 8 | 1 << 9  # by summation, by profile fitting: dxtbx' flags
# The letter of the centring and the crystal system of a Hall symbol's space group number are not in the file: the
# metric of the cell tells the highest that it can be.


class NotStills(Exception):
    """A file that is no list of stills; ``str()`` is a sentence for a person."""


def lattices(path: Path, first_image: int = 1) -> Batch:
    """The frames from the first to the last of an experiment list, with their cells. ``path`` must come from `Files`.

    Raises NotStills.
    """
    _, found = _listed(path, first_image)
    return _batch(found, reflections(path.with_suffix(".refl")))


_Pairs = list[tuple[int, int, tuple[float, ...], str]]


def _listed(path: Path, first_image: int) -> tuple[Any, _Pairs]:
    """(what the list holds, its experiments that have a crystal). Raises NotStills."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise NotStills(f"{path.name} is too large to be read.")
        given = json.loads(path.read_bytes())
    except OSError:
        raise NotStills(f"{path.name} cannot be read.") from None
    except (ValueError, RecursionError):
        raise NotStills(f"{path.name} is not whole: it may be being written.") from None
    try:
        return given, _pairs(given, first_image)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        raise NotStills(f"{path.name} is no list of experiments as DIALS writes it.") from None


def calculated(
    path: Path, image: int, first_image: int = 1
) -> list[tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]]:
    """(x, y (n) in pixels, hkl (n, 3)) of the calculated reflections of each lattice of an image.

    Of a detector of several panels those whose place in the image the list tells. Raises NotStills.
    """
    try:
        about = path.stat()
    except OSError:
        raise NotStills(f"{path.name} cannot be read.") from None
    if image not in _images(path, first_image, about.st_mtime_ns, about.st_size):
        return []
    given, found = _listed(path, first_image)
    mine = [place for place, of, _, _ in found if of == image]
    beside = path.with_suffix(".refl")
    table = _table_of(beside, ("id", "xyzcal.px", "miller_index", "panel"))
    if table is None:
        raise NotStills(f"{beside.name} is not beside {path.name}, or cannot be read.")
    of, places, hkl, panel = (table[name] for name in ("id", "xyzcal.px", "miller_index", "panel"))
    if of is None or places is None or hkl is None:
        raise NotStills(f"{beside.name} holds no calculated reflections.")
    kept = np.isfinite(places).all(axis=1) & (np.abs(places) < 1e6).all(axis=1) & (np.abs(hkl) < 10_000).all(axis=1)
    kept &= hkl.any(axis=1)  # what was not indexed stands there as 0 0 0
    made = []
    for experiment in mine:
        offsets = _offsets(given, experiment)
        which = kept & (of == experiment)
        if panel is not None:
            which &= panel < len(offsets)
        shift = np.zeros((int(which.sum()), 2)) if panel is None else offsets[panel[which].astype(np.int64)]
        x, y = (places[which, :2] + shift).T
        on = np.isfinite(x)
        if on.any():
            made.append((x[on], y[on], hkl[which][on].astype(np.int64)))
    return made


@lru_cache(maxsize=1_000)
def _images(path: Path, first_image: int, modified: int, size: int) -> frozenset[int]:
    """Which images a list holds, as long as the file stays the same: a run may have hundreds of lists."""
    return frozenset(image for _, image, _, _ in _listed(path, first_image)[1])


def _offsets(given: Any, experiment: int) -> NDArray[np.float64]:
    """Where each panel of an experiment's detector begins in the image, (panels, 2); NaN where that is not told."""
    try:
        panels = given["detector"][given["experiment"][experiment]["detector"]]["panels"]
        told = np.array([panel.get("raw_image_offset") or (0, 0) for panel in panels], float).reshape(-1, 2)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        return np.zeros((1, 2))
    if len(told) > 1 and not told.any():
        return np.full((len(told), 2), np.nan)
    return told


def _pairs(given: Any, first_image: int) -> _Pairs:
    """(experiment, image, cell, centring) of each experiment that has a crystal."""
    experiments, crystals, sets = given["experiment"], given["crystal"], given["imageset"]
    found = []
    for place, one in enumerate(experiments[:_MOST_LATTICES]):
        if "crystal" not in one or "imageset" not in one:
            continue
        crystal = crystals[one["crystal"]]
        cell = cell_of([crystal[f"real_space_{axis}"] for axis in "abc"])
        image = _image(sets[one["imageset"]], first_image)
        if cell is not None and image is not None:
            found.append((place, image, cell, _centring(crystal.get("space_group_hall_symbol"))))
    return found


def _image(images: dict[str, Any], first_image: int) -> int | None:
    inside = images.get("single_file_indices")
    if isinstance(inside, list) and inside and isinstance(inside[0], int):
        return inside[0] + first_image
    names = images.get("images")
    if not isinstance(names, list) or not names:
        return None
    digits = _DIGITS.search(str(names[0]).rsplit("/", 1)[-1].rsplit(".", 1)[0])
    return int(digits[1]) if digits else None


def cell_of(vectors: Sequence[Sequence[float]]) -> tuple[float, ...] | None:
    """a, b, c (Å), α, β, γ (degrees) from the three real-space vectors (Å); None where they are no cell."""
    m = np.array(vectors, float)
    if m.shape != (3, 3) or not np.isfinite(m).all():
        return None
    length = np.linalg.norm(m, axis=1)
    if not (length > 0.1).all():
        return None
    unit = m / length[:, None]
    cosines = (unit[1] @ unit[2], unit[2] @ unit[0], unit[0] @ unit[1])
    angles = np.degrees(np.arccos(np.clip(cosines, -1, 1)))
    return (*map(float, length), *map(float, angles))


def _centring(hall: object) -> str:
    words = str(hall or "").strip().lstrip("-")
    return words[:1] if words[:1] in set("PABCIRHF") else ""


def reflections(path: Path) -> tuple[NDArray[np.int64], NDArray[np.float64]] | None:
    """(integrated reflections, highest resolution in Å; NaN: not told) of each experiment of a reflection table.

    None where there is no table, or it cannot be read: an experiment list stands by itself.
    """
    table = _table_of(path, ("id", "flags", "d"))
    if table is None:
        return None
    of, flags, d = (table[name] for name in ("id", "flags", "d"))
    if of is None or not len(of):
        return None
    kept = (of >= 0) & (of < _MOST_LATTICES)
    if flags is not None:
        kept &= (flags & _INTEGRATED) > 0
    of = of[kept].astype(np.int64)
    count = np.bincount(of) if len(of) else np.zeros(0, np.int64)
    best = np.full(len(count), np.nan)
    if d is not None and len(of):
        limit = np.where(d[kept] > 0, d[kept], np.inf)
        low = np.full(len(count), np.inf)
        np.minimum.at(low, of, limit)
        best = np.where(np.isfinite(low), low, np.nan)
    return count, best


def _table_of(path: Path, names: Sequence[str]) -> dict[str, NDArray[Any] | None] | None:
    """Columns of a reflection table, None for those that it lacks; None where it cannot be read."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            return None
        name, _, table = Packed(path.read_bytes()).value()
        if name != "dials::af::reflection_table" or not isinstance(table, dict):
            return None
        data, rows = table["data"], int(table["nrows"])
        return {name: _column(data, name, rows) for name in names}
    except (OSError, Unpackable, ValueError, KeyError, TypeError, OverflowError):
        return None


def _column(data: Any, name: str, rows: int) -> NDArray[Any] | None:
    """A column (rows), or (rows, 3) of what is told by threes. Raises ValueError for another number of values."""
    if name not in data:
        return None
    kind, (count, raw) = data[name]
    if kind not in _FORMS or count != rows:
        return None
    values = np.frombuffer(raw, _FORMS[kind])
    return values.reshape(rows, 3) if kind in _THREES else values


def _batch(
    found: list[tuple[int, int, tuple[float, ...], str]],
    table: tuple[NDArray[np.int64], NDArray[np.float64]] | None,
) -> Batch:
    if not found:
        return Batch.of([], [])
    images = np.array([image for _, image, _, _ in found], np.int64)
    low, high = int(images.min()), int(images.max())
    frames = np.arange(low, high + 1) if high - low < _MOST_LATTICES else np.unique(images)
    place = np.searchsorted(frames, images)
    many = np.bincount(place, minlength=len(frames))
    measured = np.full(len(frames), -1, np.int64)
    limit = np.full(len(frames), np.nan)
    for (experiment, *_), k in zip(found, place.tolist(), strict=True):
        if table is not None and experiment < len(table[0]):
            measured[k] = max(measured[k], 0) + table[0][experiment]
            limit[k] = np.fmin(limit[k], table[1][experiment])
    return Batch.of(
        frames,
        np.full(len(frames), np.nan),
        lattices=many,
        reflections=measured,
        resolution=limit,
        cells=[cell for _, _, cell, _ in found],
        cell_frame=place,
        lattice=[f"?{centring}" if centring else "" for _, _, _, centring in found],
    )
