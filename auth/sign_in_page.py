"""The sign-in and sign-out pages: plain HTML that works without scripts."""

from dataclasses import dataclass
from html import escape
from typing import Final

_STYLE: Final = """
:root { color-scheme: light dark; --page: #f4f6f8; --card: #fff; --line: #d5dbe1; --text: #17202a;
  --quiet: #55606c; --field: #fff; --edge: #7b8794; --accent: #0b5fb5; --on-accent: #fff;
  --bad: #a4161a; --bad-page: #fdecec; --good: #14603a; }
@media (prefers-color-scheme: dark) { :root { --page: #14171c; --card: #1a1d23; --line: #2b3038;
  --text: #e8ebef; --quiet: #a2abb6; --field: #14171c; --edge: #77818d; --accent: #6aa9ff;
  --on-accent: #0c1420; --bad: #ff9c9c; --bad-page: #3a1d20; --good: #80e0a7; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 24px 16px;
  background: var(--page); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
main { width: 100%; max-width: 400px; background: var(--card); border: 1px solid var(--line);
  border-radius: 10px; padding: 32px; }
h1 { font-size: 1.375rem; line-height: 1.25; margin: 0 0 4px; font-weight: 600; }
h2 { font-size: .875rem; margin: 28px 0 8px; padding-top: 20px; font-weight: 600;
  border-top: 1px solid var(--line); color: var(--quiet); }
p { margin: 0 0 20px; color: var(--quiet); }
p.failed { color: var(--bad); background: var(--bad-page); border-radius: 6px; padding: 10px 12px; }
p.said { color: var(--good); }
label { display: block; font-size: .875rem; font-weight: 600; margin: 16px 0 4px; }
input, select { width: 100%; font: inherit; color: inherit; background: var(--field);
  border: 1px solid var(--edge); border-radius: 6px; padding: 9px 12px; }
button { font: inherit; border-radius: 6px; padding: 10px 14px; cursor: pointer; width: 100%; }
button.main { margin-top: 24px; background: var(--accent); color: var(--on-accent);
  border: 1px solid var(--accent); font-weight: 600; }
button.second { background: transparent; color: var(--text); border-color: var(--edge); }
button.other { margin-top: 8px; background: transparent; color: var(--text);
  border: 1px solid var(--edge); text-align: left; }
button.other small { display: block; color: var(--quiet); font-size: .8125rem; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
a { color: var(--accent); display: inline-block; margin-top: 20px; }
a.door { display: block; margin: 0 0 8px; padding: 10px 14px; border: 1px solid var(--edge); border-radius: 6px;
  color: var(--text); text-decoration: none; text-align: center; overflow-wrap: anywhere; }
a.door:first-of-type { background: var(--accent); border-color: var(--accent); color: var(--on-accent);
  font-weight: 600; }
a.door:hover, button:hover { filter: brightness(1.08); }
button.second:hover, button.other:hover, a.door:not(:first-of-type):hover { filter: none; background: var(--page); }
p.or { display: flex; align-items: center; gap: 12px; margin: 24px 0 0; font-size: .875rem; }
p.or::before, p.or::after { content: ""; flex: 1; border-top: 1px solid var(--line); }
"""


@dataclass(frozen=True, slots=True)
class SignInPage:
    """What the sign-in page shows.

    ``others`` is (address, label) of those who sign people in on pages of their own, ``providers``
    (key, label) of those who take a password here, ``demo`` (login, who). ``provider`` is the key
    that was chosen before.
    """

    title: str
    note: str
    action: str
    token: str
    wanted: str
    providers: tuple[tuple[str, str], ...]
    others: tuple[tuple[str, str], ...] = ()
    demo: tuple[tuple[str, str], ...] = ()
    login: str = ""
    provider: str = ""
    failed: str = ""
    said: str = ""

    def html(self, nonce: str) -> str:
        """The page; ``nonce`` marks its style."""
        parts = [f"<h1>{escape(self.title)}</h1>"]
        parts.append(f"<p>{escape(self.note or 'Sign in to see your data.')}</p>")
        if self.failed:
            parts.append(f'<p class="failed" role="alert" id="failed">{escape(self.failed)}</p>')
        if self.said:
            parts.append(f'<p class="said" role="status">{escape(self.said)}</p>')
        parts.extend(
            f'<a class="door" href="{escape(address)}">Sign in with {escape(label)}</a>'
            for address, label in self.others
        )
        if self.others and self.providers:
            parts.append('<p class="or">or with a password</p>')
        if self.providers:
            parts.append(self._form())
        if self.demo and self.providers:
            parts.append(self._demo())
        return page(f"Sign in · {self.title}", nonce, "\n".join(parts))

    def _hidden(self) -> str:
        return hidden("csrf", self.token) + hidden("next", self.wanted)

    def _form(self) -> str:
        # What failed is the password, unless it was somebody else's page.
        mistyped = self.failed and (self.login or not self.others)
        told = ' aria-describedby="failed" aria-invalid="true"' if mistyped else ""
        button = "main second" if self.others else "main"
        # Whoever mistyped the password has given the name already. Where there are other ways in,
        # the first Tab leads to them.
        at_password = " autofocus" if self.login else ""
        at_login = "" if self.login or self.others else " autofocus"
        return f"""<form method="post" action="{escape(self.action)}">
{self._hidden()}{self._provider()}
<label for="login">User name</label>
<input id="login" name="login" value="{escape(self.login)}" autocomplete="username"
 autocapitalize="none" spellcheck="false" maxlength="255" required{at_login}{told}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password"
 maxlength="1024" required{at_password}{told}>
<button class="{button}">Sign in</button>
</form>"""

    def _provider(self) -> str:
        if len(self.providers) == 1:
            return hidden("provider", self.providers[0][0])
        options = "".join(
            f'<option value="{escape(key)}"{" selected" if key == self.provider else ""}>{escape(label)}</option>'
            for key, label in self.providers
        )
        return f'<label for="provider">Account</label><select id="provider" name="provider">{options}</select>\n'

    def _demo(self) -> str:
        buttons = "\n".join(
            f'<button class="other" name="demo" value="{i}">{escape(login)}<small>{escape(who)}</small></button>'
            for i, (login, who) in enumerate(self.demo)
        )
        return f"""<h2 id="demo">Demonstration: sign in as</h2>
<form method="post" action="{escape(self.action)}" aria-labelledby="demo">
{self._hidden()}
{buttons}
</form>"""


@dataclass(frozen=True, slots=True)
class SignOutPage:
    """What the sign-out page shows."""

    title: str
    action: str
    back: str
    token: str
    name: str

    def html(self, nonce: str) -> str:
        """The page; ``nonce`` marks its style."""
        body = f"""<h1>{escape(self.title)}</h1>
<p>You are signed in as {escape(self.name)}.</p>
<form method="post" action="{escape(self.action)}">
{hidden("csrf", self.token)}
<button class="main">Sign out</button>
<button class="other" name="everywhere" value="1">Sign out everywhere
<small>In all browsers where you are signed in</small></button>
</form>
<a href="{escape(self.back)}">Back to your data</a>"""
        return page(f"Sign out · {self.title}", nonce, body)


@dataclass(frozen=True, slots=True)
class LeavingPage:
    """Signed out here; the browser goes on to ``url``, which signs out at the provider as well."""

    title: str
    label: str
    url: str

    def html(self, nonce: str) -> str:
        """The page; ``nonce`` marks its style."""
        body = f"""<h1>{escape(self.title)}</h1>
<p class="said" role="status">You are signed out here.</p>
<p>Signing you out of {escape(self.label)} as well …</p>
<a href="{escape(self.url)}">Go on</a>"""
        onward = f'\n<meta http-equiv="refresh" content="0;url={escape(self.url)}">'
        return page(f"Sign out · {self.title}", nonce, body, onward)


def hidden(name: str, value: str) -> str:
    """A field of a form that nobody sees."""
    return f'<input type="hidden" name="{name}" value="{escape(value)}">\n'


def page(title: str, nonce: str, body: str, head: str = "") -> str:
    """A page of the gate: a card in the middle, whose style carries the nonce."""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>{head}
<style nonce="{nonce}">{_STYLE}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""
