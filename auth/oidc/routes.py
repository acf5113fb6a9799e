"""The routes of an OpenID Connect provider, under ``/auth/<key>/``.

``start`` sends the browser away, ``callback`` gets it back, ``out`` gets it back after signing
out, ``logout`` is called by the provider itself when somebody has signed out there.
"""

import json
import logging
import secrets
import traceback
from functools import partial
from typing import Any, Final

from tornado.web import HTTPError

from auth.gate import Gate
from auth.oidc.refusal import Refused, Stopped, Unreachable
from auth.origin import neighbourhood, safe_next
from auth.providers.oidc import Attempt, OidcProvider
from auth.records import Limit, ProviderSession
from auth.routes import PublicHandler, SignInShown

_STARTS_FREE: Final = 100
_REFUSALS_FREE: Final = 20
_LONGEST_STATE: Final = 128
_LONGEST: Final = 8192
_LONGEST_HINT: Final = 16_384

log = logging.getLogger(__name__)


class OidcHandler(SignInShown):
    """The base of the routes that a browser opens."""

    def initialize(self, gate: Gate, provider: OidcProvider) -> None:  # type: ignore[override]  # Tornado's own way
        super().initialize(gate)
        self.provider = provider

    @property
    def limits(self) -> list[Limit]:
        """Sign-ins begun from one address and not finished; each costs a row."""
        return [Limit(f"start {neighbourhood(self.gate.address(self))}", _STARTS_FREE)]

    def redirect_uri(self) -> str:
        """Where the provider sends the browser back to."""
        return self.gate.absolute(self, f"/auth/{self.provider.key}/callback")

    async def refuse(self, refused: Refused, wanted: str) -> None:
        """Say why nobody is signed in."""
        label, reason = self.provider.label, refused.reason
        await self.gate.audit(self, refused.kind, detail=f"{self.provider.key}: {reason}")
        if isinstance(refused, Stopped):
            words = f"You are not signed in: {reason}."
        elif isinstance(refused, Unreachable):
            words = f"{label} does not answer as it should now: {reason}. Please try again in a minute."
        else:
            words = (
                f"You are not signed in, because {label} did not answer as it should: {reason}. "
                "Please try again; if it happens again, ask for help."
            )
        self.show(refused.status, wanted, failed=words)


class Start(OidcHandler):
    """Sends the browser to the provider."""

    async def get(self) -> None:
        gate, provider = self.gate, self.provider
        if self.request.headers.get("Sec-Fetch-Dest", "document") != "document":
            raise HTTPError(403, reason="Open this address as a page of its own")
        wanted = safe_next(self.get_query_argument("next", ""), gate.prefix)
        wait = await gate.ask(gate.store.attempt, self.limits)
        if wait > 0:
            await gate.audit(self, "throttled", detail=provider.key)
            self.set_header("Retry-After", str(int(wait) + 1))
            self.show(429, wanted, failed=f"Too many attempts. Please try again in {int(wait) + 1} s.")
            return
        state, browser = secrets.token_urlsafe(32), gate.flow_mark(self)
        begun = await gate.ask(gate.store.flows.begin, state, browser, provider.key, wanted)
        try:
            url = await provider.authorization_url(Attempt(state, browser, begun, self.redirect_uri()))
        except Refused as refused:
            await self.refuse(refused, wanted)
            return
        self.redirect(url, status=303)


class Callback(OidcHandler):
    """Gets the browser back from the provider."""

    async def get(self) -> None:
        gate, provider = self.gate, self.provider
        answer = self._answer()
        state, browser = answer.get("state", ""), self.get_cookie(gate.flow_cookie) or ""
        flow = None
        if 0 < len(state) <= _LONGEST_STATE and len(browser) == 43:
            flow = await gate.ask(gate.store.flows.take, state, browser, provider.key)
        if flow is None:
            await self._unknown()
            return
        wanted = safe_next(flow.wanted, gate.prefix)
        attempt = Attempt(state, browser, flow.begun, self.redirect_uri())
        try:
            proven = await provider.proven(attempt, answer)
        except Refused as refused:
            await self.refuse(refused, wanted)
            return
        except Exception as error:
            reference = secrets.token_hex(4)
            # Where it happened, without its text: that may hold a token.
            where = "".join(traceback.format_tb(error.__traceback__))
            log.error("Sign-in by %s: %s, reference %s\n%s", provider.key, type(error).__name__, reference, where)
            await gate.audit(self, "unavailable", detail=f"{provider.key}: reference {reference}")
            words = f"Signing in failed here. Please try again, or ask for help (reference {reference})."
            self.show(503, wanted, failed=words)
            return
        await gate.ask(gate.store.give_back, self.limits)
        hint = proven.id_token if len(proven.id_token) <= _LONGEST_HINT else ""
        goes = await gate.arrived(self, proven.identity, wanted, ProviderSession(proven.sid, hint))
        self.redirect(goes, status=303)

    def _answer(self) -> dict[str, str]:
        """What the provider sent along, each thing once; a stranger's input."""
        answer = {}
        for name in ("state", "code", "iss", "error"):
            values = self.get_query_arguments(name)
            if len(values) > 1 or any(len(value) > _LONGEST for value in values):
                return {}
            if values:
                answer[name] = values[0]
        return answer

    async def _unknown(self) -> None:
        """The browser did not leave from here, or has been back already."""
        if await self.gate.current(self) is not None:
            self.redirect(f"{self.gate.prefix}/", status=303)
            return
        detail = f"{self.provider.key}: came back without having left"
        await self.gate.audit(self, "failure", detail=detail)
        words = "This sign-in was begun in another browser, or too long ago. Please begin again."
        self.show(400, f"{self.gate.prefix}/", failed=words)


class Out(OidcHandler):
    """Gets the browser back from signing out at the provider."""

    async def get(self) -> None:
        self.redirect(f"{self.gate.prefix}/login?out=1", status=303)


class BackChannel(PublicHandler):
    """Told by the provider that somebody has signed out there (OpenID Connect Back-Channel Logout 1.0).

    Anybody may call it; only what the provider has signed counts, and that once.
    """

    def initialize(self, gate: Gate, provider: OidcProvider) -> None:  # type: ignore[override]  # Tornado's own way
        super().initialize(gate)
        self.provider = provider

    async def post(self) -> None:
        gate, provider = self.gate, self.provider
        try:
            logout = await provider.logged_out(self.get_body_argument("logout_token", ""))
            used = f"logout {provider.key} {logout.token_id}"
            if not await gate.ask(gate.store.flows.use_once, used, logout.until):
                raise Refused("its statement was used before")
        except Refused as refused:
            await self._refuse(refused)
            return
        reason = f"signed out at {provider.key}"
        if logout.sid:
            end = partial(gate.store.revoke_provider_session, provider.key, logout.sid, logout.subject, reason)
        else:
            end = partial(gate.store.revoke_identity, provider.key, logout.subject, reason)
        ended = await gate.ask(end)
        await gate.sweep()
        detail = f"{provider.key}: {ended} login session{'' if ended == 1 else 's'} ended"
        await gate.audit(self, "back-channel logout", logout.subject, detail)
        self.finish()

    async def _refuse(self, refused: Refused) -> None:
        gate = self.gate
        # A stranger may call as often as he likes, but not fill the audit trail.
        limit = Limit(f"logout {neighbourhood(gate.address(self))}", _REFUSALS_FREE)
        if await gate.ask(gate.store.attempt, [limit]) <= 0:
            await gate.audit(self, "logout refused", detail=f"{self.provider.key}: {refused.reason}")
        unreachable = isinstance(refused, Unreachable)
        self.set_status(503 if unreachable else 400)
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps({"error": "temporarily_unavailable" if unreachable else "invalid_request"}))


def patterns(gate: Gate, provider: OidcProvider) -> list[tuple[Any, ...]]:
    """The routes. Bokeh puts the site's prefix in front."""
    mine = {"gate": gate, "provider": provider}
    return [
        (rf"/auth/{provider.key}/start", Start, mine),
        (rf"/auth/{provider.key}/callback", Callback, mine),
        (rf"/auth/{provider.key}/out", Out, mine),
        (rf"/auth/{provider.key}/logout", BackChannel, mine),
    ]
