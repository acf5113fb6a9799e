"""The viewer in Chromium: from a wish to painted pixels, read ahead, played, and with another contrast.

    python benchmarks/frames_browser.py http://127.0.0.1:8080/ --user admin --password … --collection 7

needs a running server and a collection whose images are on disk. Milliseconds are measured in the page, from the wish
until the canvas of the picture has been filled; the display shows it with its next refresh. The last line is JSON:

    cold_ms            an image that nobody has read, by its number, median
    cold_least_ms      the shortest of them
    ahead_ms           the next image, which was read ahead, median
    play_fps           images shown a second while playing as fast as it can, from what the browser has not read
    contrast_ms        script time of a change of contrast, median
    contrast_requests  requests while the contrast changed
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Page, sync_playwright
from report import json_line, surroundings

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from servers.chromium import ARGUMENTS, chromium

_WATCH = """() => {
  const all = root => [...root.querySelectorAll("*")].flatMap(e => [e, ...(e.shadowRoot ? all(e.shadowRoot) : [])])
  window.picture = all(document).find(e => e.matches(".f-picture"))
  window.shown = []
  new MutationObserver(() => window.shown.push([Number(picture.dataset.image), performance.now()]))
    .observe(window.picture, {attributeFilter: ["data-image"]})
}"""


def opened(page: Page, address: str, collection: int, image: int) -> None:
    """The viewer of a collection at an image, drawn and with its read-ahead done."""
    page.goto(f"{address}?collection={collection}&image={image}&tab=image")
    page.locator(".f-picture[data-drawn=true]").first.wait_for(timeout=60_000)
    page.wait_for_timeout(2_500)
    page.evaluate(_WATCH)


def wished(page: Page, image: int) -> float:
    """Ask for an image by its number; milliseconds until it was drawn."""
    page.get_by_label("Number of the image").fill(str(image))
    page.keyboard.press("Enter")
    page.wait_for_function("(image) => picture.dataset.image === String(image)", arg=image, timeout=60_000)
    return _took(page)


def _took(page: Page) -> float:
    return float(page.evaluate("Number(picture.dataset.took)"))


def stepped(page: Page, image: int) -> float:
    """The next image by its key; milliseconds until it was drawn."""
    page.locator(".f-picture").first.focus()
    page.keyboard.press(".")
    page.wait_for_function("(image) => picture.dataset.image === String(image)", arg=image, timeout=60_000)
    took = _took(page)
    page.wait_for_timeout(700)  # what comes next is read ahead
    return took


def played(page: Page, images: int) -> float:
    """Play ``images`` as fast as it can; images a second."""
    page.get_by_label("Images per second").select_option("50")
    page.evaluate("window.shown.length = 0")
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("(images) => window.shown.length >= images", arg=images, timeout=120_000)
    page.get_by_role("button", name="Pause").click()
    times = [at for _, at in page.evaluate("window.shown")]
    return float(1000 * (len(times) - 1) / (times[-1] - times[0]))


def contrasted(page: Page, times: int = 40) -> tuple[float, int]:
    """Move the upper end of the contrast; median milliseconds of script and requests meanwhile."""
    page.wait_for_timeout(1_000)
    asked: list[Any] = []
    page.on("request", asked.append)
    took = []
    for value in range(20, 20 + times):
        page.get_by_label("Highest count shown", exact=True).fill(str(value))
        page.wait_for_timeout(30)
        took.append(float(page.evaluate("Number(picture.dataset.contrast)")))
    return median(took), len(asked)


def measure(page: Page, address: str, collection: int, images: Sequence[int]) -> dict[str, float | int]:
    """All figures of one collection; ``images`` are on disk, in a row, at least 24."""
    opened(page, address, collection, images[0])
    contrast, requests = contrasted(page)
    ahead = [stepped(page, image) for image in images[1:5]]
    page.wait_for_timeout(1_000)
    cold = [wished(page, image) for image in images[-1:-11:-4]]
    opened(page, address, collection, images[0])
    fps = played(page, min(len(images) - 2, 60))
    return {
        "cold_ms": median(cold),
        "cold_least_ms": min(cold),
        "ahead_ms": median(ahead),
        "play_fps": fps,
        "contrast_ms": contrast,
        "contrast_requests": requests,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address", help="of the server, with a slash at the end")
    parser.add_argument("--user", required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument("--collection", type=int, required=True)
    parser.add_argument("--first", type=int, default=1, help="first image that is on disk")
    parser.add_argument("--images", type=int, default=40, help="how many are on disk")
    options = parser.parse_args(arguments)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.goto(f"{options.address}login")
        page.get_by_label("User name").fill(options.user)
        page.get_by_label("Password").fill(options.password)
        page.get_by_label("Password").press("Enter")
        page.wait_for_url(options.address)
        images = range(options.first, options.first + options.images)
        found = measure(page, options.address, options.collection, images)
        browser.close()
    print(surroundings())
    print(json_line(found))


if __name__ == "__main__":
    main()
