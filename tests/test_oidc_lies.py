"""A provider that lies signs nobody in, in whatever way it lies."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from servers.oidc_liar import MARKUP
from servers.oidc_lies import LIES
from servers.oidc_site import OidcSite, oidc_site


@pytest.fixture
def oidc(tmp_path: Path) -> Iterator[OidcSite]:
    with oidc_site(tmp_path) as running:
        yield running


def test_the_provider_of_the_tests_signs_in_when_it_tells_the_truth(oidc: OidcSite) -> None:
    browser = oidc.browser()
    done = oidc.sign_in(browser, "/app?visit=mx415-3")
    assert (done.status, done.location) == (303, "/app?visit=mx415-3")
    assert browser.fetch("/echo").text == "alice"
    assert [(row.kind, row.login) for row in oidc.audit()] == [("login", "alice")]


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_refused_with_a_plain_sentence_and_a_row_in_the_audit_trail(oidc: OidcSite, lie: str) -> None:
    if lie == "an earlier statement":
        assert oidc.sign_in(oidc.browser()).status == 303
    oidc.liar.lie = lie
    browser = oidc.browser()
    answer = oidc.sign_in(browser)
    assert answer.status in {403, 502, 503}
    assert browser.fetch("/echo").status == 401
    said = re.search(r'role="alert"[^>]*>([^<]+)<', answer.text)
    assert said, "the page says so"
    sentence = unescape(said.group(1))
    assert LIES[lie] in sentence
    assert "Facility login" in sentence or "stopped" in sentence
    assert MARKUP not in answer.text
    assert "evil.example" not in answer.text
    assert "Traceback" not in answer.text
    newest = oidc.audit()[0]
    assert newest.kind in {"failure", "unavailable"}
    assert LIES[lie] in newest.detail
    assert "evil" not in oidc.liar.asked, "nobody was led elsewhere"


@pytest.mark.parametrize("lie", ["alg none", "aud of another", "token: 500"])
def test_after_a_lie_the_truth_signs_in(oidc: OidcSite, lie: str) -> None:
    browser = oidc.browser()
    oidc.liar.lie = lie
    assert oidc.sign_in(browser).status != 303
    oidc.liar.lie = ""
    assert oidc.sign_in(browser).status == 303
