"""The order of the images of a grid scan: image, cell and position, against small scans drawn by hand and real ones."""

import re
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from servers.realdata import real

from data.techniques.mx.raster import (
    Raster,
    cell_of,
    cells,
    image_map,
    image_of,
    measured,
    position,
    raster_of,
    spread,
)


def drawn(text: str) -> list[list[int]]:
    return [[int(number) for number in line.split()] for line in text.strip().splitlines()]


BY_HAND = {
    "rows": (Raster(4, 3), "1 2 3 4\n5 6 7 8\n9 10 11 12"),
    "rows, snaked": (Raster(4, 3, snaked=True), "1 2 3 4\n8 7 6 5\n9 10 11 12"),
    "columns": (Raster(4, 3, vertical=True), "1 4 7 10\n2 5 8 11\n3 6 9 12"),
    "columns, snaked": (Raster(4, 3, vertical=True, snaked=True), "1 6 7 12\n2 5 8 11\n3 4 9 10"),
    "one row": (Raster(5, 1, snaked=True), "1 2 3 4 5"),
    "one column": (Raster(1, 3, vertical=True, snaked=True), "1\n2\n3"),
    "counted from 0": (Raster(2, 2, snaked=True, first=0), "0 1\n3 2"),
    "counted on": (Raster(2, 2, first=101), "101 102\n103 104"),
    "patches": (Raster(4, 4, snaked=True, patches_x=2, patches_y=2),
                "1 2 5 6\n4 3 8 7\n9 10 13 14\n12 11 16 15"),
    "patches, columns": (Raster(4, 2, vertical=True, patches_x=2), "1 3 5 7\n2 4 6 8"),
}  # fmt: skip


@pytest.mark.parametrize("name", BY_HAND)
def test_images_lie_as_drawn_by_hand(name: str) -> None:
    raster, text = BY_HAND[name]
    assert image_map(raster).tolist() == drawn(text)
    for row, line in enumerate(drawn(text)):
        for column, image in enumerate(line):
            assert cell_of(raster, image) == (column, row)
            assert image_of(raster, column, row) == image


def test_every_order_has_each_cell_once_and_back() -> None:
    for across, down, snaked, vertical, patches, first in product(
        (1, 2, 6), (1, 3, 4), (False, True), (False, True), (1, 2), (0, 1, 7)
    ):
        if across % patches:
            continue
        raster = Raster(across, down, snaked=snaked, vertical=vertical, patches_x=patches, first=first)
        columns, rows = cells(raster)
        assert len(set(zip(columns.tolist(), rows.tolist(), strict=True))) == raster.size == across * down
        for image in range(raster.first, raster.last + 1):
            cell = cell_of(raster, image)
            assert cell is not None
            assert image_of(raster, *cell) == image


def test_neighbouring_images_of_a_snake_are_neighbours_on_the_crystal() -> None:
    for vertical in (False, True):
        columns, rows = cells(Raster(7, 5, snaked=True, vertical=vertical))
        assert (np.abs(np.diff(columns)) + np.abs(np.diff(rows)) == 1).all()


def test_what_the_grid_does_not_have_is_nowhere() -> None:
    raster = Raster(4, 3)
    assert [cell_of(raster, image) for image in (-1, 0, 13, 10**12)] == [None] * 4
    assert [image_of(raster, *cell) for cell in ((-1, 0), (4, 0), (0, 3), (0, -1))] == [None] * 4


def test_positions_are_steps_from_the_middle_of_the_first_cell() -> None:
    raster = Raster(4, 3, 0.02, 0.01, offset_x=-0.3, offset_y=0.1)
    assert position(raster, 0, 0) == (-0.3, 0.1)
    assert position(raster, 3, 2) == pytest.approx((-0.24, 0.12))


def test_values_come_onto_their_cells_and_what_is_lacking_is_no_zero() -> None:
    raster = Raster(3, 2, snaked=True)
    images = np.array([1, 2, 4, 99, 0])
    found = spread(raster, images, np.array([10.0, 20.0, 40.0, 990.0, 5.0]))
    assert found[0, :2].tolist() == [10.0, 20.0]
    assert np.isnan(found[0, 2])
    assert found[1, 2] == 40.0
    assert np.isnan(found[1, :2]).all()


# ---- rows of GridInfo


def test_a_row_of_grid_info_is_read_as_it_is_written() -> None:
    row = {
        "steps_x": 30.0, "steps_y": 16.0, "step_x": 0.02, "step_y": 0.02, "orientation": "horizontal", "snaked": 1,
        "patches_x": 1, "patches_y": 1, "offset_x": None, "offset_y": None,
    }  # fmt: skip
    assert raster_of(row) == Raster(30, 16, 0.02, 0.02, snaked=True)
    assert raster_of(row | {"orientation": "Vertical", "snaked": None}, 0) == Raster(
        30, 16, 0.02, 0.02, vertical=True, first=0
    )
    assert measured(row)
    assert not measured(row | {"step_y": None})


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"steps_x": None}, "does not say how many cells"),
        ({"steps_y": 0.0}, "does not say how many cells"),
        ({"steps_x": -3.0}, "does not say how many cells"),
        ({"steps_x": float("nan")}, "does not say how many cells"),
        ({"steps_x": float("inf")}, "does not say how many cells"),
        ({"steps_x": 90_000.0, "steps_y": 90_000.0}, "no map is drawn"),
        ({"patches_x": 4}, "cannot be"),
        ({"patches_y": -1}, "cannot be"),
    ],
)
def test_a_row_that_describes_no_grid_says_so_in_one_sentence(changed: dict[str, object], words: str) -> None:
    found = raster_of({"steps_x": 30.0, "steps_y": 16.0, "step_x": 0.02, "step_y": 0.02} | changed)
    assert isinstance(found, str)
    assert words in found


# ---- real scans: maps of image numbers as the beamline's own program printed them


def printed(path: Path, title: str) -> list[list[float]]:
    text = path.read_text()
    part = text[text.index(title) :].split("\n ----", 1)[0].split("\n  ----", 1)[0]
    return [
        [float(number) for number in line.split("|")[1].split()]
        for line in part.splitlines()
        if re.match(r"\s*\d+\|", line)
    ]


REAL = {
    "DozorM__opid30a2_mesh_dozorm.map": (18, 4),
    "DozorM__id30a1_mesh1_dozorm.map": (35, 20),
    "DozorM2__id30a3_dozorm_001.map": (75, 56),
}


@pytest.mark.parametrize("name", REAL)
def test_real_meshes_number_their_images_as_this_function_does(name: str) -> None:
    across, down = REAL[name]
    numbers = printed(real("grid_scan", name), "Map of images number")
    assert image_map(Raster(across, down, snaked=True)).tolist() == numbers
    assert image_map(Raster(across, down)).tolist() != numbers  # else the test above could not fail


def test_the_best_images_of_a_real_mesh_are_where_its_program_put_its_crystals() -> None:
    name = "DozorM__opid30a2_mesh_dozorm.map"
    scores = np.array(printed(real("grid_scan", name), "Map of Scores"))
    raster = Raster(18, 4, snaked=True)
    images = np.arange(1, 73)
    values = np.array([scores[cell[1], cell[0]] for cell in (cell_of(raster, int(n)) for n in images) if cell])
    assert np.array_equal(spread(raster, images, values), scores)
    # The log of the same scan names image 23 as the centre of the best crystal, at X 13.5, Y 1.9 counted from 1.
    log = real("grid_scan", "DozorM2__dozorm2_two_mesh.log").read_text()
    found = re.search(r"^\s+1\s+100\.0\s+(\d+)\s+([\d.]+)\s+([\d.]+)", log, re.MULTILINE)
    assert found is not None
    cell = cell_of(raster, int(found[1]))
    assert cell is not None
    assert abs(cell[0] + 1 - float(found[2])) <= 1
    assert abs(cell[1] + 1 - float(found[3])) <= 0.5
