"""The gate: in front of every route of the server, Bokeh's and our own.

It is a Bokeh auth provider, so `panel serve --auth-module` and `panel.serve(auth_provider=…)` both
take it. Its hook runs in ``prepare`` of each handler, before anything is read or made.
"""

import asyncio
import logging
import re
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, ParamSpec, TypeVar
from urllib.parse import quote, urlsplit

from bokeh.server.auth_provider import AuthProvider
from bokeh.server.views.auth_request_handler import AuthRequestHandler
from bokeh.server.views.autoload_js_handler import AutoloadJsHandler
from sqlalchemy.exc import SQLAlchemyError
from tornado.ioloop import PeriodicCallback
from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

from auth.binding import Answers, Sockets
from auth.csp import PageSecurity
from auth.identity import ATTRIBUTE, Identity, SignedIn
from auth.origin import is_loopback, neighbourhood
from auth.people import Known, People
from auth.providers import PasswordProvider, Provider, RedirectProvider
from auth.records import LoginSession, ProviderSession
from auth.requests import hide_secrets, refuse, wants_page
from auth.site import GateError as GateError
from auth.site import Site
from auth.sparing import SPARED, Sparing
from auth.store import Store, digest

_LARGEST_BODY: Final = 1_000_000  # bytes; a stranger may send that much
_LARGEST_MESSAGE: Final = 2_000_000  # bytes of a websocket's message
_SWEEP_MS: Final = 500.0
_TIDY_EVERY: Final = 1200  # sweeps
_KEY: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """Somebody of the demo facility, offered as a button on the sign-in page."""

    login: str
    password: str = field(repr=False)
    who: str


class Gate(Site):
    """Lets in who has a login session, and binds what they open to it.

    ``prefix`` is the path under which the site is shown, as given to Bokeh's server.
    ``public_url`` is the address people type; without it the site answers on loopback only.
    ``secure`` (cookies over https only) follows from it. ``origins`` are further hosts (``host`` or
    ``host:port``) whose pages may open a websocket. ``proxies`` are networks whose word about the client's address
    is taken. ``seconds`` is how long a provider may take to answer. ``people`` tells whom the application knows:
    others are shown a page that says so, with ``support``, whom to ask. Without it everybody is let in.
    """

    def __init__(
        self,
        store: Store,
        providers: Sequence[Provider],
        *,
        prefix: str = "",
        public_url: str | None = None,
        secure: bool | None = None,
        title: str = "ISPyB Lens",
        note: str = "",
        demo: Sequence[DemoPerson] = (),
        cookie: str = "ispyb_sid",
        origins: Sequence[str] = (),
        proxies: Sequence[str] = (),
        seconds: float = 10.0,
        people: People | None = None,
        support: str = "",
    ) -> None:
        if not providers:
            raise GateError("login: no way to sign in is set; expected at least one provider.")
        super().__init__(prefix.rstrip("/"), public_url, secure, cookie, origins, proxies)
        self.store = store
        self.providers = {provider.key: provider for provider in providers}
        if len(self.providers) < len(providers):
            raise GateError("login: two providers have the same key; expected each once.")
        for key in self.providers:
            if not _KEY.fullmatch(key):
                raise GateError(f"login.providers: {key!r} cannot be part of an address; expected a-z, 0-9, - and _.")
        self.passwords = {k: p for k, p in self.providers.items() if isinstance(p, PasswordProvider)}
        self.redirects = {k: p for k, p in self.providers.items() if isinstance(p, RedirectProvider)}
        self.title = title
        self.note = note
        self.demo = tuple(demo)
        self.seconds = seconds
        self.known = Known(people)
        self.support = support
        self._sparing = Sparing()
        # This computer serves others, in the clear, under the same name.
        https = self.https and not is_loopback(urlsplit(public_url or "").netloc)
        self._headers = partial(PageSecurity, https=https)
        self.sockets = Sockets()
        self.answers = Answers()
        # Threads of their own: a provider that hangs must not hold up pages or another provider.
        self._threads = {key: ThreadPoolExecutor(2, thread_name_prefix=f"sign-in-{key}") for key in self.passwords}
        self._store_threads = ThreadPoolExecutor(4, thread_name_prefix="login-sessions")
        self._installed: weakref.WeakSet[Application] = weakref.WeakSet()
        self._sweeper: PeriodicCallback | None = None
        self._sweeps = 0

    # -- set-up -----------------------------------------------------------------------------

    def provider(self) -> AuthProvider:
        """For ``auth_provider=`` of Bokeh's server and of `panel.serve`."""
        return _Provider(self)

    def patterns(self) -> list[tuple[Any, ...]]:
        """The gate's own routes: ``extra_patterns=``, or ``ROUTES`` of a ``--plugins`` module."""
        from auth import routes  # not above: routes are made of the gate

        return routes.patterns(self)

    def install(self, application: Application, *, allow: Sequence[str] = ()) -> None:
        """Take charge of a server's application: `server._tornado`, before it serves.

        Checks that every route is gated (`auth.coverage.require_gated`, which raises) and sets the
        security headers. Where nobody calls it (`panel serve`), the first request does, and a
        server that fails the check answers 503 to everything.
        """
        if application in self._installed:
            return
        from auth import coverage

        shown = getattr(application, "prefix", self.prefix)
        if shown != self.prefix:
            raise GateError(f"server.prefix: the server has {shown!r}, the gate {self.prefix!r}.")
        coverage.only_loaded_components()
        coverage.no_traces()
        coverage.require_gated(application, allow=allow)
        # First, so that it sees pages before they are compressed.
        application.transforms.insert(0, self._headers)  # type: ignore[arg-type]
        coverage.limit_sizes(application, body=_LARGEST_BODY, message=_LARGEST_MESSAGE)
        self._installed.add(application)

    def stop(self) -> None:
        """Stop sweeping, for tests and for a server that ends in a living process."""
        if self._sweeper is not None:
            self._sweeper.stop()
            self._sweeper = None

    # -- Bokeh's hook -----------------------------------------------------------------------

    async def get_user_async(self, handler: RequestHandler) -> str | None:
        """Bokeh's hook: who asks, or None. Answers the request itself where it is refused."""
        who = await self.admit(handler)
        return None if who is None else who.identity.key

    def get_login_url(self, handler: RequestHandler) -> str:
        """Bokeh's hook: the sign-in page that leads to this request's address afterwards."""
        return self.login_url(handler.request.uri or "/")

    def login_url(self, wanted: str) -> str:
        """The sign-in page that leads to ``wanted`` afterwards."""
        return f"{self.prefix}/login?next={quote(wanted, safe='/')}"

    def start_url(self, provider: str, wanted: str) -> str:
        """Where signing in by a redirect provider begins."""
        return f"{self.prefix}/auth/{provider}/start?next={quote(wanted, safe='/')}"

    async def admit(self, handler: RequestHandler) -> SignedIn | None:
        """Let a request in and write its identity on it; else answer it and return None.

        Documents are sent to the sign-in page, all else gets 401, websockets get 403.
        """
        self.greet(handler)
        request = handler.request
        page = wants_page(handler)
        session_id = self.session_id(handler)
        chosen = "Bokeh-Session-Id" in request.headers or any(
            name in request.arguments for name in ("bokeh-session-id", "bokeh-token")
        )
        address = self.address(handler)
        hide_secrets(handler)
        if chosen:
            refuse(handler, 403, "This page cannot be opened by the id of a session.")
            return None
        if isinstance(handler, AutoloadJsHandler):
            refuse(handler, 403, "This site cannot be shown inside another.")
            return None
        session = await self._session(session_id)
        if session is None:
            if page:
                handler.redirect(self.get_login_url(handler), status=303)
                return None
            refuse(handler, 401, "You are not signed in.")
            return None
        who = SignedIn(session.identity, session.session_hash, address)
        if isinstance(handler, WebSocketHandler) and not self._own_socket(request):
            log.warning("refused a websocket from a page of another site")
            return None
        if isinstance(handler, WebSocketHandler) and not self.sockets.admit(handler, who):
            log.warning("refused a websocket to the page of another sign-in")
            refuse(handler, 403, "This page was opened under another sign-in.")
            return None
        if page:
            person = await self.known.person(session.identity)
            if person is None:
                handler.redirect(f"{self.prefix}/auth/unknown", status=303)
                return None
            await self.ask(self.store.persons.note, session.session_hash, person)
        setattr(request, ATTRIBUTE, who)
        if isinstance(handler, AuthRequestHandler) and not isinstance(handler, WebSocketHandler):
            handler.set_header("Cache-Control", "private, no-store")
        if page:
            await self.ask(self.store.touch, who.session_hash)
        return who

    def greet(self, handler: RequestHandler) -> None:
        """What every request of ours passes first. Raises `HTTPError`."""
        application = handler.application
        if application not in self._installed:
            try:
                self.install(application)
            except Exception:
                log.critical("The gate refuses to serve.", exc_info=True)
                raise HTTPError(503) from None
            # Tornado has chosen this request's transforms already.
            transforms: Any = getattr(handler, "_transforms", None)
            if transforms is not None:
                transforms.insert(0, self._headers(handler.request))
        if self._sweeper is None:
            # Not before: this is the server's loop, and a server of several processes has forked.
            self._sweeper = PeriodicCallback(self.sweep, _SWEEP_MS)
            self._sweeper.start()
        if not self.secure and not is_loopback(handler.request.host):
            # A name of somebody else's that resolves to this computer would make its pages ours.
            raise HTTPError(421, reason="Set server.public_url to serve under this name")

    # -- login sessions ---------------------------------------------------------------------

    def session_id(self, handler: RequestHandler) -> str:
        """What the browser gives as the id of its login session; a stranger's input."""
        return handler.get_cookie(self.cookie) or ""

    async def _session(self, session_id: str) -> LoginSession | None:
        return await self.ask(self.store.look_up, session_id) if session_id else None

    async def current(self, handler: RequestHandler) -> LoginSession | None:
        """The login session of a request to a public route, if it has one."""
        return await self._session(self.session_id(handler))

    async def sign_in(
        self, handler: RequestHandler, identity: Identity, kind: str, there: ProviderSession | None = None
    ) -> None:
        """Start a login session with a new id, end the one that this browser had.

        ``there`` is what a redirect provider calls it.
        """
        old = self.session_id(handler)
        if old:
            await self.revoke(digest(old), "signed in anew")
        address = self.address(handler)
        agent = handler.request.headers.get("User-Agent", "")
        begin = partial(self.store.begin, identity, address=address, agent=agent, there=there)
        session_id = await self.ask(begin)
        await self.audit(handler, kind, identity.login, identity.provider)
        self._set_cookie(handler, self.cookie, session_id)
        for name in (self.form_cookie, self.flow_cookie):
            handler.clear_cookie(name, path="/", secure=self.secure, httponly=True)

    async def arrived(self, handler: RequestHandler, identity: Identity, wanted: str, there: ProviderSession) -> str:
        """Somebody came back from a redirect provider, as ``identity``; where the browser goes now.

        Signs in, unless the person of this browser's login session is adding a way to sign in.
        """
        session = await self.current(handler)
        person = None
        if session is not None:
            person = await self.ask(self.store.links.wanted, session.session_hash, identity.provider)
        if session is None or person is None:
            await self.sign_in(handler, identity, "login", there)
            return wanted
        added = await self.ask(self.store.links.add, identity, person)
        self.known.forget(identity)
        what = "added" if added else "refused, as another's:"
        detail = f"{what} {identity.provider} {identity.subject}"
        await self.audit(handler, "sign-in method", session.identity.login, detail)
        return f"{self.prefix}/sign-in-methods?{'added' if added else 'another'}={identity.provider}"

    async def sign_out(self, handler: RequestHandler, *, everywhere: bool = False) -> tuple[str, str] | None:
        """End this browser's login session, or all of the person's.

        Returns the label of the provider at whose pages the person is still signed in, and the
        address there that signs out of it; None where there is no such address.
        """
        session = await self.current(handler)
        elsewhere = None
        if session is not None:
            identity = session.identity
            provider = self.redirects.get(identity.provider)
            there = await self.ask(self.store.flows.of, session.session_hash) if provider else None
            if provider is not None and there is not None:
                back = self.absolute(handler, f"/auth/{provider.key}/out")
                url = await provider.logout_url(there.hint, identity.login, back)
                elsewhere = (provider.label, url) if url else None
            await self.revoke(session.session_hash, "signed out")
            if everywhere:
                await self.ask(self.store.revoke_everywhere, identity, session.session_hash, "signed out")
                await self.sweep()
            kind = "logout everywhere" if everywhere else "logout"
            await self.audit(handler, kind, identity.login, identity.provider)
        handler.clear_cookie(self.cookie, path="/", secure=self.secure, httponly=True)
        return elsewhere

    # -- who somebody is here ---------------------------------------------------------------

    def trusts(self, provider: str) -> bool:
        """Whether the login names of a provider are those of the application's people."""
        return provider in self.providers and self.providers[provider].trusted_logins

    def personal(self) -> list[str]:
        """The labels of the providers by whose login names the application knows people."""
        people = (p for p in self.providers.values() if getattr(p, "principal", "person") == "person")
        return [p.label for p in people if p.trusted_logins]

    def linkable(self) -> list[tuple[str, str]]:
        """Key and label of the providers whose identities people may add to themselves."""
        return [(p.key, p.label) for p in self.redirects.values() if not p.trusted_logins]

    async def revoke(self, session_hash: str, reason: str) -> None:
        """End a login session and close its websockets and downloads in this process."""
        await self.ask(self.store.revoke, session_hash, reason)
        self._close({session_hash})

    def _close(self, session_hashes: set[str]) -> None:
        self.sockets.close(session_hashes)
        self.answers.close(session_hashes)

    async def sweep(self) -> None:
        """Close the websockets and downloads of login sessions that ended, here or in another process."""
        self._sweeps += 1
        try:
            if self._sweeps % _TIDY_EVERY == 0:
                await self.ask(self.store.tidy)
            known = self.sockets.login_sessions() | self.answers.login_sessions()
            if known:
                self._close(known - await self.ask(self.store.living, known))
        except HTTPError:
            log.warning("login sessions cannot be checked now")

    # -- waiting for others -----------------------------------------------------------------

    async def ask(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the store; in a thread, unless it is a file. Raises `HTTPError` 503 without it."""
        try:
            if self.store.local:
                return call(*args, **kwargs)
            work = partial(call, *args, **kwargs)
            return await asyncio.get_running_loop().run_in_executor(self._store_threads, work)
        except SQLAlchemyError as error:
            log.error("The dashboard's own database cannot be used: %s", type(error).__name__)
            raise HTTPError(503, reason="Sign-in records cannot be read now") from error

    async def authenticate(self, provider: PasswordProvider, login: str, password: str) -> Identity | None:
        """Ask a provider, for so long. Raises `TimeoutError` and whatever the provider raises."""
        loop = asyncio.get_running_loop()
        call = loop.run_in_executor(self._threads[provider.key], provider.authenticate, login, password)
        async with asyncio.timeout(self.seconds):
            return await call

    async def audit(self, handler: RequestHandler, kind: str, login: str = "", detail: str = "") -> None:
        """Add what happened to the audit trail; of what anybody can make happen at will only so much (`Sparing`)."""
        address = self.address(handler)
        if kind in SPARED or (kind == "failure" and not login):
            words = self._sparing.words(neighbourhood(address), detail)
            if words is None:
                return
            detail = words
        await self.ask(self.store.record, kind, login=login, address=address, detail=detail)


class _Provider(AuthProvider):
    """The gate as Bokeh wants it."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        super().__init__()

    @property
    def get_user_async(self) -> Any:
        return self._gate.get_user_async

    @property
    def get_login_url(self) -> Any:
        return self._gate.get_login_url


def gate_of(application: Any) -> Gate | None:
    """The gate in front of an application, if there is one."""
    hook = getattr(getattr(application, "auth_provider", None), "get_user_async", None)
    owner = getattr(hook, "__self__", None)
    return owner if isinstance(owner, Gate) else None
