"""Starts the server: one Tornado process with Panel's pages, our routes, and the gate in front of both."""

import logging
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import panel as pn
from panel.io.server import get_server
from tornado.httputil import HTTPServerRequest
from tornado.web import GZipContentEncoding

from app.providers import providers
from app.routes import pictures
from app.services import Services
from app.session import open_session
from auth.gate import DemoPerson, Gate
from views.parts.latency import lower_latency

log = logging.getLogger(__name__)


def gate_for(shared: Services, demo: Sequence[DemoPerson] = ()) -> Gate:
    """The gate that the settings describe. Raises `SettingsError` and `GateError`."""
    server = shared.settings.server
    secure = {"auto": None, "yes": True, "no": False}[server.secure_cookies]
    return Gate(
        shared.store,
        providers(shared.settings, shared.store),
        prefix=server.prefix,
        public_url=server.public_url or None,
        secure=secure,
        title=shared.settings.site.name,
        note="Simulated data: no real facility." if shared.settings.site.demo else "",
        demo=demo,
    )


class CompressedStatic(GZipContentEncoding):
    """Scripts and styles leave compressed: 3 MB become 0.8. Pages and data do not, as they hold secrets or change."""

    GZIP_LEVEL = 4

    def __init__(self, request: HTTPServerRequest) -> None:
        super().__init__(request)
        static = "/static/" in request.path or "/components/" in request.path
        self._gzipping = self._gzipping and static and "Range" not in request.headers


def make(shared: Services, gate: Gate, processes: int = 1) -> Any:
    """A Bokeh server that is bound to its port and not yet serving.

    With several ``processes`` it returns in each of them, and in this one only by SystemExit, when they have ended.
    Sessions of Bokeh know nothing of each other's process: where page and websocket meet different ones, the page is
    made twice. A proxy that keeps a browser at one process, in front of several servers, spends less.
    """
    settings = shared.settings.server
    origins = [f"{settings.address}:{settings.port}", f"localhost:{settings.port}", f"127.0.0.1:{settings.port}"]
    origins += list(settings.origins)
    if settings.public_url:
        origins.append(urlsplit(settings.public_url).netloc)
    pn.extension(notifications=False)
    lower_latency()
    shared.poller.start()
    server = get_server(
        {"/": lambda: open_session(shared)},
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
        location=False,  # the shell writes the address itself
        num_procs=processes,
    )
    gate.install(server._tornado)
    server._tornado.transforms.append(CompressedStatic)
    return server
