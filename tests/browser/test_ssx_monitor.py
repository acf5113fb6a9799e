"""The monitor of a serial run, while the run is being taken."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from browser.conftest import served
from browser.site import Site
from playwright.sync_api import Page, expect

from data import schema as s
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
