"""The page functions of MX beyond the list of collections, for `test_queries.py`."""

from collections.abc import Callable
from typing import Any

from ispyb import at

from data.lists import Asked
from data.reader import Reader
from data.techniques.mx import events, grids, quality, scans, strategies
from data.techniques.mx.timeline import timeline

ALL = Asked()


def _quality(reader: Reader, collection: int, **more: bool) -> Any:
    """Without the values that are not known, which equal nothing."""
    found = quality.layout(reader, collection, **more)
    return found, quality.series(reader, found).place.tolist()


PAGES: dict[str, Callable[[Reader], Any]] = {
    "mx.events": lambda r: events.events(r, 11, ALL, 10),
    "mx.events robot": lambda r: events.events(r, 11, Asked(filters=(("kind", "robot"),), search="s"), 2),
    "mx.events only": lambda r: events.events(r, 11, ALL, 10, only={"g": (101, 401), "r": (1, 5)}),
    "mx.event rows": lambda r: events.rows(r, 11, [("g", 101), ("g", 401), ("r", 1), ("r", 5), ("e", 1), ("x", 2)]),
    "mx.event counts": lambda r: events.counts(r, 11),
    "mx.screenings": lambda r: strategies.screenings(r, 1002),
    "mx.energy_scan": lambda r: scans.energy_scan(r, 1),
    "mx.spectrum_of": lambda r: scans.spectrum_of(r, 1),
    "mx.scan picture": lambda r: scans.file_of(r, "energyscan", 1, "picture"),
    "mx.spectrum report": lambda r: scans.file_of(r, "xrf", 1, "report"),
    "mx.grid_scan": lambda r: grids.grid_scan(r, 1001),
    "mx.timeline": lambda r: timeline(r, 11, ALL).bars,
    "mx.timeline by sample": lambda r: timeline(r, 11, Asked(search="s"), "sample").bars,
    "mx.quality": lambda r: _quality(r, 1001),
    "mx.quality of a group": lambda r: _quality(r, 4001, group=True),
    "mx.timeline part": lambda r: timeline(r, 11, ALL, low=at(1, 9), high=at(1, 10)).bars,
}
