"""Starts the server: one Tornado process with Panel's pages, our routes, and the gate in front of both."""

import logging
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import panel as pn
from panel.io.server import get_server

from app.routes import pictures
from app.services import Services
from app.session import open_session
from auth.gate import DemoPerson, Gate
from auth.providers.accounts import LocalAccounts
from views.parts.latency import lower_latency

log = logging.getLogger(__name__)


def gate_for(shared: Services, demo: Sequence[DemoPerson] = ()) -> Gate:
    """The gate that the settings describe."""
    server = shared.settings.server
    secure = {"auto": None, "yes": True, "no": False}[server.secure_cookies]
    return Gate(
        shared.store,
        [LocalAccounts(shared.store)],
        prefix=server.prefix,
        public_url=server.public_url or None,
        secure=secure,
        title=shared.settings.site.name,
        note="Simulated data: no real facility." if shared.settings.site.demo else "",
        demo=demo,
    )


def make(shared: Services, gate: Gate) -> Any:
    """A Bokeh server that is bound to its port and not yet serving."""
    settings = shared.settings.server
    origins = [f"{settings.address}:{settings.port}", f"localhost:{settings.port}", f"127.0.0.1:{settings.port}"]
    origins += list(settings.origins)
    if settings.public_url:
        origins.append(urlsplit(settings.public_url).netloc)
    pn.extension(notifications=False)
    lower_latency()
    shared.poller.start()
    server = get_server(
        {"/": page(shared)},
        port=settings.port,
        address=settings.address,
        prefix=settings.prefix,
        websocket_origin=origins,
        auth_provider=gate.provider(),
        extra_patterns=[*gate.patterns(), *pictures.patterns(shared)],
        title=shared.settings.site.name,
        check_unused_sessions=15_000,
        unused_session_lifetime=60_000,
        start=False,
        show=False,
        admin=False,
    )
    gate.install(server._tornado)
    return server


def page(shared: Services) -> Callable[[], Any]:
    """What Panel calls for each browser."""

    def build() -> Any:
        document = pn.state.curdoc
        document.title = shared.settings.site.name
        with document.models.freeze():
            return open_session(shared)

    return build
