"""The frame viewer of one collection: what its pane is told of the collection, and how both keep the link."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from views import place as places
from views.desk import Desk
from views.look import look_of
from views.parts.frame_pane import MOST, FramePane
from views.parts.plot import thin
from views.parts.text import number
from views.place import Place
from views.techniques.em_movies import movie_facts

Row = dict[str, Any]
Quality = Mapping[str, NDArray[Any]]

_MOST_BARS = 4_000
_NO_MOVIES = "ISPyB knows of no movies of this collection yet."
_FACTS = (
    ("spots", "Spots", "", 0),
    ("bragg", "Bragg candidates", "", 0),
    ("resolution", "Resolution", "Å", 2),
    ("signal", "Total signal", "counts", 0),
    ("dozor", "DOZOR score", "", 1),
)


def drawn(row: Row) -> bool:
    """Whether the collection has frames to draw: movies of a microscope have a viewer of their own."""
    return row.get("technique") != "em" and (row.get("images") or 0) > 0


def images_of(row: Row) -> tuple[int, int]:
    """The first and the last number of a collection's images."""
    first, count = row.get("first_image") or 1, row.get("images") or 0
    return first, first + max(count, 1) - 1


class Viewer:
    """A pane that shows one collection at a time; ``full``: on a page of its own."""

    def __init__(self, desk: Desk, *, full: bool = False, height: int = 460) -> None:
        self._desk, self._full = desk, full
        self._row: Row = {}
        self._quality: Quality = {}
        self._place = Place()
        self.pane = FramePane(on_image=self._image, on_look=self._look, full=full, height=height)

    def show(self, place: Place, row: Row, quality: Quality) -> int | None:
        """Show the image that the place names, or the first; its number, None where there are no frames to draw."""
        self._place = place
        self._row, self._quality = row, quality
        if not drawn(row):
            self.pane.param.update(routes={}, image=None, message=_none(row), series={}, facts={}, elsewhere="")
            return None
        first, last = images_of(row)
        image = min(max(place.image if place.image is not None else first, first), last)
        seen = quality["image"] if "image" in quality else np.empty(0)
        other = places.collection(row["id"], image) if self._full else places.image(row["id"], image)
        self.pane.param.update(
            routes=self._desk.frames(row["id"]),
            image=image,
            first_image=first,
            last_image=last,
            newest=_newest(seen, first, last) if _running(row) else last,
            noun="Image",
            label=row.get("template") or f"Collection {row['id']}",
            look=dict(place.look),
            series=_series(quality),
            facts={"image": image, "rows": _facts(quality, image)},
            elsewhere=self._desk.link(replace(other, look=place.look)),
        )
        return image

    def show_movie(self, place: Place, row: Row, movies: Sequence[Row]) -> int | None:
        """Show a frame of the movie that the place names by its order, else of the newest; the movie's order.

        None where there are no movies. The frame is in the place as ``frame``; how many there are the file says.
        """
        self._place, self._row, self._quality = place, row, {}
        if not movies:
            self.pane.param.update(routes={}, image=None, message=_NO_MOVIES, series={}, facts={}, elsewhere="")
            return None
        at = min(max(place.image or len(movies), 1), len(movies))
        movie = movies[at - 1]
        frame = frame_of(place)
        self.pane.param.update(
            routes=self._desk.frames(movie=movie["id"]),
            image=frame,
            first_image=1,
            last_image=None,
            newest=None,
            label=f"Movie {at} of {len(movies)}",
            noun="Frame",
            look=dict(place.look),
            series={},
            facts={"image": frame, "rows": movie_facts(movie)},
            elsewhere=self._desk.link(places.collection(row["id"], at)),
        )
        return at

    def _image(self, image: int) -> None:
        """Another image was asked for: a stranger's number, bounded before it is used."""
        if self._row.get("technique") == "em":
            if 1 <= image <= MOST:
                self._desk.go(self._place.seeing(frame=str(image)), True)
            return
        first, last = images_of(self._row)
        if self._row and first <= image <= last:
            self._desk.go(replace(self._place, image=image), True)

    def _look(self, look: dict[str, str]) -> None:
        self._desk.go(replace(self._place, look=look_of(look)), True)


def frame_of(place: Place) -> int:
    """The frame of a movie that a link names, else the first."""
    text = place.seen("frame") or ""
    return min(max(int(text), 1), MOST) if text.isascii() and text.isdigit() and len(text) < 9 else 1


def _newest(seen: NDArray[Any], first: int, last: int) -> int:
    """The last image that ISPyB has numbers of; the first while it has none: what is to come is not on disk yet."""
    return int(min(max(seen[-1], first), last)) if len(seen) else first


def _running(row: Row) -> bool:
    return row.get("end") is None


def _none(row: Row) -> str:
    if row.get("technique") == "em":
        return _NO_MOVIES
    return "ISPyB says of this collection that it has no images."


def _series(quality: Quality) -> dict[str, Any]:
    if "spots" not in quality or not len(quality["image"]):
        return {}
    x, y = thin(quality["image"].astype(np.float64), quality["spots"], _MOST_BARS)
    return {"image": [int(at) for at in x], "value": [None if np.isnan(value) else float(value) for value in y]}


def _facts(quality: Quality, image: int) -> list[list[str]]:
    if "stretch" in quality:  # of a very long collection no image stands by itself
        return []
    images = quality["image"] if "image" in quality else np.empty(0)
    at = int(np.searchsorted(images, image))
    if at >= len(images) or images[at] != image:
        return []
    found = [(label, float(quality[key][at]), unit, digits) for key, label, unit, digits in _FACTS if key in quality]
    return [[label, number(value, digits), unit] for label, value, unit, digits in found if not np.isnan(value)]
