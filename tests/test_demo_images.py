"""The demo's files: in the form of the detectors, marked as simulated, made when asked for."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO
from math import pi
from pathlib import Path

import fabio
import h5py
import numpy as np
import pytest
from demo_recipes import IMAGE, INSULIN, LYSOZYME, written
from PIL import Image

from data.demo import micrographs, render, snapshots
from data.demo.recipe import Recipe, from_json, to_json
from data.demo.render import ensure, make_missing, plan, prune
from data.images.files import Files, State
from data.images.formats import open_frames


@pytest.fixture(scope="module")
def lyso(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lyso")
    render.render(replace(LYSOZYME, images_to_write=3), folder)
    return folder


def test_a_cbf_is_what_fabio_reads_and_says_that_it_is_simulated(tmp_path: Path) -> None:
    path = ensure(INSULIN, tmp_path, IMAGE)
    theirs = fabio.open(str(path))
    ours = written(INSULIN, tmp_path, IMAGE)
    assert (theirs.data == ours.array).all()
    header = theirs.header["_array_data.header_contents"]
    assert "simulated" in header
    assert "Wavelength 0.976300 A" in header
    assert "Detector_distance 0.180000 m" in header
    assert ours.meta.simulated
    assert ours.meta.start == pytest.approx(17.3 + 3 * 0.5)
    assert ours.meta.increment == 0.5
    assert (ours.meta.beam_x, ours.meta.beam_y) == pytest.approx(INSULIN.beam, abs=0.005)


def test_an_eiger_set_is_nxmx_with_linked_data(lyso: Path) -> None:
    master = lyso / "lyso_1_master.h5"
    with h5py.File(master) as file:
        assert file["/entry/definition"][()] == b"NXmx"
        link = file["/entry/data"].get("data_000002", getlink=True)
        assert (link.filename, link.path) == ("lyso_1_data_000002.h5", "/entry/data/data")
        assert file["/entry/data/data_000001"].shape == (2, 2162, 2068)
        assert file["/entry/data/data_000001"].chunks == (1, 2162, 2068)
        assert list(file["/entry/data/data_000001"]._filters) == ["32008"]
        detector = file["/entry/instrument/detector"]
        assert detector["detector_distance"][()] == pytest.approx(0.18)
        assert detector["pixel_mask"].shape == (2162, 2068)
        corner = file["/entry/instrument/detector/module/module_offset"]
        moved = corner[()] * corner.attrs["vector"] / 75e-6
        assert moved[:2] == pytest.approx(LYSOZYME.beam)
        omega = file["/entry/sample/transformations/omega"]
        assert omega[()] == pytest.approx(17.3 + 0.5 * np.arange(5))
    with open_frames(master) as frames:
        assert frames.count == 5
        meta = frames.read(2).meta
    assert meta.simulated
    assert (meta.wavelength, meta.distance) == (0.9763, 180.0)
    assert (meta.beam_x, meta.beam_y) == pytest.approx(LYSOZYME.beam)
    assert (meta.start, meta.increment) == (pytest.approx(18.3), pytest.approx(0.5))


def test_the_same_seed_gives_the_same_file_and_another_image_other_counts(tmp_path: Path) -> None:
    small = replace(INSULIN, detector="pilatus-300k")
    one = ensure(small, tmp_path / "one", 2).read_bytes()
    assert ensure(small, tmp_path / "two", 2).read_bytes() == one
    first, second = (written(small, tmp_path / "one", number).array for number in (1, 2))
    assert (first != second).mean() > 0.1


def test_frames_appear_when_they_are_first_asked_for(tmp_path: Path) -> None:
    small = replace(INSULIN, detector="pilatus-300k", n_images=20)
    eiger = replace(LYSOZYME, n_images=6)
    folder = tmp_path / "visit"
    plan([small], folder)
    plan([eiger, small.thumbnail("ins_1_0001t.jpg")], folder)
    files = Files((tmp_path,), on_missing=make_missing)
    for name in ("ins_1_0020.cbf", "lyso_1_master.h5", "ins_1_0001t.jpg"):
        assert files.find(f"{folder}/{name}").state is State.PRESENT
    for name in ("ins_1_0021.cbf", "ins_1_0000.cbf", "ins_1_00001.cbf", "other_0001.cbf",
                 "lyso_1_data_000004.h5", ".frames.json.cbf"):  # fmt: skip
        assert files.find(f"{folder}/{name}").state is State.MISSING
    master = folder / "lyso_1_master.h5"
    assert not (folder / "lyso_1_data_000003.h5").exists()
    with open_frames(master, files.permits, files.supply) as frames:
        assert frames.count == 6
        assert frames.read(5).array.shape == (2162, 2068)
    assert (folder / "lyso_1_data_000003.h5").exists()
    assert not list(folder.glob(".writing-*"))


def test_frames_asked_for_together_are_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = replace(INSULIN, detector="pilatus-300k")
    written_: list[Path] = []
    real = render.writers.write_cbf

    def counted(path: Path, *arguments: object) -> None:
        written_.append(path)
        real(path, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(render.writers, "write_cbf", counted)
    with ThreadPoolExecutor(4) as pool:
        paths = set(pool.map(lambda _: ensure(small, tmp_path, 3), range(8)))
    assert len(paths) == len(written_) == 1


def test_a_writer_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(render.writers.os, "replace", full)
    with pytest.raises(OSError, match="disk full"):
        ensure(replace(INSULIN, detector="pilatus-300k"), tmp_path, 1)
    assert list(tmp_path.iterdir()) == []


def test_the_folder_is_kept_within_its_limit_by_files_that_can_be_made_again(tmp_path: Path) -> None:
    small = replace(INSULIN, detector="pilatus-300k")
    plan([small], tmp_path)
    for number in range(1, 6):
        ensure(small, tmp_path, number)
    (tmp_path / "notes.txt").write_bytes(bytes(400_000))
    freed = prune(tmp_path, 1_200_000)
    assert freed > 0
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 1_200_000
    assert (tmp_path / "notes.txt").exists()
    assert make_missing(tmp_path / "ins_1_0001.cbf")


def test_recipes_travel_as_json() -> None:
    recipes = [INSULIN, LYSOZYME, Recipe(kind="snapshot", file="a.jpg", angle_deg=90.0)]
    assert from_json(to_json(recipes)) == recipes
    assert len(json.loads(to_json(recipes))[2]) == 3


@pytest.mark.parametrize("text", ["{}", "[1]", '[{"kind": "snapshot"}]', "nonsense", "[[]]"])
def test_what_is_no_list_of_recipes_is_refused(text: str) -> None:
    if text == "{}":
        assert from_json(text) == []
        return
    with pytest.raises(ValueError, match=r".+"):
        from_json(text)


@pytest.mark.parametrize("name", ["../a.cbf", "a/b.cbf", ".hidden", "", "a b.cbf"])
def test_a_recipe_names_a_plain_file(name: str) -> None:
    with pytest.raises(ValueError, match="file name"):
        Recipe(kind="snapshot", file=name)


# Pictures


def test_snapshots_differ_by_angle_and_crystal_and_say_that_they_are_simulated() -> None:
    pictures = [snapshots.snapshot(1), snapshots.snapshot(1, 90), snapshots.snapshot(2)]
    assert len(set(pictures)) == 3
    assert snapshots.snapshot(1) == pictures[0]
    for data in pictures:
        with Image.open(BytesIO(data)) as picture:
            assert (picture.format, picture.size) == ("JPEG", (512, 384))
            assert picture.info["comment"] == b"simulated"
        assert len(data) < 40_000


def test_a_thumbnail_shows_the_frame(tmp_path: Path) -> None:
    path = ensure(INSULIN.thumbnail("ins_1_0004t.jpg", IMAGE), tmp_path, IMAGE)
    with Image.open(path) as picture:
        assert max(picture.size) <= 400
        shades = np.asarray(picture)
    assert np.median(shades) > 200
    assert shades.min() < 60


def test_thon_rings_have_their_zeros_where_the_defocus_puts_them() -> None:
    defocus, voltage = 1.1, 300.0
    wavelength = micrographs.electron_wavelength(voltage)
    assert wavelength == pytest.approx(0.0196875, rel=1e-4)
    frequency = np.linspace(0.005, 0.25, 20_000)
    transfer = micrographs.ctf(frequency, np.zeros_like(frequency), defocus, 0.0, voltage)
    zeros = frequency[1:][np.sign(transfer[1:]) != np.sign(transfer[:-1])]
    # χ = π λ s² (Δ - Cs λ² s² / 2) is nπ - asin(0.1) at the n-th zero.
    phase = pi * wavelength * zeros**2 * (defocus * 1e4 - 2.7e7 * wavelength**2 * zeros**2 / 2)
    assert phase[:8] == pytest.approx(pi * np.arange(1, 9) - np.arcsin(0.1), abs=0.01)
    with Image.open(BytesIO(micrographs.power_spectrum(3, defocus, 0.0, 1.06, voltage))) as picture:
        shades = np.asarray(picture).astype(float)
    y, x = np.mgrid[0:512, 0:512] - 256
    ring = np.round(np.hypot(x, y)).astype(int)
    left = (x <= 0) & (ring < 256)
    profile = np.bincount(ring[left], shades[left]) / np.bincount(ring[left])
    first = round(zeros[0] * 2 * 1.06 * 256)
    between = round((zeros[0] + zeros[1]) / 2 * 2 * 1.06 * 256)
    assert profile[first] < 0.75 * profile[between]


def test_a_micrograph_is_small_and_says_that_it_is_simulated() -> None:
    data = micrographs.micrograph(3, 2.0, 1.06, 300.0)
    with Image.open(BytesIO(data)) as picture:
        assert picture.size == (512, 512)
        assert picture.info["comment"] == b"simulated"
    assert len(data) < 130_000
