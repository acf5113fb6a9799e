"""What an HDF5 file says besides its images: everything as text, and the spots that a program found."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from data.images.formats.frame import Peaks, Unreadable
from data.images.formats.links import Opened, inside

_DEEPEST, _MOST_LINES, _MOST_NAMES, _MOST_VALUES = 8, 3000, 500, 8
_MOST_LOOKED_AT = 5000  # groups may hold each other, and then there is no end
_MOST_PEAKS = 100_000
# CXI, as Cheetah, OnDA and CrystFEL's programs write it, and the same names as Jungfraujoch has them.
_GROUPS = ("/entry/MX", "/entry/result_1", "/entry_1/result_1", "/entry_1/result_2")
_NAMES = (
    ("peakXPosRaw", "peakYPosRaw", "peakTotalIntensity"),
    ("peakXPosRawAll", "peakYPosRawAll", "peakTotalIntensity"),
)


def text(files: Opened) -> str:
    """Names, values and units of all that is small, links as they are, a line each; no other file is opened."""
    lines: list[str] = []
    _write(files.first, "", 0, lines, iter(range(_MOST_LOOKED_AT)))
    if len(lines) >= _MOST_LINES:
        lines.append("…")
    return "\n".join(lines)


def _write(group: Any, path: str, depth: int, lines: list[str], left: Iterator[int]) -> None:
    for name, _ in zip(islice(group, _MOST_NAMES), left, strict=False):
        if len(lines) >= _MOST_LINES:
            return
        here = f"{path}/{name}"
        link = group.get(name, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            lines.append(f"{here} → {link.filename}:{link.path}")
        elif isinstance(link, h5py.SoftLink):
            lines.append(f"{here} → {link.path}")
        else:
            try:
                _write_one(group[name], here, depth, lines, left)
            except (KeyError, OSError, TypeError, ValueError, RuntimeError):
                lines.append(f"{here}: not readable")


def _write_one(thing: Any, path: str, depth: int, lines: list[str], left: Iterator[int]) -> None:
    marks = ", ".join(f"{key} {_said(value)}" for key, value in islice(thing.attrs.items(), 20))
    marks = f"  ({marks})" if marks else ""
    if isinstance(thing, h5py.Group):
        if marks:
            lines.append(f"{path}{marks}")
        if depth < _DEEPEST:
            _write(thing, path, depth + 1, lines, left)
    elif isinstance(thing, h5py.Dataset):
        plain = thing.size is not None and thing.size <= _MOST_VALUES and inside(thing)
        size = " × ".join(map(str, thing.shape or ()))
        lines.append(f"{path} = {_said(thing[()])}{marks}" if plain else f"{path}: {size} of {thing.dtype}{marks}")


def _said(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return "[" + ", ".join(_said(each) for each in islice(value.ravel(), _MOST_VALUES)) + "]"
    if isinstance(value, bytes | np.bytes_):
        return value.decode(errors="replace").strip("\x00 ")[:400]
    return str(value)[:400]


def peaks(files: Opened, holder: Any, at: int, index: int) -> Peaks | None:
    """The list of spots of a frame: of the file that holds it, where it is number ``at``, else of the first file."""
    for file, number in ((holder, at), (files.first, index)):
        for folder in _GROUPS:
            for names in _NAMES:
                found = _listed(files, file, folder, names, number)
                if found is not None:
                    return found
    return None


def _listed(files: Opened, file: Any, folder: str, names: tuple[str, str, str], number: int) -> Peaks | None:
    count = _numbers(files, file, f"{folder}/nPeaks", 1)
    x, y, sums = (_numbers(files, file, f"{folder}/{name}", 2) for name in names)
    if count is None or x is None or y is None or number >= min(len(count), len(x), len(y)):
        return None
    most = min(int(count[number]), x.shape[1], y.shape[1], _MOST_PEAKS)
    if most < 0:
        return None

    def row(dataset: Any) -> NDArray[np.float64]:
        return np.asarray(dataset[number, :most], np.float64)

    summed = row(sums) if sums is not None and number < len(sums) and sums.shape[1] >= most else np.zeros(most)
    # The list counts from the middle of the first pixel, a picture from its corner.
    across, down = row(x) + 0.5, row(y) + 0.5
    keep = np.isfinite(across) & np.isfinite(down)
    return Peaks(across[keep], down[keep], np.nan_to_num(summed[keep]))


def _numbers(files: Opened, file: Any, path: str, axes: int) -> Any:
    try:
        found = files.walk(file, path)
    except (Unreadable, KeyError, OSError, ValueError):
        return None
    if not isinstance(found, h5py.Dataset) or found.ndim != axes or found.dtype.kind not in "iuf":
        return None
    return found if inside(found) else None
