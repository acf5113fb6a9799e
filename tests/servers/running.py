"""The whole app over the small site of the browser tests, in a thread of the test."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import replace as but
from pathlib import Path
from typing import Any

from browser.site import PASSWORD, Site, free_port
from servers.visitor import Visitor
from sqlalchemy import make_url

from app.server import gate_for, make
from app.services import Services, services
from app.settings import Live, Settings, Store
from auth.records import TrailFilter


@dataclass
class Running:
    """The whole app in a thread of the test."""

    address: str
    site: Site
    shared: Services
    server: Any

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def drive(self, talk: Callable[[Any], Awaitable[None]], login: str = "alice") -> None:
        """Let a browser in which somebody is signed in talk to it."""

        async def signed_in() -> None:
            await talk(await self.visitor(login))

        asyncio.run(signed_in())

    async def visitor(self, login: str) -> Any:
        """A browser in which somebody is signed in."""
        visitor = Visitor(self.address)
        await visitor.sign_in(login, PASSWORD)
        return visitor

    async def expire(self) -> None:
        """Let the server forget pages that nobody has open, as it does after a minute."""
        for context in self.server._tornado._applications.values():
            call = asyncio.run_coroutine_threadsafe(context._cleanup_sessions(0), self.server.io_loop.asyncio_loop)
            await asyncio.wrap_future(call)


@contextmanager
def whole_app(folder: Path) -> Iterator[Running]:
    """Write the small site into ``folder`` and serve it."""
    site = Site(folder)
    site.folder.mkdir()
    site.write()
    settings, port = Settings(), free_port()
    settings = but(
        settings,
        database=but(settings.database, url=make_url(f"sqlite:///{site.database}")),
        store=Store(make_url(f"sqlite:///{site.folder / 'lens.sqlite'}")),
        server=but(settings.server, address="127.0.0.1", port=port),
        files=but(settings.files, roots=(str(site.folder / "files"),)),
        live=Live(0.1),
    )
    ready: list[Any] = []
    started = threading.Event()

    def serve() -> None:
        asyncio.set_event_loop(asyncio.new_event_loop())
        try:
            shared = services(settings)
            gate = gate_for(shared)
            server = make(shared, gate)
            server.start()
            ready.extend((shared, gate, server))
        finally:
            started.set()
        server.io_loop.start()
        server.io_loop.close(all_fds=True)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    assert started.wait(60)
    shared, gate, server = ready
    yield Running(f"http://127.0.0.1:{port}", site, shared, server)

    async def stop() -> None:
        gate.stop()
        server.stop()
        server.io_loop.add_callback(server.io_loop.stop)

    server.io_loop.add_callback(stop)
    thread.join(20)
    shared.close()
    shared.store.close()


async def shown(tab: Any, *words: str) -> str:
    """Wait until the page says all of ``words``; everything that its parts were told."""
    async with asyncio.timeout(20):
        while True:
            parts = json.dumps([[*tab.parts.values()], [message for _, message in tab.heard]], ensure_ascii=False)
            if all(word in parts for word in words):
                return parts
            await asyncio.sleep(0.05)


def trail(running: Running, kind: str, login: str | None = None) -> list[str]:
    """The details of the audit trail's rows of a kind, newest first."""
    return [row.detail for row in running.shared.store.trail.page(TrailFilter((kind,), login), limit=500)]


async def eventually(true: Callable[[], bool]) -> None:
    """Wait until it is true, for 20 s at most."""
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.05)
