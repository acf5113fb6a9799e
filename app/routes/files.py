"""Files that pipelines and beamlines left: to take away, to look at, and all of a run as one zip.

The row is read anew, in the rights of whoever asks, for every request; a path is only ever one of that row.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from typing import Any, Final

from app.routes.streams import Pieces, Streamed, attached
from app.services import Services
from data.core import attachments
from data.core.archive import plain_name, zipped
from data.core.contents import Content, Kind, content
from data.errors import DataError
from data.reader import Reader
from data.techniques.mx import scans

_PIECE = 256 * 1024

#: What a page that a pipeline wrote may do here: be looked at. It is of no origin, runs nothing and asks for nothing.
SANDBOX: Final = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)


class NotShown(DataError):
    """A file that is not there, or cannot be shown in a page; its text says why."""


class _FileHandler(Streamed):
    @property
    def pool(self) -> Executor:
        # Not that of the lists: a file server may be slow.
        return self._services.pictures

    def still(self, reader: Reader) -> None:
        number, key = self.path_args
        if key.isdigit():
            attachments.of_run(reader, int(number), int(key))
        else:
            attachments.named(reader, int(number), key)

    def _found(self, reader: Reader, number: str, key: str) -> tuple[str, Content]:
        row = attachments.named(reader, int(number), key)
        return row["name"], content(self._services.files, row["path"])


class FileHandler(_FileHandler):
    """``/attachment/<collection>/<key>``: the file, to be saved."""

    async def get(self, number: str, key: str) -> None:
        headers: dict[str, str] = {}

        def begin(reader: Reader) -> Pieces:
            name, found = self._found(reader, number, key)
            headers.update(
                {
                    "Content-Type": "application/octet-stream",
                    "Content-Disposition": attached(plain_name(name)),
                    "Content-Length": str(found.size),
                }
            )
            return _bytes_of(found)

        await self.stream(begin, lambda: headers)


class FileView(_FileHandler):
    """``/attachment/<collection>/<key>/view``: a picture, or a page for a frame that runs nothing."""

    async def get(self, number: str, key: str) -> None:
        headers: dict[str, str] = {}

        def begin(reader: Reader) -> Pieces:
            return _to_look_at(self._found(reader, number, key)[1], headers)

        await self.stream(begin, lambda: headers)


class ScanFile(_FileHandler):
    """``/scan/<energyscan|xrf>/<number>/<which>``: a picture of a scan, or the page that a program wrote of it."""

    async def get(self, kind: str, number: str, which: str) -> None:
        headers: dict[str, str] = {}

        def begin(reader: Reader) -> Pieces:
            found = content(self._services.files, scans.file_of(reader, kind, int(number), which))
            return _to_look_at(found, headers)

        await self.stream(begin, lambda: headers)

    def still(self, reader: Reader) -> None:
        kind, number, which = self.path_args
        scans.file_of(reader, kind, int(number), which)


class ZipHandler(_FileHandler):
    """``/attachments/<collection>/<run>.zip``: all files of one run of a pipeline."""

    async def get(self, number: str, run: str) -> None:
        folder = f"{int(number)}-{int(run)}"
        headers = {"Content-Type": "application/zip", "Content-Disposition": attached(f"{folder}.zip")}

        def begin(reader: Reader) -> Pieces:
            rows = attachments.of_run(reader, int(number), int(run))
            return zipped(self._services.files, rows, folder)

        await self.stream(begin, lambda: headers)


def _to_look_at(found: Content, headers: dict[str, str]) -> Iterator[bytes]:
    """The bytes of a picture or a page, with the headers that keep it from doing anything. Raises NotShown."""
    if found.kind not in {Kind.PAGE, Kind.PICTURE}:
        raise NotShown(found.words or "This file is not a page and not a picture.")
    headers["Content-Length"] = str(found.size)
    headers["Content-Type"] = found.mime
    headers["Content-Security-Policy"] = SANDBOX
    if found.kind is Kind.PAGE:
        headers["Content-Type"] = "text/html; charset=utf-8"
        headers["X-Frame-Options"] = "SAMEORIGIN"
    return _bytes_of(found)


def _bytes_of(found: Content) -> Iterator[bytes]:
    """The bytes of a file, as many as it had. Raises NotShown where it is not there."""
    if found.path is None:
        raise NotShown(found.words)
    return _read(found)


def _read(found: Content) -> Iterator[bytes]:
    left = found.size
    if found.path is None or not left:
        yield b""
        return
    with found.path.open("rb") as file:
        while left > 0:
            piece = file.read(min(_PIECE, left))
            if not piece:
                raise OSError("the file became shorter while it was sent")
            left -= len(piece)
            yield piece


def patterns(services: Services) -> Sequence[tuple[Any, ...]]:
    """The routes of files."""
    mine, file = (
        {"services": services},
        r"/attachment/(\d{1,12})/((?:run|own|phasing|model|reflections|mrlog|blob1|blob2|blob3)\.\d{1,18})",
    )
    return [
        (file, FileHandler, mine),
        (rf"{file}/view", FileView, mine),
        (r"/scan/(energyscan|xrf)/(\d{1,12})/(picture|report)", ScanFile, mine),
        (r"/attachments/(\d{1,12})/(\d{1,18})\.zip", ZipHandler, mine),
    ]
