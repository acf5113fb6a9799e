"""Means and medians over more movies than are looked at one by one."""

from dataclasses import replace

import pytest
from ispyb import DATABASES, at, at_server, facility, writer

from data import schema as s
from data.techniques.em import queries as em


@pytest.mark.parametrize("kind", DATABASES)
def test_of_many_movies_an_even_spread_is_looked_at_however_they_are_numbered(
    kind: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> None:
    if kind == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('movies') / 'many.db'}"
    else:
        url = at_server(request.getfixturevalue("mariadb"), kind, "movies")
    tiny = facility(kind, url)
    write = writer(url)
    with write.engine.begin() as connection:
        write.prepare(connection)
        w = replace(write, open=connection)
        # Two microscopes write by turns: the movies of 2002 have even numbers, those of 2003 odd ones.
        w.add(s.Collection, collection_id=2003, group_id=201, start=at(5, 11), voltage=300.0)
        for number in range(1500):
            for key, collection in ((100_000 + 2 * number, 2002), (100_001 + 2 * number, 2003)):
                w.add(s.Movie, movie_id=key, collection_id=collection, number=number)
                motion = float(number % 100)
                text_site = w.settlement.fits["MotionCorrection"].to_number
                w.add(
                    s.MotionCorrection, motion_id=key, movie_id=key, total_motion=str(motion) if text_site else motion
                )
                w.add(
                    s.CTF,
                    ctf_id=key,
                    motion_id=key,
                    resolution=3 + number / 1000,
                    **dict.fromkeys(("defocus", "defocus_u", "defocus_v"), 10000.0 + 10 * number),
                )
    found = em.movies_of(tiny.reader("bob"), 21, [2001, 2002, 2003])
    tiny.source.close()
    assert found[2001]["ctf_resolution"] == pytest.approx(4), "of few movies each counts"
    for collection in (2002, 2003):
        row = found[collection]
        assert (row["movies"], row["corrected"], row["estimated"]) == (1500, 1500, 1500)
        assert row["motion"] == pytest.approx(49.5, abs=2)
        assert row["ctf_resolution"] == pytest.approx(3.75, abs=0.05)
        assert row["defocus"] == pytest.approx(1.75, abs=0.05)
