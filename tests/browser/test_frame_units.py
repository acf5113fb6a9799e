"""What the viewer's script computes, against what the server computes: in Chromium, without a page of ours."""

from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page
from source import ROOT

from data.images.geometry import Geometry, ring_radius
from data.images.plane import Plane
from data.images.reduce import compand

pytestmark = pytest.mark.browser


class Quiet(SimpleHTTPRequestHandler):
    """The project's files, as they are."""

    def log_message(self, *_: Any, **__: Any) -> None:
        """Nothing is printed."""


@pytest.fixture(scope="module")
def files() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(ROOT)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def page(chrome: Browser, files: str) -> Iterator[Page]:
    context = chrome.new_context()
    fresh = context.new_page()
    fresh.goto(f"{files}/tests/browser/frame_units.js")
    yield fresh
    context.close()


def wrong(page: Page, name: str, *given: Any) -> list[str]:
    """What one of the checks in `frame_units.js` finds wrong."""
    found: list[str] = page.evaluate(
        """async ([name, given]) => {
          const {checks} = await import("/tests/browser/frame_units.js")
          return (await checks("/views/parts/js"))[name](...given)
        }""",
        [name, list(given)],
    )
    return found


def test_the_script_reads_the_servers_codes(page: Page) -> None:
    counts = [*range(70), *(2**n + k for n in range(6, 19) for k in (-1, 0, 1)), 491_519, 491_520, 4_000_000]
    codes = compand(np.array(counts)).tolist()
    every = np.arange(491_521)
    begins = {int(code): int(np.argmax(compand(every) == code)) for code in set(codes)}
    assert wrong(page, "codes", [[count, code, begins[code]] for count, code in zip(counts, codes, strict=True)]) == []


def test_contrast_is_automatic_and_every_map_grows_lighter(page: Page) -> None:
    assert wrong(page, "contrast") == []


def test_a_spot_is_on_the_screen_at_every_zoom(page: Page) -> None:
    assert wrong(page, "spots") == []


def test_ten_thousand_frames_leave_no_more_than_the_bound_in_the_browser(page: Page) -> None:
    assert wrong(page, "memory") == []


def test_tiles_draw_what_the_whole_frame_draws_and_hold_its_counts(page: Page) -> None:
    assert wrong(page, "tiles") == []


@pytest.mark.parametrize("swing", [0.0, 25.0])
def test_resolutions_under_the_pointer_are_the_servers(page: Page, swing: float) -> None:
    flat = Geometry(0.9763, 150.0, 2079.4, 2218.6, 0.075, 0.075, swing)
    plane = Plane.of(flat)
    points = [(0.0, 0.0), (4148.0, 4362.0), (2079.4, 10.0), (3000.5, 2500.5), (100.25, 4000.75)]
    table = [[x, y, float(plane.resolution(x, y)), float(plane.two_theta(x, y))] for x, y in points]
    radius = None if swing else (ring_radius(flat, 2.5) or 0) / 0.075
    given = {
        "origin": list(plane.origin),
        "fast": list(plane.fast),
        "slow": list(plane.slow),
        "wavelength": plane.wavelength,
        "beam": list(plane.beam or ()),
    }
    assert wrong(page, "geometry", given, table, [[2.5, radius]]) == []


def test_what_is_under_the_pointer_stays_there_while_zooming(page: Page) -> None:
    assert wrong(page, "zoom") == []
