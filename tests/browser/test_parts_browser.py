"""The parts in a browser, under the page's content policy, with the gallery's made-up content."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright
from servers.chromium import ARGUMENTS, chromium

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser, gallery: str) -> Iterator[Page]:
    """A page whose script errors, refused scripts and requests to other hosts fail the test."""
    context = browser.new_context(viewport={"width": 1400, "height": 900}, color_scheme="light", base_url=gallery)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    context.set_default_timeout(20_000)
    fresh = context.new_page()
    wrong: list[str] = []
    fresh.on("pageerror", lambda error: wrong.append(str(error)))
    fresh.on(
        "console",
        lambda said: (
            wrong.append(said.text)
            if said.type == "error" and "status of 404" not in said.text and "ERR_" not in said.text
            else None
        ),
    )
    fresh.on(
        "request",
        lambda asked: (
            None if asked.url.startswith((gallery, "blob:", "data:")) else wrong.append(f"asked for {asked.url}")
        ),
    )
    yield fresh
    context.close()
    assert wrong == []


def the_list(page: Page, link: str = "?page=list") -> Locator:
    """The table of the gallery's list, with its first rows there."""
    page.goto(link)
    expect(row(page, 24000)).to_be_visible(timeout=20_000)
    return page.get_by_role("grid", name="Collections")


def row(page: Page, key: int) -> Locator:
    return page.locator(f"[role=row][data-key='{key}']")


def selected(page: Page) -> list[str]:
    return page.locator("[role=row][aria-selected=true]").evaluate_all(
        "rows => rows.sort((a, b) => a.ariaRowIndex - b.ariaRowIndex).map(row => row.dataset.key)"
    )


def test_only_rows_near_the_screen_are_drawn_and_any_place_can_be_reached(page: Page) -> None:
    grid = the_list(page)
    expect(grid).to_have_attribute("aria-rowcount", "24001")
    grid.evaluate("grid => { grid.scrollTop = 12000 * 36 }")
    expect(row(page, 12000)).to_be_visible()
    assert page.locator(".t-body [role=row]").count() < 80


def test_keys_select_extend_and_open(page: Page) -> None:
    the_list(page).focus()
    for key in ("ArrowDown", "ArrowDown", "Shift+ArrowDown", "Shift+ArrowDown"):
        page.keyboard.press(key)
    expect(page.get_by_text("3 selected")).to_be_visible()
    assert selected(page) == ["23999", "23998", "23997"]
    page.keyboard.press("Space")
    expect(page.get_by_text("2 selected")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("selected")).to_have_count(0)
    page.keyboard.press("End")
    expect(row(page, 24000)).to_have_count(0)
    page.keyboard.press("Home")
    expect(row(page, 24000)).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("grid")).to_have_attribute("aria-activedescendant", "active-row")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"\?page=detail&number=24000$"))


def test_clicks_select_one_a_range_and_single_rows(page: Page) -> None:
    the_list(page)
    cell = lambda key: row(page, key).get_by_role("gridcell").nth(3)  # noqa: E731
    cell(23998).click()
    assert selected(page) == ["23998"]
    cell(23995).click(modifiers=["Shift"])
    assert selected(page) == ["23998", "23997", "23996", "23995"]
    cell(23996).click(modifiers=["Control"])
    assert selected(page) == ["23998", "23997", "23995"]


def test_a_header_sorts_by_click_and_by_key(page: Page) -> None:
    the_list(page)
    header = page.get_by_role("columnheader", name="Resolution")
    header.get_by_role("button").click()
    expect(header).to_have_attribute("aria-sort", "ascending")
    first = page.locator("[role=row][aria-rowindex='2']").get_by_role("gridcell").nth(8)
    expect(first).to_have_text("1.20")
    header.get_by_role("button").press("Enter")
    expect(header).to_have_attribute("aria-sort", "descending")
    expect(page.locator(".t-stale")).to_have_count(0)
    expect(first).not_to_have_text("1.20")


def test_filters_and_search_narrow_the_list_and_are_cleared_together(page: Page) -> None:
    the_list(page)
    page.get_by_role("button", name="Filter").click()
    page.get_by_label("Filter Resolution").fill("1.5-1.6")
    expect(page.get_by_text("24 000 collections".replace(" ", "\u202f", 1))).to_have_count(0)
    expect(page.get_by_role("button", name="Filter (1)")).to_be_visible()
    page.get_by_label("Filter Resolution").fill("1.5-")
    expect(page.get_by_label("Filter Resolution")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Search collections").fill("nothing has this name")
    expect(page.get_by_text("No collections match")).to_be_visible()
    page.get_by_role("button", name="Clear search and filters").click()
    expect(row(page, 24000)).to_be_visible()


def test_columns_are_chosen_by_key_and_cards_show_the_same_rows(page: Page) -> None:
    the_list(page)
    expect(page.get_by_role("columnheader", name="Flux")).to_have_count(0)
    page.locator("summary", has_text="Columns").press("Enter")
    page.get_by_label("Flux").press("Space")
    expect(page.get_by_role("columnheader", name="Flux")).to_have_count(1)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Show as cards").click()
    expect(page.locator(".t-card[data-key='24000']")).to_be_visible()
    page.get_by_role("grid").focus()
    for key in ("ArrowDown", "ArrowRight"):
        page.keyboard.press(key)
    assert selected(page) == ["23999"]


def test_cards_are_ordered_and_filtered_as_the_table_is(page: Page) -> None:
    the_list(page)
    page.get_by_role("button", name="Show as cards").click()
    page.get_by_role("button", name="Filter").click()
    page.get_by_label("Filter Prefix").press_sequentially("_7_")
    expect(page.locator(".t-card").first).to_contain_text("_7_")
    expect(page.locator(".t-card", has_not_text="_7_")).to_have_count(0)
    expect(page.get_by_label("Filter Prefix")).to_be_focused()
    page.get_by_label("Sort by").select_option(label="Resolution")
    page.get_by_role("button", name="Sort descending").click()
    expect(page.get_by_role("button", name="Sort ascending")).to_be_focused()
    page.get_by_role("button", name="Show as table").click()
    expect(page.get_by_role("columnheader", name="Resolution")).to_have_attribute("aria-sort", "descending")
    expect(page.get_by_label("Filter Prefix")).to_have_value("_7_")


def test_a_new_row_appears_at_the_top_only_when_the_top_is_looked_at(page: Page) -> None:
    grid = the_list(page)
    start = page.get_by_role("button", name="Start a collection")
    start.click()
    expect(row(page, 24001)).to_be_visible()
    grid.evaluate("grid => { grid.scrollTop = 4000 }")
    watched = row(page, 23885)
    expect(watched).to_be_visible()
    before = watched.bounding_box()
    start.click()
    hint = page.get_by_role("button", name="1 new")
    expect(hint).to_be_visible()
    assert watched.bounding_box() == before
    hint.click()
    expect(row(page, 24002)).to_be_visible()
    expect(hint).to_be_hidden()


def test_a_finished_processing_changes_its_row_in_place(page: Page) -> None:
    grid = the_list(page)
    grid.focus()
    page.keyboard.press("ArrowDown")
    changed = row(page, 23999)
    assert changed.get_by_role("gridcell").nth(10).text_content() == "–"
    before = changed.bounding_box()
    page.get_by_role("button", name="Finish a processing").click()
    expect(changed.get_by_role("gridcell").nth(10)).to_have_text("5.5")
    assert changed.bounding_box() == before
    assert selected(page) == ["24000"]


def test_selected_rows_are_copied_as_a_table(page: Page) -> None:
    the_list(page).focus()
    for key in ("ArrowDown", "Shift+ArrowDown", "Control+c"):
        page.keyboard.press(key)
    lines = page.evaluate("navigator.clipboard.readText()").split("\n")
    assert [line.split("\t")[0] for line in lines] == ["No.", "24000", "23999"]
    assert lines[0].split("\t")[6] == "Energy (keV)"
    assert lines[2].split("\t")[9] == ""


def test_a_failed_list_says_so_and_can_be_asked_again(page: Page) -> None:
    page.goto("?page=failed")
    failed = page.get_by_role("alert")
    expect(failed).to_contain_text("The database does not answer.")
    expect(failed).to_contain_text("a1b2c3")
    expect(page.get_by_text("The image is not on disk.")).to_be_visible()
    page.get_by_role("button", name="Try again").click()
    expect(row(page, 100)).to_be_visible()


def test_an_empty_list_says_what_would_fill_it(page: Page) -> None:
    page.goto("?page=empty")
    expect(page.get_by_text("No collections yet")).to_be_visible()


def test_links_back_forward_and_reload_give_the_same_screen(page: Page) -> None:
    the_list(page)
    page.get_by_role("link", name="Visit", exact=True).click()
    expect(page.get_by_role("heading", name="mx415-3")).to_be_visible()
    expect(page).to_have_title("Blocks · ISPyB Lens")
    expect(page.get_by_role("link", name="Visit", exact=True)).to_have_attribute("aria-current", "page")
    page.go_back()
    expect(row(page, 24000)).to_be_visible()
    page.go_forward()
    expect(page.get_by_role("heading", name="mx415-3")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="mx415-3")).to_be_visible()
    page.go_back()
    expect(row(page, 24000)).to_be_visible()


def test_a_link_opened_with_ctrl_is_left_to_the_browser(page: Page) -> None:
    the_list(page)
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Visit", exact=True).click(modifiers=["Control"])
    expect(opened.value.get_by_role("heading", name="mx415-3")).to_be_visible()
    expect(row(page, 24000)).to_be_visible()


def test_the_jump_box_is_reached_by_key_and_offers_what_was_found(page: Page) -> None:
    the_list(page)
    page.keyboard.press("/")
    page.keyboard.type("mx4")
    page.keyboard.press("Enter")
    expect(page.get_by_role("option")).to_have_count(3)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"number=2$"))
    page.keyboard.press("Control+k")
    page.keyboard.type("nothing")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing found by that name.")).to_be_visible()


def test_a_theme_is_kept_by_the_browser(page: Page) -> None:
    the_list(page)
    page.get_by_role("button", name="Switch to dark colours").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 28)"


def test_a_tree_follows_the_keys(page: Page) -> None:
    page.goto("?page=blocks")
    page.get_by_role("treeitem", name="Shipment 12 May").first.focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    expect(page.get_by_role("treeitem", name="lyso_1, pin 1")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("treeitem", name="lyso_1, pin 1")).to_be_hidden()


def test_a_missing_picture_is_replaced_by_words(page: Page) -> None:
    page.goto("?page=blocks")
    missing = page.get_by_role("img", name="Crystal at 90° The file is not on disk")
    expect(missing).to_be_visible()
    expect(page.get_by_role("img", name="Crystal at 0°")).to_be_visible()


def test_the_frame_is_drawn_and_the_arrow_keys_change_the_image(page: Page) -> None:
    page.goto("?page=detail")
    frame = page.locator("canvas[data-drawn=true]")
    expect(frame).to_be_visible()
    shades = frame.evaluate("c => new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size")
    assert shades > 50
    frame.focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_text("Image 2 of 3600")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_text("Image 1 of 3600")).to_be_visible()


def test_a_click_on_a_point_of_the_plot_opens_that_image(page: Page) -> None:
    page.goto("?page=detail")
    expect(page.get_by_text("Image 1 of 3600")).to_be_visible()
    point = page.evaluate(
        """() => {
          const figure = [...Bokeh.documents[0].all_models].find((model) => model.type === "Figure")
          const view = Bokeh.index.find_one(figure)
          const line = view.renderer_views.get(figure.renderers[0])
          const data = figure.renderers[0].data_source.data
          const i = Math.floor(data.image.length / 2)
          const scale = line.coordinates
          const box = view.canvas_view.el.getBoundingClientRect()
          return {x: box.x + scale.x_scale.compute(data.image[i]),
                  y: box.y + scale.y_scale.compute(data.value[i])}
        }"""
    )
    page.mouse.click(point["x"], point["y"])
    expect(page.get_by_text("Image 1 of 3600")).to_be_hidden()


def test_hostile_text_is_shown_as_text_everywhere(page: Page) -> None:
    page.goto("?page=hostile")
    expect(page.get_by_role("heading", level=1)).to_contain_text("<img src=x onerror")
    expect(page.locator(".t-body [data-key]").first).to_contain_text("<script>")
    page.get_by_role("treeitem").nth(2).click()
    page.get_by_role("button", name="Show as cards").click()
    expect(page.locator(".t-card").first).to_contain_text("<script>")
    assert page.locator("img[onerror], script:has-text('hacked')").count() == 0
    assert page.evaluate("window.hacked") is None


def test_a_lost_connection_is_said_and_heals(page: Page) -> None:
    page.add_init_script(
        "const Plain = WebSocket; window.sockets = [];"
        "window.WebSocket = class extends Plain"
        "{ constructor(...a) { super(...a); window.sockets.push(this) } }"
    )
    the_list(page)
    lost = page.get_by_text("Connection lost, trying again")
    page.context.set_offline(True)
    page.evaluate("window.sockets.at(-1).close()")
    expect(lost).to_be_visible()
    page.context.set_offline(False)
    expect(lost).to_be_hidden(timeout=30_000)
    page.get_by_role("link", name="Visit", exact=True).click()
    expect(page.get_by_role("heading", name="mx415-3")).to_be_visible()
    page.get_by_role("link", name="Collections", exact=True).first.click()
    expect(row(page, 24000)).to_be_visible()
