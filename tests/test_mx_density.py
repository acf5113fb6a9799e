"""Models and maps: from files of every kind to what a page draws, and the peaks of a map."""

import gzip
import os
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from servers.realdata import real

from data.demo import molecule
from data.images.files import Files
from data.techniques.mx import density
from data.techniques.mx.density import Model, Undrawn, kind_of_map, maps_of, read_density, read_model

gemmi = pytest.importorskip("gemmi", reason="gemmi is not installed (extra mx)")

WHAT = {
    "cell": (42.0, 51.0, 61.0, 90.0, 104.0, 90.0), "space_group": "C 1 2 1", "seed": 7, "high": 2.2, "metal": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("density")
    (made / "m.pdb").write_text(molecule.pdb_of(WHAT))
    molecule.write_mtz(WHAT, made / "m.mtz")
    structure = gemmi.read_pdb(str(made / "m.pdb"))
    structure.make_mmcif_document().write_file(str(made / "m.cif"))
    (made / "m.pdb.gz").write_bytes(gzip.compress((made / "m.pdb").read_bytes()))
    (made / "m.mtz.gz").write_bytes(gzip.compress((made / "m.mtz").read_bytes()))
    whole = gemmi.Ccp4Map()
    whole.grid = gemmi.read_mtz_file(str(made / "m.mtz")).transform_f_phi_to_map("FWT", "PHWT", sample_rate=3)
    whole.update_ccp4_header()
    whole.write_ccp4_map(str(made / "2fofc.ccp4"))
    return made


@pytest.fixture(scope="module")
def files(folder: Path) -> Files:
    return Files((folder,))


@pytest.fixture(scope="module")
def model(folder: Path, files: Files) -> Model:
    return read_model(files, str(folder / "m.pdb"))


def test_the_helix_of_the_demo_is_one() -> None:
    alphas = [atom[4] for atom in molecule.atoms() if atom[0] == "CA"]
    near = [float(np.linalg.norm(a - b)) for a, b in pairwise(alphas)]
    assert near == pytest.approx([3.8] * 19, abs=0.05)
    # Right-handed, 1.5 Å and 100° for each residue.
    first, last = alphas[0], alphas[18]
    assert np.linalg.norm(last - first) == pytest.approx(18 * 1.5, abs=1.5)
    a, b, c, d = alphas[5:9]
    assert np.dot(np.cross(b - a, c - b), d - c) > 0
    oxygen = next(atom[4] for atom in molecule.atoms() if atom[0] == "O" and atom[3] == 4)
    nitrogen = next(atom[4] for atom in molecule.atoms() if atom[0] == "N" and atom[3] == 8)
    assert np.linalg.norm(oxygen - nitrogen) == pytest.approx(2.9, abs=0.25)  # the hydrogen bond


@pytest.mark.parametrize(("name", "form"), [("m.pdb", "pdb"), ("m.cif", "mmcif"), ("m.pdb.gz", "pdb")])
def test_a_model_is_what_it_is_whatever_its_form(folder: Path, files: Files, name: str, form: str) -> None:
    found = read_model(files, str(folder / name))
    assert (found.form, found.atoms, found.space_group) == (form, 139, "C 1 2 1")
    assert not found.text.startswith(b"\x1f\x8b")


@pytest.mark.parametrize("name", ["m.mtz", "m.mtz.gz"])
def test_the_maps_of_a_file_are_those_of_its_columns(folder: Path, files: Files, name: str) -> None:
    assert maps_of(files, str(folder / name), name) == ["2fofc", "fofc", "anom"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("2FOFC_MR.map", "2fofc"), ("FOFC_REFINE.map", "fofc"), ("x_anom.ccp4", "anom"), ("lig.map", None)],
)
def test_a_map_is_told_by_its_name(name: str, kind: str | None) -> None:
    assert kind_of_map(name) == kind


@pytest.mark.parametrize(("name", "kind"), [("m.mtz", "2fofc"), ("m.mtz", "anom"), ("2fofc.ccp4", "2fofc")])
def test_a_box_holds_the_map_about_the_model(
    folder: Path, files: Files, model: Model, tmp_path: Path, name: str, kind: str
) -> None:
    found = read_density(files, str(folder / name), kind)
    (tmp_path / "box.ccp4").write_bytes(found.box(model))
    box = gemmi.read_ccp4_map(str(tmp_path / "box.ccp4"))
    assert [box.header_i32(n) for n in (4, 17, 18, 19, 23)] == [0, 1, 2, 3, 1]
    assert box.header_float(55) == 10.0  # one σ is ten steps
    shape, first = ([box.header_i32(n) for n in numbers] for numbers in ((1, 2, 3), (5, 6, 7)))
    assert np.prod(shape) < 200_000
    for cra in list(model.structure[0].all())[::7]:
        place = found.grid.unit_cell.fractionalize(cra.atom.pos)
        at = [round(f * n) for f, n in zip(place, found.grid.shape, strict=True)]
        sent = box.grid.get_value(*(a - b for a, b in zip(at, first, strict=True)))
        assert all(0 <= a - b < n for a, b, n in zip(at, first, shape, strict=True))
        true = found.grid.get_value(*at) / found.sigma
        assert sent / 10 == pytest.approx(min(12.7, max(-12.7, true)), abs=0.051)


def test_a_map_and_its_structure_factors_agree(folder: Path, files: Files, model: Model) -> None:
    factors, map_ = (read_density(files, str(folder / name), "2fofc") for name in ("m.mtz", "2fofc.ccp4"))
    for cra in list(model.structure[0].all())[::11]:
        told = [float(one.grid.interpolate_value(cra.atom.pos)) / one.sigma for one in (factors, map_)]
        assert told[0] == pytest.approx(told[1], rel=0.001)


def test_peaks_are_where_the_scatterers_are_beside_the_model(folder: Path, files: Files, model: Model) -> None:
    found = read_density(files, str(folder / "m.mtz"), "anom").peaks(model, 4.0)
    assert [peak.nearest for peak in found[:4]] == ["A CYS 18 SG", "A MET 2 SD", "A MET 8 SD", "A MET 14 SD"]
    assert found[0].distance == pytest.approx(2.3, abs=0.4)  # the zinc, which nobody built
    assert all(peak.distance is not None and peak.distance < 0.7 for peak in found[1:4])
    assert [peak.height for peak in found] == sorted((peak.height for peak in found), reverse=True)
    zinc = next(atom[4] for atom in molecule.placed(WHAT["cell"], 7) if atom[1] == "ZN")
    assert np.linalg.norm(zinc - np.array([found[0].x, found[0].y, found[0].z])) < 0.7


def test_a_place_is_moved_by_symmetry_to_the_model(model: Model) -> None:
    atom = next(cra.atom for cra in model.structure[0].all() if cra.atom.name == "SG")
    x, y, z = model.structure.cell.fractionalize(atom.pos)
    for mate in ((x, y, z), (-x, y, -z), (x + 0.5, y + 0.5, z), (0.5 - x, y - 0.5, 1 - z)):
        (found,) = model.beside([mate], fractional=True)
        assert (found.x, found.y, found.z) == pytest.approx(tuple(atom.pos), abs=0.01)
        assert found.nearest == "A CYS 18 SG"
    (far,) = model.beside([(atom.pos.x + 1.0, atom.pos.y, atom.pos.z)])
    assert far.distance is not None


def written(folder: Path, name: str, content: bytes) -> str:
    (folder / name).write_bytes(content)
    return str(folder / name)


def big(folder: Path, name: str, size: int) -> str:
    path = folder / name
    path.touch()
    os.truncate(path, size)
    return str(path)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda d: str(d / "gone.pdb"), "not on disk any more"),
        (lambda d: "/etc/passwd", "not in a folder"),
        (lambda d: written(d, "empty.pdb", b""), "is empty"),
        (lambda d: written(d, "cut.pdb", molecule.pdb_of(WHAT).encode()[:150]), "no whole PDB|no atoms"),
        (lambda d: written(d, "binary.pdb", bytes(range(256)) * 40), "no atoms|no whole"),
        (lambda d: written(d, "cut.cif", b"data_x\nloop_\n_atom_site.id\n_atom_site.x\n1"), "no whole|no atoms"),
        (lambda d: written(d, "cut.pdb.gz", gzip.compress(molecule.pdb_of(WHAT).encode())[:200]), "damaged"),
        (lambda d: written(d, "bomb.pdb.gz", gzip.compress(bytes(60_000_000), 1)), "unpacks to more"),
        (lambda d: big(d, "large.pdb", 200_000_000), "has 200 MB"),
    ],
)
def test_a_model_that_cannot_be_drawn_says_why(folder: Path, files: Files, make: Any, words: str) -> None:
    with pytest.raises(Undrawn, match=words):
        read_model(files, make(folder))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda d: str(d / "gone.mtz"), "not on disk any more"),
        (lambda d: written(d, "empty.mtz", b""), "is empty"),
        (lambda d: written(d, "cut.mtz", (d / "m.mtz").read_bytes()[:5000]), "no whole MTZ|damaged"),
        (lambda d: written(d, "cut.ccp4", (d / "2fofc.ccp4").read_bytes()[:5000]), "damaged"),
        (lambda d: written(d, "text.mtz", b"no MTZ at all " * 99), "no MTZ file and no CCP4 map"),
        (lambda d: written(d, "huge.ccp4", huge((d / "2fofc.ccp4").read_bytes())), "more points"),
        (lambda d: big(d, "large.mtz", 200_000_000), "has 200 MB"),
        (lambda d: written(d, "flat.ccp4", flat((d / "2fofc.ccp4").read_bytes())), "same density everywhere"),
    ],
)
def test_a_map_that_cannot_be_drawn_says_why(folder: Path, files: Files, make: Any, words: str) -> None:
    path = make(folder)
    said = []
    for step in (lambda: maps_of(files, path, "2fofc"), lambda: read_density(files, path, "2fofc")):
        try:
            step()
        except Undrawn as error:
            said.append(str(error))
    assert any(re.search(words, text) for text in said), said


def huge(content: bytes) -> bytes:
    return content[:28] + np.array([4000, 4000, 4000], "<i4").tobytes() + content[40:2000]


def flat(content: bytes) -> bytes:
    extra = int.from_bytes(content[92:96], "little")
    return content[: 1024 + extra] + bytes(len(content) - 1024 - extra)


def test_a_box_that_would_be_too_large_is_not_sent(
    folder: Path, files: Files, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(density, "_BOX_POINTS", 1000)
    with pytest.raises(Undrawn, match="million points"):
        read_density(files, str(folder / "m.mtz"), "2fofc").box(model)


@pytest.mark.parametrize("far", [1e7, 1e20])
def test_a_model_that_reaches_too_far_asks_for_no_memory(folder: Path, files: Files, model: Model, far: float) -> None:
    """The points of the box are more than a whole number of 64 bits holds."""
    other = model.structure.clone()
    other[0][0][0][0].pos = gemmi.Position(far, far, far)
    found = read_density(files, str(folder / "m.mtz"), "2fofc")
    with pytest.raises(Undrawn, match="million points"):
        found.box(Model("far.cif", b"", "mmcif", other))


def test_without_gemmi_it_is_said_which_extra_brings_it(
    folder: Path, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "gemmi", None)
    with pytest.raises(Undrawn, match="extra “mx”"):
        read_model(files, str(folder / "m.pdb"))


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("HEWL_refined.mtz", ["2fofc", "fofc", "anom"]),  # phenix.refine
        ("refmac_final.mtz", ["2fofc", "fofc"]),
        ("5wkd_phases.mtz.gz", ["2fofc", "fofc"]),
        ("phaser_1.mtz", ["2fofc"]),
    ],
)
def test_real_files_give_the_maps_that_their_programs_wrote(name: str, kinds: list[str]) -> None:
    path = real("mx_processing", "mtz", name)
    assert maps_of(Files((path.parent,)), str(path), name) == kinds
    found = read_density(Files((path.parent,)), str(path), "2fofc")
    assert found.sigma > 0
