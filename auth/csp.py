"""The Content-Security-Policy of every page, and the headers of every answer.

A page may run only the scripts that this server wrote into it: each carries a nonce that is new
with every answer. Markup that reaches a page as text of the database (``<img onerror=…>``, an
inserted ``<script>``, ``javascript:`` links) stays dead, whatever component shows it.
"""

import re
import secrets
from typing import Final

from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.web import OutputTransform

# What Panel needs, found by trying in Chromium (`tests/browser/test_auth_csp.py`):
# - es-module-shims *fetches* the `_esm` of a JSComponent from a blob: URL (connect-src), then runs
#   it as a script with the page's nonce: script-src needs neither blob: nor 'unsafe-eval'. A
#   component whose `_bundle` is a Path is a file of /components/ and needs neither;
# - Bokeh writes <style> elements into shadow roots, so style-src needs 'unsafe-inline';
# - icons of widgets are data: images.
# Frames are for pages that pipelines wrote: those come with a policy of their own, and all else of ours refuses frames.
_DIRECTIVES: Final = {
    "default-src": "'none'",
    "script-src": "'self' 'nonce-{nonce}'",
    "script-src-attr": "'none'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "connect-src": "'self' blob:",
    "worker-src": "'self'",
    "manifest-src": "'self'",
    "media-src": "'self'",
    "object-src": "'none'",
    "frame-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}

_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: browsers then send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}

# A year. Sub-domains are not ours to decide on.
_ONLY_HTTPS: Final = "max-age=31536000"

# A whole script element at a time, so that a "<script" inside a script's own text gets no nonce.
_SCRIPT: Final = re.compile(rb"<script\b([^>]*)>(.*?)</script\s*>", re.IGNORECASE | re.DOTALL)
_NONCE: Final = re.compile(rb"\snonce\s*=", re.IGNORECASE)


def policy(nonce: str) -> str:
    """The page's Content-Security-Policy, for scripts that carry ``nonce``."""
    return "; ".join(f"{name} {value.format(nonce=nonce)}" for name, value in _DIRECTIVES.items())


def with_nonce(html: bytes, nonce: str) -> bytes:
    """``html`` with the nonce on each script element that the server wrote."""

    def marked(script: re.Match[bytes]) -> bytes:
        attributes, text = script.groups()
        if _NONCE.search(attributes):
            return script.group(0)
        return b'<script nonce="%s"%s>%s</script>' % (nonce.encode(), attributes, text)

    return _SCRIPT.sub(marked, html)


class PageSecurity(OutputTransform):
    """Tornado's hook on what goes out: headers on every answer, nonce and policy on every page.

    It stands before compression in the application's list of transforms. A handler that states a
    Content-Security-Policy of its own keeps it. ``https``: browsers shall never ask this site in the clear again.
    """

    def __init__(self, request: HTTPServerRequest, *, https: bool = False) -> None:
        self._nonce: str | None = None
        self._https = https

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        for name, value in _HEADERS.items():
            headers.setdefault(name, value)
        if self._https:
            headers["Strict-Transport-Security"] = _ONLY_HTTPS
        headers.pop("Server", None)
        if headers.get("Content-Type", "").startswith("text/html"):
            # A page kept by a browser would come back with the nonce of another answer.
            headers["Cache-Control"] = "no-store"
            headers.pop("Etag", None)
            if "Content-Security-Policy" not in headers:
                self._nonce = secrets.token_urlsafe(16)
                headers["Content-Security-Policy"] = policy(self._nonce)
                chunk = with_nonce(chunk, self._nonce)
                if "Content-Length" in headers and finishing:
                    headers["Content-Length"] = str(len(chunk))
        return status_code, headers, chunk

    def transform_chunk(self, chunk: bytes, finishing: bool) -> bytes:
        return chunk if self._nonce is None else with_nonce(chunk, self._nonce)
