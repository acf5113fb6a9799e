"""The frame of the page: the one root that every page hangs in."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import param
from bokeh.document import Document
from bokeh.model import Model
from panel.viewable import Children
from pyviz_comms import Comm

from views.parts.part import Action, Part, short

_TOLD = [
    *("title", "crumbs", "aside", "nav", "person", "site", "theme", "spans", "busy", "notices", "alerts"),
    *("logout", "methods", "csrf", "ping", "login", "search", "replace"),
]


class Shell(Part):
    """Header, navigation, jump box, address bar, notices and the body of the page.

    ``on_go(search, pop)`` is called with a query string (``?proposal=mx1``) when an internal link
    is followed or, with ``pop`` true, when Back or Forward was pressed; ``on_jump(text)`` when the
    jump box is sent; ``on_theme(theme)`` with ``light`` or ``dark`` as shown. All come from the
    browser and are untrusted. So do the numbers of alerts that the user has seen (None: all): see ``on_see``.
    """

    title = param.String(default="", doc="Name of the page; the document's title.")
    crumbs = param.List(default=[], doc="[{label, link or None}], outermost first.")
    aside = param.List(default=[], doc="[{label, link}] at the end of the crumbs.")
    nav = param.List(default=[], doc="[{key, label, link, current}]")
    person = param.Dict(default={}, doc="{name, login, links: [{label, link}]}")
    site = param.Dict(default={}, doc="{name, demo}; demo shows a lasting mark.")
    theme = param.String(default="auto", regex="^(auto|light|dark)$")
    body = Children(doc="The views of the page, in order.")
    spans = param.List(default=[], doc="Width of each view in twelfths of the page; 12 where none is given.")
    busy = param.Boolean(default=False)
    notices = param.List(default=[], doc="[{kind: info|good|warn|bad, text}]")
    alerts = param.List(default=[], doc="[{id, run, kind, time, text, frames, seen, link, image}], newest first.")
    logout = param.String(default="", doc="Address that a log-out form is posted to; none: no button.")
    methods = param.String(default="", doc="Address of the page about ways to sign in; none: no link.")
    csrf = param.String(default="", doc="Address that answers {csrf}, the token of the log-out form.")
    ping = param.String(default="", doc="Address that answers 200 while signed in, 401 after.")
    login = param.String(default="/login", doc="Where a browser goes that is no longer signed in.")
    search = param.String(default=None, allow_None=True, doc="Query string that the address bar shows.")
    replace = param.Boolean(default=False, doc="Replace the history entry instead of adding one.")

    _rename = dict.fromkeys(_TOLD)

    def __init__(
        self,
        on_go: Action | None = None,
        on_jump: Action | None = None,
        on_theme: Action | None = None,
        **params: Any,
    ) -> None:
        super().__init__(**params)
        self._on_go, self._on_jump, self._on_theme = on_go, on_jump, on_theme
        self._on_see: Callable[[list[int] | None], None] = lambda ids: None
        self._asked = 0  # how many steps the browser had told when the address was written
        # ``replace`` says how the next ``search`` is written; alone it changes nothing.
        self.param.watch(self._changed, [name for name in _TOLD if name != "replace"])

    def on_see(self, see: Callable[[list[int] | None], None]) -> None:
        """Call ``see`` with the numbers of alerts that the user has seen, or None for all."""
        self._on_see = see

    def suggest(self, items: Sequence[Mapping[str, str]]) -> None:
        """Offer ``[{label, detail, link}]`` under the jump box.

        An empty list says that nothing was found, unless the page has moved since the box was sent.
        """
        self._tell("suggest", items=list(items)[:20])

    def _content(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _TOLD}

    def _changed(self, *events: param.parameterized.Event) -> None:
        changed = {event.name: event.new for event in events}
        if "search" in changed:
            changed |= {"replace": self.replace, "asked": self._asked}
        self._tell("shell", **changed)

    def _heard(self, kind: str, data: dict[str, Any]) -> None:
        if kind == "go":
            search = short(data.get("search"), 4000)
            asked, pop = data.get("asked"), data.get("pop") is True
            if search is not None and (search == "" or search.startswith("?")):
                self._asked = asked if isinstance(asked, int) else self._asked
                self._call(self._on_go, search, pop)
                # Also where it stays as it was: an answer to an earlier step was passed over in the browser.
                self._tell("shell", search=self.search, replace=pop, asked=self._asked)
        elif kind == "jump":
            text = short(data.get("text"))
            if text and text.strip():
                self._call(self._on_jump, text.strip())
        elif kind == "seen":
            number = data.get("id")
            self._call(self._on_see, None if number is None else [number] if isinstance(number, int) else [])
        elif kind == "theme" and data.get("theme") in ("light", "dark"):
            self._call(self._on_theme, data["theme"])

    def _get_model(
        self,
        doc: Document,
        root: Model | None = None,
        parent: Model | None = None,
        comm: Comm | None = None,
    ) -> Model:
        if doc is not None and doc.session_context is not None:
            # The shell says so itself when the connection is lost, in words and in place.
            doc.config.notify_connection_status = False
            doc.config.reconnect_session = True
        return super()._get_model(doc, root, parent, comm)
