"""The routes of frames and pictures behind a gate: the tiny ISPyB with a few collections of real files.

Alice and Bob see them, Carol does not. 1101: six frames of an EIGER; 1102: three CBF, the second missing, the third no
image; 1103: a path outside of the roots; 1104: a movie of densities; 1105: as 1101, with a list of spots in the file.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection, HTTPMessage
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import ispyb
import numpy as np
from fabio.cbfimage import CbfImage
from servers.gated import Browser, Dashboard, dashboard
from sqlalchemy.engine import make_url

from app.access import Access
from app.routes import viewer
from app.services import Services, services
from app.settings import Database, FileSettings, Settings
from app.settings import Store as StoreSettings
from data import schema as s
from data.images import loops, warm
from data.scope import Rights

SHAPE = (220, 180)
FRAMES = 6
EIGER, CBF, OUTSIDE, MOVIE, LISTED, FOREIGN = 1101, 1102, 1103, 1104, 1105, 4001
SENTINEL = 2**32 - 1


def counts(image: int) -> np.ndarray[Any, Any]:
    """The counts of an image of 1101: background, one spot that tells the image, a masked row."""
    rng = np.random.default_rng(image)
    array = rng.poisson(2, SHAPE).astype(np.uint32)
    array[100 + image : 103 + image, 60:63] = 400 * image
    array[50] = SENTINEL
    return array


def eiger(path: Path, stack: np.ndarray[Any, Any], **filters: Any) -> None:
    """A data file of one stack, with the metadata of a detector."""
    with h5py.File(path, "w") as file:
        file.create_dataset("/entry/data/data", data=stack, chunks=(1, *stack.shape[1:]), **filters)
        for name, value, unit in (
            ("detector/x_pixel_size", 75e-6, "m"),
            ("detector/y_pixel_size", 75e-6, "m"),
            ("detector/detector_distance", 0.05, "m"),
            ("detector/beam_center_x", 90.0, "pixel"),
            ("detector/beam_center_y", 110.0, "pixel"),
            ("detector/count_time", 0.01, "s"),
            ("detector/saturation_value", 1500.0, ""),
            ("beam/incident_wavelength", 1.0, "angstrom"),
        ):
            made = file.create_dataset(f"/entry/instrument/{name}", data=value)
            made.attrs["units"] = unit


def listed(path: Path) -> None:
    """Give a file a list of spots, as CXI has it: one on the first frame, two on the second, none on the others."""
    with h5py.File(path, "a") as file:
        group = file.create_group("/entry/result_1")
        group["nPeaks"] = np.array([1, 2] + [0] * (FRAMES - 2))
        # The list counts from the middle of the first pixel.
        group["peakXPosRaw"] = np.array([[20.0, 0.0], [30.25, 40.0]] + [[0.0, 0.0]] * (FRAMES - 2))
        group["peakYPosRaw"] = np.array([[10.0, 0.0], [15.5, 60.0]] + [[0.0, 0.0]] * (FRAMES - 2))
        group["peakTotalIntensity"] = np.array([[500.0, 0.0], [70.0, 900.0]] + [[0.0, 0.0]] * (FRAMES - 2))


def write_files(folder: Path) -> None:
    """What the collections point to."""
    stack = np.stack([counts(image) for image in range(1, FRAMES + 1)])
    eiger(folder / "e_1_master.h5", stack, **hdf5plugin.Bitshuffle(cname="lz4"))
    eiger(folder / "l_1_master.h5", stack, **hdf5plugin.Bitshuffle(cname="lz4"))
    listed(folder / "l_1_master.h5")
    y, x = np.mgrid[0:160, 0:120]
    plain = np.where(np.hypot(x - 60, y - 80) < 3, 5000, 3).astype(np.int32)
    plain[70] = -1
    CbfImage(data=plain, header={}).write(str(folder / "c_0001.cbf"))
    (folder / "c_0003.cbf").write_bytes(b"###CBF: but nothing more")
    movie = np.random.default_rng(5).normal(0, 1, (64, 48)).astype("<f4")
    head = bytearray(1024)
    head[:16] = np.array([48, 64, 1, 2], "<i4").tobytes()
    head[208:212] = b"MAP "
    head[212:214] = b"DD"
    (folder / "m.mrc").write_bytes(bytes(head) + movie.tobytes())


def write_rows(url: str, folder: Path) -> None:
    """The tiny ISPyB, and the collections in mx1-1."""
    writer = ispyb.writer(url)
    ispyb.fill(writer)
    writer.add(s.Detector, detector_id=9, maker="DECTRIS", model="EIGER", pixel_size_x=0.075, pixel_size_y=0.075)
    # The nearest edge is 90 pixels away: 6.75 mm at 50 mm.
    common = {"group_id": 101, "detector_id": 9, "first_image": 1, "wavelength": 1.0, "distance": 50.0}
    rows: list[dict[str, Any]] = [
        {"collection_id": EIGER, "template": "e_1_master.h5", "images": FRAMES, "resolution": 7.457},
        {"collection_id": CBF, "template": "c_####.cbf", "images": 3},
        {"collection_id": OUTSIDE, "template": "o_####.cbf", "images": 3, "directory": "/elsewhere"},
        {"collection_id": LISTED, "template": "l_1_master.h5", "images": FRAMES},
        {"collection_id": MOVIE, "template": "m.mrc", "images": 1, "distance": None},
    ]
    for row in rows:
        writer.add(s.Collection, **(common | {"directory": str(folder)} | row))


@dataclass
class Sent:
    """An answer with its bytes."""

    status: int
    headers: HTTPMessage
    data: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.data)

    @property
    def codes(self) -> np.ndarray[Any, Any]:
        size = int(self.headers["X-Frame-Height"]), int(self.headers["X-Frame-Width"])
        return np.frombuffer(self.data, np.uint8).reshape(size)

    @property
    def tile(self) -> np.ndarray[Any, Any]:
        size = int(self.headers["X-Tile-Height"]), int(self.headers["X-Tile-Width"])
        return np.frombuffer(self.data, f"<{self.headers['X-Tile-Type']}").reshape(size)


@dataclass
class Site:
    """The running routes, and their files."""

    running: Dashboard
    services: Services
    folder: Path

    def person(self, login: str) -> "Person":
        browser = self.running.browser()
        assert browser.sign_in(login).status == 303
        return Person(browser)


@dataclass
class Person:
    """Somebody signed in, whose requests are those of a page's script."""

    browser: Browser

    def get(self, path: str, **headers: str) -> Sent:
        return self.ask("GET", path, None, headers)

    def post(self, path: str, content: Any, **headers: str) -> Sent:
        return self.ask("POST", path, json.dumps(content).encode(), headers)

    def ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Sent:
        given = {
            "Cookie": "; ".join(f"{k}={v}" for k, v in self.browser.cookies.items()),
            "Sec-Fetch-Site": "same-origin",
            "Sec-Fetch-Dest": "empty",
            "Origin": f"http://localhost:{self.browser.port}",
        }
        connection = HTTPConnection("localhost", self.browser.port, timeout=30)
        try:
            connection.request(method, path, body, given | {k.replace("_", "-"): v for k, v in headers.items()})
            answer = connection.getresponse()
            for line in answer.headers.get_all("Set-Cookie") or []:
                self.browser.cookies |= {name: morsel.value for name, morsel in SimpleCookie(line).items()}
            return Sent(answer.status, answer.headers, answer.read())
        finally:
            connection.close()


@contextmanager
def darkroom(folder: Path, **chosen: Any) -> Iterator[Site]:
    """Serve the routes; ``chosen`` overrules settings of frames, of which the time limit suits a busy machine."""
    files = folder / "files"
    files.mkdir()
    write_files(files)
    url = f"sqlite:///{folder / 'ispyb.db'}"
    write_rows(url, files)
    settings = Settings(
        database=Database(url=make_url(url)),
        store=StoreSettings(url=make_url(f"sqlite:///{folder / 'unused.sqlite'}")),
        files=FileSettings(roots=(str(files),)),
    )
    settings = replace(settings, frames=replace(settings.frames, **{"seconds": 20.0, **chosen}))
    shared = services(settings)
    shared.access = Access(shared.source, Rights(), frozenset({"people"}))
    try:
        with dashboard(folder, extra=viewer.patterns(shared)) as running:
            warm.begin()
            for thread in threading.enumerate():
                if thread.name == "compiled loops":
                    thread.join()
            loops.release()
            yield Site(running, shared, files)
    finally:
        shared.close()
        shared.store.close()
