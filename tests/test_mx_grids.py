"""The grid scan of a collection, as the tiny ISPyB of `ispyb.py` has it in each kind of database."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ispyb import DATABASES, PEOPLE, Facility, shared
from PIL import Image

from data.errors import NotFound
from data.images.files import Files
from data.techniques.mx.grids import (
    Grid,
    Underlay,
    assigned,
    grid_scan,
    is_mesh,
    picture_size,
    right_angles,
    underlay,
)
from data.techniques.mx.raster import Raster, cell_of
from views.techniques.mx_grid import drawn, where


@pytest.fixture(scope="module", params=DATABASES)
def tiny(request: pytest.FixtureRequest) -> Iterator[Facility]:
    """The tiny ISPyB in one kind of database."""
    found = shared(request, request.param)
    yield found
    found.source.close()


def test_a_grid_is_read_with_what_centring_found(tiny: Facility) -> None:
    scan = grid_scan(tiny.reader("alice"), 1001)
    assert scan is not None
    diamond = "XrayCentring" not in tiny.source.settlement.missing_tables
    snaked = "GridInfo.snaked" not in tiny.source.settlement.missing_columns
    assert scan.grid.raster == Raster(4, 3, 0.02, 0.01, snaked=snaked)
    assert scan.grid.measured
    assert scan.grid.notes == (
        "The grid has 4 × 3 = 12 cells, the collection 3,600 images: images beyond number 12 have no cell.",
    )
    assert [(row["kind"], row["total"]) for row in scan.centrings] == ([("3d", 1234.0)] if diamond else [])
    # A workflow names its best image where there are workflows.
    has_mesh = "WorkflowMesh" not in tiny.source.settlement.missing_tables
    assert scan.best_image == (6 if has_mesh else None)


def test_a_grid_that_names_its_collection_is_no_other_collections(tiny: Facility) -> None:
    """Where a site has no such column, the only grid of a group is every collection's of it."""
    named = "GridInfo.dataCollectionId" not in tiny.source.settlement.missing_columns
    assert (grid_scan(tiny.reader("alice"), 1003) is None) == named


def test_a_collection_without_a_grid_is_none(tiny: Facility) -> None:
    assert grid_scan(tiny.reader("alice"), 1002) is None


@pytest.mark.parametrize("login", PEOPLE)
def test_a_foreign_grid_reads_as_an_absent_collection(tiny: Facility, login: str) -> None:
    reader, words = tiny.reader(login), set[str]()
    for key in (1001, 4001, 999_999):
        try:
            assert grid_scan(reader, key) is not None
        except NotFound as error:
            words.add(str(error))
    assert len(words) == 1


# ---- which grid is whose


def row(key: int, collection: int | None) -> dict[str, Any]:
    return {"id": key, "collection_id": collection}


def test_grids_belong_to_the_collection_that_they_name_or_in_order() -> None:
    one, two = row(1, None), row(2, None)
    assert assigned([10, 11], [row(1, 11), row(2, 10)]) == {10: row(2, 10), 11: row(1, 11)}
    assert assigned([10, 11], [one, two]) == {10: one, 11: two}
    assert assigned([10, 11], [one]) == {10: one, 11: one}
    assert assigned([10, 11], [row(1, 10), two]) == {10: row(1, 10), 11: two}
    # Two grids and three collections: it cannot be told, and is not guessed.
    assert assigned([10, 11, 12], [one, two]) == {}
    assert assigned([10], []) == {}


def test_grids_at_right_angles_are_a_pair() -> None:
    assert right_angles(0.0, 90.0)
    assert right_angles(270.0, 0.0)
    assert right_angles(-45.0, 45.0)
    assert right_angles(10.0, 103.0)
    assert not right_angles(0.0, 180.0)
    assert not right_angles(0.0, 60.0)
    assert not right_angles(None, 90.0)


def test_meshes_are_known_by_the_name_of_their_experiment() -> None:
    assert all(map(is_mesh, ("Mesh", "MESH", "Mesh3D", "LineScan", "Grid scan")))
    assert not any(map(is_mesh, ("OSC", "", None, "Characterization")))


# ---- the snapshot under the grid


def grid(**changed: Any) -> Grid:
    stored = {"snapshot_x": 304.0, "snapshot_y": 229.75, "scale_x": 0.83, "scale_y": 0.83} | changed
    return Grid(1, 0.0, 480, Raster(30, 16, 0.02, 0.02, snaked=True), measured=True, row=stored)


def test_a_real_grid_lies_on_its_snapshot() -> None:
    """The one grid of Diamond's sample database: 600 by 320 µm on a picture of 1024 by 768."""
    found = underlay(grid(), (1024, 768))
    assert isinstance(found, Underlay)
    assert found.width == pytest.approx(1024 * 0.00083)
    assert found.left == pytest.approx(-0.01 - 304 * 0.00083)
    # The corner of the first cell is at the stored pixel.
    assert (-0.01 - found.left) / found.width * 1024 == pytest.approx(304)
    assert (-0.01 - found.top) / found.height * 768 == pytest.approx(229.75)


def test_a_scale_that_was_stored_the_other_way_is_told_by_the_size_of_the_picture() -> None:
    found = underlay(grid(scale_x=2.0, scale_y=-2.0, snapshot_x=10.0, snapshot_y=10.0), (330, 200))
    assert isinstance(found, Underlay)  # 600 µm at 2 µm for a pixel: 300 pixels
    assert found.width == pytest.approx(330 * 0.002)
    turned = underlay(grid(scale_x=0.4, scale_y=0.4, snapshot_x=10.0, snapshot_y=10.0), (330, 200))
    assert isinstance(turned, Underlay)  # 1500 pixels do not fit; at 2.5 µm for a pixel 240 do
    assert turned.width == pytest.approx(330 * 0.0025)


def test_what_is_lacking_for_the_snapshot_is_said() -> None:
    assert underlay(grid(scale_x=None), (1024, 768)) == "ISPyB does not say where the grid lies on the snapshot."
    assert underlay(grid(snapshot_y=None), (1024, 768)) == "ISPyB does not say where the grid lies on the snapshot."
    assert "outside of the snapshot" in str(underlay(grid(snapshot_x=5000.0), (1024, 768)))
    assert "not there" in str(underlay(grid(), None))
    assert "does not say" in str(underlay(replace(grid(), measured=False), (1024, 768)))


def test_only_a_picture_under_a_root_has_a_size(tmp_path: Path) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n truncated")
    (tmp_path / "c.png").write_bytes(b"")
    files = Files((tmp_path,))
    assert picture_size(files, str(tmp_path / "a.png")) == (40, 30)
    for name in ("b.png", "c.png", "d.png", "../x.png"):
        assert picture_size(files, f"{tmp_path}/{name}") is None
    assert picture_size(Files((tmp_path / "other",)), str(tmp_path / "a.png")) is None


# ---- what is drawn


def test_every_cell_is_drawn_where_its_image_was_taken() -> None:
    raster = Raster(3, 2, 0.02, 0.01, snaked=True, offset_x=1.0)
    quality = {"image": np.array([1, 4, 9]), "bragg": np.array([5.0, np.nan, 7.0])}
    cells = drawn(raster, quality, "bragg", "mm")
    for n, image in enumerate(cells.image):
        assert cell_of(raster, int(image)) == (cells.column[n], cells.row[n])
        assert cells.x[n] == pytest.approx(1.0 + cells.column[n] * 0.02)
    assert cells.value[0] == 5.0
    # Not measured is not zero; image 9 has no cell.
    assert np.isnan(cells.value[1:]).all()
    assert cells.x[3] == pytest.approx(1.04)


def test_boxes_of_centring_are_counted_from_the_corner() -> None:
    raster = Raster(4, 3, 0.02, 0.01)
    result = {"centre_x": 0.5, "centre_y": 1.5, "centre_z": 2.5}
    assert where(raster, result, first=True) == pytest.approx((0.0, 0.01))
    assert where(raster, result, first=False) == pytest.approx((0.0, 0.02))
