"""From an identity to a Reader, with rights that are never older than a minute."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from auth.identity import Identity
from data.reader import Reader
from data.scope import Rights, Scope, UnknownPerson, scope_of, scope_of_person, scope_of_proposal
from data.source import Source

# An open page asks every 15 s (`app.live`): so a right that was taken away is used for a minute at most.
_SECONDS = 45.0
_MOST = 2000


class Access:
    """Scopes of one process (a `auth.people.People`).

    ``trusted``: providers whose login name is the one in ISPyB. ``linked`` tells of (provider, subject) which personId
    somebody tied it to while signed in by a trusted one; it counts before the name.
    """

    def __init__(
        self,
        source: Source,
        rights: Rights,
        trusted: frozenset[str] = frozenset({"accounts"}),
        clock: Callable[[], float] = time.monotonic,
        linked: Callable[[str, str], str | None] = lambda provider, subject: None,
    ) -> None:
        self._source, self.rights, self._trusted, self._clock = source, rights, trusted, clock
        self._linked = linked
        self._lock = threading.Lock()
        self._held: OrderedDict[str, tuple[float, Scope]] = OrderedDict()
        self._turns: dict[str, threading.Lock] = {}

    def reader(self, identity: Identity) -> Reader:
        """A Reader for the person behind ``identity``. Raises UnknownPerson or Unavailable; may wait for ISPyB."""
        return Reader(self._source, self.scope(identity))

    def person(self, identity: Identity) -> str | None:
        """The personId of whom the identity stands for, ``proposal 4`` for the account of one; None for nobody.

        Raises Unavailable; may wait for ISPyB.
        """
        try:
            scope = self.scope(identity)
        except UnknownPerson:
            return None
        return f"proposal {scope.proposal_id}" if scope.person_id is None else str(scope.person_id)

    def namesakes(self, identity: Identity) -> frozenset[str]:
        """The providers whose people of the identity's login name are the same person as it."""
        trusted = identity.kind == "person" and identity.provider in self._trusted
        return self._trusted if trusted else frozenset({identity.provider})

    def forget(self, identity: Identity) -> None:
        """Read the identity's rights anew the next time."""
        with self._lock:
            for kind in ("person", "proposal"):
                self._held.pop(f"{kind} {identity.key}", None)

    def held(self, identity: Identity) -> Scope | None:
        """What `scope` gives where it need not ask ISPyB for it, else None."""
        with self._lock:
            held = self._held.get(_key(identity))
        return held[1] if held is not None and self._clock() - held[0] < _SECONDS else None

    def scope(self, identity: Identity) -> Scope:
        """What the person may see now, at most a minute old."""
        found = self.held(identity)
        if found is not None:
            return found
        now, key = self._clock(), _key(identity)
        with self._lock:
            turn = self._turns.setdefault(key, threading.Lock())
        with turn:  # many pages of one person ask at once: the first reads for all
            with self._lock:
                held = self._held.get(key)
            if held is not None and now - held[0] < _SECONDS:
                return held[1]
            try:
                scope = self._read(identity)
            except UnknownPerson:
                with self._lock:
                    self._held.pop(key, None)
                raise
            finally:
                with self._lock:
                    self._turns.pop(key, None)
            with self._lock:
                self._held[key] = (now, scope)
                while len(self._held) > _MOST:
                    self._held.popitem(last=False)
        return scope

    def _read(self, identity: Identity) -> Scope:
        if identity.kind == "proposal":
            if identity.provider not in self._trusted:
                raise UnknownPerson(identity.login)
            return scope_of_proposal(self._source, identity.login)
        person_id = self._linked(identity.provider, identity.subject)
        if person_id is not None:
            return scope_of_person(self._source, int(person_id), identity.login, self.rights)
        if identity.provider not in self._trusted:
            raise UnknownPerson(identity.login)
        return scope_of(self._source, identity.login, self.rights)


def _key(identity: Identity) -> str:
    # The kind is part of the key: a proposal and a person may have the same name.
    return f"{identity.kind} {identity.key}"
