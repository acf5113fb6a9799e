"""The audit trail as a CSV file, for whoever may see it on the page."""

import asyncio
import csv
from collections.abc import Callable
from io import StringIO
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError
from tornado.iostream import StreamClosedError
from tornado.web import HTTPError

from app.office import FILTERS, trail_filter, trail_row
from app.services import Services
from auth.records import TrailFilter
from auth.routes import AuthedHandler
from data.core.permissions import watched
from data.errors import DataError, NotFound
from data.lists import Asked
from data.sheet import harmless

_PAGE: Final = 1000
#: A file holds so many rows at most; the last line says so where there are more.
MOST_ROWS: Final = 200_000
_COLUMNS: Final = ("time", "kind", "login", "address", "detail")


class TrailHandler(AuthedHandler):
    """``/trail.csv?kind=&time=&login=&address=&detail=&q=``, newest row first."""

    def initialize(self, services: Services) -> None:
        self._services = services

    async def get(self) -> None:
        services = self._services
        try:
            await self._wait(lambda: watched(services.access.reader(self.identity)))
        except NotFound as error:
            services.denials.note(self.identity, self.address, self.request.path)
            return self._say(404, str(error))
        except DataError as error:
            return self._say(503, str(error))
        asked = Asked(
            filters=tuple((name, self.get_query_argument(name, "")[:200]) for name in FILTERS),
            search=self.get_query_argument("q", "")[:200],
        )
        try:
            await self._write(trail_filter(asked))
        except StreamClosedError:
            return
        except DataError:
            # The head may be sent: a file that ends early must not look whole.
            self.request.connection.close()  # type: ignore[union-attr]
        except SQLAlchemyError as error:
            raise HTTPError(503, reason="The audit trail cannot be read now") from error

    async def _write(self, wanted: TrailFilter) -> None:
        store, sent, before = self._services.store, 0, None
        address, login = self.address, self.identity.login
        await self._wait(lambda: store.record("exported", login=login, address=address, detail="audit trail"))
        self.set_header("Content-Type", "text/csv; charset=utf-8")
        self.set_header("Content-Disposition", 'attachment; filename="audit-trail.csv"')
        self.set_header("Cache-Control", "no-store")
        self.write("\ufeff" + _line(_COLUMNS))
        while True:
            # Whoever takes the file slowly has it for long: the right may be gone by now.
            await self._wait(lambda: watched(self._services.access.reader(self.identity)))
            rows = await self._wait(lambda at=before: store.trail.page(wanted, before=at, limit=_PAGE))  # type: ignore[misc]
            for row in rows:
                shown = trail_row(row)
                self.write(_line([shown["time"].isoformat(" ", "seconds"), *(shown[name] for name in _COLUMNS[1:])]))
            sent += len(rows)
            if len(rows) < _PAGE:
                break
            if sent >= MOST_ROWS:
                self.write(_line(["", "", "", "", f"Only the newest {sent} rows; narrow the filter for the rest."]))
                break
            before = rows[-1].id
            await self.flush()
        await self.finish()

    async def _wait(self, call: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._services.exports, call)

    def _say(self, status: int, words: str) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        self.finish(words + "\n")


def _line(values: Any) -> str:
    out = StringIO()
    csv.writer(out).writerow([harmless(str(value)) for value in values])
    return out.getvalue()


def patterns(services: Services) -> list[tuple[Any, ...]]:
    """The route of the file."""
    return [(r"/trail\.csv", TrailHandler, {"services": services})]
