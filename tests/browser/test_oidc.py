"""Signing in and out by the certified provider, in a browser, with the whole dashboard."""

import time
from collections.abc import Callable, Iterator

import pytest
from browser.site import Site
from playwright.sync_api import BrowserContext, Page, expect
from servers import oidc_node
from servers.oidc_node import NodeProvider, free_port, serving

_LACKING = oidc_node.lacking()
pytestmark = [pytest.mark.browser, pytest.mark.skipif(_LACKING is not None, reason=str(_LACKING))]

Open = Callable[..., Page]

_SETTINGS = """
[login.providers.sso]
kind = "oidc"
label = "Facility login"
issuer = "{issuer}"
client_id = "{client}"
client_secret = "{secret}"
groups_claim = "groups"
trusted_logins = true
[login.providers.accounts]
kind = "accounts"
"""


@pytest.fixture(scope="module")
def realm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, NodeProvider]]:
    where = NodeProvider(free_port())
    settings = _SETTINGS.format(issuer=where.issuer, client=oidc_node.CLIENT, secret=oidc_node.SECRET)
    site = Site(tmp_path_factory.mktemp("site"), server=settings)
    site.write()
    site.start()
    try:
        with serving(where, site.address.rstrip("/"), "sso"):
            yield site, where
    finally:
        site.stop()


@pytest.fixture
def page(realm: tuple[Site, NodeProvider], opened: Open) -> Page:
    """A page of nobody's; it may go to the provider, and to nobody else."""
    found = opened(realm[0], None, None)
    # Its own page asks for letters from elsewhere.
    letters = "https://fonts.googleapis.com/"
    found.context.route(f"{letters}**", lambda route: route.fulfill(body="", content_type="text/css"))
    found.heard.allowed += [f"outside: http://localhost:{realm[1].port}/", letters]  # type: ignore[attr-defined]
    return found


def _sign_in(page: Page, link: str, person: str = "alice") -> None:
    page.goto(link)
    page.get_by_role("link", name="Sign in with Facility login").click()
    page.get_by_placeholder("Enter any login").fill(person)
    page.get_by_placeholder("and password").fill("any")
    page.get_by_role("button", name="Sign-in").click()


def _tab(context: BrowserContext, like: Page) -> Page:
    tab = context.new_page()
    like.heard.listen(tab)  # type: ignore[attr-defined]
    return tab


def test_a_link_opened_before_signing_in_leads_there(realm: tuple[Site, NodeProvider], page: Page) -> None:
    begun = time.monotonic()
    _sign_in(page, "?visit=mx415-3&tab=collections")
    expect(page.get_by_label("Account of alice of the realm")).to_be_visible()
    print(f"sign-in with the certified provider, end to end: {time.monotonic() - begun:.1f} s")
    assert page.url == f"{realm[0].address}?visit=mx415-3&tab=collections"
    expect(page.get_by_text("xtal_5204").first).to_be_visible()


def test_signing_out_here_signs_out_there(realm: tuple[Site, NodeProvider], page: Page) -> None:
    _sign_in(page, "?visit=mx415-3")
    page.get_by_label("Account of").click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.get_by_role("button", name="Yes, sign me out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    assert page.url == f"{realm[0].address}login?out=1"
    page.get_by_role("link", name="Sign in with Facility login").click()
    expect(page.get_by_placeholder("Enter any login")).to_be_visible()


def test_a_logout_at_the_provider_takes_the_page_off_the_screen(realm: tuple[Site, NodeProvider], page: Page) -> None:
    page.heard.allowed.append("status of 401")  # type: ignore[attr-defined]  # pictures under way
    _sign_in(page, "?visit=mx415-3")
    expect(page.get_by_text("xtal_5204").first).to_be_visible()
    there = _tab(page.context, page)
    there.goto(f"{realm[1].issuer}/session/end")
    button = there.get_by_role("button", name="Yes, sign me out")
    expect(button).to_be_visible()
    page.bring_to_front()
    begun = time.monotonic()
    button.click()
    page.wait_for_url("**/login?next=*", timeout=5000)
    print(f"page of the other tab gone after {time.monotonic() - begun:.1f} s")
    expect(page.get_by_label("User name")).to_be_visible()
    assert page.get_by_text("xtal_5204").count() == 0
    _sign_in(page, page.url)
    expect(page.get_by_text("xtal_5204").first).to_be_visible()


def test_a_person_whom_ispyb_does_not_know_is_told_so(realm: tuple[Site, NodeProvider], page: Page) -> None:
    page.heard.allowed.append("status of 403")  # type: ignore[attr-defined]
    _sign_in(page, "?visit=mx415-3", "stranger")
    expect(page.get_by_role("heading", name="Test Light does not know you")).to_be_visible()
    expect(page.get_by_text("stranger of the realm (stranger) by Facility login")).to_be_visible()
    expect(page.get_by_text("xtal_5204")).to_have_count(0)
