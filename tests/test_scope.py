"""Who a login is: what groups and permissions give, and that doubt gives nothing."""

from pathlib import Path

import pytest
from ispyb import PEOPLE, RIGHTS, Facility, facility
from sqlalchemy import create_engine, insert

from data import schema as s
from data.scope import Rights, UnknownPerson, scope_of
from data.source import Source


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Facility:
    """The tiny ISPyB of `ispyb.py`."""
    return facility("sqlite", f"sqlite:///{tmp_path_factory.mktemp('scope') / 'tiny.db'}")


def test_the_scope_of_a_person_comes_from_groups_and_permissions(tiny: Facility) -> None:
    scopes = {login: tiny.scope(login) for login in PEOPLE}
    assert {login: scope.everything for login, scope in scopes.items()} == dict.fromkeys(PEOPLE, False) | {
        "admin": True
    }
    assert scopes["staff"].beamlines == {"I04"}
    assert {scopes[login].beamlines for login in ("alice", "bob", "nobody")} == {frozenset()}
    assert scopes["alice"].name == "Alice Adams"


def test_an_unknown_empty_or_doubtful_login_is_nobody_at_all(tiny: Facility) -> None:
    for login in ("", "zoe", "%", "alice ' OR 1=1", "\x00", "álice", "alicè"):
        with pytest.raises(UnknownPerson):
            scope_of(tiny.source, login, RIGHTS)


def test_two_people_of_one_login_are_neither(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'two.db'}"
    engine = create_engine(url)
    s.Table.metadata.create_all(engine)
    with engine.begin() as connection:
        for key in (1, 2):
            connection.execute(insert(s.Person.__table__).values(personId=key, login="twin"))
    engine.dispose()
    source = Source(url)
    with pytest.raises(UnknownPerson):
        scope_of(source, "twin", Rights())
    source.close()
