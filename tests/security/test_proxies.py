"""A site under a path behind a real proxy that speaks https: pages, websockets, cookies, addresses of clients."""

import asyncio
import http.client
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser.site import PASSWORD, Site, free_port
from playwright.sync_api import Browser, expect
from servers import proxies
from servers.authority import Authority, authority
from servers.visitor import Visitor

from auth.store import Store


def need(program: str) -> None:
    if proxies.program(program) is None:
        pytest.skip(f"{program} is not installed")


class Front:
    """A site at ``/lens`` with a proxy in front."""

    def __init__(self, sites: list[Site], port: int, ca: Authority) -> None:
        self.sites, self.port, self.ca = sites, port, ca
        self.address = f"https://localhost:{port}/lens"

    def visitor(self) -> Any:
        return Visitor(self.address, tls=self.ca.client())

    def audit(self) -> list[Any]:
        store = Store(f"sqlite:///{self.sites[0].folder / 'lens.sqlite'}")
        try:
            return store.audit(limit=50)
        finally:
            store.close()


def behind(folder: Path, port: int, count: int) -> Iterator[list[Site]]:
    """Sites with one database of their own, for a proxy at this port."""
    server = (
        f'prefix = "/lens"\npublic_url = "https://localhost:{port}/lens"\ntrusted_proxies = ["127.0.0.1"]\nthreads = 2'
    )
    first = Site(folder / "site", server=server)
    first.folder.mkdir()
    first.write()
    sites = [first, *(Site(first.folder, server=server) for _ in range(count - 1))]
    try:
        for site in sites:
            site.start()
        yield sites
    finally:
        for site in sites:
            site.stop()


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    need("nginx")
    folder, port = tmp_path_factory.mktemp("nginx"), free_port()
    ca = authority(folder / "ca")
    for sites in behind(folder, port, 1):
        with proxies.nginx(folder / "proxy", port, sites[0].port, *ca.sign("localhost")):
            yield Front(sites, port, ca)


@pytest.fixture(scope="module")
def haproxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    need("haproxy")
    folder, port = tmp_path_factory.mktemp("haproxy"), free_port()
    ca = authority(folder / "ca")
    for sites in behind(folder, port, 2):
        ports = (sites[0].port, sites[1].port)
        with proxies.haproxy(folder / "proxy", port, ports, *ca.sign("localhost")):
            yield Front(sites, port, ca)


@pytest.fixture(params=["nginx", "haproxy"])
def front(request: pytest.FixtureRequest) -> Front:
    found: Front = request.getfixturevalue(request.param)
    return found


def test_one_signs_in_and_sees_rows_and_pictures(front: Front) -> None:
    async def talk() -> None:
        visitor = front.visitor()
        answer = await visitor.ask("/?visit=mx415-3")
        assert (answer.code, answer.headers["Location"]) == (303, "/lens/login?next=/lens/%3Fvisit%3Dmx415-3")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        await visitor.sign_in("alice", PASSWORD)
        assert "__Host-ispyb_sid" in visitor.cookies
        for _ in range(4):
            tab = await visitor.open("/?visit=mx415-3")
            assert (await tab.until("rows"))["rows"]
            tab.close()
        picture = await visitor.ask("/snapshot/5230/1", headers={"Accept": "image/*", "Sec-Fetch-Dest": "image"})
        assert picture.headers["Content-Type"] == "image/jpeg"

    asyncio.run(talk())


def test_attempts_are_counted_by_the_client_and_no_address_that_it_made_up(front: Front) -> None:
    # Another address than the proxy's, which is on this computer too.
    connection = http.client.HTTPSConnection(
        "localhost", front.port, timeout=60, context=front.ca.client(), source_address=("127.0.0.2", 0)
    )
    lies = dict.fromkeys(("X-Forwarded-For", "X-Real-Ip", "Forwarded", "X-Client-Ip"), "66.6.6.6")
    connection.request(
        "POST", "/lens/login", "login=liar", {"Content-Type": "application/x-www-form-urlencoded"} | lies
    )
    assert connection.getresponse().status == 403
    connection.close()
    row = next(row for row in front.audit() if row.kind == "form refused")
    assert row.address == "127.0.0.2"


def test_no_header_says_who_somebody_is(front: Front) -> None:
    async def talk() -> None:
        visitor = front.visitor()
        names = ("Remote-User", "X-Remote-User", "X-Forwarded-User", "X-Forwarded-Email", "X-Auth-Request-User")
        claimed = dict.fromkeys((*names, "Authorization"), "alice") | {"Cookie": "user=alice; is_guest=1"}
        assert (await visitor.ask("/", headers=claimed)).code == 303

    asyncio.run(talk())


def test_signing_out_closes_the_pages_behind_the_proxy(front: Front) -> None:
    async def talk() -> None:
        visitor = front.visitor()
        await visitor.sign_in("alice", PASSWORD)
        tabs = [await visitor.open("/") for _ in range(3)]
        text = (await visitor.ask("/logout")).body.decode().partition("</form>")[0]
        (token,) = re.findall(r'name="csrf" value="([^"]*)"', text)
        assert (await visitor.ask("/logout", {"csrf": token})).headers["Location"] == "/lens/login?out=1"
        async with asyncio.timeout(5):
            while not all(tab.closed for tab in tabs):
                await asyncio.sleep(0.05)
        for tab in tabs:
            tab.close()
        assert (await visitor.ask("/")).code == 303

    asyncio.run(talk())


@pytest.mark.browser
def test_a_page_and_its_sign_out_work_in_a_browser(nginx: Front, chrome: Browser) -> None:
    with chrome.new_context(ignore_https_errors=True) as context:
        page = context.new_page()
        wrong: list[str] = []
        page.on("console", lambda said: wrong.append(f"{said.text} {said.location}") if said.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(f"{nginx.address}/?visit=mx415-3")
        page.get_by_label("User name").fill("alice")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_label("Password").press("Enter")
        expect(page.locator("[data-key='5230']")).to_be_visible(timeout=60_000)
        assert page.url == f"{nginx.address}/?visit=mx415-3"
        assert {c["name"]: (c["secure"], c["httpOnly"], c["path"]) for c in context.cookies()}["__Host-ispyb_sid"] == (
            True, True, "/",
        )  # fmt: skip
        assert page.evaluate("document.cookie") == ""
        other = context.new_page()
        other.goto(f"{nginx.address}/logout")
        other.get_by_role("button", name="Sign out", exact=True).click()
        page.get_by_label("User name").wait_for(timeout=10_000)
        page.go_back()
        expect(page.locator("[data-key='5230']")).to_have_count(0)
        # The browser itself asks for a picture of the host, which is the proxy's; the rest tells of the sign-out.
        expected = ("/favicon.ico", "401", "WebSocket")
        assert [text for text in wrong if not any(word in text for word in expected)] == []
