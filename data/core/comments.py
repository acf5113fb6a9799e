"""Comments and flags on a collection, as ISPyB holds them and as they are written.

A flag is the word ``_FLAG_`` within the comment: SynchWeb writes it so, and lists by it. What is written goes through
a connection of its own, in one transaction, with the rule of the guard in the statement that locks the row.
"""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import create_engine, event, insert, select, update
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnection

from data.core.names import person_name
from data.errors import DataError, NotFound, Unavailable
from data.guard import bare, permitted
from data.reader import Reader
from data.schema import Collection, CollectionComment, Person
from data.schema.settle import Settlement, settle
from data.scope import Scope
from data.source import driver

log = logging.getLogger(__name__)

Row = dict[str, Any]

MOST, MOST_REMARK = 1024, 4000
"""Characters that ISPyB has room for."""
_FLAG = "_FLAG_"
_FLAGS = re.compile(r"[ \t]*_FLAG_")


@dataclass(frozen=True, slots=True)
class Comment:
    """The comment of a collection, and whether the collection is flagged."""

    text: str
    flagged: bool

    @property
    def stored(self) -> str:
        """As ISPyB holds it."""
        return f"{self.text} {_FLAG}".lstrip() if self.flagged else self.text


def comment_of(stored: str | None) -> Comment:
    """What a stored comment says."""
    return Comment(_FLAGS.sub("", stored or "").strip(), _FLAG in (stored or ""))


def shown(stored: str | None) -> str | None:
    """A stored comment on one line of a list: a flag as a star."""
    comment = comment_of(stored)
    return f"★ {comment.text}".rstrip() if comment.flagged else comment.text or None


class Changed(DataError):
    """Somebody else wrote meanwhile. ``now`` is what ISPyB holds, as stored."""

    def __init__(self, now: str | None) -> None:
        super().__init__("Somebody changed this comment while you wrote. Yours is not saved; both are below.")
        self.now = now


class NotPermitted(DataError):
    """Writing is not open to this person, or to anybody here."""

    def __init__(self, words: str = "This site does not let comments be written from here.") -> None:
        super().__init__(words)


class Unwritable(DataError):
    """The text cannot be kept as it is."""


def remarks(reader: Reader, collection_id: int) -> list[Row]:
    """What people said of a collection beside its comment, oldest first: time, person, text. One statement.

    The person is empty where one may not see who it was. Empty where the site has no such table.
    """
    query = (
        select(CollectionComment.created, CollectionComment.text, Person.given_name, Person.family_name)
        .select_from(CollectionComment)
        .join(Collection, Collection.collection_id == CollectionComment.collection_id)
        .outerjoin(Person, Person.person_id == CollectionComment.person_id)
        .where(Collection.collection_id == collection_id)
        .order_by(CollectionComment.id)
    )
    return [
        {"time": row.created, "text": row.text or "", "person": person_name(row.given_name, row.family_name)}
        for row in reader.rows(query)
    ]


class Pen:
    """Writes comments for one ISPyB: its credentials may UPDATE DataCollection and INSERT into DataCollectionComment.

    ``accounts``: whether the accounts of proposals may write, too. ``clock`` tells the site's time.
    """

    def __init__(self, url: str, *, accounts: bool = False, clock: Callable[[], datetime] = datetime.now) -> None:
        self._engine = _engine(url)
        self._accounts, self._clock = accounts, clock
        self._settlement: Settlement | None = None

    def may(self, scope: Scope) -> bool:
        """Whether this person may comment on what they see: people may, accounts of proposals where the site says."""
        return scope.person_id is not None or (scope.proposal_id is not None and self._accounts)

    def remembers(self) -> bool:
        """Whether the site has a table for remarks of people. Raises Unavailable."""
        return self._settled().fits[CollectionComment.__tablename__].real is not None

    def write(
        self,
        scope: Scope,
        collection_id: int,
        before: str | None,
        comment: Comment,
        record: Callable[[], None] = lambda: None,
    ) -> None:
        """Replace the comment ``before``, as stored, by another. ``record`` runs before anything is final.

        Raises NotFound, NotPermitted, Changed, Unwritable, Unavailable; then nothing is written.
        """
        text = comment.stored
        if len(text) > MOST:
            raise Unwritable(f"This comment has {len(text):,} characters, and ISPyB has room for {MOST:,}.")
        column = bare(Collection).c.comments
        with self._opened(scope) as connection:
            now = self._locked(connection, scope, collection_id)
            if (now or "") != (before or ""):
                raise Changed(now)
            old = column.is_(None) if now is None else column == now
            key = bare(Collection).c.dataCollectionId == collection_id
            done = connection.execute(update(bare(Collection)).where(key, old).values(comments=text))
            if done.rowcount != 1:
                raise Changed(self._locked(connection, scope, collection_id))
            kept = self._locked(connection, scope, collection_id)
            if kept != text:
                raise Unwritable("ISPyB cannot keep some of these characters. Write it with others.")
            record()

    def remark(self, scope: Scope, collection_id: int, text: str, record: Callable[[], None] = lambda: None) -> None:
        """Add a remark of this person. Raises as `write` does, but for Changed."""
        if not text.strip():
            raise Unwritable("There is nothing to write.")
        if len(text) > MOST_REMARK:
            raise Unwritable(f"This remark has {len(text):,} characters, and ISPyB has room for {MOST_REMARK:,}.")
        if scope.person_id is None:
            raise NotPermitted("Only people can leave remarks: ISPyB keeps who wrote them.")
        if not self.remembers():
            raise NotPermitted("The ISPyB of this site has no room for remarks.")
        with self._opened(scope) as connection:
            self._locked(connection, scope, collection_id)
            values: Row = {"dataCollectionId": collection_id, "personId": scope.person_id, "comments": text}
            values["createTime"] = self._clock().replace(microsecond=0)
            connection.execute(insert(bare(CollectionComment)).values(values))
            record()

    def close(self) -> None:
        """Give back all connections."""
        self._engine.dispose()

    def _locked(self, connection: Connection, scope: Scope, collection_id: int) -> str | None:
        """The stored comment, with its row locked until the end. Raises NotFound."""
        table = bare(Collection)
        query = select(table.c.comments).where(table.c.dataCollectionId == collection_id)
        found = connection.execute(query.where(permitted(Collection, scope)).with_for_update()).first()
        if found is None:
            raise NotFound("This collection")
        stored: str | None = found[0]
        return stored

    def _settled(self) -> Settlement:
        if self._settlement is None:
            try:
                self._settlement = settle(self._engine)
            except (DBAPIError, NoConnection) as error:
                raise Unavailable from error
        return self._settlement

    @contextmanager
    def _opened(self, scope: Scope) -> Iterator[Connection]:
        """One transaction, undone by any error."""
        if not self.may(scope):
            raise NotPermitted("Accounts of proposals cannot comment here: sign in as yourself.")
        self._settled()
        try:
            with self._engine.begin() as connection:
                yield connection
        except (DBAPIError, NoConnection) as error:
            log.warning("not written: %s", getattr(error, "orig", error))
            raise Unwritable(
                "ISPyB did not take this: it does not answer, or does not let this site write. Nothing was changed."
            ) from error


def _engine(url: str) -> Engine:
    chosen = driver(url)
    if chosen.get_backend_name() == "sqlite":
        engine = create_engine(chosen, connect_args={"check_same_thread": False, "timeout": 5})
        # Else the lock comes with the first change, after what it stands on was read.
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        event.listen(engine, "connect", lambda connection, _: setattr(connection, "isolation_level", None))
        return engine
    return create_engine(
        chosen,
        pool_size=1,
        max_overflow=2,
        pool_timeout=10,
        pool_pre_ping=True,
        pool_recycle=1800,
        connect_args={"connect_timeout": 5, "read_timeout": 15, "charset": "utf8mb4"},
    )
