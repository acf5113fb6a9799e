"""Two delays of Panel and Bokeh that every click pays, switched off where their cause is found."""

import logging
from typing import Any

from bokeh.server.views.ws import WSHandler
from panel.reactive import Syncable

log = logging.getLogger(__name__)


def lower_latency() -> list[str]:
    """Patch what is there and return what was patched; safe to call twice.

    Panel waits 50 ms before it looks at a changed property, and Bokeh's websocket leaves Nagle's
    algorithm on, which with delayed acknowledgements holds a message of several fragments for 40
    ms. Both names are private, so each is looked for first and its absence only logged.
    """
    done = []
    if isinstance(getattr(Syncable, "_debounce", None), int):
        Syncable._debounce = 0
        done.append("debounce")
    if _without_nagle(WSHandler):
        done.append("nodelay")
    for name in {"debounce", "nodelay"} - set(done):
        log.warning("Latency patch %r does not fit this version of Panel or Bokeh.", name)
    return done


def _without_nagle(handler: Any) -> bool:
    original = getattr(handler, "open", None)
    if original is None or not hasattr(handler, "set_nodelay"):
        return False
    if getattr(original, "without_nagle", False):
        return True

    def open_without_nagle(self: Any, *arguments: Any, **options: Any) -> Any:
        self.set_nodelay(True)
        return original(self, *arguments, **options)

    open_without_nagle.without_nagle = True  # type: ignore[attr-defined]
    handler.open = open_without_nagle
    return True
