"""What spot finders said of each image of a collection, or of all collections of its group one after another.

A series is drawn from a fixed number of values whatever its length: the images themselves where they are few, else the
least, mean and greatest of equal stretches, which the database works out in one statement.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Integer, and_, case, cast, func, literal, or_, select

from data.core import collection as collections
from data.reader import Reader
from data.schema import Collection, Group, ImageQuality, Visit

INDICATORS: Final = ("spots", "bragg", "resolution", "signal", "dozor")
"""Spots, candidates for Bragg spots, resolution estimate in Å, total integrated signal in counts, DOZOR score."""
MOST_POINTS: Final = 1_500
"""Images that are given one by one, at most."""
MOST_SEGMENTS: Final = 200
MOST_WHOLE: Final = 100_000


@dataclass(frozen=True, slots=True)
class Segment:
    """One collection of a series: its images ``first`` to ``last`` stand at ``offset`` and on. Angles in degrees."""

    collection_id: int
    name: str
    offset: int
    first: int
    last: int
    axis_start: float | None = None
    axis_range: float | None = None

    @property
    def images(self) -> int:
        """How many places it takes."""
        return self.last - self.first + 1

    def angle(self, image: int) -> float | None:
        """The rotation in degrees at which an image begins; None for a still, or where ISPyB lacks it."""
        if self.axis_start is None or not self.axis_range:
            return None
        return self.axis_start + (image - self.first) * self.axis_range


@dataclass(frozen=True, slots=True)
class Layout:
    """What a series is made of. ``group``: collections in the group; ``left_out``: those beyond the most."""

    visit_id: int
    group_id: int
    segments: tuple[Segment, ...]
    group: int
    left_out: int = 0

    @property
    def length(self) -> int:
        """Places of the whole series."""
        return self.segments[-1].offset + self.segments[-1].images if self.segments else 0

    def place(self, collection_id: int, image: int) -> int | None:
        """Where an image stands."""
        found = next((one for one in self.segments if one.collection_id == collection_id), None)
        return found.offset + image - found.first if found and found.first <= image <= found.last else None

    def image(self, place: int) -> tuple[int, int] | None:
        """Which collection and image stand at a place."""
        found = next((one for one in self.segments if one.offset <= place < one.offset + one.images), None)
        return (found.collection_id, found.first + place - found.offset) if found else None


@dataclass(frozen=True, slots=True)
class Series:
    """Values in the order of places. ``width``: images in a stretch, 1 where each image is by itself.

    ``place`` and ``until``: the first and last place with values of each stretch; ``count`` images with values;
    ``least``, ``mean``, ``most``: indicator → values, NaN where no image of the stretch has one.
    """

    width: int
    place: NDArray[np.int64]
    until: NDArray[np.int64]
    count: NDArray[np.int64]
    least: dict[str, NDArray[np.float64]]
    mean: dict[str, NDArray[np.float64]]
    most: dict[str, NDArray[np.float64]]


def layout(reader: Reader, collection_id: int, *, group: bool = False) -> Layout:
    """The collections of a series and where each stands. Four statements at most; raises NotFound."""
    own = _of_collections(Visit.visit_id, Group.group_id).where(Collection.collection_id == collection_id)
    visit_id, group_id = reader.one(own, "This collection")
    c = Collection
    query = _of_collections(
        c.collection_id, c.prefix, c.template, c.number, c.images, c.first_image, c.axis_start, c.axis_range
    ).where(Visit.visit_id == visit_id, Group.group_id == group_id)
    rows = reader.rows(query.order_by(c.collection_id))
    total = len(rows)
    rows = rows[:MOST_SEGMENTS] if group else [row for row in rows if row.collection_id == collection_id]
    ids = [row.collection_id for row in rows]
    known = _ends(reader, visit_id, ids)
    segments: list[Segment] = []
    offset = 0
    for row in rows:
        first = 1 if row.first_image is None else row.first_image
        last = first + (row.images or 0) - 1
        low, high = known.get(row.collection_id, (first, last))
        # Spot finders may count from 0, and a collection may have more images than was said.
        first, last = min(first, low), max(last, high)
        if last < first:
            continue
        name = row.prefix or row.template or f"{row.collection_id}"
        name = f"{name} · {row.number}" if row.number is not None else name
        segments.append(Segment(row.collection_id, name, offset, first, last, row.axis_start, row.axis_range))
        offset += segments[-1].images
    return Layout(visit_id, group_id, tuple(segments), total, total - len(rows) if group else 0)


def _ends(reader: Reader, visit_id: int, ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """The first and the last image with numbers of each collection that has some."""
    image = ImageQuality.image
    if len(ids) == 1:
        # The index gives both at once, where a minimum over joined tables would read a million rows.
        ends = [
            row[0]
            for order in (image, image.desc())
            for row in reader.rows(_of_images(visit_id, ids, image).order_by(order).limit(1))
        ]
        return {ids[0]: (ends[0], ends[1])} if len(ends) == 2 else {}
    seen = _of_images(visit_id, ids, ImageQuality.collection_id, func.min(image), func.max(image))
    return {key: (low, high) for key, low, high in reader.rows(seen.group_by(ImageQuality.collection_id))}


def series(
    reader: Reader,
    found: Layout,
    low: int = 0,
    high: int | None = None,
    stretches: int = 600,
    most: int = MOST_POINTS,
    indicators: Sequence[str] = INDICATORS,
) -> Series:
    """The values from place ``low`` to ``high``, both included. One statement for few images, two for many.

    Of ``indicators`` alone: each takes the database a fifth of a second for a million images.
    """
    names = [name for name in INDICATORS if name in indicators]
    wanted = [getattr(ImageQuality, name) for name in names]
    last = found.length - 1
    low, high = max(0, low), last if high is None else min(high, last)
    parts = [
        (one, max(one.first, one.first + low - one.offset), min(one.last, one.first + high - one.offset))
        for one in found.segments
        if one.offset <= high and one.offset + one.images > low
    ]
    if not parts:
        return _series(1, [], names)
    ids = [one.collection_id for one, _, _ in parts]
    within = or_(*(_range(one, first, until) for one, first, until in parts))
    place = ImageQuality.image + _shift([one for one, _, _ in parts])
    points = _of_images(found.visit_id, ids, place, *wanted).where(within)
    rows = reader.rows(points.order_by(ImageQuality.collection_id, ImageQuality.image).limit(most + 1))
    if len(rows) <= most:
        alone = [(row[0], row[0], 1, *(value for value in row[1:] for _ in range(3))) for row in rows]
        return _series(1, alone, names)
    width = -(-(high - low + 1) // stretches)
    stretch = (place // literal(width, Integer())).label("stretch")
    sums = (number for column in wanted for number in (func.min(column), func.avg(column), func.max(column)))
    binned = _of_images(found.visit_id, ids, func.min(place), func.max(place), func.count(), *sums).where(within)
    rows = reader.rows(binned.group_by(ImageQuality.collection_id, stretch))
    return _series(width, rows, names)


def overview(reader: Reader, collection_id: int, images: int | None, most: int = MOST_WHOLE) -> dict[str, NDArray[Any]]:
    """The numbers of one collection as ``data.core.collection.quality`` gives them, of any length at a bounded price.

    Where ISPyB says that it has more than ``most`` images: the least and the greatest values of 2,000 stretches at
    their first and last image, and ``stretch``, how many images each has. Raises NotFound only for those.
    """
    if (images or 0) <= most:
        return collections.quality(reader, collection_id)
    found = layout(reader, collection_id)
    drawn = series(reader, found, stretches=2_000)
    first = found.segments[0].first - found.segments[0].offset if found.segments else 0
    ends = np.column_stack([drawn.place, drawn.until]).ravel() + first
    given: dict[str, NDArray[Any]] = {"image": ends}
    for name in INDICATORS:
        given[name] = np.column_stack([drawn.least[name], drawn.most[name]]).ravel()
    return given if drawn.width == 1 else given | {"stretch": np.array([drawn.width])}


def _of_collections(*columns: Any) -> Any:
    return (
        select(*columns)
        .select_from(Visit)
        .join(Group, Group.visit_id == Visit.visit_id)
        .join(Collection, Collection.group_id == Group.group_id)
    )


def _of_images(visit_id: int, ids: Sequence[int], *columns: Any) -> Any:
    query = _of_collections(*columns).join(ImageQuality, ImageQuality.collection_id == Collection.collection_id)
    return query.where(Visit.visit_id == visit_id, Collection.collection_id.in_(ids))


def _range(one: Segment, first: int, until: int) -> ColumnElement[bool]:
    return and_(ImageQuality.collection_id == one.collection_id, ImageQuality.image.between(first, until))


def _shift(segments: Sequence[Segment]) -> Any:
    """What makes an image's number its place."""
    if len(segments) == 1:
        return literal(segments[0].offset - segments[0].first, Integer())
    by_collection = {one.collection_id: one.offset - one.first for one in segments}
    return cast(case(by_collection, value=ImageQuality.collection_id), Integer())


def _series(width: int, rows: Sequence[Any], names: Sequence[str]) -> Series:
    values = np.array([tuple(row) for row in rows], dtype=np.float64).reshape(len(rows), 3 + 3 * len(names))
    values = values[np.argsort(values[:, 0], kind="stable")]
    whole = values[:, :3].astype(np.int64)
    columns = dict.fromkeys(INDICATORS, np.full((len(rows), 3), np.nan))
    columns |= {name: values[:, 3 + 3 * n : 6 + 3 * n] for n, name in enumerate(names)}
    return Series(
        width, whole[:, 0], whole[:, 1], whole[:, 2],
        *({name: np.ascontiguousarray(three[:, at]) for name, three in columns.items()} for at in range(3)),
    )  # fmt: skip
