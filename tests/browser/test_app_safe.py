"""Strangers' input: links with foreign and nonsense ids, and hostile text out of the database."""

from collections.abc import Callable

import pytest
from browser.look import deep, text_of
from browser.site import BROKEN, FOREIGN, MISSING, NEWEST, Site, words_of
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

Open = Callable[..., Page]


@pytest.mark.parametrize(
    ("foreign", "missing"),
    [
        (f"?collection={FOREIGN}", f"?collection={MISSING}"),
        (f"?collection={FOREIGN}&image=3", "?collection=999999999999&image=3"),
        ("?visit=em7-1", "?visit=em8-1"),
        ("?visit=em7-1&tab=em", "?visit=mx415-99&tab=em"),
        ("?proposal=em7", "?proposal=zz1"),
        ("?proposal=em7&tab=people", "?proposal=mx9999999&tab=people"),
    ],
)
def test_what_is_foreign_and_what_is_missing_read_alike(site: Site, opened: Open, foreign: str, missing: str) -> None:
    page = opened(site)
    said = []
    for link in (foreign, missing):
        page.goto(link)
        expect(page.get_by_text("does not exist, or you do not have access to it.")).to_be_visible()
        expect(page.get_by_role("alert")).to_have_count(1)
        said.append(words_of(text_of(page)))
    assert said[0] == said[1]
    assert "Somebody" not in said[0]


@pytest.mark.parametrize("kind", ["frame", "snapshot", "diffraction"])
def test_pictures_of_what_is_foreign_and_of_what_is_missing_answer_alike(site: Site, opened: Open, kind: str) -> None:
    page = opened(site)
    answers = [page.context.request.get(f"{site.address}{kind}/{number}/1") for number in (FOREIGN, MISSING)]
    assert [answer.status for answer in answers] == [404, 404]
    assert answers[0].text() == answers[1].text()


NONSENSE = (
        "?collection=abc", "?collection=-1", "?collection=1e9", "?collection=" + "9" * 400, "?collection=٣",
        "?visit=mx415-", "?visit=mx415-3x", "?visit=../../etc", "?visit=mx415-99999999999",
        "?proposal=%00", "?proposal=<script>alert(1)</script>", "?proposal=mx415'--", "?page=nothing",
        "?page=proposals&sort=nothing",
        "?visit=mx415-3&sort=-nothing&f.nothing=1&columns=nothing&q=%25&as=nothing&tab=nothing",
        "?visit=mx415-3&f.images=%3Eabc&f.resolution=NaN", "?proposal=mx415&tab=%0a", "?%ff%fe=%ff", "?" + "a=1&" * 300,
        f"?collection={NEWEST}&image=-4", f"?collection={NEWEST}&image=99999999999",
)  # fmt: skip


def test_a_link_of_nonsense_opens_what_can_be_made_of_it(site: Site, opened: Open) -> None:
    page = opened(site)
    faults = []
    for link in NONSENSE:
        page.goto(link)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.locator("[aria-busy=true]:visible")).to_have_count(0)
        if page.get_by_text("This part failed").or_(page.get_by_text("could not be read")).count():
            faults.append(link)
    assert faults == []
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Home").click()
    expect(page.get_by_role("heading", level=1, name="Home")).to_be_visible()


HOSTILE_PLACES = (
    "",
    "?page=proposals",
    "?proposal=hx9",
    "?proposal=hx9&tab=samples",
    "?proposal=hx9&tab=people",
    "?proposal=hx9&tab=shipments",
    "?visit=hx9-2",
    "?visit=hx9-2&tab=ssx",
    "?visit=hx9-2&as=cards",
    "?collection=901",
    "?collection=903",
)


@pytest.mark.parametrize("link", HOSTILE_PLACES)
def test_hostile_text_is_shown_as_text(site: Site, opened: Open, link: str) -> None:
    page = opened(site, link)
    expect(page.get_by_text("<img src=x onerror").first).to_be_attached()
    if "shipments" in link:
        page.get_by_role("treeitem").first.focus()
        for _ in range(8):
            page.keyboard.press("ArrowRight")
        expect(page.get_by_role("treeitem")).to_have_count(4)
    page.mouse.move(300, 400)
    made = deep(
        page,
        """return all(document).filter(e =>
             e.matches("img[onerror], svg[onload], iframe, [href^=javascript], [src^=javascript]")
             || (e.localName === "script" && e.textContent.includes("executed"))).map(e => e.outerHTML)""",
    )
    assert made == []
    assert page.evaluate("window.executed") is None


def test_hostile_text_is_harmless_in_the_title_and_in_the_jump_box(site: Site, opened: Open) -> None:
    page = opened(site)
    expect(page.get_by_role("heading", level=1, name="Home")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("onerror")
    page.keyboard.press("Enter")
    expect(page.get_by_role("option").first).to_contain_text("<img src=x onerror")
    page.get_by_role("option").first.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1).filter(has_text="hx9")).to_be_visible()
    page.goto("?collection=901")
    expect(page.get_by_role("heading", level=1)).to_contain_text("<img src=x onerror")
    assert "<img src=x" in page.title()
    assert page.evaluate("window.executed") is None


def test_a_view_that_fails_says_so_with_a_reference_and_the_rest_lives(site: Site, opened: Open) -> None:
    page = opened(site)
    for link, words in ((f"?collection={BROKEN}", "while drawing"), ("?visit=hx9-1", "while opening")):
        page.goto(link)
        expect(page.get_by_text("This part failed")).to_be_visible()
        reference = page.get_by_role("alert").locator("code").inner_text()
        assert "planted" not in text_of(page)
        page.get_by_role("navigation", name="Main").get_by_role("link", name="Proposals").click()
        expect(page.locator("[data-key=mx415]")).to_be_visible()
        logged = site.log.partition(f"reference {reference}")[2]
        assert f"planted, {words}" in logged
    # The same view shows another place, and other places of the same view are whole.
    page.goto("?visit=hx9-1")
    expect(page.get_by_text("This part failed")).to_be_visible()
    page.evaluate("document.dispatchEvent(new CustomEvent('lens-go', {detail: '?visit=mx415-3'}))")
    expect(page.locator(f"[data-key='{NEWEST}']")).to_be_visible()
    expect(page.get_by_text("This part failed")).to_have_count(0)
