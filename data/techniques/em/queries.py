"""The collections of a visit as cryo-electron microscopy lists them.

kV, ×, Å per pixel, e/Å², Å, µm. Motion is the mean, CTF fit and defocus are the medians over the movies: a few bad
movies do not move a median. Of more than 1,000 movies some 1,000, evenly spread, are looked at.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Subquery, case, distinct, func, select

from data.lists import Field
from data.reader import Reader
from data.schema import CTF, Collection, Group, MotionCorrection, Movie, Visit
from data.techniques import experiments
from data.techniques.collections import (
    Columns,
    Joins,
    Row,
    microscope_fields,
    rows_by_id,
    shared_fields,
    tidy,
    with_sample,
)
from data.techniques.listed import Listed

EXPERIMENTS = experiments.EM

_ENOUGH = 1000
_PRIME, _FACTOR = 10007, 7919
_VALUES = ("motion", "ctf_resolution", "defocus")


def _over(query: Any, visit_id: int, ids: Sequence[int] | None) -> Any:
    query = (
        query.select_from(Visit)
        .join(Group, Group.visit_id == Visit.visit_id)
        .join(Collection, Collection.group_id == Group.group_id)
        .join(Movie, Movie.collection_id == Collection.collection_id)
        .where(Visit.visit_id == visit_id)
    )
    return query if ids is None else query.where(Collection.collection_id.in_(ids))


def _with_corrections(query: Any) -> Any:
    return query.outerjoin(MotionCorrection, MotionCorrection.movie_id == Movie.movie_id).outerjoin(
        CTF, CTF.motion_id == MotionCorrection.motion_id
    )


def movie_counts(visit_id: int, ids: Sequence[int] | None = None) -> Any:
    """Movies, and how many of them are motion corrected and have a CTF, of each collection that has movies."""
    columns = select(
        Movie.collection_id.label("collection_id"),
        func.count(distinct(Movie.movie_id)).label("movies"),
        func.count(distinct(MotionCorrection.movie_id)).label("corrected"),
        func.count(distinct(case((CTF.ctf_id.is_not(None), Movie.movie_id)))).label("estimated"),
    )
    return _with_corrections(_over(columns, visit_id, ids)).group_by(Movie.collection_id)


def _defocus() -> Any:
    # Å at both flavours, where ESRF keeps two defoci instead of their mean.
    return func.coalesce(CTF.defocus, (CTF.defocus_u + CTF.defocus_v) / 2.0) / 10000.0


def movie_values(visit_id: int, ids: Sequence[int] | None = None) -> Subquery:
    """Mean motion (Å), median CTF fit (Å) and median defocus (µm) of each collection that has movies."""
    counted = (
        _over(select(Movie.collection_id.label("collection_id"), func.count().label("movies")), visit_id, ids)
        .group_by(Movie.collection_id)
        .subquery("counted")
    )
    of = Movie.collection_id

    def half_way(value: Any) -> tuple[Any, Any]:
        # NULLs sort first here and last there: they get a place of their own.
        known = case((value.is_not(None), 1), else_=0)
        return (
            func.row_number().over(partition_by=(of, known), order_by=value),
            func.count(value).over(partition_by=of),
        )

    fit_place, fits = half_way(CTF.resolution)
    defocus = _defocus()
    defocus_place, defoci = half_way(defocus)
    values = (
        _with_corrections(
            _over(
                select(
                    of.label("collection_id"),
                    MotionCorrection.total_motion.label("motion"),
                    CTF.resolution.label("fit"),
                    fit_place.label("fit_place"),
                    fits.label("fits"),
                    defocus.label("defocus"),
                    defocus_place.label("defocus_place"),
                    defoci.label("defoci"),
                ),
                visit_id,
                ids,
            ).join(counted, counted.c.collection_id == of)
        )
        # Beamlines number movies of several collections in turn: a plain stride of the number could miss some of them.
        .where((Movie.movie_id * _FACTOR) % _PRIME * counted.c.movies < _PRIME * _ENOUGH)
        .subquery("movie_values")
    )
    v = values.c

    def median(value: Any, place: Any, count: Any) -> Any:
        return func.avg(case((2 * place - count <= 2, case((2 * place >= count, value)))))

    return (
        select(
            v.collection_id,
            func.avg(v.motion).label("motion"),
            median(v.fit, v.fit_place, v.fits).label("ctf_resolution"),
            median(v.defocus, v.defocus_place, v.defoci).label("defocus"),
        )
        .group_by(v.collection_id)
        .subquery("movie_summary")
    )


def _movie_fields(visit_id: int, ids: Sequence[int] | None = None) -> tuple[tuple[Field, ...], Joins]:
    counts = movie_counts(visit_id, ids).subquery("movie_counts")
    values = movie_values(visit_id, ids)
    listed = (
        *(
            Field(key, func.coalesce(counts.c[key], 0), "number", "movies")
            for key in ("movies", "corrected", "estimated")
        ),
        *(Field(key, values.c[key], "number", "values") for key in _VALUES),
    )
    joins = {
        "movies": lambda query: query.outerjoin(counts, counts.c.collection_id == Collection.collection_id),
        "values": lambda query: query.outerjoin(values, values.c.collection_id == Collection.collection_id),
    }
    return listed, joins


def fields(visit_id: int, now: datetime, ids: Sequence[int] | None = None) -> tuple[tuple[Field, ...], Joins]:
    """The columns of the list, and the joins that some of them stand on; of these collections alone with ``ids``."""
    movies, joins = _movie_fields(visit_id, ids)
    return (*shared_fields(now), *microscope_fields(), *movies), {"sample": with_sample, **joins}


_SUMMED = frozenset({"movies", "values"})
"""The joins that read images or movies."""

FIELDS = fields(0, datetime(2000, 1, 1))[0]
"""Keys and kinds of the columns, to hold a stranger's wishes against."""


def _columns(reader: Reader, visit_id: int) -> Columns:
    now = datetime.now()
    return lambda ids: fields(visit_id, now, ids)


_NOTHING: Row = {**dict.fromkeys(("movies", "corrected", "estimated"), 0), **dict.fromkeys(_VALUES)}


def begun(row: Row) -> Row:
    """The row of a collection of which nothing is known but that it began."""
    return row | _NOTHING


def _tidied(row: Row) -> Row:
    return tidy(row, *_VALUES)


def _rows(reader: Reader, visit_id: int, ids: Sequence[int]) -> list[Row]:
    listed = (*shared_fields(datetime.now()), *microscope_fields())
    rows = rows_by_id(reader, visit_id, ids, listed, {"sample": with_sample})
    if not rows:
        return []
    summed = movies_of(reader, visit_id, list(rows))
    return [rows[key] | summed[key] for key in ids if key in rows]


_LIST = Listed("em", _columns, _rows, _tidied, _SUMMED)
collections, count, newer = _LIST.collections, _LIST.count, _LIST.newer
changed, fits = _LIST.changed, _LIST.fits


def movies_of(reader: Reader, visit_id: int, ids: Sequence[int]) -> dict[int, Row]:
    """``movies``, ``corrected``, ``estimated``, ``motion``, ``ctf_resolution``, ``defocus`` by id. Two statements."""
    found: dict[int, Row] = {key: dict(_NOTHING) for key in ids}
    for row in reader.rows(movie_counts(visit_id, ids)):
        found[row.collection_id] |= {"movies": row.movies, "corrected": row.corrected, "estimated": row.estimated}
    for row in reader.rows(select(movie_values(visit_id, ids))):
        values = {"motion": row.motion, "ctf_resolution": row.ctf_resolution, "defocus": row.defocus}
        found[row.collection_id] |= tidy(values, *values)
    return found
