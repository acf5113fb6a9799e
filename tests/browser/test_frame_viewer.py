"""The frame viewer in a browser, on the gallery's made-up detector, whose every count is known."""
# ruff: noqa: E501 (scripts that the browser runs)

import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest
from browser.viewing import at, digest, dragged, drawn, go, link_says, query, said
from playwright.sync_api import Page, expect

from data.images.geometry import resolution
from views.parts.made_frame import GEOMETRY, made

pytestmark = pytest.mark.browser

Viewer = Callable[..., Page]

# The key that steps, then how many frames of the display pass until the image is on the canvas, and its number.
_STEP = """async canvas => {
  const before = canvas.dataset.image
  canvas.dispatchEvent(new KeyboardEvent("keydown", {key: ".", bubbles: true, composed: true}))
  for (let passed = 1; passed < 100; passed++) {
    await new Promise(requestAnimationFrame)
    if (canvas.dataset.image !== before) return [passed, canvas.dataset.image]
  }
}"""


def test_a_link_gives_everybody_the_same_screen_after_reload_and_back_too(viewer: Viewer) -> None:
    look = "&number=7&map=inferno&dark=0&scale=log&counts=1-80&at=300.0,700.0,6&show=rings.edge.spots"
    page = viewer(look)
    expect(page.get_by_text("Image 7 of 60")).to_be_visible()
    expect(page.get_by_label("Scale of the colours")).to_have_value("log")
    expect(page.get_by_label("Highest count shown, as a number")).to_have_value("80")
    expect(page.locator(".f-aside").nth(4)).to_have_text("120")
    first = digest(page)
    assert len(set(first)) == 2
    page.reload()
    drawn(page)
    expect(page.locator(".f-aside").nth(4)).to_have_text("120")
    assert digest(page) == first
    page.get_by_role("link", name="Collection", exact=True).click()
    expect(page.get_by_text("Image 1 of 3600")).to_be_visible()
    page.go_back()
    expect(page.get_by_text("Image 7 of 60")).to_be_visible()
    drawn(page)
    expect(page.locator(".f-aside").nth(4)).to_have_text("120")
    assert digest(page) == first


def test_contrast_changes_without_a_request_and_within_five_milliseconds(viewer: Viewer) -> None:
    page = viewer()
    drawn(page).focus()
    before = digest(page)
    page.wait_for_timeout(600)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    took = []
    for value in range(40, 70):
        page.get_by_label("Highest count shown", exact=True).fill(str(value))
        page.wait_for_timeout(20)
        took.append(float(said(page, "contrast")))
    page.get_by_label("Colours", exact=True).select_option("viridis")
    page.get_by_label("Scale of the colours").select_option("sqrt")
    page.get_by_label("Dark spots").click()
    assert digest(page) != before
    assert asked == []
    assert median(took) <= 5, took
    page.get_by_role("button", name="Auto").click()
    expect(page.get_by_label("Highest count shown, as a number")).not_to_have_value("69")


def test_the_next_images_are_read_ahead_and_shown_at_once(viewer: Viewer) -> None:
    page = viewer("&number=5")
    page.wait_for_timeout(800)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for number in (6, 7, 8):
        assert drawn(page).evaluate(_STEP) == [1, str(number)]
        page.wait_for_timeout(700)
    frames = {url.split("/")[-1].split("?")[0] for url in asked if "/made/frame/1/" in url and "size=" in url}
    assert frames == {"9", "10", "11"}
    expect(page.get_by_text("Image 8 of 60")).to_be_visible()


def test_while_the_slider_moves_coarse_images_are_drawn_and_what_is_overtaken_is_given_up(viewer: Viewer) -> None:
    page = viewer()
    given_up: list[str] = []
    page.on("requestfailed", lambda request: given_up.append(request.url))
    page.locator("input[type=range][aria-label=Image]").evaluate(
        """async slider => {
          for (let image = 38; image <= 50; image += 2) {
            slider.value = image
            slider.dispatchEvent(new Event("input"))
            await new Promise(done => setTimeout(done, 4))
          }
        }"""
    )
    picture = page.locator(".f-picture").first
    expect(picture).to_have_attribute("data-image", "50")
    expect(picture).to_have_attribute("data-rough", "")
    assert any("size=320" in url for url in given_up)
    assert said(page, "image") == "50"
    page.wait_for_timeout(500)
    assert query(page).get("page") == "image"


def test_under_the_pointer_are_the_pixel_its_count_and_its_resolution(viewer: Viewer) -> None:
    counts, _ = made(5)
    page = viewer("&at=301.0,701.0,30")
    expect(page.locator(".f-picture").first).not_to_have_attribute("data-tiles", "0")
    page.mouse.move(5, 300)
    for x, y in ((300, 700), (303, 698), (290, 705)):
        page.mouse.move(*at(page, x, y))
        d = float(resolution(GEOMETRY, np.array(x + 0.5), np.array(y + 0.5)))
        expect(page.locator(".f-place").first).to_contain_text(f"x {x}  y {y}   {counts[y, x]} count")
        expect(page.locator(".f-place").first).to_contain_text(f"{d:.2f} Å")
        expect(page.locator(".f-place").first).to_contain_text("2θ")
    close = digest(page)
    page.keyboard.press("0")
    page.mouse.move(700, 300)
    expect(page.locator(".f-place").first).to_contain_text("highest of 2 × 2")
    assert digest(page) != close


def test_wheel_drag_pinch_and_keys_move_the_picture(viewer: Viewer) -> None:
    page = viewer("", has_touch=True)
    box = drawn(page).bounding_box()
    assert box is not None
    x, y = box["x"] + 300, box["y"] + 250
    page.mouse.move(x, y)
    before = page.locator(".f-place").first.text_content()
    page.mouse.wheel(0, -240)
    zoomed = link_says(page, "at", None) or ""
    scale = float(zoomed.split(",")[2])
    assert (page.locator(".f-place").first.text_content() or "")[:9] == (before or "")[:9]
    page.mouse.down()
    page.mouse.move(x + 60, y + 30, steps=4)
    page.mouse.up()
    moved = link_says(page, "at", zoomed) or ""
    assert float(moved.split(",")[2]) == scale
    page.locator(".f-picture").first.evaluate(
        """canvas => {
          const box = canvas.getBoundingClientRect()
          const say = (type, id, x, y) => canvas.dispatchEvent(new PointerEvent(type, {pointerId: id, pointerType: "touch",
            isPrimary: id === 11, clientX: box.left + x, clientY: box.top + y, bubbles: true, button: type === "pointermove" ? -1 : 0}))
          canvas.setPointerCapture = () => {}
          say("pointerdown", 11, 200, 200)
          say("pointerdown", 12, 300, 200)
          say("pointermove", 12, 400, 200)
          say("pointerup", 11, 200, 200)
          say("pointerup", 12, 400, 200)
        }"""
    )
    pinched = link_says(page, "at", moved) or ""
    assert float(pinched.split(",")[2]) == pytest.approx(2 * scale, rel=1e-3)
    page.keyboard.press("0")
    assert link_says(page, "at", pinched) is None


def test_play_shows_every_image_in_its_turn_and_stops(viewer: Viewer) -> None:
    page = viewer("&number=1")
    page.get_by_label("Images per second").select_option("25")
    page.evaluate(
        """() => {
          const all = root => [...root.querySelectorAll("*")].flatMap(e => [e, ...(e.shadowRoot ? all(e.shadowRoot) : [])])
          const picture = all(document).find(e => e.matches(".f-picture"))
          window.seen = []
          // The image that stands may be drawn once more, finer: an image is counted when it is another one.
          let last = Number(picture.dataset.image)
          const look = () => { const now = Number(picture.dataset.image); if (now !== last) window.seen.push(last = now) }
          new MutationObserver(look).observe(picture, {attributeFilter: ["data-image"]})
        }"""
    )
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("() => window.seen.length > 10", timeout=60_000)
    page.get_by_role("button", name="Pause").click()
    seen = page.evaluate("window.seen")
    assert seen == list(range(2, seen[-1] + 1))
    page.wait_for_timeout(300)
    assert page.evaluate("window.seen.length") == len(seen)


def test_keys_draw_what_is_over_the_image_and_all_are_listed(viewer: Viewer) -> None:
    page = viewer("&show=none")
    plain = digest(page)
    for key, name in (("r", "Resolution rings"), ("c", "Ice bands"), ("b", "Beam centre"), ("e", "Detector edge")):
        page.keyboard.press(key)
        expect(page.get_by_label(name)).to_be_checked()
        marked = digest(page)
        assert marked[0] == plain[0]
        assert marked[1] != plain[1], name
        page.keyboard.press(key)
        assert digest(page) == plain
    for key, name in (("o", "Overloads"), ("m", "Masked pixels")):
        page.keyboard.press(key)
        expect(page.get_by_label(name)).to_be_checked()
        assert digest(page)[0] != plain[0], name
        page.keyboard.press(key)
    page.wait_for_timeout(600)
    assert query(page)["show"] == "none"
    page.get_by_label("Highest count shown", exact=True).focus()
    page.keyboard.press("e")  # a slider keeps only the keys that move it
    expect(page.get_by_label("Detector edge")).to_be_checked()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys of the viewer")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_a_line_a_box_and_the_radial_average_are_measured(viewer: Viewer) -> None:
    counts, _ = made(5)
    page = viewer("&at=300.0,300.0,4")
    page.keyboard.press("x")
    dragged(page, at(page, 250, 260), at(page, 309, 289))
    part = counts[260:290, 250:310]
    facts = page.locator(".f-measure dl")
    expect(facts).to_contain_text(f"Highest{part.max()}")
    expect(facts).to_contain_text(f"Valid pixels1\u202f{part.size - 1000:03d}")
    page.keyboard.press("p")
    with page.expect_response("**/profile?*") as answer:
        dragged(page, at(page, 250, 300), at(page, 350, 300))
    assert answer.value.json()["value"] == counts[300, 250:351].tolist()
    expect(page.get_by_text("Counts along the line")).to_be_visible()
    with page.expect_response("**/radial"):
        page.keyboard.press("d")
    expect(page.locator(".f-measure .f-read").first).to_have_text("Mean")
    chart = page.locator(".f-measure canvas").first
    before = digest(page)
    chart.hover(position={"x": 120, "y": 40})
    expect(page.locator(".f-measure .f-read").first).to_contain_text("Å")
    assert digest(page)[1] != before[1]
    page.keyboard.press("Escape")
    expect(chart).to_be_hidden()


def test_the_histogram_counts_the_whole_image(viewer: Viewer) -> None:
    counts, _ = made(5)
    page = viewer("&number=5")
    with page.expect_response("**/histogram") as answer:
        page.keyboard.press("h")
    told = answer.value.json()
    valid = sum(told["counts"])
    assert valid + told["masked"] == counts.size
    facts = page.locator(".f-measure dl")
    expect(facts).to_contain_text("Overloaded pixels")
    page.locator(".f-measure canvas").first.hover(position={"x": 60, "y": 40})
    expect(page.locator(".f-measure .f-read").first).to_contain_text("pixels of")


def test_the_header_is_shown_as_the_file_has_it_and_follows_the_image(viewer: Viewer) -> None:
    page = viewer("&number=5")
    page.get_by_text("Header", exact=True).click()
    page.get_by_text("As the file has it").click()
    raw = page.get_by_label("Header as the file has it")
    expect(raw).to_contain_text("# Image 5")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_text("As the file has it").click()
    page.wait_for_timeout(300)
    assert [url for url in asked if url.endswith("/header")] == []


def test_a_list_of_the_file_can_be_set_aside_for_a_search_and_the_link_says_so(viewer: Viewer) -> None:
    page = viewer("&number=5&show=spots")
    whose = page.get_by_label("Whose spots")
    expect(whose).to_be_visible()
    with page.expect_response("**/spots?by=search"):
        whose.select_option("search")
    assert link_says(page, "by", None) == "search"
    page.reload()
    drawn(page)
    expect(page.get_by_label("Whose spots")).to_have_value("search")


def test_a_late_file_server_is_told_of_and_asked_again_until_the_image_comes(viewer: Viewer) -> None:
    page = viewer("&number=1")
    told = []

    def late(route: Any) -> None:
        told.append(time.monotonic())
        if len(told) > 2:
            route.continue_()
            return
        text = "The file server did not give this within 2 s: it is slow or busy."
        body = json.dumps({"title": "The file server is late", "text": text})
        route.fulfill(status=503, headers={"Retry-After": "1", "Content-Type": "application/json"}, body=body)

    page.route("**/made/frame/1/40?*", late)
    page.get_by_label("Number of the image").fill("40")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The file server is late")).to_be_visible()
    expect(page.get_by_text("within 2 s")).to_be_visible()
    expect(page.locator(".f-picture").first).to_have_attribute("data-image", "40")
    expect(page.get_by_text("The file server is late")).to_be_hidden()
    assert len(told) == 3


def test_several_images_become_one_and_a_whole_collection_with_progress(viewer: Viewer) -> None:
    page = viewer("&number=3")
    single = digest(page)[0]
    page.get_by_text("Several images as one").click()
    page.get_by_label("How images are put together").select_option("sum")
    page.get_by_label("How many images").fill("4")
    with page.expect_response("**/made/frame/1/3?*last=6*how=sum*"):
        page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_text("Sum of images 3 to 6")).to_be_visible()
    assert link_says(page, "over", None) == "4"
    assert digest(page)[0] != single
    page.get_by_role("button", name="Whole collection").click()
    expect(page.get_by_role("progressbar", name="Images put together")).to_be_visible()
    expect(page.get_by_text("Sum of images 1 to 60")).to_be_visible()
    expect(page.get_by_label("How images are put together")).to_have_value("sum")
    # What is measured and saved is of what is shown.
    with page.expect_response("**/made/frame/1/1/histogram?*last=60*how=sum*"):
        page.keyboard.press("h")
    page.get_by_text("Save", exact=True).click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="NPY").click()
    assert "/1?" in saved.value.url
    assert "last=60&how=sum" in saved.value.url
    page.get_by_role("button", name="One image again").click()
    expect(page.get_by_text("Image 3 of 60")).to_be_visible()
    assert digest(page)[0] == single
    page.get_by_role("button", name="Whole collection").click()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopped.")).to_be_visible()


def test_two_images_are_side_by_side_with_one_zoom_or_take_turns(viewer: Viewer) -> None:
    page = viewer("&number=3&with=9&two=side")
    expect(page.locator(".f-picture").nth(1)).to_have_attribute("data-drawn", "true")
    expect(page.locator(".f-tag").nth(1)).to_have_text("Image 9")
    before = digest(page)
    drawn(page).focus()
    page.keyboard.press("+")
    page.wait_for_timeout(300)
    assert all(now != then for now, then in zip(digest(page), before, strict=True))
    page.get_by_role("button", name="Blink").click()
    expect(page.locator(".f-tag").first).to_have_text("Image 9")
    expect(page.locator(".f-tag").first).to_have_text("Image 3")
    page.keyboard.press("v")
    expect(page.locator(".f-tag").first).to_be_hidden()
    assert link_says(page, "with", "9") is None


def test_the_picture_and_the_pixels_of_a_region_are_taken_along(viewer: Viewer) -> None:
    page = viewer("&at=300.0,300.0,4")
    page.get_by_text("Save", exact=True).click()
    with page.expect_download() as picture:
        page.get_by_role("button", name="PNG").click()
    assert picture.value.suggested_filename == "lyso_4_2_5.png"
    data = Path(picture.value.path()).read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert len(data) > 20_000
    page.keyboard.press("x")
    dragged(page, at(page, 250, 260), at(page, 309, 289))
    with page.expect_download() as region:
        page.get_by_role("button", name="NPY").click()
    assert "x=250&y=260&w=60&h=30&as=npy" in region.value.url


def test_a_missing_image_is_said_and_the_next_one_is_shown(viewer: Viewer) -> None:
    page = viewer("&number=1")
    page.goto("?page=failed")
    expect(page.get_by_text("The image is not on disk.")).to_be_visible()
    expect(page.get_by_role("button", name="Read again")).to_be_visible()
    page.locator(".f-picture").first.focus()
    page.keyboard.press(".")
    drawn(page)
    expect(page.get_by_text("The image is not on disk.")).to_be_hidden()


def test_a_slow_image_says_that_it_is_being_read(viewer: Viewer) -> None:
    page = viewer("&number=1")

    def late(route: Any) -> None:
        time.sleep(0.8)
        route.continue_()

    page.route("**/made/frame/1/30?*", late)
    page.get_by_label("Number of the image").fill("30")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Reading the image…")).to_be_visible()
    expect(page.locator(".f-picture").first).to_have_attribute("data-image", "30")
    expect(page.get_by_text("Reading the image…")).to_be_hidden()


def test_the_colours_somebody_chose_come_back_unless_a_link_names_others(viewer: Viewer) -> None:
    page = viewer()
    page.get_by_label("Colours", exact=True).select_option("cividis")
    assert link_says(page, "map", None) == "cividis"
    go(page, "")
    expect(page.get_by_label("Colours", exact=True)).to_have_value("cividis")
    go(page, "&map=magma&dark=0")
    expect(page.get_by_label("Colours", exact=True)).to_have_value("magma")


def test_pictures_need_no_graphics_processor(viewer: Viewer) -> None:
    page = viewer()
    page.add_init_script(
        """window.asked = []
        const get = HTMLCanvasElement.prototype.getContext
        HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
          if (/^f-|f-chart/.test(this.className + this.parentElement?.className)) window.asked.push([kind, this.width, this.height])
          return kind === "2d" ? get.call(this, kind, ...more) : null
        }"""
    )
    go(page, "&at=520.0,530.0,0.9")
    asked = page.evaluate("window.asked")
    assert {kind for kind, *_ in asked} == {"2d"}
    assert max(max(size) for _, *size in asked) <= 4096


def test_bars_and_the_number_lead_to_an_image_and_its_numbers_are_shown(viewer: Viewer) -> None:
    page = viewer()
    bars = page.get_by_role("img", name="Spots found on each image")
    box = bars.bounding_box()
    assert box is not None
    bars.click(position={"x": box["width"] * (39.5 / 60), "y": 40})
    expect(page.get_by_text("Image 40 of 60")).to_be_visible()
    expect(page.locator(".f-facts").filter(has_text="Spots140")).to_be_visible()
    page.get_by_text("Header", exact=True).click()
    page.get_by_label("Search the header").fill("serial")
    expect(page.get_by_text("M-0042")).to_be_visible()
    expect(page.get_by_text("Exposure time")).to_be_hidden()
    assert json.loads(page.evaluate("JSON.stringify(window.executed ?? null)")) is None
