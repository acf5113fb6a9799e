"""One browser: from its identity to its page."""

import functools
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import panel as pn

from app.alarms import BrowserAlarms
from app.later import Later
from app.office import BrowserOffice
from app.providers import linkable
from app.screens import VIEWS, jump
from app.services import Services
from auth.identity import Identity, current_sign_in
from views import place as places
from views.desk import Desk, Words
from views.page import Page
from views.parts.shell import Shell


def open_session(shared: Services) -> Shell:
    """The page for the browser whose request is being answered. Raises NotSignedIn outside the gate."""
    shared.night.start()  # under `panel serve` nothing did before
    who = current_sign_in()
    identity = who.identity
    settings = shared.settings
    document = pn.state.curdoc
    if document is None:
        raise RuntimeError("a page is made for a browser")
    document.title = settings.site.name
    prefix = settings.server.prefix
    later = Later(document)
    pulse = shared.pulses.pulse(lambda: later(page.beat), lambda visit: page.check(visit))
    desk = Desk(
        reader=functools.partial(shared.access.reader, identity),
        pool=shared.questions,
        go=_nowhere,
        later=later,
        pulse=pulse,
        words=Words(settings.site.name, settings.site.visit_word, settings.site.support, settings.site.demo),
        prefix=prefix,
        last_here=_last_here(shared, identity),
        shared=shared.shared,
        office=BrowserOffice(shared, who, who.address, prefix),
        alarms=BrowserAlarms(shared, identity),
        files=shared.files,
        choices=shared.source.choices,
        runs=shared.runs,
    )
    shell = Shell(
        on_go=lambda search, pop: page.followed(search, pop),
        on_jump=lambda text: page.jumped(text),
        person={
            "name": identity.name or identity.login,
            "login": identity.login,
            "links": [{"label": "Sign-ins and rights", "link": desk.link(places.account())}],
        },
        site={"name": settings.site.name, "demo": settings.site.demo},
        logout=f"{prefix}/logout",
        methods=f"{prefix}/sign-in-methods" if identity.kind == "person" and linkable(settings) else "",
        ping=f"{prefix}/auth/ping",
        csrf=f"{prefix}/auth/form",
        login=f"{prefix}/login",
    )
    page = Page(shell, desk, VIEWS, jump)
    page.open(_search(document))

    def closed(_: object) -> None:
        pulse.close()
        page.close()

    pn.state.on_session_destroyed(closed)
    return shell


def _nowhere(*_: Any) -> None:
    """Stands in until the page exists."""


def _search(document: Any) -> str:
    arguments = getattr(document.session_context.request, "arguments", {}) or {}
    pairs = [
        (name, value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value))
        for name, values in arguments.items()
        for value in values[:1]
    ]
    return f"?{urlencode(pairs)}" if pairs else ""


def _last_here(shared: Services, identity: Identity) -> datetime | None:
    stamp = shared.store.seen(identity.key)
    return None if stamp is None else datetime.fromtimestamp(stamp)
