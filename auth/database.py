"""Opening the dashboard's own database: a private SQLite file, or a server several hosts share."""

import hashlib
import os
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, create_engine, event, insert, update
from sqlalchemy.engine import URL, Engine
from sqlalchemy.exc import IntegrityError


def digest(secret: str) -> str:
    """The form in which a secret is stored and compared: SHA-256, hexadecimal."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def opened(url: URL) -> Engine:
    """An engine for ``url``; a SQLite file is made where it is missing, readable by its owner only.

    Raises ValueError for a SQLite database without a file: processes could not share it.
    """
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True, pool_recycle=3600)
    if not url.database or url.database == ":memory:":
        raise ValueError("the dashboard's own database must be a file, or on a database server")
    _private(Path(url.database))
    engine = create_engine(url, connect_args={"timeout": 10})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def forget_in_children(engine: Engine) -> None:
    """Let no forked process use its parent's connections."""
    engine.dispose()
    known = weakref.ref(engine)

    def forget() -> None:
        mine = known()
        if mine is not None:
            mine.dispose(close=False)

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=forget)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection for one question."""
    with engine.connect() as connection:
        yield connection.execution_options(reading=True)


def replace(
    engine: Engine, table: Table, key: dict[str, Any], values: dict[str, Any], make_room: Callable[[Connection], None]
) -> None:
    """Update the row of that key, or ``make_room`` and insert it; of two that insert at once the later one counts.

    Each step in a transaction of its own: an update of a row that is not there would lock its place on MariaDB.
    """
    this = update(table).where(*(table.c[name] == value for name, value in key.items())).values(**values)
    with engine.begin() as connection:
        if connection.execute(this).rowcount:
            return
    try:
        with engine.begin() as connection:
            make_room(connection)
            connection.execute(insert(table).values(**key, **values))
    except IntegrityError:  # another browser of the same person was first
        with engine.begin() as connection:
            connection.execute(this)


def put(connection: Connection, table: Table, key: dict[str, Any], values: dict[str, Any]) -> None:
    """Update the row of that key, or insert it."""
    which = [table.c[name] == value for name, value in key.items()]
    if connection.execute(update(table).where(*which).values(**values)).rowcount == 0:
        connection.execute(insert(table).values(**key, **values))


def _private(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Its -wal and -shm files take the mode of the database.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)


def _prepare_sqlite(connection: Any, record: object) -> None:
    # We begin transactions ourselves: sqlite3 would begin one only at the first write, and two
    # processes that read before they write would then fail instead of waiting.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=10000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A reader asks one question, which needs no transaction and waits for no writer.
    if not connection.get_execution_options().get("reading", False):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
