"""Further ways to sign in, added while signed in; and identities that stand for nobody."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from ispyb import RIGHTS, Facility, facility
from servers.gated import Answer, Browser
from servers.oidc_site import OidcSite, oidc_site

from app.access import Access
from auth.identity import Identity, SignedIn
from auth.links import LINKING_SECONDS
from auth.people import Known
from auth.sign_ins import mark_of
from auth.store import digest

METHODS = "/sign-in-methods"
WITH_ALICE = Identity("liar", "f3a1-alice", "alice", "Alice")


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Facility]:
    """The tiny ISPyB of `ispyb.py`, where alice is person 1 and bob person 2."""
    found = facility("sqlite", f"sqlite:///{tmp_path / 'tiny.db'}")
    yield found
    found.source.close()


@pytest.fixture
def there(tmp_path: Path, tiny: Facility) -> Iterator[OidcSite]:
    """A site whose own passwords are trusted, beside a provider that is not."""
    with oidc_site(tmp_path, gate={"support": "the user office <uo>"}) as running:
        store = running.site.store
        access = Access(tiny.source, RIGHTS, frozenset({"people"}), linked=store.links.person)
        running.site.gate.known = Known(access)
        yield running


def press(browser: Browser, **fields: str) -> Answer:
    """Send the page's form, as its button does."""
    return browser.send(METHODS, csrf=browser.form(METHODS).get("csrf", ""), **fields)


def add(there: OidcSite, browser: Browser) -> Answer:
    """Add the provider that lies (and does not, here): the page at the end of it."""
    going = press(browser, do="add", provider="liar")
    assert going.status == 200, going.text
    found = re.search(r'content="0;url=([^"]+)"', going.text)
    assert found
    left = browser.get(found[1])
    back = browser.come_back(there.there(browser, left.location))
    assert back.status == 303
    return browser.get(back.location)


def signed_in(there: OidcSite, login: str) -> Browser:
    browser = there.browser()
    assert browser.sign_in(login, wanted="/app").status == 303
    return browser


# -- an identity that stands for nobody -----------------------------------------------------


def test_a_name_of_a_provider_that_is_not_trusted_is_nobodys_whatever_it_says(there: OidcSite) -> None:
    browser = there.browser()
    assert there.sign_in(browser).location == "/app"
    sent = browser.get("/app")
    assert (sent.status, sent.location) == (303, "/auth/unknown")
    page = browser.get("/auth/unknown")
    assert page.status == 403
    for words in (
        "does not know you",
        "by Facility login",
        "alice",
        "f3a1-alice",
        "sign in by People, and add Facility login under Sign-in methods",
        "ask the user office &lt;uo&gt;",
    ):
        assert words in page.text
    assert "<script" not in page.text
    assert [row.detail for row in there.audit() if row.kind == "denied"] == ["liar: nobody in ISPyB"]
    assert browser.get(METHODS).location == "/auth/unknown"


def test_whoever_is_not_in_ispyb_is_told_so(there: OidcSite) -> None:
    browser = signed_in(there, "carol")
    assert browser.get("/app").status == 200, "carol is in ISPyB"
    there.site.gate.known = Known(Access(NOBODY, RIGHTS, frozenset({"people"})))  # type: ignore[arg-type]
    assert browser.get("/app").location == "/auth/unknown"
    page = browser.get("/auth/unknown").text
    assert "ISPyB has no person with the login carol" in page
    there.site.gate.known = Known(None)
    assert browser.get("/auth/unknown").location == "/"


class _Nobody:
    """A database in which there is no person."""

    def run(self, query: object) -> list[object]:
        return []


NOBODY = _Nobody()


class _Down:
    """A database that does not answer."""

    def run(self, query: object) -> list[object]:
        raise RuntimeError("no database")


def test_while_ispyb_does_not_answer_nobody_is_called_unknown(there: OidcSite) -> None:
    browser = signed_in(there, "carol")
    there.site.gate.known = Known(Access(_Down(), RIGHTS, frozenset({"people"})))  # type: ignore[arg-type]
    assert browser.get("/app").status == 200
    assert browser.get(METHODS).location == "/"


def test_both_pages_are_for_those_who_are_signed_in(there: OidcSite) -> None:
    for path in (METHODS, "/auth/unknown"):
        assert there.browser().get(path).location == f"/login?next={METHODS}"
    assert there.browser().send(METHODS, do="add", provider="liar").location == f"/login?next={METHODS}"


# -- adding and removing --------------------------------------------------------------------


def test_a_person_adds_a_way_to_sign_in_and_is_the_same_person_by_it(there: OidcSite, tiny: Facility) -> None:
    browser = signed_in(there, "alice")
    assert "Nothing yet." in browser.get(METHODS).text
    page = add(there, browser)
    assert "you may sign in by it from now on" in page.text
    assert "alice (f3a1-alice)" in page.text
    assert browser.get("/echo").text == "alice"
    other = there.browser()
    there.sign_in(other)
    assert other.get("/app").status == 200
    links = there.site.store.links
    assert links.person("liar", "f3a1-alice") == "1"
    assert Access(tiny.source, RIGHTS, linked=links.person).scope(WITH_ALICE) == tiny.scope("alice")
    details = [row.detail for row in there.audit() if row.kind == "sign-in method"]
    assert details == ["added liar f3a1-alice"]


def test_what_is_anothers_already_is_not_added(there: OidcSite) -> None:
    add(there, signed_in(there, "alice"))
    bob = signed_in(there, "bob")
    page = add(there, bob)
    assert "somebody else signs in by it" in page.text
    assert "Nothing yet." in page.text
    assert bob.get("/echo").text == "bob"
    assert there.site.store.links.person("liar", "f3a1-alice") == "1"


def test_adding_it_twice_changes_nothing(there: OidcSite) -> None:
    browser = signed_in(there, "alice")
    add(there, browser)
    assert "you may sign in by it" in add(there, browser).text
    assert len(there.site.store.links.of("1")) == 1


def test_removing_it_ends_the_login_sessions_that_came_by_it(there: OidcSite) -> None:
    browser = signed_in(there, "alice")
    add(there, browser)
    other = there.browser()
    there.sign_in(other)
    assert other.get("/app").status == 200
    gone = press(browser, do="remove", provider="liar", subject="f3a1-alice")
    assert "It was removed." in browser.get(gone.location).text
    assert other.fetch("/echo").status == 401
    assert browser.get("/echo").text == "alice"
    there.sign_in(other)
    assert other.get("/app").location == "/auth/unknown"
    again = press(browser, do="remove", provider="liar", subject="f3a1-alice")
    assert "removed already" in browser.get(again.location).text


def test_nobody_removes_what_is_anothers(there: OidcSite) -> None:
    add(there, signed_in(there, "alice"))
    gone = press(signed_in(there, "bob"), do="remove", provider="liar", subject="f3a1-alice")
    assert gone.location.startswith(f"{METHODS}?gone")
    assert there.site.store.links.person("liar", "f3a1-alice") == "1"


def test_whoever_came_by_an_added_way_adds_and_removes_none(there: OidcSite) -> None:
    add(there, signed_in(there, "alice"))
    other = there.browser()
    there.sign_in(other)
    page = other.get(METHODS)
    assert "Sign in with your facility" in page.text
    token = other.form("/logout")["csrf"]
    for fields in ({"do": "add", "provider": "liar"}, {"do": "remove", "provider": "liar", "subject": "f3a1-alice"}):
        assert other.send(METHODS, csrf=token, **fields).status == 403
    assert there.site.store.links.person("liar", "f3a1-alice") == "1"


def test_signing_out_everywhere_ends_what_came_by_any_way_of_the_same_person(there: OidcSite) -> None:
    alice, bob = signed_in(there, "alice"), signed_in(there, "bob")
    add(there, alice)
    assert alice.get("/app").status == bob.get("/app").status == 200
    by_link = there.browser()
    there.sign_in(by_link)
    assert by_link.get("/app").status == 200
    there.site.gate.known = Known(Access(_Down(), RIGHTS, frozenset({"people"})))  # type: ignore[arg-type]
    mine = SignedIn(WITH_ALICE, digest(by_link.cookies["ispyb_sid"]))
    rows = there.site.store.sign_ins.of(mine)
    assert {row.identity.provider for row in rows if row.ended is None} == {"liar", "people"}, "listed as one's own"
    elsewhere = next(row.session_hash for row in rows if row.identity.provider == "people")
    strangers = mark_of(digest(bob.cookies["ispyb_sid"]))
    assert there.site.store.sign_ins.marked(mark_of(elsewhere), mine) is not None
    assert there.site.store.sign_ins.marked(strangers, mine) is None
    assert by_link.sign_out(everywhere="1").status in {200, 303}
    assert alice.fetch("/echo").status == by_link.fetch("/echo").status == 401
    assert bob.fetch("/echo").text == "bob"


# -- strangers ------------------------------------------------------------------------------


def test_a_form_of_another_site_adds_and_removes_nothing(there: OidcSite) -> None:
    browser = signed_in(there, "alice")
    add(there, browser)
    form = {"csrf": browser.form(METHODS)["csrf"], "do": "remove", "provider": "liar", "subject": "f3a1-alice"}
    evil: dict[str, str | None] = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert browser.send(METHODS, headers=evil, **form).status == 403
    assert browser.send(METHODS, **{**form, "csrf": ""}).status == 403
    assert browser.send(METHODS, **{**form, "csrf": "x" * 43}).status == 403
    assert there.site.store.links.person("liar", "f3a1-alice") == "1"


@pytest.mark.parametrize("provider", ["people", "", "nobody", "../liar", "liar'"])
def test_only_a_provider_that_is_offered_may_be_added(there: OidcSite, provider: str) -> None:
    assert press(signed_in(there, "alice"), do="add", provider=provider).status == 404


def test_coming_back_in_another_browser_signs_in_and_adds_nothing(there: OidcSite) -> None:
    browser = signed_in(there, "alice")
    press(browser, do="add", provider="liar")
    there.sign_in(there.browser())
    assert there.site.store.links.person("liar", "f3a1-alice") is None


def test_without_having_asked_for_it_nothing_is_added(there: OidcSite) -> None:
    browser = signed_in(there, "alice")
    there.sign_in(browser)
    assert there.site.store.links.person("liar", "f3a1-alice") is None


def test_the_wish_to_add_counts_once_and_for_ten_minutes(there: OidcSite) -> None:
    links = there.site.store.links
    links.want("session", "liar", "1")
    assert links.wanted("session", "other") is None
    assert links.wanted("another", "liar") is None
    assert links.wanted("session", "liar") == "1"
    assert links.wanted("session", "liar") is None
    links.want("session", "liar", "1")
    there.site.clock.ahead = LINKING_SECONDS + 1
    assert links.wanted("session", "liar") is None
