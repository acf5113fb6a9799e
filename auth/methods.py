"""The routes about who somebody is here: further ways to sign in, and an identity that stands for nobody.

They are public handlers because the gate takes cookies away from the others, and their forms need one; each asks for
the login session itself.
"""

import secrets
from urllib.parse import quote

from auth.identity import Identity
from auth.methods_page import GoingPage, MethodsPage, UnknownPage
from auth.records import LoginSession
from auth.routes import PublicHandler, form_policy

PATH = "/sign-in-methods"
_SAID = {"added": "It was added: you may sign in by it from now on.", "removed": "It was removed."}
_FAILED = {
    "another": "It was not added: somebody else signs in by it. Ask for help if it is yours.",
    "form": "This form was too old, or not sent from here. Please try again.",
    "gone": "It was removed already.",
}


class Own(PublicHandler):
    """The base of both: pages for whoever is signed in, and the sign-in page for others."""

    async def session(self) -> LoginSession | None:
        """The login session; without one the browser is sent to sign in."""
        found = await self.gate.current(self)
        if found is None:
            self.redirect(self.gate.login_url(self.gate.prefix + PATH), status=303)
        return found

    def label(self, key: str) -> str:
        """What people call a provider."""
        provider = self.gate.providers.get(key)
        return key if provider is None else provider.label

    def answer(self, status: int, page: MethodsPage | GoingPage | UnknownPage) -> None:
        """Send a page."""
        nonce = secrets.token_urlsafe(16)
        self.set_status(status)
        self.set_header("Content-Security-Policy", form_policy(nonce))
        self.finish(page.html(nonce))


class Methods(Own):
    """The list of a person's ways to sign in, and what its buttons send."""

    async def get(self) -> None:
        session = await self.session()
        if session is None:
            return
        person = await self.gate.known.person(session.identity)
        if not person or session.identity.kind != "person":
            self.redirect(f"{self.gate.prefix}/auth/unknown" if person is None else f"{self.gate.prefix}/", status=303)
            return
        await self._show(session, person)

    async def post(self) -> None:
        gate = self.gate
        session = await self.session()
        if session is None:
            return
        person = await gate.known.person(session.identity)
        if not person or session.identity.kind != "person":
            self.redirect(f"{gate.prefix}/", status=303)
            return
        if not gate.own_form(self):
            await gate.audit(self, "form refused", session.identity.login, "sign-in methods")
            await self._show(session, person, status=403, outcome="form")
            return
        if not gate.trusts(session.identity.provider):
            await self._show(session, person, status=403)
            return
        provider = self.get_body_argument("provider", "")
        if self.get_body_argument("do", "") == "remove":
            await self._remove(session, person, provider, self.get_body_argument("subject", ""))
            return
        if provider not in dict(gate.linkable()):
            await self._show(session, person, status=404)
            return
        await gate.ask(gate.store.links.want, session.session_hash, provider, person)
        # A page, not a redirect: browsers hold a form that was sent to its form-action all the way.
        self.answer(200, GoingPage(gate.title, self.label(provider), gate.start_url(provider, gate.prefix + PATH)))

    async def _remove(self, session: LoginSession, person: str, provider: str, subject: str) -> None:
        gate = self.gate
        gone = await gate.ask(gate.store.links.remove, provider, subject, person)
        if gone:
            gate.known.forget(Identity(provider, subject, "", ""))
            await gate.ask(gate.store.revoke_identity, provider, subject, "sign-in method removed")
            await gate.sweep()
            await gate.audit(self, "sign-in method", session.identity.login, f"removed {provider} {subject}")
        self.redirect(f"{gate.prefix}{PATH}?{'removed' if gone else 'gone'}={quote(provider)}", status=303)

    async def _show(self, session: LoginSession, person: str, *, status: int = 200, outcome: str = "") -> None:
        gate, identity = self.gate, session.identity
        links = await gate.ask(gate.store.links.of, person)
        outcome = outcome or next((name for name in self.request.query_arguments if name in {**_SAID, **_FAILED}), "")
        self.answer(
            status,
            MethodsPage(
                title=gate.title,
                action=gate.prefix + PATH,
                back=f"{gate.prefix}/",
                token=gate.form_token(self),
                name=identity.name or identity.login,
                login=identity.login,
                way=self.label(identity.provider),
                links=tuple((self.label(link.provider), link) for link in links),
                others=tuple(gate.linkable()),
                by_trusted=gate.trusts(identity.provider),
                said=_SAID.get(outcome, ""),
                failed=_FAILED.get(outcome, ""),
            ),
        )


class Unknown(Own):
    """Says to somebody whom ISPyB does not know what to do."""

    async def get(self) -> None:
        session = await self.session()
        if session is None:
            return
        gate, identity = self.gate, session.identity
        if await gate.known.person(identity) is not None:
            self.redirect(f"{gate.prefix}/", status=303)
            return
        await gate.audit(self, "denied", identity.login, f"{identity.provider}: nobody in ISPyB")
        self.answer(
            403,
            UnknownPage(
                title=gate.title,
                token=gate.form_token(self),
                logout=f"{gate.prefix}/logout",
                again=f"{gate.prefix}/",
                name=identity.name or identity.login,
                login=identity.login,
                subject=identity.subject,
                way=self.label(identity.provider),
                proposal=identity.kind == "proposal",
                trusted=gate.trusts(identity.provider),
                others=tuple(gate.personal()),
                support=gate.support,
            ),
        )
