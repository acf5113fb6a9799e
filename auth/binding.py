"""Bokeh's sessions and websockets, tied to the login sessions under which they were opened.

Bokeh itself lets anyone who is signed in join any page of which they know the id.
"""

import logging
import time
import weakref
from typing import Any, Final

from bokeh.protocol.exceptions import ProtocolError
from bokeh.util.token import get_session_id
from tornado.web import RequestHandler
from tornado.websocket import WebSocketHandler

from auth.identity import NotSignedIn, SignedIn, signed_in

#: The code with which a websocket is closed when its login session has ended.
SIGNED_OUT: Final = 4401

_CLAIM: Final = 120.0

log = logging.getLogger(__name__)


class Sockets:
    """The open websockets of this process, each with its login session."""

    def __init__(self) -> None:
        self._open: weakref.WeakKeyDictionary[WebSocketHandler, str] = weakref.WeakKeyDictionary()
        # Bokeh's session id: (login session, time), while Bokeh does not know the session yet.
        # Without it two logins could pass at the same moment for one id.
        self._claims: dict[str, tuple[str, float]] = {}

    def admit(self, handler: WebSocketHandler, who: SignedIn) -> bool:
        """Whether this websocket may open: its page is this login session's own, or nobody's."""
        session_id = _requested(handler)
        if session_id is None:
            return False
        owner = self._owner(handler, session_id)
        if owner is None:
            now = time.monotonic()
            self._claims = {k: v for k, v in self._claims.items() if v[1] > now - _CLAIM}
            owner = self._claims.setdefault(session_id, (who.session_hash, now))[0]
        if owner != who.session_hash:
            return False
        self._open[handler] = who.session_hash
        return True

    def login_sessions(self) -> set[str]:
        """The login sessions that have a websocket open here."""
        return set(self._open.values())

    def close(self, session_hashes: set[str]) -> int:
        """Close the websockets of those login sessions; how many there were."""
        closed = 0
        for handler, session_hash in list(self._open.items()):
            # During the handshake there is nothing to close yet: the next sweep will.
            if session_hash in session_hashes and handler.ws_connection is not None:
                handler.close(SIGNED_OUT, "signed out")
                del self._open[handler]
                closed += 1
        return closed

    @staticmethod
    def _owner(handler: RequestHandler, session_id: str) -> str | None:
        context: Any = getattr(handler, "application_context", None)
        if session_id in getattr(context, "_pending_sessions", {}):
            return ""
        try:
            session = context.get_session(session_id)
        except ProtocolError:  # Bokeh knows no such session
            return None
        try:
            return signed_in(session.document.session_context.request).session_hash
        except (NotSignedIn, AttributeError):
            return ""


class Answers:
    """The answers under way in this process, each with its login session: a download may take minutes."""

    def __init__(self) -> None:
        self._open: weakref.WeakKeyDictionary[RequestHandler, str] = weakref.WeakKeyDictionary()

    def hold(self, handler: RequestHandler, session_hash: str) -> None:
        """Note that a request of a login session is being answered."""
        self._open[handler] = session_hash

    def release(self, handler: RequestHandler) -> None:
        """Forget a request that was answered."""
        self._open.pop(handler, None)

    def login_sessions(self) -> set[str]:
        """The login sessions that an answer is under way to."""
        return set(self._open.values())

    def close(self, session_hashes: set[str]) -> int:
        """Break off the answers to those login sessions; how many there were."""
        ended = [handler for handler, session_hash in self._open.items() if session_hash in session_hashes]
        for handler in ended:
            self.release(handler)
            connection: Any = handler.request.connection
            # The stream, as when a browser goes away: whoever waits to write is told.
            if connection is not None and connection.stream is not None:
                connection.stream.close()
        return len(ended)


def _requested(handler: RequestHandler) -> str | None:
    """The Bokeh session that a websocket asks for in its subprotocol; a stranger's input."""
    parts = handler.request.headers.get("Sec-WebSocket-Protocol", "").split(",")
    if len(parts) != 2:
        return None
    try:
        session_id: object = get_session_id(parts[1].strip())
    except Exception:  # whatever nonsense raises
        return None
    return session_id if isinstance(session_id, str) and session_id else None
