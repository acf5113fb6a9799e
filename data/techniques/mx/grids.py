"""The grid scan of one collection: its raster, how it lies on the crystal's snapshot, the scan across it, centring."""

from dataclasses import dataclass
from typing import Any

from PIL import Image
from sqlalchemy import select

from data.core.collection import visit_of
from data.images.files import Files, State
from data.reader import Reader
from data.schema import Centring, CentringResult, Collection, CollectionImage, GridInfo, Group, WorkflowMesh
from data.techniques.collections import of_visit
from data.techniques.experiments import kind
from data.techniques.mx.raster import Raster, measured, raster_of

Row = dict[str, Any]

MESHES = ("mesh", "grid", "linescan")
"""What stands in the name of an experiment that scans a grid."""


@dataclass(frozen=True, slots=True)
class Underlay:
    """Where a snapshot lies under the grid, in mm of the grid: its upper left corner and its size."""

    left: float
    top: float
    width: float
    height: float
    which: int = 1


@dataclass(frozen=True, slots=True)
class Grid:
    """One collection's grid. ``raster`` is None where ``words`` says why; ``notes``: what does not fit, in sentences.

    ``omega`` in degrees; ``snapshot``: the stored path of the picture; ``measured``: whether the size of a cell is
    known, else positions are in cells.
    """

    collection_id: int
    omega: float | None
    images: int | None
    raster: Raster | None
    words: str = ""
    notes: tuple[str, ...] = ()
    measured: bool = False
    snapshot: str | None = None
    row: Row | None = None


@dataclass(frozen=True, slots=True)
class GridScan:
    """The grid of a collection, the one scanned across it, and what X-ray centring found.

    ``across``: the grid of the same group at right angles to it. ``first``: whether this one gives x and y of the
    centring, else it gives x and z. ``centrings``: rows of status, kind and the columns of CentringResult, in boxes.
    ``best_image``: of this collection, where a workflow named one.
    """

    grid: Grid
    across: Grid | None
    first: bool
    centrings: tuple[Row, ...]
    best_image: int | None


def is_mesh(experiment: str | None) -> bool:
    """Whether an experiment of this type scans a grid."""
    return any(word in (experiment or "").lower() for word in MESHES)


_GRID = tuple(attribute.key for attribute in GridInfo.__mapper__.column_attrs)
_OF_GROUP = (
    Collection.collection_id,
    Collection.group_id,
    Collection.images,
    Collection.first_image,
    Collection.omega,
    Collection.axis_start,
    Collection.snapshot_1.label("snapshot"),
    kind().label("kind"),
)


def grid_scan(reader: Reader, collection_id: int) -> GridScan | None:
    """The grid scan that a collection is; None where it is none. Three to seven statements; raises NotFound.

    A mesh of which ISPyB has no GridInfo is a grid scan without a raster.
    """
    visit_id = visit_of(reader, collection_id)
    here = dict(
        reader.one(
            of_visit(select(*_OF_GROUP), visit_id).where(Collection.collection_id == collection_id), "This collection"
        )._mapping
    )
    grids = _grids(reader, visit_id, here["group_id"])
    if not grids and not is_mesh(here["kind"]):
        return None
    of_group = of_visit(select(*_OF_GROUP), visit_id).where(Group.group_id == here["group_id"])
    members = [dict(row._mapping) for row in reader.rows(of_group.order_by(Collection.collection_id))]
    given = assigned([member["collection_id"] for member in members], grids)
    if collection_id not in given and not is_mesh(here["kind"]):
        return None
    all_of_them = {member["collection_id"]: _grid(member, given.get(member["collection_id"])) for member in members}
    own = all_of_them[collection_id]
    others = [grid for key, grid in all_of_them.items() if key != collection_id and grid.raster is not None]
    across = next((grid for grid in others if right_angles(own.omega, grid.omega)), None)
    return GridScan(
        own,
        across,
        across is None or own.collection_id < across.collection_id,
        _centrings(reader, visit_id, here["group_id"], own.row),
        _best_image(reader, visit_id, collection_id, own.row),
    )


def _grids(reader: Reader, visit_id: int, group_id: int) -> list[Row]:
    columns = [getattr(GridInfo, key) for key in _GRID]
    by_group = of_visit(select(*columns), visit_id).join(GridInfo, GridInfo.group_id == Group.group_id)
    by_collection = of_visit(select(*columns), visit_id).join(
        GridInfo, GridInfo.collection_id == Collection.collection_id
    )
    found: dict[int, Row] = {}
    for query in (by_group, by_collection):
        for row in reader.rows(query.where(Group.group_id == group_id).distinct()):
            found[row.id] = dict(row._mapping)
    return [found[key] for key in sorted(found)]


def assigned(members: list[int], grids: list[Row]) -> dict[int, Row]:
    """Which collection of a group each grid belongs to.

    A grid that names its collection belongs to it. Of those that name their group only, one belongs to every
    collection, and as many as there are collections belong to them in order; otherwise it cannot be told.
    """
    given = {row["collection_id"]: row for row in grids if row["collection_id"] in members}
    free = [member for member in members if member not in given]
    unnamed = [row for row in grids if row["collection_id"] is None]
    if len(unnamed) == 1:
        given |= dict.fromkeys(free, unnamed[0])
    elif len(unnamed) == len(free):
        given |= dict(zip(free, unnamed, strict=True))
    return given


def right_angles(one: float | None, other: float | None) -> bool:
    """Whether two angles in degrees are 90 apart, within 5."""
    return one is not None and other is not None and abs((one - other) % 180 - 90) <= 5


def _grid(member: Row, row: Row | None) -> Grid:
    omega = member["omega"] if member["omega"] is not None else member["axis_start"]
    base = (member["collection_id"], omega, member["images"])
    if row is None:
        words = "ISPyB has no row of GridInfo for this grid scan: how its images lie on the crystal is not known."
        return Grid(*base, None, words)
    raster = raster_of(row, member["first_image"])
    if isinstance(raster, str):
        return Grid(*base, None, raster, row=row)
    return Grid(
        *base, raster, notes=tuple(_notes(raster, member["images"])), measured=measured(row),
        snapshot=member["snapshot"], row=row,
    )  # fmt: skip


def _notes(raster: Raster, images: int | None) -> list[str]:
    if images is None or images == raster.size:
        return []
    grid = f"The grid has {raster.across} × {raster.down} = {raster.size:,} cells, the collection {images:,} images"
    if images > raster.size:
        return [f"{grid}: images beyond number {raster.last:,} have no cell."]
    return [f"{grid}: the last cells were not scanned, or the grid is stated wrongly."]


_RESULT = tuple(attribute.key for attribute in CentringResult.__mapper__.column_attrs)


def _centrings(reader: Reader, visit_id: int, group_id: int, grid: Row | None) -> tuple[Row, ...]:
    columns = [getattr(CentringResult, key) for key in _RESULT]
    query = (
        of_visit(select(Centring.status.label("run"), Centring.kind, *columns), visit_id)
        .join(Centring, Centring.group_id == Group.group_id)
        .outerjoin(CentringResult, CentringResult.centring_id == Centring.id)
        .where(Group.group_id == group_id)
        .distinct()
    )
    rows = [dict(row._mapping) for row in reader.rows(query)]
    if not any(row["id"] is not None for row in rows) and grid is not None and grid["group_id"] == group_id:
        # Rows from before XrayCentring had a table of its own.
        old = (
            of_visit(select(*columns), visit_id)
            .join(GridInfo, GridInfo.group_id == Group.group_id)
            .join(CentringResult, CentringResult.grid_id == GridInfo.id)
            .where(Group.group_id == group_id, GridInfo.id == grid["id"])
            .distinct()
        )
        rows += [{"run": row.status, "kind": None} | dict(row._mapping) for row in reader.rows(old)]
    return tuple(sorted(rows, key=lambda row: (row["id"] is None, -(row["total"] or 0), row["id"] or 0)))


def _best_image(reader: Reader, visit_id: int, collection_id: int, grid: Row | None) -> int | None:
    if grid is None or grid["mesh_id"] is None:
        return None
    query = (
        of_visit(select(CollectionImage.image), visit_id)
        .join(CollectionImage, CollectionImage.collection_id == Collection.collection_id)
        .join(WorkflowMesh, WorkflowMesh.best_image_id == CollectionImage.image_id)
        .where(Collection.collection_id == collection_id, WorkflowMesh.id == grid["mesh_id"])
    )
    found = reader.rows(query)
    return found[0].image if found else None


# ---- the snapshot under the grid


def underlay(grid: Grid, picture: tuple[int, int] | None) -> Underlay | str:
    """Where the snapshot of ``picture`` (width, height in pixels) lies under ``grid``, or why it is not drawn there.

    The stored offset is the grid's corner in pixels of the snapshot, its scale µm for each pixel. Where the grid is
    then larger than the picture, and fits in it by the inverse scale, the writer meant that.
    """
    raster, row = grid.raster, grid.row or {}
    if raster is None:
        return grid.words
    x, y, scale_x, scale_y = (row.get(key) for key in ("snapshot_x", "snapshot_y", "scale_x", "scale_y"))
    if x is None or y is None or not scale_x or not scale_y or not grid.measured:
        return "ISPyB does not say where the grid lies on the snapshot."
    if picture is None:
        return "The snapshot under the grid is not there to be drawn."
    width, height = picture
    pixel_x, pixel_y = abs(scale_x) / 1000, abs(scale_y) / 1000
    long, high = raster.across * raster.step_x, raster.down * raster.step_y
    if not (_fits(x, long / pixel_x, width) and _fits(y, high / pixel_y, height)):
        pixel_x, pixel_y = 1 / abs(scale_x) / 1000, 1 / abs(scale_y) / 1000
        if not (_fits(x, long / pixel_x, width) and _fits(y, high / pixel_y, height)):
            return "By the offset and the scale that ISPyB states the grid lies outside of the snapshot."
    left = raster.offset_x - raster.step_x / 2 - x * pixel_x
    top = raster.offset_y - raster.step_y / 2 - y * pixel_y
    return Underlay(left, top, width * pixel_x, height * pixel_y)


def _fits(offset: float, long: float, whole: int) -> bool:
    """Whether a side of the grid lies on the picture, but for a twentieth: real ones reach a little beyond."""
    return offset >= -0.05 * whole and offset + long <= 1.05 * whole


def picture_size(files: Files, stored: str | None) -> tuple[int, int] | None:
    """Width and height in pixels of a stored picture; None where it cannot be read. Reads its head only."""
    found = files.find(stored)
    if found.state is not State.PRESENT or found.path is None:
        return None
    try:
        with Image.open(found.path) as picture:
            return picture.size
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
