"""The sign-in page with several ways to sign in."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright
from servers.chromium import ARGUMENTS, chromium
from servers.gated import Dashboard, People, dashboard

from auth.oidc.options import OidcOptions
from auth.providers.oidc import OidcProvider

pytestmark = pytest.mark.browser


class Proposals(People):
    """A second way with a password."""

    key = "proposals"
    label = "Proposal account"


def _single(key: str, label: str) -> OidcProvider:
    return OidcProvider(key, OidcOptions("https://sso.example.org/realms/users", "lens", "x"), label)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    ways = [
        Proposals(),
        _single("sso", "Facility login"),
        _single("long", "the Synchrotron with a " + "long name " * 9),
    ]
    with dashboard(tmp_path_factory.mktemp("site"), providers=ways) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
        yield running
        running.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 800, 360])
def test_every_way_in_is_reached_with_the_keyboard_in_the_order_shown(
    site: Dashboard, browser: Browser, scheme: str, width: int
) -> None:
    size = {"width": width, "height": 800}
    with browser.new_context(color_scheme=scheme, viewport=size) as context:  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(f"http://localhost:{site.port}/login?next=/app")
        reached = []
        for _ in range(7):
            page.keyboard.press("Tab")
            reached.append(
                page.evaluate("document.activeElement.id || document.activeElement.innerText.split('\\n')[0]")
            )
        assert reached[0] == "Sign in with Facility login"
        assert reached[2:] == ["provider", "login", "password", "Sign in", "carol"]
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
        ratio = page.evaluate(_CONTRAST)
        assert min(ratio.values()) >= 4.5, ratio


def test_the_second_way_with_a_password_signs_in_without_a_mouse(site: Dashboard, browser: Browser) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"http://localhost:{site.port}/login?next=/app")
        for _ in range(3):
            page.keyboard.press("Tab")
        page.keyboard.type("Proposal")
        page.keyboard.press("Tab")
        page.keyboard.type("alice")
        page.keyboard.press("Tab")
        page.keyboard.type("alice's secret")
        page.keyboard.press("Enter")
        page.wait_for_url(f"http://localhost:{site.port}/app")


_FOCUSED = "document.activeElement.id || document.activeElement.innerText.split('\\n')[0]"
# Contrast of each text on the page with what is behind it (WCAG 2.2).
_CONTRAST = """() => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number)
  const light = (colour) => {
    const linear = (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4
    const [r, g, b] = parts(colour).slice(0, 3).map((v) => linear(v / 255))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const colour = getComputedStyle(node).backgroundColor
      if (parts(colour).length < 4 || parts(colour)[3] > 0) return colour
    }
    return "rgb(255, 255, 255)"
  }
  const found = {}
  for (const node of document.querySelectorAll("h1, h2, p, a, label, button, small")) {
    const [a, b] = [light(getComputedStyle(node).color), light(behind(node))].sort((x, y) => y - x)
    found[`${node.tagName} ${node.innerText.slice(0, 20)}`] = (a + 0.05) / (b + 0.05)
  }
  return found
}"""
