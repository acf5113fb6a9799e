"""The movies of a cryo-EM collection and their pictures, on SQLite and on MariaDB in both flavours."""

from collections.abc import Iterator

import pytest
from ispyb import DATABASES, EVERYBODY, Facility, shared

from data.errors import NotFound
from data.techniques.em import movies as em_movies


@pytest.fixture(scope="module", params=DATABASES)
def tiny(request: pytest.FixtureRequest) -> Iterator[Facility]:
    """The tiny ISPyB of `ispyb.py` in one kind of database."""
    found = shared(request, request.param)
    yield found
    found.source.close()


def test_movies_come_in_order_with_their_latest_numbers_and_pictures(tiny: Facility) -> None:
    bob = tiny.reader("bob")
    rows = em_movies.movies(bob, 2001)
    assert [row["number"] for row in rows] == [1, 2, 3, 4, 5]
    assert [row["motion"] for row in rows] == [10, 20, 30, None, None]
    assert [row["ctf_resolution"] for row in rows] == [3, 4, 8, None, None]
    assert [row["defocus"] for row in rows] == [1, 2, 3, None, None]
    assert [bool(row["micrograph"]) for row in rows] == [False] * 5
    assert em_movies.movies(bob, 2002) == []
    nothing = {"micrograph": None, "fft": None, "ctf": None}
    assert em_movies.pictures(bob, 3) == {"movie": "/data/3.mrc"} | nothing
    assert em_movies.movies(tiny.reader("alice"), 2001) == []
    assert em_movies.imaging(bob, 3) == {"movie": "/data/3.mrc"}
    for movie, login in ((3, "alice"), (999, "bob")):
        for question in (em_movies.pictures, em_movies.imaging):
            with pytest.raises(NotFound, match="This movie does not exist"):
                question(tiny.reader(login), movie)


@pytest.mark.parametrize("login", EVERYBODY)
def test_movies_are_seen_by_who_sees_their_visit_and_by_nobody_else(tiny: Facility, login: str) -> None:
    reader, seen = tiny.reader(login), login in ("bob", "admin")
    assert bool(em_movies.movies(reader, 2001)) is seen
    if seen:
        assert em_movies.pictures(reader, 1)["movie"] == em_movies.imaging(reader, 1)["movie"] == "/data/1.mrc"
        return
    for question in (em_movies.pictures, em_movies.imaging):
        with pytest.raises(NotFound):
            question(reader, 1)
