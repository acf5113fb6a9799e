"""A site in trouble: the database goes away while somebody looks, or never had all tables."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from browser.site import NEWEST, SSX, Site
from playwright.sync_api import Locator, Page, expect
from servers.mariadb import Server

pytestmark = pytest.mark.browser

Open = Callable[..., Page]


class Wire:
    """A port of loopback that leads to another one, and can be cut and mended."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._held: list[socket.socket] = []
        self._listener: socket.socket | None = None
        self.port = 0
        self.mend()

    def mend(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        assert self._listener is not None
        # A thread that waits in accept() keeps the port open: wake it.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for held in self._held:
            with suppress(OSError):
                held.shutdown(socket.SHUT_RDWR)
            held.close()
        self._held.clear()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                self._held += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    @staticmethod
    def _carry(one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while found := one.recv(65536):
                other.sendall(found)
            other.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def wired(mariadb: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Wire]]:
    """A site whose database is reached through a wire."""
    folder = tmp_path_factory.mktemp("wired")
    name = folder.name.replace("-", "_") + "_" + folder.parent.name.replace("-", "_")
    mariadb.run(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
    wire = Wire(mariadb.port)
    url = mariadb.url(name)
    made = Site(folder, url, url.set(port=wire.port))
    made.write()
    made.start()
    yield made, wire
    made.stop()
    wire.cut()
    mariadb.run(f"DROP DATABASE `{name}`")


def follow(page: Page, link: str) -> None:
    page.evaluate("to => document.dispatchEvent(new CustomEvent('lens-go', {detail: to}))", link)


def test_pages_say_that_the_database_is_away_and_recover_by_themselves(wired: tuple[Site, Wire], opened: Open) -> None:
    site, wire = wired
    listed = opened(site, "?visit=mx415-3&tab=mx")
    expect(listed.locator(f"[data-key='{NEWEST}']")).to_be_visible()
    shown = opened(site, f"?collection={NEWEST}")
    expect(shown.get_by_role("heading", name="Parameters")).to_be_visible()
    away = "The database does not answer"
    wire.cut()
    for page in (listed, shown):
        page.heard.allowed.append("status of 503")  # type: ignore[attr-defined]
    home = opened(site)
    # A page takes links once it stands, with whatever it has to say.
    expect(home.get_by_text(away).first).to_be_visible()
    links = {
        f"?collection={NEWEST - 3}": shown,
        "?proposal=mx415": home,
        "?page=proposals": opened(site, None),
        "?visit=mx415-4": opened(site, None),
    }
    for link, page in links.items():
        if page.url == "about:blank":
            page.goto(link)
        else:
            follow(page, link)
        expect(page.get_by_text(away).first).to_be_visible()
        page.evaluate("window.sameDocument = true")
    # What was there stays on the screen.
    expect(listed.locator(f"[data-key='{NEWEST}']")).to_be_visible()
    wire.mend()
    wanted: dict[str, Callable[[Page], Locator]] = {
        f"?collection={NEWEST - 3}": lambda page: page.get_by_role("heading", name="Parameters"),
        "?proposal=mx415": lambda page: page.locator("[data-key='mx415-4']"),
        "?page=proposals": lambda page: page.locator("[data-key='mx415']"),
        "?visit=mx415-4": lambda page: page.get_by_text("No collections yet"),
    }
    still = []
    for link, page in links.items():
        try:
            expect(wanted[link](page)).to_be_visible()
            expect(page.get_by_text(away)).to_be_hidden()
            assert page.evaluate("window.sameDocument === true")
        except AssertionError:
            still.append(link)
    assert still == []
    site.collect(8001)
    expect(listed.locator("[data-key='8001']")).to_be_visible()


def test_a_database_that_is_away_at_the_start_is_waited_for(wired: tuple[Site, Wire], opened: Open) -> None:
    site, wire = wired
    site.stop()
    wire.cut()
    site.start()
    page = opened(site, "?visit=mx415-3&tab=mx")
    expect(page.get_by_text("The database does not answer")).to_be_visible()
    wire.mend()
    expect(page.locator(f"[data-key='{NEWEST}']")).to_be_visible()


ABSENT = (
    "Screening",
    "ImageQualityIndicators",
    "SSXDataCollection",
    "AutoProcProgramAttachment",
    "AutoProcProgramMessage",
    "MotionCorrection",
    "CTF",
    "ProcessingJob",
    "SessionType",
    "Shipping",
)


def test_a_site_without_some_tables_has_its_pages(own_site: Site, opened: Open) -> None:
    own_site.stop()
    own_site.run("PRAGMA foreign_keys=OFF", *(f"DROP TABLE {name}" for name in ABSENT))
    own_site.start()
    own_site.states.clear()
    page = opened(own_site)
    for link, words in (
        ("", "mx415-3"),
        ("?page=proposals", "Lysozyme"),
        ("?proposal=mx415", "mx415-4"),
        ("?proposal=mx415&tab=samples", "lyso_3"),
        ("?proposal=mx415&tab=shipments", "No shipments"),
        ("?visit=mx415-3", f"xtal_{NEWEST}"),
        ("?visit=mx415-3&tab=ssx", f"xtal_{SSX}"),
        ("?visit=mx415-3&tab=em", "6101"),
        (f"?collection={NEWEST}", "Parameters"),
        (f"?collection={SSX}", "Parameters"),
        ("?collection=6101", "Parameters"),
    ):
        page.goto(link or "/")
        expect(page.get_by_text(words).first).to_be_visible()
        for fault in ("This part failed", "could not be read", "does not answer"):
            expect(page.get_by_text(fault)).to_have_count(0)
    own_site.collect(8001)
    page.goto("?visit=mx415-3&tab=mx")
    expect(page.locator("[data-key='8001']")).to_be_visible()
    own_site.collect(8002)
    expect(page.locator("[data-key='8002']")).to_be_visible()
