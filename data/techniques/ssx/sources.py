"""Where the numbers of a serial run come from. Each source tells in batches what is new since it was asked last."""

import time
from itertools import chain
from pathlib import Path
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, func, select

from data.errors import DataError
from data.images.files import Files, State
from data.reader import Reader
from data.schema import Collection, Group, ImageQuality, Visit
from data.techniques.spots import HIT_SPOTS
from data.techniques.ssx.attached import experiment_lists
from data.techniques.ssx.batch import Batch
from data.techniques.ssx.marks import MOST_FRAMES, Marks
from data.techniques.ssx.stills import NotStills, lattices
from data.techniques.ssx.stream import StreamFile

_ROWS: Final = 100_000
_GAPS: Final = 500
_GAP_SECONDS: Final = 3.0
_GAP_TIMES: Final = 20


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

    @property
    def remark(self) -> str:
        """What was odd so far, in sentences; empty where nothing was."""


def times(count: int) -> str:
    """``once``, ``3 times``."""
    return "once" if count == 1 else f"{count:,} times"


class ImageRows:
    """ISPyB's ImageQualityIndicators, by image number. A hit has more than ``hit_spots`` spots."""

    name: Final = "ISPyB, per-image numbers"

    def __init__(self, reader: Reader, visit_id: int, collection_id: int, hit_spots: int = HIT_SPOTS) -> None:
        self._reader, self._visit, self._collection, self._hit = reader, visit_id, collection_id, hit_spots
        self._last = -1
        self._gaps: dict[int, int] = {}
        self._asked = float("-inf")
        self._late = 0
        self.more = False

    @property
    def remark(self) -> str:
        """How many rows came after those of later images."""
        return f"{self._late:,} rows came after those of later images." if self._late else ""

    def read(self) -> Batch:
        """Rows of higher image numbers than those read so far, at most 100,000.

        Several programs may write rows, each in its own time: of the newest gaps, each is asked for again for a minute.
        """
        now = time.monotonic()
        if self._gaps and not self.more and now - self._asked >= _GAP_SECONDS:
            self._asked = now
            late = self._rows(ImageQuality.image.in_(sorted(self._gaps)))
            came = set(late.frame.tolist())
            asked = {image: often + 1 for image, often in self._gaps.items() if image not in came}
            self._gaps = {image: often for image, often in asked.items() if often < _GAP_TIMES}
            if came:
                self._late += len(late)
                self.more = True  # those that are new wait
                return late
        batch = self._rows(ImageQuality.image > self._last, ImageQuality.image < MOST_FRAMES)
        self.more = len(batch) == _ROWS
        if len(batch):
            self._note(batch.frame)
        return batch

    def _note(self, image: NDArray[np.int64]) -> None:
        """Which image numbers were passed over, the newest 500."""
        before = self._last if self._last >= 0 else int(image[0])
        steps = np.flatnonzero(np.diff(image, prepend=before) > 1)[-_GAPS:]
        ends = image[steps].tolist()
        starts = [before if k == 0 else int(image[k - 1]) for k in steps.tolist()]
        for low, high in zip(starts, ends, strict=True):
            self._gaps.update(dict.fromkeys(range(max(low + 1, high - _GAPS), high), 0))
        for old in sorted(self._gaps)[:-_GAPS]:
            del self._gaps[old]
        self._last = int(image[-1])

    def _rows(self, *which: ColumnElement[bool]) -> Batch:
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
            .where(*which)
            .order_by(ImageQuality.image)
            .limit(_ROWS)
        )
        try:
            rows = self._reader.columns(query)
        except DataError as error:
            raise SourceTrouble(f"{self.name}: {error}") from error
        except Exception as error:  # its text may hold a statement, and is for the log
            raise SourceTrouble(f"{self.name} cannot be read.") from error
        if not rows:
            return Batch.of([], [])
        values = np.fromiter(chain.from_iterable(rows), np.float64, 4 * len(rows)).reshape(-1, 4)
        image, found, rings = (values[:, column].astype(np.int64) for column in (0, 1, 3))
        limit = values[:, 2]
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

    @property
    def remark(self) -> str:
        """What of the file could not be used, and whether it began anew."""
        file, words = self._file, []
        if file.restarted:
            words.append(f"It began anew {times(file.restarted)} and was read from its beginning.")
        if file.broken:
            words.append(f"{file.broken:,} chunks make no sense and are left out.")
        return " ".join(words)

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


class Stills:
    """DIALS' experiment lists of stills among the attachments of the run's newest program that has any."""

    name: Final = "DIALS, experiment lists"

    def __init__(
        self, reader: Reader, files: Files, visit_id: int, collection_id: int, first_image: int, seconds: float = 5.0
    ) -> None:
        self._reader, self._files, self._visit, self._collection = reader, files, visit_id, collection_id
        self._first, self._seconds = first_image, seconds
        self._looked = float("-inf")
        self._marks: dict[str, tuple[float, int]] = {}
        self._given = Marks()
        self._waiting: list[Path] = []
        self._unread: dict[str, str] = {}

    @property
    def remark(self) -> str:
        """Which lists cannot be read."""
        return " ".join(list(self._unread.values())[-3:])

    @property
    def more(self) -> bool:
        """Whether a list that is new has not been read."""
        return bool(self._waiting)

    def read(self) -> Batch:
        """Frames that the next list tells of and none before did; a list is read again when it has changed."""
        if not self._waiting:
            self._look()
        if not self._waiting:
            return Batch.of([], [])
        path = self._waiting.pop()
        try:
            batch = lattices(path, self._first)
        except NotStills as error:
            self._marks.pop(str(path), None)
            self._unread[str(path)] = str(error)
            return Batch.of([], [])
        self._unread.pop(str(path), None)
        batch = batch.where((batch.frame >= 0) & (batch.frame < MOST_FRAMES))
        return batch.where(self._given.add(batch.frame, np.ones(len(batch), bool)))

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked < self._seconds:
            return
        self._looked = now
        try:
            stored = experiment_lists(self._reader, self._visit, self._collection)
        except DataError as error:
            raise SourceTrouble(f"{self.name}: {error}") from error
        for one in stored:
            found = self._files.find(one)
            if found.state is not State.PRESENT or found.path is None:
                continue
            try:
                about = found.path.stat()
            except OSError:
                continue
            mark = (about.st_mtime, about.st_size)
            if self._marks.get(str(found.path)) != mark:
                self._marks[str(found.path)] = mark
                self._waiting.append(found.path)
