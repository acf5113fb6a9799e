"""Frames, their small pictures, and crystal snapshots: pixels by plain HTTP, behind the same gate and the same guard.

A path comes only out of a guarded row and is opened only under a permitted root.
"""

import asyncio
import gzip
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from tornado.iostream import StreamClosedError

from app.services import Services
from auth.routes import AuthedHandler
from data.core import collection as collections
from data.errors import DataError, NotFound
from data.images.cache import Cache
from data.images.files import Files, Located, State, frame_file
from data.images.formats import Unreadable, open_frames
from data.images.reduce import preview, reduce
from data.reader import Reader
from views.problem import problem_of

_LONGEST_SIDE = 1100
_SMALL = 360
_PICTURE_BYTES = 20_000_000
_MOST_PICTURE_PIXELS = 60_000_000
_CACHE_BYTES = 160_000_000
_ALLOWED_PICTURES = {"JPEG": "image/jpeg", "PNG": "image/png", "GIF": "image/gif", "WEBP": "image/webp"}


@dataclass(frozen=True, slots=True)
class Body:
    """An answer: bytes, their type and the headers that go with them."""

    data: bytes
    kind: str
    headers: tuple[tuple[str, str], ...] = ()
    packed: bool = False

    @property
    def tag(self) -> str:
        """An ETag of the content."""
        return f'"{hashlib.blake2b(self.data, digest_size=12).hexdigest()}"'


_TITLES = {
    State.MISSING: "File missing",
    State.UNREADABLE: "File not readable",
    State.OUTSIDE: "File outside the permitted folders",
    State.NONE: "No file",
}


class Unplaced(Unreadable):
    """A stored path leads to no file that may be opened; ``title`` says in two words why."""

    def __init__(self, found: Located) -> None:
        super().__init__(found.words)
        self.title = _TITLES.get(found.state, "No file")


class Pictures:
    """Makes the bytes; one for a process. Safe in threads; concurrent requests for one picture share the work."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._cache: Cache[tuple[Any, ...], Body] = Cache(_CACHE_BYTES, lambda body: len(body.data))

    def frame(self, reader: Reader, number: int, image: int) -> Body:
        """The 8-bit codes of one image of a collection, max-pooled to the screen."""
        path, index = self._image(reader, number, image)
        key = ("frame", str(path), path.stat().st_mtime_ns, index)
        return self._cache.get(key, lambda: self._codes(path, index))

    def diffraction(self, reader: Reader, number: int, image: int) -> Body:
        """A small picture of one image of a collection."""
        path, index = self._image(reader, number, image)
        key = ("small", str(path), path.stat().st_mtime_ns, index)
        return self._cache.get(key, lambda: self._preview(path, index))

    def snapshot(self, reader: Reader, number: int, which: int, size: str) -> Body:
        """One of the crystal snapshots of a collection, as it is or small."""
        paths = collections.paths(reader, number)
        stored = paths["snapshots"][which - 1] if 1 <= which <= len(paths["snapshots"]) else None
        path = self._present(self._files.find(stored))
        key = ("snapshot", str(path), path.stat().st_mtime_ns, size)
        return self._cache.get(key, lambda: _picture(path, size))

    def _image(self, reader: Reader, number: int, image: int) -> tuple[Path, int]:
        paths = collections.paths(reader, number)
        first, count = paths.get("first_image") or 1, paths.get("images")
        if not first <= image <= first + (count or 1) - 1:
            raise NotFound("This image")
        stored = frame_file(paths.get("directory") or "", paths.get("template") or "", image)
        path = self._present(self._files.find(stored or None))
        single = stored != frame_file(paths.get("directory") or "", paths.get("template") or "", image + 1)
        return path, 0 if single else image - first

    @staticmethod
    def _present(found: Located) -> Path:
        if found.state is not State.PRESENT or found.path is None:
            raise Unplaced(found)
        return found.path

    def _codes(self, path: Path, index: int) -> Body:
        with open_frames(path, self._files.permits, self._files.supply) as frames:
            frame = frames.read(index)
        small = reduce(frame, _LONGEST_SIDE)
        height, width = small.codes.shape
        headers = (
            ("X-Frame-Width", str(width)),
            ("X-Frame-Height", str(height)),
            ("X-Frame-Factor", str(small.factor)),
        )
        data = gzip.compress(small.codes.tobytes(), 1, mtime=0)
        return Body(data, "application/octet-stream", headers, packed=True)

    def _preview(self, path: Path, index: int) -> Body:
        with open_frames(path, self._files.permits, self._files.supply) as frames:
            return Body(preview(frames.read(index), 300), "image/jpeg")


def _picture(path: Path, size: str) -> Body:
    if path.stat().st_size > _PICTURE_BYTES:
        raise Unreadable(f"“{path.name}” is too large to be shown as a picture.")
    data = path.read_bytes()
    try:
        with Image.open(BytesIO(data)) as picture:
            kind = _ALLOWED_PICTURES.get(picture.format or "")
            if kind is None or picture.width * picture.height > _MOST_PICTURE_PIXELS:
                raise Unreadable(f"“{path.name}” is not a picture that can be shown.")
            if size != "small":
                return Body(data, kind)
            picture.draft("RGB", (_SMALL, _SMALL))
            shown = picture.convert("RGB")
            shown.thumbnail((_SMALL, _SMALL))
            out = BytesIO()
            shown.save(out, "JPEG", quality=80)
            return Body(out.getvalue(), "image/jpeg")
    except Unreadable:
        raise
    except Exception as error:
        raise Unreadable(f"“{path.name}” is damaged and cannot be shown.") from error


class PictureHandler(AuthedHandler):
    """Base: runs the work in the threads for pictures and answers with bytes or with a problem in words."""

    def initialize(self, services: Services, pictures: Pictures) -> None:
        self._services, self._pictures = services, pictures

    async def send(self, work: Callable[[Reader], Body]) -> None:
        """Answer with what ``work`` makes; a failure is a JSON of title and text, never a trace."""
        services, identity = self._services, self.identity
        loop = asyncio.get_running_loop()
        try:
            body = await loop.run_in_executor(services.pictures, lambda: work(services.access.reader(identity)))
        except NotFound as error:
            self._say(404, "Not found", str(error))
            return
        except Unreadable as error:
            self._say(404, error.title if isinstance(error, Unplaced) else "File not usable", str(error))
            return
        except DataError as error:
            self._say(503, problem_of(error).title, str(error))
            return
        except Exception as error:
            problem = problem_of(error)
            self._say(500, problem.title, f"{problem.text} ({problem.reference})")
            return
        # The browser keeps it and asks each time whether it still holds, so that rights are checked each time.
        self.set_header("Cache-Control", "private, no-cache")
        self.set_header("ETag", body.tag)
        if self.request.headers.get("If-None-Match") == body.tag:
            self.set_status(304)
            self.finish()
            return
        self.set_header("Content-Type", body.kind)
        for name, value in body.headers:
            self.set_header(name, value)
        data = body.data
        if body.packed:
            if "gzip" in self.request.headers.get("Accept-Encoding", ""):
                self.set_header("Content-Encoding", "gzip")
            else:
                data = gzip.decompress(data)
        try:
            await self.finish(data)
        except StreamClosedError:
            return

    def compute_etag(self) -> None:
        return None

    def _say(self, status: int, title: str, text: str) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps({"title": title, "text": text}))


class FrameHandler(PictureHandler):
    """``/frame/<collection>/<image>``."""

    async def get(self, number: str, image: str) -> None:
        await self.send(lambda reader: self._pictures.frame(reader, int(number), int(image)))


class SmallFrameHandler(PictureHandler):
    """``/diffraction/<collection>/<image>``: a small picture of a frame."""

    async def get(self, number: str, image: str) -> None:
        await self.send(lambda reader: self._pictures.diffraction(reader, int(number), int(image)))


class SnapshotHandler(PictureHandler):
    """``/snapshot/<collection>/<1..4>?size=small|full``."""

    async def get(self, number: str, which: str) -> None:
        size = "full" if self.get_query_argument("size", "small") == "full" else "small"
        await self.send(lambda reader: self._pictures.snapshot(reader, int(number), int(which), size))


def patterns(services: Services) -> list[tuple[Any, ...]]:
    """The routes of pictures."""
    given = {"services": services, "pictures": Pictures(services.files)}
    return [
        (r"/frame/(\d{1,12})/(\d{1,9})", FrameHandler, given),
        (r"/diffraction/(\d{1,12})/(\d{1,9})", SmallFrameHandler, given),
        (r"/snapshot/(\d{1,12})/([1-4])", SnapshotHandler, given),
    ]
