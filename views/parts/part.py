"""What every component that draws has in common: one script, one way to talk, nothing trusted.

A part keeps its whole content on the server as plain values. The browser starts from the content
the model was made with (``first``); later changes travel as short messages that carry a version. A
browser that was not listening says which version it has and gets everything again, so nothing is
lost to a slow start or a broken connection.
"""

import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime
from functools import cache, partial
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any, ClassVar

import panel as pn
import param
from bokeh.document import Document
from bokeh.model import Model
from pyviz_comms import Comm

log = logging.getLogger(__name__)

Action = Callable[..., Awaitable[None] | None]

_SCRIPTS = Path(__file__).parent / "js"
# In the order in which they are adopted: the general one first.
_SHEETS = ("style.css", "list.css", "run.css", "file.css", "events.css")
_ASSETS = (*sorted(_SCRIPTS.glob("*.js")), *(Path(__file__).parent / name for name in _SHEETS))
_LONGEST_MESSAGE = 64_000


@cache
def asset_version() -> str:
    """A short hash of the scripts and styles:

    Part of their address, so a browser may keep them for ever.
    """
    digest = hashlib.sha256()
    for path in _ASSETS:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def to_json(value: object) -> str:
    """JSON of plain values;

    Times as ISO text, numbers of other types as floats, not-a-number as null.
    """
    try:
        return json.dumps(value, default=_plain, allow_nan=False, separators=(",", ":"))
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False, separators=(",", ":"))


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    if hasattr(value, "__float__"):
        return float(value)
    return str(value)


def _finite(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    plain = _plain(value) if not isinstance(value, float) else value
    if isinstance(plain, float) and (plain != plain or plain in (float("inf"), float("-inf"))):
        return None
    return plain


class Part(pn.custom.JSComponent):
    """A component drawn by ``js/lens.js``, where the class's name chooses the drawing."""

    first = param.String(default="", doc="JSON that the browser starts from.")

    _bundle = _SCRIPTS / "lens.js"
    # What lens.js loads beside itself: Panel serves only what a component lists.
    _js: ClassVar[list[str]] = [f"js/{path.name}" for path in _ASSETS if path.suffix == ".js"]
    _css: ClassVar[list[str]] = list(_SHEETS)
    _render_policy = "manual"
    _stylesheets: ClassVar[list[str]] = []

    def __init__(self, **params: Any) -> None:
        params.setdefault("sizing_mode", "stretch_width")
        params.setdefault("design", None)
        super().__init__(**params)
        self._version = 0

    # -- to the browser

    def _content(self) -> dict[str, Any]:
        """Everything the browser needs to draw this part from nothing."""
        raise NotImplementedError

    def _tell(self, kind: str, **data: Any) -> None:
        """Send a change; ``_content`` must already include it."""
        self._version += 1
        if self._models:
            self._send_msg(to_json({"type": kind, "version": self._version, **data}))

    # -- from the browser

    def _heard(self, kind: str, data: dict[str, Any]) -> None:
        """A message of the browser: a stranger's input."""

    def _handle_msg(self, data: Any) -> None:
        message = _read(data)
        if message is None:
            log.info("A message to %s was not understood and is dropped.", type(self).__name__)
            return
        kind = message["type"]
        if kind == "ready":
            if message.get("version") != self._version:
                self._send_msg(to_json({"type": "all", "version": self._version, **self._content()}))
        else:
            self._heard(kind, message)

    @staticmethod
    def _call(action: Action | None, *arguments: object) -> None:
        if action is None:
            return
        if iscoroutinefunction(action):
            pn.state.execute(partial(action, *arguments), schedule=False)
        else:
            action(*arguments)

    # -- Panel's side

    @property
    def _linked_properties(self) -> tuple[str, ...]:
        # What a browser writes into the model reaches none of our values: it may only send messages.
        return ()

    @classmethod
    def _render_esm(cls, compiled: Any = True, server: bool = False) -> str:
        script: str = super()._render_esm(compiled, server)
        return f"{script}?v={asset_version()}" if server else script

    def _update_model(
        self,
        events: dict[str, param.parameterized.Event],
        msg: dict[str, Any],
        root: Model,
        model: Model,
        doc: Document,
        comm: Comm | None,
    ) -> None:
        # Panel 1.9 drops what changes after a browser was sent the document and before it says that it has drawn it
        # (`panel.io.document._drain_unconnected_events`). What we hold ourselves goes out by Bokeh's way.
        if doc.callbacks.hold_value is not None or comm is not None:
            super()._update_model(events, msg, root, model, doc, comm)
            return
        doc.hold("combine")
        try:
            super()._update_model(events, msg, root, model, doc, comm)
        finally:
            doc.unhold()

    def _get_properties(self, doc: Document | None) -> dict[str, Any]:
        properties: dict[str, Any] = super()._get_properties(doc)
        properties["data"].first = to_json({"version": self._version, **self._content()})
        properties["stylesheets"] = []  # ours is adopted by the script, once for all parts
        return properties


def _read(data: object) -> dict[str, Any] | None:
    if not isinstance(data, str) or len(data) > _LONGEST_MESSAGE:
        return None
    try:
        message = json.loads(data)
        if "\\ud" in data.lower():
            # Half of a character: no address, no statement and no file can hold it.
            message = json.loads(json.dumps(message, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    if isinstance(message, dict) and isinstance(message.get("type"), str):
        return message
    return None


def short(value: object, longest: int = 200) -> str | None:
    """A text from the browser, or None where it is none or too long."""
    return value if isinstance(value, str) and len(value) <= longest else None
