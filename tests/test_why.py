"""“Why can I see this?” says yes exactly when the guard does, and names the row."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from ispyb import DATABASES, EVERYBODY, Facility, facility, shared, writer

from data import schema as s
from data.core import why as whys
from data.core.why import About, Reason, Thing, Who, thing
from data.errors import NotFound
from data.guard import WAYS
from data.reader import Reader
from data.scope import Holding

YOU = Who()
ABOUT = [
    *(About(name) for name in ("mx1", "em2", "ssx3", "mx10")),
    *(About(name, number) for name, number in (("mx1", 1), ("mx1", 2), ("em2", 1), ("ssx3", 1), ("mx10", 1))),
    *(About(collection=number) for number in (1001, 1003, 1005, 2001, 3001, 4001)),
]
SEES = {
    "alice": {"mx1", "mx1-1", 1001, 1003},
    "bob": {"mx1", "em2", "mx1-1", "mx1-2", "em2-1", 1001, 1003, 1005, 2001},
    "staff": {"mx1", "mx10", "mx1-2", "mx10-1", 1005, 4001},
    "admin": {"mx1", "em2", "ssx3", "mx10", "mx1-1", "mx1-2", "em2-1", "ssx3-1", "mx10-1",
              1001, 1003, 1005, 2001, 3001, 4001},
    "nobody": set(),
    "mx10": {"mx10", "mx10-1", 4001},
}  # fmt: skip


@pytest.fixture(scope="module", params=DATABASES)
def tiny(request: pytest.FixtureRequest) -> Iterator[Facility]:
    """The tiny ISPyB of `ispyb.py` in one kind of database."""
    found = shared(request, request.param)
    yield found
    found.source.close()


def key(about: About) -> object:
    if about.collection is not None:
        return about.collection
    return about.proposal if about.visit is None else f"{about.proposal}-{about.visit}"


def holding(reader: Reader, found: Thing) -> list[Reason]:
    return [reason for reason in whys.why(reader, found, YOU) if reason.holds]


def test_every_way_of_the_guard_has_its_words() -> None:
    assert set(whys._WORDS) == set(whys._NOT) == set(WAYS)


@pytest.mark.parametrize("login", EVERYBODY)
def test_a_reason_is_given_exactly_for_what_the_guard_shows(tiny: Facility, login: str) -> None:
    reader, admin = tiny.reader(login), tiny.reader("admin")
    for about in ABOUT:
        found = thing(admin, about)
        shown = whys.sees(reader, found)
        assert shown == (key(about) in SEES[login]), about
        assert bool(holding(reader, found)) == shown, about
        if shown:
            assert thing(reader, about) == found
        else:
            with pytest.raises(NotFound, match=rf"This {about.kind} does not exist, or you do not have access to it\."):
                thing(reader, about)


@pytest.mark.parametrize("way", WAYS)
def test_each_rule_alone_gives_a_reason_exactly_for_what_it_shows(tiny: Facility, way: str) -> None:
    admin, asked = tiny.reader("admin"), 0
    for login in (*EVERYBODY, "carol"):
        whole = replace(tiny.scope(login), everything=False, beamlines=frozenset({"I04", "M02"}))
        reader = Reader(tiny.source, replace(whole, ways=frozenset({way})))
        for about in ABOUT:
            found = thing(admin, about)
            reasons = holding(reader, found)
            assert bool(reasons) == whys.sees(reader, found), (login, about)
            assert {reason.way for reason in reasons} <= {way}
            asked += bool(reasons)
    assert asked, "somebody sees something by each of the rules"


@pytest.mark.parametrize(
    ("login", "about", "words", "row"),
    [
        ("alice", About("mx1", 1), "You are in Session_has_Person of mx1-1 as “Team Member”.",
         "Session_has_Person (sessionId 11, personId 1)"),
        ("alice", About("mx1"),
         "You are in Session_has_Person of mx1-1 as “Team Member”. Whoever sees a visit sees its proposal.",
         "Session_has_Person (sessionId 11, personId 1)"),
        ("alice", About(collection=1001),
         "You are in Session_has_Person of mx1-1 as “Team Member”. Collection 1001 is of mx1-1.",
         "Session_has_Person (sessionId 11, personId 1)"),
        ("bob", About("em2", 1),
         "You are in ProposalHasPerson of em2 as “Co-Investigator”. em2-1 is a visit of it.",
         "ProposalHasPerson (proposalHasPersonId 1, proposalId 2, personId 2)"),
        ("bob", About(collection=1005),
         "You are the principal investigator of mx1. Collection 1005 is of mx1.",
         "Proposal (proposalId 1, personId 2)"),
        ("staff", About("mx1", 2), "You are in the group “i04_staff”, which sees beamline I04.",
         "UserGroup_has_Person of “i04_staff”; BLSession (sessionId 12, beamLineName I04)"),
        ("staff", About("mx10"), "You are in the group “i04_staff”, which sees beamline I04, where mx10 had 1 visit.",
         "UserGroup_has_Person of “i04_staff”; BLSession (sessionId 41, beamLineName I04)"),
        ("admin", About("ssx3", 1),
         "Your group “super” has the permission “all_proposals”, which sees every proposal.",
         "UserGroup_has_Person of “super”, UserGroup_has_Permission of “all_proposals”"),
    ],
)  # fmt: skip
def test_a_reason_names_the_rule_and_the_row(tiny: Facility, login: str, about: About, words: str, row: str) -> None:
    reader = tiny.reader(login)
    if tiny.kind == "esrf":  # where rows of people have no role
        words = re.sub(r" as “.*?”", "", words)
    assert [(r.words, r.row) for r in holding(reader, thing(reader, about))] == [(words, row)]


def test_all_rules_that_hold_are_named(tiny: Facility) -> None:
    reader = tiny.reader("bob")
    reasons = whys.why(reader, thing(reader, About("mx1", 1)), YOU)
    assert [reason.way for reason in reasons if reason.holds] == ["presence", "principal"]
    assert [reason.words for reason in reasons if not reason.holds] == [
        "You hold no permission that sees every proposal.",
        "You are not in ProposalHasPerson of mx1.",
        "You hold no group or permission that sees beamline I03.",
    ]


def test_of_another_person_it_says_why_not(tiny: Facility) -> None:
    found = thing(tiny.reader("admin"), About("mx1", 2))
    reasons = whys.why(tiny.reader("alice"), found, Who("Alice Adams"))
    assert [(reason.holds, reason.words) for reason in reasons] == [
        (False, "Alice Adams holds no permission that sees every proposal."),
        (False, "Alice Adams is not in Session_has_Person of mx1-2."),
        (False, "Alice Adams is not in ProposalHasPerson of mx1."),
        (False, "Alice Adams is not the principal investigator of mx1."),
        (False, "Alice Adams holds no group or permission that sees beamline I04."),
    ]


def test_a_beamline_is_found_in_whatever_case_the_settings_write_it(tiny: Facility) -> None:
    scope = replace(tiny.scope("staff"), holdings=(Holding("a", "p", frozenset({"i04"})), Holding("b")))
    reader = Reader(tiny.source, scope)
    (reason,) = holding(reader, thing(reader, About("mx10", 1)))
    assert "permission “p”" in reason.words, "beamlines are compared as databases do"


@pytest.mark.parametrize("about", [About(), About(""), About("mx1-1"), About("mx1", 2**40), About("%%"),
                                   About(collection=-1), About(collection=10**12)])  # fmt: skip
def test_what_names_nothing_is_not_found(tiny: Facility, about: About) -> None:
    for login in ("alice", "admin"):
        with pytest.raises(NotFound):
            thing(tiny.reader(login), about)


def test_a_person_at_many_visits_is_told_of_ten(tmp_path_factory: pytest.TempPathFactory) -> None:
    url = f"sqlite:///{tmp_path_factory.mktemp('why') / 'many.db'}"
    made = facility("sqlite", url)
    write = writer(url)
    for number in range(20, 40):
        write.add(s.Visit, visit_id=number + 1000, proposal_id=1, number=number, beamline="I03")
        write.add(s.VisitHasPerson, visit_id=number + 1000, person_id=1, role=None, remote=0)
    reader = made.reader("alice")
    reasons = holding(reader, thing(reader, About("mx1")))
    assert len(reasons) == 11
    assert reasons[0].words.startswith("You are in Session_has_Person of mx1-39.")
    assert reasons[-1].words == "And in more rows like these."
    made.source.close()
