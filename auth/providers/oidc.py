"""Signing in by OpenID Connect: the authorization-code flow with PKCE, and both ways of signing out."""

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import httpx2
from authlib.integrations.base_client import OAuthError

from auth.identity import Identity
from auth.oidc.claims import identity_of, merged, missing
from auth.oidc.issuer import Addresses, Issuer, Key
from auth.oidc.options import OidcOptions
from auth.oidc.refusal import Refused, Stopped, UnknownKey, Unreachable
from auth.oidc.tokens import Logout, check_id_token, check_logout_token, verified
from auth.oidc.web import client, fetched, tls_of, trouble
from auth.providers import ProviderUnavailable

# An address much longer than this is refused by servers and proxies.
_LONGEST_HINT: Final = 4000


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sign-in under way, as one browser began it.

    Nonce and PKCE verifier are derived from the browser's cookie, so the database holds neither.
    """

    state: str
    browser: str
    begun: float
    redirect_uri: str

    @property
    def nonce(self) -> str:
        """Names this attempt in the provider's statement."""
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        """Proves to the provider that who brings the code is who asked for it."""
        return self._derived("verifier")

    def _derived(self, purpose: str) -> str:
        made = hmac.digest(self.browser.encode(), f"{purpose} {self.state}".encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(made).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class Proven:
    """What a finished sign-in gives. ``sid`` is the provider's own session, ``id_token`` a hint for signing out."""

    identity: Identity
    sid: str
    id_token: str


class OidcProvider:
    """One OpenID Connect provider (a `auth.providers.RedirectProvider`).

    Nothing is asked of it before somebody signs in, so one that is down holds up nothing else.
    Raises `auth.providers.Misconfigured`.
    """

    def __init__(self, key: str, options: OidcOptions, label: str = "", *, trusted_logins: bool = False) -> None:
        self.key: Final = key
        self.label: Final = label or key
        self.trusted_logins: Final = trusted_logins
        self.options: Final = options
        self._tls = tls_of(options)
        self._issuer = Issuer(options, self._tls)

    def patterns(self, gate: Any) -> list[tuple[Any, ...]]:
        """The routes of this provider: start, callback, after logout, back-channel logout."""
        from auth.oidc import routes  # not above: routes are made of the gate

        return routes.patterns(gate, self)

    def check(self) -> str:
        """Read the provider's description and keys, outside of any event loop. Raises `ProviderUnavailable`."""

        async def ask() -> int:
            async with self._patience():
                await self._issuer.addresses()
                return len(await self._issuer.keys())

        try:
            keys = asyncio.run(ask())
        except Refused as error:
            raise ProviderUnavailable(f"{self.options.issuer}: {error.reason}") from error
        return f"{self.options.issuer} answers, with {keys} key{'' if keys == 1 else 's'} that it signs with"

    async def authorization_url(self, attempt: Attempt) -> str:
        """Where the browser goes to sign in. Raises `Refused` and `Unreachable`."""
        async with self._patience():
            where = await self._issuer.addresses()
            more = {"prompt": self.options.prompt} if self.options.prompt else {}
            async with client(self.options, self._tls, redirect_uri=attempt.redirect_uri) as asker:
                url, _ = asker.create_authorization_url(
                    where.authorization,
                    state=attempt.state,
                    code_verifier=attempt.verifier,
                    nonce=attempt.nonce,
                    **more,
                )
            return str(url)

    async def proven(self, attempt: Attempt, answer: Mapping[str, str]) -> Proven:
        """Who came back from the provider with ``answer``. Raises `Refused` and `Unreachable`."""
        async with self._patience():
            where = await self._issuer.addresses()
            self._check_answer(answer, where)
            auth = where.client_auth
            async with client(self.options, self._tls, auth=auth, redirect_uri=attempt.redirect_uri) as asker:
                token = await self._token(asker, where, attempt, answer["code"])
                given = token.get("access_token")
                access_token = given if isinstance(given, str) and given.isascii() and given.isprintable() else ""
                header, claims = await self._verified(token.get("id_token"), "its statement")
                check_id_token(
                    header,
                    claims,
                    self.options,
                    nonce=attempt.nonce,
                    begun=attempt.begun,
                    now=time.time(),
                    access_token=access_token,
                )
                sid = claims.get("sid")
                if where.userinfo and access_token and missing(claims, self.options):
                    more = await fetched(asker, where.userinfo, "its description of you", access_token)
                    claims = merged(claims, more)
            known = isinstance(sid, str) and len(sid) <= 255
            return Proven(
                identity_of(self.key, claims, self.options), str(sid) if known else "", str(token["id_token"])
            )

    async def logged_out(self, token: str) -> Logout:
        """Whom a logout token signs out; it may have been used before. Raises `Refused` and `Unreachable`."""
        async with self._patience():
            header, claims = await self._verified(token, "its statement")
            return check_logout_token(header, claims, self.options, now=time.time())

    async def logout_url(self, hint: str, login: str, back: str) -> str | None:
        """Where a browser is signed out of the provider too (RP-initiated logout); None where nowhere."""
        where = self._issuer.known
        if where is None:
            try:
                async with asyncio.timeout(min(3.0, self.options.seconds)):
                    where = await self._issuer.addresses()
            except (Refused, TimeoutError):
                return None
        if not where.end_session:
            return None
        given = {"client_id": self.options.client_id, "post_logout_redirect_uri": back}
        if hint and len(hint) <= _LONGEST_HINT:
            given["id_token_hint"] = hint
        else:
            given["logout_hint"] = login
        return where.end_session + ("&" if "?" in where.end_session else "?") + urlencode(given)

    # -- the parts of `proven` --------------------------------------------------------------

    def _check_answer(self, answer: Mapping[str, str], where: Addresses) -> None:
        stated = answer.get("iss", "")
        if stated != self.options.issuer and (stated or where.states_issuer):
            raise Refused("the answer is of another issuer")
        error = answer.get("error", "")
        if error == "access_denied":
            raise Stopped("the sign-in was stopped there")
        if error in {"temporarily_unavailable", "server_error"}:
            raise Unreachable("it says that it cannot sign you in now")
        if error:
            raise Refused("it refused what this site asked for")
        if not answer.get("code"):
            raise Refused("it sent you back without an answer")

    async def _token(self, asker: Any, where: Addresses, attempt: Attempt, code: str) -> Mapping[str, Any]:
        try:
            token = await asker.fetch_token(
                where.token, grant_type="authorization_code", code=code, code_verifier=attempt.verifier
            )
        except OAuthError as error:
            raise Refused("it did not accept its own answer") from error
        except httpx2.HTTPStatusError as error:
            status = error.response.status_code
            kind = Unreachable if status >= 500 or status == 429 else Refused
            raise kind(f"it did not give its statement (HTTP {status})") from error
        except (httpx2.HTTPError, OSError) as error:
            raise Unreachable(f"it did not give its statement ({trouble(error)})") from error
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise Refused("its answer cannot be read") from error
        if not isinstance(token, Mapping) or "id_token" not in token:
            raise Refused("it gave no statement about you")
        return token

    async def _verified(self, token: object, what: str) -> tuple[dict[str, Any], dict[str, Any]]:
        keys: Sequence[Key] = await self._issuer.keys()
        try:
            return verified(token, keys, self.options, what)
        except UnknownKey:
            return verified(token, await self._issuer.keys(again=True), self.options, what)

    @asynccontextmanager
    async def _patience(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self.options.seconds):
                yield
        except TimeoutError as error:
            raise Unreachable("it takes too long") from error
