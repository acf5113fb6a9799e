"""Every page in both themes and at two widths, by eye, by keyboard and by a screen reader."""
# ruff: noqa: E501 (scripts that the browser runs)

from collections.abc import Callable

import pytest
from browser.look import deep
from browser.site import EM, MISSING, NEWEST, SSX, Site
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

Open = Callable[..., Page]
PAGES = (
    "",
    "?page=proposals",
    "?proposal=mx415",
    "?proposal=mx415&tab=shipments",
    "?proposal=hx9&tab=people",
    "?visit=mx415-3",
    "?visit=mx415-3&tab=ssx",
    "?visit=mx415-3&as=cards",
    "?visit=mx415-4",
    f"?collection={NEWEST}",
    f"?collection={NEWEST}&tab=image",
    f"?collection={NEWEST}&tab=processing",
    f"?collection={SSX}&tab=monitor",
    "?visit=mx415-3&tab=results",
    "?page=why&visit=mx415-3",
    "?page=account",
    f"?collection={EM}",
    f"?collection={MISSING}",
)

_NAMELESS = """
  const named = e => e.getAttribute("aria-label") || e.getAttribute("aria-labelledby") || e.getAttribute("title")
    || e.textContent.trim() || [...(e.labels ?? [])].some(label => label.textContent.trim())
  const wanted = "button, input:not([type=hidden]), select, textarea, a[href], summary, [role=grid], [role=tree], [role=treeitem], canvas[role=img]"
  const found = all(document).filter(e => shown(e) && e.matches(wanted) && !named(e) && !e.querySelector("img[alt]:not([alt=''])"))
  const pictures = all(document).filter(e => e.localName === "img" && shown(e) && !e.hasAttribute("alt"))
  return [...found, ...pictures].map(e => e.outerHTML.slice(0, 200))
"""

_ROLES = """
  const parents = {row: ["grid", "rowgroup"], gridcell: ["row"], columnheader: ["row"], treeitem: ["tree", "group"], option: ["listbox"]}
  const above = e => { for (let p = e.parentElement; p; p = p.parentElement) if (p.getAttribute("role")) return p.getAttribute("role") }
  const lost = all(document).filter(e => e.getAttribute("role") in parents && !parents[e.getAttribute("role")].includes(above(e)))
  const ids = all(document).filter(e => e.id && shown(e)).map(e => e.id)
  const pointed = all(document).flatMap(e => ["aria-controls", "aria-activedescendant", "aria-labelledby"].map(name => [e, e.getAttribute(name)]))
    .filter(([e, id]) => id && !e.getRootNode().getElementById(id)).map(([e, id]) => `nothing is called ${id}`)
  return [...lost.map(e => e.outerHTML.slice(0, 150)), ...pointed,
    ...(all(document).filter(e => e.matches("h1") && shown(e)).length === 1 ? [] : ["not one h1"]),
    ...(all(document).filter(e => e.localName === "main").length === 1 ? [] : ["not one main"]),
    ...(document.documentElement.lang ? [] : ["no language"])]
"""

_WIDE = """
  const limit = innerWidth + 1
  const page = document.scrollingElement
  const over = all(document).filter(e => {
    if (!shown(e) || e.getBoundingClientRect().right <= limit) return false
    for (let p = e; p; p = p.parentElement ?? p.getRootNode().host) if (p !== e && getComputedStyle(p).overflowX !== "visible") return false
    return true
  })
  return [...(page.scrollWidth > innerWidth ? ["the page is wider than the window"] : []), ...over.slice(0, 3).map(e => e.outerHTML.slice(0, 150))]
"""

_CONTRAST = """
  const colour = text => (text.match(/[\\d.]+/g) ?? []).map(Number)
  const light = ([r, g, b]) => [r, g, b].map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0)
  const back = e => {
    for (let p = e; p; p = p.parentElement ?? p.getRootNode().host) {
      const c = colour(getComputedStyle(p).backgroundColor)
      if (c.length === 3 || c[3] === 1) return c
      if (c[3] > 0) return null
    }
    return colour(getComputedStyle(document.body).backgroundColor)
  }
  const faint = all(document).filter(e => shown(e) && [...e.childNodes].some(n => n.nodeType === 3 && /[\\p{L}\\p{N}]/u.test(n.textContent)) && !e.closest("[aria-hidden=true], :disabled, .bk-Toolbar"))
    .map(e => {
      const style = getComputedStyle(e), behind = back(e)
      if (!behind || style.opacity !== "1" || !/^rgb/.test(style.color)) return null
      const [a, b] = [light(colour(style.color)), light(behind)].sort((x, y) => y - x)
      const ratio = (a + 0.05) / (b + 0.05)
      return ratio < 4.5 ? `${ratio.toFixed(1)} ${e.className} ${e.textContent.trim().slice(0, 30)} ${style.color}` : null
    }).filter(Boolean)
  return [...new Set(faint)].slice(0, 8)
"""


def settled(page: Page) -> None:
    """The page with its answers."""
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator("[aria-busy=true]:visible")).to_have_count(0)


def test_every_page_fits_can_be_read_and_has_names(site: Site, opened: Open) -> None:
    page = opened(site, None)
    faults = []
    for link in PAGES:
        page.set_viewport_size({"width": 1400, "height": 900})
        page.emulate_media(color_scheme="light")
        page.goto(link or "/")
        settled(page)
        assert page.evaluate("document.documentElement.dataset.theme") == "light"
        faults += [(link, fault) for look in (_NAMELESS, _ROLES, _CONTRAST, _WIDE) for fault in deep(page, look)]
        page.emulate_media(color_scheme="dark")
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        faults += [(link, "dark", fault) for fault in deep(page, _CONTRAST)]
        page.set_viewport_size({"width": 800, "height": 900})
        page.wait_for_timeout(100)
        faults += [(link, 800, fault) for fault in deep(page, _WIDE)]
    assert faults == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_words_for_a_missing_picture_can_be_read(site: Site, opened: Open, scheme: str) -> None:
    page = opened(site, "?collection=901", color_scheme=scheme)
    expect(page.get_by_text("This snapshot is not on disk").first).to_be_visible()
    settled(page)
    assert deep(page, _CONTRAST) == []


_FOCUS = """
  let e = document.activeElement
  while (e?.shadowRoot?.activeElement) e = e.shadowRoot.activeElement
  if (!e || e === document.body) return null
  const box = e.getBoundingClientRect()
  const name = e.getAttribute("aria-label") || e.textContent || e.getAttribute("placeholder") || e.localName
  const ringed = [e, e.parentElement, e.firstElementChild].filter(Boolean).map(part => getComputedStyle(part))
  return {name: name.trim().slice(0, 40), role: e.getAttribute("role") || e.localName,
    seen: box.width > 0 && box.height > 0 && ringed.some(style => style.outlineStyle !== "none" || style.boxShadow !== "none")}
"""


@pytest.mark.parametrize("link", ["?visit=mx415-3", f"?collection={NEWEST}", "?proposal=mx415&tab=shipments"])
def test_tab_goes_through_the_page_with_the_focus_in_sight(site: Site, opened: Open, link: str) -> None:
    page = opened(site, link)
    settled(page)
    page.wait_for_timeout(300)
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        focus = deep(page, _FOCUS)
        if focus is None:
            break
        reached.append(focus)
    assert reached[0]["name"] == "Skip to content"
    assert [focus for focus in reached if not focus["seen"]] == []
    wanted = {"?visit=mx415-3": "grid", "?proposal=mx415&tab=shipments": "treeitem"}.get(link, "img")
    assert wanted in {focus["role"] for focus in reached}


def test_the_skip_link_leads_past_the_header(site: Site, opened: Open) -> None:
    page = opened(site, "?visit=mx415-3")
    settled(page)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert deep(page, _FOCUS)["name"] == "Proposals"
    assert deep(page, "return document.activeElement !== document.body")
