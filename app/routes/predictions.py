"""Where reflections of an image of a serial run should be, behind the same gate and guard as the image itself."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from app.routes.answers import Body, Darkroom, PictureHandler, named, said
from data.errors import NotFound
from data.images.files import State
from data.images.series import Series
from data.live.runs import Sought
from data.techniques.ssx.predictions import MOST, Predictions, predicted

_NOT_SERIAL = Predictions(None, (), "Predictions are read of serial runs alone.")


class PredictionsHandler(PictureHandler):
    """``/frame/<collection>/<image>/predictions``: places and indices of each lattice's reflections; who says so.

    JSON ``{by, text, lattices: [[[x, y, h, k, l], …], …], count, more}``, places in pixels; ``text`` says why there
    are none.
    """

    async def get(self, number: str, image: str) -> None:
        await self.send(lambda: self._made(int(number), int(image)))

    async def _made(self, number: int, image: int) -> Body:
        series = Series.of(await self.ask(lambda reader: self.room.rows.imaging(reader, str(number))))
        if not series.first <= image <= series.last:
            raise NotFound("This image")
        try:
            sought: Sought = await self.ask(lambda reader: self.room.services.runs.sought(reader, number))
        except NotFound:  # the collection was found: it is no serial run
            return said(_answer(_NOT_SERIAL))
        files = self.room.images.files

        def paths(stored: Sequence[str]) -> list[Path]:
            found = (files.find(one) for one in stored)
            return [one.path for one in found if one.state is State.PRESENT and one.path is not None]

        def work() -> Body:
            stream = paths([sought.stream] if sought.stream else [])
            # The newest list first: an image that was indexed again is in it.
            found = predicted(image, next(iter(stream), None), paths(sought.lists[::-1]), sought.first_image)
            content = _answer(found)
            return said(content, named("predictions", number, image, content))

        named_first = sought.stream or next(iter(sought.lists), "")
        return await self.room.lanes.run(files.lane(named_first), ("predictions", number, image, sought), work)


def _answer(found: Predictions) -> dict[str, Any]:
    left, lattices = MOST, []
    for lattice in found.lattices:
        rows = np.column_stack([lattice.x.round(1), lattice.y.round(1)])[:left]
        indices = lattice.hkl[:left].tolist()
        lattices.append([[*place, *hkl] for place, hkl in zip(rows.tolist(), indices, strict=True)])
        left -= len(indices)
    count = sum(len(lattice.x) for lattice in found.lattices)
    return {"by": found.by, "text": found.text, "lattices": lattices, "count": count, "more": count > MOST}


def patterns(room: Darkroom) -> list[tuple[Any, ...]]:
    """The route of predictions."""
    return [(r"/frame/(\d{1,12})/(\d{1,9})/predictions", PredictionsHandler, {"room": room})]
