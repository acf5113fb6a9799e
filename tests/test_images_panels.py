"""Detectors of several panels: the picture is held against positions computed by hand."""

from collections.abc import Sequence
from math import atan2, hypot, sin
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from data.images.formats import Frame, open_frames
from data.images.formats.frame import Peaks
from data.images.formats.panels import Layout, Panel
from data.images.geometry import Geometry
from data.images.placement import place
from data.images.plane import Plane

D = "/entry/instrument/detector"
PIXEL, DISTANCE, WAVELENGTH = 0.075, 100.0, 1.3
TALL, WIDE = 32, 48
Vector = tuple[float, float, float]
LEFT, DOWN = (-1.0, 0.0, 0.0), (0.0, -1.0, 0.0)


class Stand:
    """A panel: the position in mm of its first pixel's outer corner, and its axes."""

    def __init__(self, x: float, y: float, fast: Vector = LEFT, slow: Vector = DOWN, z: float = 0.0) -> None:
        self.corner, self.fast, self.slow = np.array([x, y, z]), np.array(fast), np.array(slow)

    def d(self, column: float, row: float) -> float:
        """d in Å of a pixel's centre, by hand."""
        x, y, z = self.corner + PIXEL * ((column + 0.5) * self.fast + (row + 0.5) * self.slow) + [0, 0, DISTANCE]
        return WAVELENGTH / (2 * sin(atan2(hypot(x, y), z) / 2))


def write(
    path: Path,
    stands: Sequence[Stand],
    data: np.ndarray[Any, Any],
    begins: Sequence[Sequence[int]] | None = None,
    *,
    wavelength: bool = True,
    detector: str = D,
    chunks: tuple[int, ...] | None = None,
) -> Path:
    """A file with one module for each stand; modules of a stack unless ``begins`` says where they lie in an image."""
    with h5py.File(path, "w") as file:
        file.create_dataset("/entry/data/data", data=data, chunks=chunks)
        if wavelength:
            file["/entry/instrument/beam/incident_wavelength"] = WAVELENGTH
            file["/entry/instrument/beam/incident_wavelength"].attrs["units"] = "angstrom"
        axis(file, f"{detector}/transformations/det_z", DISTANCE, (0, 0, 1), ".")
        file[detector].attrs["NX_class"] = "NXdetector"
        for number, stand in enumerate(stands):
            name = f"{detector}/ARRAY_{number}"
            axis(file, f"{detector}/transformations/{number}", 0.0, (0, 0, 1), "det_z", stand.corner)
            for key, vector in (("fast", stand.fast), ("slow", stand.slow)):
                axis(file, f"{name}/{key}_pixel_direction", PIXEL, vector, f"{detector}/transformations/{number}")
            file[name].attrs["NX_class"] = "NXdetector_module"
            begin = (number, 0, 0) if begins is None else begins[number]
            file[f"{name}/data_origin"] = np.array(begin)
            file[f"{name}/data_size"] = np.array((1, TALL, WIDE)[-len(begin) :])
    return path


def axis(file: Any, name: str, value: float, vector: Any, carrier: str, offset: Any = (0, 0, 0)) -> None:
    made = file.create_dataset(name, data=value)
    made.attrs.update({"units": "mm", "transformation_type": "translation", "vector": vector, "depends_on": carrier})
    made.attrs.update({"offset": offset, "offset_units": "mm"})


def pixels(panels: int, *spots: tuple[int, int, int]) -> np.ndarray[Any, Any]:
    """Two frames of panels, whose counts are the panel's number, and 100 more for each (panel, row, column)."""
    data = np.broadcast_to(np.arange(1, panels + 1, dtype=np.uint16)[:, None, None], (2, panels, TALL, WIDE)).copy()
    for number, (panel, row, column) in enumerate(spots):
        data[1, panel, row, column] = 100 * (number + 1)
    return data


def read(path: Path, index: int = 1) -> Frame:
    with open_frames(path) as frames:
        assert (frames.count, frames.channels) == (2, 1)
        frame = frames.read(index)
        assert frames.meta(index) == frame.meta
        assert frames.chunk(index) is None
        assert frame.shape == frames.shape
    return frame


def where(frame: Frame, count: int) -> tuple[int, int]:
    """(row, column) of the one pixel with a count."""
    (row,), (column,) = np.nonzero((frame.array == count) & ~frame.mask)
    return int(row), int(column)


# Four panels about the beam: two as they lie, one turned by a quarter, one on its head.
FOUR = (
    Stand(5.0, 4.0),
    Stand(-0.5, 3.9),
    Stand(5.0 - WIDE * PIXEL, -4.0, fast=(0, 1, 0), slow=(1, 0, 0)),
    Stand(-0.5 - WIDE * PIXEL, -3.0, fast=(1, 0, 0), slow=(0, 1, 0)),
)


def test_each_panel_is_drawn_where_it_stands_and_its_pixels_have_their_resolution(tmp_path: Path) -> None:
    spots = [(0, 0, 0), (0, 31, 47), (1, 3, 40), (2, 0, 0), (2, 31, 47), (2, 5, 30), (3, 0, 0), (3, 20, 7)]
    frame = read(write(tmp_path / "a.h5", FOUR, pixels(4, *spots)))
    plane = place(frame.meta, {}, frame.shape).plane
    assert plane is not None
    (words,) = frame.meta.notes
    assert words.startswith("Put together from 4 panels where the file states that they stand")
    said = float(words.rpartition("more than ")[2].split()[0])
    assert 0.2 < said < 0.5
    for number, (panel, row, column) in enumerate(spots):
        y, x = where(frame, 100 * (number + 1))
        stand = FOUR[panel]
        true = stand.corner + PIXEL * ((column + 0.5) * stand.fast + (row + 0.5) * stand.slow) + [0, 0, DISTANCE]
        assert np.abs(plane.points(x + 0.5, y + 0.5) - true).max() <= (said + 0.05) * PIXEL
        assert float(plane.resolution(x + 0.5, y + 0.5)) == pytest.approx(stand.d(column, row), rel=2e-2)
    # The first and second stand apart by whole pixels along x: to the last digit.
    y, x = where(frame, 100)
    assert float(plane.resolution(x + 0.5, y + 0.5)) == pytest.approx(FOUR[0].d(0, 0), rel=1e-9)
    assert frame.mask.sum() == frame.array.size - 4 * TALL * WIDE
    assert (frame.array[~frame.mask] > 0).all()


def test_the_picture_is_as_seen_from_the_sample_whichever_way_a_panel_is_read_out(tmp_path: Path) -> None:
    # Rows and columns of both panels run to the right and up, seen from the sample; the second stands to the left.
    stands = (Stand(0, -2, fast=(-1, 0, 0), slow=(0, 1, 0)), Stand(6, -2, fast=(-1, 0, 0), slow=(0, 1, 0)))
    frame = read(write(tmp_path / "a.h5", stands, pixels(2, (0, 0, 0), (1, 31, 47))))
    assert frame.shape == (TALL, 80 + WIDE)
    assert where(frame, 100) == (TALL - 1, 80)
    assert where(frame, 200) == (0, WIDE - 1)


def test_rings_and_the_beam_are_those_of_the_whole_detector_and_held_against_ispyb(tmp_path: Path) -> None:
    frame = read(write(tmp_path / "a.h5", FOUR, pixels(4)))
    height, width = frame.shape
    found = place(frame.meta, {"resolution": 2.0, "beam_x": 3.0, "beam_y": 4.0, "distance": 5.0}, frame.shape)
    assert found.plane is not None
    assert found.plane.beam == pytest.approx((5.0 / PIXEL, 4.0 / PIXEL))
    edge = found.plane.edge(width, height)
    assert place(frame.meta, {"resolution": edge}, frame.shape).check.state == "consistent"


def test_a_wavelength_that_only_ispyb_knows_gives_the_resolution(tmp_path: Path) -> None:
    frame = read(write(tmp_path / "a.h5", FOUR, pixels(4, (0, 0, 0)), wavelength=False))
    assert place(frame.meta, {}, frame.shape).plane is None
    assert "states the wavelength" in place(frame.meta, {}, frame.shape).check.text
    plane = place(frame.meta, {"wavelength": WAVELENGTH}, frame.shape).plane
    assert plane is not None
    y, x = where(frame, 100)
    assert float(plane.resolution(x + 0.5, y + 0.5)) == pytest.approx(FOUR[0].d(0, 0))


def test_panels_that_lie_in_one_image_are_moved_to_where_they_stand(tmp_path: Path) -> None:
    data = pixels(3, (2, 1, 2)).reshape(2, 3 * TALL, WIDE)
    begins = [(0, 0), (TALL, 0), (2 * TALL, 0)]
    stands = (Stand(5, 5), Stand(5, 1), Stand(-1, 5))
    frame = read(write(tmp_path / "a.h5", stands, data, begins))
    assert frame.shape == (round(4 / PIXEL) + TALL, 80 + WIDE)
    assert where(frame, 100) == (1, 80 + 2)
    plane = place(frame.meta, {}, frame.shape).plane
    assert plane is not None
    assert float(plane.resolution(82.5, 1.5)) == pytest.approx(stands[2].d(2, 1))


def test_an_image_whose_panels_lie_as_they_stand_is_left_as_it_is(tmp_path: Path) -> None:
    data = pixels(2).reshape(2, 2 * TALL, WIDE)
    stands = (Stand(1, 2), Stand(1.01, 2 - TALL * PIXEL))
    frame = read_plain(write(tmp_path / "a.h5", stands, data, [(0, 0), (TALL, 0)]))
    assert np.array_equal(frame.array, data[1])
    assert (frame.meta.panels, frame.meta.notes) == ("", ())
    assert frame.meta.plane is not None


def read_plain(path: Path) -> Frame:
    with open_frames(path) as frames:
        return frames.read(1)


def test_a_panel_that_is_turned_a_little_is_drawn_straight_and_the_words_say_how_far_that_is_off(
    tmp_path: Path,
) -> None:
    tilt = 0.1
    turned = Stand(-0.5, 3.9, fast=(-np.cos(tilt), np.sin(tilt), 0), slow=(-np.sin(tilt), -np.cos(tilt), 0))
    frame = read(write(tmp_path / "a.h5", (FOUR[0], turned), pixels(2)))
    (words,) = frame.meta.notes
    said = float(words.rpartition("more than ")[2].split()[0])
    assert 0.5 < said < 3


def test_a_panel_before_or_behind_the_others_is_drawn_where_the_ray_through_it_meets_their_plane(
    tmp_path: Path,
) -> None:
    near = Stand(-5.0, 4.0, z=-10.0)
    frame = read(write(tmp_path / "a.h5", (FOUR[0], near), pixels(2, (1, 16, 24))))
    plane = place(frame.meta, {}, frame.shape).plane
    assert plane is not None
    y, x = where(frame, 100)
    assert float(plane.resolution(x + 0.5, y + 0.5)) == pytest.approx(near.d(24, 16), rel=5e-3)


def test_detectors_of_any_name_are_found_by_their_class(tmp_path: Path) -> None:
    frame = read(write(tmp_path / "a.h5", FOUR, pixels(4), detector="/entry/instrument/ELE_D0"))
    assert frame.meta.panels == "placed"


def loose(path: Path, shape: tuple[int, ...], axes: str | None = None, name: str = "/entry_1/data_1/data") -> Path:
    with h5py.File(path, "w") as file:
        data = np.zeros(shape, np.int32)
        data[:] = np.arange(shape[1])[None, :, None, None]
        file[name] = data
        file[f"{name.rpartition('/')[0]}/distance"] = 0.1
        if axes:
            file[name].attrs["axes"] = axes
    return path


def test_panels_in_no_known_place_are_drawn_in_order_with_gaps_and_without_a_resolution_scale(tmp_path: Path) -> None:
    path = loose(tmp_path / "a.cxi", (2, 5, 20, 40), "experiment_identifier:module_identifier:y:x")
    frame = read(path)
    assert frame.shape == (3 * 20 + 2 * 4, 2 * 40 + 4)
    corners = frame.array[[0, 0, 24, 24, 48], [0, 44, 0, 44, 0]]
    assert corners.tolist() == [0, 1, 2, 3, 4]
    assert frame.mask[20:24].all()
    assert frame.mask[:, 40:44].all()
    assert frame.mask[48:, 44:].all()
    assert frame.mask.sum() == frame.array.size - 5 * 800
    (words,) = frame.meta.notes
    assert "does not state where its 5 panels stand" in words
    row = {"wavelength": 1.0, "distance": 100.0, "beam_x": 20.0, "beam_y": 20.0, "pixel_size_x": 0.075}
    found = place(frame.meta, row, frame.shape)
    assert found.plane is None
    assert "does not state where the panels" in found.check.text


@pytest.mark.parametrize("shape", [(2, 8, 512, 1024), (2, 16, 512, 128)])
def test_stacks_of_known_modules_are_told_by_their_size(tmp_path: Path, shape: tuple[int, ...]) -> None:
    frame = read(loose(tmp_path / "a.h5", shape, name="/data"))
    assert frame.meta.panels == "loose"
    assert int((~frame.mask).sum()) == shape[1] * shape[2] * shape[3]


def test_thresholds_remain_a_choice_and_are_not_taken_for_panels(tmp_path: Path) -> None:
    for number, (shape, named) in enumerate([((2, 2, 514, 1030), False), ((2, 2, 512, 1024), True)]):
        path = tmp_path / f"{number}_master.h5"
        with h5py.File(path, "w") as file:
            file["/entry/data/data"] = np.zeros(shape, np.uint16)
            if named:
                file.create_group(f"{D}/threshold_1_channel")
        with open_frames(path) as frames:
            assert (frames.channels, frames.shape) == (2, shape[-2:])
            assert frames.read(0, 1).shape == shape[-2:]


@pytest.mark.parametrize(
    ("stands", "words"),
    [
        ((Stand(0, 0), Stand(0, 0)), "lie on top of one another"),
        ((Stand(0, 0), Stand(9000, 0)), "too far apart"),
        ((Stand(0, 0), Stand(4, 0, fast=(0, 0, 1), z=-200.0)), "do not face the sample"),
    ],
)
def test_positions_that_make_no_detector_are_said_and_the_panels_are_shown_in_order(
    tmp_path: Path, stands: Sequence[Stand], words: str
) -> None:
    frame = read(write(tmp_path / "a.h5", stands, pixels(2)))
    assert words in frame.meta.notes[0]
    assert frame.meta.panels == "loose"
    assert int((~frame.mask).sum()) == 2 * TALL * WIDE


def test_masks_and_sentinels_of_panels_go_where_their_pixels_go(tmp_path: Path) -> None:
    data = pixels(4)
    data[1, 3, 4, 5] = 65535
    path = write(tmp_path / "a.h5", FOUR, data)
    with h5py.File(path, "a") as file:
        mask = np.zeros((4, TALL, WIDE), np.uint32)
        mask[2, :, 0] = 1
        file[f"{D}/pixel_mask"] = mask
    frame = read(path)
    assert (~frame.mask).sum() == 4 * TALL * WIDE - TALL - 1
    assert not (frame.array[~frame.mask] == 65535).any()


def test_panels_in_one_chunk_are_unpacked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.h5", FOUR, pixels(4), chunks=(1, 4, TALL, WIDE))
    asked = []
    plain = h5py.Dataset.__getitem__

    def counted(self: Any, which: Any, *more: Any) -> Any:
        if self.ndim == 4:
            asked.append(which)
        return plain(self, which, *more)

    with open_frames(path) as frames:
        monkeypatch.setattr(h5py.Dataset, "__getitem__", counted)
        frames.read(1)
    assert len(asked) == 1


def test_a_panel_that_was_not_written_is_masked_and_said_and_the_others_are_there(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", FOUR, pixels(4))
    with h5py.File(path, "a") as file:
        del file["/entry/data/data"]
        data = file.create_dataset("/entry/data/data", (2, 4, TALL, WIDE), np.uint16, chunks=(1, 1, TALL, WIDE))
        for panel in (0, 1, 3):
            data[1, panel] = panel + 1
    with open_frames(path) as frames:
        frame = frames.read(1)
        assert (~frame.mask).sum() == 3 * TALL * WIDE
        assert "1 of 4 panels are absent from this frame" in (frames.damage(1) or "")
        with pytest.raises(Exception, match="has not been written"):
            frames.read(0)


def test_spots_of_the_file_are_drawn_on_the_panels_they_lie_on() -> None:
    panels = (Panel(0, 0, 10, 20, 0, 0), Panel(10, 0, 10, 20, 0, 30, turned=True, flip_across=True))
    layout = Layout((20, 20), (20, 40), panels, "", placed=True)
    sheet = np.zeros((20, 20), int)
    sheet[3, 4], sheet[13, 4] = 1, 2
    found = layout.spots(Peaks(np.array([4.5, 4.5, 4.5]), np.array([3.5, 13.5, 25.0]), np.array([1.0, 2.0, 3.0])))
    picture = layout.picture(sheet, 0)
    assert found.sum.tolist() == [1, 2]
    assert [int(picture[int(y), int(x)]) for x, y in zip(found.x, found.y, strict=True)] == [1, 2]


def test_a_plain_geometry_and_one_of_panels_agree(tmp_path: Path) -> None:
    stands = (Stand(1.5, 1.2), Stand(1.5, 1.2 - 40 * PIXEL))
    frame = read(write(tmp_path / "a.h5", stands, pixels(2)))
    plane = place(frame.meta, {}, frame.shape).plane
    assert plane is not None
    geometry = Geometry(WAVELENGTH, DISTANCE, 1.5 / PIXEL, 1.2 / PIXEL, PIXEL, PIXEL)
    assert plane.points(3, 50) == pytest.approx(Plane.of(geometry).points(3, 50) * [-1, -1, 1])
