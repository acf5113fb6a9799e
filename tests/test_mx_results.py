"""Best results across visits and proposals, their shells and counts: held against SQL written here by hand."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from ispyb import DATABASES, PEOPLE, Facility, shared
from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL

from data.core import collection
from data.lists import Asked
from data.reader import Reader
from data.scope import Scope
from data.sheet import Spec, sifted
from data.source import Source
from data.techniques.mx.results import SPECS, Where, best_of_each, results
from data.techniques.mx.rule import Rule

SEEN = {"alice": {11}, "bob": {11, 12}, "staff": {12, 41}, "admin": {11, 12, 41}, "nobody": set()}
RESULTS = {11: {1001: 3}, 12: {}, 41: {4001: 6}}


@pytest.fixture(scope="module", params=DATABASES)
def tiny(request: pytest.FixtureRequest) -> Iterator[Facility]:
    """The tiny ISPyB of `ispyb.py` in one kind of database."""
    found = shared(request, request.param)
    yield found
    found.source.close()


@pytest.mark.parametrize("login", PEOPLE)
def test_a_person_gets_the_results_of_the_visits_they_may_see_and_no_other(tiny: Facility, login: str) -> None:
    reader = tiny.reader(login)
    for visit, expected in RESULTS.items():
        found = results(reader, Where(visit_id=visit))
        assert {row["id"]: row["scaling_id"] for row in found.rows} == (expected if visit in SEEN[login] else {})
        if visit not in SEEN[login]:
            assert found.collections == 0
    of_proposal = results(reader, Where(proposal_id=1))
    assert {row["id"] for row in of_proposal.rows} == ({1001} if 11 in SEEN[login] else set())
    assert of_proposal.collections == (4 if 11 in SEEN[login] else 0) + (1 if 12 in SEEN[login] else 0)


def test_a_result_has_its_three_shells_in_one_unit_whatever_the_pipeline_wrote(tiny: Facility) -> None:
    (row,) = results(tiny.reader("alice"), Where(visit_id=11)).rows
    assert (row["visit"], row["sample"], row["protein"], row["pipeline"]) == ("mx1-1", "lys_10", "LYS", "autoPROC")
    assert (row["high"], row["low"], row["inner_high"], row["outer_low"]) == pytest.approx((1.7, 40.0, 5.1, 1.8))
    # autoPROC wrote percent here: 99.6 and 7.25.
    assert (row["cc_half"], row["r_meas"], row["outer_r_meas"]) == pytest.approx((0.996, 7.25, 43.5))
    assert row["snapshot"] is True
    assert row["energy"] == pytest.approx(12.39842)
    assert {spec.key for spec in SPECS} - row.keys() == {"collections"}


def test_another_rule_chooses_another_result(tiny: Facility) -> None:
    reader = tiny.reader("alice")
    (row,) = results(reader, Where(visit_id=11), Rule(metric="completeness")).rows
    assert row["pipeline"] == "fast_dp"
    rows = collection.processings(reader, 1001, Rule(metric="completeness"))
    assert [one["name"] for one in rows if one["best"]] == ["fast_dp"]


def test_results_of_one_sample_or_protein_are_those_of_its_collections(tiny: Facility) -> None:
    reader = tiny.reader("bob")
    assert [row["id"] for row in results(reader, Where(proposal_id=1, sample_id=1)).rows] == [1001]
    assert results(reader, Where(proposal_id=1, sample_id=2)).rows == []
    assert [row["id"] for row in results(reader, Where(visit_id=11, protein_id=1)).rows] == [1001]
    assert results(reader, Where(visit_id=11, protein_id=2)).rows == []
    with pytest.raises(ValueError, match="a visit or a proposal"):
        Where().conditions()


def row_of(key: int, sample: int | None, high: float | None, **more: Any) -> dict[str, Any]:
    row: dict[str, Any] = {spec.key: None for spec in SPECS}
    return row | {"id": key, "scaling_id": key, "sample_id": sample, "protein_id": 1, "high": high} | more


def test_the_best_of_each_sample_is_chosen_by_the_rule_and_counts_what_it_stands_for() -> None:
    rows = [row_of(1, 7, 2.0), row_of(2, 7, 1.5), row_of(3, None, 3.0), row_of(4, None, 1.0), row_of(5, 8, 1.9)]
    found = best_of_each(rows, "sample", Rule())
    assert [(row["id"], row["collections"]) for row in found] == [(5, 1), (4, 1), (3, 1), (2, 2)]
    assert [(row["id"], row["collections"]) for row in best_of_each(rows, "protein", Rule())] == [(4, 5)]
    by_i = [row_of(1, 7, 1.0, i_over_sigma=2.0), row_of(2, 7, 1.5, i_over_sigma=9.0)]
    assert best_of_each(by_i, "sample", Rule(metric="i_over_sigma"))[0]["id"] == 2


# ---- a table at hand is asked as a list of the database is ----------------------------------------------------------

SHEET = (Spec("n", "n", "number"), Spec("name", "name"))
ROWS = [{"n": 1.5, "name": "Lysé"}, {"n": None, "name": "b"}, {"n": 3.0, "name": None}, {"n": 1.46, "name": "LYS a"}]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (Asked(), [1.5, None, 3.0, 1.46]),
        (Asked("n", False), [1.46, 1.5, 3.0, None]),
        (Asked("n", True), [3.0, 1.5, 1.46, None]),
        (Asked("name", False), [None, 1.46, 1.5, 3.0]),
        (Asked(filters=(("n", "1.5"),)), [1.5, 1.46]),
        (Asked(filters=(("n", ">1.5"),)), [3.0]),
        (Asked(filters=(("n", "1.4600..1.5"),)), [1.5, 1.46]),
        (Asked(filters=(("name", "lys"),)), [1.5, 1.46]),
        (Asked(filters=(("n", "nonsense"), ("unknown", "x"))), [1.5, None, 3.0, 1.46]),
        (Asked(search="lys A"), [1.46]),
    ],
)
def test_rows_at_hand_are_filtered_and_sorted_like_lists(asked: Asked, expected: list[float | None]) -> None:
    assert [row["n"] for row in sifted(ROWS, SHEET, asked)] == expected


# ---- truth: SQL by hand, on the demo and on Diamond's rows ----------------------------------------------------------

BEST_BY_HAND = """
SELECT s.autoProcScalingId FROM AutoProcIntegration i
JOIN AutoProcProgram p ON p.autoProcProgramId = i.autoProcProgramId
JOIN AutoProcScaling_has_Int h ON h.autoProcIntegrationId = i.autoProcIntegrationId
JOIN AutoProcScaling s ON s.autoProcScalingId = h.autoProcScalingId
JOIN AutoProcScalingStatistics t ON t.autoProcScalingId = s.autoProcScalingId
WHERE i.dataCollectionId = :id AND p.processingStatus IN ('1', 'SUCCESS')
  AND t.scalingStatisticsType = 'overall' AND t.resolutionLimitHigh > 0
ORDER BY t.resolutionLimitHigh, t.completeness IS NULL, t.completeness DESC, s.autoProcScalingId DESC LIMIT 1
"""
SHELL_BY_HAND = """
SELECT resolutionLimitLow, resolutionLimitHigh, rMeasAllIPlusIMinus, ccHalf, completeness, meanIOverSigI, multiplicity
FROM AutoProcScalingStatistics WHERE autoProcScalingId = :scaling AND scalingStatisticsType = :shell
"""
RUNS_BY_HAND = """
SELECT COUNT(DISTINCT p.autoProcProgramId) FROM AutoProcProgram p
LEFT JOIN AutoProcIntegration i ON i.autoProcProgramId = p.autoProcProgramId
LEFT JOIN ProcessingJob j ON j.processingJobId = p.processingJobId
WHERE i.dataCollectionId = :id OR j.dataCollectionId = :id
"""
KEYS = ("low", "high", "r_meas", "cc_half", "completeness", "i_over_sigma", "multiplicity")


def hold(reader: Reader, engine: Any, ids: Sequence[tuple[int, int]]) -> int:
    """Hold best result, shells and counts of these (visit, collection) against SQL; how many had a result."""
    had, by_visit = 0, dict[int, dict[int, Any]]()
    with engine.connect() as connection:
        for visit, key in ids:
            best = connection.scalar(text(BEST_BY_HAND), {"id": key})
            rows = collection.processings(reader, key)
            assert next((row["scaling_id"] for row in rows if row["best"]), None) == best, key
            assert len({row["program_id"] for row in rows}) == connection.scalar(text(RUNS_BY_HAND), {"id": key}), key
            if visit not in by_visit:
                by_visit[visit] = {row["id"]: row for row in results(reader, Where(visit_id=visit)).rows}
            listed = by_visit[visit]
            assert (listed[key]["scaling_id"] if key in listed else None) == best, key
            if best is None:
                continue
            had += 1
            chosen = next(row for row in rows if row["best"])
            unit = None
            for shell, stored in (("overall", "overall"), ("inner", "innerShell"), ("outer", "outerShell")):
                told = connection.execute(text(SHELL_BY_HAND), {"scaling": best, "shell": stored}).all()
                assert (chosen[shell] is None) == (not told), (key, shell)
                if not told:
                    continue
                values = dict(zip(KEYS, told[-1], strict=True))
                unit = dict(values) if shell == "overall" else unit
                assert unit is not None
                for name, limit, factor in (("r_meas", lambda v: v <= 1.5, 100), ("cc_half", lambda v: v > 1.5, 0.01)):
                    stated = unit[name] or values[name]
                    if values[name] is not None and limit(stated):
                        values[name] *= factor
                prefix = "" if shell == "overall" else f"{shell}_"
                for name, value in values.items():
                    expected = None if value is None else pytest.approx(value, rel=1e-5)
                    assert chosen[shell][name] == expected, (key, shell, name)
                    assert listed[key][prefix + name] == expected, (key, shell, name)
    return had


def test_a_hundred_collections_of_the_demo_are_as_sql_by_hand_says(demo_rows: Path) -> None:
    engine = create_engine(f"sqlite:///{demo_rows}")
    with engine.connect() as connection:
        every = connection.execute(
            text(
                "SELECT g.sessionId, d.dataCollectionId FROM DataCollection d JOIN DataCollectionGroup g"
                " ON g.dataCollectionGroupId = d.dataCollectionGroupId JOIN BLSession b ON b.sessionId = g.sessionId"
                " WHERE b.beamLineName LIKE 'BX%'"
            )
        ).all()
    source = Source(f"sqlite:///{demo_rows}", statement_seconds=60)
    chance = random.Random(11)
    taken = [tuple(row) for row in chance.sample(every, 100)]
    try:
        assert hold(Reader(source, Scope(everything=True)), engine, taken) > 30  # type: ignore[arg-type]
    finally:
        source.close()
        engine.dispose()


def test_every_published_collection_of_diamond_is_as_sql_by_hand_says(diamond_url: URL) -> None:
    url = diamond_url.render_as_string(hide_password=False)
    engine = create_engine(url)
    with engine.connect() as connection:
        every = connection.execute(
            text(
                "SELECT g.sessionId, d.dataCollectionId FROM DataCollection d JOIN DataCollectionGroup g"
                " ON g.dataCollectionGroupId = d.dataCollectionGroupId JOIN BLSession b ON b.sessionId = g.sessionId"
                " LEFT JOIN ExperimentType t ON t.experimentTypeId = g.experimentTypeId"
                " JOIN Proposal p ON p.proposalId = b.proposalId"
                " WHERE COALESCE(g.experimentType, t.name, '') NOT LIKE 'SSX%' AND p.proposalCode <> 'em'"
                " AND COALESCE(t.proposalType, 'mx') = 'mx'"
            )
        ).all()
    source = Source(url)
    try:
        had = hold(Reader(source, Scope(everything=True)), engine, [tuple(row) for row in every])  # type: ignore[misc]
    finally:
        source.close()
        engine.dispose()
    assert len(every) >= 3
    assert had >= 1
