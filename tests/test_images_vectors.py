"""Where NXmx vectors put a detector: held against positions computed by hand, and the header of a real file."""

from collections.abc import Mapping
from math import atan2, cos, degrees, hypot, radians, sin
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from servers import realdata

from data.images.formats import open_frames
from data.images.placement import place
from data.images.plane import Plane

SHAPE = (40, 30)
D = "/entry/instrument/detector"
M = f"{D}/module"
Axis = tuple[float, str, str, tuple[float, float, float], str]
"""value, unit, kind, vector, depends_on"""

AXES: dict[str, Axis] = {
    f"{M}/fast_pixel_direction": (0.075, "mm", "translation", (-1, 0, 0), f"{M}/module_offset"),
    f"{M}/slow_pixel_direction": (75.0, "um", "translation", (0, -2, 0), f"{M}/module_offset"),
    f"{M}/module_offset": (0.0, "m", "translation", (1, 0, 0), f"{D}/transformations/det_z"),
    f"{D}/transformations/det_z": (0.2, "m", "translation", (0, 0, 1), "two_theta"),
    f"{D}/transformations/two_theta": (0.0, "deg", "rotation", (0, 1, 0), "."),
}
CORNER = {f"{M}/module_offset": {"offset": (1.0, 1.5, 0.0), "offset_units": "mm"}}


def write(path: Path, axes: Mapping[str, Axis], more: Mapping[str, Mapping[str, Any]] = CORNER) -> Path:
    with h5py.File(path, "w") as file:
        file.create_dataset("/entry/data/data", data=np.ones((2, *SHAPE), np.uint16))
        file["/entry/instrument/beam/incident_wavelength"] = 1.0
        file["/entry/instrument/beam/incident_wavelength"].attrs["units"] = "angstrom"
        for name, (value, unit, kind, vector, carrier) in axes.items():
            made = file.create_dataset(name, data=value)
            made.attrs.update(
                {"units": unit, "transformation_type": kind, "vector": vector, "depends_on": carrier}
                | more.get(name, {})
            )
    return path


def plane_of(path: Path) -> Plane | None:
    with open_frames(path) as frames:
        return frames.meta(0).plane


def changed(**axes: Axis) -> dict[str, Axis]:
    return AXES | {next(name for name in AXES if name.endswith(f"/{key}")): axis for key, axis in axes.items()}


def test_an_upright_detector_stands_where_its_offsets_say(tmp_path: Path) -> None:
    plane = plane_of(write(tmp_path / "a.h5", AXES))
    assert plane is not None
    assert plane.points(0, 0) == pytest.approx((1.0, 1.5, 200.0))
    assert plane.points(10, 20) == pytest.approx((0.25, 0.0, 200.0))
    assert plane.beam == pytest.approx((1.0 / 0.075, 20.0))
    assert (plane.reach, plane.swing) == pytest.approx((200.0, 0.0))


def test_an_arm_swings_the_detector_about_the_sample(tmp_path: Path) -> None:
    arm = changed(two_theta=(30.0, "deg", "rotation", (0, 1, 0), "."))
    plane = plane_of(write(tmp_path / "a.h5", arm))
    assert plane is not None
    # About +y by 30°: (x, y, z) goes to (x cos + z sin, y, z cos - x sin).
    c, s = cos(radians(30)), sin(radians(30))
    for column, row in ((0, 0), (29, 0), (13.5, 39)):
        x, y, z = 1.0 - 0.075 * column, 1.5 - 0.075 * row, 200.0
        there = (x * c + z * s, y, z * c - x * s)
        assert plane.points(column, row) == pytest.approx(there, abs=1e-9)
        two_theta = atan2(hypot(there[0], there[1]), there[2])
        assert float(plane.two_theta(column, row)) == pytest.approx(two_theta)
        assert float(plane.resolution(column, row)) == pytest.approx(1 / (2 * sin(two_theta / 2)))
    assert plane.swing == pytest.approx(30.0)


def test_a_tilt_of_the_module_is_carried_by_the_movements_behind_it(tmp_path: Path) -> None:
    tilted = changed(module_offset=(90.0, "deg", "rotation", (0, 0, 1), f"{D}/transformations/det_z"))
    plane = plane_of(write(tmp_path / "a.h5", tilted))
    assert plane is not None
    # About +z by 90°: fast (-1, 0, 0) becomes (0, -1, 0), slow (0, -1, 0) becomes (1, 0, 0); the offset is not turned.
    assert plane.points(4, 0) == pytest.approx((1.0, 1.5 - 0.3, 200.0))
    assert plane.points(0, 4) == pytest.approx((1.0 + 0.3, 1.5, 200.0))


def test_a_module_that_is_not_at_the_corner_of_the_image_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", AXES)
    with h5py.File(path, "a") as file:
        file[f"{M}/data_origin"] = np.array([20, 10])
    plane = plane_of(path)
    assert plane is not None
    assert plane.points(10, 20) == pytest.approx((1.0, 1.5, 200.0))


def test_modules_of_one_plane_are_one_detector_and_others_are_none(tmp_path: Path) -> None:
    second = {name.replace("/module/", "/module_2/"): axis for name, axis in AXES.items() if "/module/" in name}
    beside = {name: (*axis[:4], axis[4].replace("/module/", "/module_2/")) for name, axis in second.items()}
    offset = {f"{D}/module_2/module_offset": {"offset": (0.4, 0.5, 0.0), "offset_units": "mm"}}
    flat = plane_of(write(tmp_path / "a.h5", AXES | beside, CORNER | offset))
    assert flat is not None
    assert flat.points(0, 0) == pytest.approx((1.0, 1.5, 200.0))
    offset = {f"{D}/module_2/module_offset": {"offset": (0.4, 0.5, 3.0), "offset_units": "mm"}}
    path = write(tmp_path / "b.h5", AXES | beside, CORNER | offset)
    assert plane_of(path) is None
    with open_frames(path) as frames:
        (note,) = frames.meta(0).notes
    assert "not lie in one plane" in note


@pytest.mark.parametrize(
    "bad",
    [
        changed(det_z=(0.2, "m", "translation", (0, 0, 1), "det_z")),
        changed(det_z=(0.2, "m", "translation", (0, 0, 1), "/entry/nothing")),
        changed(det_z=(0.2, "furlong", "translation", (0, 0, 1), ".")),
        changed(det_z=(0.2, "m", "moved", (0, 0, 1), ".")),
        changed(det_z=(0.2, "m", "translation", (0, 0, 0), ".")),
        changed(det_z=(float("nan"), "m", "translation", (0, 0, 1), ".")),
        changed(slow_pixel_direction=(75.0, "um", "translation", (1, 0, 0), f"{M}/module_offset")),
    ],
    ids=["circle", "nowhere", "unit", "kind", "no vector", "not finite", "no area"],
)
def test_vectors_that_make_no_detector_are_left_out_and_the_picture_is_there(
    tmp_path: Path, bad: dict[str, Axis]
) -> None:
    path = write(tmp_path / "a.h5", bad)
    assert plane_of(path) is None
    with open_frames(path) as frames:
        assert frames.read().array.max() == 1


def test_vectors_that_nobody_filled_in_are_left_out(tmp_path: Path) -> None:
    assert plane_of(write(tmp_path / "a.h5", AXES, {})) is None


def test_the_stored_resolution_is_held_against_the_vectors(tmp_path: Path) -> None:
    with open_frames(write(tmp_path / "a.h5", AXES)) as frames:
        meta = frames.meta(0)
    assert meta.plane is not None
    edge = meta.plane.edge(SHAPE[1], SHAPE[0])
    found = place(meta, {"resolution": edge}, SHAPE)
    assert (found.check.state, found.plane) == ("consistent", meta.plane)
    assert "the file's own vectors" in found.check.text
    assert edge is not None
    assert place(meta, {"resolution": edge * 1.3}, SHAPE).check.state == "warning"


def test_a_real_beamline_file_has_its_beam_where_its_header_says() -> None:
    folder = realdata.folder()
    name = "diffraction/dls_hyperion_nexus/rotation_unicode_metafile/ins_8_5.nxs"
    if folder is None or not (folder / name).exists():
        pytest.skip("the real NXmx file is not on this machine")
    with open_frames(folder / name) as frames:
        meta = frames.meta(0)
    assert meta.plane is not None
    assert meta.plane.beam == pytest.approx((meta.beam_x, meta.beam_y), abs=1e-6)
    assert meta.plane.reach == pytest.approx(340.0)
    x, y = 500.5, 4000.5
    radius = hypot(x - 2099.92, y - 2189.502222) * 0.075
    assert degrees(float(meta.plane.two_theta(x, y))) == pytest.approx(degrees(atan2(radius, 340.0)), rel=1e-7)
