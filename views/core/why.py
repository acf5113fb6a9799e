"""Why one sees a proposal, a visit or a collection; for administrators also why another person does, or does not."""

import re
from dataclasses import dataclass, field
from typing import Any

from panel.viewable import Viewable

from data.core import why
from data.core.permissions import people_named
from data.core.why import About, Reason, Thing, Who
from data.errors import NotFound
from data.reader import Reader
from data.scope import UnknownPerson
from views import place as places
from views.desk import Crumb, Desk
from views.parts import blocks as b
from views.parts.blocks import Block, Blocks
from views.place import Place
from views.problem import Problem
from views.reading import Reading
from views.view import Span

Row = dict[str, Any]

_NUMBER = re.compile(r"(?:collection\s*)?(\d{1,12})", re.I)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the page says. ``name``: of the other person who is asked about; ``people``: who may be meant."""

    administers: bool
    thing: Thing | None = None
    name: str | None = None
    reasons: list[Reason] = field(default_factory=list)
    people: list[Row] = field(default_factory=list)
    words: str = ""


class WhyView:
    """The reasons, each with the row behind it, and a form to ask about something else."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._place = Place("why")
        self._administers = False
        self._blocks = Blocks([b.loading(4)], on_action=self._act)
        self.parts: list[Viewable] = [self._blocks]
        self.spans: list[Span] = [12]
        self._reading: Reading[Answer] = Reading(desk, self._tell, self._fail)

    def show(self, place: Place) -> None:
        """Answer for what the link names."""
        self._place = place
        self._desk.pulse.watch(None)
        self._desk.head("Why can I see this?", self._crumbs(place))
        self._blocks.set([b.heading("Why can I see this?", 1), b.loading(4)])
        self._reading.ask(lambda reader: self._answer(reader, place))

    def beat(self) -> None:
        """Rights are read when the page is opened."""

    def hide(self) -> None:
        """Drop what is under way."""
        self._reading.forget()

    # -- in a thread

    def _answer(self, reader: Reader, place: Place) -> Answer:
        person, about = place.seen("person"), About(place.proposal, place.visit, place.collection)
        administers = reader.scope.administer
        if person is not None:
            if not administers:
                raise NotFound("This page")
            return self._of_another(reader, about, person)
        if about == About():
            return Answer(administers)
        found = why.thing(reader, about)
        return Answer(administers, found, None, [r for r in why.why(reader, found, Who()) if r.holds])

    def _of_another(self, reader: Reader, about: About, person: str) -> Answer:
        people = people_named(reader, person)
        meant = [row for row in people if row["login"] == person] or (people if len(people) == 1 else [])
        if not meant or not meant[0]["login"]:
            return Answer(
                True, people=people, words=f"ISPyB knows nobody by the name “{person}”." if not people else ""
            )
        if about == About():
            return Answer(True, people=meant)
        login, name = meant[0]["login"], meant[0]["name"]
        try:
            other = self._desk.office.reader_of(login, _name(about))
        except UnknownPerson:
            return Answer(
                True, words=f"ISPyB has more than one person with the login {login}, so none can sign in by it."
            )
        try:
            found = why.thing(other, about)
        except NotFound:
            # What the administrator does not see either is absent for both.
            found = why.thing(reader, about)
        return Answer(True, found, name, why.why(other, found, Who(name)))

    # -- on the page

    def _tell(self, answer: Answer) -> None:
        self._administers = answer.administers
        holding = [reason for reason in answer.reasons if reason.holds]
        others = [reason for reason in answer.reasons if not reason.holds]
        title = "Why can I see this?"
        if answer.thing is not None and answer.name is None:
            title = f"Why can I see {answer.thing.name}?"
        elif answer.thing is not None:
            title = f"Why can {answer.name} see {answer.thing.name}?" if holding else (
                f"{answer.name} cannot see {answer.thing.name}"
            )  # fmt: skip
        shown: list[Block] = [b.heading(title, 1)]
        if answer.words:
            shown.append(b.note("warn", answer.words))
        if answer.thing is not None:
            if holding:
                shown.append(b.card(_count(len(holding)), [b.rules([_rule(reason) for reason in holding])]))
            else:
                shown.append(b.note("info", f"No rule lets {answer.name} see {answer.thing.name}."))
            if others:
                shown.append(b.card("Rules that do not hold", [b.rules([_rule(reason) for reason in others])]))
            shown.append(b.text("Rights are read from ISPyB; a change there counts here after a minute at most.", True))
        elif answer.people:
            shown.append(b.card("Who is meant?", [b.entries([self._person(row) for row in answer.people])]))
        shown.append(b.card("Ask about something else" if answer.thing else "Ask", [self._form()]))
        self._blocks.set(shown)

    def _fail(self, problem: Problem) -> None:
        shown = [b.heading("Why can I see this?", 1), b.problem(problem.title, problem.text, problem.reference)]
        self._blocks.set([*shown, b.card("Ask about something else", [self._form()])])

    def _crumbs(self, place: Place) -> list[Crumb]:
        trail: list[Crumb] = [("Proposals", places.proposals())]
        if place.collection is not None:
            trail.append((f"Collection {place.collection}", places.collection(place.collection)))
        elif place.proposal:
            trail.append((place.proposal, places.proposal(place.proposal)))
            if place.visit is not None:
                trail.append((place.visit_name or "", places.visit(place.proposal, place.visit)))
        return [*trail, ("Why can I see this?", None)]

    def _person(self, row: Row) -> Block:
        if not row["login"]:
            return b.entry(row["name"], "has no login in ISPyB, so cannot sign in")
        return b.entry(row["name"], row["login"], link=self._desk.link(places.why(self._place, row["login"])))

    def _form(self) -> Block:
        place = self._place
        about = _name(About(place.proposal, place.visit, place.collection))
        fields = [b.field("about", "Proposal, visit or collection", about, "mx415, mx415-3 or a number")]
        if self._administers:
            fields.append(b.field("person", "Person (empty: yourself)", place.seen("person") or "", "login or name"))
        return b.form("ask", fields, "Ask", "Ask why something can be seen")

    def _act(self, name: str, value: str) -> None:
        if name != "ask":
            return
        typed = b.typed(value)
        about, person = typed.get("about", ""), typed.get("person") or None
        place = _place(about)
        if place is None and about:
            self._tell(Answer(self._administers, words=f"“{about}” names no proposal, visit or collection."))
            return
        self._desk.go(places.why(place or Place(), person), False)


def _rule(reason: Reason) -> Block:
    return b.rule(reason.holds, reason.words, reason.row)


def _count(n: int) -> str:
    return "One rule shows it" if n == 1 else f"{n} rules show it"


def _name(about: About) -> str:
    """``mx415-3`` or a collection's number; empty for nothing."""
    if about.collection is not None:
        return str(about.collection)
    return "-".join(str(part) for part in (about.proposal, about.visit) if part is not None)


def _place(text: str) -> Place | None:
    """The place of what was typed: a proposal, a visit or a collection."""
    number = _NUMBER.fullmatch(text)
    if number:
        return places.collection(int(number[1]))
    for key in ("visit", "proposal"):
        found = places.from_query(f"?{key}={text}")
        if found.page == key:
            return found
    return None
