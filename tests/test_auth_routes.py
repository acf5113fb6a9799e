"""Signing in and out over HTTP."""

import http.client
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers.gated import Browser, Dashboard, People, dashboard

from auth.identity import Identity
from auth.sparing import Sparing
from auth.store import digest


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Dashboard]:
    with dashboard(tmp_path, seconds=1.0) as running:
        yield running


def _kinds(site: Dashboard) -> list[str]:
    return [row.kind for row in site.store.audit()]


def test_the_right_password_signs_in_and_a_wrong_one_does_not(site: Dashboard) -> None:
    browser = site.browser()
    wrong = browser.sign_in("alice", "bob's secret")
    assert wrong.status == 401
    assert "ispyb_sid" not in browser.cookies
    assert 'role="alert"' in wrong.text
    assert 'value="alice"' in wrong.text, "the name need not be typed again"
    assert "secret" not in wrong.text
    assert browser.sign_in("alice").status == 303
    assert browser.get("/app").status == 200
    assert _kinds(site) == ["login", "failure"]


def test_an_unknown_name_and_a_wrong_password_read_the_same(site: Dashboard) -> None:
    wrong = site.browser().sign_in("alice", "x").text
    unknown = site.browser().sign_in("nobody", "x").text
    masked = [re.sub(r'(value|nonce)="[^"]*"', "", text) for text in (wrong, unknown)]
    assert masked[0] == masked[1]


@pytest.mark.parametrize(
    ("login", "password"),
    [
        ("alice", ""),
        ("", "x"),
        ("a\nb", "x"),
        ("alice", "x\0y"),
        ("a" * 300, "x"),
        ("al", "x" * 2000),
    ],
)
def test_odd_names_and_passwords_reach_no_provider(site: Dashboard, login: str, password: str) -> None:
    browser = site.browser()
    form = {**browser.form(), "login": login, "password": password}
    assert browser.send("/login", **form).status == 401
    assert site.people.asked == []


@pytest.mark.parametrize("wanted", ["//evil.example", "/\\evil.example", "https://evil.example", "/login", "/a\nb"])
def test_sign_in_never_leads_to_another_site(site: Dashboard, wanted: str) -> None:
    assert site.browser().sign_in("alice", wanted=wanted).location == "/"


def test_an_address_in_the_link_is_text_on_the_page(site: Dashboard) -> None:
    text = site.browser().get('/login?next=/"><script>x</script>').text
    assert "<script" not in text


def test_somebody_signed_in_need_not_sign_in_again(site: Dashboard) -> None:
    browser = site.browser()
    browser.sign_in("alice")
    answer = browser.get("/login?next=/app%3Fvisit=1")
    assert (answer.status, answer.location) == (303, "/app?visit=1")


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": None, "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": None, "Origin": "null"},
        {"Sec-Fetch-Site": None, "Origin": None},
    ],
)
def test_a_form_of_another_site_signs_nobody_in(site: Dashboard, headers: dict[str, str | None]) -> None:
    browser = site.browser()
    form = {**browser.form(), "login": "alice", "password": "alice's secret"}
    assert browser.send("/login", headers=headers, **form).status == 403
    assert "ispyb_sid" not in browser.cookies
    assert site.people.asked == []


@pytest.mark.parametrize("token", ["", "x" * 43, "é"])
def test_a_form_without_its_token_signs_nobody_in(site: Dashboard, token: str) -> None:
    browser = site.browser()
    form = {**browser.form(), "login": "alice", "password": "alice's secret", "csrf": token}
    refused = browser.send("/login", **form)
    assert refused.status == 403
    assert "try again" in refused.text
    assert "ispyb_sid" not in browser.cookies


def test_the_token_of_another_browser_does_not_count(site: Dashboard) -> None:
    theirs = site.browser().form()["csrf"]
    browser = site.browser()
    form = {**browser.form(), "login": "alice", "password": "alice's secret", "csrf": theirs}
    assert browser.send("/login", **form).status == 403


def test_a_browser_without_fetch_metadata_signs_in_by_its_origin(site: Dashboard) -> None:
    browser = site.browser()
    form = {**browser.form(), "login": "alice", "password": "alice's secret"}
    assert browser.send("/login", headers={"Sec-Fetch-Site": None}, **form).status == 303


def test_signing_in_gives_a_new_id_and_ends_the_old_login_session(site: Dashboard) -> None:
    browser = site.browser()
    browser.form()
    browser.cookies["ispyb_sid"] = "fixed-by-somebody-else"
    form = browser.form()
    browser.send("/login", **{**form, "login": "alice", "password": "alice's secret"})
    first = browser.cookies["ispyb_sid"]
    assert first != "fixed-by-somebody-else"
    second_form = site.browser()
    fresh = second_form.form()
    both = {**second_form.cookies, "ispyb_sid": first}
    again = Browser(site.port, cookies=both)
    again.send("/login", **{**fresh, "login": "alice", "password": "alice's secret"})
    assert again.cookies["ispyb_sid"] != first
    assert site.store.look_up(first) is None
    assert again.fetch("/echo").text == "alice"


def test_guesses_wait_longer_and_longer_and_are_not_checked(site: Dashboard) -> None:
    browser = site.browser()
    for _ in range(5):
        assert browser.sign_in("alice", "guess").status == 401
    refused = browser.sign_in("alice")
    assert refused.status == 429
    assert int(refused.headers["Retry-After"]) <= 3
    assert len(site.people.asked) == 5
    site.clock.ahead += 3
    assert browser.sign_in("alice", "guess").status == 401
    site.clock.ahead += 3
    assert browser.sign_in("alice").status == 429, "the wait has doubled"
    site.clock.ahead += 2
    assert browser.sign_in("alice").status == 303
    assert browser.sign_out().status == 303
    assert browser.sign_in("alice", "guess").status == 401, "success forgives the account"


def test_guesses_at_many_names_from_one_address_wait_too(site: Dashboard) -> None:
    browser = site.browser()
    for number in range(20):
        assert browser.sign_in(f"name-{number}", "guess").status == 401
    assert browser.sign_in("bob").status == 429


def test_many_people_behind_one_address_do_not_lock_each_other_out(site: Dashboard) -> None:
    for _ in range(30):
        assert site.browser().sign_in("alice").status == 303


def test_a_provider_that_is_away_is_not_a_wrong_password(site: Dashboard) -> None:
    for _ in range(7):
        answer = site.browser().sign_in("eve", "x")
        assert answer.status == 503, "nor is it a guess"
    assert "try again in a minute" in answer.text


def test_a_provider_that_hangs_ends_in_a_page_while_others_work_on(site: Dashboard) -> None:
    answer = site.browser().sign_in("hal", "x")
    assert answer.status == 503
    assert site.browser().sign_in("alice").status == 303


def test_a_provider_with_a_bug_shows_a_reference_and_no_secret(
    site: Dashboard, caplog: pytest.LogCaptureFixture
) -> None:
    answer = site.browser().sign_in("mallory", "pass-phrase")
    assert answer.status == 503
    found = re.search(r"reference (\w{8})", answer.text)
    assert found
    assert found.group(1) in caplog.text
    assert "pass-phrase" not in answer.text + caplog.text
    assert "pass-phrase" not in "".join(row.detail for row in site.store.audit())


def test_demonstration_people_sign_in_by_a_button_without_their_passwords_on_the_page(
    site: Dashboard,
) -> None:
    browser = site.browser()
    text = browser.get("/login").text
    assert "scientist &lt;of&gt; one beamline" in text
    assert "carol's secret" not in text
    assert "carol&#x27;s secret" not in text
    assert browser.send("/login", **{**browser.form(), "demo": "0"}).status == 303
    assert browser.fetch("/echo").text == "carol"
    for number in ("1", "-1", "99999999", "²"):
        other = site.browser()
        assert other.send("/login", **{**other.form(), "demo": number}).status == 401


def test_the_sign_in_page_works_without_scripts_and_for_screen_readers(site: Dashboard) -> None:
    answer = site.browser().get("/login")
    for part in ('lang="en"', "<main>", "<h1>", 'for="login"', 'for="password"', "<title>Sign in"):
        assert part in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script" not in policy
    assert answer.headers["Cache-Control"] == "no-store"


def test_signing_out_takes_a_button(site: Dashboard) -> None:
    browser = site.browser()
    browser.sign_in("alice")
    assert "Alice" in browser.get("/logout").text
    assert browser.fetch("/echo").status == 200, "opening the page does nothing"
    assert browser.send("/logout", csrf="x").status == 403
    assert browser.fetch("/echo").status == 200
    old = browser.cookies["ispyb_sid"]
    done = browser.sign_out()
    assert (done.status, done.location) == (303, "/login?out=1")
    assert done.headers["Clear-Site-Data"] == '"cache"'
    assert "ispyb_sid" not in browser.cookies
    copied = Browser(site.port, cookies={"ispyb_sid": old})
    assert copied.fetch("/echo").status == 401, "a copied cookie is worth nothing"


def test_a_page_of_another_site_cannot_sign_anybody_out(site: Dashboard) -> None:
    browser = site.browser()
    browser.sign_in("alice")
    form = browser.form("/logout")
    refused = browser.send("/logout", headers={"Sec-Fetch-Site": "cross-site"}, **form)
    assert refused.status == 403
    assert browser.fetch("/echo").status == 200


def test_the_page_script_signs_out_with_a_token_that_only_our_pages_get(site: Dashboard) -> None:
    browser = site.browser()
    assert browser.fetch("/auth/form").status == 401
    browser.sign_in("alice")
    assert browser.get("/auth/form", Sec_Fetch_Site="cross-site").status == 403
    token = browser.fetch("/auth/form").text.split('"')[3]
    assert browser.send("/logout", csrf=token).status == 303
    assert browser.fetch("/auth/ping").status == 401


def test_signing_out_closes_the_websockets_of_that_login_session_only(site: Dashboard) -> None:
    one, two = site.browser(), site.browser()
    one.sign_in("alice")
    two.sign_in("alice")
    mine, other = site.socket(one, one.token()), site.socket(two, two.token())
    one.sign_out()
    assert site.closing(mine) == 4401
    assert other.close_code is None
    assert two.fetch("/echo").status == 200


def test_signing_out_everywhere_closes_every_websocket_of_the_person(site: Dashboard) -> None:
    one, two, bob = site.browser(), site.browser(), site.browser()
    one.sign_in("alice")
    two.sign_in("alice")
    bob.sign_in("bob")
    sockets = [site.socket(browser, browser.token()) for browser in (one, two)]
    others = site.socket(bob, bob.token())
    one.sign_out(everywhere="1")
    assert [site.closing(socket) for socket in sockets] == [4401, 4401]
    assert two.fetch("/echo").status == 401
    assert others.close_code is None


def test_a_login_session_ended_by_another_process_closes_its_websockets_here(
    site: Dashboard,
) -> None:
    browser = site.browser()
    browser.sign_in("alice")
    socket = site.socket(browser, browser.token())
    site.store.revoke(digest(browser.cookies["ispyb_sid"]), "by another process")
    assert site.closing(socket) == 4401


def test_a_login_session_that_ran_out_closes_its_websockets(site: Dashboard) -> None:
    browser = site.browser()
    browser.sign_in("alice")
    socket = site.socket(browser, browser.token())
    site.clock.ahead += 31 * 60
    assert site.closing(socket) == 4401


def test_login_sessions_are_told_apart_without_telling_their_ids(site: Dashboard) -> None:
    browser = site.browser()
    marks = []
    for _ in range(2):
        browser.sign_in("alice")
        marks.append(browser.fetch("/auth/ping").headers["X-Login-Mark"])
        assert marks[-1] not in digest(browser.cookies["ispyb_sid"])
        browser.sign_out()
    assert marks[0] != marks[1]


def test_a_sign_in_link_works_once(site: Dashboard) -> None:
    token = site.store.make_token(Identity("desktop", "1", "alice", "Alice"))
    browser = site.browser()
    done = browser.get(f"/auth/once?token={token}&next=/app")
    assert (done.status, done.location) == (303, "/app")
    assert browser.fetch("/echo").text == "alice"
    assert site.browser().get(f"/auth/once?token={token}").status == 403
    assert site.browser().get("/auth/once?token=x").status == 403


def test_an_oversized_form_is_refused(site: Dashboard) -> None:
    browser = site.browser()
    assert browser.send("/login", **browser.form(), login="a" * 20_000).status == 413


def test_what_nobody_should_send_is_refused_before_it_is_read(site: Dashboard) -> None:
    browser = site.browser()
    try:
        answer = browser.send("/login", login="a" * 2_000_000)
    except (ConnectionError, http.client.HTTPException):
        return  # hung up on while sending
    assert answer.status in {400, 413}


def test_names_in_the_audit_trail_stay_on_one_line(site: Dashboard) -> None:
    site.store.record("failure", login="x\n2026 login alice", detail="\x1b[2J")
    row = site.store.audit()[0]
    assert "\n" not in row.login
    assert "\x1b" not in row.detail


class Proposals(People):
    """A second way to sign in with a password."""

    key = "proposals"
    label = "Proposal account"


def test_of_several_ways_with_a_password_the_chosen_one_is_asked_and_stays_chosen(tmp_path: Path) -> None:
    second = Proposals()
    with dashboard(tmp_path, providers=[second]) as site:
        browser = site.browser()
        form = {**browser.form(), "login": "alice", "password": "wrong", "provider": "proposals"}
        answer = browser.send("/login", **form)
        assert answer.status == 401
        assert '<option value="proposals" selected>Proposal account</option>' in answer.text
        assert (site.people.asked, second.asked) == ([], ["alice"])
        assert browser.send("/login", **{**form, "provider": "nobody"}).status == 401
        assert second.asked == ["alice"]


# -- what strangers can fill the audit trail with -------------------------------------------------


def test_a_flood_of_strangers_does_not_fill_the_audit_trail(site: Dashboard) -> None:
    for _ in range(30):
        assert site.browser().send("/login", csrf="", login="alice", password="x").status == 403
        assert site.browser().get("/auth/once?token=guess").status == 403
    rows = site.store.audit(limit=500)
    assert len(rows) == 20, "from one address in a minute"
    assert rows[0].detail.endswith("(more of this minute are not listed)")
    assert site.browser().sign_in("alice", "wrong").status == 401
    assert site.browser().sign_in("alice").status == 303
    assert [row.kind for row in site.store.audit(limit=2)] == ["login", "failure"], "these are always written"


def test_each_address_has_its_rows_and_all_together_no_more_than_so_many() -> None:
    now = [0.0]
    sparing = Sparing(lambda: now[0], each=2, most=5)
    written = [sparing.words(f"192.0.2.{n % 4}", "x") for n in range(40)]
    assert [row for row in written if row] == ["x"] * 4 + ["x (more of this minute are not listed)"]
    now[0] = 60
    assert sparing.words("192.0.2.1", "") == ""
    assert sparing.words("192.0.2.1", "") == "(more of this minute are not listed)"
    assert sparing.words("192.0.2.1", "") is None
