"""What the viewer of frames is held against: matplotlib, HoloViews, and the whole frame as floats."""

import base64
import io
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

RAW = """async ([address, width, height]) => {
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

PNG = """async (data) => {
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


def worked(action: Callable[[], Any]) -> float:
    """Milliseconds of processor time of this thread."""
    began = time.thread_time()
    action()
    return (time.thread_time() - began) * 1e3


def rival(name: str, make: Callable[[], Callable[[Any], Any]]) -> Callable[[Any], Any] | None:
    """What a rival draws with, or None and a line that says why."""
    try:
        return make()
    except ImportError as error:
        print(f"{name}: not here ({error}); pip install 'ispyb-lens[bench]'", flush=True)
        return None


@dataclass(frozen=True, slots=True)
class Rivals:
    """What draws a frame otherwise, each None where it is not installed."""

    matplotlib: Callable[[Any], str] | None
    rasterize: Callable[[Any], Any] | None


def rivals() -> Rivals:
    """All of them, each having drawn something small: what they compile or import first is not held against them."""
    import numpy as np

    found = Rivals(rival("matplotlib", drawer), rival("rasterize", rasterizer))
    for draw in (found.matplotlib, found.rasterize):
        if draw is not None:
            draw(np.ones((64, 64), np.uint32))
    return found


def drawer() -> Callable[[Any], str]:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot  # noqa: F401

    return _matplotlib


def _matplotlib(image: Any) -> str:
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(10.5, 10.5), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(image, vmin=0, vmax=20, cmap="gray_r")
    out = io.BytesIO()
    figure.savefig(out, format="png")
    plt.close(figure)
    return base64.b64encode(out.getvalue()).decode()


def rasterizer() -> Callable[[Any], Any]:
    import datashader  # noqa: F401
    import holoviews as hv
    from holoviews.operation.datashader import rasterize

    hv.extension("bokeh")

    def draw(array: Any) -> Any:
        height, width = array.shape
        image = hv.Image(array, bounds=(0, 0, width, height))
        return hv.render(rasterize(image, width=1038, height=1093, aggregator="max", dynamic=False))

    return draw


class raw_server:  # noqa: N801
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
