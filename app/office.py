"""The office of one browser: sign-ins and the audit trail, for whoever has the right to them at that moment."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

from sqlalchemy.exc import SQLAlchemyError

from app.services import Services
from auth.favourites import MOST
from auth.identity import SignedIn
from auth.records import AuditRow, SignIn, TrailFilter
from auth.sign_ins import mark_of
from data.core.comments import Comment, NotPermitted, Pen
from data.core.permissions import administered, watched
from data.errors import NotFound, TooMany, Unavailable
from data.lists import Asked, times
from data.reader import Reader
from data.scope import Scope, scope_of

Row = dict[str, Any]
T = TypeVar("T")

log = logging.getLogger(__name__)

#: What a list of the trail can be filtered by.
FILTERS: Final = ("kind", "time", "login", "address", "detail")
_MOST = 500
_FAILURES = 10
_PART = 900  # characters of what was written, in one row of the trail


class BrowserOffice:
    """See `views.office.Office`. ``who`` is the browser's sign-in, ``address`` where it came from."""

    def __init__(self, shared: Services, who: SignedIn, address: str = "", prefix: str = "") -> None:
        self._shared, self._who, self._address, self._prefix = shared, who, address, prefix
        self.rights = shared.access.rights

    def _reader(self) -> Reader:
        return self._shared.access.reader(self._who.identity)

    # -- other people

    def reader_of(self, login: str, about: str) -> Reader:
        """A Reader with what another person sees, for administrators. Raises UnknownPerson."""
        administered(self._reader())
        scope = scope_of(self._shared.source, login, self.rights)
        self._record("asked why", f"{about} for {login}")
        return Reader(self._shared.source, scope)

    def signed_in(self) -> list[Row]:
        """Everybody's sign-ins that hold, the latest used first."""
        watched(self._reader())
        return [self._row(found) for found in stored(self._shared.store.sign_ins.now)]

    def sign_out(self, mark: str) -> str:
        """End somebody's sign-in; returns whose."""
        reader = self._reader()
        administered(reader)
        watched(reader)
        found = stored(lambda: self._shared.store.sign_ins.marked(mark))
        if found is None or not self._revoke(found, f"signed out by {self._who.identity.login}"):
            raise NotFound("This sign-in")
        whose = f"{found.identity.login} ({found.identity.provider})"
        self._record("signed out", f"{whose}, at {found.address}")
        return found.identity.name or found.identity.login

    # -- the audit trail

    def trail(self, asked: Asked, before: int | None, limit: int) -> list[Row]:
        """Rows of the audit trail, newest first, older than the one of id ``before``."""
        watched(self._reader())
        wanted = trail_filter(asked)
        rows = stored(lambda: self._shared.store.trail.page(wanted, before=before, limit=min(limit, _MOST)))
        return [trail_row(row) for row in rows]

    def trail_address(self, asked: Asked) -> str:
        """Where these rows can be fetched as CSV."""
        pairs = [(key, text) for key, text in asked.filters if key in FILTERS]
        if asked.search:
            pairs.append(("q", asked.search))
        query = f"?{urlencode(pairs, quote_via=quote)}" if pairs else ""
        return f"{self._prefix}/trail.csv{query}"

    # -- one's own sign-ins

    def own(self) -> list[Row]:
        """One's own sign-ins, those that ended too, the latest begun first."""
        return [self._row(found) for found in stored(lambda: self._shared.store.sign_ins.of(self._who))]

    def failures(self) -> list[Row]:
        """The latest failed sign-ins with one's own login name."""
        me = self._who.identity
        # Another provider may know somebody else by the same name.
        same = self._shared.access.namesakes(me)
        wanted = TrailFilter(("failure", "throttled"), me.login)
        rows = stored(lambda: self._shared.store.trail.page(wanted, limit=10 * _FAILURES))
        return [trail_row(row) for row in rows if row.detail.partition(" ")[0] in same][:_FAILURES]

    def sign_out_own(self, mark: str) -> None:
        """End one of one's own sign-ins."""
        found = stored(lambda: self._shared.store.sign_ins.marked(mark, self._who))
        if found is None or not self._revoke(found, "signed out"):
            raise NotFound("This sign-in")
        self._record("logout", f"{found.identity.provider}, of a sign-in at {found.address}")

    def sign_out_everywhere(self) -> int:
        """End all of one's own sign-ins, this one too; how many."""
        me = self._who.identity
        # Before it is done: afterwards this browser is nobody's.
        self._record("logout everywhere", me.provider)
        end = self._shared.store.revoke_everywhere
        return stored(lambda: end(me, self._who.session_hash, "signed out everywhere"))

    # -- comments

    def may_comment(self) -> bool:
        """Whether this person may comment on the collections that they see."""
        pen = self._shared.pen
        return pen is not None and pen.may(self._reader().scope)

    def comment(self, collection_id: int, before: str | None, comment: Comment) -> None:
        """Replace the comment ``before``, as stored. Raises NotFound, Changed and others: then nothing is written."""
        detail = f"comment of collection {collection_id}: “{comment.stored}” in place of “{before or ''}”"
        self._written(detail, lambda pen, scope, record: pen.write(scope, collection_id, before, comment, record))

    def remark(self, collection_id: int, text: str) -> None:
        """Add a remark of one's own. Raises as `comment`."""
        detail = f"remark on collection {collection_id}: “{text}”"
        self._written(detail, lambda pen, scope, record: pen.remark(scope, collection_id, text, record))

    def remembers(self) -> bool:
        """Whether the site has room for remarks."""
        return self._shared.pen is not None and self._shared.pen.remembers()

    def _written(self, detail: str, write: Callable[[Pen, Scope, Callable[[], None]], None]) -> None:
        """Write, with a row in the audit trail that stands before the write is final: none is without one."""
        pen = self._shared.pen
        if pen is None:
            raise NotPermitted()
        noted = False

        # A row holds less than two texts may be: none may be written so long that what it took the place of is cut.
        parts = [detail[at : at + _PART] for at in range(0, len(detail), _PART)]

        def record() -> None:
            nonlocal noted
            for number, part in enumerate(parts, 1):
                self._record("write", part if len(parts) == 1 else f"({number} of {len(parts)}) {part}")
            noted = True

        # Rights as they are now: what one writes stays.
        self._shared.access.forget(self._who.identity)
        try:
            write(pen, self._reader().scope, record)
        except Exception:
            if noted:
                self._record("write", f"undone: {detail}")
            raise

    # -- favourites

    def stars(self, visit_id: int) -> list[str]:
        """What one has marked as a favourite in a visit, by the names of its events."""
        person = self._shared.access.person(self._who.identity)
        if person is None:
            return []
        return stored(lambda: self._shared.store.favourites.of(person, f"visit {visit_id}"))

    def star(self, visit_id: int, name: str, marked: bool) -> None:
        """Mark an event of a visit as a favourite, or no more."""
        person = self._shared.access.person(self._who.identity)
        if person is None:
            raise NotFound("This visit")
        favourites, place = self._shared.store.favourites, f"visit {visit_id}"
        if not marked:
            stored(lambda: favourites.remove(person, place, name[:64]))
        elif not stored(lambda: favourites.add(person, place, name[:64])):
            raise TooMany(f"More than {MOST} favourites in one visit are not kept. Take some stars away first.")

    # -- preferences

    def preference(self, place: str) -> str | None:
        """What one has set for oneself in a place of the application; None where nothing."""
        person = self._shared.access.person(self._who.identity)
        if person is None:
            return None
        return stored(lambda: self._shared.store.preferences.of(person, place[:64]))

    def prefer(self, place: str, text: str) -> None:
        """Set it."""
        person = self._shared.access.person(self._who.identity)
        if person is None:
            raise NotFound("This person")
        stored(lambda: self._shared.store.preferences.keep(person, place[:64], text))

    def denied(self, place: str) -> None:
        """Note that what the link ``place`` names was not shown."""
        self._shared.denials.note(self._who.identity, self._address, place)

    # -- inside

    def _revoke(self, found: SignIn, reason: str) -> bool:
        # The gate of each process closes its websockets at its next look, half a second later.
        return stored(lambda: self._shared.store.revoke(found.session_hash, reason))

    def _record(self, kind: str, detail: str) -> None:
        login = self._who.identity.login
        stored(lambda: self._shared.store.record(kind, login=login, address=self._address, detail=detail))

    def _row(self, found: SignIn) -> Row:
        identity = found.identity
        return {
            "mark": mark_of(found.session_hash),
            "name": identity.name or identity.login,
            "login": identity.login,
            "provider": identity.provider,
            "since": datetime.fromtimestamp(found.created),
            "used": datetime.fromtimestamp(found.last_used),
            "address": found.address,
            "agent": found.agent,
            "here": found.session_hash == self._who.session_hash,
            "ended": found.ended,
        }


def trail_row(row: AuditRow) -> Row:
    """A row of the trail with its time by the server's clock."""
    return {
        "id": row.id,
        "time": datetime.fromtimestamp(row.time),
        "kind": row.kind,
        "login": row.login,
        "address": row.address,
        "detail": row.detail,
    }


def trail_filter(asked: Asked) -> TrailFilter:
    """What a list asks for, as the trail has it; a time that cannot be read narrows nothing."""
    given: Mapping[str, str] = dict(asked.filters)
    since, until = times(given.get("time", ""))
    return TrailFilter(
        kind=given.get("kind", ""),
        login=given.get("login", ""),
        address=given.get("address", ""),
        detail=given.get("detail", ""),
        search=asked.search,
        since=None if since is None else since.timestamp(),
        until=None if until is None else until.timestamp(),
    )


def stored(call: Callable[[], T]) -> T:
    """Ask the dashboard's own database; where it does not answer, say so as for ISPyB's."""
    try:
        return call()
    except SQLAlchemyError as error:
        log.error("The dashboard's own database cannot be used: %s", type(error).__name__)
        raise Unavailable from error
