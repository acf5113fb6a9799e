"""Where the numbers of a serial run come from. Each source tells in batches what is new since it was asked last."""

from itertools import chain
from typing import Final, Protocol

import numpy as np
from sqlalchemy import func, select

from data.errors import DataError
from data.reader import Reader
from data.schema import Collection, Group, ImageQuality, Visit
from data.techniques.spots import HIT_SPOTS
from data.techniques.ssx.batch import Batch
from data.techniques.ssx.stream import StreamFile

_ROWS: Final = 100_000


class SourceTrouble(Exception):
    """A source cannot be read now; ``str()`` is a sentence for a person."""


class RunSource(Protocol):
    """One place that tells of a run."""

    @property
    def name(self) -> str:
        """What it is, for a person."""

    def read(self) -> Batch:
        """What is new; an empty batch where nothing is. Raises SourceTrouble, and nothing else."""

    @property
    def more(self) -> bool:
        """Whether the last answer was cut short, so that asking again at once brings more."""


class ImageRows:
    """ISPyB's ImageQualityIndicators, by image number. A hit has more than ``hit_spots`` spots."""

    name: Final = "ISPyB, per-image numbers"

    def __init__(self, reader: Reader, visit_id: int, collection_id: int, hit_spots: int = HIT_SPOTS) -> None:
        self._reader, self._visit, self._collection, self._hit = reader, visit_id, collection_id, hit_spots
        self._last = -1
        self.more = False

    def read(self) -> Batch:
        """Rows of higher image numbers than those read so far, at most 100,000."""
        query = (
            select(
                ImageQuality.image,
                # Without NULLs a column of 100,000 becomes an array five times as fast.
                func.coalesce(ImageQuality.spots, -1),
                func.coalesce(ImageQuality.resolution, 0.0),
                func.coalesce(ImageQuality.ice_rings, -1),
            )
            .select_from(Visit)
            .join(Group, Group.visit_id == Visit.visit_id)
            .join(Collection, Collection.group_id == Group.group_id)
            .join(ImageQuality, ImageQuality.collection_id == Collection.collection_id)
            .where(Visit.visit_id == self._visit, ImageQuality.collection_id == self._collection)
            .where(ImageQuality.image > self._last)
            .order_by(ImageQuality.image)
            .limit(_ROWS)
        )
        try:
            rows = self._reader.rows(query)
        except DataError as error:
            raise SourceTrouble(f"{self.name}: {error}") from error
        except Exception as error:  # its text may hold a statement, and is for the log
            raise SourceTrouble(f"{self.name} cannot be read.") from error
        self.more = len(rows) == _ROWS
        if not rows:
            return Batch.of([], [])
        values = np.fromiter(chain.from_iterable(rows), np.float64, 4 * len(rows)).reshape(-1, 4)
        image, found, rings = (values[:, column].astype(np.int64) for column in (0, 1, 3))
        limit = values[:, 2]
        self._last = int(image[-1])
        return Batch.of(
            image,
            np.full(len(image), np.nan),
            spots=found,
            hit=np.where(found < 0, -1, found > self._hit),
            # A resolution of a frame without pattern is that of noise.
            resolution=np.where((found > self._hit) & (limit > 0), limit, np.nan),
            ice=np.where(rings < 0, -1, rings > 0),
        )


class Stream:
    """A CrystFEL stream on disk."""

    def __init__(self, file: StreamFile, name: str) -> None:
        self._file = file
        self.name = f"CrystFEL stream {name}"
        self.more = False

    def read(self) -> Batch:
        """Frames of the chunks completed since the last call."""
        try:
            batch = self._file.read()
            self.more = self._file.behind
        except FileNotFoundError:
            raise SourceTrouble(f"{self.name} is no longer on disk.") from None
        except OSError:
            raise SourceTrouble(f"{self.name} cannot be read.") from None
        return batch
