"""What is being written: the rows, and beside them what is true of the files that the rows point at."""

from dataclasses import dataclass
from datetime import date
from random import Random
from typing import Any

from data.demo.forms import Cell
from data.demo.quality import Fate
from data.demo.rows import Rows
from data.schema import Group


@dataclass(frozen=True, slots=True)
class Shown:
    """What the frames of one collection show; everything that its row does not state.

    ``form`` the acronym of the crystal form, ``cell`` the sample's own, ``crystal`` the seed of its orientation,
    ``best`` in Å, ``fate``, ``degrees``, ``shape`` and ``peak`` as in the per-image numbers, ``flux``
    after transmission, ``seed`` of the noise.
    """

    collection_id: int
    beamline: str
    form: str
    space_group: str
    cell: Cell
    crystal: int
    best: float
    fate: Fate
    ice: bool
    seed: int
    images: int
    start: float
    width: float
    wavelength: float
    distance: float
    exposure: float
    flux: float
    when: str
    degrees: float = 0.0
    shape: tuple[int, int] = (1, 1)
    still: bool = False
    hit_rate: float = 1.0
    peak: tuple[float, float] | None = None


class Plan:
    """Rows; ``frames`` by stem, that is folder and name without the image number; ``pictures`` by path: what kind
    of picture and the numbers to draw it from; ``damaged`` stored paths by the way in which they are wrong."""

    def __init__(self, seed: int, anchor: date) -> None:
        self.rows = Rows()
        self.random = Random(seed)  # noqa: S311 - simulated data, not a secret
        self.seed = seed
        self.anchor = anchor
        self.frames: dict[str, Shown] = {}
        self.pictures: dict[str, dict[str, Any]] = {}
        self.damaged: dict[str, str] = {}

    def group_visits(self) -> dict[int, int]:
        """The visit of every group."""
        return {row["group_id"]: row["visit_id"] for row in self.rows.of(Group)}
