"""One visit: who, when, where, and its collections by technique."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from panel.viewable import Viewable

from data.core import visits
from data.reader import Reader
from data.techniques.ssx import queries as serial
from views import place as places
from views.desk import Desk
from views.parts import blocks as b
from views.parts.blocks import Blocks
from views.parts.text import when
from views.place import Place
from views.problem import Problem
from views.reading import Reading
from views.techniques import BY_KEY, TECHNIQUES
from views.techniques.collections import Collections
from views.view import Span

Row = dict[str, Any]
_MOST_NAMES = 8


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of the page."""

    visit: Row
    techniques: dict[str, int]
    people: list[Row]
    going: list[Row]


class VisitView:
    """A visit with a tab for each technique that it holds."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._name: str | None = None
        self._id: int | None = None
        self._place = Place()
        self._answer: Answer | None = None
        self._current: str | None = None
        self._seen = self._heard = 0  # up to where the pulse's changes and beginnings have been counted
        self._head = Blocks([b.loading(2)])
        self._lists: dict[str, Collections] = {}
        self.parts: list[Viewable] = [self._head]
        self.spans: list[Span] = [12]
        self._reading: Reading[Answer] = Reading(desk, self._tell, self._fail)
        self._again: Reading[dict[str, int]] = Reading(desk, self._retell, self._ignore)

    def show(self, place: Place) -> None:
        """Show the visit of the link."""
        desk, name = self._desk, place.visit_name or ""
        self._place = place
        desk.head(
            name,
            (
                ("Proposals", places.proposals()),
                (place.proposal or "", places.proposal(place.proposal or "")),
                (name, None),
            ),
        )
        if name == self._name and self._answer is not None:
            desk.pulse.watch(self._id)
            self._draw(self._answer)
            self._count()
            return
        self._name, self._id, self._answer = name, None, None
        self._head.set([b.heading(name, 1), b.loading(2)])
        self._show_list(None)
        self._reading.ask(self._question(place))

    def beat(self) -> None:
        """Something in the visit changed."""
        if self._current is not None:
            self._lists[self._current].beat()
        self._count()

    def _count(self) -> None:
        """Bring the numbers on the tabs up to date: from what began, or by asking where that is not known."""
        visit, desk, pulse = self._id, self._desk, self._desk.pulse
        if visit is None or self._answer is None:
            return
        started, self._heard = pulse.started(self._heard), pulse.begun()
        version, seen = pulse.version(), self._seen
        self._seen = version
        if pulse.changed(seen) is not None:
            counts = Counter(self._answer.techniques)
            counts.update(one.technique for one in started)
            self._retell(dict(counts))
            return

        def count(reader: Reader) -> dict[str, int]:
            return visits.techniques(reader, visit)

        self._again.ask(lambda reader: desk.shared.answer(reader, visit, version, "techniques", count))

    def hide(self) -> None:
        """Drop what is under way; the rows stay for the way back."""
        self._reading.forget()
        self._again.forget()

    def _question(self, place: Place) -> Any:
        proposal, number, now = place.proposal or "", place.visit or 0, self._desk.now()

        def ask(reader: Reader) -> Answer:
            found = visits.visit(reader, proposal, number)
            counts = visits.techniques(reader, found["id"])
            going = serial.going(reader, [found["id"]], now) if counts.get("ssx") else []
            return Answer(found, counts, visits.people(reader, found["id"]), going)

        return ask

    def _tell(self, answer: Answer) -> None:
        self._answer, self._id = answer, answer.visit["id"]
        pulse = self._desk.pulse
        pulse.watch(self._id)
        self._seen, self._heard = pulse.version(), pulse.begun()
        self._draw(answer)

    def _retell(self, counts: dict[str, int]) -> None:
        if self._answer is not None and counts != self._answer.techniques:
            self._answer = replace(self._answer, techniques=counts)
            self._draw(self._answer)

    def _ignore(self, problem: Problem) -> None:
        """The head stays as it was; the next beat asks again."""

    def _fail(self, problem: Problem) -> None:
        if problem.gone:
            self._desk.absent()
        self._desk.pulse.watch(None)
        self._head.set([b.heading(self._name or "Visit", 1), b.problem(problem.title, problem.text, problem.reference)])

    def _draw(self, answer: Answer) -> None:
        found, desk, place = answer.visit, self._desk, self._place
        held = [t for t in TECHNIQUES if answer.techniques.get(t.key)]
        wanted = place.tab if place.tab in BY_KEY else None
        # A technique that comes while one looks gets its tab; what is looked at stays.
        key = wanted or self._current or (held[0].key if held else TECHNIQUES[0].key)
        names = [row["name"] for row in answer.people if row.get("name")]
        people = ", ".join(names[:_MOST_NAMES]) + (
            f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        )
        now = desk.now()
        live = found.get("start") and found.get("end") and found["start"] <= now <= found["end"]
        badges = [b.badge("live", "good", "Within its time")] if live else []
        if found.get("kinds"):
            badges += [b.badge(kind, "quiet") for kind in found["kinds"]]
        detail = " · ".join(
            part
            for part in (
                found.get("beamline"),
                f"{when(found.get('start'))} – {when(found.get('end'))}",
                found.get("title"),
            )
            if part
        )
        blocks = [b.heading(self._name or "", 1, detail, badges)]
        line = " · ".join(
            f"{label}: {value}"
            for label, value in (
                ("Local contact", found.get("local_contact")),
                ("People", people),
                ("Comment", found.get("comments")),
            )
            if value
        )
        if line:
            blocks.append(b.text(line, quiet=True))
        if len(held) > 1 or wanted:
            shown = held if held else [BY_KEY[key]]
            blocks.append(
                b.tabs(
                    [
                        b.tab(
                            t.key,
                            t.label,
                            desk.link(places.visit(place.proposal or "", place.visit or 0, t.key)),
                            answer.techniques.get(t.key),
                            t.key == key,
                        )
                        for t in shown
                    ],
                    "Techniques",
                )
            )
        links = []
        if answer.techniques.get("mx"):
            to = desk.link(places.results(place.proposal or "", place.visit))
            links.append(("Timeline and all events", desk.link(places.events(place.proposal or "", place.visit or 0))))
            links.append(("Results: compare, plot, choose the best", to))
        if answer.techniques.get("ssx"):
            to = desk.link(places.runs(place.proposal or "", place.visit or 0))
            links += [(f"● Live: follow run {run['id']}", desk.link(places.monitor(run["id"]))) for run in answer.going]
            links.append(("Serial runs: rates, cells, compare", to))
        if links:
            blocks.append(b.links(links))
        self._head.set(blocks)
        self._show_list(key)

    def _show_list(self, key: str | None) -> None:
        if key is not None and key not in self._lists:
            self._lists[key] = Collections(self._desk, BY_KEY[key], self._desk.relist)
        shown: list[Viewable] = [self._head] if key is None else [self._head, self._lists[key].table]
        if shown != self.parts:
            self.parts, self.spans = shown, [12] * len(shown)
            self._desk.redraw()
        self._current = key
        if key is not None and self._id is not None:
            self._lists[key].table.take_away(f"visit={self._name}&tab={key}")
            self._lists[key].show(self._id, self._place.listing)
