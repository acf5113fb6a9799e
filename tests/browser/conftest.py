"""A browser for tests of the whole app, and what it must never do whatever the test is about."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from browser.look import text_of
from browser.site import PASSWORD, ROOT, Site, free_port
from browser.viewing import go
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright
from servers.chromium import ARGUMENTS, chromium

_WAIT = 20_000
# What moves while it waits takes a fifth of a busy machine.
CALM: dict[str, Any] = {"reduced_motion": "reduce"}
_outcome = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Remember whether the test itself failed, for what it then prints."""
    report = yield
    if report.when == "call":  # type: ignore[attr-defined]
        item.stash[_outcome] = report.failed  # type: ignore[attr-defined]
    return report


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The small site, served once for all tests that leave it as it is."""
    yield from served(tmp_path_factory)


@pytest.fixture
def own_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site for one test, which may break it."""
    yield from served(tmp_path_factory)


def served(factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(factory.mktemp("site"))
    made.write()
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running gallery; what it prints is the message where it does not start."""
    port = free_port()
    output = tmp_path_factory.mktemp("gallery") / "output"
    with output.open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "views.parts.gallery", "--port", str(port)],
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
        )
    for _ in range(300):
        assert server.poll() is None, output.read_text()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    yield f"http://127.0.0.1:{port}/"
    server.terminate()
    server.wait(10)


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
        yield running
        running.close()


@dataclass
class Heard:
    """What a page said and asked for."""

    address: str
    console: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)
    """Parts of console errors that the test brings about itself."""

    def listen(self, page: Page) -> None:
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.wrong.append(f"script: {error}"))
        page.on("dialog", lambda dialog: (self.wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", self._asked)

    def _said(self, message: ConsoleMessage) -> None:
        self.console.append(f"{message.type}: {message.text}")
        # A picture that is not on disk is an answer, of which the browser itself makes an error.
        # So is a frame that a busy machine did not have in time: it is asked for again.
        late = "status of 503" in message.text and "/frame/" in message.location.get("url", "")
        if message.type in ("error", "warning") and "status of 404" not in message.text and not late:
            self.wrong.append(f"console: {message.text}")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.address, self.address.replace("http", "ws", 1), "blob:", "data:")):
            self.wrong.append(f"outside: {request.url}")

    def faults(self) -> list[str]:
        return [fault for fault in self.wrong if not any(part in fault for part in self.allowed)]


Open = Callable[..., Page]


@pytest.fixture
def opened(chrome: Browser, request: pytest.FixtureRequest) -> Iterator[Open]:
    """``opened(site, link, person)``: a page of a browser of its own. At the end none may have heard a fault."""
    pages: list[tuple[Page, Heard, Site]] = []

    def open_(site: Site, link: str | None = "", person: str | None = "alice", **options: Any) -> Page:
        state = signed_in(chrome, site, person) if person else None
        options = {"viewport": {"width": 1400, "height": 900}, "color_scheme": "light", **CALM, **options}
        context = chrome.new_context(base_url=site.address, storage_state=state, **options)
        context.set_default_timeout(_WAIT)
        page = context.new_page()
        heard = Heard(site.address)
        heard.listen(page)
        page.heard = heard  # type: ignore[attr-defined]
        pages.append((page, heard, site))
        if link is not None:
            page.goto(link or "/")
        return page

    expect.set_options(timeout=_WAIT)
    yield open_
    faults = []
    for page, heard, site in pages:
        faults += heard.faults()
        if request.node.stash.get(_outcome, False) or heard.faults():
            _print(page, heard, site)
        page.context.close()
    assert faults == []


def _print(page: Page, heard: Heard, site: Site) -> None:
    print(f"\n--- {page.url}")
    try:
        print(text_of(page)[:3000])
    except Exception as error:
        print(f"the page cannot be read: {error}")
    print("--- console", *heard.console[-30:], "--- server", site.log[-3000:], sep="\n")


@pytest.fixture
def viewer(chrome: Browser, gallery: str) -> Iterator[Callable[..., Page]]:
    """``viewer(query)``: a page at an image that is drawn. Script errors and other hosts fail the test."""
    wrong: list[str] = []
    contexts = []
    expect.set_options(timeout=20_000)

    def open_(query: str = "", **options: Any) -> Page:
        options = {"viewport": {"width": 1400, "height": 900}, "color_scheme": "dark", **CALM, **options}
        context = chrome.new_context(base_url=gallery, **options)
        contexts.append(context)
        context.set_default_timeout(20_000)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.on(
            "request",
            lambda asked: None if asked.url.startswith((gallery, "blob:", "data:")) else wrong.append(asked.url),
        )
        go(page, query)
        return page

    yield open_
    for context in contexts:
        context.close()
    told = ("status of 404", "status of 503")  # what a test had answered so; the browser itself writes it down
    assert [fault for fault in wrong if not any(status in fault for status in told)] == []


def signed_in(chrome: Browser, site: Site, person: str) -> Any:
    """The cookies of a person who signed in by the form, once for each site."""
    if person not in site.states:
        with chrome.new_context(base_url=site.address, **CALM) as context:
            page = context.new_page()
            page.goto("login")
            sign_in(page, person)
            page.wait_for_url(site.address)
            site.states[person] = context.storage_state()
    return site.states[person]


def sign_in(page: Page, person: str) -> None:
    page.get_by_label("User name").fill(person)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Password").press("Enter")
