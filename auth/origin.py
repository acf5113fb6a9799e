"""Where a request comes from, and where a person may be sent."""

import ipaddress
import posixpath
from collections.abc import Collection
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from tornado.httputil import HTTPServerRequest

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

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


def client_address(request: HTTPServerRequest, proxies: Collection[Network]) -> str:
    """The address of whoever sent ``request``: the connection's own, or what trusted ``proxies`` say of it.

    X-Forwarded-For is read from the right, and only as far as trusted proxies wrote it: what stands before that was
    sent by a stranger.
    """
    address = _plain_address(request.remote_ip or "")
    hops = [hop.strip() for line in request.headers.get_list("X-Forwarded-For") for hop in line.split(",")]
    while hops and _within(address, proxies):
        before = _plain_address(hops.pop())
        if not before:
            break
        address = before
    return address


def neighbourhood(address: str) -> str:
    """What attempts from ``address`` are counted under: a household of IPv6 has a whole /64 to choose from."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else address


def _plain_address(text: str) -> str:
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    return str(getattr(found, "ipv4_mapped", None) or found)


def _within(address: str, networks: Collection[Network]) -> bool:
    return bool(address) and any(ipaddress.ip_address(address) in network for network in networks)


def _split(netloc: str) -> tuple[str | None, int | None]:
    try:
        parts = urlsplit(f"//{netloc}")
        return parts.hostname, parts.port
    except ValueError:
        return None, None


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
