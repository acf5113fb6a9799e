"""The site as a browser meets it: its address, its cookies, and how its own forms are told from those of others."""

import ipaddress
import secrets
from collections.abc import Sequence
from urllib.parse import urlsplit

from bokeh.server.util import match_host
from tornado.httputil import HTTPServerRequest
from tornado.web import HTTPError, RequestHandler

from auth.origin import client_address, from_own_page, is_loopback, origin_of


class GateError(ValueError):
    """The gate cannot be set up as asked. The text names the setting and what is expected."""


class Site:
    """The site as a browser meets it.

    ``prefix`` is the path under which it is shown, ``public_url`` the address people type,
    ``origins`` the hosts whose pages may open its websockets, ``proxies`` the addresses of those
    who speak for others. ``cookie`` holds the login session; ``form_cookie`` proves that a form is
    ours, ``flow_cookie`` that a browser which comes back from a provider is the one that left.
    """

    def __init__(
        self,
        prefix: str,
        public_url: str | None,
        secure: bool | None,
        cookie: str,
        origins: Sequence[str],
        proxies: Sequence[str],
    ) -> None:
        self.prefix = prefix
        self.https = bool(public_url) and urlsplit(public_url or "").scheme == "https"
        self._public = origin_of(public_url) if public_url else None
        self.secure = _secure(public_url, secure)
        self._origins = tuple(origins)
        self._proxies = tuple(map(ipaddress.ip_network, proxies))
        kind = "__Host-" if self.secure else ""
        self.cookie = f"{kind}{cookie}"
        self.form_cookie = f"{kind}{cookie}_form"
        self.flow_cookie = f"{kind}{cookie}_flow"

    def absolute(self, handler: RequestHandler, path: str) -> str:
        """The address of ``path`` of this site, as another site is told it. Raises `HTTPError`."""
        request = handler.request
        if self._public is None and not is_loopback(request.host):
            raise HTTPError(421, reason="Set server.public_url to sign in on the pages of a provider")
        return f"{self._public or origin_of(f'{request.protocol}://{request.host}')}{self.prefix}{path}"

    def form_token(self, handler: RequestHandler) -> str:
        """The value that a form must send back, together with the cookie that is set here."""
        return self._mark(handler, self.form_cookie)

    def flow_mark(self, handler: RequestHandler) -> str:
        """The cookie by which a browser that comes back from a provider is known to be the same."""
        return self._mark(handler, self.flow_cookie)

    def _mark(self, handler: RequestHandler, cookie: str) -> str:
        token = handler.get_cookie(cookie) or ""
        if len(token) != 43:
            token = secrets.token_urlsafe(32)
        self._set_cookie(handler, cookie, token)
        return token

    def own_form(self, handler: RequestHandler) -> bool:
        """Whether a form of ours was sent: from a page of this site, and with its token."""
        cookie = handler.get_cookie(self.form_cookie) or ""
        sent = handler.get_body_argument("csrf", "")
        return len(cookie) == 43 and secrets.compare_digest(cookie.encode(), sent.encode()) and self.own_page(handler)

    def own_script(self, handler: RequestHandler) -> bool:
        """Whether a script of ours sent it: from a page of this site, and with the token as ``X-CSRF``."""
        cookie = handler.get_cookie(self.form_cookie) or ""
        sent = handler.request.headers.get("X-CSRF", "")
        return len(cookie) == 43 and secrets.compare_digest(cookie.encode(), sent.encode()) and self.own_page(handler)

    def own_page(self, handler: RequestHandler) -> bool:
        """Whether a page of this site sent the request (see `auth.origin.from_own_page`)."""
        return from_own_page(handler.request, self._own_origins(handler.request))

    def address(self, handler: RequestHandler) -> str:
        """The address of whoever asks."""
        return client_address(handler.request, self._proxies)

    def _own_origins(self, request: HTTPServerRequest) -> set[str]:
        origins = {self._public} if self._public else set()
        if is_loopback(request.host):
            origins.add(origin_of(f"{request.protocol}://{request.host}"))
        return origins

    def _own_socket(self, request: HTTPServerRequest) -> bool:
        """Whether a page that may do so opens this websocket, whatever the server itself was told to accept."""
        origin = request.headers.get("Origin")
        if origin is None or origin in self._own_origins(request):
            return True  # no browser is without
        host = urlsplit(origin).netloc
        return any(match_host(host, pattern) for pattern in self._origins)

    def _set_cookie(self, handler: RequestHandler, name: str, value: str) -> None:
        handler.set_cookie(name, value, path="/", httponly=True, secure=self.secure, samesite="Lax")


def _secure(public_url: str | None, secure: bool | None) -> bool:
    https = bool(public_url) and urlsplit(public_url or "").scheme == "https"
    if public_url and not https and not is_loopback(urlsplit(public_url).netloc):
        raise GateError(f"server.public_url: {public_url!r} sends passwords in the clear; expected https.")
    if secure is False and https:
        raise GateError("server.secure_cookies: 'no' contradicts an https public_url.")
    return https if secure is None else secure
