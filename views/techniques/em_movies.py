"""The movies of a cryo-EM collection: one at a time with its pictures and numbers, all of them in a plot."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from panel.viewable import Viewable

from views import place as places
from views.desk import Desk
from views.parts import blocks as b
from views.parts.blocks import Block, Blocks
from views.parts.plot import QualityPlot
from views.parts.text import number, when
from views.place import Place

Row = dict[str, Any]

_PICTURES = (
    ("micrograph", "Motion-corrected micrograph", "The micrograph is not on disk"),
    ("fft", "Its power spectrum", "The power spectrum is not on disk"),
    ("ctf", "Power spectrum and fitted CTF", "The picture of the fit is not on disk"),
)
_FACTS = (
    ("motion", "Total motion", 1, "Å"),
    ("motion_per_frame", "Motion per frame", 3, "Å"),
    ("dose", "Dose per frame", 2, "e⁻/Å²"),
    ("defocus", "Defocus", 2, "µm"),
    ("astigmatism", "Astigmatism", 3, "µm"),
    ("angle", "Angle of astigmatism", 1, "°"),
    ("ctf_resolution", "CTF fit to", 2, "Å"),
    ("correlation", "Correlation of the fit", 3, ""),
)


class Movies:
    """``show`` draws the movie that the place names by its order, counted from 1, else the newest."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._rows: Sequence[Row] = ()
        self._place = Place()
        self._shown = Blocks()
        self._plot = QualityPlot(
            on_image=self._chosen,
            height=260,
            noun="Movie",
            names={"spots": ("Total motion (Å)", "Å"), "resolution": ("CTF fit (Å)", "Å")},
        )

    @property
    def parts(self) -> tuple[Viewable, Viewable]:
        """The movie, and the plot of all."""
        return self._shown, self._plot.view

    def show(self, place: Place, rows: Sequence[Row]) -> None:
        """Draw one of these movies."""
        self._place, self._rows = place, rows
        if not rows:
            return
        at = min(max(place.image or len(rows), 1), len(rows))
        self._shown.set(self._blocks(at))
        order = np.arange(1, len(rows) + 1)
        self._plot.show(order, _column(rows, "motion"), _column(rows, "ctf_resolution"))
        self._plot.mark(at)

    def _blocks(self, at: int) -> list[Block]:
        row, desk = self._rows[at - 1], self._desk
        named = f"Movie {at} of {len(self._rows)}"
        pictures = [
            b.picture(
                desk.movie(row["id"], which),
                f"{words} of movie {at}",
                caption=words,
                link=desk.movie(row["id"], which, "full"),
                missing=missing,
            )
            for which, words, missing in _PICTURES
            if row.get(which)
        ]
        if not row.get("micrograph"):
            words = "First frame of the movie, before correction"
            small, full = (desk.movie(row["id"], "movie", size) for size in ("small", "full"))
            pictures.insert(
                0,
                b.picture(
                    small,
                    f"{words}, {at}",
                    words,
                    full,
                    "The movie is not on disk, or of a kind that is not drawn here",
                ),
            )
        around = [(f"‹ Movie {at - 1}", at - 1), (f"Movie {at + 1} ›", at + 1), ("Newest", len(self._rows))]
        links = [
            b.tab(words, words, desk.link(self._at(to)))
            for words, to in around
            if 1 <= to <= len(self._rows) and to != at
        ]
        known = [b.fact(*each) for each in movie_facts(row)]
        left = [b.facts(None, known, 2)] if known else [b.text("Neither corrected nor fitted yet.", quiet=True)]
        detail = when(row.get("created")) if row.get("created") else None
        return [
            b.heading(named, 2, detail),
            *([b.tabs(links, "Other movies")] if links else []),
            b.links([("Step through the frames of this movie", desk.link(self._frames(at)))]),
            b.images(pictures, None, 236),
            *left,
        ]

    def _at(self, movie: int) -> Place:
        return replace(places.collection(self._place.collection or 0), image=movie)

    def _frames(self, movie: int) -> Place:
        return places.image(self._place.collection or 0, movie)

    def _chosen(self, movie: int) -> None:
        """A point of the plot was clicked: a stranger's number, bounded before it is used."""
        if 1 <= movie <= len(self._rows):
            self._desk.go(self._at(movie), True)


def movie_facts(row: Row) -> list[list[str]]:
    """[name, value, unit] of what is known of a movie."""
    known = [(label, row.get(key), digits, unit) for key, label, digits, unit in _FACTS]
    return [[label, number(value, digits), unit] for label, value, digits, unit in known if value is not None]


def _column(rows: Sequence[Row], key: str) -> Any:
    return np.array([np.nan if row.get(key) is None else row[key] for row in rows], float)
