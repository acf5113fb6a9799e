"""Talking to a provider over HTTP: no redirects, no proxies of the environment, answers of bounded size."""

import json
import ssl
from collections.abc import AsyncIterator
from typing import Any, Final

import httpx2
from authlib.integrations.httpx_client import AsyncOAuth2Client

from auth.oidc.options import OidcOptions
from auth.oidc.refusal import Refused, Unreachable
from auth.providers import Misconfigured
from auth.tls import client_context

LARGEST: Final = 262_144


class _Bounded(httpx2.AsyncByteStream):
    """A body that ends in `Refused` when it goes on for too long."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            if size > LARGEST:
                raise Refused("its answer is larger than any such answer should be")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


class Transport(httpx2.AsyncHTTPTransport):
    """Asks for bodies as they are: a small compressed one may stand for gigabytes."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        request.headers["Accept-Encoding"] = "identity"
        answer = await super().handle_async_request(request)
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            await answer.aclose()
            raise Refused("its answer is compressed, which was not asked for")
        stream = _Bounded(answer.stream)
        return httpx2.Response(answer.status_code, headers=answer.headers, stream=stream, extensions=answer.extensions)


def tls_of(options: OidcOptions) -> ssl.SSLContext:
    """What certificates the provider may show. Raises `Misconfigured`."""
    try:
        return client_context(options.ca_file, strict=options.strict_ca)
    except OSError:
        raise Misconfigured("ca_file", f"{options.ca_file!r} holds no certificates that can be read.") from None


def client(options: OidcOptions, tls: ssl.SSLContext, *, auth: str = "none", redirect_uri: str = "") -> Any:
    """A client for one errand, to be used in ``async with``."""
    return AsyncOAuth2Client(
        client_id=options.client_id,
        client_secret=options.client_secret or None,
        token_endpoint_auth_method=auth,
        scope=" ".join(options.scopes),
        redirect_uri=redirect_uri or None,
        code_challenge_method="S256",
        transport=Transport(verify=tls),
        follow_redirects=False,
        timeout=options.seconds,
        trust_env=False,
    )


async def fetched(asker: Any, url: str, what: str, access_token: str = "") -> dict[str, Any]:
    """The JSON object at ``url``. Raises `Refused` and `Unreachable`, with ``what`` in their words."""
    headers = {"Accept": "application/json"}
    if access_token:
        # By hand: Authlib takes a token that lasts a minute, as Keycloak's do, for expired.
        headers["Authorization"] = f"Bearer {access_token}"
    try:
        answer = await asker.request("GET", url, headers=headers, withhold_token=True)
    except (httpx2.HTTPError, OSError) as error:
        raise Unreachable(f"{what} cannot be fetched ({trouble(error)})") from error
    if answer.status_code >= 500 or answer.status_code == 429:
        raise Unreachable(f"{what} cannot be fetched (HTTP {answer.status_code})")
    if answer.status_code != 200:
        raise Refused(f"{what} cannot be fetched (HTTP {answer.status_code})")
    return json_object(answer.content, what)


def trouble(error: Exception) -> str:
    """What went wrong on the way, in our words."""
    if isinstance(error, httpx2.TimeoutException):
        return "it takes too long"
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return "its certificate is not accepted"
    return "no connection" if isinstance(error, httpx2.ConnectError) else type(error).__name__


def json_object(content: bytes, what: str) -> dict[str, Any]:
    """``content`` as a JSON object. Raises `Refused`."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise Refused(f"{what} cannot be read") from None
    if not isinstance(found, dict):
        raise Refused(f"{what} cannot be read")
    return found
