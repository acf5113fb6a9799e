"""Requests as the gate sees them: what they are for, what is taken off them, how they are refused."""

from typing import Final

from bokeh.server.views.session_handler import SessionHandler
from tornado.web import RequestHandler
from tornado.websocket import WebSocketHandler

# Bokeh copies a page's headers into the token that it writes into the page. These may stay.
_PAGE_HEADERS: Final = frozenset({"host", "accept-language", "user-agent", "connection"})
_SECRET_HEADERS: Final = ("Cookie", "Authorization", "Proxy-Authorization")


def hide_secrets(handler: RequestHandler) -> None:
    """Take away what Bokeh would write into the page, where any script could read it."""
    request = handler.request
    request.cookies.clear()
    for name in _SECRET_HEADERS:
        request.headers.pop(name, None)
    if isinstance(handler, SessionHandler):
        for name in [n for n in request.headers if n.lower() not in _PAGE_HEADERS]:
            del request.headers[name]


def refuse(handler: RequestHandler, status: int, words: str) -> None:
    """Answer a request in words, unless it is a websocket's."""
    # Panel answers a refused websocket itself; answering twice raises.
    if isinstance(handler, WebSocketHandler):
        return
    handler.set_status(status)
    handler.set_header("Content-Type", "text/plain; charset=utf-8")
    handler.set_header("Cache-Control", "no-store")
    handler.finish(words + "\n")


def wants_page(handler: RequestHandler) -> bool:
    """Whether a person's browser asks for a page to show, not a script of one for data."""
    headers = handler.request.headers
    if handler.request.method not in {"GET", "HEAD"} or isinstance(handler, WebSocketHandler):
        return False
    kind = headers.get("Sec-Fetch-Dest")
    return kind == "document" if kind else "text/html" in headers.get("Accept", "")
