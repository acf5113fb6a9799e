"""A small molecule of the demo's own: an ideal helix with a metal beside it, in the cell of the crystal, and what
simulated refinement leaves of it: a PDB file, and an MTZ file of map coefficients.

Bond lengths and angles are those of Engh and Huber (1991), rounded; the torsions of the backbone those of an α helix.
"""

from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

SEQUENCE = "AMKALEAMLKAAEMAALCKA"
_NAMES = {"A": "ALA", "M": "MET", "K": "LYS", "L": "LEU", "E": "GLU", "C": "CYS"}
_PHI, _PSI, _OMEGA = -57.8, -47.0, 180.0
# Each atom of a side chain: its name, the three atoms before it, distance (Å), angle and torsion (degrees).
_SIDE = {
    "A": (),
    "M": (("CG", "N", "CA", "CB", 1.52, 114, -65), ("SD", "CA", "CB", "CG", 1.80, 113, 180),
          ("CE", "CB", "CG", "SD", 1.79, 101, 70)),
    "K": (("CG", "N", "CA", "CB", 1.52, 114, -65), ("CD", "CA", "CB", "CG", 1.52, 111, 180),
          ("CE", "CB", "CG", "CD", 1.52, 111, 180), ("NZ", "CG", "CD", "CE", 1.49, 112, 180)),
    "L": (("CG", "N", "CA", "CB", 1.53, 116, -65), ("CD1", "CA", "CB", "CG", 1.52, 111, 175),
          ("CD2", "CA", "CB", "CG", 1.52, 111, -65)),
    "E": (("CG", "N", "CA", "CB", 1.52, 114, -65), ("CD", "CA", "CB", "CG", 1.52, 113, 180),
          ("OE1", "CB", "CG", "CD", 1.25, 118, 20), ("OE2", "CB", "CG", "CD", 1.25, 118, -160)),
    "C": (("SG", "N", "CA", "CB", 1.81, 114, -65),),
}  # fmt: skip
_SCATTERERS = {"S": 0.56, "ZN": 2.5}  # f'' in electrons near 0.98 Å

Atom = tuple[str, str, str, int, Vector]
"""Name, element, residue, its number, place in Å."""


@cache
def atoms() -> tuple[Atom, ...]:
    """The helix along z about the origin, with a zinc ion beside its cysteine."""
    told: list[Atom] = []
    before: tuple[Vector, Vector, Vector] | None = None  # N, CA and C of the residue before
    for number, letter in enumerate(SEQUENCE, 1):
        at: dict[str, Vector] = {}
        if before is None:
            at["N"], at["CA"] = np.zeros(3), np.array([1.46, 0.0, 0.0])
            at["C"] = at["CA"] + 1.53 * np.array([-np.cos(np.radians(111)), np.sin(np.radians(111)), 0.0])
        else:
            at["N"] = _next(*before, 1.33, 117, _PSI)
            at["CA"] = _next(before[1], before[2], at["N"], 1.46, 121, _OMEGA)
            at["C"] = _next(before[2], at["N"], at["CA"], 1.53, 111, _PHI)
        at["O"] = _next(at["N"], at["CA"], at["C"], 1.23, 120.5, _PSI + 180)
        at["CB"] = _next(at["C"], at["N"], at["CA"], 1.53, 110, _PHI + 180 + 57.3)
        for name, a, b, c, length, angle, torsion in _SIDE[letter]:
            at[name] = _next(at[a], at[b], at[c], length, angle, torsion)
        told += [(name, name[0], _NAMES[letter], number, place) for name, place in at.items()]
        before = at["N"], at["CA"], at["C"]
    places = np.array([atom[4] for atom in told])
    middle = places.mean(axis=0)
    axes = np.linalg.svd(places - middle)[2][::-1]
    axes[0] *= np.linalg.det(axes)  # a turn and no mirror
    told = [(*atom[:4], axes @ (atom[4] - middle)) for atom in told]
    sulphur = next(atom for atom in told if atom[0] == "SG")
    out = sulphur[4] * np.array([1.0, 1.0, 0.0])
    told.append(("ZN", "ZN", "ZN", len(SEQUENCE) + 1, sulphur[4] + 2.3 * out / np.linalg.norm(out)))
    return tuple(told)


def _next(a: Vector, b: Vector, c: Vector, length: float, angle: float, torsion: float) -> Vector:
    """The place of an atom after a, b and c: distance from c, angle at c, torsion about b-c (NeRF)."""
    bend, turn = np.radians(180 - angle), np.radians(torsion)
    along = (c - b) / np.linalg.norm(c - b)
    normal = np.cross(b - a, along)
    normal /= np.linalg.norm(normal)
    frame = np.array([along, np.cross(normal, along), normal])
    local = np.array([np.cos(bend), np.sin(bend) * np.cos(turn), np.sin(bend) * np.sin(turn)])
    placed: Vector = c + length * local @ frame
    return placed


def orthogonal(cell: tuple[float, ...]) -> NDArray[np.float64]:
    """Fractions to Å: a along x, b in the plane of x and y, as PDB files have it."""
    a, b, c = cell[:3]
    ca, cb, cg = np.cos(np.radians(cell[3:]))
    sg = np.sqrt(1 - cg**2)
    v = np.sqrt(1 - ca**2 - cb**2 - cg**2 + 2 * ca * cb * cg)
    return np.array([[a, b * cg, c * cb], [0, b * sg, c * (ca - cb * cg) / sg], [0, 0, c * v / sg]])


def placed(cell: tuple[float, ...], seed: int) -> list[Atom]:
    """The molecule somewhere in a cell."""
    random = Random(seed)  # noqa: S311 - simulated data, not a secret
    shift = orthogonal(cell) @ np.array([random.uniform(0.15, 0.4) for _ in range(3)])
    return [(*atom[:4], atom[4] + shift) for atom in atoms()]


def peaks(cell: tuple[float, ...], seed: int) -> list[tuple[Atom, Vector]]:
    """The atoms that scatter anomalously, strongest first, with their places as fractions of the cell."""
    inverse = np.linalg.inv(orthogonal(cell))
    heavy = [atom for atom in placed(cell, seed) if atom[1] in _SCATTERERS]
    heavy.sort(key=lambda atom: -_SCATTERERS[atom[1]])
    return [(atom, inverse @ atom[4]) for atom in heavy]


def pdb_of(what: dict[str, Any]) -> str:
    """A PDB file of the molecule, without the zinc where it is not built yet (``metal`` false)."""
    cell = tuple(what["cell"])
    edges = "".join(f"{value:9.3f}" for value in cell[:3]) + "".join(f"{value:7.2f}" for value in cell[3:])
    lines = [
        "REMARK   3 SIMULATED: an ideal helix, of no real protein",
        f"CRYST1{edges} {what['space_group']:<11}",
    ]
    chosen = [atom for atom in placed(cell, what["seed"]) if what.get("metal", True) or atom[1] != "ZN"]
    for serial, (name, element, residue, number, at) in enumerate(chosen, 1):
        kind, label = ("HETATM", "ZN  ") if element == "ZN" else ("ATOM  ", f" {name:<3}")
        place = "".join(f"{value:8.3f}" for value in at)
        bfactor = 18 + 0.6 * abs(number - len(SEQUENCE) / 2) + (0 if name in {"N", "CA", "C", "O"} else 6)
        lines.append(f"{kind}{serial:5d} {label} {residue:>3} A{number:4d}    {place}  1.00{bfactor:6.2f}"
                     f"          {element:>2}")  # fmt: skip
    return "\n".join([*lines, "END", ""])


class NoGemmi(Exception):
    """gemmi is not installed."""


def write_mtz(what: dict[str, Any], path: Path) -> None:
    """An MTZ file of map coefficients: those of all atoms as observed, those without the zinc as calculated.

    2Fo-Fc, Fo-Fc and the anomalous difference, with noise of a twentieth. Raises NoGemmi.
    """
    try:
        import gemmi
    except ImportError as error:
        raise NoGemmi from error
    whole = gemmi.read_pdb_string(pdb_of({**what, "metal": True}))
    built = gemmi.read_pdb_string(pdb_of({**what, "metal": False}))
    high = what["high"]
    observed, calculated = (_factors(gemmi, one, high) for one in (whole, built))
    hkl = observed.miller_array
    random = np.random.default_rng(what["seed"])
    f_obs = np.abs(observed.value_array) * (1 + 0.05 * random.standard_normal(len(hkl)))
    f_calc, phase = np.abs(calculated.value_array), np.degrees(np.angle(calculated.value_array))
    heavy = _anomalous(gemmi, whole, hkl)
    noise = 0.15 * np.abs(heavy).mean() * random.standard_normal((len(hkl), 2)) @ np.array([1, 1j])
    heavy = heavy + noise
    mtz = gemmi.Mtz(with_base=True)
    mtz.title = "SIMULATED"
    mtz.spacegroup, mtz.cell = whole.find_spacegroup(), whole.cell
    mtz.add_dataset("simulated")
    names = (("FP", "F"), ("FC", "F"), ("PHIC", "P"), ("FWT", "F"), ("PHWT", "P"), ("DELFWT", "F"), ("PHDELWT", "P"),
             ("FAN", "F"), ("PHAN", "P"))  # fmt: skip
    for label, kind in names:
        mtz.add_column(label, kind)
    turned = np.where(f_obs < f_calc, (phase + 180) % 360, phase)
    columns = (f_obs, f_calc, phase, 2 * f_obs - f_calc, phase, np.abs(f_obs - f_calc), turned,
               np.abs(heavy), np.degrees(np.angle(heavy)))  # fmt: skip
    mtz.set_data(np.column_stack([hkl, *columns]).astype(np.float32))
    mtz.write_to_file(str(path))


def _factors(gemmi: Any, structure: Any, high: float) -> Any:
    calculator = gemmi.DensityCalculatorX()
    calculator.d_min, calculator.rate = high, 1.5
    calculator.set_grid_cell_and_spacegroup(structure)
    calculator.put_model_density_on_grid(structure[0])
    return gemmi.transform_map_to_f_phi(calculator.grid, half_l=True).prepare_asu_data(dmin=high)


def _anomalous(gemmi: Any, structure: Any, hkl: Any) -> Any:
    """The sum over the scatterers and the symmetry of f'' exp(2πi h·x) with a B factor of 25 Å²."""
    total = np.zeros(len(hkl), complex)
    damping = np.exp(-25 / 4 * np.array([structure.cell.calculate_1_d2(list(h)) for h in hkl.tolist()]))
    for cra in structure[0].all():
        strength = _SCATTERERS.get(cra.atom.element.name.upper())
        if strength is None:
            continue
        place = structure.cell.fractionalize(cra.atom.pos)
        for operation in structure.find_spacegroup().operations():
            x = np.array(operation.apply_to_xyz(list(place)))
            total += strength * np.exp(2j * np.pi * (np.asarray(hkl) @ x))
    return total * damping
