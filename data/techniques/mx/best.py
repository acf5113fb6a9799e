"""Which result of a collection is the best one, by a ``Rule``: for rows and for SQL; a test holds them together."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, Subquery, and_, func, select
from sqlalchemy.orm import aliased

from data.core.status import OK
from data.schema import (
    AutoProc,
    Collection,
    Group,
    Integration,
    Program,
    Scaling,
    ScalingHasIntegration,
    Statistics,
    Visit,
)
from data.techniques.mx.rule import FRACTION, METRICS, PERCENT, Rule
from data.techniques.mx.shells import fraction, fraction_of, in_one_unit, percent, percent_of
from data.techniques.mx.symmetry import operators, operators_of

__all__ = ["Rule", "best", "best_results", "fraction", "fraction_of", "percent", "percent_of", "rank", "ranked"]

Row = TypeVar("Row", bound=dict[str, Any])

PLAIN = Rule()
INNER, OUTER = aliased(Statistics, name="inner_shell"), aliased(Statistics, name="outer_shell")
_STORED = {"inner": (INNER, "innerShell"), "outer": (OUTER, "outerShell")}


def best(results: Iterable[Row], rule: Rule = PLAIN) -> Row | None:
    """The best of the results of one collection, or of any others that are to be compared.

    Each has ``status`` (ok, failed or running), ``space_group``, ``scaling_id``, and ``overall``, ``inner`` and
    ``outer``: the statistics of a shell in one unit, or None.
    """
    return min((row for row in results if fit(row)), key=lambda row: rank(row, rule), default=None)


def fit(row: Row) -> bool:
    """Whether a result can be the best: of a successful program, with an overall high-resolution limit."""
    high = (row["overall"] or {}).get("high")
    return row["status"] == "ok" and high is not None and high > 0


def rank(row: Row, rule: Rule = PLAIN) -> tuple[float, ...]:
    """What orders results, the best first."""
    value = (row.get(rule.shell) or {}).get(rule.metric)
    if value is not None and rule.metric in (*FRACTION, *PERCENT):
        value = round(value, 6 if rule.metric in FRACTION else 4)
    less = METRICS[rule.metric][1]
    completeness = row["overall"].get("completeness")
    return (
        -operators(row["space_group"]) if rule.symmetry else 0,
        value is None,
        0.0 if value is None else value if less else -value,
        completeness is None,
        -(completeness or 0.0),
        -row["scaling_id"],
    )


def _order(rule: Rule) -> tuple[Any, ...]:
    shell = Statistics if rule.shell == "overall" else _STORED[rule.shell][0]
    value = in_one_unit(rule.metric, getattr(shell, rule.metric), getattr(Statistics, rule.metric))
    return (
        *((operators_of(AutoProc.space_group).desc(),) if rule.symmetry else ()),
        *((value.is_(None),) if rule != PLAIN else ()),
        value if METRICS[rule.metric][1] else value.desc(),
        Statistics.completeness.is_(None),
        Statistics.completeness.desc(),
        Scaling.scaling_id.desc(),
    )


def best_results(visit_id: int, ids: Sequence[int] | None = None, rule: Rule = PLAIN) -> Subquery:
    """The best result of each collection of a visit, or of those of ``ids``: one row for each that has one."""
    columns = (
        Program.name.label("pipeline"),
        AutoProc.space_group.label("space_group"),
        *(getattr(AutoProc, f"cell_{name}").label(f"cell_{name}") for name in _CELL),
        Statistics.low.label("resolution_low"),
        Statistics.high.label("resolution_high"),
        percent_of(Statistics.r_meas).label("r_meas"),
        fraction_of(Statistics.cc_half).label("cc_half"),
        Statistics.completeness.label("completeness"),
        Statistics.i_over_sigma.label("i_over_sigma"),
    )
    query = ranked(columns, rule).where(Visit.visit_id == visit_id)
    found = (query if ids is None else query.where(Collection.collection_id.in_(ids))).subquery("ranked")
    return select(*(column for column in found.c if column.key != "place")).where(found.c.place == 1).subquery("best")


_CELL = ("a", "b", "c", "alpha", "beta", "gamma")


def scalings(*columns: Any) -> Select[*tuple[Any, ...]]:
    """``columns`` of every scaling, over Visit, Group, Collection, Integration, Program and Scaling."""
    return (
        select(*columns)
        .select_from(Visit)
        .join(Group, Group.visit_id == Visit.visit_id)
        .join(Collection, Collection.group_id == Group.group_id)
        .join(Integration, Integration.collection_id == Collection.collection_id)
        .join(Program, Program.program_id == Integration.program_id)
        .join(ScalingHasIntegration, ScalingHasIntegration.integration_id == Integration.integration_id)
        .join(Scaling, Scaling.scaling_id == ScalingHasIntegration.scaling_id)
    )


def ranked(columns: Sequence[Any], rule: Rule, shells: bool = False) -> Select[*tuple[Any, ...]]:
    """Every result that can be the best, with its ``place`` among those of its collection, 1 for the best.

    Over Visit, Group, Collection, Integration, Program, Scaling, Statistics (of the overall shell) and AutoProc, and
    INNER and OUTER with ``shells`` or where the rule needs one; ``collection_id`` and ``scaling_id`` come on top of
    ``columns``.
    """
    place = func.row_number().over(partition_by=Integration.collection_id, order_by=_order(rule))
    query = (
        scalings(
            Integration.collection_id.label("collection_id"),
            *columns,
            Scaling.scaling_id.label("scaling_id"),
            place.label("place"),
        )
        .join(Statistics, Statistics.scaling_id == Scaling.scaling_id)
        .outerjoin(AutoProc, AutoProc.auto_proc_id == Scaling.auto_proc_id)
        .where(*_fit())
    )
    for name, (other, stored) in _STORED.items():
        if shells or rule.shell == name:
            query = query.outerjoin(other, and_(other.scaling_id == Scaling.scaling_id, other.shell == stored))
    return query


def _fit() -> tuple[ColumnElement[bool], ...]:
    return Program.status.in_(OK), Statistics.shell == "overall", Statistics.high > 0
