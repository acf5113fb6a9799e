"""Rows on their way into a database: collected by mapped class, numbered, digested, inserted."""

import hashlib
import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, insert, inspect
from sqlalchemy.engine import URL

from data.demo.quality import Series
from data.schema import ImageQuality, Table

Row = dict[str, Any]
_BATCH = 20_000


class Rows:
    """Rows under our attribute names. Per-image numbers are kept as Series and written out when inserted."""

    def __init__(self) -> None:
        self.held: dict[type[Table], list[Row]] = {}
        self.quality: list[tuple[int, Series]] = []

    def add(self, mapped: type[Table], **values: Any) -> int:
        """Keep one row; a single primary key that is not given counts up from 1. Returns that key, else 0."""
        rows = self.held.setdefault(mapped, [])
        keys = primary_keys(mapped)
        if len(keys) == 1:
            values.setdefault(keys[0], len(rows) + 1)
        # ISPyB keeps whole seconds.
        rows.append({
            name: value.replace(microsecond=0) if isinstance(value, datetime) else value
            for name, value in values.items()
        })  # fmt: skip
        return values[keys[0]] if len(keys) == 1 else 0

    def of(self, mapped: type[Table]) -> list[Row]:
        """All rows of a class so far."""
        return self.held.get(mapped, [])

    def digest(self) -> str:
        """SHA-256 of everything held, in order; equal for equal facilities."""
        sha = hashlib.sha256()
        for mapped in sorted(self.held, key=lambda found: found.__name__):
            sha.update(mapped.__name__.encode())
            for row in self.held[mapped]:
                sha.update(repr(sorted(row.items())).encode("utf-8", "surrogatepass"))
        for place, (collection_id, series) in enumerate(self.quality):
            # The parameters tell the numbers; some are looked at themselves.
            sha.update(f"{collection_id} {series!r}".encode())
            if place % 10 == 0:
                sha.update(repr(series.columns()).encode())
        return sha.hexdigest()

    def insert(self, engine: Engine, progress: Callable[[float], None] = lambda share: None) -> None:
        """Create the tables and insert everything in one transaction. ``progress`` is told 0 to 1."""
        Table.metadata.create_all(engine)
        total = sum(map(len, self.held.values())) + sum(series.count for _, series in self.quality)
        done = 0
        with engine.begin() as connection:
            for mapped, rows in self.held.items():
                columns = inspect(mapped).columns
                names = {attribute: column.name for attribute, column in columns.items()}
                for start in range(0, len(rows), _BATCH):
                    batch = rows[start : start + _BATCH]
                    connection.execute(
                        insert(mapped),
                        [{name: row.get(attr) for attr, name in names.items()} for row in batch],
                    )
                    done += len(batch)
                    progress(done / total)
            # A million rows: without SQLAlchemy's care for each of them it takes a third of the time.
            wanted = [inspect(ImageQuality).columns[name].name for name in ("collection_id", *Series.NAMES)]
            statement = insert(ImageQuality).compile(dialect=engine.dialect, column_keys=wanted)
            order = [wanted.index(name) for name in statement.positiontup or wanted]
            cursor = connection.connection.cursor()
            for number, (collection_id, series) in enumerate(self.quality):
                listed = [[collection_id] * series.count, *series.columns()]
                cursor.executemany(str(statement), list(zip(*(listed[at] for at in order), strict=True)))
                done += series.count
                if number % 50 == 0:
                    progress(done / total)
            progress(1.0)


def primary_keys(mapped: type[Table]) -> tuple[str, ...]:
    """The attributes of the primary key."""
    return tuple(name for name, column in inspect(mapped).columns.items() if column.primary_key)


def sqlite_file(path: Path) -> Engine:
    """An engine that fills a new SQLite file as fast as the disk takes it: no journal, no waiting.

    A crash leaves a broken file: write it under another name and rename it.
    """
    engine = create_engine(URL.create("sqlite", database=str(path)))
    event.listen(engine, "connect", _hasten)
    return engine


def settle_down(path: Path) -> None:
    """Make a filled SQLite file ready to be read while somebody writes."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("ANALYZE")
    finally:
        connection.close()


def _hasten(connection: sqlite3.Connection, _: object) -> None:
    connection.execute("PRAGMA journal_mode=OFF")
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA cache_size=-64000")
