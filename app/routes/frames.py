"""The frame viewer's routes: codes, tiles of counts, and what can be read off a frame.

Each looks the collection up as the person who asks, opens its file only under a permitted root, and answers 404 alike
for what is absent and what is not theirs. `docs/images.md` describes them.
"""

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from PIL import Image

from app.routes.answers import Body, Darkroom, PictureHandler, named, said
from app.routes.stacks import begun, named_projection
from data.images import about, curves, spots
from data.images.formats import Frame, Unreadable
from data.images.formats.frame import Peaks
from data.images.images import How, Images, NotYet, Projection, Region, Subject, cut
from data.images.packing import pack
from data.images.placement import Placement, place
from data.images.plane import Plane
from data.images.reduce import Pooling
from data.images.series import Series, Shot

SIDES = (256, 4400)
LONGEST_TILE = 1024
_LONGEST_REGION = 6000
_MOST_SPOTS = 2000
_FAR = 100_000


_QUICK = "X-Quick-Network"
"""What a browser sends that gets bytes faster than both sides can pack and unpack them."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request is about: the row and series of its collection, and the subject once a thread has looked."""

    row: Mapping[str, Any]
    series: Series
    image: int
    channel: int
    last: int | None
    how: How

    def subject(self, images: Images) -> Subject:
        """Looks at the disk. Raises NotFound, Unplaced."""
        if self.last is None:
            return images.shot(self.series, self.image, self.channel)
        return images.projection(self.series, self.image, self.last, self.how, self.channel)


class FrameHandler(PictureHandler):
    """Base of the frame viewer's routes. A subclass makes a Body in a thread from the subject of the request."""

    seconds_kept = 60
    route = ""

    async def get(self, number: str, image: str) -> None:
        await self.send(lambda: self._made(number, int(image)))

    async def asked(self, number: str, image: int) -> Asked:
        """The collection or movie, as who asks may see it, and the images meant. Raises NotFound, Unreadable."""
        # Who plays has just been told all this: a thread would do nothing but wake and sleep again.
        scope = self.room.services.access.held(self.identity)
        row = None if scope is None else self.room.rows.held(scope, number)
        if row is None:
            row = await self.ask(lambda reader: self.room.rows.imaging(reader, number))
        series = Series.of(row)
        how = self.get_query_argument("how", "max")
        last: int | None = None
        if self.get_query_argument("last", ""):
            last = self.whole("last", image, image, series.last)
            if last - image + 1 > self.room.most:
                raise Unreadable(f"At most {self.room.most} images are put together at once.")
        chosen: How = how if how in get_args(How) else "max"  # type: ignore[assignment]
        return Asked(row, series, image, self.whole("channel", 0, 0, 63), last, chosen)

    async def _made(self, number: str, image: int) -> Body:
        asked = await self.asked(number, image)
        stored = asked.series.stored(image)
        options = self.chosen()
        sent = self.request.headers.get("If-None-Match", "")
        images = self.room.images

        # Two collections may name the same files and place the detector differently.
        placed = tuple(asked.row.items()) if self.placed else ()

        def work() -> Body:
            subject = asked.subject(images)
            tag = named(self.route, subject, options, *placed)
            if sent == f'"{tag}"':
                return Body(b"", "", tag=tag)
            return self.room.kept.get(tag, lambda: self.body(asked, subject, options, tag))

        key = (self.route, asked.series, image, asked.channel, asked.last, asked.how, options, sent, placed)
        try:
            return await self.room.lanes.run(images.files.lane(stored), key, work)
        except NotYet:
            if asked.last is None:
                raise
            wanted = await named_projection(self.room, asked.series, image, asked.last, asked.how, asked.channel)
            return begun(self, number, wanted)

    placed = False
    """Whether the answer depends on the placement of the detector."""

    def chosen(self) -> tuple[Any, ...]:
        """The rest of the query, read and clamped."""
        return ()

    def body(self, asked: Asked, subject: Subject, options: Any, tag: str) -> Body:
        """The answer; runs in a thread. Raises Unreadable, NotYet."""
        raise NotImplementedError

    def placement(self, asked: Asked, frame: Frame) -> Placement:
        """Where the detector stood for a frame."""
        return place(frame.meta, asked.row, frame.shape, self.room.conventions.get(str(asked.row.get("beamline"))))


class CodesHandler(FrameHandler):
    """``/frame/<collection>/<image>?size=&pool=&channel=&last=&how=``: 8-bit codes, pooled to the screen."""

    route = "frame"

    def chosen(self) -> tuple[int, Pooling, bool]:
        pooling = self.get_query_argument("pool", "max")
        chosen: Pooling = pooling if pooling in get_args(Pooling) else "max"  # type: ignore[assignment]
        return self.whole("size", 1100, *SIDES), chosen, self.request.headers.get(_QUICK) == "1"

    def body(self, asked: Asked, subject: Subject, options: Any, tag: str) -> Body:
        size, pooling, quick = options
        picture = self.room.images.picture(subject, size, pooling)
        height, width = picture.reduced.codes.shape
        headers = [
            ("X-Frame-Width", str(width)),
            ("X-Frame-Height", str(height)),
            ("X-Frame-Factor", str(picture.reduced.factor)),
            ("X-Frame-Full", f"{picture.full[0]}x{picture.full[1]}"),
            ("Vary", f"Accept-Encoding, {_QUICK}"),
            *_scale(picture.reduced.scale),
        ]
        codes = picture.reduced.codes.tobytes()
        data = codes if quick else pack(codes)
        return Body(data, "application/octet-stream", tuple(headers), not quick, tag)


class TileHandler(FrameHandler):
    """``/tile/<collection>/<image>?x=&y=&w=&h=``: the counts of a region."""

    route = "tile"

    def chosen(self) -> tuple[int, ...]:
        return (
            self.whole("x", 0, 0, _FAR),
            self.whole("y", 0, 0, _FAR),
            self.whole("w", LONGEST_TILE, 1, LONGEST_TILE),
            self.whole("h", LONGEST_TILE, 1, LONGEST_TILE),
        )

    def body(self, asked: Asked, subject: Subject, options: Any, tag: str) -> Body:
        tile: Region = self.room.images.region(subject, *options)
        height, width = tile.counts.shape
        headers = [
            ("X-Tile-X", str(tile.x)),
            ("X-Tile-Y", str(tile.y)),
            ("X-Tile-Width", str(width)),
            ("X-Tile-Height", str(height)),
            ("X-Tile-Type", tile.kind),
            *_scale(tile.scale),
        ]
        return Body(pack(tile.counts.tobytes()), "application/octet-stream", tuple(headers), True, tag)


class AboutHandler(FrameHandler):
    """``/frame/<collection>/<image>/about``: what is known of a frame, its geometry, rings and ice."""

    route, placed = "about", True

    def body(self, asked: Asked, subject: Subject, options: Any, tag: str) -> Body:
        if isinstance(subject, Projection):
            subject = self.room.images.shot(asked.series, asked.image, asked.channel)
        facts = self.room.images.facts(subject)
        convention = self.room.conventions.get(str(asked.row.get("beamline")))
        placement = place(facts.meta, asked.row, facts.shape, convention)
        found = about.about(facts, placement)
        last = facts.frames if asked.series.whole else asked.series.last
        return said(found | {"images": [asked.series.first, last], "most": self.room.most}, tag)


_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_LONGEST_TEXT = 200_000


class HeaderHandler(FrameHandler):
    """``/frame/<collection>/<image>/header``: what the file says, as it says it."""

    route = "header"

    def body(self, asked: Asked, subject: Subject, options: Any, tag: str) -> Body:
        if isinstance(subject, Projection):
            subject = self.room.images.shot(asked.series, asked.image, asked.channel)
        text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", self.room.images.text(subject).replace("\r\n", "\n"))
        return said({"text": text[:_LONGEST_TEXT], "more": len(text) > _LONGEST_TEXT}, tag)


class SpotsHandler(FrameHandler):
    """``/frame/<collection>/<image>/spots?by=``: spots on the whole frame, brightest first.

    The file's own list where it has one, unless ``by=search``.
    """

    route, placed = "spots", True

    def chosen(self) -> tuple[bool]:
        return (self.get_query_argument("by", "") == "search",)

    def body(self, asked: Asked, subject: Subject, options: Any, tag: str) -> Body:
        peaks = self.room.images.peaks(subject) if isinstance(subject, Shot) else None
        if peaks is not None and not options[0]:
            return said(self._listed(asked, subject, peaks) | {"listed": True}, tag)
        return said(self._found(asked, subject) | {"listed": peaks is not None}, tag)

    def _listed(self, asked: Asked, subject: Any, peaks: Peaks) -> dict[str, Any]:
        facts = self.room.images.facts(subject)
        convention = self.room.conventions.get(str(asked.row.get("beamline")))
        plane = place(facts.meta, asked.row, facts.shape, convention).plane
        order = np.argsort(-peaks.sum, kind="stable")[:_MOST_SPOTS]
        return _spots(_LISTED, plane, peaks.x[order], peaks.y[order], peaks.sum[order], len(peaks.x))

    def _found(self, asked: Asked, subject: Subject) -> dict[str, Any]:
        frame = self.room.images.frame(subject)
        if frame.array.dtype.kind == "f":
            raise Unreadable("This image holds no counts, so no spots are sought on it.")
        found = spots.find(frame)
        plane = self.placement(asked, frame).plane
        x, y, peak = found.x[:_MOST_SPOTS], found.y[:_MOST_SPOTS], found.peak[:_MOST_SPOTS]
        return _spots(spots.METHOD, plane, x, y, peak, len(found))


_LISTED = "These spots are the file's own list; the program that wrote it found them."


def _spots(method: str, plane: Plane | None, x: Any, y: Any, strength: Any, count: int) -> dict[str, Any]:
    d = [None] * len(x) if plane is None else curves.spread(plane, x, y)[0]
    rows = [[round(float(a), 2), round(float(b), 2), int(c), e] for a, b, c, e in zip(x, y, strength, d, strict=True)]
    return {"method": method, "spots": rows, "count": count, "more": count > len(rows)}


class RadialHandler(FrameHandler):
    """``/frame/<collection>/<image>/radial``: the average over rings."""

    route, placed = "radial", True

    def body(self, asked: Asked, subject: Subject, options: Any, tag: str) -> Body:
        frame = self.room.images.frame(subject)
        placement = self.placement(asked, frame)
        if placement.plane is None:
            raise Unreadable(placement.check.text)
        found = curves.radial(frame, placement.plane, library=curves.library_ready())
        content = {
            "d": numbers(found.d, 5),
            "two_theta": numbers(found.two_theta, 5),
            "mean": numbers(found.mean, 6),
            "count": found.count.tolist(),
            "method": found.method,
        }
        return said(content, tag)


class HistogramHandler(FrameHandler):
    """``/frame/<collection>/<image>/histogram``: how many pixels hold how many counts."""

    route = "histogram"

    def body(self, asked: Asked, subject: Subject, options: Any, tag: str) -> Body:
        found = curves.histogram(self.room.images.frame(subject))
        content = {"edges": numbers(found.edges, 7), "counts": found.counts.tolist(), "masked": found.masked}
        return said(content | {"overloaded": found.overloaded}, tag)


class ProfileHandler(FrameHandler):
    """``/frame/<collection>/<image>/profile?x0=&y0=&x1=&y1=&width=``: counts along a line."""

    route, placed = "profile", True

    def chosen(self) -> tuple[float, ...]:
        ends = [self.real(name, 0.0, -_FAR, _FAR) for name in ("x0", "y0", "x1", "y1")]
        return (*ends, self.whole("width", 1, 1, 200))

    def body(self, asked: Asked, subject: Subject, options: Any, tag: str) -> Body:
        frame = self.room.images.frame(subject)
        x0, y0, x1, y1, width = options
        position, at, value = curves.profile(frame, (x0, y0), (x1, y1), width)
        plane = self.placement(asked, frame).plane
        d = [None] * len(position) if plane is None else curves.spread(plane, at[0], at[1])[0]
        return said({"position": numbers(position, 6), "d": d, "value": numbers(value, 7)}, tag)


class BoxHandler(FrameHandler):
    """``/frame/<collection>/<image>/box?x=&y=&w=&h=``: sums over the columns and rows of a region."""

    route = "box"

    def chosen(self) -> tuple[int, ...]:
        return (
            self.whole("x", 0, 0, _FAR),
            self.whole("y", 0, 0, _FAR),
            self.whole("w", 1, 1, _LONGEST_REGION),
            self.whole("h", 1, 1, _LONGEST_REGION),
        )

    def body(self, asked: Asked, subject: Subject, options: Any, tag: str) -> Body:
        part = cut(self.room.images.frame(subject), *options)
        if not part.array.size:
            raise Unreadable("This box lies outside the image.")
        x, y, *_ = options
        height, width = part.shape
        return said(curves.box(part) | {"x": x, "y": y, "w": width, "h": height}, tag)


class RegionHandler(FrameHandler):
    """``/region/<collection>/<image>?x=&y=&w=&h=&as=tiff|npy``: the pixels of a region as a file; -1 is masked."""

    route = "region"
    seconds_kept = 0

    def chosen(self) -> tuple[Any, ...]:
        kind = "npy" if self.get_query_argument("as", "tiff") == "npy" else "tiff"
        return (
            self.whole("x", 0, 0, _FAR),
            self.whole("y", 0, 0, _FAR),
            self.whole("w", _LONGEST_REGION, 1, _LONGEST_REGION),
            self.whole("h", _LONGEST_REGION, 1, _LONGEST_REGION),
            kind,
        )

    def body(self, asked: Asked, subject: Subject, options: Any, tag: str) -> Body:
        *corner, kind = options
        part = cut(self.room.images.frame(subject), *corner)
        if not part.array.size:
            raise Unreadable("This region lies outside the image.")
        name = f"image-{asked.image}{'' if asked.last is None else f'-{asked.last}-{asked.how}'}.{kind}"
        headers = (("Content-Disposition", f'attachment; filename="{name}"'), ("X-Content-Type-Options", "nosniff"))
        if kind == "npy":
            return Body(_npy(part), "application/octet-stream", headers, tag=tag)
        return Body(_tiff(part), "image/tiff", headers, tag=tag)


def _plain(part: Frame) -> np.ndarray[Any, Any]:
    """Pixels with what is masked as -1, or NaN where they are fractions."""
    if part.array.dtype.kind == "f":
        return np.where(part.mask, np.nan, part.array).astype(part.array.dtype)
    wide = np.where(part.mask, -1, part.array.astype(np.int64))
    fits = np.iinfo(np.int32).min <= wide.min() and wide.max() <= np.iinfo(np.int32).max
    return wide.astype(np.int32) if fits else wide


def _npy(part: Frame) -> bytes:
    out = io.BytesIO()
    np.save(out, _plain(part), allow_pickle=False)
    return out.getvalue()


def _tiff(part: Frame) -> bytes:
    pixels = _plain(part)
    if pixels.dtype == np.int64:
        raise Unreadable("A count of this region is too large for a TIFF of 32 bits; take the NPY.")
    out = io.BytesIO()
    Image.fromarray(pixels if pixels.dtype == np.int32 else pixels.astype(np.float32)).save(out, "TIFF")
    return out.getvalue()


def numbers(values: Any, digits: int) -> list[float | None]:
    """Floats with so many significant digits, and None for what is not finite."""
    return [float(f"{value:.{digits}g}") if np.isfinite(value) else None for value in np.asarray(values, float)]


def _scale(scale: tuple[float, float] | None) -> list[tuple[str, str]]:
    return [] if scale is None else [("X-Frame-Scale", f"{scale[0]!r},{scale[1]!r}")]


Handlers = list[tuple[str, type[FrameHandler]]]
_NUMBERS = r"(m?\d{1,12})/(\d{1,9})"
"""A collection and one of its images, or (m) a movie of a microscope and one of its frames."""
_PARTS: Handlers = [
    ("about", AboutHandler),
    ("header", HeaderHandler),
    ("spots", SpotsHandler),
    ("radial", RadialHandler),
    ("histogram", HistogramHandler),
    ("profile", ProfileHandler),
    ("box", BoxHandler),
]


def patterns(room: Darkroom) -> list[tuple[Any, ...]]:
    """The routes of frames."""
    mine = {"room": room}
    found: list[tuple[Any, ...]] = [
        (rf"/frame/{_NUMBERS}", CodesHandler, mine),
        (rf"/tile/{_NUMBERS}", TileHandler, mine),
        (rf"/region/{_NUMBERS}", RegionHandler, mine),
    ]
    return found + [(rf"/frame/{_NUMBERS}/{name}", handler, mine) for name, handler in _PARTS]
