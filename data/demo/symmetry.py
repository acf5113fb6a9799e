"""The part of space-group symmetry that a diffraction pattern shows: equivalents and absences."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Hkl = NDArray[np.int64]  # (n, 3)

# Rotations as they act on indices: (h, k, l) -> matrix @ (h, k, l).
_2B = ((-1, 0, 0), (0, 1, 0), (0, 0, -1))
_2C = ((-1, 0, 0), (0, -1, 0), (0, 0, 1))
_3C = ((0, 1, 0), (-1, -1, 0), (0, 0, 1))
_4C = ((0, 1, 0), (-1, 0, 0), (0, 0, 1))
_6C = ((1, 1, 0), (-1, 0, 0), (0, 0, 1))
_2D = ((0, 1, 0), (1, 0, 0), (0, 0, -1))  # along a + b
_3D = ((0, 1, 0), (0, 0, 1), (1, 0, 0))  # along the body diagonal

_POINT_GROUPS = {
    "1": (), "2": (_2B,), "222": (_2B, _2C), "4": (_4C,), "422": (_4C, _2B), "3": (_3C,),
    "32": (_3C, _2D), "6": (_6C,), "622": (_6C, _2D), "23": (_2B, _2C, _3D), "432": (_4C, _3D),
}  # fmt: skip

# symbol: point group, lattice centring, screw axes (index 0 h, 1 k, 2 l; which multiple is present)
_GROUPS: dict[str, tuple[str, str, tuple[tuple[int, int], ...]]] = {
    "P1": ("1", "P", ()), "P2": ("2", "P", ()), "P21": ("2", "P", ((1, 2),)),
    "C2": ("2", "C", ()), "I2": ("2", "I", ()),
    "P222": ("222", "P", ()), "P2221": ("222", "P", ((2, 2),)),
    "P21212": ("222", "P", ((0, 2), (1, 2))),
    "P212121": ("222", "P", ((0, 2), (1, 2), (2, 2))),
    "C222": ("222", "C", ()), "C2221": ("222", "C", ((2, 2),)), "F222": ("222", "F", ()),
    "I222": ("222", "I", ()), "I212121": ("222", "I", ()),
    "P4": ("4", "P", ()), "P41": ("4", "P", ((2, 4),)), "P42": ("4", "P", ((2, 2),)),
    "P43": ("4", "P", ((2, 4),)), "I4": ("4", "I", ()), "I41": ("4", "I", ((2, 4),)),
    "P422": ("422", "P", ()), "P4212": ("422", "P", ((0, 2), (1, 2))),
    "P4122": ("422", "P", ((2, 4),)), "P4322": ("422", "P", ((2, 4),)),
    "P41212": ("422", "P", ((0, 2), (1, 2), (2, 4))),
    "P43212": ("422", "P", ((0, 2), (1, 2), (2, 4))),
    "P42212": ("422", "P", ((0, 2), (1, 2), (2, 2))),
    "I422": ("422", "I", ()), "I4122": ("422", "I", ((2, 4),)),
    "P3": ("3", "P", ()), "P31": ("3", "P", ((2, 3),)), "P32": ("3", "P", ((2, 3),)),
    "R3": ("3", "R", ()), "P321": ("32", "P", ()), "P3121": ("32", "P", ((2, 3),)),
    "P3221": ("32", "P", ((2, 3),)), "R32": ("32", "R", ()),
    "P6": ("6", "P", ()), "P61": ("6", "P", ((2, 6),)), "P65": ("6", "P", ((2, 6),)),
    "P62": ("6", "P", ((2, 3),)), "P64": ("6", "P", ((2, 3),)), "P63": ("6", "P", ((2, 2),)),
    "P622": ("622", "P", ()), "P6122": ("622", "P", ((2, 6),)), "P6522": ("622", "P", ((2, 6),)),
    "P6222": ("622", "P", ((2, 3),)), "P6422": ("622", "P", ((2, 3),)),
    "P6322": ("622", "P", ((2, 2),)),
    "P23": ("23", "P", ()), "P213": ("23", "P", ((0, 2), (1, 2), (2, 2))),
    "F23": ("23", "F", ()), "I23": ("23", "I", ()), "I213": ("23", "I", ()),
    "P432": ("432", "P", ()), "P4132": ("432", "P", ((0, 4), (1, 4), (2, 4))),
    "P4332": ("432", "P", ((0, 4), (1, 4), (2, 4))),
    "F432": ("432", "F", ()), "I432": ("432", "I", ()),
}  # fmt: skip
_ALIASES = {"P121": "P2", "P1211": "P21", "C121": "C2", "I121": "I2", "H3": "R3", "H32": "R32"}


@dataclass(frozen=True, slots=True)
class SpaceGroup:
    """Point group, centring (P C I F R, R on hexagonal axes) and screw axes of a chiral space
    group."""

    symbol: str
    point_group: str
    centring: str
    screws: tuple[tuple[int, int], ...]

    def present(self, hkl: Hkl) -> NDArray[np.bool_]:
        """(n,): false where the lattice centring or a screw axis extinguishes a reflection."""
        h, k, index_l = hkl.T
        seen: NDArray[np.bool_] = np.ones(len(hkl), np.bool_)
        if self.centring == "C":
            seen = (h + k) % 2 == 0
        elif self.centring == "I":
            seen = (h + k + index_l) % 2 == 0
        elif self.centring == "F":
            seen = ((h + k) % 2 == 0) & ((k + index_l) % 2 == 0)
        elif self.centring == "R":
            seen = (-h + k + index_l) % 3 == 0
        for axis, multiple in self.screws:
            others = [other for other in range(3) if other != axis]
            on_axis = (hkl[:, others] == 0).all(axis=1)
            seen &= ~on_axis | (hkl[:, axis] % multiple == 0)
        return np.asarray(seen)

    def unique(self, hkl: Hkl) -> NDArray[np.int64]:
        """(n,): one number for all reflections equivalent under the Laue group (Friedel's law
        holds)."""
        best = np.full(len(hkl), -1, np.int64)
        for operation in _operations(self.point_group):
            turned = hkl @ np.asarray(operation, np.int64).T
            for image in (turned, -turned):
                h, k, index_l = (image + 1024).T
                np.maximum(best, (h << 22) | (k << 11) | index_l, out=best)
        return best


def space_group(symbol: str) -> SpaceGroup:
    """The space group of a symbol as ISPyB holds it (`P 43 21 2`, `P43212`, `C 1 2 1`, `H3`).

    Raises ValueError for one that no chiral molecule crystallises in, or that is not listed.
    """
    short = symbol.replace(" ", "").replace("_", "").removesuffix(":H")
    short = _ALIASES.get(short, short)
    if short not in _GROUPS:
        raise ValueError(f"unknown space group {symbol!r}")
    return SpaceGroup(short, *_GROUPS[short])


@cache
def _operations(point_group: str) -> tuple[tuple[tuple[int, ...], ...], ...]:
    identity = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    found = {identity}
    fresh = [identity]
    while fresh:
        made = []
        for one in fresh:
            for generator in _POINT_GROUPS[point_group]:
                product = np.asarray(generator) @ np.asarray(one)
                turned = tuple(tuple(int(value) for value in row) for row in product)
                if turned not in found:
                    found.add(turned)  # type: ignore[arg-type]
                    made.append(turned)
        fresh = made  # type: ignore[assignment]
    return tuple(sorted(found))
