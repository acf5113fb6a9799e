"""The connection to one ISPyB: engine, limits, and what settling found. Only a Reader and ``scope_of`` run statements.

The engine refuses every statement that did not come through ``Source.run``: a borrowed engine is useless.
"""

import logging
import sqlite3
import threading
import time
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.orm import Session

from data.errors import TooSlow, Unavailable, Unguarded
from data.query import Query, Record
from data.schema.settle import Settlement, settle

log = logging.getLogger(__name__)

_DOOR = "ispyb_lens_door"
# MariaDB and MySQL: statement stopped at the limit; parameter not in the column's character set; unknown column/table.
_STOPPED = {1969, 3024, 1317}
_NO_SUCH_TEXT = {1267, 1270, 1271, 3988}
_SCHEMA_CHANGED = {1054, 1146}
_SLOW = 1.0


def driver(url: str) -> URL:
    """``url`` with a driver chosen: mysqlclient where it is installed, else PyMySQL; others as they are."""
    parsed = make_url(url)
    if parsed.drivername in {"mysql", "mariadb"}:
        try:
            import MySQLdb  # noqa: F401
        except ImportError:
            return parsed.set(drivername=f"{parsed.drivername}+pymysql")
        return parsed.set(drivername=f"{parsed.drivername}+mysqldb")
    return parsed


class Source:
    """One ISPyB, read-only. Connects when first asked, and again after the database was away.

    ``statement_seconds`` bounds each statement; ``pool`` bounds the connections of this process. ``choices``: what the
    site has decided about how its data are read, by name: ``mx.best``, a Rule as text.
    """

    def __init__(
        self, url: str, *, statement_seconds: float = 5, pool: int = 6, choices: Mapping[str, str] | None = None
    ) -> None:
        self._limit = statement_seconds
        self.choices: Mapping[str, str] = choices or {}
        self.engine = _engine(driver(url), statement_seconds, pool)
        self._settlement: Settlement | None = None
        self._lock = threading.Lock()
        self.statements = 0

    @property
    def settlement(self) -> Settlement:
        """How the mapping meets this site. Raises Unavailable when the database does not answer."""
        if self._settlement is None:
            with self._lock:
                if self._settlement is None:
                    try:
                        self._settlement = settle(self.engine.execution_options(**{_DOOR: True}))
                    except (DBAPIError, NoConnection) as error:
                        log.warning("settle: %s", error)
                        raise Unavailable from error
        return self._settlement

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``mysql`` / ``mariadb``."""
        return self.engine.dialect.name

    def run(self, query: Query, parameters: dict[str, Any] | None = None) -> Sequence[Record]:
        """Rows of ``query``, which must be guarded already. Raises Unavailable or TooSlow."""
        return self._run(query, parameters, again=True)

    def columns(self, query: Query) -> Sequence[Sequence[Any]]:
        """Rows of ``query`` as the driver gives them, by position only: for numbers by the 100,000.

        Nothing is converted, so columns must be whole or real numbers. Raises Unavailable or TooSlow.
        """
        return self._run(query, None, again=True, bare=True)

    def _run(
        self, query: Query, parameters: dict[str, Any] | None, *, again: bool, bare: bool = False
    ) -> Sequence[Any]:
        _ = self.settlement
        began = time.perf_counter()
        try:
            with self.engine.connect() as connection:
                connection = connection.execution_options(**{_DOOR: True})
                self.statements += 1
                if bare:
                    found = connection.execute(query)
                    return [] if found.cursor is None else list(found.cursor.fetchall())
                # A session names the values of a row as we do; a connection would name them as ISPyB does.
                with Session(connection, autoflush=False) as session:
                    return session.execute(query, parameters or {}).all()
        except (OperationalError, InterfaceError, DBAPIError) as error:
            code = _code(error)
            if code in _STOPPED or "interrupted" in str(error.orig):
                raise TooSlow from error
            if code in _NO_SUCH_TEXT:
                # The parameter cannot be written in the column's character set, so no row can hold it.
                return []
            if code in _SCHEMA_CHANGED and again:
                log.warning("the schema changed: settling again")
                self._settlement = None
                return self._run(query, parameters, again=False, bare=bare)
            if isinstance(error, ProgrammingError) and code not in _SCHEMA_CHANGED:
                # A fault of the statement, not of the database: it would fail again.
                raise
            log.warning("database: %s", error.orig)
            raise Unavailable from error
        except OverflowError:
            # A number that no column can hold: no row has it.
            return []
        except NoConnection as error:
            log.warning("all connections are busy: %s", error)
            raise Unavailable from error
        finally:
            taken = time.perf_counter() - began
            if taken > _SLOW:
                log.info("slow statement: %.1f s", taken)

    def close(self) -> None:
        """Give back all connections."""
        self.engine.dispose()


def _code(error: DBAPIError) -> int | None:
    arguments = getattr(error.orig, "args", ())
    return arguments[0] if arguments and isinstance(arguments[0], int) else None


def _engine(url: URL, seconds: float, pool: int) -> Engine:
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, isolation_level="AUTOCOMMIT", connect_args={"check_same_thread": False})
        event.listen(engine, "connect", _limit_sqlite(seconds))
    else:
        engine = create_engine(
            url,
            isolation_level="AUTOCOMMIT",
            pool_size=pool,
            max_overflow=2,
            pool_timeout=seconds * 2,
            pool_pre_ping=True,
            pool_recycle=1800,
            connect_args={"connect_timeout": 5, "read_timeout": int(seconds * 2) + 5, "charset": "utf8mb4"},
        )
        event.listen(engine, "connect", _limit_mysql(seconds))
    event.listen(engine, "before_cursor_execute", _refuse)
    return engine


def _refuse(connection: Connection, *_: Any) -> None:
    if not connection.get_execution_options().get(_DOOR):
        raise Unguarded("statements run through a Reader")


def _limit_mysql(seconds: float) -> Any:
    def limit(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        for words in (
            f"SET SESSION max_statement_time={seconds:g}",
            f"SET SESSION max_execution_time={int(seconds * 1000)}",
            "SET SESSION TRANSACTION READ ONLY",
            # Without a bound the planner tries every order of 20 tables: seconds for a question of milliseconds.
            "SET SESSION optimizer_search_depth=7",
        ):
            try:
                cursor.execute(words)
            except Exception as error:  # the server is MariaDB or MySQL: each knows one of the two limits
                log.debug("not set: %s (%s)", words, error)
        cursor.close()

    return limit


def _limit_sqlite(seconds: float) -> Any:
    def limit(connection: sqlite3.Connection, _: Any) -> None:
        deadline = [0.0]

        def watch(*_: Any) -> int:
            return int(time.monotonic() > deadline[0])

        def begin(_: str) -> None:
            deadline[0] = time.monotonic() + seconds

        connection.execute("PRAGMA query_only=1")
        connection.create_function("lens_contains", 2, _contains, deterministic=True)
        connection.set_trace_callback(begin)
        connection.set_progress_handler(watch, 20_000)

    return limit


def _contains(column: Any, text: str) -> bool | None:
    return None if column is None else _folded(text) in _folded(str(column))


def _folded(text: str) -> str:
    """Without case and accents, as MariaDB's collations compare."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(part for part in parts if not unicodedata.combining(part))
