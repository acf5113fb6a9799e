"""A model with its maps and peaks in Chromium: drawn, contoured, centred, and said where it cannot be."""

import re
from collections.abc import Callable

import pytest
from browser.site import Site
from browser.site_scans import MODEL
from playwright.sync_api import Page, expect
from servers.chromium import chromium

from app.viewer_files import packaged

pytest.importorskip("gemmi", reason="gemmi is not installed (extra mx)")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="no Chromium here"),
]
Open = Callable[..., Page]

PAINTED = """() => {
    const canvas = document.querySelector("canvas")
    const image = document.createElement("canvas")
    image.width = canvas.width, image.height = canvas.height
    const context = image.getContext("2d")
    context.drawImage(canvas, 0, 0)
    const data = context.getImageData(0, 0, image.width, image.height).data
    const seen = new Set()
    for (let i = 0; i < data.length; i += 4) seen.add([data[i], data[i + 1], data[i + 2]].map((v) => v >> 4).join())
    return seen.size
}"""
"""How many colours the canvas of the frame has."""


@pytest.mark.skipif(packaged() is None, reason="the viewer is not installed (extra model)")
def test_a_model_is_drawn_and_a_peak_is_centred(site: Site, opened: Open) -> None:
    page = opened(site, f"?collection={MODEL}&tab=downstream", viewport={"width": 900, "height": 600})
    # What the driver of a machine without a graphics card has to say.
    page.heard.allowed.append("GPU stall due to ReadPixels")  # type: ignore[attr-defined]
    card = page.get_by_role("region", name="Model and maps")
    expect(card).to_have_attribute("data-drawn", "all", timeout=60_000)
    expect(card).to_have_attribute("data-level_fofc", "3:2")  # a contour on each side of zero
    frame = next(frame for frame in page.frames if "/molecule/" in frame.url)
    assert frame.evaluate(PAINTED) > 20
    peaks = page.get_by_role("region", name="Peaks")
    expect(peaks).to_contain_text("MET 8 SD")
    peaks.get_by_role("row").filter(has_text="MET 8 SD").get_by_role("button").click()
    expect(card).to_have_attribute("data-centre", re.compile(r"^-?\d"))
    x, y, z = map(float, (card.get_attribute("data-centre") or "").split())
    button = peaks.get_by_role("row").filter(has_text="MET 8 SD").get_by_role("button")
    told = [float(text) for text in re.findall(r"-?\d+\.\d", button.get_attribute("title") or "")]
    assert (x, y, z) == pytest.approx(told, abs=0.1)
    page.get_by_label("Level of 2Fo − Fc").fill("2.5")
    expect(card).to_have_attribute("data-level_2fofc", "2.5:1")
    page.get_by_label("Show 2Fo − Fc").uncheck()
    expect(card).to_have_attribute("data-level_2fofc", "0:0")


def test_a_model_that_is_gone_is_said_in_its_place_and_the_choice_is_in_the_link(site: Site, opened: Open) -> None:
    page = opened(site, f"?collection={MODEL}&tab=downstream&v.model=model.72")
    expect(page.get_by_text("This model cannot be drawn")).to_be_visible()
    expect(page.get_by_text("The file “gone.pdb” is not on disk any more.")).to_be_visible()
    page.locator("select[data-key=model]").select_option("model.71")
    expect(page).to_have_url(re.compile(r"v\.model=model\.71"))
    expect(page.get_by_role("region", name="Peaks")).to_be_visible()
