"""The chip of a serial run as bytes by plain HTTP, behind the gate and the guard."""

import asyncio
import gzip
import json
from contextlib import suppress
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from tornado.iostream import StreamClosedError

from app.services import Services
from auth.routes import AuthedHandler
from data.errors import DataError, NotFound
from data.live.runs import Watched
from data.techniques.ssx.pattern import shots_per_position

_COLUMNS: Final = {"hits": 1, "indexed": 2, "lattices": 3, "resolution": 4, "volume": 5}
_DIGITS: Final = {"resolution": 2}
_NOTHING, _NO_FRAME = 254, 255


def codes(watched: Watched, by: str) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    """(code of each well, row by row from the lower one; what the codes mean).

    0..253: the value on the scale low..high; 254: a frame, but nothing of this; 255: no frame yet.
    """
    chip = watched.chip
    if chip is None:
        raise NotFound("This chip")
    wells = watched.run.wells()
    padded = np.zeros((chip.positions, 6))
    count = min(len(wells), chip.positions)
    padded[:count] = wells[:count]
    padded[count:, 4:] = np.nan
    values, frames = padded[:, _COLUMNS[by]], padded[:, 0]
    known = (frames > 0) & np.isfinite(values) & (values > 0)
    found = values[known]
    low, high = (float(v) for v in np.percentile(found, (2, 98))) if len(found) else (0.0, 1.0)
    if by in {"hits", "indexed", "lattices"}:
        low, high = 0.0, float(found.max()) if len(found) else 1.0
    share = np.clip((values - low) / (high - low or 1.0), 0, 1)
    if by == "resolution":  # better is brighter
        share = 1 - share
        low, high = high, low
    made = np.where(known, np.rint(253 * np.nan_to_num(share)), np.where(frames > 0, _NOTHING, _NO_FRAME))
    about = {"side": chip.side, "wells": chip.wells, "low": low, "high": high, "digits": _DIGITS.get(by, 0)}
    return made.astype(np.uint8), about


class ChipHandler(AuthedHandler):
    """``/run/<collection>/chip?by=hits``; with ``by=frame&x=&y=`` the first image of a well, as JSON."""

    def initialize(self, services: Services) -> None:
        self._services = services

    async def get(self, number: str) -> None:
        services, identity = self._services, self.identity
        loop = asyncio.get_running_loop()

        def held() -> Watched | None:
            return services.runs.held(services.access.reader(identity), int(number))

        by = self.get_query_argument("by", "hits")
        self.set_header("Cache-Control", "no-store")
        try:
            try:
                watched = await loop.run_in_executor(services.questions, held)
            except NotFound:
                services.denials.note(identity, self.address, self.request.path)
                raise
            if watched is None or (by not in _COLUMNS and by != "frame"):
                raise NotFound("This run")
            if by == "frame":
                self._frame(watched)
                return
            values, about = await loop.run_in_executor(services.questions, codes, watched, by)
        except NotFound as error:
            self._say(404, str(error))
            return
        except DataError as error:
            self._say(503, str(error))
            return
        self.set_header("Content-Type", "application/octet-stream")
        self.set_header("X-Run-Chip", json.dumps(about))
        self.set_header("Content-Encoding", "gzip")
        with suppress(StreamClosedError):  # the page has gone
            await self.finish(gzip.compress(values.tobytes(), 3, mtime=0))

    def _frame(self, watched: Watched) -> None:
        chip = watched.chip
        x, y = (self.get_query_argument(name, "") for name in ("x", "y"))
        if chip is None or not (x.isascii() and x.isdigit() and y.isascii() and y.isdigit()):
            raise NotFound("This well")
        column, row = int(x[:6]), int(y[:6])
        if column >= chip.side or row >= chip.side:
            raise NotFound("This well")
        place = np.arange(chip.positions)
        columns, rows = chip.place(place)
        position = int(np.flatnonzero((columns == column) & (rows == row))[0])
        what = watched.about
        self.finish({"frame": what.first_image + position * shots_per_position(what.chains)})

    def _say(self, status: int, text: str) -> None:
        self.set_status(status)
        self.finish({"title": "Not found" if status == 404 else "Not now", "text": text})


def patterns(services: Services) -> list[tuple[Any, ...]]:
    """The routes of serial runs."""
    return [(r"/run/(\d{1,12})/chip", ChipHandler, {"services": services})]
