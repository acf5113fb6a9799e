"""Per-image numbers of collections, summed up: mean spots and resolution, and the share of images with a pattern.

Of more than 100 images 100 are looked at, in ten runs of ten spread over the whole length: the mean of all would cost a
read of each. A run holds ten because some sites look at every tenth image only. What is left out moves a mean by a
tenth of the spread between images, and a hit rate by up to ten percentage points (two standard deviations).
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Select, Subquery, and_, case, func, literal, select, true, union_all

from data.reader import Reader
from data.schema import Collection, Group, ImageQuality, Visit

HIT_SPOTS = 16
"""An image with more spots than these is a hit (the rule of dials.ssx plots at Diamond)."""

NO_RULES: Final[Mapping[str, int]] = MappingProxyType({})

RUNS, TOGETHER = 10, 10
LOOKED_AT = RUNS * TOGETHER
"""Images of a collection that its summary stands on, at most."""


def most_spots(hits: Mapping[str, int]) -> Any:
    """The spots above which an image is a hit, of a query that joins Visit; ``hits``: of beamlines with their own."""
    # A site's settings: no value of a stranger's comes here.
    return case(hits, value=Visit.beamline, else_=HIT_SPOTS) if hits else literal(HIT_SPOTS)


def summed(
    visit_id: int, ids: Sequence[int] | None = None, hits: Mapping[str, int] = NO_RULES
) -> Select[*tuple[Any, ...]]:
    """The summary of each collection of a visit, or of those of ``ids``; NULLs where there are no per-image numbers.

    ``hits``: as in `most_spots`.
    """
    spots = ImageQuality.spots
    places = _places()
    # Outer joins keep the server to this order: places first would look for each of them in every collection.
    query = (
        select(
            Collection.collection_id.label("collection_id"),
            func.avg(spots).label("spots"),
            func.avg(case((ImageQuality.resolution > 0, ImageQuality.resolution))).label("quality_resolution"),
            (100.0 * func.sum(case((spots > most_spots(hits), 1), else_=0)) / func.nullif(func.count(spots), 0)).label(
                "hit_rate"
            ),
        )
        .select_from(Visit)
        .join(Group, Group.visit_id == Visit.visit_id)
        .join(Collection, Collection.group_id == Group.group_id)
        .outerjoin(places, true())
        .outerjoin(
            ImageQuality,
            and_(ImageQuality.collection_id == Collection.collection_id, ImageQuality.image == _image(places)),
        )
        .where(Visit.visit_id == visit_id)
        .group_by(Collection.collection_id)
    )
    return query if ids is None else query.where(Collection.collection_id.in_(ids))


def _places() -> Subquery:
    """Each place in each run: ``run``, ``place``."""
    runs, places = (
        union_all(*(select(literal(number).label(name)) for number in range(count))).subquery(f"{name}s")
        for name, count in (("run", RUNS), ("place", TOGETHER))
    )
    return select(runs.c.run, places.c.place).select_from(runs.join(places, true())).subquery("places")


def _image(places: Subquery) -> Any:
    """The image at a place: those of a short collection one after the other."""
    run, place = places.c.run, places.c.place
    count, first = func.coalesce(Collection.images, 0), func.coalesce(Collection.first_image, 1)
    spread = func.floor(run * (count - TOGETHER) * 1.0 / (RUNS - 1))
    return first + case((count > LOOKED_AT, spread), else_=run * TOGETHER) + place


def summaries(reader: Reader, visit_id: int, ids: Sequence[int]) -> dict[int, dict[str, float | None]]:
    """``spots``, ``quality_resolution`` (Å) and ``hit_rate`` (percent) of collections. One statement."""
    if not ids:
        return {}
    return {
        row.collection_id: {
            "spots": _number(row.spots),
            "quality_resolution": _number(row.quality_resolution),
            "hit_rate": _number(row.hit_rate),
        }
        for row in reader.rows(summed(visit_id, ids, reader.hits))
    }


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
