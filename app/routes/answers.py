"""What every route of pictures does: pass the guard, work in threads, answer with bytes or with a problem in words."""

import asyncio
import gzip
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tornado.iostream import StreamClosedError

from app.routes.lanes import Lanes, Late
from app.routes.rows import Rows
from app.services import Services
from auth.routes import AuthedHandler
from data.errors import DataError, NotFound
from data.images import warm
from data.images.cache import Cache
from data.images.formats import Unreadable
from data.images.images import Images
from data.images.jobs import Jobs, TooMany
from data.images.placement import Convention
from data.images.series import Unplaced
from data.reader import Reader
from views.problem import problem_of


@dataclass(frozen=True, slots=True)
class Body:
    """An answer: bytes, their type and the headers that go with them.

    ``tag`` names the content where that is known without it; ``packed``: the bytes are gzip.
    """

    data: bytes
    kind: str
    headers: tuple[tuple[str, str], ...] = ()
    packed: bool = False
    tag: str = ""
    status: int = 200

    @property
    def etag(self) -> str:
        """An ETag of the content."""
        return f'"{self.tag or hashlib.blake2b(self.data, digest_size=12).hexdigest()}"'


def said(content: Any, tag: str = "", status: int = 200) -> Body:
    """A JSON answer."""
    data = json.dumps(content, allow_nan=False, separators=(",", ":")).encode()
    return Body(data, "application/json; charset=utf-8", tag=tag, status=status)


def named(*parts: object) -> str:
    """A short name for content that these parts determine."""
    return hashlib.blake2b(repr(parts).encode(), digest_size=12).hexdigest()


@dataclass(frozen=True, slots=True)
class Darkroom:
    """What the routes of pictures share in one process.

    ``kept``: frames as they were sent; ``small``: little pictures. ``conventions`` by beamline; ``most``: images that
    are put together at once.
    """

    services: Services
    lanes: Lanes
    images: Images
    kept: Cache[str, Body]
    small: Cache[str, Body]
    jobs: Jobs
    rows: Rows
    conventions: Mapping[str, Convention]
    most: int


class PictureHandler(AuthedHandler):
    """Base of the routes for pictures. A request that its browser has dropped is not worked on any more."""

    seconds_kept = 0
    """How long a browser may show an answer again without asking; rights are at most that much older."""

    def initialize(self, room: Darkroom) -> None:
        self.room = room
        warm.begin()
        self._task: asyncio.Task[Any] | None = None

    def on_connection_close(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def ask(self, question: Callable[[Reader], Any]) -> Any:
        """A question to ISPyB as the person who asks. Raises what the Reader raises."""
        services, identity = self.room.services, self.identity
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(services.pictures, lambda: question(services.access.reader(identity)))

    async def send(self, work: Callable[[], Awaitable[Body]]) -> None:
        """Answer with what ``work`` makes; a failure is a JSON of title and text, never a trace."""
        self._task = asyncio.ensure_future(work())
        try:
            body = await self._task
        except asyncio.CancelledError:
            return
        except NotFound as error:
            self.room.services.denials.note(self.identity, self.address, self.request.path)
            return self.fail(404, "Not found", str(error))
        except Late as error:
            self.set_header("Retry-After", "1")
            return self.fail(503, "The file server is late", str(error))
        except Unreadable as error:
            return self.fail(404, error.title if isinstance(error, Unplaced) else "File not usable", str(error))
        except TooMany as error:
            return self.fail(503, "Too many jobs", str(error))
        except DataError as error:
            return self.fail(503, problem_of(error).title, str(error))
        except Exception as error:
            problem = problem_of(error)
            return self.fail(500, problem.title, f"{problem.text} ({problem.reference})")
        await self._finish(body)

    async def _finish(self, body: Body) -> None:
        if body.status != 200:
            self.set_header("Cache-Control", "no-store")
        else:
            kept = f"max-age={self.seconds_kept}" if self.seconds_kept else "no-cache"
            self.set_header("Cache-Control", f"private, {kept}")
            self.set_header("ETag", body.etag)
            if self.request.headers.get("If-None-Match") == body.etag:
                self.set_status(304)
                self.finish()
                return
        self.set_status(body.status)
        self.set_header("Content-Type", body.kind)
        for name, value in body.headers:
            self.set_header(name, value)
        data = body.data
        if body.packed:
            if "Vary" not in self._headers:
                self.set_header("Vary", "Accept-Encoding")
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

    def fail(self, status: int, title: str, text: str) -> None:
        """Answer with a problem in words."""
        self.set_status(status)
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps({"title": title, "text": text}))

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number of the query, held within its bounds; the default where it is none."""
        sent = self.get_query_argument(name, "")[:20]
        try:
            return min(high, max(low, int(sent)))
        except ValueError:
            return default

    def real(self, name: str, default: float, low: float, high: float) -> float:
        """A number of the query, held within its bounds; the default where it is none."""
        sent = self.get_query_argument(name, "")[:30]
        try:
            value = float(sent)
        except ValueError:
            return default
        return min(high, max(low, value)) if value == value else default
