"""Comments in Chromium: written, flagged, and both texts shown to whom comes second."""

import re
from collections.abc import Callable, Iterator

import pytest
from browser.site import NEWEST, Site
from playwright.sync_api import Page, expect
from servers.chromium import chromium

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="no Chromium here"),
]
Open = Callable[..., Page]


@pytest.fixture
def writing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site that lets people comment."""
    made = Site(
        tmp_path_factory.mktemp("site"), more='[comments]\nwrite = true\nurl = "sqlite:///FOLDER/ispyb.sqlite"\n'
    )
    made.write()
    made.start()
    yield made
    made.stop()


def edit(page: Page, words: str) -> None:
    page.get_by_role("button", name="Edit the comment").click()
    page.get_by_label("Comment", exact=True).fill(words)


def test_a_comment_is_written_flagged_and_not_overwritten_unseen(writing: Site, opened: Open) -> None:
    first, second = (opened(writing, f"?collection={NEWEST}") for _ in range(2))
    for page in (first, second):
        expect(page.get_by_role("button", name="Edit the comment")).to_be_visible()
    edit(second, "of the second <b>")
    edit(first, "of the first")
    first.get_by_role("button", name="Save").click()
    expect(first.get_by_text("of the first")).to_be_visible()
    second.get_by_role("button", name="Save").click()
    expect(second.get_by_text("Somebody changed this comment while you wrote")).to_be_visible()
    expect(second.get_by_text("of the first")).to_be_visible()
    second.get_by_role("button", name="Replace it with mine").click()
    expect(second.get_by_role("button", name="Edit the comment")).to_be_visible()
    expect(second.get_by_text("of the second <b>")).to_be_visible()
    second.get_by_role("button", name="Flag", exact=True).click()
    expect(second.get_by_text("★ flagged")).to_be_visible()
    second.get_by_label("Add a remark").fill("said <i>aloud</i>")
    second.get_by_role("button", name="Add", exact=True).click()
    expect(second.get_by_text("said <i>aloud</i>")).to_be_visible()
    second.goto(f"?visit=mx415-3&tab=mx&f.id={NEWEST}")
    expect(second.get_by_role("grid")).to_contain_text("★ of the second <b>")
    trail = opened(writing, "?page=admin&tab=trail&f.kind=write", "admin")
    expect(trail.get_by_role("grid")).to_contain_text(re.compile("of the second"))


def test_where_the_site_says_nothing_nothing_can_be_written(site: Site, opened: Open) -> None:
    page = opened(site, f"?collection={NEWEST - 100}")
    expect(page.get_by_text("the best of all")).to_be_visible()
    expect(page.get_by_role("button", name="Edit the comment")).to_have_count(0)
