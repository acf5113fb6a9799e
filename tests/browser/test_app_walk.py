"""From sign-in to a frame, as a person walks, and back."""

import re
from collections.abc import Callable

import pytest
from browser.conftest import sign_in
from browser.look import text_of
from browser.site import BEFORE, EM, NEWEST, SAMPLES, SSX, Site
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.browser

Open = Callable[..., Page]


def row(page: Page, key: object) -> Locator:
    return page.locator(f"[role=row][data-key='{key}']")


def heading(page: Page, words: str) -> Locator:
    return page.get_by_role("heading", level=1).filter(has_text=words)


def test_a_person_walks_from_sign_in_to_a_collection(site: Site, opened: Open) -> None:
    page = opened(site, "/", None)
    sign_in(page, "alice")
    expect(heading(page, "Home")).to_be_visible()
    expect(page.get_by_role("link", name="mx415-3")).to_contain_text("live")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Proposals").click()
    expect(row(page, "mx415")).to_contain_text("Lysozyme, naïvely")
    expect(row(page, "em7")).to_have_count(0)
    row(page, "mx415").get_by_role("link").click()
    expect(heading(page, "mx415")).to_be_visible()
    row(page, "mx415-3").get_by_role("link").click()
    expect(page.get_by_text("230 collections")).to_be_visible()
    row(page, NEWEST).get_by_role("link").last.click()
    expect(heading(page, f"xtal_{NEWEST}")).to_be_visible()
    assert page.url == f"{site.address}?collection={NEWEST}"
    expect(page).to_have_title(re.compile(f"{NEWEST} · Test Light$"))
    crumbs = page.get_by_role("navigation", name="Where you are")
    crumbs.get_by_role("link", name="mx415", exact=True).click()
    expect(heading(page, "mx415")).to_be_visible()


def test_a_link_opened_before_sign_in_is_where_one_is_afterwards(site: Site, opened: Open) -> None:
    link = "?visit=mx415-3&tab=mx&sort=-images&q=xtal&as=cards"
    page = opened(site, link, None)
    assert "/login" in page.url
    sign_in(page, "alice")
    expect(page.locator(".t-card").first).to_be_visible()
    assert page.url == site.address + link


def test_each_tab_of_a_proposal_shows_what_it_names(site: Site, opened: Open) -> None:
    page = opened(site, "?proposal=mx415")
    tabs = page.get_by_role("navigation", name="Parts of the proposal")
    expect(tabs.get_by_role("link", name="Visits")).to_have_attribute("aria-current", "page")
    expect(row(page, "mx415-4")).to_be_visible()
    tabs.get_by_role("link", name="Samples").click()
    expect(page.get_by_role("grid", name="Samples").get_by_text("lyso_3")).to_be_visible()
    tabs.get_by_role("link", name="People").click()
    expect(page.get_by_text("Co-Investigator")).to_be_visible()
    tabs.get_by_role("link", name="Shipments").click()
    shipment = page.get_by_role("treeitem", name=re.compile("^box"))
    expect(shipment).to_be_visible()
    shipment.focus()
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    for sample in SAMPLES:
        expect(page.get_by_role("treeitem", name=re.compile(f"^{sample}"))).to_be_visible()
    assert page.url == f"{site.address}?proposal=mx415&tab=shipments"


def test_a_visit_has_a_list_of_its_own_for_each_technique(site: Site, opened: Open) -> None:
    page = opened(site, "?visit=mx415-3")
    techniques = page.get_by_role("navigation", name="Techniques")
    expect(techniques.get_by_role("link")).to_have_text([re.compile("^MX"), re.compile("^SSX"), re.compile("^EM")])
    expect(page.get_by_role("columnheader", name="Rotation")).to_be_visible()
    techniques.get_by_role("link", name="SSX").click()
    expect(row(page, SSX)).to_contain_text("Oxford")
    expect(page.get_by_role("columnheader", name="Rotation")).to_have_count(0)
    techniques.get_by_role("link", name=re.compile("^EM")).click()
    expect(row(page, EM)).to_be_visible()
    page.go_back()
    expect(row(page, SSX)).to_be_visible()


def test_a_collection_shows_its_parameters_with_units_its_results_and_its_snapshot(site: Site, opened: Open) -> None:
    page = opened(site, f"?collection={NEWEST}")
    expect(page.get_by_role("heading", name="Parameters")).to_be_visible()
    facts = dict(zip(page.locator("dt").all_inner_texts(), page.locator("dd").all_inner_texts(), strict=True))
    assert {facts[name].replace("\u202f", " ") for name in ("Wavelength", "Transmission", "Distance")} == {
        "0.97630 Å",
        "40.00 %",
        "250.0 mm",
    }
    assert facts["Dose"] == "–"
    results = page.get_by_role("grid", name="Processing results")
    expect(results.get_by_role("row")).to_have_count(3)
    expect(results.locator("[data-key]").first).to_contain_text("xia2 dials")
    expect(results.locator("[data-key]").first).to_contain_text("P4₃2₁2")
    picture = page.get_by_role("img", name=f"Crystal of collection {NEWEST}, view 1")
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("image => image.naturalWidth") == 320


def drawn(page: Page) -> str:
    """A digest of the frame's pixels, once it is drawn."""
    frame = page.locator("canvas[data-drawn=true]")
    expect(frame).to_be_visible()
    return str(
        frame.evaluate("""async canvas => {
          await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))
          const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", {willReadFrequently: true})
          copy.drawImage(canvas, 0, 0)
          const pixels = copy.getImageData(0, 0, canvas.width, canvas.height).data
          const shades = new Set()
          let sum = 0
          for (let i = 0; i < pixels.length; i += 4) {
            shades.add(pixels[i])
            sum = (sum * 31 + pixels[i]) % 1000000007
          }
          return shades.size < 3 ? "blank" : `${shades.size} ${sum}`
        }""")
    )


def test_frames_are_drawn_from_their_files_and_steps_between_them_are_in_the_link(site: Site, opened: Open) -> None:
    page = opened(site, f"?collection={NEWEST}")
    first = drawn(page)
    assert first != "blank"
    page.get_by_role("button", name="Next image").click()
    expect(page.get_by_text("Image 2 of")).to_be_visible()
    expect(page).to_have_url(f"{site.address}?collection={NEWEST}&image=2")
    page.get_by_role("button", name="Next image").click()
    expect(page).to_have_url(f"{site.address}?collection={NEWEST}&image=3")
    assert drawn(page) != "blank"
    page.reload()
    expect(page.get_by_text("Image 3 of")).to_be_visible()
    assert drawn(page) not in ("blank", first)
    # Beyond what is on disk, and beyond what there is.
    page.goto(f"?collection={NEWEST}&image=50")
    expect(page.get_by_text("is not on disk any more")).to_be_visible()
    page.goto(f"?collection={NEWEST}&image=99999")
    expect(page.get_by_text("Image 189 of 189")).to_be_visible()


def test_a_point_of_the_quality_plot_opens_its_image(site: Site, opened: Open) -> None:
    page = opened(site, f"?collection={NEWEST}")
    drawn(page)
    point = page.evaluate(
        """() => {
          const figure = [...Bokeh.documents[0].all_models].find((model) => model.type === "Figure")
          const view = Bokeh.index.find_one(figure)
          const line = view.renderer_views.get(figure.renderers[0])
          const data = figure.renderers[0].data_source.data
          const i = data.image.indexOf(30)
          const box = view.canvas_view.el.getBoundingClientRect()
          const {x_scale, y_scale} = line.coordinates
          return {x: box.x + x_scale.compute(data.image[i]), y: box.y + y_scale.compute(data.value[i])}
        }"""
    )
    page.mouse.click(point["x"], point["y"])
    expect(page).to_have_url(f"{site.address}?collection={NEWEST}&image=30")
    expect(page.get_by_text("Image 30 of")).to_be_visible()


def test_a_damaged_frame_and_a_collection_without_images_say_so(site: Site, opened: Open) -> None:
    page = opened(site, f"?collection={NEWEST - 1}")
    expect(page.get_by_text("is not in a known image format")).to_be_visible()
    page.goto(f"?collection={BEFORE}")
    expect(heading(page, f"xtal_{BEFORE}")).to_be_visible()
    expect(page.get_by_role("heading", name="Parameters")).to_be_visible()
    assert page.locator("canvas[data-drawn]").count() == 0
    page.goto(f"?collection={SSX}")
    expect(page.get_by_text("is not on disk any more")).to_be_visible()


def test_a_visit_without_collections_says_what_will_come(site: Site, opened: Open) -> None:
    page = opened(site, "?visit=mx415-4")
    expect(page.get_by_text("No collections yet")).to_be_visible()
    expect(page.get_by_text("0 collections")).to_be_visible()


def test_a_newcomer_is_told_what_to_do(site: Site, opened: Open) -> None:
    page = opened(site, "/", "nobody")
    expect(page.get_by_text("Nothing to see yet")).to_be_visible()
    expect(page.get_by_text("Ask the principal investigator")).to_be_visible()
    page.get_by_role("link", name="Proposals").click()
    expect(page.get_by_text("No proposals")).to_be_visible()
    page.goto("?visit=mx415-3")
    expect(page.get_by_text("This visit does not exist, or you do not have access to it.")).to_be_visible()


def test_signing_out_ends_the_page(site: Site, opened: Open) -> None:
    page = opened(site, "/", None)
    sign_in(page, "alice")
    expect(heading(page, "Home")).to_be_visible()
    page.locator("summary", has_text="Alice").click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_text("You are signed out.").wait_for()
    assert "mx415" not in text_of(page)
    page.go_back()
    page.get_by_label("User name").wait_for()
    page.goto(f"?collection={NEWEST}")
    page.get_by_label("User name").wait_for()
    assert page.context.request.get(f"{site.address}frame/{NEWEST}/1").status == 401
