"""Signing out at the provider as well, and being signed out by it."""

import html
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import RSAKey
from servers.gated import Answer, Browser
from servers.oidc_site import OidcSite, oidc_site
from sqlalchemy import create_engine

from auth.store import Store, digest


@pytest.fixture
def oidc(tmp_path: Path) -> Iterator[OidcSite]:
    with oidc_site(tmp_path) as running:
        yield running


@pytest.fixture
def alice(oidc: OidcSite) -> Browser:
    browser = oidc.browser()
    assert oidc.sign_in(browser).status == 303
    return browser


def _told(oidc: OidcSite, token: str) -> Answer:
    """What the provider's call is answered; it is no browser."""
    bare: dict[str, str | None] = {"Sec-Fetch-Site": None, "Sec-Fetch-Dest": None, "Origin": None, "Accept": None}
    return oidc.browser().send("/auth/liar/logout", headers=bare, logout_token=token)


def _onward(answer: Answer) -> str:
    found = re.search(r'<meta http-equiv="refresh" content="0;url=([^"]+)">', answer.text)
    assert found, answer.text
    return html.unescape(found.group(1))


# -- from here ------------------------------------------------------------------------------


def test_signing_out_here_signs_out_there(oidc: OidcSite, alice: Browser) -> None:
    answer = alice.sign_out()
    assert answer.status == 200
    assert alice.fetch("/echo").status == 401, "at once, whatever happens there"
    assert "Signing you out of Facility login" in answer.text
    url = _onward(answer)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert url.startswith(f"{oidc.liar.issuer}/end?")
    assert asked["id_token_hint"] == oidc.liar.last
    assert asked["client_id"] == "lens"
    back = oidc.there(alice, url)
    assert urlsplit(back).path == "/auth/liar/out"
    assert alice.come_back(back).location == "/login?out=1"
    assert [row.kind for row in oidc.audit()] == ["logout", "login"]


def test_a_statement_too_long_for_an_address_stays_here(oidc: OidcSite) -> None:
    oidc.liar.person["groups"] = [f"group-{i}" * 10 for i in range(100)]
    browser = oidc.browser()
    oidc.sign_in(browser)
    url = _onward(browser.sign_out())
    assert len(url) < 500
    assert "logout_hint=alice" in url


def test_who_signed_in_with_a_password_is_not_sent_there(oidc: OidcSite) -> None:
    browser = oidc.browser()
    browser.sign_in("bob")
    assert browser.sign_out().location == "/login?out=1"


def test_signing_out_works_while_the_provider_is_away(oidc: OidcSite, alice: Browser) -> None:
    oidc.liar.hang = "discovery"
    oidc.provider._issuer._addresses = None
    begun = time.monotonic()
    assert alice.sign_out().location == "/login?out=1"
    assert time.monotonic() - begun < 5
    assert alice.fetch("/echo").status == 401


def test_the_statement_is_forgotten_with_the_login_session(oidc: OidcSite, alice: Browser) -> None:
    hashed = digest(alice.cookies["ispyb_sid"])
    there = oidc.site.store.flows.of(hashed)
    assert there is not None
    assert there.hint == oidc.liar.last
    assert oidc.liar.last not in repr(there)
    oidc.site.store.revoke(hashed, "test")
    assert oidc.site.store.flows.of(hashed) is None
    other = oidc.browser()
    oidc.sign_in(other)
    oidc.site.clock.ahead = 9 * 3600
    oidc.site.store.tidy()
    assert oidc.site.store.flows.of(digest(other.cookies["ispyb_sid"])) is None


# -- from there -----------------------------------------------------------------------------


def test_a_logout_at_the_provider_closes_the_pages_here(oidc: OidcSite, alice: Browser) -> None:
    socket = oidc.site.socket(alice, alice.token())
    begun = time.monotonic()
    answer = _told(oidc, oidc.liar.logout_token())
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    assert oidc.site.closing(socket) == 4401
    assert time.monotonic() - begun < 5
    assert alice.fetch("/echo").status == 401
    newest = oidc.audit()[0]
    assert (newest.kind, newest.login) == ("back-channel logout", "f3a1-alice")
    assert newest.detail == "liar: 1 login session ended"


def test_a_logout_told_to_another_process_closes_the_pages_of_this_one(oidc: OidcSite, alice: Browser) -> None:
    socket = oidc.site.socket(alice, alice.token())
    other = Store(oidc.site.store._engine.url)
    begun = time.monotonic()
    assert other.revoke_provider_session("liar", "session-1", "f3a1-alice", "signed out at liar") == 1
    assert oidc.site.closing(socket) == 4401
    assert time.monotonic() - begun < 5
    other.close()


def test_only_the_session_that_ended_there_ends_here(oidc: OidcSite, alice: Browser) -> None:
    second = oidc.browser()
    oidc.liar.person["sid"] = "session-2"
    oidc.sign_in(second)
    assert _told(oidc, oidc.liar.logout_token(sid="session-2", sub=None)).status == 200
    assert second.fetch("/echo").status == 401
    assert alice.fetch("/echo").status == 200


def test_a_logout_without_a_session_ends_all_of_the_person(oidc: OidcSite, alice: Browser) -> None:
    second, bob = oidc.browser(), oidc.browser()
    oidc.liar.person["sid"] = "session-2"
    oidc.sign_in(second)
    bob.sign_in("bob")
    assert _told(oidc, oidc.liar.logout_token(sid=None)).status == 200
    assert [one.fetch("/echo").status for one in (alice, second, bob)] == [401, 401, 200]


def test_a_session_of_somebody_else_is_not_ended(oidc: OidcSite, alice: Browser) -> None:
    assert _told(oidc, oidc.liar.logout_token(sub="f3a1-bob")).status == 200
    assert alice.fetch("/echo").status == 200


def test_a_logout_counts_once(oidc: OidcSite, alice: Browser) -> None:
    token = oidc.liar.logout_token()
    assert _told(oidc, token).status == 200
    oidc.sign_in(alice)
    assert _told(oidc, token).status == 400
    assert alice.fetch("/echo").text == "alice"
    assert "used before" in oidc.audit()[0].detail


@pytest.mark.parametrize("ahead", [50, -50])
def test_a_logout_by_a_clock_50_seconds_off_counts(oidc: OidcSite, alice: Browser, ahead: int) -> None:
    oidc.liar.ahead = ahead
    assert _told(oidc, oidc.liar.logout_token()).status == 200
    assert alice.fetch("/echo").status == 401


def test_keycloaks_logout_token_needs_no_expiry(oidc: OidcSite, alice: Browser) -> None:
    assert _told(oidc, oidc.liar.logout_token(exp=None, typ="JWT")).status == 200
    assert alice.fetch("/echo").status == 401


_WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "of another issuer": ({"iss": "https://evil.example"}, "another issuer"),
    "for another": ({"aud": "another"}, "another application"),
    "expired": ({"exp": 1}, "expired"),
    "too old": ({"iat": int(time.time()) - 3600, "exp": None}, "too old"),
    "from the future": ({"iat": int(time.time()) + 3600}, "future"),
    "without a time": ({"iat": None}, "when it is valid"),
    "without events": ({"events": None}, "not about a logout"),
    "about something else": ({"events": {"https://schemas.example/other": {}}}, "not about a logout"),
    "with a nonce": ({"nonce": "x"}, "about a sign-in"),
    "without a name": ({"jti": None}, "no name"),
    "a name that is a number": ({"jti": 5}, "no name"),
    "about nobody": ({"sub": None, "sid": None}, "who you are"),
    "about a number": ({"sub": 5}, "who you are"),
    "a session that is a list": ({"sid": ["session-1"]}, "names no session"),
    "of another kind": ({"typ": "at+jwt"}, "another kind"),
    "by another key": ({"key": RSAKey.generate_key(2048)}, "not signed by it"),
}


@pytest.mark.parametrize("name", _WRONG)
def test_a_false_logout_ends_nothing(oidc: OidcSite, alice: Browser, name: str) -> None:
    changed, reason = _WRONG[name]
    answer = _told(oidc, oidc.liar.logout_token(**changed))
    assert (answer.status, answer.text) == (400, '{"error": "invalid_request"}')
    assert alice.fetch("/echo").status == 200
    assert oidc.audit()[0].kind == "logout refused"
    assert reason in oidc.audit()[0].detail


def test_an_id_token_is_no_logout_token(oidc: OidcSite, alice: Browser) -> None:
    assert _told(oidc, oidc.liar.last).status == 400
    assert alice.fetch("/echo").status == 200


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "e30.e30.", "é", "x" * 10_000])
def test_nonsense_ends_nothing(oidc: OidcSite, alice: Browser, token: str) -> None:
    assert _told(oidc, token).status == 400
    assert alice.fetch("/echo").status == 200


def test_a_flood_of_false_logouts_does_not_fill_the_audit_trail(oidc: OidcSite, alice: Browser) -> None:
    for _ in range(40):
        assert _told(oidc, "x").status == 400
    assert len(oidc.site.store.audit(kind="logout refused", limit=100)) == 20
    assert _told(oidc, oidc.liar.logout_token()).status == 200, "and hinders no true one"
    assert alice.fetch("/echo").status == 401


def test_a_database_of_an_earlier_version_gets_the_new_tables(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'lens.sqlite'}"
    Store(url).close()
    engine = create_engine(url)
    with engine.begin() as connection:
        for table in ("auth_flow", "auth_provider_session", "auth_used"):
            connection.exec_driver_sql(f"drop table {table}")
    engine.dispose()
    store = Store(url)
    assert store.flows.use_once("x", 0.0)
    store.close()
