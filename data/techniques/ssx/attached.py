"""What ESRF attaches to a serial run: ``ssx_stats.json`` with counts, ``ssx_cells.json`` with a cell for each crystal.

They are attachments of a program or of the collection itself, written anew as processing goes on. Neither tells of
single frames: counts are stated, cells have no time.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, or_, select

from data.errors import DataError
from data.images.files import Files, State
from data.reader import Reader
from data.schema import Collection, CollectionAttachment, Group, Program, ProgramAttachment, Visit
from data.techniques.collections import runs_of

STATS, CELLS = "ssx_stats.json", "ssx_cells.json"
_NAMES: Final = (STATS, CELLS)
_MOST_BYTES: Final = {STATS: 64 * 1024, CELLS: 256 * 1024 * 1024}
_MOST_COUNT: Final = 10**9


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts that a pipeline states of a run; ``resolution`` in Å; None where it does not say."""

    hits: int | None
    indexed: int | None
    lattice: str | None
    resolution: float | None


class Unusable(Exception):
    """An attachment that cannot be used; ``str()`` is a sentence for a person."""


def attachments(reader: Reader, visit_id: int, ids: Sequence[int] | None = None) -> dict[int, dict[str, str]]:
    """The stored paths of the newest of these files, by collection and name. Two statements."""
    columns = (
        ProgramAttachment.id.label("id"),
        ProgramAttachment.name.label("name"),
        ProgramAttachment.directory.label("directory"),
    )
    query = runs_of(
        visit_id,
        ids,
        columns,
        lambda q: q.join(ProgramAttachment, ProgramAttachment.program_id == Program.program_id).where(
            func.lower(ProgramAttachment.name).in_(_NAMES)
        ),
    )
    found: dict[int, dict[str, str]] = {}
    for row in sorted(reader.rows(query), key=lambda row: row.id):
        stored = f"{(row.directory or '').rstrip('/')}/{row.name}"
        found.setdefault(row.collection_id, {})[row.name.lower()] = stored
    beside = (
        select(CollectionAttachment.collection_id, CollectionAttachment.path)
        .select_from(Visit)
        .join(Group, Group.visit_id == Visit.visit_id)
        .join(Collection, Collection.group_id == Group.group_id)
        .join(CollectionAttachment, CollectionAttachment.collection_id == Collection.collection_id)
        .where(Visit.visit_id == visit_id)
        .where(or_(*(CollectionAttachment.path.endswith(f"/{name}", autoescape=True) for name in _NAMES)))
        .order_by(CollectionAttachment.id)
    )
    for row in reader.rows(beside if ids is None else beside.where(CollectionAttachment.collection_id.in_(ids))):
        found.setdefault(row.collection_id, {})[row.path.rsplit("/", 1)[1].lower()] = row.path
    return found


def experiment_lists(reader: Reader, visit_id: int, collection_id: int) -> list[str]:
    """The stored paths of DIALS' experiment lists (.expt) of the newest program of the run that has any; at most 500.

    Integrated ones where there are such, else indexed ones. One statement.
    """
    columns = (
        ProgramAttachment.id.label("id"),
        ProgramAttachment.name.label("name"),
        ProgramAttachment.directory.label("directory"),
    )
    query = runs_of(
        visit_id,
        [collection_id],
        columns,
        lambda q: q.join(ProgramAttachment, ProgramAttachment.program_id == Program.program_id).where(
            ProgramAttachment.name.endswith(".expt")
        ),
    )
    rows = list(reader.rows(query))
    for stem in ("integrated", "indexed"):
        of_stem = [row for row in rows if row.name.lower().startswith(stem)]
        if of_stem:
            newest = max(row.program_id for row in of_stem)
            kept = sorted((row for row in of_stem if row.program_id == newest), key=lambda row: row.id)[-500:]
            return [f"{(row.directory or '').rstrip('/')}/{row.name}" for row in kept]
    return []


def read_stats(path: Path) -> Stats:
    """The counts of a file. ``path`` must come from `Files`. Raises Unusable."""
    given = _json(path, STATS)
    if not isinstance(given, dict):
        raise Unusable(f"{STATS} does not hold what it should.")
    lattice = next((given[key] for key in ("laticeType", "latticeType") if isinstance(given.get(key), str)), None)
    resolution = given.get("estimatedResolution")
    return Stats(
        _count(given.get("nbHits")),
        _count(given.get("nbIndexed")),
        lattice[:40] if lattice else None,
        float(resolution) if isinstance(resolution, int | float) and 0.1 < resolution < 1000 else None,
    )


def read_cells(path: Path) -> NDArray[np.float32]:
    """Cells (m, 6): a, b, c in Å, α, β, γ in degrees. ``path`` must come from `Files`. Raises Unusable.

    Rows that are no cell (lengths not positive, angles outside 1..179) are left out.
    """
    given = _json(path, CELLS)
    rows = given.get("unit_cells") if isinstance(given, dict) else None
    try:
        cells = np.asarray(rows if rows else np.zeros((0, 6)), np.float32)
    except (TypeError, ValueError, OverflowError):
        cells = np.zeros(0, np.float32)
    if cells.ndim != 2 or cells.shape[1] != 6:
        raise Unusable(f"{CELLS} does not hold cells of six numbers.")
    lengths, angles = cells[:, :3], cells[:, 3:]
    with np.errstate(invalid="ignore"):
        whole = (lengths > 0).all(1) & (lengths < 1e5).all(1) & (angles > 1).all(1) & (angles < 179).all(1)
    found: NDArray[np.float32] = cells[whole]
    return found


def _json(path: Path, name: str) -> Any:
    try:
        if path.stat().st_size > _MOST_BYTES[name]:
            raise Unusable(f"{name} is too large to be read.")
        return json.loads(path.read_bytes())
    except OSError:
        raise Unusable(f"{name} cannot be read.") from None
    except (ValueError, RecursionError):
        raise Unusable(f"{name} is not whole: it may be being written.") from None


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _count(value: Any) -> int | None:
    return int(value) if _number(value) and 0 <= value <= _MOST_COUNT else None


class Attached:
    """The attachments of one run as they stand: ``look()`` reads those that changed since."""

    def __init__(self, reader: Reader, files: Files, visit_id: int, collection_id: int) -> None:
        self._reader, self._files, self._visit, self._collection = reader, files, visit_id, collection_id
        self._marks: dict[str, tuple[float, int, str]] = {}
        self.stats: Stats | None = None
        self.cells: NDArray[np.float32] = np.zeros((0, 6), np.float32)
        self.trouble: str | None = None

    def look(self) -> bool:
        """Whether anything changed. Raises nothing: what cannot be read is ``trouble`` and what was read stays."""
        try:
            paths = attachments(self._reader, self._visit, [self._collection]).get(self._collection, {})
        except DataError:
            return False
        changed, before, troubles = False, self.trouble, []
        for name, stored in paths.items():
            found = self._files.find(stored)
            if found.state is State.MISSING and name not in self._marks:
                continue  # not written yet
            if found.state is not State.PRESENT or found.path is None:
                troubles.append(found.words)
                continue
            try:
                about = found.path.stat()
                mark = (about.st_mtime, about.st_size, stored)
                if self._marks.get(name) == mark:
                    continue
                if name == STATS:
                    self.stats = read_stats(found.path)
                else:
                    self.cells = read_cells(found.path)
                self._marks[name] = mark
                changed = True
            except Unusable as error:
                troubles.append(str(error))
            except OSError:
                troubles.append(f"{name} cannot be read.")
        self.trouble = " ".join(troubles) or None
        return changed or self.trouble != before
