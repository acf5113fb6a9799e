"""The pages about who somebody is here: further ways to sign in, and an identity that stands for nobody."""

from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from auth.links import Link
from auth.sign_in_page import hidden, page


@dataclass(frozen=True, slots=True)
class MethodsPage:
    """The ways in which a person signs in.

    ``way`` is how the person is signed in now, ``links`` what they added, each with the provider's label. ``others`` is
    (key, label) of what may be added; nothing may be where ``by_trusted`` is false.
    """

    title: str
    action: str
    back: str
    token: str
    name: str
    login: str
    way: str
    links: tuple[tuple[str, Link], ...]
    others: tuple[tuple[str, str], ...]
    by_trusted: bool
    said: str = ""
    failed: str = ""

    def html(self, nonce: str) -> str:
        """The page; ``nonce`` marks its style."""
        parts = [
            "<h1>Sign-in methods</h1>",
            f"<p>You are signed in as {escape(self.name)} ({escape(self.login)}) by {escape(self.way)}.</p>",
        ]
        if self.failed:
            parts.append(f'<p class="failed" role="alert">{escape(self.failed)}</p>')
        if self.said:
            parts.append(f'<p class="said" role="status">{escape(self.said)}</p>')
        parts.append('<h2 id="added">Also signs you in</h2>')
        parts += [self._link(label, link) for label, link in self.links] or ["<p>Nothing yet.</p>"]
        parts.append('<h2 id="more">Add another</h2>')
        parts.append(self._add())
        parts.append(f'<a href="{escape(self.back)}">Back to your data</a>')
        return page(f"Sign-in methods · {self.title}", nonce, "\n".join(parts))

    def _link(self, label: str, link: Link) -> str:
        since = datetime.fromtimestamp(link.made, UTC).strftime("%-d %B %Y")
        own = link.login if link.login != link.subject else ""
        who = escape(f"{own} ({link.subject})" if own else link.subject)
        return f"""<form method="post" action="{escape(self.action)}" aria-labelledby="added">
{hidden("csrf", self.token)}{hidden("provider", link.provider)}{hidden("subject", link.subject)}
<p>{escape(label)}: {who}<br><small>added {since}</small></p>
<button class="other" name="do" value="remove">Remove {escape(label)}</button>
</form>"""

    def _add(self) -> str:
        if not self.by_trusted:
            return "<p>Sign in with your facility's account to add or remove a way to sign in.</p>"
        if not self.others:
            return "<p>This site offers no other way to sign in that could be added.</p>"
        buttons = "\n".join(
            f'<button class="other" name="provider" value="{escape(key)}">{escape(label)}'
            f"<small>You sign in there once, to show that it is yours</small></button>"
            for key, label in self.others
        )
        return f"""<form method="post" action="{escape(self.action)}" aria-labelledby="more">
{hidden("csrf", self.token)}{hidden("do", "add")}
{buttons}
</form>"""


@dataclass(frozen=True, slots=True)
class GoingPage:
    """The browser goes on to ``url``, where the person shows that a way to sign in is theirs."""

    title: str
    label: str
    url: str

    def html(self, nonce: str) -> str:
        """The page; ``nonce`` marks its style."""
        body = f"""<h1>Sign-in methods</h1>
<p role="status">Going to {escape(self.label)} …</p>
<a href="{escape(self.url)}">Go on</a>"""
        onward = f'\n<meta http-equiv="refresh" content="0;url={escape(self.url)}">'
        return page(f"Sign-in methods · {self.title}", nonce, body, onward)


@dataclass(frozen=True, slots=True)
class UnknownPage:
    """Somebody is signed in whom ISPyB does not know. ``others``: labels of the ways whose names ISPyB knows."""

    title: str
    token: str
    logout: str
    again: str
    name: str
    login: str
    subject: str
    way: str
    proposal: bool
    trusted: bool
    others: tuple[str, ...]
    support: str

    def html(self, nonce: str) -> str:
        """The page; ``nonce`` marks its style."""
        who = self.login if self.name == self.login else f"{self.name} ({self.login})"
        parts = [
            f"<h1>{escape(self.title)} does not know you</h1>",
            f"<p>You are signed in as <strong>{escape(who)}</strong> by {escape(self.way)}.</p>",
            f'<p class="failed" role="alert">{escape(self._reason())} Nothing is shown until then.</p>',
            f"<p>{escape(self._whom())}</p>",
            f"""<form method="post" action="{escape(self.logout)}">
{hidden("csrf", self.token)}
<button class="main">Sign out</button>
</form>""",
            f'<a href="{escape(self.again)}">Try again</a>',
        ]
        return page(f"Not known · {self.title}", nonce, "\n".join(parts))

    def _reason(self) -> str:
        if self.proposal:
            return f"ISPyB has no proposal {self.login}, or more than one."
        if self.trusted:
            return f"ISPyB has no person with the login {self.login}, or more than one."
        if self.others:
            ways = " or ".join(self.others)
            return (
                f"This sign-in is not tied to a person of ISPyB. Sign out, sign in by {ways}, "
                f"and add {self.way} under Sign-in methods."
            )
        return "This sign-in is not tied to a person of ISPyB."

    def _whom(self) -> str:
        whom = f"ask {self.support}" if self.support else "ask your user office"
        told = f"{self.way}, {self.login}" + (f", {self.subject}" if self.subject != self.login else "")
        return f"For help, {whom}, and tell them: {told}."
