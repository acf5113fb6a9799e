"""What happens at the beamline while somebody looks."""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from itertools import count, islice
from typing import Any

import numpy as np
import pytest
from browser.conftest import served
from browser.site import LATE, NEWEST, Site
from fabio.cbfimage import CbfImage
from playwright.sync_api import Error, Locator, Page, Route, expect

from data import schema as s

pytestmark = pytest.mark.browser

Open = Callable[..., Page]
_numbers: Iterator[int] = count(NEWEST + 1)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site of this module: what is added here, others do not count."""
    yield from served(tmp_path_factory)


def row(page: Page, key: object) -> Locator:
    return page.locator(f"[role=row][data-key='{key}']")


def mark(page: Page) -> None:
    """Leave a trace that a page loaded anew would not have."""
    page.evaluate("window.sameDocument = true")


def same(page: Page) -> bool:
    return bool(page.evaluate("window.sameDocument === true"))


def test_a_new_collection_appears_by_itself(site: Site, opened: Open) -> None:
    page = opened(site, "?visit=mx415-3&tab=mx")
    expect(row(page, NEWEST)).to_be_visible()
    mark(page)
    number = next(_numbers)
    site.collect(number, prefix="appeared")
    expect(row(page, number)).to_contain_text("appeared", timeout=10_000)
    assert row(page, number).get_attribute("aria-rowindex") == "2"
    assert same(page)


def test_what_is_looked_at_stays_where_it_is_when_a_collection_comes(site: Site, opened: Open) -> None:
    page = opened(site, "?visit=mx415-3&tab=mx")
    expect(row(page, NEWEST)).to_be_visible()
    grid = page.get_by_role("grid", name="MX collections")
    grid.evaluate("grid => { grid.scrollTop = 30 * 36 }")
    expect(page.locator("[role=grid][aria-busy=false]")).to_have_count(1)
    looked = page.locator(".t-body [data-key]").evaluate_all(
        "rows => rows.sort((a, b) => a.ariaRowIndex - b.ariaRowIndex)[20].dataset.key"
    )
    before = row(page, looked).bounding_box()
    number = next(_numbers)
    site.collect(number)
    hint = page.get_by_role("button", name="1 new")
    expect(hint).to_be_visible(timeout=10_000)
    assert row(page, looked).bounding_box() == before
    hint.click()
    expect(row(page, number)).to_be_visible()


def test_a_sorted_list_says_that_there_is_something_new_and_moves_only_when_asked(site: Site, opened: Open) -> None:
    page = opened(site, "?visit=mx415-3&tab=mx&sort=-images")
    grid = page.get_by_role("grid", name="MX collections")
    expect(page.locator("[aria-sort=descending]")).to_have_count(1)
    page.wait_for_timeout(1500)  # what comes while the list is read is in it
    expect(page.locator("[role=grid][aria-busy=false]")).to_have_count(1)
    first = page.locator(".t-body [aria-rowindex='2']")
    before = first.get_attribute("data-key")
    number = next(_numbers)
    site.collect(number, images=999_999, prefix="sorted_in")
    hint = page.get_by_role("button", name="1 new")
    expect(hint).to_be_visible(timeout=10_000)
    assert first.get_attribute("data-key") == before
    expect(row(page, number)).to_have_count(0)
    hint.click()
    expect(row(page, number)).to_contain_text("sorted_in")
    assert row(page, number).get_attribute("aria-rowindex") == "2"
    expect(hint).to_be_hidden()
    expect(grid).to_be_visible()


def test_a_filtered_list_takes_in_what_fits_and_nothing_else(site: Site, opened: Open) -> None:
    other, number = next(_numbers), next(_numbers)
    page = opened(site, f"?visit=mx415-3&tab=mx&f.prefix=wanted{number}")
    expect(page.get_by_text("No collections match")).to_be_visible()
    site.collect(other, prefix="another")
    site.collect(number, prefix=f"wanted{number}")
    expect(row(page, number)).to_be_visible(timeout=15_000)
    expect(row(page, other)).to_have_count(0)


def test_back_leads_to_where_one_was_in_the_list(site: Site, opened: Open) -> None:
    page = opened(site, "?visit=mx415-3&tab=mx")
    grid = page.get_by_role("grid", name="MX collections")
    expect(page.locator("[role=grid][aria-busy=false]")).to_have_count(1)
    grid.evaluate("grid => { grid.scrollTop = 60 * 36 }")
    expect(page.locator("[role=grid][aria-busy=false]")).to_have_count(1)
    for _ in range(100):  # the page's policy lets no test wait by a script of its own
        if page.evaluate("history.state?.lists?.['MX collections']") == 60 * 36:
            break
        page.wait_for_timeout(100)
    expect(page.locator("[role=grid][aria-busy=false]")).to_have_count(1)
    place = page.locator(".t-body [aria-rowindex='65'][data-key]")
    expect(place).to_be_visible()  # until its rows have come, a place is empty
    looked = place.locator("a").first
    number = place.get_attribute("data-key")
    looked.click() if looked.count() else page.locator(".t-body [aria-rowindex='65']").dblclick()
    expect(page.get_by_role("heading", name="Parameters")).to_be_visible()
    page.go_back()
    expect(row(page, number)).to_be_in_viewport(timeout=10_000)
    for _ in range(100):
        if grid.evaluate("grid => grid.scrollTop") == 60 * 36:
            break
        page.wait_for_timeout(100)
    assert grid.evaluate("grid => grid.scrollTop") == 60 * 36


def test_the_first_collection_of_a_visit_appears_on_its_empty_page(own_site: Site, opened: Open) -> None:
    page = opened(own_site, "?visit=mx415-4")
    expect(page.get_by_text("No collections yet")).to_be_visible()
    own_site.collect(8001, 4154)
    expect(row(page, 8001)).to_be_visible(timeout=10_000)
    expect(page.get_by_text("No collections yet")).to_be_hidden()


def test_a_finished_processing_changes_its_row_and_nothing_moves(site: Site, opened: Open) -> None:
    page = opened(site, "?visit=mx415-3&tab=mx")
    number = NEWEST - 2
    expect(row(page, number)).to_be_visible()
    place = row(page, number).bounding_box()
    index = row(page, number).get_attribute("aria-rowindex")
    mark(page)
    for shell in ("overall", "innerShell", "outerShell"):
        site.add(s.Statistics, scaling_id=3, shell=shell, low=40.0, high=1.23, completeness=91.2)
    site.change(s.Program, 3, status="1")
    expect(row(page, number)).to_contain_text("1.23", timeout=10_000)
    expect(row(page, number)).to_contain_text("91.2")
    assert row(page, number).get_attribute("aria-rowindex") == index
    assert row(page, number).bounding_box() == place
    assert same(page)


def test_an_open_collection_shows_a_result_that_comes(site: Site, opened: Open) -> None:
    number = NEWEST - 7
    page = opened(site, f"?collection={number}")
    expect(page.get_by_text("No processing yet")).to_be_visible()
    mark(page)
    site.add(s.Program, program_id=50, name="late pipeline", status="1")
    site.add(s.Integration, integration_id=50, collection_id=number, program_id=50)
    site.add(s.ScalingHasIntegration, id=50, integration_id=50, scaling_id=50)
    site.add(s.Scaling, scaling_id=50, auto_proc_id=50)
    site.add(s.AutoProc, auto_proc_id=50, program_id=50, space_group="P 1")
    expect(page.get_by_text("late pipeline").first).to_be_visible(timeout=10_000)
    expect(page.get_by_text("No processing yet")).to_be_hidden()
    assert same(page)


@pytest.mark.parametrize("delay", [0, 300, 1500])
def test_an_answer_reaches_a_browser_that_is_still_drawing(site: Site, opened: Open, delay: int) -> None:
    """The scripts come late: the answer falls before, between and after reading the document and being ready."""
    page = opened(site, None)

    def slowly(route: Route) -> None:
        page.wait_for_timeout(delay)
        route.continue_()

    page.route("**/lens.js*", slowly)
    page.goto(f"?collection={LATE}")
    expect(page.get_by_role("heading", name="Parameters")).to_be_visible()
    expect(page.locator(".bk-Figure, canvas.bk-layer").first).to_be_visible()


def test_many_browsers_of_one_visit_all_see_what_comes(site: Site, opened: Open) -> None:
    pages: list[Any] = [opened(site, "?visit=mx415-3&tab=mx") for _ in range(3)]
    for page in pages:
        expect(row(page, NEWEST)).to_be_visible()
    number = next(_numbers)
    site.collect(number)
    for page in pages:
        expect(row(page, number)).to_be_visible(timeout=10_000)


def test_the_viewer_follows_the_newest_image_of_a_running_collection(site: Site, opened: Open) -> None:
    number = next(_numbers)
    site.collect(number, images=50, end=None, status=None)
    taken = count(1)

    def take(images: int) -> None:
        for image in islice(taken, images):
            site.add(s.ImageQuality, collection_id=number, image=image, spots=20)

    take(3)
    page = opened(site, f"?collection={number}&tab=image")
    box, follow = page.get_by_label("Number of the image"), page.get_by_label("Follow the newest")
    expect(box).to_have_value("1")
    follow.check()
    expect(box).to_have_value("3")
    take(2)
    expect(box).to_have_value("5", timeout=10_000)
    page.get_by_role("button", name="Previous image").click()
    expect(follow).not_to_be_checked()
    take(1)
    page.wait_for_timeout(1500)
    expect(box).to_have_value("4")
    follow.check()
    expect(box).to_have_value("6", timeout=10_000)


def test_each_new_image_of_a_running_collection_is_drawn_as_it_is_written(site: Site, opened: Open) -> None:
    number = next(_numbers)
    site.collect(number, images=40, end=None, status=None)
    taken = count(1)

    def take(images: int) -> None:
        for image in islice(taken, images):
            counts = np.full((300, 240), image, np.int32)
            CbfImage(data=counts, header={}).write(str(site.folder / "files" / f"xtal_{number}_{image:04d}.cbf"))
            site.add(s.ImageQuality, collection_id=number, image=image, spots=20 + image, resolution=2.0)

    take(2)
    page = opened(site, f"?collection={number}")
    picture = page.locator(".f-picture").first
    expect(picture).to_have_attribute("data-image", "1")
    page.get_by_label("Follow the newest").check()
    for now, more in ((2, 3), (5, 1), (6, 0)):
        expect(picture).to_have_attribute("data-image", str(now), timeout=15_000)
        expect(page.get_by_text(f"Image {now} of 40")).to_be_visible()
        take(more)
    # The picture is that of the newest: its one count is its number.
    picture.hover()
    expect(page.locator(".f-place").first).to_contain_text("6 count")
    site.change(s.Collection, number, end=datetime.now(), images=6)
    expect(page.get_by_text("Image 6 of 6")).to_be_visible(timeout=15_000)
    expect(picture).to_have_attribute("data-image", "6")


def test_images_that_come_quicker_than_they_are_read_are_seen_all_the_same(site: Site, opened: Open) -> None:
    number = next(_numbers)
    site.collect(number, images=40, end=None, status=None)
    taken = count(1)

    def take() -> None:
        image = next(taken)
        counts = np.full((300, 240), image, np.int32)
        CbfImage(data=counts, header={}).write(str(site.folder / "files" / f"xtal_{number}_{image:04d}.cbf"))
        site.add(s.ImageQuality, collection_id=number, image=image, spots=20 + image, resolution=2.0)

    take()
    page = opened(site, f"?collection={number}&tab=image")
    picture = page.locator(".f-picture").first
    expect(picture).to_have_attribute("data-image", "1")
    asked: list[str] = []

    def slow(route: Route) -> None:
        """Another image is taken, and told of, before this one is given."""
        asked.append(route.request.url)
        if len(asked) < 12:
            take()
            page.wait_for_timeout(1500)
        with suppress(Error):
            route.continue_()

    page.route(f"**/frame/{number}/*?size=*", slow)
    page.get_by_label("Follow the newest").check()
    take()
    for least in (2, 3, 4):
        expect(picture).to_have_attribute("data-shown", re.compile(rf"^([{least}-9]|\d\d)$"), timeout=20_000)
        take()
    assert len(asked) < 12
