"""Starts the server: one Tornado process with Panel's pages, our routes, and the gate in front of both."""

import logging
import ssl
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import panel as pn
from panel.io.server import get_server
from tornado.httputil import HTTPServerRequest
from tornado.web import GZipContentEncoding

from app.providers import providers
from app.routes import ours
from app.services import Services
from app.session import open_session
from app.settings import Server
from auth.gate import DemoPerson, Gate, GateError
from auth.origin import is_loopback
from data.images import warm
from views.parts.latency import lower_latency

log = logging.getLogger(__name__)


def gate_for(shared: Services, demo: Sequence[DemoPerson] = ()) -> Gate:
    """The gate that the settings describe. Raises `SettingsError` and `GateError`."""
    server = shared.settings.server
    require_servable(server)
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
        origins=server.origins,
        proxies=server.trusted_proxies,
        people=shared.access,
        support=shared.settings.site.support,
    )


def require_servable(server: Server) -> None:
    """Raise GateError, which names the setting, where nobody could sign in or passwords would travel in the clear."""
    public = urlsplit(server.public_url)
    if server.public_url and public.path.rstrip("/") != server.prefix:
        raise GateError(
            f"server.public_url: its path is {public.path or '/'!r} and server.prefix is {server.prefix!r}; "
            "expected the same, as the proxy must not take it off."
        )
    if not server.public_url and not is_loopback(_netloc(server.address)):
        raise GateError(
            f"server.public_url: not set, while server.address {server.address!r} can be reached by others; "
            "expected the https address that people type."
        )
    if bool(server.certificate) != bool(server.key):
        missing, given = ("key", "certificate") if server.certificate else ("certificate", "key")
        raise GateError(f"server.{missing}: not set; expected the one that belongs to server.{given}.")
    if not server.certificate:
        return
    if server.public_url and public.scheme != "https":
        raise GateError(f"server.public_url: {server.public_url!r}, while server.certificate is set; expected https.")
    for name, path in (("certificate", server.certificate), ("key", server.key)):
        try:
            with open(path, "rb"):
                pass
        except OSError as error:
            raise GateError(f"server.{name}: {path} cannot be read ({error.strerror}).") from error
    try:
        # The password of a key that has one would be asked for on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(server.certificate, server.key, password=lambda: "")
    except ssl.SSLError as error:
        raise GateError(
            f"server.certificate, server.key: {error.reason or 'not usable'}; expected a PEM certificate and its key, "
            "which has no password."
        ) from error


def _netloc(address: str) -> str:
    return f"[{address}]" if ":" in address else address


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
    origins = [
        f"{_netloc(settings.address)}:{settings.port}",
        f"localhost:{settings.port}",
        f"127.0.0.1:{settings.port}",
    ]
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
        extra_patterns=[*gate.patterns(), *ours.patterns(shared)],
        title=shared.settings.site.name,
        check_unused_sessions=15_000,
        unused_session_lifetime=60_000,
        start=False,
        show=False,
        admin=False,
        location=False,  # the shell writes the address itself
        num_procs=processes,
        ssl_certfile=settings.certificate or None,
        ssl_keyfile=settings.key or None,
    )
    warm.begin()  # in each process
    shared.night.start()
    gate.install(server._tornado)
    server._tornado.transforms.append(CompressedStatic)
    return server
