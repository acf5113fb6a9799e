"""Grid scans, strategies, energy scans and spectra in Chromium."""

import re
from collections.abc import Callable

import pytest
from browser.site import MISSING, Site
from browser.site_scans import BARE, GRID, HOSTILE_SCAN, HOSTILE_SCREENED, SCAN, SCREENED, SPECTRUM
from playwright.sync_api import Page, expect
from servers.chromium import chromium

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="no Chromium here"),
]
Open = Callable[..., Page]


PLACE = """() => {
    const figure = [...Bokeh.documents[0].all_models].find((m) => m.type === "Figure" && m.right.length
        && m.right.some((side) => side.type === "ColorBar"))
    const view = figure && Bokeh.index.find_one(figure)
    if (!view) return null
    const box = view.el.getBoundingClientRect()
    return [box.x + view.frame.x_scale.compute(0.04), box.y + view.frame.y_scale.compute(0.02)]
}"""
"""Where the third cell of the second row is on the screen."""


def grid(page: Page) -> None:
    """Wait until the map of the page is there."""
    page.locator(".bk-Figure").first.wait_for()
    page.get_by_text("4 × 3 cells of 20.0 × 20.0 µm").wait_for()


def test_a_cell_of_the_map_opens_its_image_and_the_indicator_is_in_the_link(site: Site, opened: Open) -> None:
    page = opened(site, f"?collection={GRID}")
    grid(page)
    expect(page.get_by_text("10 of 12 cells have numbers; the others are framed.")).to_be_visible()
    expect(page.get_by_text("every other one backwards")).to_be_visible()
    page.locator("select[data-key=grid]").select_option("bragg")
    expect(page).to_have_url(re.compile(r"v\.grid=bragg"))
    # The crystal is marked in the third column of the second row: image 6 of a snake of four columns.
    for _ in range(20):  # a busy machine may still be drawing, and what is drawn above moves the map
        place = page.evaluate(PLACE)
        if place is not None:
            page.mouse.click(*place)
        page.wait_for_timeout(1000)
        if "image=" in page.url:
            break
    expect(page).to_have_url(re.compile(r"image=6\b"))
    page.reload()
    grid(page)
    expect(page.locator("select[data-key=grid]")).to_have_value("bragg")


def test_the_grid_at_right_angles_and_the_crystals_stand_below(site: Site, opened: Open) -> None:
    page = opened(site, f"?collection={GRID}")
    grid(page)
    expect(page.get_by_role("heading", name="At right angles")).to_be_visible()
    table = page.get_by_role("region", name="Crystals found by X-ray centring")
    expect(table).to_contain_text("2.50, 1.50, 0.50")
    expect(table).to_contain_text("0.040, 0.020")
    page.get_by_role("link", name=f"Collection {GRID + 1}", exact=True).click()
    expect(page).to_have_url(re.compile(f"collection={GRID + 1}"))


def test_a_mesh_without_grid_info_says_so_in_its_place(site: Site, opened: Open) -> None:
    page = opened(site, f"?collection={BARE}")
    expect(page.get_by_text("No map of this grid scan")).to_be_visible()
    expect(page.get_by_role("heading", name="Parameters")).to_be_visible()


def test_strategies_stand_side_by_side_with_what_to_look_at(site: Site, opened: Open) -> None:
    page = opened(site, f"?collection={SCREENED}")
    page.get_by_role("link", name="Strategy").click()
    expect(page).to_have_url(re.compile("tab=strategy"))
    table = page.get_by_role("region", name="Strategies of all programs")
    expect(table).to_contain_text("10.0 – 55.0")
    expect(table).to_contain_text("None")
    expect(page.get_by_text("The program says: “Indexing failed.”.")).to_be_visible()
    expect(page.get_by_role("button", name="Copy").first).to_be_visible()


def test_an_energy_scan_shows_its_curves_and_energies_in_ev(site: Site, opened: Open) -> None:
    page = opened(site, f"?energyscan={SCAN}")
    expect(page.get_by_role("heading", name="Se K edge · energy scan")).to_be_visible()
    expect(page.get_by_text("12\u202f658.5")).to_be_visible()  # stored in keV
    expect(page.locator(".bk-Figure")).to_have_count(2)
    expect(page.get_by_text("se.efs")).to_be_visible()


def test_the_lines_of_chosen_elements_are_in_the_link(site: Site, opened: Open) -> None:
    pytest.importorskip("xraydb", reason="XrayDB is not installed (extra mx)")
    page = opened(site, f"?xrf={SPECTRUM}")
    expect(page.get_by_text("Lines that lie on peaks, by position alone: Se.")).to_be_visible()
    field = page.get_by_label("Lines of")
    field.fill("fe, nonsense, ZN")
    field.press("Enter")
    expect(page).to_have_url(re.compile(r"v\.elements=Fe,Zn"))
    page.get_by_label("Powers of ten").check()
    expect(page).to_have_url(re.compile(r"v\.log=yes"))
    page.reload()
    expect(page.get_by_label("Lines of")).to_have_value("Fe, Zn")


@pytest.mark.parametrize(
    "link", [f"?energyscan={HOSTILE_SCAN}", "?xrf=609", f"?collection={HOSTILE_SCREENED}&tab=strategy"]
)
def test_hostile_text_stays_text(site: Site, opened: Open, link: str) -> None:
    page = opened(site, link)
    expect(page.get_by_text("<img src=x").first).to_be_visible()
    assert page.evaluate("window.executed") is None


@pytest.mark.parametrize("link", [f"?energyscan={SCAN}", f"?xrf={SPECTRUM}", f"?collection={SCREENED}&tab=strategy"])
def test_what_is_not_ones_own_reads_as_what_is_not_there(site: Site, opened: Open, link: str) -> None:
    absent = re.sub(r"\d+", str(MISSING), link, count=1)
    words = []
    for asked in (link, absent):
        page = opened(site, asked, "nobody")
        shown = page.locator(".problem").first
        expect(shown).to_be_visible()
        words.append(shown.inner_text())
    assert words[0] == words[1]
