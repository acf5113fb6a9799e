"""Events of a visit and image quality in Chromium: canvas, list and link move each other."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from browser.site import NEWEST, Site
from playwright.sync_api import Page, expect
from servers.chromium import chromium

from data import schema as s

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="no Chromium here"),
]
Open = Callable[..., Page]
EVENTS = "?visit=mx415-3&tab=events"


@pytest.fixture(scope="module")
def eventful(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site with robot actions and an energy scan in the visit that runs now, ten minutes apart."""
    made = Site(Path(tmp_path_factory.mktemp("eventful")) / "site")
    made.folder.mkdir()
    made.write()
    now = datetime.now()
    for n in range(1, 5):
        at = now - timedelta(minutes=10 * n + 10)
        made.add(s.RobotAction, action_id=n, visit_id=4153, sample_id=1, action="LOAD", status="SUCCESS", start=at,
                 end=at + timedelta(seconds=30))  # fmt: skip
    made.add(s.EnergyScan, scan_id=1, visit_id=4153, element="Se", edge="K", start=now - timedelta(minutes=15),
             end=now - timedelta(minutes=14))  # fmt: skip
    made.start()
    yield made
    made.stop()


def test_kinds_are_chosen_and_the_timeline_follows(eventful: Site, opened: Open) -> None:
    page = opened(eventful, EVENTS)
    canvas = page.locator("canvas[aria-roledescription=timeline]")
    expect(canvas).to_have_attribute("aria-label", re.compile(r"Timeline: \d+ events"))
    page.get_by_label(re.compile(r"^Robot \(4\)")).check()
    expect(page).to_have_url(re.compile("f.kind=robot"))
    expect(page.locator(".t-body .t-row[data-key]")).to_have_count(4)
    expect(canvas).to_have_attribute("aria-label", re.compile(r"Timeline: 4 events"))
    page.get_by_label(re.compile(r"^Energy scan \(1\)")).check()
    expect(page.locator(".t-body .t-row[data-key]")).to_have_count(5)
    page.reload()
    expect(page.locator(".t-body .t-row[data-key]")).to_have_count(5)
    expect(page.get_by_label(re.compile(r"^Robot"))).to_be_checked()


def test_a_zoom_is_in_the_link_and_narrows_the_list_when_wanted(eventful: Site, opened: Open) -> None:
    page = opened(eventful, f"{EVENTS}&f.kind=robot")
    canvas = page.locator("canvas[aria-roledescription=timeline]")
    expect(canvas).to_have_attribute("aria-label", re.compile(r"Timeline: 4 events"))
    canvas.focus()
    page.keyboard.press("+")
    expect(page).to_have_url(re.compile(r"v\.from=2\d{3}-\d\d-\d\dT"))
    expect(canvas).to_have_attribute("aria-label", re.compile(r"Timeline: 2 events"))
    page.get_by_role("button", name="List what is in sight").click()
    expect(page).to_have_url(re.compile(r"f\.start="))
    expect(page.locator(".t-body .t-row[data-key]")).to_have_count(2)
    page.get_by_role("button", name="List everything again").click()
    expect(page.locator(".t-body .t-row[data-key]")).to_have_count(4)
    page.get_by_role("button", name="Whole session").click()
    expect(page).not_to_have_url(re.compile("v.from"))
    expect(canvas).to_have_attribute("aria-label", re.compile(r"Timeline: 4 events"))


def test_a_star_and_an_open_group_stay(eventful: Site, opened: Open) -> None:
    page = opened(eventful, EVENTS)
    page.locator('[data-key="r1"] [data-act="star"]').click()
    expect(page.locator('[data-key="r1"] [data-act="star"]')).to_have_attribute("aria-pressed", "true")
    page.locator('[data-key="g41532"] [data-act="open"]').click()
    expect(page.locator('.t-child[data-key="g41532.6001"]')).to_be_visible()
    page.reload()
    expect(page.locator('.t-child[data-key="g41532.6001"]')).to_be_visible()
    expect(page.locator('[data-key="r1"] [data-act="star"]')).to_have_attribute("aria-pressed", "true")
    page.get_by_label(re.compile(r"Favourites \(1\)")).check()
    expect(page.locator(".t-body .t-row[data-key]")).to_have_count(1)


def test_image_quality_zooms_and_opens_the_frame(eventful: Site, opened: Open) -> None:
    page = opened(eventful, f"?collection={NEWEST}&tab=quality")
    canvas = page.locator("canvas[aria-roledescription=plot]")
    expect(canvas).to_have_attribute("aria-label", re.compile(r"\d+ images with numbers, each by itself"))
    canvas.focus()
    page.keyboard.press("+")
    expect(page).to_have_url(re.compile(r"v\.from=\d+&v\.to=\d+"))
    page.get_by_role("button", name="All images").click()
    expect(page).not_to_have_url(re.compile(r"v\.from"))
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 90, box["y"] + 80)
    expect(page).to_have_url(re.compile(rf"collection={NEWEST}&image=\d+&tab=image"))
    page.go_back()
    expect(page.get_by_role("link", name="Image quality")).to_be_visible()
