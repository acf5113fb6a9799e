"""The base of the mapped classes and the few column kinds that they use.

A column names ISPyB's own spelling once; ``also`` lists what other sites call the same thing. Enum columns are read as
text, because sites hold values that no model lists.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, Double, ForeignKey, Integer, MetaData, String, Text
from sqlalchemy.dialects.sqlite import DATETIME
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, MappedColumn, mapped_column
from sqlalchemy.types import TypeDecorator, TypeEngine


class Table(DeclarativeBase):
    """Base of every mapped class. No relationships: nothing may load behind the guard's back."""

    metadata = MetaData()


_WHOLE_SECONDS: DateTime = DATETIME(truncate_microseconds=True)


class Moment(TypeDecorator[datetime]):
    """A date and time as the site wrote it, without zone. MySQL's zero date reads as None."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        # SQLite compares times as text: all of one form, with the whole seconds that ISPyB has.
        return dialect.type_descriptor(_WHOLE_SECONDS if dialect.name == "sqlite" else DateTime())

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return value if isinstance(value, datetime) else None


def _column(name: str, kind: TypeEngine[Any], also: tuple[str, ...], **options: Any) -> MappedColumn[Any]:
    to = options.pop("to", None)
    if to is not None:
        # Facilities hold rows whose target is gone, and the demo is loaded in any order: the key is for joins only.
        return mapped_column(name, kind, ForeignKey(to), index=True, info={"also": also}, **options)
    return mapped_column(name, kind, info={"also": also}, **options)


def key(name: str, *also: str, to: str | None = None) -> MappedColumn[Any]:
    """A primary key column."""
    return _column(name, Integer(), also, primary_key=True, **({"to": to} if to else {}))


def link(name: str, to: str, *also: str) -> MappedColumn[Any]:
    """A reference to ``Table.column``; may be NULL."""
    return _column(name, Integer(), also, to=to, nullable=True)


def whole(name: str, *also: str, index: bool = False) -> MappedColumn[Any]:
    """A whole number."""
    return _column(name, Integer(), also, nullable=True, index=index)


def real(name: str, *also: str) -> MappedColumn[Any]:
    """A real number. Where the site keeps it as text it is cast, and text that is no number reads as NULL."""
    return _column(name, Double(), also, nullable=True)


def words(name: str, size: int = 255, *also: str, index: bool = False) -> MappedColumn[Any]:
    """Text of at most ``size`` characters. Where the site keeps a number it is read as its digits."""
    return _column(name, String(size), also, nullable=True, index=index)


def prose(name: str, *also: str) -> MappedColumn[Any]:
    """Text of any length."""
    return _column(name, Text(), also, nullable=True)


def moment(name: str, *also: str, index: bool = False) -> MappedColumn[Any]:
    """A date and time."""
    return _column(name, Moment(), also, nullable=True, index=index)
