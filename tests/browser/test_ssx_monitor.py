"""The monitor of a serial run, while the run is being taken."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from browser.conftest import served
from browser.site import Site
from playwright.sync_api import Page, expect

from data import schema as s
from data.demo import render
from data.demo.serial import Plan, SsxRun
from data.demo.site import writable

pytestmark = pytest.mark.browser

Open = Callable[..., Page]
VISIT = 4153


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site of this module, with a visit of the serial beamline."""
    made = served(tmp_path_factory)
    found = next(made)
    for number, name in ((1, "XrayDetection"), (3, "LaserExcitation")):
        found.add(s.EventType, id=number, name=name)
    yield found
    next(made, None)


@pytest.fixture
def run(site: Site) -> Iterator[SsxRun]:
    """A run that is taken while the test lasts."""
    engine = writable(f"sqlite:///{site.database}")
    taking = SsxRun(engine, VISIT, Plan(frames=100_000, rate=200, chip=True, laser=True, seed=4))
    taking.step()
    going = threading.Event()

    def work() -> None:
        while not going.wait(0.3):
            taking.step()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    time.sleep(2)
    yield taking
    going.set()
    thread.join(10)
    engine.dispose()


def frames(page: Page) -> int:
    text = page.get_by_role("group", name="Frames").locator(".r-value").inner_text()
    digits = "".join(c for c in text if c.isdigit())
    return int(digits) if digits else 0


def test_numbers_follow_the_run_without_a_reload(site: Site, run: SsxRun, opened: Open) -> None:
    page = opened(site, f"?collection={run.collection_id}&tab=monitor")
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    expect(page.get_by_role("group", name="Hit rate, last 10 s").locator(".r-value")).to_contain_text("%")
    before = frames(page)
    page.wait_for_timeout(3000)
    assert frames(page) > before
    # No stream is written here: nobody tells of lattices, and no rate is invented.
    expect(page.get_by_role("group", name="Indexed, last 10 s")).to_contain_text("not told by any source")
    expect(page.get_by_role("heading", name="Laser")).to_be_visible()
    whole = page.get_by_role("link", name=re.compile("^Maximum of all"))
    assert re.search(rf"collection={run.collection_id}&image=1&.*over=\d+", whole.get_attribute("href") or "")
    chip = page.get_by_role("img", name="Hits of each well, 160 by 160 wells")
    expect(chip).to_be_visible()


def test_a_target_is_in_the_link_and_comes_back_with_it(site: Site, run: SsxRun, opened: Open) -> None:
    page = opened(site, f"?collection={run.collection_id}&tab=monitor")
    page.get_by_label("Resolution", exact=False).first.fill("1.8")
    page.get_by_label("Multiplicity").fill("10")
    page.get_by_label("Multiplicity").press("Enter")
    page.wait_for_url("**v.target=1.8,,,10**")
    page.reload()
    expect(page.get_by_label("Multiplicity")).to_have_value("10")


def test_a_run_of_others_is_as_absent_as_one_that_is_not_there(site: Site, run: SsxRun, opened: Open) -> None:
    texts: list[Any] = []
    for number in (run.collection_id, 99_999_999):
        page = opened(site, f"?collection={number}&tab=monitor", "nobody")
        expect(page.get_by_text("Not found")).to_be_visible()
        texts.append(page.locator("main").inner_text().replace(str(number), "N"))
        answer = page.request.get(f"run/{number}/chip?by=hits")
        assert answer.status == 404
        texts.append(answer.text())
    assert texts[0] == texts[2]
    assert texts[1] == texts[3]


def test_an_alert_is_on_the_page_and_in_the_title_until_it_is_seen_or_muted_and_its_rule_is_kept(
    site: Site, run: SsxRun, opened: Open
) -> None:
    page = opened(site, f"?collection={run.collection_id}&tab=monitor")
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    page.get_by_text("Set the alerts").click()
    page.get_by_label("No frame for").fill("1")
    page.get_by_label("No frame for").press("Enter")
    expect(page.get_by_text("Kept for your runs with chips at")).to_be_visible()
    run.step = lambda: []  # type: ignore[method-assign]
    alert = page.locator(".r-alerts li").first
    expect(alert).to_contain_text("No frame for", timeout=20_000)
    expect(alert.get_by_role("link")).to_have_attribute("href", re.compile(r"image=\d+"))
    expect(page).to_have_title(re.compile("^⚠ No frame for"))
    alert.get_by_role("button", name="Mute 30 min").click()
    expect(page.locator(".r-mutes")).to_contain_text("No frame: muted until")
    expect(alert.get_by_role("button", name="Seen")).to_have_count(0)
    expect(page).not_to_have_title(re.compile("^⚠ No frame"))  # runs of other tests may stand still
    page.reload()
    expect(page.locator(".r-mutes")).to_contain_text("No frame: muted until")
    page.get_by_text("Set the alerts").click()
    expect(page.get_by_label("No frame for")).to_have_value("1")


def test_what_happened_while_no_page_was_open_is_told_on_every_page_until_it_is_seen(
    site: Site, run: SsxRun, opened: Open
) -> None:
    page = opened(site, f"?collection={run.collection_id}&tab=monitor", "admin")
    page.get_by_text("Set the alerts").click()
    page.get_by_label("No frame for").fill("2")
    page.get_by_label("No frame for").press("Enter")
    expect(page.get_by_text("Kept for your runs with chips at")).to_be_visible()
    page.get_by_label("This run").check()
    expect(page.get_by_text("Watched, also while this page is closed.")).to_be_visible()
    page.wait_for_timeout(4000)
    page.close()
    run.step = lambda: []  # type: ignore[method-assign]
    time.sleep(8)

    later = opened(site, None, "admin")
    later.add_init_script(
        "window.told = []; window.Notification = class { static permission = 'granted';"
        " constructor(title, {body}) { window.told.push(`${title}: ${body}`) } }"
    )
    later.goto("?proposals=all")
    expect(later).to_have_title(re.compile("^⚠ No frame for"))
    assert later.evaluate("window.told.length") == 1
    bell = later.locator(".b-bell")
    bell.get_by_label("Alerts: 1 not seen").click()
    expect(bell.get_by_role("link", name=f"Run {run.collection_id}")).to_have_attribute(
        "href", re.compile(rf"collection={run.collection_id}&tab=monitor")
    )
    expect(bell.get_by_text("No frame for")).to_be_visible()
    other = opened(site, "?proposals=all", "admin")
    expect(other.locator(".b-bell").get_by_label("Alerts: 1 not seen")).to_be_visible()
    bell.get_by_role("button", name="Seen").click()
    expect(later).not_to_have_title(re.compile("^⚠"))
    expect(other.locator(".b-bell").get_by_label("Alerts: all seen")).to_be_visible()
    assert opened(site, "?proposals=all").locator(".b-bell").is_hidden(), "another person was told nothing"


@pytest.fixture(scope="module")
def indexed(site: Site) -> SsxRun:
    """A run that has ended, with a stream, two forms of the crystal, and two images on disk: an indexed one and not."""
    engine = writable(f"sqlite:///{site.database}")
    plan = Plan(frames=4_000, rate=1e5, hit_rate=0.4, isoform=0.2, reflections=True, failures=False, seed=6)
    taking = SsxRun(engine, VISIT, plan, directory=site.folder / "files")
    while not taking.finished:
        taking.step()
    engine.dispose()
    assert taking._images is not None
    assert taking._stream is not None
    for image in (_first(taking, 1), _first(taking, 0)):
        render.ensure(taking._images, taking._stream.parent, image)
    return taking


def _first(taking: SsxRun, lattices: int) -> int:
    return int(np.flatnonzero(taking.story.lattices == lattices)[0]) + 1


def test_an_indexed_image_shows_its_predicted_reflections_with_hkl_and_another_says_why_it_has_none(
    site: Site, indexed: SsxRun, opened: Open
) -> None:
    image = _first(indexed, 1)
    page = opened(site, f"?collection={indexed.collection_id}&image={image}&tab=image&show=predictions")
    note = page.locator("label", has_text="Predicted reflections")
    expect(note).to_contain_text(re.compile(r"\d+ of 1 lattice"), timeout=20_000)
    expect(page.get_by_text(re.compile("Predicted reflections: CrystFEL, serial_"))).to_be_visible()
    address = f"frame/{indexed.collection_id}/{image}/predictions"
    x, y, *hkl = page.evaluate("async (to) => (await (await fetch(to)).json()).lattices[0][0]", address)
    picture = page.locator(".f-picture").first
    box = picture.bounding_box()
    assert box is not None
    # The picture is fitted and centred: 487 × 619 pixels.
    scale = min(box["width"] / 487, box["height"] / 619)
    page.mouse.move(
        box["x"] + box["width"] / 2 + (x - 243.5) * scale, box["y"] + box["height"] / 2 + (y - 309.5) * scale
    )
    words = " ".join(str(index).replace("-", "\u2212") for index in hkl)
    expect(page.get_by_text(re.compile(f"hkl {re.escape(words)}"))).to_be_visible()
    page.keyboard.press("k")
    expect(note).not_to_contain_text("lattice")
    assert "show=none" in page.url or page.wait_for_url(re.compile("show=none")) is None
    other = _first(indexed, 0)
    page = opened(site, f"?collection={indexed.collection_id}&image={other}&tab=image&show=predictions")
    expect(page.get_by_text(re.compile(rf"Image {other} was not indexed, says serial_"))).to_be_visible(timeout=20_000)
