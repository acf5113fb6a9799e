"""The mapping meets sites that spell, lack or type things otherwise."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ispyb import Facility, Writer, at, at_server, facility, fill, writer
from servers.mariadb import Server
from sqlalchemy import Select, case, cast, create_engine, exists, func, literal, select, text, union, union_all
from sqlalchemy.orm import aliased
from sqlalchemy.types import String

from data import schema as s
from data.core import collection, visits
from data.errors import Unavailable
from data.lists import Asked
from data.reader import Reader
from data.schema.settle import settle
from data.scope import Scope
from data.source import Source
from data.techniques.mx import queries as mx

Site = Callable[..., Reader]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Makes a SQLite database from statements, and gives the Reader of one who sees everything there."""
    sources: list[Source] = []

    def make(*statements: str) -> Reader:
        url = f"sqlite:///{tmp_path / f'site{len(sources)}.db'}"
        engine = create_engine(url)
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))
        engine.dispose()
        sources.append(Source(url))
        return Reader(sources[-1], Scope(everything=True))

    yield make
    for source in sources:
        source.close()


def got(reader: Reader, query: Select[Any]) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in reader.rows(query)]


# A site of another mind: names in small letters, one column under its other name, one absent, numbers kept as text,
# and a digit where we read words.
OTHER = (
    "CREATE TABLE motioncorrection (motioncorrectionid INTEGER PRIMARY KEY, movieid INTEGER, totalmotion VARCHAR(45))",
    "INSERT INTO motioncorrection VALUES (1, 7, '12.5'), (2, 7, 'n/a'), (3, 7, ''), (4, 7, '1.2.3'), (5, 7, '.')",
    "INSERT INTO motioncorrection VALUES (6, 7, '2026-01-01'), (7, 7, NULL), (8, 8, '-3e2'), (9, 8, ' 4 ')",
    "INSERT INTO motioncorrection VALUES (10, 8, '5 A'), (11, 8, '1e'), (12, 8, '0x10')",
    "CREATE TABLE CTF (CTFid INTEGER PRIMARY KEY, motionCorrectionId INTEGER, resolutionLimit FLOAT, angle FLOAT)",
    "INSERT INTO CTF VALUES (1, 1, 3.5, 10), (2, 8, 4.5, 20)",
    "CREATE TABLE AutoProcProgram (autoProcProgramId INTEGER PRIMARY KEY, processingStatus TINYINT)",
    "INSERT INTO AutoProcProgram VALUES (1, 1), (2, 0), (3, NULL)",
)
M, C = s.MotionCorrection, s.CTF


def test_what_is_fitted_is_told(site: Site) -> None:
    found = site(*OTHER).settlement
    assert found.fits["MotionCorrection"].real == "motioncorrection"
    assert found.fits["CTF"].spelled == {
        "ctfId": "CTFid",
        "estimatedResolution": "resolutionLimit",
        "astigmatismAngle": "angle",
    }
    assert found.fits["MotionCorrection"].to_number == {"totalMotion"}
    assert found.fits["AutoProcProgram"].to_text == {"processingStatus"}
    assert "CTF.defocusU" in found.missing_columns
    assert "Movie" in found.missing_tables
    assert not any(name.startswith("Movie.") for name in found.missing_columns)


def test_another_spelling_reads_under_our_name_wherever_it_stands(site: Site) -> None:
    reader = site(*OTHER)
    other = aliased(C)
    inner = select(C.ctf_id, C.resolution).where(C.resolution > 4).subquery()
    cte = select(C.ctf_id, C.resolution).cte("one")
    for query in (
        select(C.ctf_id, C.resolution).where(C.resolution > 4),
        select(C.ctf_id.label("a"), C.resolution.label("b")).where(C.resolution > 4),
        select(other.ctf_id, other.resolution).where(other.resolution > 4),
        select(inner.c.ctf_id, inner.c.resolution),
        select(cte.c.ctf_id, cte.c.resolution).where(cte.c.resolution > 4),
        select(C.ctf_id, func.max(C.resolution)).group_by(C.ctf_id).having(func.max(C.resolution) > 4),
        select(C.ctf_id, C.resolution).order_by(C.resolution.desc()).limit(1),
        select(union(select(C.ctf_id, C.resolution).where(C.resolution > 4)).subquery()),
        select(C.ctf_id, C.resolution + 0).where(C.resolution.between(4, 5)),
        select(C.ctf_id, case((C.resolution > 4, C.resolution), else_=literal(0.0))).where(C.ctf_id.in_([2])),
        select(C.ctf_id, C.resolution).where(
            exists(select(M.motion_id).where(M.motion_id == C.motion_id, C.ctf_id == 2))
        ),
        select(C.ctf_id, select(other.resolution).where(other.ctf_id == C.ctf_id).scalar_subquery()).where(
            C.ctf_id == 2
        ),
    ):
        assert got(reader, query) == [(2, 4.5)], str(query)
    row = reader.one(select(C.ctf_id, C.resolution).where(C.ctf_id == 2))
    assert (row.ctf_id, row.resolution) == (2, 4.5)
    whole = reader.one(select(C).where(C.ctf_id == 2))[0]
    assert (whole.ctf_id, whole.resolution, whole.defocus_u) == (2, 4.5, None)


def test_an_absent_column_is_nothing_wherever_it_stands(site: Site) -> None:
    reader = site(*OTHER)
    other = aliased(C)
    absent = C.defocus_u
    inner = select(C.ctf_id, absent).subquery()
    labelled = select(C.ctf_id, absent.label("u")).subquery()
    for query in (
        select(C.ctf_id, absent),
        select(C.ctf_id, absent.label("other")),
        select(other.ctf_id, other.defocus_u),
        select(C.ctf_id, func.abs(absent)),
        select(C.ctf_id, func.coalesce(absent, C.defocus_v)),
        select(C.ctf_id, absent + 1),
        select(C.ctf_id, cast(absent, String)),
        select(C.ctf_id, case((absent > 1, absent))),
        select(inner.c.ctf_id, inner.c.defocus_u),
        select(labelled.c.ctf_id, labelled.c.u),
        select(C.ctf_id, absent).where(absent.is_(None)),
        select(C.ctf_id, absent).order_by(absent, absent.desc(), C.ctf_id),
        select(C.ctf_id, func.max(absent)).group_by(C.ctf_id, absent),
        select(C.ctf_id, select(other.defocus_u).where(other.ctf_id == C.ctf_id).scalar_subquery()),
        select(C.ctf_id, func.max(absent).over(partition_by=C.ctf_id)),
        select(C.ctf_id, absent).distinct(),
    ):
        assert sorted(got(reader, query)) == [(1, None), (2, None)], str(query)
    assert got(reader, select(C.ctf_id).where(absent > 0)) == []
    assert got(reader, select(C.ctf_id).where(absent.in_([1, 2]))) == []
    assert got(reader, select(C.ctf_id).join(M, M.motion_id == absent)) == []
    assert got(reader, select(C.ctf_id, M.motion_id).outerjoin(M, M.motion_id == absent)) == [(1, None), (2, None)]
    row = reader.one(select(C.ctf_id, absent))
    assert (row.ctf_id, row.defocus_u) == (1, None)


def test_an_absent_table_has_no_rows_wherever_it_stands(site: Site) -> None:
    reader = site(*OTHER)
    other = aliased(s.Movie)
    for query in (
        select(s.Movie.movie_id),
        select(other.movie_id),
        select(select(s.Movie.movie_id).subquery()),
        select(select(other.movie_id).subquery("x")),
        select(select(s.Movie.movie_id).cte("x")),
        select(union_all(select(s.Movie.movie_id), select(other.movie_id)).subquery()),
        select(M.motion_id).join(s.Movie, s.Movie.movie_id == M.movie_id),
        select(M.motion_id).join(other, other.movie_id == M.movie_id),
        select(M.motion_id).where(exists(select(s.Movie.movie_id).where(s.Movie.movie_id == M.movie_id))),
        select(M.motion_id).where(M.movie_id.in_(select(s.Movie.movie_id))),
        # Inside an alias of something else, where it once lost its name.
        select(select(M.motion_id).join(s.Movie, s.Movie.movie_id == M.movie_id).subquery("outer_one")),
    ):
        assert got(reader, query) == [], str(query)
    assert reader.scalar(select(func.count()).select_from(s.Movie)) == 0
    outer = select(C.ctf_id, s.Movie.path).outerjoin(s.Movie, s.Movie.movie_id == C.motion_id)
    assert got(reader, outer) == [(1, None), (2, None)]
    nested = select(outer.subquery("whole")).limit(1)
    assert got(reader, nested) == [(1, None)]


def test_numbers_kept_as_text_are_numbers_and_other_text_is_nothing(site: Site) -> None:
    reader = site(*OTHER)
    expected = {1: 12.5, 8: -300.0, 9: 4.0}
    found = dict(got(reader, select(M.motion_id, M.total_motion)))
    assert found == {key: expected.get(key) for key in range(1, 13)}
    assert got(reader, select(M.motion_id).where(M.total_motion > 5)) == [(1,)]
    assert reader.scalar(select(func.avg(M.total_motion)).where(M.movie_id == 7)) == 12.5
    # As numbers 4 is less than 12.5, as text it is more.
    ordered = select(M.motion_id).where(M.total_motion.is_not(None)).order_by(M.total_motion)
    assert got(reader, ordered) == [(8,), (9,), (1,)]


def test_a_digit_is_read_as_its_words(site: Site) -> None:
    reader = site(*OTHER)
    assert got(reader, select(s.Program.program_id, s.Program.status)) == [(1, "1"), (2, "0"), (3, None)]
    assert got(reader, select(s.Program.program_id).where(s.Program.status.in_(("1", "SUCCESS")))) == [(1,)]


def test_what_is_settled_belongs_to_one_engine(site: Site, tmp_path: Path) -> None:
    strange = site(*OTHER)
    strange.settlement  # noqa: B018
    usual = Facility("sqlite", Source(f"sqlite:///{tmp_path / 'usual.db'}"))
    fill(writer(f"sqlite:///{tmp_path / 'usual.db'}"))
    query = select(C.ctf_id, C.resolution, C.defocus_u).where(C.ctf_id == 2)
    assert got(usual.reader(), query) == [(2, 4.0, 18000.0)]
    assert got(strange, query) == [(2, 4.5, None)]
    assert got(usual.reader(), query) == [(2, 4.0, 18000.0)]
    usual.source.close()


def test_settling_again_after_an_upgrade_finds_the_new_column(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'site.db'}")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE CTF (CTFid INTEGER PRIMARY KEY)"))
        connection.execute(text("INSERT INTO CTF VALUES (1)"))
    before = settle(engine)
    compiler = engine.dialect.statement_compiler
    with engine.connect() as connection:
        assert connection.execute(select(C.ctf_id, C.resolution)).all() == [(1, None)]
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE CTF ADD COLUMN estimatedResolution FLOAT DEFAULT 2.5"))
    after = settle(engine)
    with engine.connect() as connection:
        assert connection.execute(select(C.ctf_id, C.resolution)).all() == [(1, 2.5)]
    assert len(engine.dialect.statement_compiler.__mro__) == len(compiler.__mro__)
    assert set(before.missing_columns) - set(after.missing_columns) == {"CTF.estimatedResolution"}
    engine.dispose()


def test_an_empty_database_answers_every_page_with_nothing(site: Site) -> None:
    reader = site("CREATE TABLE unrelated (x INTEGER)")
    assert len(reader.settlement.missing_tables) == len(s.Table.metadata.tables)
    assert reader.settlement.flavour == "unknown"
    assert mx.collections(reader, 1, Asked(search="x"), 0, 10).rows == []
    assert visits.current(reader, at(1)) == []
    assert collection.quality(reader, 1)["image"].size == 0


def test_a_database_that_does_not_answer_says_so() -> None:
    source = Source("mysql+pymysql://x:x@127.0.0.1:1/none")
    for _ in range(2):
        with pytest.raises(Unavailable, match="does not answer"):
            Reader(source, Scope()).rows(select(s.Visit.visit_id))
    source.close()


# ---- the two flavours for real --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def esrf(mariadb: Server) -> Iterator[Facility]:
    """The tiny ISPyB in ESRF's full schema."""
    found = facility("esrf", at_server(mariadb, "esrf", "settle"))
    yield found
    found.source.close()


@pytest.fixture(scope="module")
def diamond(mariadb: Server) -> Iterator[tuple[Facility, Writer]]:
    """The tiny ISPyB in Diamond's full schema, and a way to add to it."""
    url = at_server(mariadb, "diamond", "settle")
    found = facility("diamond", url)
    yield found, writer(url)
    found.source.close()


def test_esrf_keeps_motion_as_text_and_it_reads_as_numbers(esrf: Facility) -> None:
    assert esrf.source.settlement.flavour == "MAX IV"
    assert "totalMotion" in esrf.source.settlement.fits["MotionCorrection"].to_number
    found = dict(got(esrf.reader(), select(M.motion_id, M.total_motion)))
    assert found == {1: 10.0, 2: 20.0, 3: 30.0, 4: None}


def test_text_that_is_no_number_is_nothing_on_mariadb_too(mariadb: Server, esrf: Facility) -> None:
    write = writer(esrf.source.engine.url)
    words = ["7.25", "", ".", "1.2.3", "5 A", "-3e2", " 4 ", "1e", "2026-01-01", "NaN"]
    for key, word in enumerate(words, 100):
        write.add(s.MotionCorrection, motion_id=key, movie_id=99, total_motion=word)
    found = [row[0] for row in esrf.reader().rows(select(M.total_motion).where(M.movie_id == 99).order_by(M.motion_id))]
    assert found == [7.25, None, None, None, None, -300.0, 4.0, None, None, None]
    assert float(esrf.reader().scalar(select(func.count(M.total_motion)).where(M.movie_id == 99))) == 3


def test_diamond_keeps_a_digit_where_esrf_has_words(diamond: tuple[Facility, Writer], esrf: Facility) -> None:
    query = select(s.Program.status).order_by(s.Program.program_id).limit(5)
    assert [row[0] for row in diamond[0].reader().rows(query)] == ["1", "1", "1", "0", None]
    assert [row[0] for row in esrf.reader().rows(query)] == ["SUCCESS", "SUCCESS", "SUCCESS", "FAILED", None]


def test_a_zero_date_reads_as_no_date_and_breaks_no_page(diamond: tuple[Facility, Writer]) -> None:
    tiny, write = diamond
    zero = "0000-00-00 00:00:00"
    write.add(s.Visit, visit_id=91, proposal_id=1, number=9, beamline="I03", start=zero, end=zero)
    write.add(s.Group, group_id=901, visit_id=91, start=zero, end=zero)
    write.add(s.Collection, collection_id=9001, group_id=901, start=zero, end=zero, images=1)
    reader = tiny.reader("bob")
    visit = visits.visit(reader, "mx1", 9)
    assert (visit["start"], visit["end"]) == (None, None)
    (row,) = mx.collections(reader, 91, Asked(), 0, 10).rows
    assert (row["start"], row["end"]) == (None, None)
    assert mx.collections(reader, 91, Asked(sort="start"), 0, 10).rows == [row]
    assert collection.collection(reader, 9001)["start"] is None
    assert {row["id"] for row in visits.visits_of(reader, 1, Asked(), 0, 10).rows} == {11, 12, 91}
    assert 91 not in {row["id"] for row in visits.current(reader, at(1, 12))}


def test_tables_in_small_letters_are_found_on_mariadb(mariadb: Server) -> None:
    name = f"small_letters_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    mariadb.run(f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name}")
    mariadb.run(*OTHER, database=name)
    source = Source(mariadb.url(name).render_as_string(hide_password=False))
    reader = Reader(source, Scope(everything=True))
    other = aliased(M)
    assert got(reader, select(M.motion_id, M.total_motion).where(M.movie_id == 8, M.motion_id < 10)) == [
        (8, -300.0),
        (9, 4.0),
    ]
    joined = select(C.ctf_id, M.total_motion, other.motion_id).join(M, M.motion_id == C.motion_id)
    joined = joined.join(other, other.motion_id == C.motion_id)
    assert got(reader, joined.order_by(C.ctf_id)) == [(1, 12.5, 1), (2, -300.0, 8)]
    assert got(reader, select(select(joined.subquery("deep").c.motion_id).subquery("deeper"))) == [(1,), (8,)]
    source.close()


def test_a_reader_may_not_write_on_mariadb(diamond: tuple[Facility, Writer]) -> None:
    tiny, _ = diamond
    with tiny.source.engine.connect() as connection:
        raw = connection.connection.cursor()
        with pytest.raises(Exception, match="READ ONLY"):
            raw.execute("UPDATE Person SET login = 'x' WHERE personId = 1")
        raw.close()
