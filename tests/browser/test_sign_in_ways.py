"""Each way to sign in, end to end in Chromium: directory, proposal accounts, web service, and one added to a person."""

import time
from collections.abc import Callable, Iterator

import pytest
from browser.site import PASSWORD, Site
from playwright.sync_api import Page, expect
from servers.slapd import SlapdMissing
from servers.ways import every_way

pytestmark = pytest.mark.browser

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    try:
        with every_way(tmp_path_factory.mktemp("ways")) as found:
            yield found.site
    except SlapdMissing as missing:
        pytest.skip(str(missing))


def sign_in(page: Page, way: str, login: str, password: str) -> float:
    """Sign in by the form; the seconds until the next page has come."""
    page.goto("login")
    page.get_by_label("Account").select_option(label=way)
    page.get_by_label("User name").fill(login)
    page.get_by_label("Password").fill(password)
    began = time.monotonic()
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(lambda url: "/login" not in url)
    return time.monotonic() - began


def open_menu(page: Page) -> None:
    page.locator("summary[aria-label^='Account of']").click()


@pytest.mark.parametrize(
    ("way", "login", "password"),
    [
        ("Facility account", "alice", "alice's secret"),
        ("User office", "alice", "alice's secret"),
        ("Local account", "alice", PASSWORD),
    ],
)
def test_a_person_signs_in_and_sees_the_same_whichever_way(
    ways: Site, opened: Open, way: str, login: str, password: str
) -> None:
    page = opened(ways, None, None)
    took = sign_in(page, way, login, password)
    page.goto("?proposal=mx415")
    expect(page.get_by_text("Lysozyme, naïvely").first).to_be_visible()
    print(f"{way}: signed in after {took:.2f} s")


def test_a_proposal_signs_in_and_sees_itself_alone(ways: Site, opened: Open) -> None:
    page = opened(ways, None, None)
    sign_in(page, "Proposal account", "mx415", "beamtime")
    page.goto("?proposal=mx415")
    expect(page.get_by_text("Lysozyme, naïvely").first).to_be_visible()
    for foreign in ("hx9", "em7"):
        page.goto(f"?proposal={foreign}")
        expect(page.get_by_text("does not exist, or you do not have access to it").first).to_be_visible()
    open_menu(page)
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    expect(page.get_by_role("link", name="Sign-in methods")).to_have_count(0)


def test_a_proposal_that_is_called_like_a_person_is_not_that_person(ways: Site, opened: Open) -> None:
    page = opened(ways, None, None)
    page.heard.allowed.append("status of 403")  # type: ignore[attr-defined]
    sign_in(page, "Proposal account", "alice", "a proposal called alice")
    expect(page.get_by_role("heading", name="Test Light does not know you")).to_be_visible()
    expect(page.get_by_text("ISPyB has no proposal alice")).to_be_visible()


def test_a_person_of_the_directory_who_is_not_in_ispyb_sees_one_page(ways: Site, opened: Open) -> None:
    page = opened(ways, None, None)
    page.heard.allowed.append("status of 403")  # type: ignore[attr-defined]
    sign_in(page, "Facility account", "bob", "bob's secret")
    expect(page.get_by_role("heading", name="Test Light does not know you")).to_be_visible()
    expect(page.get_by_text("You are signed in as Bob (bob) by Facility account.")).to_be_visible()
    expect(page.get_by_text("ISPyB has no person with the login bob")).to_be_visible()
    page.goto("?proposal=mx415")
    expect(page.get_by_role("heading", name="Test Light does not know you")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()


def test_a_person_adds_orcid_signs_in_by_it_and_removes_it(ways: Site, opened: Open) -> None:
    page = opened(ways, None, None)
    page.heard.allowed += ["outside: http://localhost", "status of 403"]  # type: ignore[attr-defined]
    page.goto("login")
    page.get_by_role("link", name="ORCID").click()
    expect(page.get_by_role("heading", name="Test Light does not know you")).to_be_visible()
    ways_in = "sign in by Facility account or User office or Local account, and add ORCID under Sign-in methods"
    expect(page.get_by_text(ways_in)).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login*")

    sign_in(page, "Facility account", "alice", "alice's secret")
    open_menu(page)
    page.get_by_role("link", name="Sign-in methods").click()
    expect(page.get_by_text("Nothing yet.")).to_be_visible()
    page.get_by_role("button", name="ORCID").click()
    expect(page.get_by_text("you may sign in by it from now on")).to_be_visible()
    expect(page.get_by_text("alice (f3a1-alice)")).to_be_visible()

    other = opened(ways, None, None)
    other.heard.allowed += ["outside: http://localhost"]  # type: ignore[attr-defined]
    other.goto("login?next=/%3Fproposal%3Dmx415")
    other.get_by_role("link", name="ORCID").click()
    expect(other.get_by_text("Lysozyme, naïvely").first).to_be_visible()
    other.heard.allowed += ["status of 401", "WebSocket", "Lost websocket", "connection"]  # type: ignore[attr-defined]

    page.get_by_role("button", name="Remove ORCID").click()
    expect(page.get_by_text("It was removed.")).to_be_visible()
    other.wait_for_url("**/login*")
