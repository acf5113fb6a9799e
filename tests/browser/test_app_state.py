"""What a link restores, and how rows are reached: by Back and Forward, reload, keys, clicks and the jump box."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from browser.look import deep
from browser.site import FOREIGN, NEWEST, SSX, Site
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.browser

Open = Callable[..., Page]
LIST = "?visit=mx415-3&tab=mx"


def row(page: Page, key: object) -> Locator:
    return page.locator(f"[role=row][data-key='{key}']")


def heading(page: Page, words: str) -> Locator:
    return page.get_by_role("heading", level=1).filter(has_text=words)


def keys(page: Page) -> list[str]:
    """Numbers of the rows in sight, from the top, once none is still to come."""
    expect(page.locator("[role=grid][aria-busy=false]")).to_have_count(1)
    return list(
        deep(
            page,
            """return all(document).filter(e => e.matches(".t-body [data-key]") && shown(e))
            .sort((a, b) => a.getAttribute("aria-rowindex") - b.getAttribute("aria-rowindex"))
            .slice(0, 12).map(e => e.dataset.key)""",
        )
    )


def screen(page: Page) -> dict[str, Any]:
    """How the list stands."""
    first = keys(page)
    return {
        "rows": first,
        "columns": page.get_by_role("columnheader").all_inner_texts(),
        "sorted": page.locator("[aria-sort=ascending], [aria-sort=descending]").all_inner_texts(),
        "search": page.get_by_label("Search collections").input_value(),
        "filters": page.locator(".t-filters input").evaluate_all("all => all.map(e => e.value).filter(Boolean)"),
        "count": page.locator(".t-count").inner_text(),
        "cards": page.locator(".t-card").count() > 0,
    }


def test_a_list_as_the_user_made_it_is_in_its_link(site: Site, opened: Open) -> None:
    page = opened(site, LIST)
    expect(row(page, NEWEST)).to_be_visible()
    page.get_by_role("columnheader", name="Images").get_by_role("button").click()
    page.get_by_role("button", name="Filter").click()
    page.get_by_label("Filter Resolution").fill("<1.5")
    page.get_by_label("Search collections").fill("xtal_5")
    page.locator("summary", has_text="Columns").click()
    page.get_by_label("Wavelength", exact=False).check()
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile(r"sort=images&q=xtal_5&f\.resolution=%3C1\.5&columns=.*wavelength"))
    made = screen(page)
    assert made["rows"] != [str(NEWEST - n) for n in range(len(made["rows"]))]
    assert any("Wavelength" in column for column in made["columns"])
    page.reload()
    assert screen(page) == made
    link = page.url
    other = opened(site, link)
    assert screen(other) == made
    # Back leaves the list as a whole: each step of making it is no page of its own.
    row(page, made["rows"][0]).get_by_role("link").last.click()
    expect(heading(page, f"xtal_{made['rows'][0]}")).to_be_visible()
    page.go_back()
    expect(row(page, made["rows"][0])).to_be_visible()
    assert page.url == link
    assert screen(page) == made
    page.go_forward()
    expect(heading(page, f"xtal_{made['rows'][0]}")).to_be_visible()


def test_back_after_a_reload_shows_search_and_filters_in_their_fields(site: Site, opened: Open) -> None:
    page = opened(site, f"{LIST}&q=xtal_5&f.resolution=%3C1.5")
    expect(page.get_by_label("Search collections")).to_have_value("xtal_5")
    first = keys(page)[0]
    row(page, first).get_by_role("link").last.click()
    expect(heading(page, f"xtal_{first}")).to_be_visible()
    page.reload()
    expect(heading(page, f"xtal_{first}")).to_be_visible()
    page.go_back()
    expect(row(page, first)).to_be_visible()
    expect(page.get_by_label("Search collections")).to_have_value("xtal_5")
    expect(page.get_by_label("Filter Resolution")).to_have_value("<1.5")


def test_cards_are_in_the_link_too(site: Site, opened: Open) -> None:
    page = opened(site, LIST)
    expect(row(page, NEWEST)).to_be_visible()
    page.get_by_role("button", name="Show as cards").click()
    expect(page.locator(".t-card").first).to_contain_text(f"xtal_{NEWEST}")
    assert page.url.endswith("as=cards")
    page.locator(".t-card").first.get_by_role("link").first.click()
    expect(heading(page, f"xtal_{NEWEST}")).to_be_visible()
    page.go_back()
    expect(page.locator(".t-card").first).to_contain_text(f"xtal_{NEWEST}")
    page.reload()
    expect(page.locator(".t-card").first).to_contain_text(f"xtal_{NEWEST}")


@pytest.mark.parametrize("column", ["Time", "Best res.", "Comments"])
def test_a_column_sorts_both_ways_and_its_filter_answers(site: Site, opened: Open, column: str) -> None:
    page = opened(site, LIST)
    expect(row(page, NEWEST)).to_be_visible()
    header = page.get_by_role("columnheader", name=column)
    orders = []
    for order in ("ascending", "descending"):
        header.get_by_role("button").click()
        expect(header).to_have_attribute("aria-sort", order)
        orders.append(keys(page))
    assert orders[0] != orders[1]
    page.get_by_role("button", name="Filter").click()
    page.get_by_label(f"Filter {column}").fill({"Time": "2", "Best res.": ">0", "Comments": "best"}[column])
    count = {"Time": "230 collections", "Best res.": "1 collection", "Comments": "1 collection"}[column]
    expect(page.get_by_text(count, exact=True)).to_be_visible()


def test_the_search_finds_a_comment_far_down_the_list(site: Site, opened: Open) -> None:
    page = opened(site, LIST)
    expect(row(page, NEWEST)).to_be_visible()
    page.get_by_label("Search collections").fill("best of all")
    expect(page.get_by_text("1 collection", exact=True)).to_be_visible()
    assert keys(page) == [str(NEWEST - 100)]


def test_scrolling_reaches_the_oldest_row(site: Site, opened: Open) -> None:
    page = opened(site, LIST)
    expect(row(page, NEWEST)).to_be_visible()
    grid = page.get_by_role("grid", name="MX collections")
    for _ in range(3):
        grid.evaluate("grid => { grid.scrollTop = grid.scrollHeight }")
        page.wait_for_timeout(100)
    expect(row(page, NEWEST - 229)).to_be_visible()


def test_rows_are_selected_by_click_shift_and_keys_and_opened_by_enter(site: Site, opened: Open) -> None:
    page = opened(site, LIST)
    cell = lambda key: row(page, key).get_by_role("gridcell").nth(6)  # noqa: E731
    cell(NEWEST).click()
    cell(NEWEST - 3).click(modifiers=["Shift"])
    expect(page.get_by_text("4 selected")).to_be_visible()
    cell(NEWEST - 1).click(modifiers=["Control"])
    expect(page.get_by_text("3 selected")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("selected")).to_have_count(0)
    page.keyboard.press("Home")
    page.keyboard.press("Shift+ArrowDown")
    expect(page.get_by_text("2 selected")).to_be_visible()
    page.keyboard.press("Enter")
    expect(heading(page, f"xtal_{NEWEST - 1}")).to_be_visible()
    page.go_back()
    expect(row(page, NEWEST - 1)).to_be_visible()


@pytest.mark.parametrize(
    ("typed", "link", "shown"),
    [
        ("mx415-3", "?visit=mx415-3", "mx415-3"),
        ("MX415-4", "?visit=mx415-4", "mx415-4"),
        (f" {SSX} ", f"?collection={SSX}", f"xtal_{SSX}"),
        ("hx9", "?proposal=hx9", "hx9"),
        ("lyso_2", "?proposal=mx415&tab=samples", "mx415"),
    ],
)
def test_the_jump_box_leads_to_what_is_named(site: Site, opened: Open, typed: str, link: str, shown: str) -> None:
    page = opened(site)
    expect(heading(page, "Home")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type(typed)
    page.keyboard.press("Enter")
    expect(heading(page, shown)).to_be_visible()
    assert page.url.startswith(site.address + link)
    page.go_back()
    expect(heading(page, "Home")).to_be_visible()


def test_the_jump_box_says_when_there_is_nothing_by_a_name(site: Site, opened: Open) -> None:
    page = opened(site)
    expect(heading(page, "Home")).to_be_visible()
    for typed in ("xyzzy", "mx415-99", str(FOREIGN), "em7-1", "'; DROP TABLE Proposal", "%", "<b>"):
        page.keyboard.press("Control+k")
        page.keyboard.type(typed)
        expect(page.get_by_text("Nothing found by that name.")).to_be_hidden()
        page.keyboard.press("Enter")
        expect(page.get_by_text("Nothing found by that name.")).to_be_visible()
        assert page.url == site.address


def test_the_jump_box_offers_a_choice_where_a_name_means_several_things(site: Site, opened: Open) -> None:
    page = opened(site)
    expect(heading(page, "Home")).to_be_visible()
    page.keyboard.press("Control+k")
    page.keyboard.type("lyso")
    page.keyboard.press("Enter")
    expect(page.get_by_role("option")).to_have_count(3)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(heading(page, "mx415")).to_be_visible()


def test_quick_steps_through_the_history_end_where_the_link_says(site: Site, opened: Open) -> None:
    page = opened(site, LIST)
    expect(row(page, NEWEST)).to_be_visible()
    collections = [f"?collection={number}" for number in (NEWEST, NEWEST - 1, SSX)]
    for link in (*collections, "?proposal=mx415", "?page=proposals"):
        page.evaluate("to => document.dispatchEvent(new CustomEvent('lens-go', {detail: to}))", link)
        expect(page).to_have_url(site.address + link)
    for way in (-1, -1, 1, -2, 1, -1, -1):
        page.evaluate("way => history.go(way)", way)
        page.wait_for_timeout(60)
    expect(page).to_have_url(f"{site.address}?collection={NEWEST}")
    expect(heading(page, f"xtal_{NEWEST} ")).to_be_visible()
    expect(page.locator("canvas[data-drawn=true]")).to_be_visible()
    expect(page.get_by_role("heading", name="Parameters")).to_be_visible()
    # And no entry was written over.
    for link in (*collections[1:], "?proposal=mx415", "?page=proposals"):
        page.go_forward()
        expect(page).to_have_url(site.address + link)


def test_pages_loaded_again_and_again_are_whole_each_time(site: Site, opened: Open) -> None:
    page = opened(site, f"?collection={NEWEST}")
    for _ in range(4):
        page.goto(f"?collection={NEWEST}")
        page.wait_for_timeout(80)
    for link in (f"?collection={NEWEST}", f"?collection={NEWEST - 1}") * 3:
        page.goto(link)
        expect(page.get_by_role("heading", name="Parameters")).to_be_visible()
