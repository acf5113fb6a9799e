"""Answers that are sent in pieces while rights hold and somebody takes them."""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from urllib.parse import quote

from tornado.iostream import StreamClosedError

from app.services import Services
from auth.routes import AuthedHandler
from data.errors import DataError, NotFound
from data.reader import Reader
from views.place import from_query, to_query
from views.problem import problem_of

Pieces = Iterator[bytes]


class Streamed(AuthedHandler):
    """Base of routes that send files: rights are asked for while they are sent, as one may take a file slowly."""

    seconds = 15.0
    """How long what `still` said counts. (The Scope is compared at each piece.)"""

    def initialize(self, services: Services) -> None:
        self._services = services

    @property
    def pool(self) -> Executor:
        """Where the pieces are made."""
        return self._services.exports

    def still(self, reader: Reader) -> None:
        """Raises NotFound where the person may not have this any more, though the Scope is what it was.

        Who leaves a proposal keeps the Scope; what it shows becomes less.
        """

    async def stream(self, begin: Callable[[Reader], Pieces], headers: Callable[[], dict[str, str]]) -> None:
        """Answer with the pieces of ``begin``, which runs in a thread; ``headers`` is asked once it has begun."""
        loop, services = asyncio.get_running_loop(), self._services
        pieces: Pieces = iter(())
        self._asked = time.monotonic()
        try:
            reader = await loop.run_in_executor(self.pool, services.access.reader, self.identity)
            pieces = await loop.run_in_executor(self.pool, begin, reader)
            first = await loop.run_in_executor(self.pool, self._next, reader, pieces)
        except Exception as error:
            self.refuse(error)
            return
        self.set_header("Cache-Control", "private, no-store")
        self.set_header("X-Content-Type-Options", "nosniff")
        for name, value in headers().items():
            self.set_header(name, value)
        try:
            while first is not None:
                self.write(first)
                await self.flush()
                first = await loop.run_in_executor(self.pool, self._next, reader, pieces)
            self.finish()
        except StreamClosedError:
            pass
        except Exception as error:
            # The head is sent: a file that ends early must not look whole.
            problem_of(error)
            self.request.connection.close()  # type: ignore[union-attr]
        finally:
            close = getattr(pieces, "close", None)
            if close is not None:
                await loop.run_in_executor(self.pool, close)

    def compute_etag(self) -> None:
        return None

    def _next(self, reader: Reader, pieces: Pieces) -> bytes | None:
        """The next piece. Raises NotFound when rights changed."""
        if self._services.access.scope(self.identity) != reader.scope:
            raise NotFound("This file")
        if time.monotonic() - self._asked >= self.seconds:
            self._asked = time.monotonic()
            self.still(reader)
        return next(pieces, None)

    def refuse(self, error: Exception) -> None:
        """Answer with a problem in words."""
        problem = problem_of(error)
        if problem.gone:
            # As a link of ours would be: what else stands in an address may be anything.
            asked = f"{self.request.path}{to_query(from_query(self.request.query))}"
            self._services.denials.note(self.identity, self.address, asked)
        self.set_status(404 if isinstance(error, NotFound) else 503 if isinstance(error, DataError) else 500)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        self.finish(f"{problem.title}. {problem.text}{f' ({problem.reference})' if problem.reference else ''}\n")


def attached(name: str) -> str:
    """A Content-Disposition that saves a file under ``name``, whatever characters it has."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-+ ") else "_" for c in name).strip(". ") or "file"
    return f"attachment; filename=\"{plain[:150]}\"; filename*=UTF-8''{quote(name[:150], safe='')}"
