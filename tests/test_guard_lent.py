"""A sample that another proposal lent: it is visible with its crystal and protein, and nothing else of its owner is."""

from pathlib import Path
from typing import Any

import pytest
from ispyb import EVERYBODY, Facility, at, facility, writer
from sqlalchemy import select
from test_guard import got, keys, visible, without_ties

from data import schema as s
from data.core.samples import sample
from data.errors import NotFound


@pytest.fixture(scope="module")
def lent(tmp_path_factory: pytest.TempPathFactory) -> Facility:
    """At mx1-1, where Alice was, sample 4 of mx10 is used. mx10 has another of that crystal, and another crystal."""
    url = f"sqlite:///{Path(tmp_path_factory.mktemp('lent')) / 'tiny.db'}"
    found, write = facility("sqlite", url), writer(url)
    write.add(s.Group, group_id=190, visit_id=11, experiment="OSC", sample_id=4, start=at(1), end=at(1))
    write.add(s.Sample, sample_id=40, crystal_id=2, name="of the same crystal")
    write.add(s.Crystal, crystal_id=20, protein_id=2)
    write.add(s.Sample, sample_id=41, crystal_id=20, name="of the same protein")
    return found


def _to_protein(*columns: Any) -> Any:
    of_protein = s.Crystal.protein_id == s.Protein.protein_id
    return select(*columns).select_from(s.Protein).join(s.Crystal, of_protein)


def _to_sample(*columns: Any) -> Any:
    return _to_protein(*columns).join(s.Sample, s.Sample.crystal_id == s.Crystal.crystal_id)


def test_alice_sees_the_lent_sample_and_not_its_siblings(lent: Facility) -> None:
    reader = lent.reader("alice")
    assert sample(reader, 4)["protein"] == "INS"
    for number in (40, 41):
        with pytest.raises(NotFound):
            sample(reader, number)
    assert sample(lent.reader("staff"), 41)["protein"] == "INS"  # mx10-1 was at their beamline


def test_joins_down_from_a_protein_that_is_lent_show_no_more(lent: Facility) -> None:
    reader = lent.reader("alice")
    assert got(reader, _to_protein(s.Crystal.crystal_id)) == [(1,), (2,)]
    assert got(reader, _to_sample(s.Sample.sample_id)) == [(1,), (2,), (3,), (4,)]
    beside = select(s.Sample.sample_id).join(s.Crystal, s.Crystal.crystal_id == s.Sample.crystal_id)
    assert got(reader, beside) == [(1,), (2,), (3,), (4,)]


@pytest.mark.parametrize("login", EVERYBODY)
def test_each_person_gets_the_rows_of_the_rule_in_every_join(lent: Facility, login: str) -> None:
    reader = lent.reader(login)
    expected = visible(lent, reader.scope)
    for mapped in (s.Sample, s.Crystal, s.Protein):
        rows = sorted((tuple(row[key.key] for key in keys(mapped)) for row in expected[mapped]), key=repr)
        assert got(reader, select(*keys(mapped))) == rows
    of_proposal = s.Protein.proposal_id == s.Proposal.proposal_id
    for query in (
        _to_sample(s.Sample.sample_id),
        _to_sample(s.Sample.sample_id).join(s.Proposal, of_proposal),
        _to_sample(s.Sample.sample_id).outerjoin(s.Proposal, of_proposal),
        _to_protein(s.Crystal.crystal_id).join(s.Proposal, of_proposal),
    ):
        assert got(reader, query) == without_ties(reader, query)


def test_a_statement_that_starts_from_the_proposal_needs_its_condition_alone() -> None:
    from data import guard

    query = _to_sample(s.Sample.sample_id).join(s.Proposal, s.Protein.proposal_id == s.Proposal.proposal_id)
    assert [mapped for mapped, _ in guard._needed(query)] == [s.Proposal]
