"""The techniques and their lists agree with the queries that answer them."""

import pytest

from data.core import proposals, visits
from data.techniques import experiments
from views.core import proposal as proposal_view
from views.core import proposals as proposals_view
from views.parts.table import Column
from views.techniques import BY_KEY, TECHNIQUES
from views.techniques.technique import Technique


@pytest.mark.parametrize("technique", TECHNIQUES, ids=lambda technique: technique.key)
def test_every_column_that_can_be_sorted_or_filtered_is_a_field_of_the_query(technique: Technique) -> None:
    fields = {field.key: field.kind for field in technique.queries.FIELDS}
    for column in technique.columns:
        if column.sortable or column.filter != "none":
            assert column.key in fields, column.key
        if column.filter == "number":
            assert fields[column.key] == "number", column.key


@pytest.mark.parametrize("technique", TECHNIQUES, ids=lambda technique: technique.key)
def test_a_card_shows_columns_of_its_list(technique: Technique) -> None:
    keys = {column.key for column in technique.columns}
    cards = technique.cards
    used = {cards.title, *cards.detail, *cards.badges, *cards.numbers} | ({cards.thumb} if cards.thumb else set())
    assert used <= keys


def test_each_type_of_experiment_is_claimed_once() -> None:
    assert not experiments.MX & experiments.SSX
    assert not experiments.MX & experiments.EM
    assert not experiments.SSX & experiments.EM


def test_keys_of_techniques_are_unique() -> None:
    assert len(BY_KEY) == len(TECHNIQUES)


def _sortable(columns: tuple[Column, ...]) -> set[str]:
    return {column.key for column in columns if column.sortable or column.filter != "none"}


def test_the_lists_of_proposals_visits_and_samples_sort_by_what_their_queries_know() -> None:
    assert _sortable(proposals_view.COLUMNS) <= {field.key for field in proposals.FIELDS}
    assert _sortable(proposal_view.VISITS) <= {field.key for field in visits.FIELDS} | {"collections"}
    assert _sortable(proposal_view.SAMPLES) <= {field.key for field in proposals.SAMPLE_FIELDS}


@pytest.mark.parametrize("technique", TECHNIQUES, ids=lambda technique: technique.key)
def test_numbers_have_a_unit_or_are_plain_counts(technique: Technique) -> None:
    plain = {
        "number", "images", "spots", "crystals", "event_chains", "movies", "corrected", "estimated",
        "best_cc_half", "best_i_over_sigma",
    }  # fmt: skip
    for column in technique.columns:
        if column.kind == "number":
            assert column.unit or column.key in plain, column.key


@pytest.mark.parametrize("technique", TECHNIQUES, ids=lambda technique: technique.key)
def test_a_collection_of_which_nothing_is_known_shows_dashes_and_no_zero(technique: Technique) -> None:
    (columns,) = technique.describe({"id": 1})
    facts = [item for stack in columns["columns"] for block in stack for item in block["items"]]
    assert len(facts) > 10
    assert {item["value"] for item in facts} == {"–"}
    assert not any(item["unit"] for item in facts)
