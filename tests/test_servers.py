"""The databases that the other tests stand on are what they say."""

import sys

import pytest
from servers.mariadb import Server
from servers.models import ModelsMissing, diamond_metadata, esrf_metadata
from sqlalchemy import create_engine, func, select
from sqlalchemy.engine import URL


@pytest.fixture(autouse=True)
def models() -> None:
    try:
        diamond_metadata(), esrf_metadata()
    except ModelsMissing as missing:
        pytest.skip(str(missing))


def test_both_flavours_are_loaded_and_neither_is_imported_as_ispyb() -> None:
    assert "AutoProcProgram" in diamond_metadata().tables
    assert "jobUuid" in diamond_metadata().tables["AutoProcProgram"].columns
    assert "dataCollectionId" in esrf_metadata().tables["AutoProcProgram"].columns
    assert "ispyb.models" not in sys.modules
    assert "ispyb.sqlalchemy" not in sys.modules


def test_the_diamond_database_has_every_table_of_the_package(mariadb: Server, diamond_url: URL) -> None:
    tables = {str(row[0]) for row in mariadb.rows("SHOW TABLES", diamond_url.database)}
    assert tables == set(diamond_metadata().tables)


def test_the_diamond_database_holds_the_published_rows(diamond_url: URL) -> None:
    engine = create_engine(diamond_url)
    tables = diamond_metadata().tables
    with engine.connect() as connection:
        session = tables["BLSession"]
        collections = connection.scalars(select(func.count()).select_from(tables["DataCollection"])).one()
        cell = connection.execute(
            select(tables["AutoProc"].c.spaceGroup, tables["AutoProc"].c.refinedCell_a).where(
                tables["AutoProc"].c.autoProcId == 596406
            )
        ).one()
        beamlines = set(connection.scalars(select(session.c.beamLineName)))
    engine.dispose()
    assert collections > 0
    assert cell == ("P 6 2 2", pytest.approx(92.5546, rel=1e-4))
    assert "i03" in beamlines


def test_the_esrf_database_has_every_table_but_the_views(mariadb: Server, esrf_url: URL) -> None:
    tables = {str(row[0]) for row in mariadb.rows("SHOW TABLES", esrf_url.database)}
    assert tables == {name for name in esrf_metadata().tables if not name.startswith("v_")}


@pytest.mark.parametrize("turn", ["first", "second"])
def test_a_scratch_database_is_empty_for_each_test(mariadb: Server, diamond_scratch_url: URL, turn: str) -> None:
    name = diamond_scratch_url.database
    assert mariadb.rows("SELECT COUNT(*) FROM Laboratory", name) == [(0,)]
    mariadb.run(f"INSERT INTO Laboratory (name) VALUES ('{turn}')", database=name)
    assert mariadb.rows("SELECT laboratoryId, name FROM Laboratory", name) == [(1, turn)]


def test_a_parameter_that_latin1_lacks_is_an_error_at_diamond_as_in_life(mariadb: Server, diamond_url: URL) -> None:
    with pytest.raises(Exception, match="Illegal mix of collations"):
        mariadb.rows("SELECT 1 FROM Person WHERE familyName = 'żółć'", diamond_url.database)
