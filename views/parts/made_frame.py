"""A made-up detector for the gallery: everything that `FramePane` asks for, of a picture that is known exactly.

1030 x 1065 pixels of 0.075 mm, four modules, a water ring, spots on a lattice, one overload. Image 0 is missing.
"""

import gzip
import json
import time
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tornado.web import HTTPError, RequestHandler

from data.images import curves
from data.images.formats.frame import Frame, FrameMeta
from data.images.geometry import Geometry, corner_resolution, edge_resolution, ice_band, resolution, ring, ring_spacings
from data.images.reduce import reduce

WIDTH, HEIGHT = 1030, 1065
GEOMETRY = Geometry(0.9763, 120.0, 520.5, 531.25, 0.075, 0.075)
SATURATION = 40_000
_MASKED = np.uint32(0xFFFFFFFF)
_PUT_TOGETHER = 6


@lru_cache(maxsize=40)
def made(image: int) -> tuple[NDArray[np.uint32], list[tuple[float, float, int]]]:
    """Counts, masked where 2^32-1, and the spots put into them (x, y, highest count)."""
    noise = np.random.default_rng(image)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    radius = np.hypot(x - GEOMETRY.beam_x, y - GEOMETRY.beam_y)
    counts = noise.poisson(3 + 9 * np.exp(-(((radius - 260) / 80) ** 2))).astype(np.uint32)
    spots = []
    for at_x, at_y in noise.integers(12, min(WIDTH, HEIGHT) - 12, (120, 2)):
        peak = int(noise.integers(60, 900))
        counts[at_y - 1 : at_y + 2, at_x - 1 : at_x + 2] += np.uint32(peak // 4)
        counts[at_y, at_x] += np.uint32(peak)
        spots.append((at_x + 0.5, at_y + 0.5, peak))
    counts[700, 300] = SATURATION
    counts[:, 510:520] = counts[525:540] = _MASKED
    return counts, spots


def frame(image: int, last: int, how: str) -> Frame:
    """One image, or several put together: of many the first few stand for all, which would take a while to make up."""
    stack = [made(n)[0] for n in range(image, min(last, image + _PUT_TOGETHER - 1) + 1)]
    masked = stack[0] == _MASKED
    wide = np.stack([np.where(masked, 0, counts) for counts in stack]).astype(np.float64)
    array = wide.sum(0) if how == "sum" else wide.mean(0) if how == "mean" else wide.max(0)
    return Frame(np.rint(array).astype(np.uint32), masked, FrameMeta())


class Made(RequestHandler):
    """Base: images from 1 on; image 0 is not on disk."""

    def prepare(self) -> None:
        time.sleep(float(self.get_query_argument("wait", "0")))

    def missing(self, image: int) -> bool:
        if image:
            return False
        self.set_status(404)
        text = "It may have been archived. Ask the beamline staff."
        self.finish({"title": "The image is not on disk.", "text": text})
        return True

    def wanted(self, image: int) -> Frame:
        return frame(image, int(self.get_query_argument("last", str(image))), self.get_query_argument("how", "max"))

    def number(self, name: str) -> float:
        return float(self.get_query_argument(name))

    def pack(self, data: bytes) -> None:
        self.set_header("Content-Type", "application/octet-stream")
        self.set_header("Content-Encoding", "gzip")
        self.finish(gzip.compress(data, 1))


class Codes(Made):
    """``/made/frame/<collection>/<image>``."""

    def get(self, _: str, image: str) -> None:
        if self.missing(int(image)):
            return
        small = reduce(self.wanted(int(image)), int(self.get_query_argument("size", "1100")), fast=False)
        height, width = small.codes.shape
        for name, value in (("Width", width), ("Height", height), ("Factor", small.factor)):
            self.set_header(f"X-Frame-{name}", str(value))
        self.set_header("X-Frame-Full", f"{WIDTH}x{HEIGHT}")
        self.pack(small.codes.tobytes())


class Tile(Made):
    """``/made/tile/<collection>/<image>``."""

    def get(self, _: str, image: str) -> None:
        x, y, w, h = (int(self.number(name)) for name in "xywh")
        whole = self.wanted(int(image))
        counts = np.where(whole.mask, _MASKED, whole.array)[y : y + h, x : x + w].astype("<u4")
        for name, value in (("X", x), ("Y", y), ("Width", counts.shape[1]), ("Height", counts.shape[0])):
            self.set_header(f"X-Tile-{name}", str(value))
        self.set_header("X-Tile-Type", "u4")
        self.pack(counts.tobytes())


def _line(d: float) -> list[list[list[float]]]:
    return [np.round(ring(GEOMETRY, d, 181), 2).tolist()]


@lru_cache(maxsize=1)
def about() -> dict[str, Any]:
    """What is known of every image."""
    g = GEOMETRY
    edge, corner = edge_resolution(g, WIDTH, HEIGHT), corner_resolution(g, WIDTH, HEIGHT)
    ice = []
    for d in (3.897, 3.669, 3.441):
        high, low = ice_band(d)
        ice.append({"d": d, "low": low, "high": high, "lines_low": _line(low), "lines_high": _line(high)})
    header = [
        ["Detector", [["Name", "Made-up 1M", ""], ["Pixel size", 75.0, "µm"], ["Serial number", "M-0042", ""]]],
        ["Beam", [["Wavelength", g.wavelength, "Å"], ["Exposure time", 0.002, "s"]]],
    ]
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "images": [1, 3600],
        "channels": [],
        "simulated": True,
        "notes": ["Made-up data."],
        "saturation": SATURATION,
        "header": header,
        "geometry": {
            "origin": [-g.beam_x * g.pixel_x, -g.beam_y * g.pixel_y, g.distance],
            "fast": [g.pixel_x, 0.0, 0.0],
            "slow": [0.0, g.pixel_y, 0.0],
            "wavelength": g.wavelength,
            "distance": g.distance,
            "two_theta": 0.0,
            "beam": [g.beam_x, g.beam_y],
            "pixel": [g.pixel_x, g.pixel_y],
            "edge_d": edge,
            "corner_d": corner,
        },
        "rings": [{"d": d, "lines": _line(d)} for d in ring_spacings(edge or corner)],
        "ice": ice,
        "check": {
            "state": "consistent",
            "text": "The stored resolution and the beam centre, read in mm, agree within 0.1 %.",
            "convention": "mm",
            "numbers": [["Stored resolution", edge, "Å"], ["Edge of the detector", edge, "Å"]],
        },
    }


class Told(Made):
    """``/made/frame/<collection>/<image>/<what>``: about, header, spots, predictions, radial, histogram, profile,
    box.
    """

    def get(self, _: str, image: str, what: str) -> None:
        number = int(image)
        if self.missing(number):
            return
        found: Any = about() if what == "about" else getattr(self, what)(number)
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(found))

    def header(self, image: int) -> dict[str, Any]:
        return {"text": f"# Made-up data\n# Image {image}\n# Count_cutoff {SATURATION} counts", "more": False}

    def histogram(self, image: int) -> dict[str, Any]:
        whole = self.wanted(image)
        found = curves.histogram(whole)
        told = {"edges": found.edges.tolist(), "counts": found.counts.tolist(), "masked": found.masked}
        return told | {"overloaded": int((whole.array[~whole.mask] >= SATURATION).sum())}

    def spots(self, image: int) -> dict[str, Any]:
        d = resolution(GEOMETRY, *np.array([spot[:2] for spot in made(image)[1]]).T)
        spots = [[*spot, float(at)] for spot, at in zip(made(image)[1], d, strict=True)]
        return {"method": "The spots that were put there.", "spots": spots, "count": len(spots), "more": False} | {
            "listed": True
        }

    def predictions(self, image: int) -> dict[str, Any]:
        rows = [[x, y, n + 1, -n, 2] for n, (x, y, *_) in enumerate(made(image)[1])]
        told = {"by": "Made up", "text": "", "lattices": [rows[::2], rows[1::2]], "count": len(rows), "more": False}
        return told if rows else {**told, "by": None, "text": "None were made up.", "lattices": []}

    def radial(self, image: int) -> dict[str, Any]:
        y, x = np.mgrid[:HEIGHT, :WIDTH] + np.float64(0.5)
        at = np.hypot(x - GEOMETRY.beam_x, y - GEOMETRY.beam_y).astype(int).ravel()
        whole = self.wanted(image)
        valid = ~whole.mask.ravel()
        total = np.bincount(at[valid], whole.array.ravel()[valid])
        count = np.bincount(at[valid])
        middle = np.arange(len(count), dtype=np.float64) + 0.5
        d = resolution(GEOMETRY, middle + GEOMETRY.beam_x, np.full(len(count), GEOMETRY.beam_y))
        keep = count > 0
        mean = (total[keep] / count[keep]).tolist()
        return {"d": d[keep].tolist(), "two_theta": [], "mean": mean, "count": count[keep].tolist(), "method": "Mean"}

    def profile(self, image: int) -> dict[str, Any]:
        x0, y0, x1, y1 = (self.number(name) for name in ("x0", "y0", "x1", "y1"))
        steps = max(2, round(float(np.hypot(x1 - x0, y1 - y0))) + 1)
        x, y = np.linspace(x0, x1, steps), np.linspace(y0, y1, steps)
        value = self.wanted(image).array[np.clip(y, 0, HEIGHT - 1).astype(int), np.clip(x, 0, WIDTH - 1).astype(int)]
        position = np.hypot(x - x0, y - y0).tolist()
        return {"position": position, "d": resolution(GEOMETRY, x, y).tolist(), "value": value.tolist()}

    def box(self, image: int) -> dict[str, Any]:
        x, y, w, h = (int(self.number(name)) for name in "xywh")
        whole = self.wanted(image)
        part, mask = whole.array[y : y + h, x : x + w], whole.mask[y : y + h, x : x + w]
        values = np.where(mask, 0, part)
        return {
            "columns": {"sum": values.sum(0).tolist()},
            "rows": {"sum": values.sum(1).tolist()},
            "pixels": int((~mask).sum()),
            "masked": int(mask.sum()),
            "sum": int(values.sum()),
            "mean": float(values.sum() / max(1, (~mask).sum())),
            "min": int(values.min()),
            "max": int(values.max()),
        }


class Region(Made):
    """``/made/region/<collection>/<image>``."""

    def get(self, _: str, image: str) -> None:
        x, y, w, h = (int(self.number(name)) for name in "xywh")
        kind = self.get_query_argument("as")
        self.set_header("Content-Disposition", f'attachment; filename="region.{kind}"')
        self.finish(self.wanted(int(image)).array[y : y + h, x : x + w].tobytes())


_MARK = "made-up"


class Token(RequestHandler):
    """What a request that starts or stops work must bring."""

    def get(self) -> None:
        self.finish({"csrf": _MARK})


class Work:
    """One piece of work that goes on by itself: a tenth of it each time it is asked for."""

    asked: dict[str, int] = {}  # noqa: RUF012


class Stack(RequestHandler):
    """``POST /made/stack/<collection>``, and ``GET`` or ``DELETE /made/stack/job/<id>``."""

    def check_xsrf_cookie(self) -> None:
        """The gallery changes nothing."""

    def prepare(self) -> None:
        if self.request.method != "GET" and self.request.headers.get("X-CSRF") != _MARK:
            raise HTTPError(403)

    def post(self, _: str) -> None:
        name = str(len(Work.asked) + 1)
        Work.asked[name] = 0
        self.finish({"job": name})

    def get(self, name: str) -> None:
        done = Work.asked[name] = min(10, Work.asked[name] + 2)
        src = "/made/frame/1/1?last=3&how=max" if done == 10 else None
        self.finish({"done": done, "of": 10, "state": "done" if src else "running", "text": "", "src": src})

    def delete(self, name: str) -> None:
        Work.asked.pop(name, None)
        self.finish({})


ROUTES = {
    "frame": "/made/frame/1",
    "tile": "/made/tile/1",
    "region": "/made/region/1",
    "stack": "/made/stack/1",
    "job": "/made/stack/job",
    "token": "/made/token",
}
PATTERNS: list[tuple[str, Any]] = [
    (r"/made/frame/(\d+)/(\d+)", Codes),
    (r"/made/frame/(\d+)/(\d+)/(about|header|spots|predictions|radial|histogram|profile|box)", Told),
    (r"/made/tile/(\d+)/(\d+)", Tile),
    (r"/made/region/(\d+)/(\d+)", Region),
    (r"/made/token", Token),
    (r"/made/stack/(\d+)", Stack),
    (r"/made/stack/job/(\d+)", Stack),
]
