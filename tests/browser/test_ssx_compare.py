"""The table of serial runs and the comparison of two of them, in a browser."""

import threading
from collections.abc import Callable, Iterator

import pytest
from browser.conftest import served
from browser.look import text_of
from browser.site import Site, words_of
from playwright.sync_api import Page, expect

from data import schema as s
from data.demo.serial import Plan, SsxRun
from data.demo.site import writable

pytestmark = pytest.mark.browser

Open = Callable[..., Page]
VISIT = 4153
RUNS = "?visit=mx415-3&tab=runs"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site of this module, with two runs that have ended, and a third of which little was taken."""
    made = served(tmp_path_factory)
    found = next(made)
    for number, name in ((1, "XrayDetection"), (3, "LaserExcitation")):
        found.add(s.EventType, id=number, name=name)
    engine = writable(f"sqlite:///{found.database}")
    found.states["runs"] = []
    for hits, seed in ((0.2, 1), (0.4, 2)):
        run = SsxRun(engine, VISIT, Plan(frames=4_000, rate=100_000, hit_rate=hits, seed=seed, failures=False),
                     directory=found.folder / "files" / f"r{seed}")  # fmt: skip
        while not run.finished:
            run.step()
            threading.Event().wait(0.01)
        found.states["runs"].append(run.collection_id)
    engine.dispose()
    yield found
    next(made, None)


PAINTED = """figure => {
  const painted = root => [...root.querySelectorAll("*")].some(e => (e.shadowRoot && painted(e.shadowRoot)) ||
    (e.tagName === "CANVAS" && e.width > 99 &&
      e.getContext("2d").getImageData(0, 0, e.width, e.height).data.some(v => v)))
  return painted(figure.shadowRoot ?? figure)
}"""


def test_runs_are_listed_chosen_and_compared(site: Site, opened: Open) -> None:
    first, _ = site.states["runs"]
    page = opened(site, RUNS)
    expect(page.get_by_role("heading", name="Runs of mx415-3")).to_be_visible()
    rows = page.get_by_role("row").filter(has_text="simulated")
    expect(rows).to_have_count(2, timeout=20_000)
    rows.nth(0).click(modifiers=["ControlOrMeta"], position={"x": 300, "y": 10})
    rows.nth(1).click(modifiers=["ControlOrMeta"], position={"x": 300, "y": 10})
    page.get_by_role("link", name="Compare 2 runs").click()
    expect(page.get_by_role("heading", name="Comparison of 2 runs")).to_be_visible()
    expect(page.get_by_text("differs").first).to_be_visible(timeout=20_000)
    expect(page.get_by_role("heading", name="Cells")).to_be_visible()
    figures = page.locator(".bk-Figure")
    expect(figures).to_have_count(8)
    for figure in figures.all():  # several that come at once are all drawn
        page.wait_for_function(PAINTED, arg=figure.element_handle())
    page.get_by_role("link", name=str(first), exact=True).click()
    expect(page.get_by_role("group", name="Frames")).to_be_visible()


def test_sums_of_each_experiment_are_in_the_link(site: Site, opened: Open) -> None:
    page = opened(site, RUNS)
    page.locator("select[data-key='per']").select_option("experiment")
    page.wait_for_url("**v.per=experiment**")
    expect(page.get_by_text("2 runs", exact=True).first).to_be_visible()


def test_runs_of_others_are_as_absent_as_those_that_are_not_there(site: Site, opened: Open) -> None:
    first, _ = site.states["runs"]
    chosen = f"tab=compare&v.runs={first}"
    for kind in ("tab=runs", chosen):
        texts = []
        for visit in ("mx415-3", "mx999-3"):
            page = opened(site, f"?visit={visit}&{kind}", "nobody")
            expect(page.get_by_text("Not found")).to_be_visible()
            texts.append(words_of(text_of(page).partition("Not found")[2]))
        assert texts[0] == texts[1]


def test_a_run_of_another_visit_is_left_out_and_said(site: Site, opened: Open) -> None:
    first, _ = site.states["runs"]
    page = opened(site, f"?visit=mx415-3&tab=compare&v.runs={first},99999999")
    expect(page.get_by_text("Not found in this visit: 99999999.")).to_be_visible()
