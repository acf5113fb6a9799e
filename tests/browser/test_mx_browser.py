"""The pages of MX results in Chromium: the rule, the brush and the table move each other, and the link keeps it all."""

import re
from collections.abc import Callable

import pytest
from browser.site import Site
from playwright.sync_api import Page, expect
from servers.chromium import chromium

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="no Chromium here"),
]
Open = Callable[..., Page]


def test_pipelines_of_a_collection_are_compared_and_the_rule_is_said(site: Site, opened: Open) -> None:
    page = opened(site, "?visit=mx415-3&tab=results")
    page.get_by_role("grid").wait_for()
    page.locator(".t-body .t-cell a").first.click()
    expect(page.get_by_text("Best: highest resolution (overall)")).to_be_visible()
    expect(page.get_by_role("region", name="Results of all pipelines")).to_contain_text("overall")
    page.get_by_label("Highest symmetry first").check()
    expect(page.get_by_text("Best: highest symmetry, then highest resolution (overall)")).to_be_visible()
    expect(page).to_have_url(re.compile(r"v\.rule=symmetry"))
    page.reload()
    expect(page.get_by_label("Highest symmetry first")).to_be_checked()


def test_a_box_around_points_filters_the_table_and_a_filter_moves_the_points(site: Site, opened: Open) -> None:
    page = opened(site, "?visit=mx415-3&tab=results&v.y=completeness")
    page.get_by_role("grid").wait_for()
    canvas = page.locator("canvas[role=img]")
    expect(canvas).to_have_attribute("aria-label", re.compile(r"\d+ points?"))
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 70, box["y"] + 70)
    page.mouse.down()
    page.mouse.move(box["x"] + 150, box["y"] + 120, steps=5)  # beside the one point, which is in the middle
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"f\.high=[\d.]+\.\.[\d.]+"))
    expect(page.get_by_text("0 of 1 point")).to_be_visible()
    expect(page.get_by_text("No results match")).to_be_visible()
    page.get_by_role("button", name="Clear the box").click()
    expect(page).not_to_have_url(re.compile("f.high"))
    expect(page.locator(".t-body .t-row[data-key]")).to_have_count(1)
    # Typed in the table, seen in the plot.
    page.get_by_label("Search results").fill("no such crystal")
    expect(page.get_by_text("0 of 1 point")).to_be_visible()


def test_a_list_is_taken_away_as_it_stands(site: Site, opened: Open) -> None:
    page = opened(site, "?visit=mx415-3&tab=results&sort=high")
    page.get_by_role("grid").wait_for()
    page.get_by_text("Export").click()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="CSV", exact=True).click()
    path = waiting.value.path()
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("Collection,Visit,Time")
    assert len(lines) > 1
    assert waiting.value.suggested_filename == "mx415-3-results.csv"


def test_table_1_of_chosen_rows_names_its_sources(site: Site, opened: Open) -> None:
    page = opened(site, "?visit=mx415-3&tab=results")
    page.get_by_role("grid").wait_for()
    page.locator(".t-body .t-row[data-key] .t-cell").nth(3).click()
    page.get_by_role("link", name="Table 1 of 1 chosen").click()
    expect(page.get_by_role("heading", name="Table 1")).to_be_visible()
    expect(page.get_by_role("region", name="Table 1")).to_contain_text("Resolution range (Å)")


@pytest.mark.parametrize("link", ["?page=table1", "?page=table1&v.results=999999", "?visit=mx415-4&tab=results",
                                  "?visit=mx415-4&tab=cells", "?collection=424242&tab=processing",
                                  "?proposal=em7&tab=results"])  # fmt: skip
def test_what_is_not_there_says_so(site: Site, opened: Open, link: str) -> None:
    page = opened(site, link)
    expect(page.locator(".empty, .problem").first).to_be_visible()
