"""The pages of administrators by real clicks: groups, permissions, who is signed in, the audit trail."""

import re
import time
from collections.abc import Callable

import pytest
from browser.conftest import sign_in
from browser.look import text_of
from browser.site import PASSWORD, Site
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

Open = Callable[..., Page]


def tab(page: Page, name: str) -> None:
    page.get_by_role("navigation", name="Pages of administrators").get_by_role("link", name=name).click()


def test_an_administrator_walks_from_the_header_through_groups_and_permissions(site: Site, opened: Open) -> None:
    page = opened(site, "", "admin")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Administration").click()
    expect(page.get_by_role("heading", level=1, name="Administration")).to_be_visible()
    groups = page.get_by_role("tree", name="Groups")
    group = groups.get_by_role("treeitem").filter(has_text="super").first
    expect(group).to_contain_text("sees every proposal")
    group.click()
    expect(groups.get_by_role("treeitem", name=re.compile("^Ada"))).to_be_visible()
    tab(page, "Permissions")
    permissions = page.get_by_role("tree", name="Permissions")
    expect(permissions.get_by_role("treeitem").filter(has_text="all_proposals").first).to_contain_text("1 holder")
    permissions.get_by_role("treeitem").filter(has_text="all_proposals").first.click()
    expect(permissions.get_by_role("treeitem", name=re.compile("^Ada"))).to_be_visible()
    assert page.url == f"{site.address}?page=admin&tab=permissions"
    page.go_back()
    expect(groups).to_be_visible()


def test_others_have_no_administration_in_the_header(site: Site, opened: Open) -> None:
    page = opened(site, "", "alice")
    expect(page.get_by_role("heading", level=1, name="Home")).to_be_visible()
    expect(page.get_by_role("link", name="Administration")).to_have_count(0)
    page.goto("?page=admin")
    expect(page.get_by_text("does not exist, or you do not have access to it").first).to_be_visible()


def test_who_is_signed_out_by_an_administrator_loses_the_page_and_what_it_showed(site: Site, opened: Open) -> None:
    hers = opened(site, "?visit=mx415-3", None)
    # What was under way when the sign-in ended.
    hers.heard.allowed += ["status of 401", "WebSocket", "websocket", "connection"]  # type: ignore[attr-defined]
    sign_in(hers, "nobody")
    hers.goto("?page=account")
    expect(hers.get_by_text("Signed in now")).to_be_visible()

    page = opened(site, "?page=admin", "admin")
    tab(page, "Signed in")
    page.get_by_label("Search sign-ins").fill("nobody")
    rows = page.get_by_role("grid", name="Sign-ins").locator("[role=row][data-key]")
    expect(rows).to_have_count(1)
    rows.first.click()
    page.get_by_role("button", name=re.compile("^Sign out Nobody")).click()
    began = time.monotonic()
    hers.wait_for_url("**/login?next=*", timeout=8000)
    took = time.monotonic() - began
    print(f"\nthe page was cleared {took:.2f} s after the administrator's click")
    assert took < 5
    assert "Signed in now" not in text_of(hers)
    expect(page.get_by_text("Signed out: Nobody.")).to_be_visible()
    expect(rows).to_have_count(0)
    hers.get_by_label("User name").fill("nobody")
    hers.get_by_label("Password").fill(PASSWORD)
    hers.get_by_label("Password").press("Enter")
    expect(hers.get_by_text("Signed in now")).to_be_visible()


def test_the_audit_trail_is_searched_and_filtered_and_its_link_shows_the_same(site: Site, opened: Open) -> None:
    stranger = opened(site, "?visit=em7-1", "nobody")
    expect(stranger.get_by_text("does not exist, or you do not have access to it").first).to_be_visible()
    page = opened(site, "?page=admin", "admin")
    tab(page, "Audit trail")
    rows = page.get_by_role("grid", name="Audit trail").locator("[role=row][data-key]")
    expect(rows.first).to_be_visible()
    page.get_by_label("Search rows").fill("em7-1 nobody")
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("denied")
    expect(rows.first).to_contain_text("?visit=em7-1")
    expect(page.get_by_role("link", name="Export these rows as CSV")).to_have_attribute(
        "href", re.compile(r"^/trail\.csv\?q=em7-1%20nobody$")
    )
    with page.expect_download() as download:
        page.get_by_role("link", name="Export these rows as CSV").click()
    lines = download.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert lines[0] == "time,kind,login,address,detail"
    assert [line.split(",")[1:3] for line in lines[1:]] == [["denied", "nobody"]]
    page.reload()
    expect(page.get_by_label("Search rows")).to_have_value("em7-1 nobody")
    expect(rows).to_have_count(1)
    page.get_by_label("Search rows").fill("no such words at all")
    expect(page.get_by_text("No rows match")).to_be_visible()
