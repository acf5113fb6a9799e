"""How quickly a frame is on screen, held in the same run against h5py, fabio, matplotlib, HoloViews and raw floats.

    python benchmarks/frames.py            some minutes, of which 10,000 frames of 20 users take half
    python benchmarks/frames.py --quick    fewer rounds and frames: under a minute

Makes frames of an EIGER 16M and a PILATUS 6M in a temporary folder, serves the dashboard from a process of its own and
opens it in Chromium. Rivals need the extra "bench"; one that is not installed is null, with a line that says so.
The last line is one JSON object:

cold_vs_h5py        number typed to pixels painted of a frame nobody has asked for, over `dataset[i]` of h5py
matplotlib_vs_cold  fabio + matplotlib + PNG in the page, over that
rasterize_vs_cold   h5py + `rasterize` of HoloViews to the same size, before it is sent, over that
raw_float_vs_cold   the whole frame as float32 to a canvas, over that
ahead_ms            step to a frame that was read ahead, until it is drawn
play_fps            frames a second that the viewer shows when asked for 50
cpu_ms_per_frame    processor time of the server for each of them
contrast_requests   requests that changing the contrast makes
cbf_vs_fabio        processor time of the server for a PILATUS 6M frame, file to gzip, over `fabio.open(path).data`
fabio_loop_vs_max   maximum by fabio and numpy in a loop, over ours, by the frame
memory_growth       memory of the server after all frames of 20 users, over that after the first fifth, less one
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import framesite
import paths  # noqa: F401
import report
from framerivals import PNG, RAW, Rivals, raw_server, rivals, timed, worked
from tornado.httpclient import HTTPClientError

_PAINTED = """(box, number) => new Promise((done, failed) => {
  const root = box.getRootNode()
  const began = performance.now()
  let passed = 0
  const look = () => {
    passed += 1
    const canvas = root.querySelector("canvas[data-drawn=true]")
    if (canvas?.dataset.image === String(number) && !canvas.dataset.rough)
      return done([performance.now() - began, passed])
    if (performance.now() - began > 60000) return failed(new Error(`image ${number} did not come`))
    requestAnimationFrame(look)
  }
  if (box.tagName === "INPUT") { box.value = String(number); box.dispatchEvent(new Event("change")) } else box.click()
  requestAnimationFrame(look) // behind the viewer's own: what that draws is seen in the same frame of the display
})"""

_PLAYED = """async (canvas, frames) => {
  const root = canvas.getRootNode()
  const button = (name) => [...root.querySelectorAll("button")].find((each) => each.textContent === name)
  const shown = () => Number(canvas.dataset.shown ?? 0)
  const before = shown()
  button("Play").click()
  const began = performance.now()
  while (shown() - before < frames && button("Pause") && performance.now() - began < 60000)
    await new Promise(requestAnimationFrame)
  const taken = performance.now() - began
  button("Pause")?.click()
  return [shown() - before, taken]
}"""


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
        return float(self.box.evaluate(_PAINTED, number)[0])

    def step(self, number: int) -> tuple[float, int]:
        """Press "next", which leads to this number; milliseconds, and frames of the display that it took."""
        self.page.bring_to_front()
        taken, passed = self.page.get_by_role("button", name="Next image").evaluate(_PAINTED, number)
        return float(taken), int(passed)

    def play(self, frames: int) -> tuple[int, float]:
        """Play so many frames at 50 a second, or to the end; how many were shown, and in how many seconds."""
        self.page.get_by_label("Images per second").select_option("50")
        canvas = self.page.locator("canvas[data-image]").first
        shown, taken = canvas.evaluate(_PLAYED, frames)
        return int(shown), float(taken) / 1e3

    def heap(self) -> float:
        """Megabytes that the page's script holds, after what nobody holds was let go."""
        session = self.page.context.new_cdp_session(self.page)
        session.send("HeapProfiler.collectGarbage")
        used = session.send("Runtime.getHeapUsage")
        session.detach()
        return float(used["usedSize"] + used.get("backingStorageSize", 0)) / 1e6

    def contrast(self) -> tuple[int, float]:
        """Requests of ten changes of contrast, and the median script of one in milliseconds."""
        requests: list[str] = []
        self.page.wait_for_timeout(2500)  # what playing still reads ahead is over
        self.page.on("request", lambda request: requests.append(request.url))
        canvas = self.page.locator("canvas[data-image]").first
        taken = []
        for name in ["log", "linear"] * 5:
            self.page.get_by_label("Scale of the colours").first.select_option(name)
            self.page.wait_for_timeout(60)
            taken.append(float(canvas.get_attribute("data-contrast") or 0))
        return sum("/frame/" in url or "/tile/" in url for url in requests), median(taken)

    def close(self) -> None:
        self._chrome.close()
        self._playwright.stop()


def against_rivals(browser: Browser, path: Path, rounds: int, others: Rivals) -> dict[str, float | None]:
    """Cold frames and what others do, one after the other in each round; medians in ms, None for who is not here."""
    import fabio
    import h5py
    import hdf5plugin  # noqa: F401
    import numpy as np

    taken: dict[str, list[float]] = {name: [] for name in ("cold", "h5py", "matplotlib", "rasterize", "raw")}
    png_of, rasterized = others.matplotlib, others.rasterize
    with h5py.File(path, "r") as file, raw_server(file["/entry/data/data"]) as address:
        data = file["/entry/data/data"]
        browser.blank.goto(f"{address}/page")
        for round_ in range(rounds + 1):
            number = 8 + round_ * 6
            assert number + 5 < len(data), "too few frames"
            time.sleep(0.6)
            cold = browser.jump(number)
            time.sleep(0.6)  # what it reads ahead is not the others' burden
            plain = timed(lambda number=number: data[number - 1])
            if round_ == 0:
                continue  # imports and caches
            taken["cold"].append(cold)
            taken["h5py"].append(plain)
            print(f"  round {round_}: cold {cold:.0f} ms, h5py {plain:.0f} ms", flush=True)
            if round_ > rounds // 3:
                continue
            began = time.perf_counter()
            image = fabio.open(str(path)).get_frame(number - 1).data
            read = (time.perf_counter() - began) * 1e3
            browser.blank.bring_to_front()
            if png_of is not None:
                began = time.perf_counter()
                png = png_of(image)
                made = (time.perf_counter() - began) * 1e3
                taken["matplotlib"].append(read + made + float(browser.blank.evaluate(PNG, png)))
            taken["raw"].append(
                float(browser.blank.evaluate(RAW, [f"{address}/{number}", framesite.WIDTH, framesite.HEIGHT]))
            )
            if rasterized is not None:
                array = np.where(image == framesite.SENTINEL, 0, image)
                taken["rasterize"].append(plain + timed(lambda array=array: rasterized(array)))
    return {name: median(values) if values else None for name, values in taken.items()}


def cbf(folder: Path, files: int) -> float:
    """Our work for a CBF over fabio's, in processor time: who else is on the machine does not count. Median."""
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

        spent, read = worked(send), worked(lambda path=path: fabio.open(str(path)).data)
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
    few = min(frames, 12) if frames > 100 else 6

    def loop() -> None:
        image = fabio.open(str(path))
        found = image.data.copy()
        for number in range(1, few):
            np.maximum(found, image.get_frame(number).data, out=found)

    theirs = timed(loop) / few
    print(f"maximum: ours {ours:.1f} ms a frame over {frames}, fabio {theirs:.1f} over {few}")
    return theirs / ours


async def asked(person: Any, address: str) -> None:
    """One frame; asked for again where the answer says that it comes later, as the viewer does."""
    for _ in range(60):
        try:
            await person.ask(address, headers={"Accept-Encoding": "gzip", "Sec-Fetch-Dest": "empty"})
            return
        except HTTPClientError as error:
            if error.code != 503:
                raise
            await asyncio.sleep(1)
    raise RuntimeError(f"{address} did not come")


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
            await asked(person, address)
            done += 1
            if done % (requests // 5) == 0:
                marks.append(running.memory())
                print(f"  {done} frames: {marks[-1]:.0f} MB", flush=True)

    await asyncio.gather(*(one(person, requests // users) for person in people))
    return running.memory() / marks[0] - 1


def real(rounds: int) -> None:
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

    found = report.interleaved({"ours": ours, "h5py": theirs}, rounds)
    print(f"real EIGER 4M frame: ours {found['ours'] * 1e3:.1f} ms to gzip, h5py alone {found['h5py'] * 1e3:.1f} ms")


KEYS = (
    *("cold_vs_h5py", "matplotlib_vs_cold", "rasterize_vs_cold", "raw_float_vs_cold", "ahead_ms", "play_fps"),
    *("cpu_ms_per_frame", "contrast_requests", "cbf_vs_fabio", "fabio_loop_vs_max", "memory_growth"),
)
"""What the last line holds."""


def on_screen(
    running: framesite.Served, path: Path, quick: bool, frames: int, others: "Future[Rivals]"
) -> dict[str, float | int | None]:
    """All that is measured in Chromium."""
    found: dict[str, float | int | None] = {}
    browser = Browser(running)
    try:
        times = against_rivals(browser, path, 3 if quick else 12, others.result())
        print(json.dumps({name: value and round(value) for name, value in times.items()}))
        cold, plain = times["cold"], times["h5py"]
        assert cold is not None
        assert plain is not None
        found["cold_vs_h5py"] = cold / plain
        for name, rival in (("matplotlib", "matplotlib"), ("rasterize", "rasterize"), ("raw_float", "raw")):
            value = times[rival]
            found[f"{name}_vs_cold"] = None if value is None else value / cold
        browser.jump(2)
        steps = []
        for number in range(3, 8):
            time.sleep(0.8)
            steps.append(browser.step(number))
        print("steps to frames read ahead: " + ", ".join(f"{ms:.1f} ms ({passed})" for ms, passed in steps))
        found["ahead_ms"] = median(ms for ms, _ in steps)
        browser.jump(frames - PLAYED)
        time.sleep(1.0)
        spent, browsing = running.cpu(), framesite.descendants_cpu(running.process.pid)
        shown, seconds = browser.play(PLAYED - 10)
        found["play_fps"] = shown / seconds
        found["cpu_ms_per_frame"] = (running.cpu() - spent) * 1e3 / max(1, shown)
        browsing = (framesite.descendants_cpu(running.process.pid) - browsing) * 1e3 / max(1, shown)
        print(f"played {shown} frames in {seconds:.1f} s; Chromium took {browsing:.0f} ms of processor time for each")
        requests, script = browser.contrast()
        found["contrast_requests"] = requests
        print(f"a change of contrast: {script:.1f} ms of script")
        if not quick:
            print(played_on(browser, running, 2_000))
    finally:
        browser.close()
    return found


PLAYED = 60


def ready() -> Rivals:
    """Our loops and the rivals', loaded."""
    from data.images import warm

    warm.prepare()
    return rivals()


def played_on(browser: Browser, running: framesite.Served, most: int) -> str:
    """The page's heap and the server's memory while so many frames are played, over and over."""
    shown, marks = 0, []
    while shown < most:
        browser.jump(1)
        shown += max(1, browser.play(most)[0])
        marks.append((browser.heap(), running.memory()))
    first, last = marks[min(1, len(marks) - 1)], marks[-1]
    return f"{shown} frames played: heap {first[0]:.0f} to {last[0]:.0f} MB, server {first[1]:.0f} to {last[1]:.0f} MB"


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--quick", action="store_true", help="fewer rounds, frames and requests")
    words.add_argument("--requests", type=int, help="frames that the twenty users ask for (10,000)")
    asked = words.parse_args()
    frames = 92 if asked.quick else 200
    requests = asked.requests or (400 if asked.quick else 10_000)
    print(report.surroundings())
    began = time.perf_counter()
    # What takes long to import is got while files are written and the server starts; nothing is measured meanwhile.
    with tempfile.TemporaryDirectory(prefix="lens-frames-") as made, ThreadPoolExecutor(1) as beside:
        others = beside.submit(ready)
        folder = Path(made)
        path = folder / "e_1_master.h5"
        print(f"EIGER 16M: {frames} frames of {framesite.eiger(path, frames):.1f} MB", flush=True)
        found: dict[str, float | int | None] = {}
        with framesite.served(folder, frames) as running:
            found |= on_screen(running, path, asked.quick, frames, others)
            found["cbf_vs_fabio"] = cbf(folder, 4 if asked.quick else 20)
            if asked.quick:
                found["fabio_loop_vs_max"] = maximum(path, frames)
            else:
                found["fabio_loop_vs_max"] = maximum(framesite.linked(path, 1_000), 1_000)
            found["memory_growth"] = asyncio.run(crowd(running, frames, requests))
        real(3 if asked.quick else 7)
    print(f"{report.surroundings()}; {time.perf_counter() - began:.0f} s")
    print(report.json_line({key: found[key] for key in KEYS}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
