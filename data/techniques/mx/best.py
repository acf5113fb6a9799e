"""Which result of a collection is the best one.

Of the results of successful programs that state an overall high-resolution limit: the one with the highest resolution;
of equals the more complete, then the newer. The rule is there twice, for SQL and for rows; a test holds them together.
"""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, Subquery, case, func, select

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

_PERCENT = 1.5
"""Above this a CC1/2 or an R value is in percent: overall, R is neither below 1.5 % nor above 150 %."""

Row = TypeVar("Row", bound=dict[str, Any])


def best(results: Iterable[Row]) -> Row | None:
    """The best of the results of one collection; each with ``state``, ``high``, ``completeness``, ``scaling_id``.

    ``state`` is ok, failed or running; ``high`` and ``completeness`` are those of the overall shell, or None.
    """
    fit = [row for row in results if row["state"] == "ok" and row["high"] is not None and row["high"] > 0]
    return min(fit, key=_rank, default=None)


def _rank(row: Row) -> tuple[float, bool, float, int]:
    completeness = row["completeness"]
    return row["high"], completeness is None, -(completeness or 0.0), -row["scaling_id"]


def _order() -> tuple[Any, ...]:
    return (
        Statistics.high,
        Statistics.completeness.is_(None),
        Statistics.completeness.desc(),
        Scaling.scaling_id.desc(),
    )


def best_results(visit_id: int, ids: Sequence[int] | None = None) -> Subquery:
    """The best result of each collection of a visit, or of those of ``ids``: one row for each that has one."""
    ranked = _ranked(visit_id, ids).subquery("ranked")
    return select(*(column for column in ranked.c if column.key != "place")).where(ranked.c.place == 1).subquery("best")


def _ranked(visit_id: int, ids: Sequence[int] | None) -> Select[*tuple[Any, ...]]:
    place = func.row_number().over(partition_by=Integration.collection_id, order_by=_order())
    query = (
        select(
            Integration.collection_id.label("collection_id"),
            Program.name.label("pipeline"),
            AutoProc.space_group.label("space_group"),
            AutoProc.cell_a.label("cell_a"),
            AutoProc.cell_b.label("cell_b"),
            AutoProc.cell_c.label("cell_c"),
            AutoProc.cell_alpha.label("cell_alpha"),
            AutoProc.cell_beta.label("cell_beta"),
            AutoProc.cell_gamma.label("cell_gamma"),
            Statistics.low.label("resolution_low"),
            Statistics.high.label("resolution_high"),
            percent_of(Statistics.r_meas).label("r_meas"),
            fraction_of(Statistics.cc_half).label("cc_half"),
            Statistics.completeness.label("completeness"),
            Statistics.i_over_sigma.label("i_over_sigma"),
            Scaling.scaling_id.label("scaling_id"),
            place.label("place"),
        )
        .select_from(Visit)
        .join(Group, Group.visit_id == Visit.visit_id)
        .join(Collection, Collection.group_id == Group.group_id)
        .join(Integration, Integration.collection_id == Collection.collection_id)
        .join(Program, Program.program_id == Integration.program_id)
        .join(ScalingHasIntegration, ScalingHasIntegration.integration_id == Integration.integration_id)
        .join(Scaling, Scaling.scaling_id == ScalingHasIntegration.scaling_id)
        .join(Statistics, Statistics.scaling_id == Scaling.scaling_id)
        .outerjoin(AutoProc, AutoProc.auto_proc_id == Scaling.auto_proc_id)
        .where(Visit.visit_id == visit_id, Program.status.in_(OK), Statistics.shell == "overall", Statistics.high > 0)
    )
    return query if ids is None else query.where(Collection.collection_id.in_(ids))


def fraction(value: float | None) -> float | None:
    """A CC1/2 as a fraction, from a fraction or percent."""
    return value / 100 if value is not None and value > _PERCENT else value


def percent(value: float | None) -> float | None:
    """An R value in percent, from a fraction or percent."""
    return value * 100 if value is not None and value <= _PERCENT else value


def fraction_of(column: Any) -> ColumnElement[float]:
    """``fraction`` as an expression."""
    return case((column > _PERCENT, column / 100.0), else_=column)


def percent_of(column: Any) -> ColumnElement[float]:
    """``percent`` as an expression."""
    return case((column <= _PERCENT, column * 100.0), else_=column)
