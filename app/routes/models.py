"""Models and maps for the page that draws them, and that page: Mol*'s built viewer in a frame with a policy of its own.

Rows are read anew, in the rights of whoever asks, for every model and every map. The viewer's files are those of a
folder: see `app.viewer_files`; they are sent to who is signed in.
"""

import asyncio
import gzip
from concurrent.futures import Executor
from typing import Any, Final

from app.routes.answers import Body, Darkroom, PictureHandler, named
from app.viewer_files import VIEWER, ViewerFiles
from auth.routes import AuthedHandler
from data.core import attachments
from data.images.files import State
from data.reader import Reader
from data.techniques.mx.density import MAPS, read_density, read_model
from views.parts.molecule import page

# Mol* makes no worker and evaluates no text on the way to a drawing. Its styles set properties of elements, and it
# writes one style element. Pictures of the scene and of tiles are blob: or data:.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; script-src-attr 'none'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)
_SECONDS = 20.0  # a map of a large cell takes long; whoever waits sees that it is being made
_KEY = r"(?:run|phasing|model|reflections)\.\d{1,18}"


class ModelHandler(PictureHandler):
    """``/model/<collection>/<key>``: the text of a model."""

    async def get(self, number: str, key: str) -> None:
        files = self.room.images.files

        async def work() -> Body:
            stored = await self.ask(lambda reader: _path(reader, number, key))

            def draw() -> Body:
                model = read_model(files, stored)
                return Body(gzip.compress(model.text, 5, mtime=0), "text/plain; charset=utf-8", packed=True)

            return await self.room.lanes.run(files.lane(stored or ""), ("model", stored), draw, _SECONDS)

        await self.send(work)


class MapHandler(PictureHandler):
    """``/model/<collection>/<key>/map/<key of the map's file>/<kind>``: a map about a model, as a CCP4 file."""

    async def get(self, number: str, key: str, file: str, kind: str) -> None:
        files = self.room.images.files

        async def work() -> Body:
            model_path, map_path = await self.ask(
                lambda reader: (_path(reader, number, key), _path(reader, number, file))
            )

            def draw() -> Body:
                tag = named("map", kind, *(_stamp(files.find(path)) for path in (model_path, map_path)))

                def made() -> Body:
                    box = read_density(files, map_path, kind).box(read_model(files, model_path))
                    return Body(gzip.compress(box, 4, mtime=0), "application/octet-stream", packed=True, tag=tag)

                return self.room.small.get(tag, made)

            lane = files.lane(map_path or "")
            return await self.room.lanes.run(lane, ("map", model_path, map_path, kind), draw, _SECONDS)

        await self.send(work)


def _path(reader: Reader, number: str, key: str) -> str | None:
    stored: str | None = attachments.named(reader, int(number), key)["path"]
    return stored


def _stamp(found: Any) -> tuple[Any, ...]:
    if found.state is not State.PRESENT:
        return (found.words,)
    about = found.path.stat()
    return str(found.path), about.st_mtime_ns, about.st_size


class SceneHandler(AuthedHandler):
    """``/molecule/<name>``: the page that draws, its script, and the files of the viewer."""

    def initialize(self, viewer: ViewerFiles, pool: Executor) -> None:
        self._viewer, self._pool = viewer, pool

    async def get(self, name: str) -> None:
        self.set_header("X-Content-Type-Options", "nosniff")
        if name == "scene":
            self.set_header("Content-Type", "text/html; charset=utf-8")
            self.set_header("Content-Security-Policy", POLICY)
            self.set_header("X-Frame-Options", "SAMEORIGIN")
            self.finish(page.html(VIEWER.version))
            return
        # Packing 5 MB for the first who asks takes a quarter of a second.
        loop = asyncio.get_running_loop()
        packed = page.own(name) or await loop.run_in_executor(self._pool, self._viewer.packed, name)
        if packed is None:
            self.set_status(404)
            self.finish()
            return
        kind = "text/css" if name.endswith(".css") else "text/javascript"
        self.set_header("Content-Type", f"{kind}; charset=utf-8")
        # The address of each names its version.
        self.set_header("Cache-Control", "private, max-age=31536000, immutable")
        self.set_header("Vary", "Accept-Encoding")
        if "gzip" in self.request.headers.get("Accept-Encoding", ""):
            self.set_header("Content-Encoding", "gzip")
            self.finish(packed)
        else:
            self.finish(gzip.decompress(packed))


def patterns(room: Darkroom, viewer: ViewerFiles) -> list[tuple[Any, ...]]:
    """The routes of models."""
    mine = {"room": room}
    kinds = "|".join(MAPS)
    return [
        (rf"/model/(\d{{1,12}})/({_KEY})", ModelHandler, mine),
        (rf"/model/(\d{{1,12}})/({_KEY})/map/({_KEY})/({kinds})", MapHandler, mine),
        (r"/molecule/([a-z][\w.-]{0,40})", SceneHandler, {"viewer": viewer, "pool": room.services.pictures}),
    ]
