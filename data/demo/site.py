"""Writing a few rows into a site's ISPyB, whatever its flavour: the columns that it has, with what it insists on."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Engine, Enum, MetaData, create_engine, event, insert, inspect, update
from sqlalchemy import Table as CoreTable
from sqlalchemy.engine import URL
from sqlalchemy.types import Date, DateTime, Integer, Numeric

from data.demo.rows import primary_keys
from data.schema import Program, Table
from data.schema.settle import Settlement, settle

# Program.status as the flavour with numbers keeps it, and as the one with words does.
_STATUS_WORDS = {"1": "SUCCESS", "0": "FAILED", None: "RUNNING"}


def writable(url: URL | str) -> Engine:
    """An engine that may write. SQLite waits for readers and other writers instead of failing."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout=5000"))
    return engine


class Site:
    """Inserts and updates rows given by our attribute names. Raises what SQLAlchemy raises."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.settlement: Settlement = settle(engine)
        self._tables: dict[str, CoreTable] = {}
        self._columns: dict[tuple[type[Table], str], Column[Any] | None] = {}

    def has(self, mapped: type[Table]) -> bool:
        """Whether the site has that table."""
        return self.settlement.fits[mapped.__tablename__].real is not None

    def insert(self, mapped: type[Table], **values: Any) -> int:
        """Insert one row; returns the key that the database gave it, or 0 where it has none of its own."""
        return self.insert_all(mapped, [values])

    def demands(self, mapped: type[Table], column: str) -> bool:
        """Whether the site's table has that column, which we do not map, and insists on a value in it."""
        found = self._table(mapped).c.get(column) if self.has(mapped) else None
        return found is not None and not found.nullable and found.server_default is None

    def insert_all(self, mapped: type[Table], rows: list[dict[str, Any]], more: Mapping[str, Any] | None = None) -> int:
        """Insert rows with the same attributes. Returns the key of a single one.

        ``more``: values by the site's own column names, the same for all.
        """
        if not rows or not self.has(mapped):
            return 0
        table = self._table(mapped)
        ready = [self._demanded(table, {**self._named(mapped, row), **(more or {})}) for row in rows]
        with self.engine.connect() as connection:
            if len(ready) > 1:
                # In one transaction: SQLite would wait for the disk after each row.
                connection.exec_driver_sql("BEGIN")
                try:
                    connection.execute(insert(table), ready)
                finally:
                    connection.exec_driver_sql("COMMIT")
                return 0
            made = connection.execute(insert(table).values(ready[0]))
            key = made.inserted_primary_key
            return int(key[0]) if key is not None and key[0] is not None else 0

    def update(self, mapped: type[Table], key: int, **values: Any) -> None:
        """Change one row."""
        table = self._table(mapped)
        (attribute,) = primary_keys(mapped)
        (column,) = self._named(mapped, {attribute: key})
        with self.engine.connect() as connection:
            connection.execute(update(table).where(table.c[column] == key).values(self._named(mapped, values)))

    def _table(self, mapped: type[Table]) -> CoreTable:
        name = self.settlement.fits[mapped.__tablename__].real or mapped.__tablename__
        if name not in self._tables:
            self._tables[name] = CoreTable(name, MetaData(), autoload_with=self.engine, resolve_fks=False)
        return self._tables[name]

    def _named(self, mapped: type[Table], values: Mapping[str, Any]) -> dict[str, Any]:
        """The values under the site's column names; what it has no column for is left out."""
        named: dict[str, Any] = {}
        for attribute, value in values.items():
            column = self._column(mapped, attribute)
            if column is None:
                continue
            if mapped is Program and attribute == "status" and _takes_words(column):
                value = _STATUS_WORDS[value]
            named[column.name] = value
        return named

    def _column(self, mapped: type[Table], attribute: str) -> Column[Any] | None:
        """The site's column of an attribute; None where it has none. Looked up once: runs write thousands of rows."""
        key = mapped, attribute
        if key not in self._columns:
            fit, name = self.settlement.fits[mapped.__tablename__], inspect(mapped).columns[attribute].name
            absent = name in fit.absent
            self._columns[key] = None if absent else self._table(mapped).c[fit.spelled.get(name, name)]
        return self._columns[key]

    def _demanded(self, table: CoreTable, values: dict[str, Any]) -> dict[str, Any]:
        """With something in every column that the site insists on."""
        for column in table.columns:
            open_ = column.nullable or column.server_default is not None or column.name in values
            if not open_ and not (column.primary_key and len(table.primary_key) == 1):
                values[column.name] = _something(column)
        return values


def _takes_words(column: Column[Any]) -> bool:
    return isinstance(column.type, Enum) and "RUNNING" in (column.type.enums or ())


def _something(column: Column[Any]) -> Any:
    if isinstance(column.type, (Date, DateTime)):
        return datetime.now().replace(microsecond=0)
    return 0 if isinstance(column.type, (Integer, Numeric)) else ""
