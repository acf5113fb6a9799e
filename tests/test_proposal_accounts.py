"""The account of a proposal sees that proposal, and is never taken for a person."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from ispyb import DATABASES, RIGHTS, Facility, facility, shared, writer
from sqlalchemy import select

from app.access import Access
from auth.identity import Identity
from data import schema as s
from data.reader import Reader
from data.scope import Scope, UnknownPerson, scope_of, scope_of_proposal


@pytest.fixture(scope="module", params=DATABASES)
def tiny(request: pytest.FixtureRequest) -> Iterator[Facility]:
    """The tiny ISPyB of `ispyb.py` in one kind of database."""
    found = shared(request, request.param)
    yield found
    found.source.close()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Facility]:
    """A tiny ISPyB to write into, where a person has the login mx10 and sees everything."""
    found = facility("sqlite", f"sqlite:///{tmp_path / 'tiny.db'}")
    write = writer(str(found.source.engine.url))
    write.add(s.Person, person_id=77, login="mx10", given_name="Max", family_name="Ten")
    write.add(s.GroupHasPerson, group_id=2, person_id=77)
    yield found
    found.source.close()


def names(reader: Reader) -> set[str]:
    return {f"{row.code}{row.number}" for row in reader.rows(select(s.Proposal.code, s.Proposal.number))}


@pytest.mark.parametrize("login", ["mx10", "MX10", "mx-10", "Mx_10"])
def test_a_proposal_is_found_by_its_name_however_it_is_written(tiny: Facility, login: str) -> None:
    scope = scope_of_proposal(tiny.source, login)
    assert (scope.proposal_id, scope.name, scope.person_id) == (4, "mx10", None)


@pytest.mark.parametrize("login", ["", "mx", "10", "x10", "mx100", "mx1-0x", "mx%", "mx10' OR 1=1 --", "mx10\x00"])
def test_what_names_no_proposal_or_more_than_one_is_nobody(tiny: Facility, login: str) -> None:
    with pytest.raises(UnknownPerson, match="ISPyB has no proposal of that name"):
        scope_of_proposal(tiny.source, login)


def test_a_code_may_end_with_digits_and_two_of_one_name_are_nobody(own: Facility) -> None:
    write = writer(str(own.source.engine.url))
    write.add(s.Proposal, proposal_id=50, person_id=1, code="BM14U", number="1234")
    assert scope_of_proposal(own.source, "bm14u1234").proposal_id == 50
    write.add(s.Proposal, proposal_id=51, person_id=1, code="BM14U1", number="234")
    with pytest.raises(UnknownPerson, match="more than one proposal of that name"):
        scope_of_proposal(own.source, "bm14u1234")


def test_it_has_no_rights_whatever_a_person_of_that_name_may_do(own: Facility) -> None:
    person = scope_of(own.source, "mx10", RIGHTS)
    assert person.everything
    scope = scope_of_proposal(own.source, "mx10")
    assert scope == Scope(name="mx10", proposal_id=4)
    assert names(Reader(own.source, scope)) == {"mx10"}


def test_a_proposal_without_an_investigator_is_none_of_its_business(own: Facility) -> None:
    write = writer(str(own.source.engine.url))
    write.add(s.Proposal, proposal_id=60, person_id=None, code="cm", number="60")
    write.add(s.Visit, visit_id=600, proposal_id=60, number=1, beamline="I04")
    reader = Reader(own.source, scope_of_proposal(own.source, "mx10"))
    assert names(reader) == {"mx10"}
    assert {row.visit_id for row in reader.rows(select(s.Visit.visit_id))} == {41}


def test_it_sees_the_people_of_its_proposal_and_no_others(tiny: Facility) -> None:
    reader = Reader(tiny.source, scope_of_proposal(tiny.source, "mx10"))
    assert {row.login for row in reader.rows(select(s.Person.login))} == {"carol"}


# -- from the identity to the scope ---------------------------------------------------------

ACCOUNT = Identity("proposals", "mx10", "mx10", "mx10", kind="proposal")
TRUSTED = frozenset({"accounts", "proposals", "site"})


def test_the_kind_of_an_identity_decides_and_not_its_name(own: Facility) -> None:
    access = Access(own.source, RIGHTS, TRUSTED)
    assert access.scope(ACCOUNT).proposal_id == 4
    person = replace(ACCOUNT, kind="person")
    for _ in range(2):  # the second time from memory
        assert access.scope(person).everything
        assert access.scope(ACCOUNT) == Scope(name="mx10", proposal_id=4)


def test_a_persons_identity_never_becomes_a_proposal(tiny: Facility) -> None:
    access = Access(tiny.source, RIGHTS, TRUSTED)
    with pytest.raises(UnknownPerson, match="no person with that login"):
        access.scope(replace(ACCOUNT, kind="person"))


def test_a_provider_whose_names_are_not_trusted_opens_no_proposal(tiny: Facility) -> None:
    access = Access(tiny.source, RIGHTS, frozenset({"accounts"}))
    with pytest.raises(UnknownPerson):
        access.scope(ACCOUNT)
