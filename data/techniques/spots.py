"""Per-image numbers of collections, summed up: mean spots and resolution, and the share of images with a pattern."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, and_, case, func, or_, select

from data.reader import Reader
from data.schema import Collection, Group, ImageQuality, Visit

HIT_SPOTS = 16
"""An image with more spots than these is a hit (the rule of dials.ssx plots at Diamond)."""

_EXACT = 4000
_BLOCKS, _TOGETHER = 40, 10


def summed(visit_id: int) -> Select[*tuple[Any, ...]]:
    """The summary of each collection of a visit that has per-image numbers."""
    spots = ImageQuality.spots
    return (
        select(
            ImageQuality.collection_id.label("collection_id"),
            func.avg(spots).label("spots"),
            func.avg(case((ImageQuality.resolution > 0, ImageQuality.resolution))).label("quality_resolution"),
            (100.0 * func.sum(case((spots > HIT_SPOTS, 1), else_=0)) / func.nullif(func.count(spots), 0)).label(
                "hit_rate"
            ),
        )
        .select_from(Visit)
        .join(Group, Group.visit_id == Visit.visit_id)
        .join(Collection, Collection.group_id == Group.group_id)
        .join(ImageQuality, ImageQuality.collection_id == Collection.collection_id)
        .where(Visit.visit_id == visit_id)
        .group_by(ImageQuality.collection_id)
    )


def summaries(
    reader: Reader, visit_id: int, images: Mapping[int, tuple[int | None, int | None]]
) -> dict[int, dict[str, float | None]]:
    """``spots``, ``quality_resolution`` (Å) and ``hit_rate`` (percent) of collections. One statement.

    ``images``: first image and number of images of each collection. Of more than 4,000 images 400 are looked at, in
    blocks over the whole length: the mean of all would cost a read of each.
    """
    if not images:
        return {}
    small = [key for key, (_, count) in images.items() if (count or 0) <= _EXACT]
    parts: list[Any] = [Collection.collection_id.in_(small)] if small else []
    parts += [
        and_(Collection.collection_id == key, ImageQuality.image.in_(sampled(first or 1, count or 0)))
        for key, (first, count) in images.items()
        if (count or 0) > _EXACT
    ]
    query = summed(visit_id).where(Collection.collection_id.in_(list(images)), or_(*parts))
    return {
        row.collection_id: {
            "spots": _number(row.spots),
            "quality_resolution": _number(row.quality_resolution),
            "hit_rate": _number(row.hit_rate),
        }
        for row in reader.rows(query)
    }


def sampled(first: int, count: int) -> Sequence[int]:
    """Image numbers in blocks spread over the whole length; where only every tenth image was looked at, blocks hit."""
    step = max((count - _TOGETHER) / (_BLOCKS - 1), 0)
    return sorted({first + int(block * step) + k for block in range(_BLOCKS) for k in range(_TOGETHER)})


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
