"""The gate's own routes, and the base of every other route of ours."""

import json
import logging
import secrets
import traceback
from typing import Any

from tornado.web import HTTPError, RequestHandler

from auth.gate import Gate, gate_of
from auth.guard_script import guard_script
from auth.identity import Identity
from auth.origin import neighbourhood, safe_next
from auth.passwords import LONGEST
from auth.providers import PasswordProvider, ProviderUnavailable
from auth.records import Limit
from auth.sign_in_page import LeavingPage, SignInPage, SignOutPage
from auth.store import digest

_LARGEST_FORM = 16_384
_ACCOUNT_FREE = 5
_ADDRESS_FREE = 20

log = logging.getLogger(__name__)


class Discreet(RequestHandler):
    """What is logged of a request: never its query, which may hold a code or a token, and never its headers."""

    def _request_summary(self) -> str:
        """What Tornado writes into the log of requests."""
        return f"{self.request.method} {self.request.path} ({self.request.remote_ip})"

    def log_exception(self, typ: Any, value: BaseException | None, tb: Any) -> None:
        """An HTTPError was answered in words; of anything else the trace is logged."""
        if not isinstance(value, HTTPError):
            log.error("%s failed", self._request_summary(), exc_info=value)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """One line of text: never a trace."""
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{self._reason}\n")


class AuthedHandler(Discreet):
    """The base of our handlers behind the gate: frames, files, exports.

    ``identity`` is who asks, and ``address`` from where, once ``prepare`` has run. A subclass that
    overrides ``prepare`` counts as ungated; it overrides `prepared` instead. Requests that change
    something (all but GET, HEAD and OPTIONS) must come from a page of this site. ``scripted``: they
    brought its token as ``X-CSRF``, too, as scripts of ours do.
    """

    identity: Identity
    address = ""
    scripted = False

    async def prepare(self) -> None:
        gate = gate_of(self.application)
        if gate is None:
            raise HTTPError(403)
        self.set_header("Cache-Control", "private, no-cache")
        self.scripted = gate.own_script(self)  # before the gate takes the cookies away
        who = await gate.admit(self)
        if who is None:
            return
        if self.request.method not in {"GET", "HEAD", "OPTIONS"} and not gate.own_page(self):
            raise HTTPError(403, reason="Not sent from a page of this site")
        self.current_user = who.identity.key
        self.identity, self.address = who.identity, who.address
        gate.answers.hold(self, who.session_hash)
        await self.prepared()

    async def prepared(self) -> None:
        """What a subclass does before its method, with ``identity`` known."""

    def on_finish(self) -> None:
        gate = gate_of(self.application)
        if gate is not None:
            gate.answers.release(self)


class PublicHandler(Discreet):
    """The base of what may be read without signing in. On purpose; each needs a reason."""

    def initialize(self, gate: Gate) -> None:
        self.gate = gate

    async def prepare(self) -> None:
        self.set_header("Cache-Control", "no-store")
        self.gate.greet(self)
        if len(self.request.body or b"") > _LARGEST_FORM:
            raise HTTPError(413)

    def compute_etag(self) -> None:
        return None


class SignInShown(PublicHandler):
    """The base of what may end at the sign-in page."""

    def show(self, status: int, wanted: str, *, login: str = "", failed: str = "", said: str = "") -> None:
        """Answer with the sign-in page."""
        page = SignInPage(
            title=self.gate.title,
            note=self.gate.note,
            action=f"{self.gate.prefix}/login",
            token=self.gate.form_token(self),
            wanted=wanted,
            providers=tuple((p.key, p.label) for p in self.gate.passwords.values()),
            others=tuple((self.gate.start_url(p.key, wanted), p.label) for p in self.gate.redirects.values()),
            demo=tuple((person.login, person.who) for person in self.gate.demo),
            login=login[:255],
            provider=self.get_body_argument("provider", ""),
            failed=failed,
            said=said,
        )
        nonce = secrets.token_urlsafe(16)
        self.set_status(status)
        self.set_header("Content-Security-Policy", form_policy(nonce))
        self.finish(page.html(nonce))


class SignIn(SignInShown):
    """The sign-in page and its form."""

    async def get(self) -> None:
        wanted = safe_next(self.get_query_argument("next", ""), self.gate.prefix)
        if await self.gate.current(self) is not None:
            self.redirect(wanted, status=303)
            return
        said = "You are signed out." if self.get_query_argument("out", "") else ""
        self.show(200, wanted, said=said)

    async def post(self) -> None:
        gate = self.gate
        wanted = safe_next(self.get_body_argument("next", ""), gate.prefix)
        if not gate.own_form(self):
            await gate.audit(self, "form refused", detail="sign-in")
            self.show(
                403,
                wanted,
                failed="This form was too old, or not sent from here. Please try again.",
            )
            return
        login, password = self._given()
        provider = self._provider()
        if provider is None or not _possible(login, password):
            self.show(401, wanted, login=login, failed=_WRONG)
            return
        limits = self._limits(provider.key, login)
        wait = await gate.ask(gate.store.attempt, limits)
        if wait > 0:
            await gate.audit(self, "throttled", login, provider.key)
            self.set_header("Retry-After", str(int(wait) + 1))
            self.show(
                429,
                wanted,
                login=login,
                failed=f"Too many attempts. Please try again in {int(wait) + 1} s.",
            )
            return
        identity = await self._asked(provider, login, password, limits, wanted)
        if identity is not None:
            await gate.ask(gate.store.forgive, limits[0])
            await gate.ask(gate.store.give_back, limits[1:])
            await gate.sign_in(self, identity, "login")
            self.redirect(wanted, status=303)

    async def _asked(
        self,
        provider: PasswordProvider,
        login: str,
        password: str,
        limits: list[Limit],
        wanted: str,
    ) -> Identity | None:
        """Ask the provider; where it says no, or says nothing, the answer is written here."""
        gate = self.gate
        trouble = ""
        try:
            identity = await gate.authenticate(provider, login, password)
        except (ProviderUnavailable, TimeoutError) as error:
            identity, trouble = None, type(error).__name__
        except Exception as error:
            trouble = f"reference {secrets.token_hex(4)}"
            identity = None
            # Where it happened, without its text: that may hold the password.
            where = "".join(traceback.format_tb(error.__traceback__))
            kind = type(error).__name__
            log.error("Sign-in by %s: %s, %s\n%s", provider.key, kind, trouble, where)
        if identity is not None:
            return identity
        if trouble:
            await gate.ask(gate.store.give_back, limits)
            await gate.audit(self, "unavailable", login, f"{provider.key}: {trouble}")
            failed = (
                f"Your password cannot be checked now ({provider.label} does not answer). Please try again in a minute."
            )
            if trouble.startswith("reference"):
                failed = f"Signing in failed here. Please try again, or ask for help ({trouble})."
            self.show(503, wanted, login=login, failed=failed)
            return None
        await gate.audit(self, "failure", login, provider.key)
        self.show(401, wanted, login=login, failed=_WRONG)
        return None

    def _given(self) -> tuple[str, str]:
        demo = self.get_body_argument("demo", "")
        if demo.isascii() and demo.isdigit() and int(demo[:4]) < len(self.gate.demo):
            person = self.gate.demo[int(demo[:4])]
            return person.login, person.password
        return self._sent("login").strip(" "), self._sent("password")

    def _sent(self, name: str) -> str:
        """A field as it was sent: Tornado would replace control characters, and trim passwords."""
        try:
            return self.request.body_arguments.get(name, [b""])[-1].decode()
        except UnicodeDecodeError:
            return ""

    def _provider(self) -> PasswordProvider | None:
        passwords = self.gate.passwords
        return passwords.get(self.get_body_argument("provider", next(iter(passwords), "")))

    def _limits(self, provider: str, login: str) -> list[Limit]:
        return [
            Limit(f"account {provider} {login.casefold()}", _ACCOUNT_FREE),
            Limit(f"address {neighbourhood(self.gate.address(self))}", _ADDRESS_FREE),
        ]


class SignOut(PublicHandler):
    """Signing out: a page with a button, and what the button sends."""

    async def get(self) -> None:
        session = await self.gate.current(self)
        if session is None:
            self.redirect(f"{self.gate.prefix}/login", status=303)
            return
        self._show(200, session.identity.name)

    async def post(self) -> None:
        session = await self.gate.current(self)
        if session is not None and not self.gate.own_form(self):
            self._show(403, session.identity.name)
            return
        everywhere = self.get_body_argument("everywhere", "") == "1"
        elsewhere = await self.gate.sign_out(self, everywhere=everywhere)
        # Frames and files must not stay behind in a browser at a beamline.
        self.set_header("Clear-Site-Data", '"cache"')
        if elsewhere is None:
            self.redirect(f"{self.gate.prefix}/login?out=1", status=303)
            return
        # A page, not a redirect: browsers hold a form that was sent to its form-action all the way.
        nonce = secrets.token_urlsafe(16)
        self.set_header("Content-Security-Policy", form_policy(nonce))
        self.finish(LeavingPage(self.gate.title, *elsewhere).html(nonce))

    def _show(self, status: int, name: str) -> None:
        page = SignOutPage(
            title=self.gate.title,
            action=f"{self.gate.prefix}/logout",
            back=f"{self.gate.prefix}/",
            token=self.gate.form_token(self),
            name=name,
        )
        nonce = secrets.token_urlsafe(16)
        self.set_status(status)
        self.set_header("Content-Security-Policy", form_policy(nonce))
        self.finish(page.html(nonce))


class Ping(PublicHandler):
    """Whether the login session holds: 204, or 401. POST also says that somebody is at work.

    ``X-Login-Mark`` tells login sessions apart for the page's script; it opens nothing.
    """

    async def get(self) -> None:
        await self._answer(used=False)

    async def post(self) -> None:
        if not self.gate.own_page(self):
            raise HTTPError(403)
        await self._answer(used=True)

    async def _answer(self, *, used: bool) -> None:
        session = await self.gate.current(self)
        if session is None:
            self.set_status(401)
            self.finish()
            return
        if used:
            await self.gate.ask(self.gate.store.touch, session.session_hash)
        self.set_header("X-Login-Mark", digest(session.session_hash)[:16])
        self.set_status(204)
        self.finish()


class Form(PublicHandler):
    """What the page's script needs to send a form of ours; useless to another site's page."""

    async def get(self) -> None:
        if self.request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            raise HTTPError(403)
        if await self.gate.current(self) is None:
            raise HTTPError(401)
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps({"csrf": self.gate.form_token(self)}))


class Once(PublicHandler):
    """A link that signs in once, as the desktop launcher makes it."""

    async def get(self) -> None:
        gate = self.gate
        token = self.get_query_argument("token", "")
        identity = await gate.ask(gate.store.take_token, token)
        if identity is None:
            await gate.audit(self, "link refused")
            raise HTTPError(403, reason="This link was used already or is too old")
        await gate.sign_in(self, identity, "login by link")
        self.redirect(safe_next(self.get_query_argument("next", ""), gate.prefix), status=303)


class Guard(PublicHandler):
    """The page's script (`auth.guard_script`) as a file."""

    async def get(self) -> None:
        self.set_header("Content-Type", "text/javascript; charset=utf-8")
        self.set_header("Cache-Control", "public, max-age=300")
        self.finish(guard_script(self.gate.prefix))


def patterns(gate: Gate) -> list[tuple[Any, ...]]:
    """The gate's routes. Bokeh puts the site's prefix in front."""
    from auth.methods import PATH, Methods, Unknown  # made of the handlers above

    mine = {"gate": gate}
    return [
        (r"/login", SignIn, mine),
        (r"/logout", SignOut, mine),
        (r"/auth/ping", Ping, mine),
        (r"/auth/form", Form, mine),
        (r"/auth/once", Once, mine),
        (r"/auth/unknown", Unknown, mine),
        (PATH, Methods, mine),
        (r"/auth/guard\.js", Guard, mine),
        *(pattern for provider in gate.redirects.values() for pattern in provider.patterns(gate)),
    ]


_WRONG = "That name and password do not match. Please check both and try again."


def _possible(login: str, password: str) -> bool:
    """Whether a provider may be asked at all: directories take an empty password for anybody."""
    return (
        0 < len(login) <= 255
        and login.isprintable()
        and 0 < len(password) <= LONGEST
        and all(ord(c) >= 0x20 and ord(c) != 0x7F for c in password)
    )


def form_policy(nonce: str) -> str:
    """The Content-Security-Policy of the gate's own pages."""
    return (
        f"default-src 'none'; style-src 'nonce-{nonce}'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
