"""How quickly a frame is on screen, held in the same run against h5py, fabio, matplotlib, HoloViews and raw floats.

    python benchmarks/frames.py            about 15 minutes, of which 10,000 frames of 20 users take half
    python benchmarks/frames.py --quick    fewer rounds and frames

Makes frames of an EIGER 16M and a PILATUS 6M in a temporary folder, serves the dashboard from a process of its own and
opens it in Chromium. The last line is one JSON object:

cold_vs_h5py        number typed to pixels painted of a frame nobody has asked for, over `dataset[i]` of h5py
matplotlib_vs_cold  fabio + matplotlib + PNG in the page, over that
rasterize_vs_cold   h5py + `rasterize` of HoloViews to the same size, before it is sent, over that
raw_float_vs_cold   the whole frame as float32 to a canvas, over that
ahead_ms            step to a frame that was read ahead
play_fps            frames a second that the viewer shows when asked for 50
cpu_ms_per_frame    processor time of the server for each of them
contrast_requests   requests that changing the contrast makes
contrast_ms         script that a change of contrast takes
cbf_vs_fabio        server's work for a PILATUS 6M frame, file to gzip, over `fabio.open(path).data`
fabio_loop_vs_max   maximum by fabio and numpy in a loop, over ours, by the frame
memory_growth       memory of the server after all frames of 20 users, over that after the first fifth, less one
"""

import argparse
import asyncio
import base64
import io
import json
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import Any

import framesite
import paths  # noqa: F401
import report

_PAINTED = """(box, number) => new Promise((done, failed) => {
  const root = box.getRootNode()
  const began = performance.now()
  const look = () => {
    const canvas = root.querySelector("canvas[data-drawn=true]")
    if (canvas?.dataset.image === String(number) && !canvas.dataset.rough) return done(performance.now() - began)
    if (performance.now() - began > 60000) return failed(new Error(`image ${number} did not come`))
    requestAnimationFrame(look)
  }
  requestAnimationFrame(look)
  if (box.tagName === "INPUT") { box.value = String(number); box.dispatchEvent(new Event("change")) } else box.click()
})"""

_RAW = """async ([address, width, height]) => {
  const began = performance.now()
  const counts = new Float32Array(await (await fetch(address)).arrayBuffer())
  const factor = 4, w = Math.floor(width / factor), h = Math.floor(height / factor)
  const canvas = window.raw ??= document.body.appendChild(document.createElement("canvas"))
  canvas.width = w; canvas.height = h
  const image = new ImageData(w, h), pixels = new Uint32Array(image.data.buffer)
  for (let y = 0; y < h; y++) for (let x = 0; x < w; x++) {
    let best = 0
    for (let b = 0; b < factor; b++) for (let a = 0; a < factor; a++) {
      const value = counts[(y * factor + b) * width + x * factor + a]
      if (value < 4e9 && value > best) best = value
    }
    const grey = 255 - Math.min(255, best * 8)
    pixels[y * w + x] = 0xff000000 | (grey << 16) | (grey << 8) | grey
  }
  canvas.getContext("2d").putImageData(image, 0, 0)
  await new Promise(requestAnimationFrame)
  return performance.now() - began
}"""

_PNG = """async (data) => {
  const began = performance.now()
  const picture = window.png ??= document.body.appendChild(new Image())
  picture.src = "data:image/png;base64," + data
  await picture.decode()
  await new Promise(requestAnimationFrame)
  return performance.now() - began
}"""


def timed(action: Callable[[], Any]) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    action()
    return (time.perf_counter() - began) * 1e3


class Browser:
    """The viewer's page in Chromium, and an empty page for the rivals."""

    def __init__(self, running: framesite.Served) -> None:
        from playwright.sync_api import sync_playwright
        from servers.chromium import ARGUMENTS, chromium

        self._playwright = sync_playwright().start()
        self._chrome = self._playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
        context = self._chrome.new_context(base_url=running.address, viewport={"width": 1400, "height": 1300})
        context.set_default_timeout(60_000)
        self.page = context.new_page()
        self.page.goto("/login")
        self.page.get_by_label("User name").fill(framesite.PERSON)
        self.page.get_by_label("Password").fill(framesite.PASSWORD)
        self.page.get_by_label("Password").press("Enter")
        self.page.wait_for_url(f"{running.address}/")
        self.page.goto(f"/?collection={framesite.EIGER}&image=1&tab=image")
        self.box = self.page.get_by_label("Number of the image")
        self.page.locator("canvas[data-image='1']").wait_for()
        self.blank = self._chrome.new_page()
        self.blank.goto("about:blank")

    def jump(self, number: int) -> float:
        """Type a number; milliseconds to its pixels."""
        self.page.bring_to_front()
        return float(self.box.evaluate(_PAINTED, number))

    def step(self, number: int) -> float:
        """Press "next", which leads to this number."""
        self.page.bring_to_front()
        return float(self.page.get_by_role("button", name="Next image").evaluate(_PAINTED, number))

    def play(self, seconds: float) -> int:
        """Play at 50 a second; how many frames were shown."""
        self.page.get_by_label("Images per second").select_option("50")
        canvas = self.page.locator("canvas[data-image]").first
        self.page.get_by_role("button", name="Play").click()
        before = int(canvas.get_attribute("data-shown") or 0)
        self.page.wait_for_timeout(seconds * 1e3)
        shown = int(canvas.get_attribute("data-shown") or 0) - before
        self.page.get_by_role("button", name="Stop").or_(self.page.get_by_role("button", name="Pause")).first.click()
        return shown

    def contrast(self) -> tuple[int, float]:
        """Requests of ten changes of contrast, and the longest script of one in milliseconds."""
        requests: list[str] = []
        self.page.wait_for_timeout(2500)  # what playing still reads ahead is over
        self.page.on("request", lambda request: requests.append(request.url))
        canvas = self.page.locator("canvas[data-image]").first
        longest = 0.0
        for name in ["log", "linear"] * 5:
            self.page.get_by_label("Scale of the colours").first.select_option(name)
            self.page.wait_for_timeout(60)
            longest = max(longest, float(canvas.get_attribute("data-contrast") or 0))
        return sum("/frame/" in url or "/tile/" in url for url in requests), longest

    def close(self) -> None:
        self._chrome.close()
        self._playwright.stop()


def against_rivals(browser: Browser, path: Path, rounds: int) -> dict[str, float]:
    """Cold frames and what others do, one after the other in each round; medians in ms."""
    import fabio
    import h5py
    import hdf5plugin  # noqa: F401
    import numpy as np

    taken: dict[str, list[float]] = {name: [] for name in ("cold", "h5py", "matplotlib", "rasterize", "raw")}
    rasterized = _rasterizer()
    with h5py.File(path, "r") as file, _raw_server(file["/entry/data/data"]) as address:
        data = file["/entry/data/data"]
        frames = len(data)
        browser.blank.goto(f"{address}/page")
        for round_ in range(rounds + 1):
            number = 8 + round_ * 6
            assert number + 5 < frames, "too few frames"
            time.sleep(0.8)
            cold = browser.jump(number)
            time.sleep(0.8)  # what it reads ahead is not the others' burden
            plain = timed(lambda number=number: data[number - 1])
            if round_ == 0:
                continue  # imports and caches
            taken["cold"].append(cold)
            taken["h5py"].append(plain)
            print(f"  round {round_}: cold {cold:.0f} ms, h5py {plain:.0f} ms", flush=True)
            if round_ > 3:
                continue
            began = time.perf_counter()
            image = fabio.open(str(path)).get_frame(number - 1).data
            png = _matplotlib(image)
            made = (time.perf_counter() - began) * 1e3
            browser.blank.bring_to_front()
            taken["matplotlib"].append(made + float(browser.blank.evaluate(_PNG, png)))
            taken["raw"].append(
                float(browser.blank.evaluate(_RAW, [f"{address}/{number}", framesite.WIDTH, framesite.HEIGHT]))
            )
            array = np.where(image == framesite.SENTINEL, 0, image)
            taken["rasterize"].append(plain + timed(lambda array=array: rasterized(array)))
    return {name: median(values) for name, values in taken.items()}


def _matplotlib(image: Any) -> str:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(10.5, 10.5), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(image, vmin=0, vmax=20, cmap="gray_r")
    out = io.BytesIO()
    figure.savefig(out, format="png")
    plt.close(figure)
    return base64.b64encode(out.getvalue()).decode()


def _rasterizer() -> Callable[[Any], Any]:
    import holoviews as hv
    from holoviews.operation.datashader import rasterize

    hv.extension("bokeh")

    def draw(array: Any) -> Any:
        height, width = array.shape
        image = hv.Image(array, bounds=(0, 0, width, height))
        return hv.render(rasterize(image, width=1038, height=1093, aggregator="max", dynamic=False))

    return draw


class _raw_server:  # noqa: N801
    """Serves whole frames as float32."""

    def __init__(self, data: Any) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                number = self.path.strip("/")
                body = data[int(number) - 1].astype("<f4").tobytes() if number.isdigit() else b"<!doctype html>"
                self.send_response(200)
                self.send_header("Content-Type", "application/octet-stream" if number.isdigit() else "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> str:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *args: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def cbf(folder: Path, files: int) -> float:
    """Our work for a CBF over fabio's; median of the files."""
    import fabio

    from data.images.files import Files
    from data.images.images import Images
    from data.images.packing import pack
    from data.images.series import Series

    images = Images(Files((folder,)))
    series = Series(str(folder), "p_####.cbf", 1, files)
    ours, theirs = [], []
    for number, path in enumerate(framesite.pilatus(folder, files), 1):

        def send(number: int = number) -> None:
            picture = images.picture(images.shot(series, number), 1100)
            pack(picture.reduced.codes.tobytes())

        spent, read = timed(send), timed(lambda path=path: fabio.open(str(path)).data)
        if number > 1:
            ours.append(spent)
            theirs.append(read)
    print(f"PILATUS 6M: ours {median(ours):.1f} ms, fabio {median(theirs):.1f} ms")
    return median(ours) / median(theirs)


def maximum(path: Path, frames: int) -> float:
    """Seconds a frame of fabio's loop over ours."""
    import fabio
    import numpy as np

    from data.images.files import Files
    from data.images.images import Images
    from data.images.series import Series
    from data.images.stacks import project

    images = Images(Files((path.parent,)))
    wanted = images.projection(Series(str(path.parent), path.name, 1, frames), 1, frames, "max")
    project(images, wanted, lambda number: None, lambda: False)
    ours = timed(lambda: project(images, wanted, lambda number: None, lambda: False)) / frames

    images.shelf.close()  # HDF5 opens no file in two ways of locking at once
    few = min(frames, 16)

    def loop() -> None:
        image = fabio.open(str(path))
        found = image.data.copy()
        for number in range(1, few):
            np.maximum(found, image.get_frame(number).data, out=found)

    theirs = timed(loop) / few
    print(f"maximum: ours {ours:.1f} ms a frame over {frames}, fabio {theirs:.1f} over {few}")
    return theirs / ours


async def crowd(running: framesite.Served, frames: int, requests: int, users: int = 20) -> float:
    """So many frames of twenty users in turn; growth of the server's memory after the first fifth."""
    people = [await framesite.signed_in(running.address) for _ in range(users)]
    rng = random.Random(3)
    marks: list[float] = []
    done = 0

    async def one(person: Any, number: int) -> None:
        nonlocal done
        for _ in range(number):
            image = rng.randint(1, frames)
            kind = rng.random()
            address = f"/frame/{framesite.EIGER}/{image}?size={rng.randrange(256, 2200)}"
            if kind < 0.2:
                x, y = rng.randrange(3000), rng.randrange(3000)
                address = f"/tile/{framesite.EIGER}/{image}?x={x}&y={y}&w=512&h=512"
            await person.ask(address, headers={"Accept-Encoding": "gzip", "Sec-Fetch-Dest": "empty"})
            done += 1
            if done % (requests // 5) == 0:
                marks.append(running.memory())
                print(f"  {done} frames: {marks[-1]:.0f} MB", flush=True)

    await asyncio.gather(*(one(person, requests // users) for person in people))
    return running.memory() / marks[0] - 1


def real() -> None:
    """The one real EIGER frame, where it is."""
    import h5py
    from servers import realdata

    from data.images.files import Files
    from data.images.images import Images
    from data.images.packing import pack
    from data.images.series import Series

    folder = realdata.folder()
    path = None if folder is None else folder / "diffraction/bitshuffle.h5"
    if path is None or not path.exists():
        print("real EIGER 4M frame: not on this machine")
        return
    images = Images(Files((path.parent,)))
    shot = images.shot(Series(str(path.parent), path.name, 1, 1), 1)

    def ours() -> None:
        images._packed.clear()
        pack(images.picture(shot, 1100).reduced.codes.tobytes())

    def theirs() -> None:
        with h5py.File(path, "r", locking=False) as file:  # as ours has it open
            file["/entry/data/data"][0]

    found = report.interleaved({"ours": ours, "h5py": theirs}, 7)
    print(f"real EIGER 4M frame: ours {found['ours'] * 1e3:.1f} ms to gzip, h5py alone {found['h5py'] * 1e3:.1f} ms")


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--quick", action="store_true", help="fewer rounds, frames and requests")
    words.add_argument("--requests", type=int, help="frames that the twenty users ask for (10,000)")
    asked = words.parse_args()
    rounds, frames = (4, 60) if asked.quick else (12, 110)
    requests = asked.requests or (600 if asked.quick else 10_000)
    print(report.surroundings())
    with tempfile.TemporaryDirectory(prefix="lens-frames-") as made:
        folder = Path(made)
        path = folder / "e_1_master.h5"
        print(f"EIGER 16M: {frames} frames of {framesite.eiger(path, frames):.1f} MB", flush=True)
        from data.images import warm

        warm.prepare()
        found: dict[str, float | int] = {}
        with framesite.served(folder, frames) as running:
            browser = Browser(running)
            try:
                times = against_rivals(browser, path, rounds)
                print(json.dumps({name: round(value) for name, value in times.items()}))
                cold = times["cold"]
                found["cold_vs_h5py"] = cold / times["h5py"]
                found["matplotlib_vs_cold"] = times["matplotlib"] / cold
                found["rasterize_vs_cold"] = times["rasterize"] / cold
                found["raw_float_vs_cold"] = times["raw"] / cold
                first = 2
                browser.jump(first)
                steps = []
                for number in range(first + 1, first + 6):
                    time.sleep(1.0)
                    steps.append(browser.step(number))
                found["ahead_ms"] = median(steps)
                far = frames - (45 if asked.quick else 55)
                browser.jump(far)
                time.sleep(1.5)
                spent, began = running.cpu(), time.perf_counter()
                shown = browser.play(1.2 if asked.quick else 1.5)
                seconds = time.perf_counter() - began
                found["play_fps"] = shown / (1.2 if asked.quick else 1.5)
                found["cpu_ms_per_frame"] = (running.cpu() - spent) * 1e3 / max(1, shown)
                print(f"played {shown} frames in {seconds:.1f} s")
                found["contrast_requests"], found["contrast_ms"] = browser.contrast()
            finally:
                browser.close()
            found["cbf_vs_fabio"] = cbf(folder, 6 if asked.quick else 20)
            found["fabio_loop_vs_max"] = maximum(path, frames)
            found["memory_growth"] = asyncio.run(crowd(running, frames, requests))
        real()
    print(report.surroundings())
    print(report.json_line(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
