"""HDF5 files that name other files, followed under our own rules."""

import os
from collections.abc import Iterator
from itertools import islice
from math import prod
from pathlib import Path
from typing import Any

import h5py

from data.images.formats.frame import Source, Unreadable

DEEPEST = 4
_MOST_LOOKED_AT = 5000  # names, in search of images
_MOST_CHUNK = 1_200_000_000  # bytes of one piece, unpacked


def inside(dataset: Any) -> bool:
    """Whether HDF5 itself can read a dataset: of its own file alone, and in pieces that fit into memory.

    For what lies elsewhere it would open a file that nobody permitted.
    """
    if dataset.external or dataset.is_virtual:
        return False
    return dataset.chunks is None or prod(dataset.chunks) * dataset.dtype.itemsize <= _MOST_CHUNK


class Opened:
    """The HDF5 files that one image needs, each permitted before it is opened."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._files: dict[Path, Any] = {}
        self.first = self._open(source.path)

    def close(self) -> None:
        """Close all."""
        for file in self._files.values():
            file.close()
        self._files.clear()

    def beside(self, owner: Path, name: str) -> Any:
        """The file that `owner` names, opened. Looked for as HDF5 does: as stated, then beside
        the owner."""
        stated = Path(name)
        tries = [stated] if stated.is_absolute() else [owner.parent / stated]
        tries.append(owner.parent / stated.name)
        for path in tries:
            if self._permitted(path) and (path.exists() or self._supplied(path)):
                return self._open(path)
        for path in tries:
            if os.path.lexists(path) and not self._permitted(path):
                raise Unreadable(f"“{self.source.name}” points to a file that this server may not read.")
        raise Unreadable(f"The data file “{stated.name}” that “{self.source.name}” needs is not on disk.")

    def walk(self, file: Any, path: str, depth: int = 0) -> Any:
        """The object at `path`, or None; links to other files go through `beside`."""
        here = file
        parts = [part for part in path.split("/") if part and part != "."]
        for number, part in enumerate(parts):
            if not isinstance(here, h5py.Group):
                return None
            name = part.encode()
            # Asked of HDF5 itself: h5py would look behind the link, and so open a file that nobody permitted.
            if not here.id.links.exists(name):
                return None
            kind = here.id.links.get_info(name).type
            if kind in (h5py.h5l.TYPE_EXTERNAL, h5py.h5l.TYPE_SOFT):
                if depth >= DEEPEST:
                    raise Unreadable(f"“{self.source.name}” has links that lead too far.")
                rest = "/".join(parts[number + 1 :])
                target = here.id.links.get_val(name)
                if kind == h5py.h5l.TYPE_EXTERNAL:
                    other = self.beside(Path(here.file.filename), os.fsdecode(target[0]))
                    return self.walk(other, f"{target[1].decode(errors='replace')}/{rest}", depth + 1)
                there = target.decode(errors="replace")
                base = "" if there.startswith("/") else here.name
                return self.walk(here.file, f"{base}/{there}/{rest}", depth + 1)
            here = here[part]
        return here

    def _permitted(self, path: Path) -> bool:
        if self.source.allowed is not None:
            return self.source.allowed(path)
        folder = os.path.realpath(self.source.path.parent)
        return Path(os.path.realpath(path)).is_relative_to(folder)

    def _supplied(self, path: Path) -> bool:
        return self.source.supply is not None and self.source.supply(path)

    def _open(self, path: Path) -> Any:
        real = Path(os.path.realpath(path))
        if real not in self._files:
            if not real.is_file():  # to open a pipe would wait for who writes into it, for ever
                raise Unreadable(f"“{path.name}” is not a file.")
            if len(self._files) >= 64:  # a long series read through: keep the first, drop the oldest
                oldest = next(islice(self._files, 1, None))
                self._files.pop(oldest).close()
            try:
                # HDF5 waits for a file while it holds the lock of all its callers: meet a server that hangs here first.
                with real.open("rb") as file:
                    file.read(512)
                    file.seek(-1, os.SEEK_END)
                    file.read(1)
                # No lock: the detector may be writing, and file servers often cannot lock.
                self._files[real] = h5py.File(real, "r", locking=False)
            except OSError as problem:
                raise Unreadable(f"“{path.name}” is damaged or cut short.") from problem
        return self._files[real]


def datasets(group: Any, left: Iterator[int] | None = None, depth: int = 0) -> Iterator[Any]:
    """Datasets of one file, by hard links only, to a bounded depth and number: groups may hold each other."""
    left = iter(range(_MOST_LOOKED_AT)) if left is None else left
    for name, _ in zip(islice(group, 2000), left, strict=False):
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            continue
        try:
            thing = group[name]
        except (KeyError, OSError):
            continue
        if isinstance(thing, h5py.Dataset):
            yield thing
        elif isinstance(thing, h5py.Group) and depth < 6:
            yield from datasets(thing, left, depth + 1)
