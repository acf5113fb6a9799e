"""Every route is gated, or is public on purpose: found out from the application itself."""

import functools
import inspect
import logging
import sys
from collections.abc import Collection, Iterator
from typing import Any, Final

from bokeh.protocol.messages.error import error
from bokeh.server.views.auth_request_handler import AuthRequestHandler
from bokeh.server.views.ico_handler import IcoHandler
from bokeh.server.views.multi_root_static_handler import MultiRootStaticHandler
from bokeh.server.views.static_handler import StaticHandler
from bokeh.server.views.ws import WSHandler
from panel.io.server import AuthenticatedStaticFileHandler, ComponentResourceHandler
from panel.io.server import WSHandler as PanelSocket
from tornado.routing import Rule, RuleRouter
from tornado.web import Application, HTTPError, RequestHandler

from auth.gate import gate_of
from auth.routes import AuthedHandler, PublicHandler

# What these serve comes from installed packages and holds no data. A handler is on the list only
# as it is: a subclass may serve anything.
_PUBLIC: Final = frozenset({IcoHandler, StaticHandler, MultiRootStaticHandler, ComponentResourceHandler})
# In each of these `prepare` asks the gate.
_GATED: Final = (AuthRequestHandler, AuthenticatedStaticFileHandler, AuthedHandler)
_PREPARES: Final = frozenset(cls.prepare for cls in (*_GATED, PanelSocket))


_FAILED: Final = "The server could not use this message."

log = logging.getLogger(__name__)


class Ungated(Exception):
    """Routes that anybody could read; the server refuses to serve them."""


def audit_routes(application: Application, *, allow: Collection[str] = ()) -> list[str]:
    """The routes without the gate, as ``pattern (handler)``; those in ``allow`` are left out."""
    found = []
    # Bokeh's and Panel's handlers ask whichever auth provider there is.
    gated = gate_of(application) is not None
    for pattern, handler in _routes(application):
        if pattern not in allow and not _covered(handler, gated=gated):
            name = getattr(handler, "__qualname__", None) or repr(handler)
            found.append(f"{pattern} ({getattr(handler, '__module__', '?')}.{name})")
    return found


def require_gated(application: Application, *, allow: Collection[str] = ()) -> None:
    """Raise `Ungated` when the application has a route without the gate."""
    found = audit_routes(application, allow=allow)
    if found:
        raise Ungated("Not serving: anybody could read these routes without signing in: " + "; ".join(found))


def only_loaded_components() -> None:
    """Let Panel's ``/components/`` serve files of modules in use only.

    As it comes it imports whatever module a stranger names.
    """
    original = ComponentResourceHandler.parse_url_path
    if hasattr(original, "__wrapped__"):
        return

    @functools.wraps(original)
    def parse_url_path(self: Any, path: str) -> Any:
        if path.partition("/")[0] not in sys.modules:
            raise HTTPError(404)
        return original(self, path)

    ComponentResourceHandler.parse_url_path = parse_url_path  # type: ignore[method-assign]


def no_traces() -> None:
    """Tell browsers of a message that failed only that it did: as it comes Bokeh sends them the trace, with paths."""

    def create(cls: type[error], /, request_id: Any, text: str, **metadata: Any) -> error:
        return cls(cls.create_header(request_id=request_id), metadata, {"text": _FAILED, "traceback": None})

    def close(self: Any, message: str) -> None:
        log.error("a websocket is closed: %.500s", message)
        self.close(1011, _FAILED)

    error.create = classmethod(create)  # type: ignore[method-assign,assignment]
    for name in ("_internal_error", "_protocol_error"):
        setattr(WSHandler, name, close)


def limit_sizes(application: Application, *, body: int, message: int) -> None:
    """Let nobody send more bytes than that: a request's body is read before any handler is asked."""
    application.settings["websocket_max_message_size"] = message
    original = application.find_handler

    @functools.wraps(original)
    def find_handler(request: Any, **options: Any) -> Any:
        request.connection.set_max_body_size(body)
        return original(request, **options)

    application.find_handler = find_handler  # type: ignore[method-assign]


def _covered(handler: Any, *, gated: bool) -> bool:
    if not inspect.isclass(handler) or not issubclass(handler, RequestHandler):
        return False
    if issubclass(handler, _GATED):
        return gated and handler.prepare in _PREPARES
    return handler in _PUBLIC or issubclass(handler, PublicHandler)


def _routes(router: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(router, Application):
        yield from _routes(router.default_router)
        return
    rules: list[Rule] = router.rules
    for rule in rules:
        if isinstance(rule.target, RuleRouter | Application):
            yield from _routes(rule.target)
        else:
            regex = getattr(rule.matcher, "regex", None)
            yield (regex.pattern.rstrip("$") if regex else repr(rule.matcher)), rule.target
