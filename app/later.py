"""Runs answers on a browser's document, at moments when the browser hears of every change."""

import logging
from collections.abc import Callable

import panel as pn
from bokeh.document import Document
from panel.io import unlocked

log = logging.getLogger(__name__)

Act = Callable[[], None]


class Later:
    """Called with a function, runs it on ``document`` under its lock, in order. From any thread.

    A browser reads the whole document and says a moment later that it is ready. Until then Panel takes each change for
    a part of what is still to be read and tells nobody, so what would fall between the two waits for the second.

    What a function changes travels as one message. Panel and Bokeh each send on their own otherwise, and a change of a
    model can overtake the message that brings the model.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self._served = document.session_context is not None
        self._waiting: list[Act] | None = []
        pn.state.onload(self._ready)

    def __call__(self, act: Act) -> None:
        if self._served and self._document.session_context is None:
            # A document that is gone must not be touched: Bokeh would keep it as the current one of the whole process.
            log.debug("an answer came after its page was closed")
            return
        try:
            self._document.add_next_tick_callback(lambda: self._run(act))
        except RuntimeError:  # the browser has gone
            log.debug("an answer came after its page was closed")

    def _run(self, act: Act) -> None:
        if self._waiting is not None and (self._waiting or self._read()):
            self._waiting.append(act)
        else:
            with unlocked():
                act()

    def _read(self) -> bool:
        """Whether a browser may have read the document already."""
        session = getattr(self._document.session_context, "session", None)
        return session is not None and session.connection_count > 0

    def _ready(self) -> None:
        waiting, self._waiting = self._waiting or [], None
        for act in waiting:
            self(act)  # each by itself: one that fails holds up no other
