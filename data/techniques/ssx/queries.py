"""The collections of a visit as serial crystallography lists them.

Å, keV, s, Hz, percent; rates in percent of all images. A hit rate comes from the site's results where it writes them,
else from the per-image numbers: an image with more than 16 spots is a hit, or with more than the number of the
beamline's settings. Indexing is known from results alone.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Subquery, case, func, select

from data.lists import Field
from data.reader import Reader
from data.schema import (
    Collection,
    EventChain,
    ExperimentType,
    Group,
    Proposal,
    Sample,
    SSXCollection,
    SSXResult,
    Visit,
)
from data.techniques import experiments, spots
from data.techniques.collections import (
    Columns,
    Joins,
    Row,
    rows_by_id,
    run_counts,
    shared_fields,
    tidy,
    with_sample,
)
from data.techniques.experiments import technique_of_group
from data.techniques.listed import Listed
from data.techniques.mx.best import PLAIN, best_results
from data.techniques.mx.queries import add_best, add_runs
from data.techniques.mx.rule import Rule

EXPERIMENTS = experiments.SSX

_SERIAL: tuple[tuple[str, Any], ...] = (
    ("experiment", SSXCollection.experiment),
    ("chip_model", SSXCollection.chip_model),
    ("chip_pattern", SSXCollection.chip_pattern),
    ("repetition_rate", SSXCollection.repetition_rate),
    ("bandwidth", SSXCollection.bandwidth),
    ("jet_size", SSXCollection.jet_size),
    ("jet_speed", SSXCollection.jet_speed),
    ("laser_energy", SSXCollection.laser_energy),
    ("reaction", SSXCollection.reaction),
)
_TEXTS = {"experiment", "chip_model", "chip_pattern"}
_MERGE = (
    "cell_a",
    "cell_b",
    "cell_c",
    "cell_alpha",
    "cell_beta",
    "cell_gamma",
    "resolution_low",
    "resolution_high",
    "r_meas",
    "cc_half",
    "completeness",
    "i_over_sigma",
)


def rates(visit_id: int, ids: Sequence[int] | None = None) -> Subquery:
    """One result of each collection that has any: final before preliminary, not failed, then the newest."""
    place = func.row_number().over(
        partition_by=SSXResult.collection_id,
        order_by=(case((SSXResult.stage == "Final", 0), else_=1), SSXResult.id.desc()),
    )
    query = (
        _over(
            select(
                SSXResult.collection_id.label("collection_id"),
                _percent(SSXResult.hit_rate).label("hit_rate"),
                _percent(SSXResult.indexing_rate).label("indexing_rate"),
                SSXResult.crystals.label("crystals"),
                place.label("place"),
            ),
            visit_id,
            ids,
        )
        .join(SSXResult, SSXResult.collection_id == Collection.collection_id)
        .where(func.coalesce(SSXResult.status, "") != "Failed")
    )
    ranked = query.subquery("ranked_rates")
    return select(ranked).where(ranked.c.place == 1).subquery("rates")


def chains(visit_id: int, ids: Sequence[int] | None = None) -> Any:
    """Number of event chains of each collection that has any."""
    query = select(EventChain.collection_id.label("collection_id"), func.count().label("event_chains"))
    return (
        _over(query, visit_id, ids)
        .join(EventChain, EventChain.collection_id == Collection.collection_id)
        .group_by(EventChain.collection_id)
    )


def _percent(column: Any) -> Any:
    # As a fraction at some sites: a hit rate above 100 % cannot be meant by 1 or less.
    return case((column <= 1, column * 100.0), else_=column)


def _over(query: Any, visit_id: int, ids: Sequence[int] | None) -> Any:
    query = (
        query.select_from(Visit)
        .join(Group, Group.visit_id == Visit.visit_id)
        .join(Collection, Collection.group_id == Group.group_id)
        .where(Visit.visit_id == visit_id)
    )
    return query if ids is None else query.where(Collection.collection_id.in_(ids))


def with_serial(query: Any) -> Any:
    """``query`` with the serial parameters of the collection."""
    return query.outerjoin(SSXCollection, SSXCollection.collection_id == Collection.collection_id)


def _serial_fields() -> tuple[Field, ...]:
    return tuple(Field(key, column, "text" if key in _TEXTS else "number", "serial") for key, column in _SERIAL)


def _measured(visit_id: int, ids: Sequence[int] | None = None) -> tuple[tuple[Field, ...], Joins]:
    """Rates and event chains: the columns and their joins."""
    rate = rates(visit_id, ids)
    chain = chains(visit_id, ids).subquery("chains")
    listed = (
        Field("hit_rate", rate.c.hit_rate, "number", "rates"),
        Field("indexing_rate", rate.c.indexing_rate, "number", "rates"),
        Field("crystals", rate.c.crystals, "number", "rates"),
        Field("event_chains", func.coalesce(chain.c.event_chains, 0), "number", "chains"),
    )
    joins = {
        "rates": lambda query: query.outerjoin(rate, rate.c.collection_id == Collection.collection_id),
        "chains": lambda query: query.outerjoin(chain, chain.c.collection_id == Collection.collection_id),
    }
    return listed, joins


def fields(
    visit_id: int,
    now: datetime,
    ids: Sequence[int] | None = None,
    rule: Rule = PLAIN,
    hits: Mapping[str, int] = spots.NO_RULES,
) -> tuple[tuple[Field, ...], Joins]:
    """The columns of the list, and the joins that some of them stand on; of these collections alone with ``ids``."""
    best = best_results(visit_id, ids, rule)
    runs = run_counts(visit_id, ids).subquery("counts")
    quality = spots.summed(visit_id, ids, hits).subquery("quality")
    (stated, *others), measured_joins = _measured(visit_id, ids)

    listed = (
        *shared_fields(now),
        *_serial_fields(),
        Field("hit_rate", func.coalesce(stated.expression, quality.c.hit_rate), "number", "rates hits"),
        *others,
        *(Field(f"best_{key}", best.c[key], "text", "best") for key in ("pipeline", "space_group")),
        *(Field(f"best_{key}", best.c[key], "number", "best") for key in _MERGE),
        *(
            Field(f"programs_{key}", func.coalesce(runs.c[f"programs_{key}"], 0), "number", "runs")
            for key in ("ok", "failed", "running")
        ),
    )
    joins = {
        "sample": with_sample,
        "serial": with_serial,
        **measured_joins,
        "hits": lambda query: query.outerjoin(quality, quality.c.collection_id == Collection.collection_id),
        "best": lambda query: query.outerjoin(best, best.c.collection_id == Collection.collection_id),
        "runs": lambda query: query.outerjoin(runs, runs.c.collection_id == Collection.collection_id),
    }
    return listed, joins


_SUMMED = frozenset({"hits"})
"""The joins that read images or movies."""

FIELDS = fields(0, datetime(2000, 1, 1))[0]
"""Keys and kinds of the columns, to hold a stranger's wishes against."""


def _columns(reader: Reader, visit_id: int) -> Columns:
    now = datetime.now()
    return lambda ids: fields(visit_id, now, ids, reader.rule, reader.hits)


_NOTHING = {
    **{key: None for key, _ in _SERIAL},
    **dict.fromkeys(("hit_rate", "indexing_rate", "crystals")),
    **{f"best_{key}": None for key in ("pipeline", "space_group", *_MERGE)},
    **dict.fromkeys(("event_chains", "programs_ok", "programs_failed", "programs_running"), 0),
}


def going(reader: Reader, visit_ids: Sequence[int], now: datetime, most: int = 3) -> list[Row]:
    """The serial runs of these visits that go on: id, visit_id, prefix, sample, images, start. One statement.

    Of each visit its newest run, where it has no end: for a day, as some beamlines never write one.
    """
    if not visit_ids:
        return []
    query = (
        select(
            Collection.collection_id.label("id"),
            Visit.visit_id,
            Collection.prefix,
            Sample.name.label("sample"),
            Collection.images,
            Collection.start,
            Collection.end,
        )
        .select_from(Visit)
        .join(Proposal, Proposal.proposal_id == Visit.proposal_id)
        .join(Group, Group.visit_id == Visit.visit_id)
        .join(Collection, Collection.group_id == Group.group_id)
        .outerjoin(ExperimentType, ExperimentType.id == Group.experiment_type_id)
        .outerjoin(Sample, Sample.sample_id == Group.sample_id)
        .where(Visit.visit_id.in_(visit_ids), technique_of_group() == "ssx")
        .where(Collection.start > now - timedelta(days=1), Collection.start <= now)
        .order_by(Collection.collection_id.desc())
        .limit(50 * most)
    )
    newest: dict[int, Row] = {}
    for row in reader.rows(query):
        newest.setdefault(row.visit_id, dict(row._mapping))
    return [row for row in newest.values() if row["end"] is None][:most]


def begun(row: Row) -> Row:
    """The row of a collection of which nothing is known but that it began."""
    return row | _NOTHING


def _tidied(row: Row) -> Row:
    for key in ("programs_ok", "programs_failed", "programs_running"):
        row[key] = int(row[key])
    return tidy(row, "hit_rate", "indexing_rate", *(f"best_{key}" for key in _MERGE))


def _rows(reader: Reader, visit_id: int, ids: Sequence[int]) -> list[Row]:
    measured, measured_joins = _measured(visit_id, ids)
    listed = (*shared_fields(datetime.now()), *_serial_fields(), *measured)
    joins = {"sample": with_sample, "serial": with_serial, **measured_joins}
    rows = rows_by_id(reader, visit_id, ids, listed, joins)
    if not rows:
        return []
    add_best(reader, visit_id, rows)
    add_runs(reader, visit_id, rows)
    unrated = [key for key, row in rows.items() if row["hit_rate"] is None]
    quality = spots.summaries(reader, visit_id, unrated)
    for key in unrated:
        rows[key]["hit_rate"] = quality.get(key, {}).get("hit_rate")
    return [tidy(rows[key], "hit_rate", "indexing_rate") for key in ids if key in rows]


_LIST = Listed("ssx", _columns, _rows, _tidied, _SUMMED)
collections, count, newer = _LIST.collections, _LIST.count, _LIST.newer
changed, fits = _LIST.changed, _LIST.fits
