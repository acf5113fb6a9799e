"""The two grids at right angles of a simulated centring, as one beamline or the other writes them."""

from random import Random

from data.demo.rows import Rows
from data.schema import Centring, CentringResult, GridInfo

# The camera of the snapshots: their size in pixels, and µm for each of them.
_WIDTH, _HEIGHT, _SCALE = 512, 384, 0.625


class Grids:
    """The grids of one group. What is random comes from the group's number, so that nothing else changes with it."""

    def __init__(self, group_id: int) -> None:
        random = Random(group_id * 7)  # noqa: S311 - simulated data, not a secret
        self._group_id = group_id
        self._at = tuple(random.uniform(0.3, 0.7) for _ in range(3))
        # Some beamlines name the collection, some the group only; some say nothing of the snapshot, or of the grid.
        self._named = random.random() < 0.8
        self._placed = random.random() < 0.85
        self._written = random.random() > 0.05
        self._centred = random.random() < 0.85
        self._images: int | None = None
        self._shapes: list[tuple[int, int]] = []
        self._last: int | None = None

    def images(self, wanted: int) -> int:
        """The images of the next grid: as many as of the first."""
        self._images = self._images or wanted
        return self._images

    def peak(self, place: int) -> tuple[float, float]:
        """Where the crystal is in the first grid or the second, as parts of width and height."""
        return self._at[0], self._at[1 + place % 2]

    def add(self, rows: Rows, collection_id: int, across: int, down: int) -> None:
        """The grid of one collection."""
        self._shapes.append((across, down))
        if not self._written:
            return
        step = 0.02 if across <= 12 else 0.01
        corner = (
            (_WIDTH - across * step * 1000 / _SCALE) / 2,
            (_HEIGHT - down * step * 1000 / _SCALE) / 2,
        )
        self._last = rows.add(
            GridInfo, group_id=self._group_id, collection_id=collection_id if self._named else None,
            steps_x=float(across), steps_y=float(down), step_x=step, step_y=step, orientation="horizontal", snaked=1,
            patches_x=1, patches_y=1,
            snapshot_x=corner[0] if self._placed else None, snapshot_y=corner[1] if self._placed else None,
            scale_x=_SCALE if self._placed else None, scale_y=_SCALE if self._placed else None,
        )  # fmt: skip

    def centre(self, rows: Rows, *, running: bool) -> None:
        """What X-ray centring made of both grids."""
        if not self._centred or len(self._shapes) < 2:
            return
        status = "pending" if running else "success"
        centring = rows.add(Centring, group_id=self._group_id, status=status, kind="3d")
        if running:
            return
        (across, down), (_, deep) = self._shapes[:2]
        # The numbers of a grid count cells from their middle, those of a centring boxes from their corner.
        x, y, z = (part * size + 0.5 for part, size in zip(self._at, (across, down, deep), strict=True))
        half = (max(1.0, 0.12 * across), max(0.5, 0.12 * down), max(0.5, 0.12 * deep))
        low = [max(0.0, float(round(at - by))) for at, by in zip((x, y, z), half, strict=True)]
        high = [
            min(float(size), max(least + 1, float(round(at + by))))
            for at, by, size, least in zip((x, y, z), half, (across, down, deep), low, strict=True)
        ]
        voxels = round((high[0] - low[0]) * (high[1] - low[1]) * (high[2] - low[2]))
        rows.add(
            CentringResult, centring_id=centring, grid_id=self._last,
            centre_x=round(x, 3), centre_y=round(y, 3), centre_z=round(z, 3),
            peak_x=min(int(x), across - 1), peak_y=min(int(y), down - 1), peak_z=min(int(z), deep - 1),
            voxels=max(1, voxels), total=round(voxels * 410.5, 1),
            min_x=low[0], max_x=high[0], min_y=low[1], max_y=high[1], min_z=low[2], max_z=high[2], status="success",
        )  # fmt: skip
