"""The rule that picks the best result of a collection: the same for rows and SQL, whatever the rule and the rows."""

import itertools
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ispyb import Facility, fill, writer
from sqlalchemy import create_engine, literal, select

from data import schema as s
from data.source import Source
from data.techniques.mx.best import best, best_results, rank
from data.techniques.mx.rule import METRICS, SHELLS, Rule, rule_from
from data.techniques.mx.shells import fraction, percent, same_units
from data.techniques.mx.symmetry import centring, operators, operators_of

RULES = [Rule(symmetry, metric, shell) for symmetry in (False, True) for metric in METRICS for shell in SHELLS]
_COUNTS = (6, 40, 5, 30)


def made_at_random(folder: Path) -> tuple[Source, dict[int, list[dict[str, Any]]]]:
    """Results with many equal values, absent ones, useless limits, and statistics in both units."""
    url = f"sqlite:///{folder / 'best.db'}"
    write = writer(url)
    fill(write)
    chance, made = random.Random(5), {}
    collections = itertools.chain.from_iterable(
        [key] * n for key, n in zip((1003, 1004, 1002, 1005), _COUNTS, strict=True)
    )
    with write.engine.begin() as connection:
        rows = replace(write, open=connection)
        for key, collection in zip(itertools.count(100), collections, strict=False):
            state = chance.choice([("1", "ok"), ("SUCCESS", "ok"), ("0", "failed"), (None, "running")])
            group = chance.choice(["P 43 21 2", "P41212", "P 21 21 21", "P2(1)", "unheard of", None])
            rows.add(s.Program, program_id=key, status=state[0])
            rows.add(s.Integration, integration_id=key, collection_id=collection, program_id=key)
            rows.add(s.ScalingHasIntegration, id=key, integration_id=key, scaling_id=key)
            rows.add(s.Scaling, scaling_id=key, auto_proc_id=key)
            rows.add(s.AutoProc, auto_proc_id=key, program_id=key, space_group=group)
            in_percent = chance.random() < 0.5
            row: dict[str, Any] = {"status": state[1], "space_group": group, "scaling_id": key}
            for n, shell in enumerate(("overall", "innerShell", "outerShell")):
                values = {
                    "high": chance.choice([1.5, 1.5, 1.6, 2.0, None, 0.0, -1.0]),
                    "completeness": chance.choice([99.0, 99.0, 98.0, None]),
                    "cc_half": chance.choice([0.998, 0.998, 0.9984, None]),
                    "r_meas": chance.choice([0.05, 0.05, 0.2, 2.5 if shell == "outerShell" else 0.3, None]),
                    "i_over_sigma": chance.choice([10.0, 10.04, 12.0, None]),
                }
                if in_percent:
                    values |= {name: values[name] and values[name] * 100 for name in ("cc_half", "r_meas")}
                if shell != "overall" and chance.random() < 0.2:
                    row[shell.removesuffix("Shell")] = None
                    continue
                rows.add(s.Statistics, id=key * 10 + n, scaling_id=key, shell=shell, **values)
                row[shell.removesuffix("Shell")] = dict.fromkeys(METRICS) | values
            same_units({name: row[name] for name in SHELLS})
            made.setdefault(collection, []).append(row)
    return Source(url), made


def test_the_best_result_is_the_same_in_sql_and_in_python_by_every_rule(tmp_path: Path) -> None:
    source, made = made_at_random(tmp_path)
    reader = Facility("sqlite", source).reader("bob")
    differing, chosen = {}, set()
    for rule in RULES:
        by_sql = {
            row.collection_id: row.scaling_id
            for visit in (11, 12)
            for row in reader.rows(select(best_results(visit, rule=rule)))
        }
        by_python = {key: found["scaling_id"] for key, rows in made.items() if (found := best(rows, rule))}
        assert len(by_python) >= 3
        chosen |= set(by_python.items())
        if {key: by_sql.get(key) for key in made} != {key: by_python.get(key) for key in made}:
            differing[str(rule)] = (by_sql, by_python)
    source.close()
    assert not differing
    # The rules do choose differently.
    assert len(chosen) > 12


def result(scaling: int, group: str | None = "P 1", **overall: float | None) -> dict[str, Any]:
    known = {"high": 2.0, "completeness": 99.0}
    return {
        "status": "ok",
        "scaling_id": scaling,
        "space_group": group,
        "overall": known | overall,
        "inner": None,
        "outer": None,
    }


def test_symmetry_comes_first_only_where_the_rule_says_so() -> None:
    rows = [result(1, "P 2 2 2", high=1.5), result(2, "P 4 2 2", high=1.6)]
    assert best(rows)["scaling_id"] == 1  # type: ignore[index]
    assert best(rows, Rule(symmetry=True))["scaling_id"] == 2  # type: ignore[index]


def test_numbers_are_compared_as_they_are_and_not_as_they_are_shown() -> None:
    rows = [result(1, cc_half=0.9994), result(2, cc_half=0.99949)]
    assert best(rows, Rule(metric="cc_half"))["scaling_id"] == 2  # type: ignore[index]
    rows = [result(1, high=1.7004), result(2, high=1.70)]
    assert best(rows)["scaling_id"] == 2  # type: ignore[index]


def test_percent_and_fraction_of_one_value_are_equal_and_the_newer_result_wins() -> None:
    rows = [result(2, cc_half=99.6), result(1, cc_half=0.996)]
    for row in rows:
        same_units({"overall": row["overall"]})
    assert rank(rows[0], Rule(metric="cc_half"))[:-1] == rank(rows[1], Rule(metric="cc_half"))[:-1]
    assert best(rows, Rule(metric="cc_half"))["scaling_id"] == 2  # type: ignore[index]


def test_a_result_without_the_statistic_comes_after_those_that_have_it() -> None:
    rows = [result(1, high=1.2), result(2, high=2.5, i_over_sigma=3.0)]
    assert best(rows, Rule(metric="i_over_sigma"))["scaling_id"] == 2  # type: ignore[index]
    assert best(rows[:1], Rule(metric="i_over_sigma"))["scaling_id"] == 1  # type: ignore[index]


def test_no_result_is_best_where_none_succeeded_or_none_states_a_limit() -> None:
    assert best([]) is None
    assert best([result(1) | {"status": "failed"}, result(2, high=None), result(3) | {"overall": None}]) is None


def test_the_overall_shell_says_which_unit_the_others_are_in() -> None:
    shells = {"overall": {"r_meas": 0.08, "cc_half": 99.8}, "outer": {"r_meas": 1.9, "cc_half": 0.9}}
    same_units(shells)
    assert shells == {
        "overall": {"r_meas": 8.0, "cc_half": 0.998},
        "outer": {"r_meas": 190.0, "cc_half": 0.009},
    }
    alone = {"overall": None, "outer": {"r_meas": 1.2, "cc_half": 0.5}}
    same_units(alone)
    assert alone["outer"] == {"r_meas": 120.0, "cc_half": 0.5}


def test_fractions_and_percent_are_told_apart() -> None:
    assert [fraction(value) for value in (0.998, 99.8, 1.0, None)] == [0.998, 0.998, 1.0, None]
    assert [percent(value) for value in (0.054, 5.4, None)] == pytest.approx([5.4, 5.4, None])


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_a_rule_is_its_text_and_says_itself_in_words(rule: Rule) -> None:
    assert rule_from(str(rule)) == rule
    assert rule.shell in rule.words
    assert ("symmetry" in rule.words) is rule.symmetry


@pytest.mark.parametrize("text", [None, "", "high", "nonsense,overall", "'; DROP", "high,overall,symmetry,x,y,z"])
def test_what_is_no_rule_is_the_plain_one(text: str | None) -> None:
    assert rule_from(text) in (Rule(), Rule(metric="high"))
    assert rule_from("nonsense", Rule(symmetry=True)) == Rule(symmetry=True)


SPELLED = {
    "P 1": 1,
    "P1": 1,
    "C 1 2 1": 2,
    "C121": 2,
    "P 21 21 21": 4,
    "P212121": 4,
    "P2(1)2(1)2(1)": 4,
    "p43212": 8,
    "R 3 :H": 3,
    "H 3 2": 6,
    "P 61 2 2": 12,
    "I 4 3 2": 24,
    "": 0,
    "X 9": 0,
}


def test_symmetry_is_counted_alike_in_sql_and_in_python_however_it_is_spelled() -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        for name, count in SPELLED.items():
            assert operators(name) == count, name
            assert connection.scalar(select(operators_of(literal(name)))) == count, name
    engine.dispose()
    assert operators(None) == 0
    assert [centring(name) for name in ("P 1", "C2221", "H 3", "R 3 :H", "I 4", None, "?")] == list("PCRRIPP")
