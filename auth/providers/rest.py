"""Signing in with a name and a password that a web service of the site judges.

The dashboard posts ``{"login": …, "password": …}`` as JSON. The service answers 200 with a JSON object that names the
person, or 401 or 403 for no. Everything else is no answer: the person is told to try later.
"""

import json
import logging
import re
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from tornado.httpclient import HTTPClient, HTTPError, HTTPRequest
from tornado.simple_httpclient import SimpleAsyncHTTPClient

from auth.identity import Identity
from auth.origin import is_loopback
from auth.providers import Misconfigured, ProviderUnavailable
from auth.tls import client_context

_NO: Final = frozenset({401, 403})
_LARGEST: Final = 65_536
_LONGEST: Final = 255
_MOST_GROUPS: Final = 1000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RestOptions:
    """What a site says of its service. The ``…_field`` name the members of its answer; ``seconds`` bounds all of it."""

    url: str
    token: str = field(default="", repr=False)
    ca_file: str = ""
    strict_ca: bool = True
    login_pattern: str = "[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
    subject_field: str = "subject"
    login_field: str = "login"
    name_field: str = "name"
    groups_field: str = "groups"
    allowed_groups: tuple[str, ...] = ()
    seconds: float = 8.0


class WebService:
    """A web service that knows passwords (a `auth.providers.PasswordProvider`).

    Raises `Misconfigured` where the options cannot be used; connects to nothing yet.
    """

    def __init__(self, key: str, label: str, options: RestOptions, *, trusted_logins: bool = False) -> None:
        self.key: Final = key
        self.label: Final = label
        self.trusted_logins: Final = trusted_logins
        self._options = options
        parts = urlsplit(options.url)
        if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.netloc)):
            raise Misconfigured("url", f"must be https://, or http:// on this computer, not {options.url!r}")
        try:
            self._tls = client_context(options.ca_file, strict=options.strict_ca)
        except OSError as error:
            raise Misconfigured("ca_file", f"must be a PEM file of certificates: {options.ca_file} is not") from error
        self._allowed = re.compile(options.login_pattern)

    def authenticate(self, login: str, password: str) -> Identity | None:
        """Who that is, as the service spells the name, or None. Raises `ProviderUnavailable`."""
        if not self._allowed.fullmatch(login) or not password or "\0" in password:
            return None
        status, body = self._ask({"login": login, "password": password})
        if status in _NO:
            return None
        if status != 200:
            raise self._unavailable(f"it answers {status}")
        return self._identity(body)

    def check(self) -> str:
        """What the service says to a name without a password. Raises `ProviderUnavailable`."""
        status, _ = self._ask({"login": "", "password": ""})
        if status == 200:
            raise self._unavailable("it takes an empty name and password for right")
        if status not in _NO:
            raise self._unavailable(f"it answers {status} to a wrong password; expected 401 or 403")
        return f"{self._options.url} answers"

    def _ask(self, question: dict[str, str]) -> tuple[int, bytes]:
        """Status and body of the answer."""
        options = self._options
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if options.token:
            headers["Authorization"] = f"Bearer {options.token}"
        request = HTTPRequest(
            options.url,
            "POST",
            headers,
            json.dumps(question),
            connect_timeout=options.seconds,
            request_timeout=options.seconds,
            follow_redirects=False,
            decompress_response=False,
            ssl_options=self._tls if options.url.startswith("https:") else None,
        )
        # Its loop is of this thread; `request_timeout` is for all of the answer, however it drips.
        client = HTTPClient(SimpleAsyncHTTPClient, max_body_size=_LARGEST, max_header_size=_LARGEST)
        try:
            answer = client.fetch(request, raise_error=False)
        except (HTTPError, OSError, ValueError) as error:
            raise self._unavailable(_reason(error)) from error
        finally:
            client.close()
        if answer.error is not None and answer.code == 599:  # Tornado's own: no answer at all
            raise self._unavailable(_reason(answer.error))
        return answer.code, answer.body or b""

    def _identity(self, body: bytes) -> Identity | None:
        options = self._options
        try:
            said: Any = json.loads(body)
        except (ValueError, RecursionError):
            raise self._unavailable("its answer is no JSON") from None
        if not isinstance(said, dict):
            raise self._unavailable("its answer is no JSON object")
        subject = said.get(options.subject_field)
        if isinstance(subject, int) and not isinstance(subject, bool):
            subject = str(subject)
        subject = self._text(subject, options.subject_field)
        login = self._text(said.get(options.login_field), options.login_field)
        name = self._text(said.get(options.name_field) or login, options.name_field)
        groups = said.get(options.groups_field) or []
        if not isinstance(groups, list) or len(groups) > _MOST_GROUPS or not all(isinstance(g, str) for g in groups):
            raise self._unavailable(f"its answer has no usable {options.groups_field!r}")
        if options.allowed_groups and not set(groups) & set(options.allowed_groups):
            log.info("sign-in by %s: %r is in none of the allowed groups", self.key, login)
            return None
        return Identity(self.key, subject, login, name, tuple(groups))

    def _text(self, value: object, member: str) -> str:
        if not isinstance(value, str) or not value.strip() or not value.isprintable() or len(value) > _LONGEST:
            raise self._unavailable(f"its answer has no usable {member!r}")
        return value.strip()

    def _unavailable(self, reason: str) -> ProviderUnavailable:
        log.warning("sign-in by %s: %s: %s", self.key, self._options.url, reason)
        return ProviderUnavailable(f"{self._options.url}: {reason}")


def _reason(error: BaseException) -> str:
    """What went wrong, on one line; such errors quote nothing that was sent."""
    return " ".join(str(error).split())[:300] or type(error).__name__
