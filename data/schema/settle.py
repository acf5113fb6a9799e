"""Fits the mapping to the columns that a site really has.

``settle(engine)`` compares the mapped classes with the site's tables and teaches this engine's compiler to spell them:
another spelling where that is the one present, NULL for an absent column, no rows for an absent table, a cast where
the site keeps a number as text. The result belongs to one engine and is never global.
"""

from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import Alias, Engine, inspect
from sqlalchemy import Table as CoreTable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import Float, Integer, Numeric, String, TypeEngine

from data.schema.base import Table


@dataclass(frozen=True, slots=True)
class Fit:
    """How one mapped table meets the site's: its real name (None: absent) and, per mapped column, what to write."""

    real: str | None
    spelled: dict[str, str] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()
    to_number: frozenset[str] = frozenset()
    to_text: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Settlement:
    """What settling found: a Fit per table, the flavour of the schema and its version as the site states it."""

    fits: dict[str, Fit]
    flavour: str

    @property
    def missing_tables(self) -> tuple[str, ...]:
        """Mapped tables that the site lacks."""
        return tuple(sorted(name for name, fit in self.fits.items() if fit.real is None))

    @property
    def missing_columns(self) -> tuple[str, ...]:
        """Mapped columns that the site lacks, as Table.column, of tables that it has."""
        return tuple(sorted(f"{name}.{column}" for name, fit in self.fits.items() if fit.real for column in fit.absent))


# Tables that only one flavour has, most telling first.
_MARKERS = (
    ("processingjob", "Diamond"),
    ("ssxprocessingresult", "MAX IV"),
    ("tomogram", "Diamond"),
    ("workflow", "ESRF"),
    ("subtraction", "ESRF"),
)


def settle(engine: Engine) -> Settlement:
    """Compare the mapping with the database behind ``engine`` and set the engine's compiler accordingly.

    Raises what SQLAlchemy raises when the database cannot be reached.
    """
    inspector = inspect(engine)
    real = {name.lower(): name for name in [*inspector.get_table_names(), *inspector.get_view_names()]}
    wanted = {name: real[name.lower()] for name in Table.metadata.tables if name.lower() in real}
    found = inspector.get_multi_columns(filter_names=list(wanted.values())) if wanted else {}
    columns = {table: listed for (_, table), listed in found.items()}
    fits = {
        name: _fit(table, wanted.get(name), columns.get(wanted.get(name, ""), []))
        for name, table in Table.metadata.tables.items()
    }
    flavour = next((flavour for marker, flavour in _MARKERS if marker in real), "unknown")
    settlement = Settlement(fits, flavour)
    base = engine.dialect.statement_compiler
    if issubclass(base, _SiteCompiler):
        base = cast(type[SQLCompiler], base.__mro__[2])
    # An instance attribute: other engines of the same dialect keep their own.
    engine.dialect.statement_compiler = type("SiteCompiler", (_SiteCompiler, base), {"settlement": settlement})
    engine.clear_compiled_cache()
    return settlement


def _fit(table: CoreTable, real: str | None, columns: Any) -> Fit:
    if real is None:
        return Fit(None)
    types = {column["name"].lower(): (column["name"], column["type"]) for column in columns}
    spelled: dict[str, str] = {}
    absent, to_number, to_text = set(), set(), set()
    for column in table.columns:
        names = (column.name, *column.info.get("also", ()))
        present = next((types[name.lower()] for name in names if name.lower() in types), None)
        if present is None:
            absent.add(column.name)
            continue
        spelling, kind = present
        if spelling != column.name:
            spelled[column.name] = spelling
        ours_text, site_text = isinstance(column.type, String), isinstance(kind, String)
        if site_text and _is_number(column.type):
            to_number.add(column.name)
        elif ours_text and not site_text and _is_number(kind):
            to_text.add(column.name)
    return Fit(real, spelled, frozenset(absent), frozenset(to_number), frozenset(to_text))


def _is_number(kind: TypeEngine[Any]) -> bool:
    return isinstance(kind, Integer | Numeric | Float)


_NUMBER = "^ *[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]{1,2})? *$"


class _SiteCompiler(SQLCompiler):
    """Writes columns and tables as the site has them."""

    settlement: Settlement

    def visit_column(self, column: Any, *args: Any, **options: Any) -> str:
        text = super().visit_column(column, *args, **options)
        table = column.table
        while isinstance(table, Alias):
            table = table.element
        if not isinstance(table, CoreTable) or not options.get("include_table", True):
            return text
        fit = self.settlement.fits.get(table.name)
        if fit is None or fit.real is None:
            return text
        name = column.name
        written = self.preparer.quote(name)
        if name in fit.absent:
            site = "NULL"
        else:
            site = text[: len(text) - len(written)] + self.preparer.quote(fit.spelled.get(name, name))
            if name in fit.to_number:
                site = self._as_number(site)
            elif name in fit.to_text:
                site = f"CAST({site} AS CHAR)"
        if site == text:
            return text
        # Inside a label or a function the outer element names the result; a bare column must name itself.
        if options.get("within_columns_clause") and not options.get("within_label_clause"):
            return f"{site} AS {written}"
        return site

    def _as_number(self, site: str) -> str:
        # Text that is no number must read as NULL: a plain cast would give 0, a value that nobody measured.
        if self.dialect.name == "sqlite":
            # SQLite has no expressions for patterns, but it knows a number in JSON.
            number = f"json_valid(TRIM({site})) AND json_type(TRIM({site})) IN ('integer', 'real')"
            return f"CASE WHEN {number} THEN CAST({site} AS REAL) END"
        return f"CASE WHEN {site} REGEXP '{_NUMBER}' THEN CAST({site} AS DOUBLE) END"

    def visit_table(self, table: Any, asfrom: bool = False, **options: Any) -> str:  # type: ignore[override]
        fit = self.settlement.fits.get(table.name) if asfrom else None
        enclosing = options.get("enclosing_alias")
        if fit is None or fit.real == table.name:
            return cast(str, super().visit_table(table, asfrom=asfrom, **options))
        if fit.real is None:
            nulls = ", ".join(f"NULL AS {self.preparer.quote(column.name)}" for column in table.columns)
            text = f"(SELECT {nulls} FROM (SELECT 1 AS one) AS one_row WHERE 1 = 0)"
        else:
            text = self.preparer.quote(fit.real)
        super().visit_table(table, asfrom=asfrom, **options)
        # The option comes down from every alias above; only the one right above this table names it.
        named = enclosing is not None and enclosing.element is table
        return text if named else f"{text} AS {self.preparer.quote(table.name)}"
