"""Lists of experiments and reflection tables of stills, as DIALS leaves them beside its log."""

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.demo.writers import whole

_REFLECTIONS = 24  # of each lattice; a real table holds hundreds
_INTEGRATED = 1 << 8


@dataclass(frozen=True, slots=True)
class Lattice:
    """``image``: name of its file; ``cell``: a, b, c (Å), α, β, γ (degrees); ``limit``: its resolution in Å."""

    image: str
    cell: tuple[float, ...]
    limit: float


def write_stills(path: Path, lattices: Sequence[Lattice], hall: str) -> None:
    """Write ``path`` (.expt) and the table of the same name (.refl), an experiment for each lattice."""
    listed = range(len(lattices))
    content = {
        "__id__": "ExperimentList",
        "experiment": [{"__id__": "Experiment", "crystal": k, "imageset": k} for k in listed],
        "crystal": [
            {
                "__id__": "crystal",
                **{f"real_space_{axis}": row for axis, row in zip("abc", _vectors(one.cell), strict=True)},
                "space_group_hall_symbol": hall,
            }
            for one in lattices
        ],
        "imageset": [{"__id__": "ImageSet", "images": [one.image]} for one in lattices],
    }
    of = np.repeat(np.arange(len(lattices), dtype="<i4"), _REFLECTIONS)
    d = np.concatenate([np.linspace(10.0, one.limit, _REFLECTIONS) for one in lattices] or [np.empty(0)])
    flags = np.full(len(of), _INTEGRATED, "<u8")
    # The table first: a list that is there is read at once.
    with whole(path.with_suffix(".refl")) as name:
        name.write_bytes(_table(len(of), {"id": ("int", of), "flags": ("std::size_t", flags), "d": ("double", d)}))
    with whole(path) as name:
        name.write_text(json.dumps(content), encoding="ascii")


def _vectors(cell: Sequence[float]) -> list[list[float]]:
    """The real-space vectors: a along x, b in the plane of x and y."""
    a, b, c, *angles = cell
    alpha, beta, gamma = np.radians(angles)
    x = np.cos(beta)
    y = (np.cos(alpha) - np.cos(beta) * np.cos(gamma)) / np.sin(gamma)
    z = np.sqrt(1 - x * x - y * y)
    rows = np.array([[a, 0, 0], [b * np.cos(gamma), b * np.sin(gamma), 0], [c * x, c * y, c * z]])
    return rows.round(6).tolist()  # type: ignore[no-any-return]


def _table(rows: int, columns: dict[str, tuple[str, NDArray[np.generic]]]) -> bytes:
    """MessagePack, as `dials::af::reflection_table` packs itself."""
    data = bytes([0x80 | len(columns)])
    for name, (kind, values) in columns.items():
        raw = values.tobytes()
        data += (
            _text(name) + b"\x92" + _text(kind) + b"\x92" + _count(rows) + b"\xc6" + struct.pack(">I", len(raw)) + raw
        )
    head = b"\x93" + _text("dials::af::reflection_table") + b"\x01"
    return head + b"\x82" + _text("nrows") + _count(rows) + _text("data") + data


def _text(words: str) -> bytes:
    return bytes([0xA0 | len(words)]) + words.encode("ascii")


def _count(number: int) -> bytes:
    return b"\xce" + struct.pack(">I", number)
