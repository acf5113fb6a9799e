"""What a list asks for while its visit is watched."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from ispyb import DATABASES, Facility, shared
from sqlalchemy import select

from data.lists import Asked
from data.schema import Visit
from data.techniques.collections import beginnings, first_row
from data.techniques.em import queries as em
from data.techniques.mx import queries as mx
from data.techniques.ssx import queries as ssx

ALL = Asked()


@pytest.fixture(scope="module", params=DATABASES)
def tiny(request: pytest.FixtureRequest) -> Iterator[Facility]:
    """The tiny ISPyB of `ispyb.py` in one kind of database."""
    found = shared(request, request.param)
    yield found
    found.source.close()


@pytest.mark.parametrize(("queries", "visit"), [(mx, 11), (ssx, 31), (em, 21)])
def test_rows_read_again_are_those_of_the_list_in_one_statement(tiny: Facility, queries: Any, visit: int) -> None:
    reader = tiny.reader("admin")
    listed = {row["id"]: row for row in queries.collections(reader, visit, ALL, 0, 50).rows}
    before = tiny.source.statements
    again = queries.changed(reader, visit, [1001, 1002, 1003, 1004, 2001, 2002, 3001, 3002, 3003])
    assert tiny.source.statements - before == 1
    for row in again:
        shown = listed[row["id"]]
        assert {key: row[key] for key in shown} == shown
    assert len(again) == len(listed)


@pytest.mark.parametrize(("queries", "visit"), [(mx, 11), (ssx, 31), (em, 21)])
def test_a_collection_that_just_began_has_every_column_of_its_list(tiny: Facility, queries: Any, visit: int) -> None:
    columns, join = beginnings(datetime.now())
    reader = tiny.reader("admin")
    found = reader.rows(join(select(*columns)).where(Visit.visit_id == visit))
    listed = {row["id"]: row for row in queries.collections(reader, visit, ALL, 0, 50).rows}
    for technique, row in map(first_row, found):
        assert technique == {11: "mx", 31: "ssx", 21: "em"}[visit]
        begun, shown = queries.begun(row), listed[row["id"]]
        assert shown.keys() <= begun.keys()
        assert {key: row[key] for key in ("id", "prefix", "sample", "images", "start", "status")} == {
            key: shown[key] for key in ("id", "prefix", "sample", "images", "start", "status")
        }
    assert len(found) == len(listed)


def test_what_fits_a_filter_is_said_of_the_given_collections_alone(tiny: Facility) -> None:
    reader = tiny.reader("bob")
    prefix = Asked(filters=(("prefix", "lys"),))
    assert mx.fits(reader, 11, prefix, [1001, 1002, 1004]) == [1002, 1001]
    assert mx.fits(reader, 11, prefix, [1004]) == []
    assert mx.fits(reader, 11, Asked(filters=(("spots", ">40"),)), [1001, 1002]) == [1001]
