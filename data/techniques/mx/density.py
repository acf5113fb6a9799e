"""Models and maps of a refinement as a page can draw them: through gemmi, from PDB or mmCIF, and MTZ or CCP4 files.

A map is cut to a box about the model and sent in tenths of its standard deviation σ, which is that of the whole cell.
"""

import gzip
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from data.images.files import Files, State
from data.images.formats import Unreadable

MAPS: Final = {"2fofc": "2Fo − Fc", "fofc": "Fo − Fc", "anom": "Anomalous"}
SEARCHED: Final = {"anom": 4.0, "fofc": 5.0}
"""Maps that are searched for peaks, and the least height in σ."""
_COLUMNS: Final = {
    "2fofc": (("FWT", "PHWT"), ("2FOFCWT", "PH2FOFCWT"), ("2FOFCWT", "PHI2FOFCWT"), ("FWT", "PHIFWT")),
    "fofc": (("DELFWT", "PHDELWT"), ("FOFCWT", "PHFOFCWT"), ("FOFCWT", "PHIFOFCWT"), ("DELFWT", "PHIDELWT")),
    "anom": (("FAN", "PHAN"), ("ANOM", "PHANOM"), ("ANOM", "PANOM")),
}
"""Names of amplitudes and phases as REFMAC, BUSTER, phenix.refine and phaser write them."""
_NAMES: Final = (("anom", ("anom", "anode")), ("2fofc", ("2fofc", "2fo-fc", "2mfo", "_2fo")), ("fofc", ("fofc", "fo-fc",
                 "mfo", "diff", "delfwt")))  # fmt: skip
_MODEL_BYTES, _FILE_BYTES = 40_000_000, 150_000_000
_CELL_POINTS, _BOX_POINTS, _ATOMS = 64_000_000, 10_000_000, 500_000
_FAR = 1 << 30  # points from the origin, which the header of a map has room for
_RATES: Final = (3.0, 2.5, 2.0)
_MARGIN = 4.0  # Å about the model
_STEPS = 10  # for each σ
_MOST_PEAKS = 40
_NEAR = 6.0  # Å


class Undrawn(Unreadable):
    """A model or a map that cannot be drawn; the text says why."""


@dataclass(frozen=True, slots=True)
class Peak:
    """A place (x, y, z in Å) beside the model, its height (σ), the nearest atom and how far it is (Å)."""

    x: float
    y: float
    z: float
    height: float | None = None
    nearest: str | None = None
    distance: float | None = None


def kind_of_map(name: str) -> str | None:
    """Which map a CCP4 file holds, by its name; None where that does not tell."""
    low = name.lower()
    return next((kind for kind, parts in _NAMES if any(part in low for part in parts)), None)


def _gemmi() -> Any:
    try:
        import gemmi
    except ImportError as error:
        raise Undrawn("Models and maps need gemmi, which this server lacks (the extra “mx” brings it).") from error
    return gemmi


def located(files: Files, stored: str | None, most: int) -> Path:
    """The file of a stored path, of at most so many bytes. Raises Undrawn."""
    found = files.find(stored)
    if found.state is not State.PRESENT or found.path is None:
        raise Undrawn(found.words)
    try:
        size = found.path.stat().st_size
    except OSError as error:
        raise Undrawn(f"“{found.path.name}” could not be read from disk.") from error
    if not size:
        raise Undrawn(f"“{found.path.name}” is empty.")
    if size > most:
        raise Undrawn(f"“{found.path.name}” has {size / 1e6:.0f} MB; up to {most / 1e6:.0f} MB are drawn.")
    return found.path


@dataclass(frozen=True, slots=True)
class Model:
    """A model of at least one atom: ``text`` as in the file, ``form`` pdb or mmcif."""

    name: str
    text: bytes
    form: str
    structure: Any

    @property
    def atoms(self) -> int:
        """How many atoms it has."""
        return int(self.structure[0].count_atom_sites())

    @property
    def space_group(self) -> str:
        """As the file says it."""
        return str(self.structure.spacegroup_hm)

    def beside(self, places: list[tuple[float, float, float]], fractional: bool = False) -> list[Peak]:
        """Each place moved by the symmetry of the crystal to where it is nearest to an atom, with that atom."""
        gemmi = _gemmi()
        cell, model = self.structure.cell, self.structure[0]
        search = gemmi.NeighborSearch(model, cell, _NEAR).populate()
        found = []
        for place in places:
            where = cell.orthogonalize(gemmi.Fractional(*place)) if fractional else gemmi.Position(*place)
            mark = search.find_nearest_atom(where, radius=_NEAR)
            if mark is None:
                found.append(Peak(where.x, where.y, where.z))
                continue
            named = mark.to_cra(model)
            image = cell.find_nearest_image(named.atom.pos, where, gemmi.Asu.Any)
            moved = cell.find_nearest_pbc_position(named.atom.pos, where, image.sym_idx)
            told = f"{named.chain.name} {named.residue.name} {named.residue.seqid} {named.atom.name}"
            found.append(Peak(moved.x, moved.y, moved.z, None, told, image.dist()))
        return found


def read_model(files: Files, stored: str | None) -> Model:
    """The model of a PDB or mmCIF file, gzipped or not. Raises Undrawn."""
    path = located(files, stored, _MODEL_BYTES)
    gemmi = _gemmi()
    try:
        text = path.read_bytes()
        if text.startswith(b"\x1f\x8b"):
            with gzip.open(path) as file:
                text = file.read(_MODEL_BYTES + 1)
            if len(text) > _MODEL_BYTES:
                raise Undrawn(f"“{path.name}” unpacks to more than {_MODEL_BYTES / 1e6:.0f} MB, which is not drawn.")
        cif = text.lstrip()[:5].lower() == b"data_" or b"\n_atom_site." in text[:2_000_000]
        structure = gemmi.read_structure_string(
            text.decode("utf-8", "replace"), format=gemmi.CoorFormat.Mmcif if cif else gemmi.CoorFormat.Pdb
        )
        structure.setup_entities()
        count = structure[0].count_atom_sites() if len(structure) else 0
    except (OSError, EOFError) as error:
        raise Undrawn(f"“{path.name}” could not be read: it may be damaged.") from error
    except (ValueError, RuntimeError, IndexError) as error:
        raise Undrawn(f"“{path.name}” is no whole PDB or mmCIF file.") from error
    if not count:
        raise Undrawn(f"“{path.name}” holds no atoms: it may have been cut off.")
    if count > _ATOMS:
        raise Undrawn(f"“{path.name}” has {count:,} atoms; up to {_ATOMS:,} are drawn.")
    return Model(path.name, text, "mmcif" if cif else "pdb", structure)


def maps_of(files: Files, stored: str | None, name: str) -> list[str]:
    """The maps that a file of structure factors, or a CCP4 map, gives: keys of MAPS. Raises Undrawn."""
    path = located(files, stored, _FILE_BYTES)
    if not _reflections(path):
        return [kind_of_map(name) or "2fofc"]
    gemmi = _gemmi()
    try:
        labels = set(gemmi.read_mtz_file(str(path), with_data=False).column_labels())
    except (ValueError, RuntimeError, OSError, TypeError) as error:
        raise Undrawn(f"“{path.name}” is no whole MTZ file.") from error
    if not labels:  # they stand at the end of the file
        raise Undrawn(f"“{path.name}” is no whole MTZ file: it was cut off.")
    kinds = [kind for kind, pairs in _COLUMNS.items() if any({*pair} <= labels for pair in pairs)]
    if not kinds:
        raise Undrawn(f"“{path.name}” has no map coefficients.")
    return kinds


def _reflections(path: Path) -> bool:
    """Whether a file is an MTZ and no CCP4 map, by its beginning. Raises Undrawn, also where it unpacks to too much."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            head: bytes = file.read(212)
            if path.suffix == ".gz":
                file.seek(_FILE_BYTES)
                if file.read(1):
                    raise Undrawn(f"“{path.name}” unpacks to more than {_FILE_BYTES / 1e6:.0f} MB, which is not drawn.")
    except (OSError, EOFError) as error:
        raise Undrawn(f"“{path.name}” could not be read: it may be damaged.") from error
    if head.startswith(b"MTZ "):
        return True
    if head[208:212] == b"MAP ":
        return False
    raise Undrawn(f"“{path.name}” is no MTZ file and no CCP4 map.")


@dataclass(frozen=True, slots=True)
class Density:
    """A map on a grid of the whole cell: ``grid`` of gemmi, ``sigma`` its standard deviation."""

    name: str
    grid: Any
    sigma: float

    def box(self, model: Model) -> bytes:
        """The map about the model as a CCP4 file of signed bytes, ten for each σ. Raises Undrawn."""
        cell = self.grid.unit_cell
        low, high = _corners(model, cell)
        size = np.array(self.grid.shape)
        begin, end = np.floor(low * size), np.ceil(high * size)
        points = float(np.prod(end - begin + 1))  # in floats: a product of whole numbers may run over
        if not points <= _BOX_POINTS or not np.abs(begin).max() < _FAR:
            raise Undrawn(
                f"The box about the model needs {points / 1e6:.0f} million points of “{self.name}”; up to "
                f"{_BOX_POINTS / 1e6:.0f} million are sent."
            )
        first, last = begin.astype(int), end.astype(int)
        array = np.asarray(self.grid.array)
        for axis in range(3):
            array = np.take(array, np.arange(first[axis], last[axis] + 1), axis=axis, mode="wrap")
        steps = np.clip(np.rint(array * (_STEPS / self.sigma)), -127, 127).astype(np.int8)
        return _header(cell, size, first, steps) + steps.tobytes(order="F")

    def peaks(self, model: Model, least: float) -> list[Peak]:
        """The peaks of at least so many σ, highest first, each beside the model; at most 40.

        A peak is the highest point of the points above ``least`` that touch each other (gemmi's flood fill).
        """
        gemmi = _gemmi()
        cutoff = least * self.sigma
        blobs = gemmi.find_blobs_by_flood_fill(self.grid, cutoff, min_volume=0.0, min_score=0.0, min_peak=cutoff)
        blobs = sorted(blobs, key=lambda blob: -blob.peak_value)[:_MOST_PEAKS]
        places = [(blob.peak_pos.x, blob.peak_pos.y, blob.peak_pos.z) for blob in blobs]
        return [
            Peak(at.x, at.y, at.z, blob.peak_value / self.sigma, at.nearest, at.distance)
            for at, blob in zip(model.beside(places), blobs, strict=True)
        ]


def read_density(files: Files, stored: str | None, kind: str) -> Density:
    """One map of a file. Raises Undrawn."""
    path = located(files, stored, _FILE_BYTES)
    gemmi = _gemmi()
    try:
        grid = _from_factors(gemmi, path, kind) if _reflections(path) else _from_map(gemmi, path)
        sigma = float(np.asarray(grid.array).std())
    except (ValueError, RuntimeError, OSError, EOFError, TypeError) as error:
        raise Undrawn(f"“{path.name}” is damaged and gives no map.") from error
    if not np.isfinite(sigma) or sigma <= 0:
        raise Undrawn(f"“{path.name}” holds the same density everywhere.")
    return Density(path.name, grid, sigma)


def _from_factors(gemmi: Any, path: Path, kind: str) -> Any:
    mtz = gemmi.read_mtz_file(str(path))
    labels = set(mtz.column_labels())
    pair = next((pair for pair in _COLUMNS.get(kind, ()) if {*pair} <= labels), None)
    if pair is None:
        raise Undrawn(f"“{path.name}” has no coefficients of the map {MAPS.get(kind, kind)}.")
    for rate in _RATES:
        if np.prod(mtz.get_size_for_hkl(sample_rate=rate), dtype=float) <= _CELL_POINTS:
            return mtz.transform_f_phi_to_map(*pair, sample_rate=rate)
    raise Undrawn(f"The cell of “{path.name}” is too large for its resolution: no map is computed of it here.")


def _from_map(gemmi: Any, path: Path) -> Any:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        head = file.read(1024)
    order = ">" if head[212:213] == b"\x11" else "<"
    points = [float(np.prod(struct.unpack(f"{order}3i", head[at : at + 12]), dtype=float)) for at in (0, 28)]
    if not all(0 < count <= _CELL_POINTS for count in points):
        raise Undrawn(f"“{path.name}” has more points than the {_CELL_POINTS / 1e6:.0f} million that are read here.")
    found = gemmi.read_ccp4_map(str(path))
    found.setup(float("nan"))
    array = np.asarray(found.grid.array)
    mean = float(np.nanmean(array))
    # What the file does not cover is level, and what it does is measured from its mean.
    array[...] = np.nan_to_num(array - mean)
    return found.grid


def _corners(model: Model, cell: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The least and greatest fractional coordinates of the model in the cell of the map, with the margin."""
    positions = np.array([tuple(cra.atom.pos) for cra in model.structure[0].all()])
    fractions = positions @ np.array(cell.frac.mat.tolist()).T
    margin = _MARGIN * np.linalg.norm(np.array(cell.frac.mat.tolist()), axis=1)
    return fractions.min(axis=0) - margin, fractions.max(axis=0) + margin


def _header(cell: Any, size: Any, first: Any, steps: NDArray[np.int8]) -> bytes:
    """The 1024 bytes before a CCP4 map (MRC 2014), of mode 0, with x as the fastest axis; mean 0 and σ as stated."""
    head = bytearray(1024)
    struct.pack_into("<10i", head, 0, *steps.shape, 0, *map(int, first), *map(int, size))
    struct.pack_into("<6f", head, 40, cell.a, cell.b, cell.c, cell.alpha, cell.beta, cell.gamma)
    struct.pack_into("<3i3f", head, 64, 1, 2, 3, float(steps.min()), float(steps.max()), 0.0)
    # Space group 1: the box is what it is, no symmetry is to be applied.
    struct.pack_into("<2i", head, 88, 1, 0)
    head[208:216] = b"MAP DA\0\0"
    struct.pack_into("<f", head, 216, float(_STEPS))
    return bytes(head)
