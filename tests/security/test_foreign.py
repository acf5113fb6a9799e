"""Every row of every mapped table: what is not Alice's is not read for her, whatever is asked."""

from collections.abc import Iterator

import pytest
from security.hostile import SECRET, Hostile, mapped_tables, rows
from sqlalchemy import inspect, select

from data.guard import _OPEN
from data.reader import Reader
from data.schema import Table
from data.scope import Rights, scope_of
from data.source import Source


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    site = Hostile(tmp_path_factory.mktemp("foreign"))
    site.write()
    found = Source(f"sqlite:///{site.database}")
    yield found
    found.close()


@pytest.mark.parametrize("mapped", mapped_tables(), ids=lambda mapped: mapped.__name__)
def test_no_row_of_another_is_read(source: Source, mapped: type[Table]) -> None:
    query = select(*(getattr(mapped, prop.key) for prop in inspect(mapped).column_attrs))
    rights = Rights(frozenset({"all_proposals"}), {})
    seen = {login: Reader(source, scope_of(source, login, rights)).rows(query) for login in ("alice", "bob", "admin")}
    assert not [row for row in seen["alice"] if SECRET in repr(row)]
    if mapped not in _OPEN:
        assert len(seen["alice"]) < len(rows().of(mapped))
        assert len(seen["bob"]) < len(rows().of(mapped))
    if any(SECRET in repr(row) for row in rows().of(mapped)):
        assert [row for row in seen["admin"] if SECRET in repr(row)], "the rows are there"
