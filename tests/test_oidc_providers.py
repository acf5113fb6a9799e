"""Signing in and out with providers that others wrote."""

import html
import importlib.util
import re
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from servers import oidc_mock, oidc_node
from servers.gated import Answer, Browser, dashboard

from auth.oidc.options import OidcOptions
from auth.providers.oidc import OidcProvider

_LACKING = oidc_node.lacking()
certified = pytest.mark.skipif(_LACKING is not None, reason=str(_LACKING))
second = pytest.mark.skipif(
    importlib.util.find_spec("oidc_provider_mock") is None, reason="oidc-provider-mock is not installed"
)


def _through(browser: Browser, url: str, jar: dict[str, str], login: str) -> str:
    """Sign in at the certified provider with its form; the address that leads back."""
    there = urlsplit(url).port
    for _ in range(10):
        answer = browser.follow(url, jar)
        if answer.status == 200:
            action = re.search(r'action="([^"]+)" method="post"', answer.text)
            assert action, answer.text
            form = {"prompt": "login", "login": login, "password": "any"}
            answer = _post(there or 0, urlsplit(html.unescape(action.group(1))).path, form, jar)
        url = answer.location if "://" in answer.location else f"http://localhost:{there}{answer.location}"
        if urlsplit(url).port != there:
            return url
    raise AssertionError(f"it does not lead back: {url}")


def _post(port: int, path: str, form: dict[str, str], jar: dict[str, str]) -> Answer:
    return Browser(port, cookies=jar).ask("POST", path, form=form)


@certified
@pytest.mark.parametrize("thin", [True, False], ids=["claims asked for", "claims in the ID token"])
def test_the_certified_provider_signs_in_and_both_sign_each_other_out(tmp_path: Path, thin: bool) -> None:
    where = oidc_node.NodeProvider(oidc_node.free_port())
    options = OidcOptions(where.issuer, oidc_node.CLIENT, oidc_node.SECRET, groups_claim="groups")
    provider = OidcProvider("node", options, "Facility login")
    with (
        dashboard(tmp_path, providers=[provider]) as site,
        oidc_node.serving(where, f"http://localhost:{site.port}", thin=thin),
    ):
        jar: dict[str, str] = {}
        browser, other = site.browser(), site.browser()
        for one, wanted in ((browser, "/app?visit=mx415-3"), (other, "/echo")):
            sent = one.get(f"/auth/node/start?next={wanted}")
            done = one.come_back(_through(one, sent.location, jar, "alice"))
            assert (done.status, done.location) == (303, wanted)
        assert other.fetch("/echo").text == "alice"
        session = site.store.look_up(browser.cookies["ispyb_sid"])
        assert session is not None
        assert (session.identity.name, session.identity.groups) == ("alice of the realm", ("mx-staff",))
        socket = site.socket(other, other.token())

        leaving = browser.sign_out()
        onward = re.search(r'content="0;url=([^"]+)"', leaving.text)
        assert onward, leaving.text
        there = browser.follow(html.unescape(onward.group(1)), jar)
        fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', there.text))
        begun = time.monotonic()
        path = f"{urlsplit(where.issuer).path}/session/end/confirm"
        done = _post(where.port, path, {**fields, "logout": "yes"}, jar)
        assert urlsplit(done.location).path == "/auth/node/out"
        assert site.closing(socket) == 4401
        assert time.monotonic() - begun < 5
        assert other.fetch("/echo").status == 401, "signed out by the back channel"
        assert browser.come_back(done.location).location == "/login?out=1"
        assert {"logout", "back-channel logout", "login"} == {row.kind for row in site.store.audit()}


@second
def test_a_provider_without_user_names_signs_in_by_its_own_number(tmp_path: Path) -> None:
    with oidc_mock.serving() as issuer:
        options = OidcOptions(issuer, "any", "any", scopes=("openid",), login_claim="sub", name_claim="")
        provider = OidcProvider("orcid", options, "ORCID")
        with dashboard(tmp_path, providers=[provider]) as site:
            browser = site.browser()
            sent = browser.get("/auth/orcid/start?next=/echo")
            port, query = urlsplit(sent.location).port or 0, urlsplit(sent.location).query
            back = _post(port, f"/oauth2/authorize?{query}", {"sub": "0000-0002-1825-0097"}, {})
            done = browser.come_back(back.location)
            assert (done.status, done.location) == (303, "/echo")
            assert browser.fetch("/echo").text == "0000-0002-1825-0097"
