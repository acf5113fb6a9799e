"""The images of one collection on a page of their own."""

from dataclasses import dataclass
from typing import Any

from panel.viewable import Viewable

from data.core import collection as collections
from data.reader import Reader
from data.techniques.em.movies import movies
from data.techniques.mx.quality import overview
from views import place as places
from views.core.viewer import Row, Viewer
from views.desk import Desk
from views.parts import blocks as b
from views.parts.blocks import Blocks
from views.place import Place
from views.problem import Problem
from views.reading import Reading
from views.view import Span


@dataclass(frozen=True, slots=True)
class Answer:
    """What the viewer needs of a collection."""

    collection: Row
    quality: Any
    movies: list[Row]


class ImageView:
    """The viewer at one image of a collection."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._number: int | None = None
        self._place = Place()
        self._answer: Answer | None = None
        self._said = Blocks([b.loading(3)])
        self._viewer = Viewer(desk, full=True)
        self.parts: list[Viewable] = [self._said]
        self.spans: list[Span] = [12]
        self._reading: Reading[Answer] = Reading(desk, self._tell, self._fail)
        self._again: Reading[Answer] = Reading(desk, self._retell, self._late)

    def show(self, place: Place) -> None:
        """Show the collection, or another image of it."""
        self._place = place
        if place.collection == self._number and self._answer is not None:
            self._draw(self._answer)
            return
        self._number, self._answer = place.collection, None
        self._said.set([b.heading(f"Images of collection {self._number}", 1), b.loading(3)])
        self._arrange(self._said)
        self._desk.head(f"Images of {self._number}", (("Proposals", places.proposals()), (f"{self._number}", None)))
        self._reading.ask(self._question)

    def beat(self) -> None:
        """The visit changed: the collection may have more images."""
        answer = self._answer
        if answer is None:
            return
        visit, version, key = answer.collection["visit_id"], self._desk.pulse.version(), ("image", self._number)
        self._again.ask(lambda reader: self._desk.shared.answer(reader, visit, version, key, self._question))

    def hide(self) -> None:
        """Drop what is under way."""
        self._reading.forget()
        self._again.forget()

    def _question(self, reader: Reader) -> Answer:
        key = self._number or 0
        found = collections.collection(reader, key)
        if found["technique"] == "em":
            return Answer(found, {}, movies(reader, key))
        return Answer(found, overview(reader, key, found.get("images")), [])

    def _tell(self, answer: Answer) -> None:
        self._answer = answer
        self._draw(answer)
        self._arrange(self._viewer.pane)

    def _retell(self, answer: Answer) -> None:
        if answer.collection["id"] == self._number:
            self._answer = answer
            self._draw(answer)

    def _late(self, problem: Problem) -> None:
        """What is shown stays; the next beat asks again."""

    def _fail(self, problem: Problem) -> None:
        if problem.gone:
            self._desk.absent()
        self._desk.pulse.watch(None)
        self._said.set(
            [
                b.heading(f"Images of collection {self._number}", 1),
                b.problem(problem.title, problem.text, problem.reference),
            ]
        )
        self._arrange(self._said)

    def _arrange(self, part: Viewable) -> None:
        if self.parts != [part]:
            self.parts = [part]
            self._desk.redraw()

    def _draw(self, answer: Answer) -> None:
        row = answer.collection
        self._desk.pulse.watch(row["visit_id"])
        em = row.get("technique") == "em"
        if em:
            image = self._viewer.show_movie(self._place, row, answer.movies)
        else:
            image = self._viewer.show(self._place, row, answer.quality)
        proposal, visit = row.get("proposal"), row.get("visit_number")
        trail: list[tuple[str, Place | None]] = [("Proposals", places.proposals())]
        if proposal:
            trail.append((proposal, places.proposal(proposal)))
        if proposal and visit is not None:
            trail.append((f"{proposal}-{visit}", places.visit(proposal, visit, row.get("technique"))))
        trail += [(str(row["id"]), places.collection(row["id"], image)), (f"Movie {image}" if em else "Image", None)]
        what = f"frames of movie {image}" if em else "images"
        self._desk.head(f"{row.get('prefix') or 'Collection'} {row['id']}, {what}", trail)
