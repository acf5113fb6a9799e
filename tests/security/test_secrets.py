"""No secret is in the log, whatever its level, on a page or in the audit trail: every way to sign in, and to fail.

The site is a process of its own that logs from DEBUG on.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from browser.site import PASSWORD
from servers.gated import Answer, Browser
from servers.oidc_lies import LIES, SECRET
from servers.slapd import PEOPLE, READER, READER_PASSWORD, SlapdMissing
from servers.ways import Ways, every_way

from auth.identity import Identity
from auth.store import Store

HERS = "alice's secret"
WRONG = "a-wrong-password-of-alice"
LOST = "a-bind-password-that-is-no-longer-right"
PASSWORDS = (PASSWORD, HERS, WRONG, READER_PASSWORD, LOST, SECRET)
_MORE = f"""
[login.providers.lost]
kind = "ldap"
servers = ["LDAP"]
ca_file = "CA"
base = "{PEOPLE}"
bind_dn = "{READER}"
bind_password = "{LOST}"
"""


class Drive:
    """What was sent and what came back."""

    def __init__(self, ways: Ways) -> None:
        self.ways = ways
        self.pages: list[str] = []
        self.secrets = set(PASSWORDS)
        self.on_pages: set[str] = set()

    def browser(self) -> Browser:
        return Browser(self.ways.site.port)

    def keep(self, browser: Browser, answer: Answer) -> Answer:
        """Remember a page, and the cookies that the browser has now."""
        self.pages.append(answer.text)
        for name, value in browser.cookies.items():
            # A form holds the token that is in its cookie: that is how it is told from a form of another site.
            (self.on_pages if "form" in name else self.secrets).add(value)
        return answer

    def by_form(self, provider: str, login: str, password: str) -> Answer:
        browser = self.browser()
        self.keep(browser, browser.get("/login"))
        form = {**browser.form(), "provider": provider, "login": login, "password": password}
        answer = self.keep(browser, browser.send("/login", **form))
        if answer.status == 303:
            page = self.keep(browser, browser.get("/"))
            self.on_pages |= set(re.findall(r'"token":"([^"]+)"', page.text))
            self.keep(browser, browser.get("/sign-in-methods"))
            self.keep(browser, browser.sign_out())
        return answer

    def by_redirect(self, lie: str = "") -> Answer:
        single, browser = self.ways.single, self.browser()
        single.lie = lie
        self.keep(browser, browser.get("/login"))
        sent = browser.get("/auth/orcid/start?next=/")
        self.keep(browser, sent)
        if sent.status != 303:
            return sent
        there = browser.follow(sent.location)
        given = parse_qs(urlsplit(there.location).query)
        self.secrets |= {value for name in ("code", "state") for value in given.get(name, [])}
        answer = self.keep(browser, browser.come_back(there.location.replace("127.0.0.1", "localhost")))
        self.keep(browser, browser.come_back(there.location.replace("127.0.0.1", "localhost")))  # once more
        if answer.status == 303:
            self.keep(browser, browser.get("/auth/unknown"))
            # Its answer leads to the provider and shows it its own statement, as the protocol wants.
            browser.sign_out()
        single.lie = ""
        return answer


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drive]:
    try:
        with every_way(tmp_path_factory.mktemp("secrets"), level="debug", more=_MORE) as ways:
            yield Drive(ways)
    except SlapdMissing as missing:
        pytest.skip(str(missing))


def test_no_secret_is_logged_shown_or_written_down(drive: Drive, tmp_path: Path) -> None:
    once(drive)  # first: of what strangers do only so much is written down
    ways, well = drive.ways, (drive.ways.service.status, drive.ways.service.body)
    for provider, password in (("accounts", PASSWORD), ("facility", HERS), ("desk", HERS)):
        assert drive.by_form(provider, "alice", password).status == 303, provider
        assert drive.by_form(provider, "alice", WRONG).status == 401, provider
        assert drive.by_form(provider, "stranger", WRONG).status == 401, provider
    assert drive.by_form("lost", "alice", HERS).status == 503
    for status in (200, 302, 500):
        ways.service.status, ways.service.body = status, HERS.encode()  # a service that quotes what it was sent
        answer = drive.by_form("desk", "alice", HERS)
        ways.service.status, ways.service.body = well
        assert answer.status == 503
    assert drive.by_redirect().status == 303
    # Its description and its keys are remembered, so that lies in them are not heard now.
    lies = sorted(lie for lie in LIES if not lie.startswith(("discovery", "keys", "userinfo")))[::4]
    refused = {lie: drive.by_redirect(lie).status for lie in lies}
    assert 303 not in refused.values(), refused
    drive.secrets |= set(ways.single.issued)

    audit = trail(drive)
    assert {"login", "failure", "unavailable", "login by link", "link refused", "logout"} <= {row[0] for row in audit}
    log = ways.site.log
    assert "DEBUG" in log
    assert len(drive.secrets) > 60
    for secret in drive.secrets:
        for form in {secret, quote(secret, safe=""), repr(secret)[1:-1]}:
            assert form not in log, around(log, form)
            assert not [row for row in audit if form in repr(row)]
            assert not [around(page, form) for page in drive.pages if form in page]
    for token in drive.on_pages:
        assert token not in log


def once(drive: Drive) -> None:
    """A link that signs in once, twice; and what a stranger makes of one."""
    store = Store(f"sqlite:///{drive.ways.site.folder / 'lens.sqlite'}")
    token = store.make_token(Identity("accounts", "alice", "alice", "Alice"))
    store.close()
    drive.secrets.add(token)
    for status in (303, 403):
        browser = drive.browser()
        assert drive.keep(browser, browser.get(f"/auth/once?token={token}")).status == status
        for name in ("token", "code", "state"):
            for path in ("/auth/once", "/auth/orcid/callback", "/logout", "/frame/1/1", "/export/visits.csv"):
                # Twice the same argument, and one that is no text.
                drive.keep(browser, browser.get(f"{path}?{name}={token}&{name}={token}&x=%ff%fe"))


def trail(drive: Drive) -> list[tuple[str, ...]]:
    store = Store(f"sqlite:///{drive.ways.site.folder / 'lens.sqlite'}")
    rows = store.audit(limit=10_000)
    store.close()
    return [(row.kind, row.login, row.address, row.detail) for row in rows]


def around(text: str, found: str) -> str:
    at = text.index(found)
    return text[max(0, at - 300) : at + 300]
