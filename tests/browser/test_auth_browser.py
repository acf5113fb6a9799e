"""The gate and the page's policy in a real browser."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import panel as pn
import param
import pytest
from bokeh.plotting import figure
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright
from servers.chromium import ARGUMENTS, chromium
from servers.gated import Dashboard, dashboard

from auth.guard_script import guard_script
from auth.identity import Identity, current_identity

pytestmark = pytest.mark.browser

_HOSTILE = (
    '<img src="x" onerror="window.executed = 1"><svg onload="window.executed = 2"></svg>'
    "<script>window.executed = 3</script>"
    '<iframe srcdoc="&lt;script&gt;top.executed = 4&lt;/script&gt;"></iframe>'
    '<a id="link" href="javascript:window.executed = 5">link</a>'
)
_MODULE = """
export function render({ model }) {
  const button = document.createElement("button");
  button.className = "NAME";
  const show = () => { button.textContent = `NAME ${model.count}`; };
  button.onclick = () => { model.count += 1; };
  model.on("count", show);
  show();
  return button;
}
"""


class Inline(pn.custom.JSComponent):
    """A component whose module is in the page's document."""

    count = param.Integer(0)
    _esm = _MODULE.replace("NAME", "inline")


class Bundled(pn.custom.JSComponent):
    """A component whose module is a file of its own."""

    count = param.Integer(0)
    _bundle = Path(__file__).parent / "bundled.js"


def _everything() -> pn.Column:
    plot = figure(width=200, height=200, title=current_identity().name)
    plot.line([1, 2], [3, 4])
    return pn.Column(
        Inline(),
        Bundled(),
        plot,
        pn.widgets.Tabulator(pd.DataFrame({"x": [1, 2]})),
        pn.pane.HTML(_HOSTILE),
    )


def _guarded() -> object:
    template = pn.Template(
        "{% extends base %}{% block postamble %}<script>{{ guard }}</script>{% endblock %}"
        "{% block contents %}<a id='out' data-sign-out href='logout'>Sign out</a>"
        "{{ embed(roots.main) }}{% endblock %}"
    )
    template.add_variable("guard", guard_script())
    template.add_panel("main", pn.pane.HTML(f"<b id='who'>{current_identity().login}</b>"))
    return template


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
        yield running
        running.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    fresh = browser.new_context()
    fresh.set_default_timeout(20_000)
    yield fresh
    fresh.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Dashboard]:
    pn.extension("tabulator")
    with dashboard(tmp_path, apps={"/app": _everything, "/guarded": _guarded}) as running:
        yield running


def _url(site: Dashboard, path: str) -> str:
    return f"http://localhost:{site.port}{path}"


def _sign_in(page: Page, site: Dashboard, path: str) -> None:
    page.goto(_url(site, path))
    page.get_by_label("User name").fill("alice")
    page.get_by_label("Password").fill("alice's secret")
    page.get_by_label("Password").press("Enter")
    page.wait_for_url(_url(site, path))


def test_the_policy_blocks_all_hostile_markup_and_nothing_that_is_needed(
    site: Dashboard, context: BrowserContext
) -> None:
    page = context.new_page()
    blocked: list[str] = []
    errors: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            blocked.append(message.text)

    page.on("console", heard)
    page.on("pageerror", lambda error: errors.append(str(error)))
    _sign_in(page, site, "/app")
    for name in ("inline", "bundled"):
        button = page.locator(f"button.{name}")
        button.click()
        page.get_by_text(f"{name} 1").wait_for()
    page.locator("canvas").first.wait_for()
    page.locator(".tabulator-row").nth(1).wait_for()
    page.locator("#link").click()
    page.locator("button.inline").click()
    page.get_by_text("inline 2").wait_for()
    assert page.evaluate("window.executed") is None
    # What was blocked is the hostile pane's, and only that.
    assert blocked
    kinds = ("inline event handler", "inline script", "javascript:", "JavaScript URL", "Framing")
    unexpected = [text for text in blocked if not any(kind in text for kind in kinds)]
    assert unexpected == []
    assert errors == []


def test_without_the_policy_the_hostile_markup_would_run(site: Dashboard, browser: Browser) -> None:
    with browser.new_context(bypass_csp=True) as context:
        page = context.new_page()
        _sign_in(page, site, "/app")
        page.wait_for_function("window.executed !== undefined")


def test_a_page_leaves_the_screen_when_its_login_session_ends_elsewhere(
    site: Dashboard, context: BrowserContext
) -> None:
    page = context.new_page()
    _sign_in(page, site, "/guarded?visit=mx415-3")
    page.locator("#who").wait_for()
    page.wait_for_function("() => window.Bokeh?.documents?.length > 0")
    other = context.new_page()
    other.goto(_url(site, "/logout"))
    other.get_by_role("button", name="Sign out", exact=True).click()
    other.get_by_text("You are signed out.").wait_for()
    page.get_by_label("User name").wait_for()
    assert page.url == _url(site, "/login?next=%2Fguarded%3Fvisit%3Dmx415-3")
    assert page.locator("#who").count() == 0


def test_the_sign_out_link_signs_out_at_once_and_without_scripts_by_a_button(
    site: Dashboard, context: BrowserContext, browser: Browser
) -> None:
    page = context.new_page()
    _sign_in(page, site, "/guarded")
    page.locator("#who").wait_for()
    page.locator("#out").click()
    page.get_by_text("You are signed out.").wait_for()
    with browser.new_context(java_script_enabled=False) as plain:
        page = plain.new_page()
        page.goto(_url(site, "/logout"))
        page.get_by_role("button", name="carol").click()
        page.goto(_url(site, "/logout"))
        page.get_by_role("button", name="Sign out", exact=True).click()
        page.get_by_text("You are signed out.").wait_for()


def test_an_open_page_of_an_old_login_session_becomes_one_of_the_new(site: Dashboard, context: BrowserContext) -> None:
    page = context.new_page()
    _sign_in(page, site, "/guarded")
    page.get_by_text("alice").wait_for()
    anew = site.store.begin(Identity("people", "id-carol", "carol", "Carol"))
    context.add_cookies([{"name": "ispyb_sid", "value": anew, "url": _url(site, "/")}])
    page.evaluate("window.ispybGuard.check()")
    page.get_by_text("carol").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 800])
def test_the_sign_in_page_fits_and_needs_no_mouse(site: Dashboard, browser: Browser, scheme: str, width: int) -> None:
    size = {"width": width, "height": 800}
    with browser.new_context(color_scheme=scheme, viewport=size) as context:  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(_url(site, "/login"))
        assert page.evaluate("document.activeElement.id") == "login"
        page.keyboard.type("alice")
        page.keyboard.press("Tab")
        page.keyboard.type("wrong")
        page.keyboard.press("Enter")
        page.get_by_role("alert").wait_for()
        assert page.evaluate("document.activeElement.id") == "password"
        wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert not wide
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert colour == {"light": "rgb(244, 246, 248)", "dark": "rgb(20, 23, 28)"}[scheme]
