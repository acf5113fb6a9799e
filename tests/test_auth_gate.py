"""The gate in front of a real Bokeh server."""

import asyncio
import base64
import http.client
import json
import logging
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from bokeh.server.auth_provider import NullAuth
from bokeh.util.token import generate_jwt_token, get_session_id, get_token_payload
from servers.gated import Browser, Dashboard, dashboard, page
from tornado.httpclient import HTTPClientError
from tornado.iostream import StreamClosedError

from auth.gate import Gate, GateError
from auth.identity import NotSignedIn, current_identity
from auth.routes import AuthedHandler
from auth.store import digest


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Dashboard]:
    with dashboard(tmp_path) as running:
        yield running


@pytest.fixture
def alice(site: Dashboard) -> Browser:
    browser = site.browser()
    assert browser.sign_in("alice").status == 303
    return browser


@pytest.fixture
def bob(site: Dashboard) -> Browser:
    browser = site.browser()
    assert browser.sign_in("bob").status == 303
    return browser


@pytest.mark.parametrize("path", ["/app?visit=mx415-3&tab=a%20b", "/app/", "/", "/echo"])
def test_a_page_opened_before_sign_in_leads_there_afterwards(site: Dashboard, path: str) -> None:
    browser = site.browser()
    sent = browser.get(path)
    assert sent.status == 303
    login = sent.location
    assert login.startswith("/login?next=")
    form = browser.form(login)
    done = browser.send("/login", **{**form, "login": "alice", "password": "alice's secret"})
    assert (done.status, done.location) == (303, path)


@pytest.mark.parametrize("path", ["/app", "/app/metadata", "/echo", "/app/autoload.js"])
def test_a_script_without_login_gets_no_data(site: Dashboard, path: str) -> None:
    answer = site.browser().fetch(path)
    assert answer.status in {401, 403}
    assert "alice" not in answer.text


def test_a_page_shows_who_opened_it(site: Dashboard, alice: Browser) -> None:
    alice.get("/app")
    sessions = site.in_loop(lambda: site.server.get_sessions("/app"))
    assert ["alice" in str(s.document.to_json()) for s in sessions] == [True]


def test_no_identity_outside_of_a_gated_page() -> None:
    with pytest.raises(NotSignedIn):
        current_identity()


def test_a_page_served_without_the_gate_shows_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    seen = []

    def bare() -> object:
        try:
            return page()
        except NotSignedIn as error:
            seen.append(error)
            raise

    with dashboard(tmp_path, apps={"/app": bare}) as site:
        site.in_loop(lambda: setattr(site.server._tornado, "auth_provider", NullAuth()))
        forged = {"ispyb_auth": "alice", "user": "alice", "is_guest": "1"}
        browser = Browser(site.port, cookies=forged)
        answer = browser.ask("GET", "/app", headers={"ispyb_auth": "alice", "X-User": "alice"})
    assert seen
    assert "alice" not in answer.text


def test_neither_cookies_nor_other_headers_reach_the_page(site: Dashboard, alice: Browser) -> None:
    sent = alice.get("/app", Authorization="Bearer sesame-1", X_Auth_Request_Access_Token="sesame-2")
    found = re.search(r'"token":"([^"]+)"', sent.text)
    assert found
    payload = get_token_payload(found.group(1))
    session_id = alice.cookies["ispyb_sid"]
    shown = sent.text + json.dumps(payload, default=str)
    for secret in (session_id, digest(session_id), "sesame"):
        assert secret not in shown
    assert payload["cookies"] == {}
    assert "Cookie" not in payload["headers"]


def test_the_id_of_a_login_session_is_not_stored(site: Dashboard, alice: Browser) -> None:
    for file in Path(site.store._engine.url.database or "").parent.iterdir():
        assert alice.cookies["ispyb_sid"].encode() not in file.read_bytes()


def test_the_cookie_cannot_be_read_by_scripts_or_sent_by_other_sites(site: Dashboard) -> None:
    cookie = next(
        line
        for line in site.browser().sign_in("alice").headers.get_all("Set-Cookie") or []
        if line.startswith("ispyb_sid=")
    )
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie
    assert "expires" not in cookie.lower()


def test_a_login_session_without_use_ends(site: Dashboard, alice: Browser) -> None:
    site.clock.ahead += 29 * 60
    assert alice.get("/app").status == 200
    site.clock.ahead += 29 * 60
    assert alice.fetch("/echo").status == 200
    site.clock.ahead += 2 * 60
    assert alice.fetch("/echo").status == 401, "frames that a page fetches are not use"


def test_work_on_an_open_page_keeps_the_login_session(site: Dashboard, alice: Browser) -> None:
    for _ in range(3):
        site.clock.ahead += 25 * 60
        assert alice.send("/auth/ping").status == 204
    site.clock.ahead += 25 * 60
    assert alice.fetch("/auth/ping").status == 204
    site.clock.ahead += 10 * 60
    assert alice.fetch("/auth/ping").status == 401, "asking is not work"


def test_a_login_session_ends_after_eight_hours_in_any_case(site: Dashboard, alice: Browser) -> None:
    for _ in range(19):
        site.clock.ahead += 25 * 60
        assert alice.get("/app").status == 200
    site.clock.ahead += 6 * 60
    assert alice.get("/app").status == 303


def test_a_websocket_without_login_is_refused(site: Dashboard, alice: Browser) -> None:
    token = alice.token()
    with pytest.raises(HTTPClientError) as refused:
        site.socket(site.browser(), token)
    assert refused.value.code == 403


def test_a_page_of_ones_own_opens_its_websocket(site: Dashboard, alice: Browser) -> None:
    assert site.socket(alice, alice.token()).close_code is None


def test_another_persons_page_cannot_be_joined_by_its_token(site: Dashboard, alice: Browser, bob: Browser) -> None:
    token = alice.token()
    with pytest.raises(HTTPClientError) as refused:
        site.socket(bob, token)
    assert refused.value.code == 403


def test_another_persons_page_cannot_be_joined_by_its_id_in_a_token_of_ones_own(
    site: Dashboard, alice: Browser, bob: Browser
) -> None:
    forged = generate_jwt_token(get_session_id(alice.token()), extra_payload=dict(get_token_payload(bob.token())))
    with pytest.raises(HTTPClientError) as refused:
        site.socket(bob, forged)
    assert refused.value.code == 403


def test_an_id_asked_for_by_two_logins_belongs_to_the_first(site: Dashboard, alice: Browser, bob: Browser) -> None:
    # As after a restart: the server knows neither page, both browsers come back at once.
    token = generate_jwt_token("unknown-to-the-server")
    site.socket(alice, token)
    with pytest.raises(HTTPClientError):
        site.socket(bob, token)


def test_signing_in_anew_cuts_off_the_pages_of_the_old_login_session(site: Dashboard, alice: Browser) -> None:
    token, old = alice.token(), dict(alice.cookies)
    other = site.browser()
    other.cookies = dict(old)
    site.store.revoke(digest(old["ispyb_sid"]), "test")
    other.sign_in("alice")
    with pytest.raises(HTTPClientError):
        site.socket(other, token)


@pytest.mark.parametrize("token", ["", "x", "a.b", base64.urlsafe_b64encode(b'{"session_id": 5}').decode()])
def test_a_websocket_with_a_nonsense_token_is_refused(site: Dashboard, alice: Browser, token: str) -> None:
    with pytest.raises(HTTPClientError):
        site.socket(alice, token)


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:1", "http://localhost.evil.example"]
)
def test_the_page_of_another_site_opens_no_websocket_whatever_the_server_accepts(
    site: Dashboard, alice: Browser, origin: str
) -> None:
    site.server._tornado._websocket_origins = {"*:*"}  # as with --allow-websocket-origin "*"
    with pytest.raises(HTTPClientError, match="403"):
        site.socket(alice, alice.token(), Origin=origin)
    assert site.socket(alice, alice.token()) is not None


def test_a_message_beyond_all_measure_ends_that_websocket_and_no_other(site: Dashboard, alice: Browser) -> None:
    loud, calm = site.socket(alice, alice.token()), site.socket(alice, alice.token())
    site.in_loop(lambda: loud.write_message("x" * 3_000_000))
    assert site.closing(loud) == 1009
    site.store.revoke_identity("people", "id-alice", "signed out")
    assert site.closing(calm) == 4401, "it was still open"


@pytest.mark.parametrize("whole", [True, False], ids=["whose browser reads", "whose browser has stopped reading"])
def test_a_download_under_way_ends_with_its_login_session(tmp_path: Path, whole: bool) -> None:
    ended = threading.Event()

    class Endless(AuthedHandler):
        async def get(self) -> None:
            try:
                while True:
                    self.write("x" * 20_000)
                    await self.flush()
                    await asyncio.sleep(0.01)
            except StreamClosedError:
                ended.set()

    with dashboard(tmp_path, extra=[(r"/endless", Endless)]) as site:
        alice, bob = site.browser(), site.browser()
        for browser, login in ((alice, "alice"), (bob, "bob")):
            assert browser.sign_in(login).status == 303
        with alice.download("/endless") as hers, bob.download("/endless") as his:
            assert hers.read(1000) == his.read(1000) == b"x" * 1000
            began = time.monotonic()
            site.store.revoke_identity("people", "id-alice", "signed out in another process")
            if whole:
                with pytest.raises((http.client.IncompleteRead, ConnectionError)):
                    hers.read(1_000_000_000)
            assert ended.wait(20)
            taken = time.monotonic() - began
            print(f"\nthe download ended {taken:.2f} s after its login session")
            assert taken < 5
            assert his.read(1_000_000) == b"x" * 1_000_000, "another's goes on"
            assert site.in_loop(site.gate.answers.login_sessions) == {digest(bob.cookies[site.gate.cookie])}


def test_a_page_cannot_be_opened_under_an_id_somebody_chose(site: Dashboard, alice: Browser) -> None:
    assert alice.get("/app?bokeh-session-id=chosen-by-bob").status == 403
    assert alice.get(f"/app?bokeh-token={alice.token()}").status == 403
    assert alice.get("/app", Bokeh_Session_Id="chosen-by-bob").status == 403
    assert site.browser().get("/app?bokeh-session-id=chosen-by-bob").status == 403


def test_the_site_cannot_be_embedded_in_another(alice: Browser) -> None:
    answer = alice.fetch("/app/autoload.js?bokeh-autoload-element=1")
    assert answer.status == 403
    assert "X-Frame-Options" in alice.get("/app").headers


@pytest.mark.parametrize("path", ["/app", "/login", "/echo", "/static/js/bokeh.min.js", "/nowhere"])
def test_every_answer_carries_the_security_headers(alice: Browser, path: str) -> None:
    headers = alice.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "Server" not in headers


def test_every_page_has_a_nonce_of_its_own(alice: Browser) -> None:
    nonces = set()
    for _ in range(2):
        answer = alice.get("/app")
        policy = answer.headers["Content-Security-Policy"]
        nonce = re.search(r"'nonce-([\w-]+)'", policy)
        assert nonce
        nonces.add(nonce.group(1))
        scripts = re.findall(r"<script\b[^>]*>", answer.text)
        assert scripts
        assert all(f'nonce="{nonce.group(1)}"' in script for script in scripts)
        assert "unsafe-eval" not in policy
        assert int(answer.headers["Content-Length"]) == len(answer.text.encode())
    assert len(nonces) == 2


def test_the_first_request_is_covered_where_nobody_installed_the_gate(tmp_path: Path) -> None:
    with dashboard(tmp_path, install=False) as site:
        first = site.browser().get("/app")
        assert first.status == 303
        assert first.headers["X-Content-Type-Options"] == "nosniff"
        browser = site.browser()
        browser.sign_in("alice")
        assert "nonce-" in browser.get("/app").headers["Content-Security-Policy"]


def test_our_handlers_know_who_asks(alice: Browser) -> None:
    assert alice.fetch("/echo").text == "alice"


def test_our_handlers_write_only_for_our_own_pages(site: Dashboard, alice: Browser) -> None:
    assert alice.send("/echo").text == "written by alice"
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert alice.send("/echo", headers=dict(foreign)).status == 403
    assert alice.send("/echo", headers={"Origin": None, "Sec-Fetch-Site": None}).status == 403
    assert site.browser().send("/echo").status == 401


def test_without_a_public_url_the_site_answers_to_loopback_names_only(site: Dashboard) -> None:
    rebound = {"Host": f"evil.example:{site.port}"}
    for path in ("/login", "/app", "/auth/ping"):
        assert site.browser().ask("GET", path, headers=dict(rebound)).status == 421


def test_a_site_under_a_prefix_is_gated_there(tmp_path: Path) -> None:
    with dashboard(tmp_path, prefix="/lens") as site:
        browser = site.browser()
        assert browser.get("/app?x=1").location == "/lens/login?next=/lens/app%3Fx%3D1"
        assert browser.sign_in("alice", wanted="/lens/app?x=1").location == "/lens/app?x=1"
        assert browser.get("/app").status == 200
        assert browser.fetch("/auth/guard.js").text.count('"/lens"') == 1
        assert site.browser().sign_in("alice", wanted="/app").location == "/lens/"


def test_browsers_that_saw_the_site_over_https_never_ask_it_in_the_clear(tmp_path: Path) -> None:
    with dashboard(tmp_path, public_url="https://lens.example") as site:
        for path in ("/login", "/app", "/static/js/bokeh.min.js"):
            assert site.browser().get(path).headers["Strict-Transport-Security"].startswith("max-age=")
    with dashboard(tmp_path, public_url="https://localhost:5006") as site:
        assert "Strict-Transport-Security" not in site.browser().get("/login").headers


def test_https_makes_the_cookies_secure(site: Dashboard) -> None:
    gate = Gate(site.store, [site.people], public_url="https://lens.example/")
    assert (gate.secure, gate.cookie) == (True, "__Host-ispyb_sid")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"public_url": "http://lens.example"}, "server.public_url"),
        ({"public_url": "https://lens.example", "secure": False}, "server.secure_cookies"),
        ({"providers": []}, "login"),
    ],
)
def test_an_unsafe_setting_is_refused_by_name(site: Dashboard, options: dict[str, object], named: str) -> None:
    arguments = {"providers": [site.people], **options}
    providers = arguments.pop("providers")
    with pytest.raises(GateError, match=named):
        Gate(site.store, providers, **arguments)  # type: ignore[arg-type]


def test_a_database_that_cannot_be_read_lets_nobody_in(
    site: Dashboard, alice: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    with site.store._engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE auth_session")
    with caplog.at_level(logging.CRITICAL):
        answer = alice.fetch("/echo")
        assert alice.get("/app").status == 503
    assert answer.status == 503
    assert "auth_session" not in answer.text
    assert "DROP" not in answer.text
