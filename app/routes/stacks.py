"""Projections as jobs: begun, watched and stopped by the login session that began them."""

import json
from typing import Any, get_args

from app.routes.answers import Body, Darkroom, PictureHandler, said
from auth.gate import gate_of
from auth.identity import signed_in
from data.images.formats import Unreadable
from data.images.images import How, Projection
from data.images.jobs import Job
from data.images.series import Series

_LARGEST = 4096


class StackHandler(PictureHandler):
    """``POST /stack/<collection>`` with JSON ``{first, last, how, channel}``: begin, and answer ``{job}``."""

    async def post(self, number: str) -> None:
        if not self.scripted:
            return self.fail(403, "Not sent from this page", "Reload the page and try again.")
        asked = _asked(self.request.body)
        if asked is None:
            return self.fail(400, "Not understood", "A stack needs first, last and how (max, sum or mean).")

        async def work() -> Body:
            row = await self.ask(lambda reader: self.room.rows.imaging(reader, number))
            projection = await named_projection(self.room, Series.of(row), *asked)
            return begun(self, number, projection)

        await self.send(work)


class JobHandler(PictureHandler):
    """``/stack/job/<id>``: how a job stands; DELETE gives it up."""

    async def get(self, name: str) -> None:
        owner = signed_in(self.request).session_hash
        job = self.room.jobs.find(owner, name)
        if job is None:
            return self.fail(404, "Not found", "This job does not exist, or was begun by somebody else.")
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps(_standing(job, job.owners.get(owner, ""))))

    async def delete(self, name: str) -> None:
        if not self.scripted:
            return self.fail(403, "Not sent from this page", "Reload the page and try again.")
        if not self.room.jobs.stop(signed_in(self.request).session_hash, name):
            return self.fail(404, "Not found", "This job does not exist, or was begun by somebody else.")
        self.set_status(204)
        self.finish()


def begun(handler: PictureHandler, number: str, projection: Projection) -> Body:
    """Begin a projection for the login session that asks; the answer names the job. Raises TooMany."""
    p, gate = projection, gate_of(handler.application)
    src = f"{gate.prefix if gate else ''}/frame/{number}/{p.first}?last={p.last}&how={p.how}&channel={p.channel}"
    job = handler.room.jobs.begin(signed_in(handler.request).session_hash, projection, src)
    return said({"job": job.id}, status=202)


async def named_projection(room: Darkroom, series: Series, first: int, last: int, how: How, channel: int) -> Projection:
    """The projection of some images. Raises NotFound, Unreadable."""
    if last - first + 1 > room.most:
        raise Unreadable(f"At most {room.most} images are put together at once.")
    lane = room.images.files.lane(series.stored(first))
    key = ("stack", series, first, last, how, channel)
    return await room.lanes.run(lane, key, lambda: room.images.projection(series, first, last, how, channel))


def _asked(body: bytes) -> tuple[int, int, How, int] | None:
    if len(body) > _LARGEST:
        return None
    try:
        sent = json.loads(body)
        first, last, how, channel = sent["first"], sent["last"], sent["how"], sent.get("channel", 0)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    whole = all(type(value) is int and 0 <= value < 10**9 for value in (first, last, channel))
    if not whole or not first <= last or channel > 63 or how not in get_args(How):
        return None
    return first, last, how, channel


def _standing(job: Job, src: str) -> dict[str, Any]:
    return {"done": job.done, "of": job.of, "state": job.state, "text": job.text, "src": src}


def patterns(room: Darkroom) -> list[tuple[Any, ...]]:
    """The routes of projections."""
    mine = {"room": room}
    return [(r"/stack/(m?\d{1,12})", StackHandler, mine), (r"/stack/job/([A-Za-z0-9_-]{1,40})", JobHandler, mine)]
