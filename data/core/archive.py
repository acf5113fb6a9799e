"""Several files as one zip, made while it is sent: nothing is put together on disk or in memory."""

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from data.errors import DataError
from data.images.files import Files

Row = dict[str, Any]

MOST_FILES, MOST_BYTES = 1000, 4_000_000_000
_PIECE = 256 * 1024
# What is packed already, or hardly becomes smaller.
_PACKED = re.compile(r"\.(gz|bz2|xz|zip|png|jpe?g|gif|pdf|mtz|h5|cbf|refl|map|ccp4)$", re.IGNORECASE)
_NOTE = "NOT INCLUDED.txt"


class TooLarge(DataError):
    """More than is packed at once."""


class _Pipe(io.RawIOBase):
    """Takes what the zip writes and gives it away."""

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._held.append(piece)
        self._written += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._written

    def take(self) -> bytes:
        """What came since the last call."""
        taken, self._held = b"".join(self._held), []
        return taken


def zipped(files: Files, rows: Sequence[Row], folder: str) -> Iterator[bytes]:
    """The pieces of a zip of these files (name, path), all in ``folder`` of it.

    A file that is missing, outside the permitted folders or cut short while it is read is told of in a text in the
    zip. Raises TooLarge before the first piece.
    """
    found: list[tuple[str, Path]] = []
    lacking: list[str] = []
    taken: dict[str, int] = {}
    total = 0
    for row in rows:
        located = files.find(row["path"])
        if located.path is None:
            lacking.append(located.words)
            continue
        try:
            total += located.path.stat().st_size
        except OSError:
            lacking.append(f"“{plain_name(row['name'])}” could not be read from disk.")
            continue
        found.append((_free(plain_name(row["name"]), taken), located.path))
    if len(found) > MOST_FILES or total > MOST_BYTES:
        raise TooLarge(
            f"This run has {len(found):,} files of {total / 1e9:.1f} GB together. At most {MOST_FILES:,} files and "
            f"{MOST_BYTES / 1e9:.0f} GB are packed at once: download them one by one."
        )
    return _pieces(found, lacking, folder)


def _pieces(found: Sequence[tuple[str, Path]], lacking: list[str], folder: str) -> Iterator[bytes]:
    pipe = _Pipe()
    left = MOST_BYTES  # a file may grow while it is read
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as archive:
        for name, path in found:
            head = zipfile.ZipInfo(f"{folder}/{name}")
            head.compress_type = zipfile.ZIP_STORED if _PACKED.search(name) else zipfile.ZIP_DEFLATED
            try:
                with path.open("rb") as source, archive.open(head, "w", force_zip64=True) as entry:
                    while left > 0 and (piece := source.read(min(_PIECE, left))):
                        entry.write(piece)
                        left -= len(piece)
                        if sent := pipe.take():
                            yield sent
            except OSError:
                lacking.append(f"“{name}” could not be read to its end.")
            if left <= 0:
                lacking.append(f"The files grew meanwhile: “{name}” is cut, and what would follow is left out.")
                break
            if sent := pipe.take():
                yield sent
        if lacking:
            archive.writestr(f"{folder}/{_NOTE}", "\n".join(lacking) + "\n")
    yield pipe.take()


def plain_name(name: str) -> str:
    """A name of one file, without folders or anything that a program could take for more."""
    last = name.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    kept = "".join(c if c.isprintable() and c not in '<>:"|?*' else "_" for c in last).strip(". ")
    return kept[:150] or "file"


def _free(name: str, taken: dict[str, int]) -> str:
    """The name, or one like it where it is taken, also by one that differs only in case."""
    stem, dot, suffix = name.partition(".")
    while True:
        count = taken[name.casefold()] = taken.get(name.casefold(), 0) + 1
        if count == 1:
            return name
        name = f"{stem}-{count}{dot}{suffix}"
