"""Signing in by a provider that tells the truth, and what a stranger may try meanwhile."""

import hashlib
import logging
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from servers.gated import Browser, dashboard
from servers.oidc_liar import liar
from servers.oidc_lies import CLIENT, SECRET
from servers.oidc_node import free_port
from servers.oidc_site import OidcSite, oidc_site

from auth.oidc.options import OidcOptions
from auth.providers.oidc import OidcProvider

ISSUER = "https://sso.example.org/realms/users"


@pytest.fixture
def oidc(tmp_path: Path) -> Iterator[OidcSite]:
    with oidc_site(tmp_path) as running:
        yield running


def _query(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def _with(url: str, **changed: str | None) -> str:
    query = {name: value for name, value in {**_query(url), **changed}.items() if value is not None}
    return f"{url.partition('?')[0]}?{urlencode(query)}"


# -- leaving --------------------------------------------------------------------------------


def test_the_sign_in_page_has_a_button_for_the_provider_that_keeps_the_link(oidc: OidcSite) -> None:
    text = oidc.browser().get("/login?next=/app%3Fvisit=mx415-3").text
    assert re.search(r'href="/auth/liar/start\?next=/app%3Fvisit%3Dmx415-3">Sign in with Facility login</a>', text)
    assert 'name="password"' in text, "who has an account here still signs in with it"


def test_what_is_asked_of_the_provider(oidc: OidcSite) -> None:
    asked = _query(oidc.leave(oidc.browser()))
    assert asked["response_type"] == "code"
    assert asked["client_id"] == CLIENT
    assert asked["scope"] == "openid profile"
    assert asked["redirect_uri"] == f"http://localhost:{oidc.site.port}/auth/liar/callback"
    assert asked["code_challenge_method"] == "S256"
    assert {len(asked[name]) for name in ("state", "nonce", "code_challenge")} == {43}
    assert SECRET not in str(asked)


def test_every_attempt_has_a_state_nonce_and_challenge_of_its_own(oidc: OidcSite) -> None:
    browser = oidc.browser()
    asked = [_query(oidc.leave(browser)) for _ in range(3)]
    for name in ("state", "nonce", "code_challenge"):
        assert len({one[name] for one in asked}) == 3


def test_neither_state_nor_nonce_nor_verifier_is_stored(oidc: OidcSite) -> None:
    browser = oidc.browser()
    asked = _query(oidc.leave(browser))
    stored = b"".join(file.read_bytes() for file in Path(oidc.site.store._engine.url.database or "").parent.iterdir())
    assert hashlib.sha256(asked["state"].encode()).hexdigest().encode() in stored
    for secret in (asked["state"], asked["nonce"], asked["code_challenge"], browser.cookies["ispyb_sid_flow"]):
        assert secret.encode() not in stored


def test_a_page_of_another_site_cannot_begin_sign_ins_by_images(oidc: OidcSite) -> None:
    assert oidc.browser().get("/auth/liar/start", Sec_Fetch_Dest="image").status == 403


def test_sign_ins_begun_and_not_finished_are_counted(oidc: OidcSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auth.oidc.routes._STARTS_FREE", 3)
    for _ in range(5):
        assert oidc.sign_in(oidc.browser()).status == 303, "those who finish are not"
    for _ in range(3):
        oidc.leave(oidc.browser())
    refused = oidc.browser().get("/auth/liar/start")
    assert refused.status == 429
    assert "Too many attempts" in refused.text


def test_behind_a_proxy_one_address_does_not_hold_up_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auth.oidc.routes._STARTS_FREE", 3)
    with oidc_site(tmp_path, gate={"proxies": ["127.0.0.0/8", "::1/128"]}) as oidc:
        for _ in range(3):
            assert oidc.browser().get("/auth/liar/start", X_Forwarded_For="192.0.2.1").status == 303
        assert oidc.browser().get("/auth/liar/start", X_Forwarded_For="192.0.2.1").status == 429
        assert oidc.browser().get("/auth/liar/start", X_Forwarded_For="192.0.2.2").status == 303


def test_a_site_under_a_prefix_is_left_and_come_back_to_there(tmp_path: Path) -> None:
    with oidc_site(tmp_path, gate={"prefix": "/lens"}) as oidc:
        browser = oidc.browser()
        assert 'href="/lens/auth/liar/start?next=/lens/app"' in browser.get("/login?next=/lens/app").text
        url = oidc.leave(browser, "/lens/app")
        assert _query(url)["redirect_uri"] == f"http://localhost:{oidc.site.port}/lens/auth/liar/callback"
        assert browser.come_back(oidc.there(browser, url)).location == "/lens/app"
        assert browser.fetch("/echo").text == "alice"


def test_the_provider_is_told_the_address_that_people_type(tmp_path: Path) -> None:
    with oidc_site(tmp_path, gate={"public_url": "https://lens.example.org/"}) as oidc:
        sent = oidc.browser().get("/auth/liar/start")
        assert _query(sent.location)["redirect_uri"] == "https://lens.example.org/auth/liar/callback"
        cookie = next(line for line in sent.headers.get_all("Set-Cookie") or [] if "_flow=" in line)
        assert cookie.startswith("__Host-ispyb_sid_flow=")
        for flag in ("HttpOnly", "Secure", "SameSite=Lax", "Path=/"):
            assert flag in cookie


# -- coming back ----------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", ["//evil.example", "https://evil.example", "/\\evil.example", "/login", "/auth/x"])
def test_coming_back_never_leads_to_another_site(oidc: OidcSite, wanted: str) -> None:
    assert oidc.sign_in(oidc.browser(), wanted).location == "/"


def test_the_way_back_is_good_once(oidc: OidcSite) -> None:
    browser = oidc.browser()
    back = oidc.there(browser, oidc.leave(browser))
    cookies = dict(browser.cookies)
    assert browser.come_back(back).status == 303
    again = Browser(oidc.site.port, cookies=cookies)
    assert again.come_back(back).status == 400
    assert browser.come_back(back).location == "/", "who is signed in goes on"


def test_the_way_back_is_good_in_the_browser_that_left_and_in_no_other(oidc: OidcSite) -> None:
    mallory, alice = oidc.browser(), oidc.browser()
    back = oidc.there(mallory, oidc.leave(mallory))
    refused = alice.come_back(back)
    assert refused.status == 400
    assert "begun in another browser" in refused.text
    oidc.leave(alice)
    assert alice.come_back(back).status == 400, "nor where another sign-in is under way"
    assert alice.fetch("/echo").status == 401
    assert oidc.audit()[0].kind == "failure"
    assert mallory.come_back(back).status == 303


@pytest.mark.parametrize(
    "changed", [{"state": None}, {"state": ""}, {"state": "x" * 43}, {"state": "é"}, {"state": "x" * 9000}]
)
def test_without_its_state_nobody_comes_back(oidc: OidcSite, changed: dict[str, str | None]) -> None:
    browser = oidc.browser()
    back = oidc.there(browser, oidc.leave(browser))
    assert browser.come_back(_with(back, **changed)).status == 400
    assert browser.fetch("/echo").status == 401


def test_a_state_without_a_cookie_and_an_empty_one_with_none_are_refused(oidc: OidcSite) -> None:
    browser = oidc.browser()
    back = oidc.there(browser, oidc.leave(browser))
    bare = oidc.browser()
    assert bare.come_back(back).status == 400
    assert bare.come_back(_with(back, state="")).status == 400


def test_what_is_said_twice_counts_not_at_all(oidc: OidcSite) -> None:
    browser = oidc.browser()
    back = oidc.there(browser, oidc.leave(browser))
    assert browser.come_back(f"{back}&code=another").status == 400


def test_a_code_of_somebody_else_signs_nobody_in(oidc: OidcSite) -> None:
    mallory, alice = oidc.browser(), oidc.browser()
    stolen = _query(oidc.there(alice, oidc.leave(alice)))["code"]
    back = oidc.there(mallory, oidc.leave(mallory))
    refused = mallory.come_back(_with(back, code=stolen))
    assert refused.status == 502
    assert "did not accept its own answer" in refused.text, "the verifier is another"


def test_two_tabs_may_sign_in_at_the_same_time(oidc: OidcSite) -> None:
    browser = oidc.browser()
    first, second = oidc.leave(browser, "/app?tab=1"), oidc.leave(browser, "/app?tab=2")
    assert browser.come_back(oidc.there(browser, second)).location == "/app?tab=2"
    assert browser.come_back(oidc.there(browser, first)).status == 303
    assert browser.fetch("/echo").text == "alice"


def test_who_stays_away_for_long_begins_again(oidc: OidcSite) -> None:
    browser = oidc.browser()
    back = oidc.there(browser, oidc.leave(browser))
    oidc.site.clock.ahead = 601
    assert browser.come_back(back).status == 400
    oidc.site.store.tidy()
    with oidc.site.store._engine.connect() as connection:
        assert connection.exec_driver_sql("select count(*) from auth_flow").scalar() == 0


def test_coming_back_gives_a_new_login_session_and_ends_the_old_one(oidc: OidcSite) -> None:
    browser = oidc.browser()
    browser.sign_in("bob")
    old = browser.cookies["ispyb_sid"]
    assert oidc.sign_in(browser).status == 303
    assert browser.fetch("/echo").text == "alice"
    assert oidc.site.store.look_up(old) is None


def test_no_answer_holds_the_codes_in_the_log(oidc: OidcSite, caplog: pytest.LogCaptureFixture) -> None:
    # The scheduler of stacks, once imported, silences Tornado.
    caplog.set_level(logging.INFO, logger="tornado.access")
    oidc.liar.lie = "aud of another"
    browser = oidc.browser()
    back = oidc.there(browser, oidc.leave(browser))
    browser.come_back(back)
    deadline = time.monotonic() + 5
    while "/auth/liar/callback" not in caplog.text:  # logged once the answer has gone
        assert time.monotonic() < deadline
        time.sleep(0.02)
    ours = "\n".join(line for line in caplog.text.splitlines() if "/realms/" not in line)
    assert _query(back)["code"] not in ours
    assert _query(back)["state"] not in ours


# -- who that is ----------------------------------------------------------------------------


def _identity(oidc: OidcSite, browser: Browser) -> Any:
    session = oidc.site.store.look_up(browser.cookies["ispyb_sid"])
    assert session is not None
    return session.identity


def test_the_identity_is_what_the_provider_states(oidc: OidcSite) -> None:
    browser = oidc.browser()
    oidc.sign_in(browser)
    found = _identity(oidc, browser)
    assert (found.provider, found.subject, found.login) == ("liar", "f3a1-alice", "alice")
    assert (found.name, found.groups) == ("Alice O'Neil", ("mx-staff", "users"))
    assert "userinfo" not in oidc.liar.asked, "all was said already"


def test_what_the_id_token_does_not_say_is_asked_for(oidc: OidcSite) -> None:
    oidc.liar.person = {"sub": "f3a1-alice"}
    oidc.liar.more = {"preferred_username": "alice", "given_name": "Alice", "family_name": "Li", "groups": "users"}
    browser = oidc.browser()
    assert oidc.sign_in(browser).status == 303
    found = _identity(oidc, browser)
    assert (found.login, found.name, found.groups) == ("alice", "Alice Li", ("users",))


def test_what_is_signed_holds_against_what_is_not(oidc: OidcSite) -> None:
    oidc.liar.more = {"preferred_username": "bob", "name": "Bob"}
    del oidc.liar.person["groups"]
    browser = oidc.browser()
    oidc.sign_in(browser)
    assert "userinfo" in oidc.liar.asked
    assert _identity(oidc, browser).login == "alice"


def test_odd_groups_are_left_out(oidc: OidcSite) -> None:
    oidc.liar.person["groups"] = ["a", 5, None, {"x": 1}, "b\nc", "d" * 300, "", "a"]
    browser = oidc.browser()
    oidc.sign_in(browser)
    assert _identity(oidc, browser).groups == ("a", "b c")


def test_only_members_of_the_allowed_groups_sign_in(tmp_path: Path) -> None:
    with oidc_site(tmp_path, allowed_groups=("mx-staff",)) as oidc:
        assert oidc.sign_in(oidc.browser()).status == 303
        oidc.liar.person["groups"] = ["users"]
        refused = oidc.sign_in(oidc.browser())
        assert refused.status == 403
        assert "none of the groups" in refused.text
        del oidc.liar.person["groups"]
        assert oidc.sign_in(oidc.browser()).status == 403


def test_markup_in_a_name_is_text_on_our_pages(oidc: OidcSite) -> None:
    oidc.liar.person["name"] = "<img src=x onerror=alert(1)>"
    browser = oidc.browser()
    oidc.sign_in(browser)
    assert "<img" not in browser.get("/logout").text


# -- keys and clocks ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["RSA", "EC", "OKP"])
def test_a_new_key_of_the_provider_is_fetched(oidc: OidcSite, kind: str) -> None:
    assert oidc.sign_in(oidc.browser()).status == 303
    oidc.liar.rotate(kind)
    assert oidc.sign_in(oidc.browser()).status == 303
    assert oidc.liar.asked.count("keys") == 2
    assert oidc.liar.asked.count("discovery") == 1


def test_unknown_keys_do_not_make_us_ask_without_end(oidc: OidcSite) -> None:
    assert oidc.sign_in(oidc.browser()).status == 303
    oidc.liar.lie = "another key under an unknown name"
    for _ in range(5):
        assert oidc.sign_in(oidc.browser()).status == 502
    assert oidc.liar.asked.count("keys") == 2


@pytest.mark.parametrize("ahead", [50, -50])
def test_clocks_may_differ_by_50_seconds(oidc: OidcSite, ahead: int) -> None:
    oidc.liar.ahead = ahead
    assert oidc.sign_in(oidc.browser()).status == 303


@pytest.mark.parametrize("ahead", [300, -300])
def test_clocks_may_not_differ_by_5_minutes(oidc: OidcSite, ahead: int) -> None:
    oidc.liar.ahead = ahead
    refused = oidc.sign_in(oidc.browser())
    assert refused.status == 502
    assert "clock" in refused.text


# -- a provider that is slow or away --------------------------------------------------------


@pytest.mark.parametrize("what", ["discovery", "keys", "token", "userinfo"])
def test_a_provider_that_hangs_ends_in_a_plain_page_while_others_sign_in(oidc: OidcSite, what: str) -> None:
    if what == "userinfo":
        oidc.liar.person.pop("name")
    oidc.liar.hang = what
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(oidc.sign_in(oidc.browser())))
    begun = time.monotonic()
    thread.start()
    time.sleep(0.3)
    other = oidc.browser()
    assert other.sign_in("bob").status == 303
    assert other.fetch("/echo").text == "bob"
    assert time.monotonic() - begun < 1.9, "nobody waited for it"
    thread.join(10)
    assert 1.9 < time.monotonic() - begun < 4
    assert answers[0].status == 503
    assert "Facility login does not answer" in answers[0].text
    assert oidc.audit()[0].kind == "unavailable"
    oidc.liar.release.set()
    oidc.liar.hang = ""
    assert oidc.sign_in(oidc.browser()).status == 303


def test_the_default_patience_ends_before_ten_seconds() -> None:
    assert OidcOptions(ISSUER, "lens", "x").seconds < 10


def test_a_provider_that_is_down_at_the_start_holds_up_nobody(tmp_path: Path) -> None:
    port = free_port()
    away = OidcProvider("away", OidcOptions(f"http://localhost:{port}", "lens", "x"), "Other login")
    with liar() as provider:
        here = OidcProvider("liar", OidcOptions(provider.issuer, CLIENT, SECRET))
        with dashboard(tmp_path, providers=[away, here]) as site:
            browser = site.browser()
            refused = browser.get("/auth/away/start?next=/app")
            assert refused.status == 503
            assert "Other login does not answer" in refused.text
            assert 'href="/auth/liar/start?next=/app"' in refused.text, "the page offers the other ways"
            assert browser.sign_in("alice").status == 303
            other = OidcSite(site, provider, here)
            assert other.sign_in(site.browser()).status == 303


def test_a_provider_states_an_issuer_of_its_own_only_under_its_own_key(tmp_path: Path) -> None:
    with liar() as provider:
        pair = [OidcProvider(key, OidcOptions(provider.issuer, CLIENT, SECRET)) for key in ("liar", "second")]
        with dashboard(tmp_path, providers=pair) as site:
            browser = site.browser()
            both = OidcSite(site, provider, pair[0])
            back = both.there(browser, both.leave(browser))
            assert browser.come_back(back.replace("/auth/liar/", "/auth/second/")).status == 400
