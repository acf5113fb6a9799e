"""Where a request comes from, and where a person may be sent."""

import posixpath
from collections.abc import Collection
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from tornado.httputil import HTTPServerRequest

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_LONGEST_NEXT: Final = 4000
# Pages that would send a person round in circles.
_NOT_NEXT: Final = ("login", "logout", "auth")


def safe_next(wanted: str, prefix: str = "") -> str:
    """``wanted`` when it is an address of this site, else the site's first page.

    ``wanted`` is a stranger's input. Only a path with its query passes: no host, no scheme, no
    backslash (browsers read it as a slash), no control characters, nothing under the sign-in pages.
    """
    home = f"{prefix}/"
    if len(wanted) > _LONGEST_NEXT or not wanted.isprintable() or " " in wanted or "\\" in wanted:
        return home
    path = wanted.partition("?")[0].partition("#")[0]
    # Decoded twice, because a proxy may decode once and somebody behind it again.
    for text in (path, unquote(path), unquote(unquote(path))):
        if not text.startswith("/") or "//" in text or "\\" in text or not text.isprintable():
            return home
    clean = posixpath.normpath(unquote(path))
    if not f"{clean}/".startswith(home):
        return home
    if clean[len(prefix) :].strip("/").partition("/")[0].casefold() in _NOT_NEXT:
        return home
    return "".join(c if c.isascii() else quote(c) for c in wanted)


def is_loopback(host: str) -> bool:
    """Whether ``host`` (``host:port``, as in a Host header) names this computer itself."""
    return (_split(host)[0] or "") in _LOOPBACK


def origin_of(url: str) -> str:
    """``scheme://host[:port]`` of a URL, in the form in which browsers send it."""
    parts = urlsplit(url)
    host, port = _split(parts.netloc)
    if port is None or port == {"http": 80, "https": 443}.get(parts.scheme):
        return f"{parts.scheme}://{_bracketed(host or '')}"
    return f"{parts.scheme}://{_bracketed(host or '')}:{port}"


def from_own_page(request: HTTPServerRequest, origins: Collection[str]) -> bool:
    """Whether a page of this site sent ``request``, by what the browser says of it.

    A page of another site can forge neither header. A request with neither is refused.
    """
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site is not None and site != "same-origin":
        return False
    if origin is not None:
        return origin in origins
    return site is not None


def _split(netloc: str) -> tuple[str | None, int | None]:
    try:
        parts = urlsplit(f"//{netloc}")
        return parts.hostname, parts.port
    except ValueError:
        return None, None


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
