"""The movies of one collection, and where the pictures of a movie are.

Å, µm (defocus), e⁻/Å². Of several corrections or fits of one movie the latest counts.
"""

from typing import Any

from sqlalchemy import func, select

from data.errors import NotFound
from data.reader import Reader
from data.schema import CTF, Collection, Group, MotionCorrection, Movie, Visit
from data.techniques.collections import Row, tidy

MOST = 20_000
PICTURES = ("movie", "micrograph", "fft", "ctf")


def _over(*columns: Any) -> Any:
    return (
        select(*columns)
        .select_from(Visit)
        .join(Group, Group.visit_id == Visit.visit_id)
        .join(Collection, Collection.group_id == Group.group_id)
        .join(Movie, Movie.collection_id == Collection.collection_id)
        .outerjoin(MotionCorrection, MotionCorrection.movie_id == Movie.movie_id)
        .outerjoin(CTF, CTF.motion_id == MotionCorrection.motion_id)
    )


def movies(reader: Reader, collection_id: int) -> list[Row]:
    """The movies in the order they were made, the last 20,000 of more. One statement.

    Each has id, number (as ISPyB has it), created, motion and motion_per_frame (Å), dose (e⁻/Å² a frame), defocus and
    astigmatism (µm), angle (°), ctf_resolution (Å), correlation, and which pictures ISPyB names: ``micrograph``,
    ``fft``, ``ctf``.
    """
    query = (
        _over(
            Movie.movie_id.label("id"),
            Movie.number.label("number"),
            Movie.created.label("created"),
            MotionCorrection.total_motion.label("motion"),
            MotionCorrection.motion_per_frame.label("motion_per_frame"),
            MotionCorrection.dose_per_frame.label("dose"),
            (func.coalesce(CTF.defocus, (CTF.defocus_u + CTF.defocus_v) / 2.0) / 10000.0).label("defocus"),
            (func.coalesce(CTF.astigmatism, CTF.defocus_u - CTF.defocus_v) / 10000.0).label("astigmatism"),
            CTF.astigmatism_angle.label("angle"),
            CTF.resolution.label("ctf_resolution"),
            CTF.correlation.label("correlation"),
            MotionCorrection.snapshot.is_not(None).label("micrograph"),
            MotionCorrection.fft.is_not(None).label("fft"),
            CTF.spectrum.is_not(None).label("ctf"),
        )
        .where(Collection.collection_id == collection_id)
        .order_by(Movie.movie_id.desc(), MotionCorrection.motion_id, CTF.ctf_id)
        .limit(MOST)
    )
    found: dict[int, Row] = {}
    for row in reader.rows(query):
        found[row.id] = tidy(dict(row._mapping), *_VALUES)
    return [found[key] for key in reversed(found)]


_VALUES = ("motion", "motion_per_frame", "dose", "defocus", "astigmatism", "angle", "ctf_resolution", "correlation")


def pictures(reader: Reader, movie_id: int) -> dict[str, str | None]:
    """The stored paths of a movie: ``movie`` itself, ``micrograph``, ``fft``, ``ctf``. Distrust them.

    One statement; raises NotFound.
    """
    query = (
        _over(Movie.path, MotionCorrection.snapshot, MotionCorrection.fft, CTF.spectrum)
        .where(Movie.movie_id == movie_id)
        .order_by(MotionCorrection.motion_id.desc(), CTF.ctf_id.desc())
        .limit(1)
    )
    for row in reader.rows(query):
        return dict(zip(PICTURES, row, strict=True))
    raise NotFound("This movie")


def imaging(reader: Reader, movie_id: int) -> Row:
    """What its frames need: ``movie``, its stored path, to be distrusted. One statement; raises NotFound."""
    return {"movie": pictures(reader, movie_id)["movie"] or ""}
