"""Comments and flags: what is written, by whom, what is said to whom comes second, and what the audit trail holds."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from ispyb import DATABASES, RIGHTS, Facility, at, at_server, facility
from sqlalchemy import create_engine, make_url, text

from app.access import Access
from app.office import BrowserOffice
from app.services import Services, services
from app.settings import Comments, Database, Settings, SettingsError, load
from app.settings import Store as StoreSettings
from auth.identity import Identity, SignedIn
from auth.records import TrailFilter
from data.core import collection as collections
from data.core.comments import (
    MOST,
    Changed,
    Comment,
    NotPermitted,
    Pen,
    Unwritable,
    comment_of,
    remarks,
    shown,
)
from data.errors import NotFound, Unavailable

PERSONS = ("alice", "bob", "staff", "admin", "nobody", "mx10")
SEES = {1001: {"alice", "bob", "admin"}, 1005: {"bob", "staff", "admin"}, 4001: {"staff", "admin", "mx10"}}


@pytest.fixture(params=DATABASES)
def tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Facility]:
    """A tiny ISPyB of its own, to be written into."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('comments') / 'tiny.db'}"
    else:
        url = at_server(request.getfixturevalue("mariadb"), request.param, "comments")
    found = facility(request.param, url)
    yield found
    found.source.close()


def pen_of(tiny: Facility, **options: Any) -> Pen:
    return Pen(tiny.source.engine.url.render_as_string(hide_password=False), clock=lambda: at(9, 8), **options)


@pytest.fixture
def pen(tiny: Facility) -> Iterator[Pen]:
    found = pen_of(tiny)
    yield found
    found.close()


def stored(tiny: Facility, number: int) -> str | None:
    row: str | None = collections.collection(tiny.reader("admin"), number)["comments"]
    return row


# ---- what a comment says -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("held", "said", "line"),
    [
        (None, Comment("", False), None),
        ("", Comment("", False), None),
        ("good _FLAG_", Comment("good", True), "★ good"),
        ("_FLAG_", Comment("", True), "★"),
        ("a _FLAG_ b", Comment("a b", True), "★ a b"),
        ("good", Comment("good", False), "good"),
    ],
)
def test_a_flag_is_a_word_in_the_comment(held: str | None, said: Comment, line: str | None) -> None:
    assert comment_of(held) == said
    assert comment_of(said.stored) == said
    assert shown(held) == line


# ---- who may -------------------------------------------------------------------------------------------------------


def test_who_sees_a_collection_may_comment_and_nobody_else(tiny: Facility, pen: Pen) -> None:
    for number, seeing in SEES.items():
        for login in PERSONS:
            before = stored(tiny, number)
            scope, new = tiny.scope(login), Comment(f"by {login}", False)
            if login == "mx10":
                with pytest.raises(NotPermitted, match="sign in as yourself"):
                    pen.write(scope, number, before, new)
            elif login in seeing:
                pen.write(scope, number, before, new)
                assert stored(tiny, number) == f"by {login}"
                continue
            else:
                with pytest.raises(NotFound, match="This collection does not exist, or you do not have access"):
                    pen.write(scope, number, before, new)
                with pytest.raises(NotFound):
                    pen.write(scope, 999, None, new)
            assert stored(tiny, number) == before


def test_accounts_of_proposals_may_where_the_site_says_so(tiny: Facility) -> None:
    pen = pen_of(tiny, accounts=True)
    pen.write(tiny.scope("mx10"), 4001, None, Comment("ours", True))
    assert stored(tiny, 4001) == "ours _FLAG_"
    with pytest.raises(NotFound):
        pen.write(tiny.scope("mx10"), 1001, "good Crystal", Comment("not ours", False))
    with pytest.raises(NotPermitted, match="Only people"):
        pen.remark(tiny.scope("mx10"), 4001, "a remark")
    pen.close()


# ---- what is written -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seen", ["good crystal", "good Crystal ", "good Crystál", "", None, "good Crystal _FLAG_"])
def test_who_saw_something_else_is_told_what_there_is_now(tiny: Facility, pen: Pen, seen: str | None) -> None:
    """Databases take some of these for the same text."""
    with pytest.raises(Changed) as told:
        pen.write(tiny.scope("alice"), 1001, seen, Comment("mine", False))
    assert told.value.now == "good Crystal"
    assert stored(tiny, 1001) == "good Crystal"


def test_of_many_who_write_at_once_one_succeeds(tiny: Facility) -> None:
    done: list[str] = []

    def write(name: str) -> None:
        pen = pen_of(tiny)
        try:
            pen.write(tiny.scope("bob"), 1001, "good Crystal", Comment(name, False))
            done.append(name)
        except Changed as changed:
            done.append(f"told of {changed.now}")
        finally:
            pen.close()

    threads = [threading.Thread(target=write, args=(f"writer {n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = (name for name in done if name.startswith("writer"))
    assert stored(tiny, 1001) == winner
    assert sorted(done) == sorted([winner, *[f"told of {winner}"] * 5])


def test_nothing_else_of_the_row_changes(tiny: Facility, pen: Pen) -> None:
    before = collections.collection(tiny.reader("admin"), 1001)
    others = [collections.collection(tiny.reader("admin"), number) for number in (1002, 1005, 4001)]
    pen.write(tiny.scope("alice"), 1001, "good Crystal", Comment("other", True))
    after = collections.collection(tiny.reader("admin"), 1001)
    assert after == before | {"comments": "other _FLAG_"}
    assert others == [collections.collection(tiny.reader("admin"), number) for number in (1002, 1005, 4001)]


def test_what_ispyb_cannot_keep_is_refused_and_undone(tiny: Facility, pen: Pen) -> None:
    with pytest.raises(Unwritable, match="room for 1,024"):
        pen.write(tiny.scope("alice"), 1001, "good Crystal", Comment("x" * (MOST + 1), False))
    try:
        pen.write(tiny.scope("alice"), 1001, "good Crystal", Comment("ünïcode 🔬", False))
    except Unwritable:
        assert tiny.kind != "sqlite"
        assert stored(tiny, 1001) == "good Crystal"
    else:
        assert stored(tiny, 1001) == "ünïcode 🔬"


def test_a_write_whose_record_fails_is_undone(tiny: Facility, pen: Pen) -> None:
    def fails() -> None:
        raise Unavailable

    with pytest.raises(Unavailable):
        pen.write(tiny.scope("alice"), 1001, "good Crystal", Comment("unrecorded", False), fails)
    assert stored(tiny, 1001) == "good Crystal"


def test_a_remark_is_added_with_its_author_where_there_is_room(tiny: Facility, pen: Pen) -> None:
    if not pen.remembers():
        assert tiny.kind == "esrf"
        with pytest.raises(NotPermitted, match="no room for remarks"):
            pen.remark(tiny.scope("alice"), 1001, "again")
        assert remarks(tiny.reader("alice"), 1001) == []
        return
    pen.remark(tiny.scope("alice"), 1001, "again <b>")
    assert [(row["person"], row["text"]) for row in remarks(tiny.reader("bob"), 1001)] == [
        ("Bob Brown", "mind this"),
        ("Alice Adams", "again <b>"),
    ]
    assert remarks(tiny.reader("staff"), 1001) == []
    for login, number in (("nobody", 1001), ("alice", 4001)):
        with pytest.raises(NotFound):
            pen.remark(tiny.scope(login), number, "no")
    with pytest.raises(Unwritable):
        pen.remark(tiny.scope("alice"), 1001, "  ")


def test_credentials_that_may_not_write_say_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("readonly") / "tiny.db"
    tiny = facility("sqlite", f"sqlite:///{path}")
    pen = Pen(f"sqlite:///file:{path}?mode=ro&uri=true")
    with pytest.raises(Unwritable, match="does not let this site write"):
        pen.write(tiny.scope("alice"), 1001, "good Crystal", Comment("x", False))
    pen.close()
    tiny.source.close()


# ---- the office ----------------------------------------------------------------------------------------------------


@pytest.fixture
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    folder = tmp_path_factory.mktemp("office")
    url = make_url(f"sqlite:///{folder / 'tiny.db'}")
    facility("sqlite", str(url)).source.close()
    settings = Settings(
        database=Database(url=url),
        store=StoreSettings(url=make_url(f"sqlite:///{folder / 'lens.db'}")),
        comments=Comments(write=True, url=url),
    )
    found = services(settings)
    found.access = Access(found.source, RIGHTS)
    yield found
    found.close()
    found.store.close()


def office_of(shared: Services, login: str) -> BrowserOffice:
    who = SignedIn(Identity("accounts", login, login, login), "0" * 64, "192.0.2.7")
    return BrowserOffice(shared, who, who.address)


def trail(shared: Services) -> list[tuple[str, str, str]]:
    rows = shared.store.trail.page(TrailFilter(kind="write"), limit=50)
    return [(row.login, row.address, row.detail) for row in rows]


def test_each_write_stands_in_the_audit_trail_with_both_texts(shared: Services) -> None:
    office = office_of(shared, "alice")
    assert office.may_comment()
    office.comment(1001, "good Crystal", Comment("better", True))
    assert trail(shared) == [
        ("alice", "192.0.2.7", "comment of collection 1001: “better _FLAG_” in place of “good Crystal”")
    ]
    with pytest.raises(Changed):
        office.comment(1001, "good Crystal", Comment("late", False))
    with pytest.raises(NotFound):
        office.comment(4001, None, Comment("foreign", False))
    assert len(trail(shared)) == 1


def test_a_long_comment_does_not_cut_the_one_that_it_replaces_out_of_the_trail(shared: Services) -> None:
    office = office_of(shared, "alice")
    office.comment(1001, "good Crystal", Comment("x" * 1024, False))
    details = [detail for _, _, detail in reversed(trail(shared))]
    assert details[0].startswith("(1 of 2) comment of collection 1001: “xxx")
    assert details[1].endswith("x” in place of “good Crystal”")


def test_rights_are_those_of_the_moment(shared: Services) -> None:
    office = office_of(shared, "alice")
    assert office.may_comment()
    engine = create_engine(shared.settings.ispyb_url())
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM Session_has_Person WHERE personId = 1"))
    engine.dispose()
    with pytest.raises(NotFound):
        office.comment(1001, "good Crystal", Comment("too late", False))
    assert trail(shared) == []


def test_a_site_that_says_nothing_of_it_is_only_read(shared: Services) -> None:
    assert not Settings().comments.write
    silent = services(replace(shared.settings, comments=Comments()))
    office = office_of(silent, "alice")
    assert not office.may_comment()
    for write in (lambda: office.comment(1001, "good Crystal", Comment("x", False)), lambda: office.remark(1001, "x")):
        with pytest.raises(NotPermitted):
            write()
    silent.close()
    silent.store.close()


def test_writing_needs_credentials_of_its_own() -> None:
    with pytest.raises(SettingsError, match=r"ISPYB_LENS_COMMENTS_URL \(comments.url\) must be a database URL"):
        load(environ={"ISPYB_LENS_COMMENTS_WRITE": "yes", "ISPYB_LENS_CONFIG": ""})
