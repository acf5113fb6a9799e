"""Files and logs in Chromium: a window on a text, a page that may do nothing, pictures, and words for what is not."""

import os
import re
from collections.abc import Callable

import pytest
from browser.site import FILES, NEWEST, Site
from playwright.sync_api import Page, expect
from servers.chromium import chromium

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="no Chromium here"),
]
Open = Callable[..., Page]
LINK = f"?collection={NEWEST}&tab=files"


def seen(page: Page, name: str) -> None:
    """Kept for who wants to look, where the environment names a folder."""
    folder = os.environ.get("ISPYB_LENS_TEST_PICTURES")
    if folder:
        page.screenshot(path=f"{folder}/{name}.png")


def test_each_run_lists_its_files_and_what_it_said(site: Site, opened: Open) -> None:
    page = opened(site, f"?collection={NEWEST}")
    page.get_by_role("link", name="Files and logs").click()
    for name in FILES:
        expect(page.get_by_role("link", name=re.compile(re.escape(name)))).to_be_visible()
    expect(page.get_by_text("WARNING: ice rings")).to_be_visible()
    expect(page.get_by_role("link", name="All as zip")).to_have_attribute(
        "href", re.compile(r"/attachments/\d+/2\.zip$")
    )
    seen(page, "files-list")


def test_a_text_is_searched_and_its_ends_are_near(site: Site, opened: Open) -> None:
    page = opened(site, f"{LINK}&v.file=run.1")
    lines = page.get_by_role("region", name="Lines of the file")
    expect(lines.get_by_text("line 0", exact=True)).to_be_visible()
    page.get_by_label("Find in the file").fill("warning")
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("1 of 5 lines")).to_be_visible()
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("2 of 5 lines")).to_be_visible()
    expect(lines.locator(".f-at")).to_contain_text("line 1998 WARNING ice")
    expect(lines.locator(".f-at mark")).to_have_text("WARNING")
    page.get_by_role("button", name="Previous").click()
    page.get_by_role("button", name="Previous").click()
    expect(page.get_by_text("5 of 5 lines")).to_be_visible()
    seen(page, "files-text")
    page.get_by_role("button", name="End").click()
    expect(lines.get_by_text("line 4999", exact=True)).to_be_visible()
    page.get_by_role("button", name="Start").click()
    expect(lines.get_by_text("line 0", exact=True)).to_be_visible()
    # What is scrolled to comes.
    last = 0
    for _ in range(120):
        lines.evaluate("e => { e.scrollTop = e.scrollHeight }")
        page.wait_for_timeout(150)
        last = int(lines.locator(".f-line").last.get_attribute("data-line") or 0)
        if last > 1000:
            break
    assert last > 1000
    page.get_by_label("Go to line").fill("2500")
    page.get_by_label("Go to line").press("Enter")
    expect(lines.get_by_text("line 2499", exact=True)).to_be_in_viewport()


def test_a_page_of_a_pipeline_runs_nothing(site: Site, opened: Open) -> None:
    page = opened(site, f"{LINK}&v.file=run.2")
    page.heard.allowed += ["Blocked script execution", "violates the following Content Security Policy", "sandbox"]  # type: ignore[attr-defined]
    frame = page.frame_locator("iframe.f-frame")
    expect(frame.get_by_role("heading", name="Report")).to_be_visible()
    expect(page.locator("iframe.f-frame")).to_have_attribute("sandbox", "")
    page.wait_for_timeout(300)
    assert page.evaluate("window.executed") is None
    assert frame.locator("h1").evaluate("() => self.origin") == "null"
    seen(page, "files-page")


@pytest.mark.parametrize(
    ("key", "words"),
    [("run.4", "is not text"), ("run.5", "is not on disk any more"), ("run.77", "you do not have access to it")],
)
def test_what_cannot_be_shown_says_so_in_its_place(site: Site, opened: Open, key: str, words: str) -> None:
    page = opened(site, f"{LINK}&v.file={key}")
    expect(page.get_by_text(words)).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("dials.log"))).to_be_visible()
    seen(page, f"files-{key}")


def test_a_picture_is_shown(site: Site, opened: Open) -> None:
    page = opened(site, f"{LINK}&v.file=run.3", viewport={"width": 800, "height": 900}, color_scheme="dark")
    picture = page.get_by_role("img", name="crystal.jpg")
    expect(picture).to_be_visible()
    assert picture.evaluate("e => e.naturalWidth") == 320
    seen(page, "files-picture")
    page.get_by_role("link", name=re.compile("dials.log")).click()
    expect(page.get_by_text("line 0", exact=True)).to_be_visible()
    seen(page, "files-text-800-dark")


@pytest.mark.parametrize("link", ["?collection=424242&tab=files", f"?collection={NEWEST - 3}&tab=files"])
def test_what_has_no_files_says_so(site: Site, opened: Open, link: str) -> None:
    page = opened(site, link)
    expect(page.locator(".empty, .problem").first).to_be_visible()
