"""What people want to be told of, and what they were told: kept while nobody looks, once for all processes.

A person is named by a text of the application's own, as in `auth.links`; so are the places that a wish is about and the
subjects that somebody follows. Whether a person may see them is not known here.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, case, delete, func, insert, select, update
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError

from auth.database import reading, replace
from auth.identity import Identity, identity_from, identity_text
from auth.tables import ALERT, ALERT_TURN, ALERT_WISH

#: Wishes of one person, and alerts kept for one person, at most: the oldest make room.
MOST_WISHES: Final = 40
MOST_ALERTS: Final = 300
#: Wishes that are looked at, of all people.
MOST: Final = 2_000
_KEEP: Final = 30 * 86400.0
_KEEP_TURN: Final = 86400.0
_TEXT: Final = 500


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person wants to be told of until a time (s since 1970); ``detail`` is the application's."""

    person: str
    place: str
    identity: Identity
    detail: str
    until: float


@dataclass(frozen=True, slots=True)
class Happened:
    """An alert for ``person`` about ``subject``, which belongs to ``place``: what happened at ``time`` and where."""

    person: str
    subject: int
    place: int
    kind: str
    time: float
    text: str
    first: int | None = None
    last: int | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """The same as it is kept; ``seen``: whether the person has said so."""

    id: int
    what: Happened
    seen: bool


class Alerts:
    """The part of the dashboard's own database that keeps alerts (`auth.store.Store.alerts`)."""

    def __init__(self, engine: Engine, clock: Callable[[], float]) -> None:
        self._engine, self._clock = engine, clock

    # -- wishes

    def ask(self, person: str, place: str, identity: Identity, detail: str, seconds: float) -> None:
        """Tell ``person`` of what happens in that place, for so long from now on."""
        now = self._clock()
        values = {
            "identity": identity_text(identity),
            "detail": detail[:_TEXT],
            "until": now + seconds,
            "changed": now,
        }
        key = {"person": person, "place": place}
        replace(self._engine, ALERT_WISH, key, values, lambda connection: self._make_room(connection, person))

    def cease(self, person: str, place: str) -> None:
        """Tell them of it no longer."""
        columns = ALERT_WISH.c
        with self._engine.begin() as connection:
            connection.execute(delete(ALERT_WISH).where(columns.person == person, columns.place == place))

    def wishes(self, person: str | None = None) -> list[Wish]:
        """What is wished now, the wish changed last first; of one person, or of all."""
        columns = ALERT_WISH.c
        query = select(columns.person, columns.place, columns.identity, columns.detail, columns.until)
        query = query.where(columns.until > self._clock())
        if person is not None:
            query = query.where(columns.person == person)
        with reading(self._engine) as connection:
            rows = connection.execute(query.order_by(columns.changed.desc()).limit(MOST)).all()
        return [Wish(row.person, row.place, identity_from(row.identity), row.detail, row.until) for row in rows]

    @staticmethod
    def _make_room(connection: Connection, person: str) -> None:
        columns = ALERT_WISH.c
        held = list(
            connection.scalars(select(columns.place).where(columns.person == person).order_by(columns.changed.desc()))
        )
        if len(held) >= MOST_WISHES:
            old = held[MOST_WISHES - 1 :]
            connection.execute(delete(ALERT_WISH).where(columns.person == person, columns.place.in_(old)))

    # -- whose turn it is: one process follows a subject for all

    def take(self, subject: int, holder: str, seconds: float) -> str | None:
        """Follow a subject from now on, unless another process does: what was known of it, else None.

        Who dies without giving it back has it for ``seconds`` more.
        """
        columns, now = ALERT_TURN.c, self._clock()
        with reading(self._engine) as connection:
            held = connection.execute(select(columns.holder, columns.until).where(columns.subject == subject)).first()
        if held is not None and held.holder != holder and held.until > now:
            return None
        mine = {"holder": holder, "until": now + seconds}
        free = (columns.subject == subject, (columns.holder == holder) | (columns.until <= now))
        with self._engine.begin() as connection:
            if held is not None:
                if not connection.execute(update(ALERT_TURN).where(*free).values(**mine)).rowcount:
                    return None  # another process was first
                return connection.scalar(select(columns.state).where(columns.subject == subject)) or ""
        # No change of a row that is not there comes before: MariaDB would lock its place, and two would wait for each
        # other.
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(ALERT_TURN).values(subject=subject, state="", **mine))
        except IntegrityError:
            return None
        return ""

    def keep(self, subject: int, holder: str, seconds: float, state: str, happened: Sequence[Happened] = ()) -> bool:
        """Keep what is known of a subject together with what happened: both, or neither.

        False where the subject is another process's by now: then that one tells.
        """
        columns, now = ALERT_TURN.c, self._clock()
        this = update(ALERT_TURN).where(columns.subject == subject, columns.holder == holder)
        with self._engine.begin() as connection:
            if not connection.execute(this.values(state=state, until=now + seconds)).rowcount:
                return False
            for one in happened:
                connection.execute(
                    insert(ALERT).values(
                        person=one.person,
                        subject=one.subject,
                        place=one.place,
                        kind=one.kind,
                        time=one.time,
                        text=one.text[:_TEXT],
                        first=one.first,
                        last=one.last,
                        seen=False,
                    )
                )
            for person in {one.person for one in happened}:
                self._forget_old(connection, person)
        return True

    def give_back(self, subject: int, holder: str, *, done: bool = False) -> None:
        """Let another process follow the subject; ``done``: nobody need."""
        columns = ALERT_TURN.c
        mine = (columns.subject == subject, columns.holder == holder)
        with self._engine.begin() as connection:
            connection.execute(
                delete(ALERT_TURN).where(*mine) if done else update(ALERT_TURN).where(*mine).values(until=0.0)
            )

    def abandoned(self) -> dict[int, str]:
        """What is known of the subjects that were followed and that no process follows now."""
        columns = ALERT_TURN.c
        query = select(columns.subject, columns.state).where(columns.until <= self._clock(), columns.state != "")
        with reading(self._engine) as connection:
            return {row.subject: row.state for row in connection.execute(query.limit(MOST))}

    # -- what happened

    def told(self, person: str, limit: int = 50) -> list[Kept]:
        """What the person was told, newest first."""
        columns = ALERT.c
        query = select(ALERT).where(columns.person == person).order_by(columns.id.desc()).limit(limit)
        with reading(self._engine) as connection:
            return [_kept(row) for row in connection.execute(query)]

    def saw(self, person: str, ids: Collection[int] | None = None) -> None:
        """The person has seen these, or all."""
        columns = ALERT.c
        which = [columns.person == person, columns.seen.is_(False)]
        if ids is not None:
            which.append(columns.id.in_(list(ids)[:MOST_ALERTS]))
        with self._engine.begin() as connection:
            connection.execute(update(ALERT).where(*which).values(seen=True))

    def marks(self, persons: Collection[str]) -> dict[str, tuple[int, int]]:
        """Of each person who was ever told: two numbers that change when there is news. One statement."""
        columns = ALERT.c
        unseen = func.sum(case((columns.seen.is_(False), 1), else_=0))
        query = select(columns.person, func.max(columns.id), unseen).where(columns.person.in_(sorted(persons)))
        with reading(self._engine) as connection:
            rows = connection.execute(query.group_by(columns.person))
            return {person: (int(newest), int(count)) for person, newest, count in rows}

    @staticmethod
    def _forget_old(connection: Connection, person: str) -> None:
        columns = ALERT.c
        mine = select(columns.id).where(columns.person == person).order_by(columns.id.desc())
        oldest = connection.scalar(mine.offset(MOST_ALERTS).limit(1))
        if oldest is not None:
            connection.execute(delete(ALERT).where(columns.person == person, columns.id <= oldest))

    @staticmethod
    def tidy(connection: Connection, now: float) -> None:
        """Forget what has run out, and what happened a month ago."""
        connection.execute(delete(ALERT_WISH).where(ALERT_WISH.c.until < now))
        connection.execute(delete(ALERT_TURN).where(ALERT_TURN.c.until < now - _KEEP_TURN))
        connection.execute(delete(ALERT).where(ALERT.c.time < now - _KEEP))


def _kept(row: object) -> Kept:
    at = row._mapping  # type: ignore[attr-defined]
    what = Happened(
        at["person"], at["subject"], at["place"], at["kind"], at["time"], at["text"], at["first"], at["last"]
    )
    return Kept(at["id"], what, bool(at["seen"]))
