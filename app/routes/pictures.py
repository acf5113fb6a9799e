"""Small pictures of frames, crystal snapshots, and pictures of movies: behind the same gate and guard as everything.

A path comes only out of a guarded row and is opened only under a permitted root.
"""

from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from app.routes.answers import Body, Darkroom, PictureHandler, named
from data.core import collection as collections
from data.images.files import State
from data.images.formats import Unreadable
from data.images.micrographs import micrograph
from data.images.reduce import preview
from data.images.series import Series, Unplaced
from data.techniques.em import movies

_SMALL, _LARGE = 360, 1600
_PICTURE_NAMES = (".jpg", ".jpeg", ".png", ".gif", ".webp")
_SECONDS = 10.0  # an <img> asks once and no more, so it waits longer
_PICTURE_BYTES = 20_000_000
_MOST_PICTURE_PIXELS = 60_000_000
_ALLOWED_PICTURES = {"JPEG": "image/jpeg", "PNG": "image/png", "GIF": "image/gif", "WEBP": "image/webp"}


class SmallFrameHandler(PictureHandler):
    """``/diffraction/<collection>/<image>``: a small picture of a frame."""

    async def get(self, number: str, image: str) -> None:
        async def work() -> Body:
            series = Series.of(await self.ask(lambda reader: self.room.rows.imaging(reader, number)))
            stored = series.stored(int(image))

            def draw() -> Body:
                shot = self.room.images.shot(series, int(image))
                tag = named("small", shot)
                return self.room.small.get(
                    tag, lambda: Body(preview(self.room.images.frame(shot), 300), "image/jpeg", tag=tag)
                )

            lane = self.room.images.files.lane(stored)
            return await self.room.lanes.run(lane, ("small", series, int(image)), draw, _SECONDS)

        await self.send(work)


class SnapshotHandler(PictureHandler):
    """``/snapshot/<collection>/<1..4>?size=small|full``."""

    async def get(self, number: str, which: str) -> None:
        size = "full" if self.get_query_argument("size", "small") == "full" else "small"
        files = self.room.images.files

        async def work() -> Body:
            paths = await self.ask(lambda reader: collections.paths(reader, int(number)))
            stored = paths["snapshots"][int(which) - 1]

            def draw() -> Body:
                found = files.find(stored)
                if found.state is not State.PRESENT or found.path is None:
                    raise Unplaced(found)
                path, about = found.path, found.path.stat()
                tag = named("snapshot", str(path), about.st_mtime_ns, about.st_size, size)
                return self.room.small.get(tag, lambda: _picture(path, size, tag))

            return await self.room.lanes.run(files.lane(stored or ""), ("snapshot", stored, size), draw, _SECONDS)

        await self.send(work)


class MovieHandler(PictureHandler):
    """``/movie/<movie>/<movie|micrograph|fft|ctf>?size=small|full``: what ISPyB names, a picture or an image file."""

    async def get(self, number: str, which: str) -> None:
        size = "full" if self.get_query_argument("size", "small") == "full" else "small"
        files = self.room.images.files

        async def work() -> Body:
            stored = (await self.ask(lambda reader: movies.pictures(reader, int(number))))[which]

            def draw() -> Body:
                found = files.find(stored)
                if found.state is not State.PRESENT or found.path is None:
                    raise Unplaced(found)
                path, about = found.path, found.path.stat()
                stamp = about.st_mtime_ns, about.st_size
                tag = named("movie", str(path), stamp, size)
                return self.room.small.get(tag, lambda: self._drawn(path, stamp, size, tag))

            return await self.room.lanes.run(files.lane(stored or ""), ("movie", stored, size), draw, _SECONDS)

        await self.send(work)

    def _drawn(self, path: Path, stamp: tuple[int, int], size: str, tag: str) -> Body:
        if path.suffix.lower() in _PICTURE_NAMES:
            return _picture(path, size, tag)
        with self.room.images.shelf.frames(str(path), stamp) as frames:
            frame = frames.read()
        return Body(micrograph(frame, _SMALL if size == "small" else _LARGE), "image/jpeg", tag=tag)


def _picture(path: Path, size: str, tag: str) -> Body:
    if path.stat().st_size > _PICTURE_BYTES:
        raise Unreadable(f"“{path.name}” is too large to be shown as a picture.")
    data = path.read_bytes()
    try:
        with Image.open(BytesIO(data)) as picture:
            kind = _ALLOWED_PICTURES.get(picture.format or "")
            if kind is None or picture.width * picture.height > _MOST_PICTURE_PIXELS:
                raise Unreadable(f"“{path.name}” is not a picture that can be shown.")
            if size != "small":
                return Body(data, kind, tag=tag)
            picture.draft("RGB", (_SMALL, _SMALL))
            shown = picture.convert("RGB")
            shown.thumbnail((_SMALL, _SMALL))
            out = BytesIO()
            shown.save(out, "JPEG", quality=80)
            return Body(out.getvalue(), "image/jpeg", tag=tag)
    except Unreadable:
        raise
    except Exception as error:
        raise Unreadable(f"“{path.name}” is damaged and cannot be shown.") from error


def patterns(room: Darkroom) -> list[tuple[Any, ...]]:
    """The routes of pictures."""
    mine = {"room": room}
    return [
        (r"/diffraction/(\d{1,12})/(\d{1,9})", SmallFrameHandler, mine),
        (r"/movie/(\d{1,12})/(movie|micrograph|fft|ctf)", MovieHandler, mine),
        (r"/snapshot/(\d{1,12})/([1-4])", SnapshotHandler, mine),
    ]
