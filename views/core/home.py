"""Home: visits now and next, and what changed since one was last here."""

from dataclasses import dataclass
from typing import Any

from panel.viewable import Viewable

from data.core import changes, visits
from data.reader import Reader
from data.techniques.ssx import queries as serial
from views import place as places
from views.desk import Desk
from views.parts import blocks as b
from views.parts.blocks import Block, Blocks
from views.parts.text import when
from views.place import Place
from views.problem import Problem
from views.reading import Reading
from views.view import Span

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything that Home shows."""

    current: list[Row]
    upcoming: list[Row]
    recent: list[Row]
    changed: list[Row]
    going: list[Row]


class Home:
    """The first screen."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._blocks = Blocks([b.loading(6)])
        self.parts: list[Viewable] = [self._blocks]
        self.spans: list[Span] = [12]
        self._reading: Reading[Answer] = Reading(desk, self._tell, self._fail)

    def show(self, place: Place) -> None:
        """Read everything anew: visits begin and end."""
        desk = self._desk
        desk.head("Home", ())
        desk.pulse.watch(None)
        now, last = desk.now(), desk.last_here

        def ask(reader: Reader) -> Answer:
            current = visits.current(reader, now)
            return Answer(
                current,
                visits.upcoming(reader, now),
                visits.recent(reader, now),
                changes.since(reader, last) if last is not None else [],
                serial.going(reader, [row["id"] for row in current], now),
            )

        self._reading.ask(ask)

    def beat(self) -> None:
        """Home watches no visit."""

    def hide(self) -> None:
        """Drop what is under way."""
        self._reading.forget()

    def _tell(self, answer: Answer) -> None:
        word = self._desk.words.visit.lower()
        left: list[Block] = []
        if answer.current:
            rows = [*map(self._run, answer.going), *(self._visit(row, "now") for row in answer.current)]
            left.append(b.card("Now", [b.entries(rows)]))
        if answer.upcoming:
            left.append(b.card("Next", [b.entries([self._visit(row, "next") for row in answer.upcoming])]))
        left.append(
            b.card(
                "Before",
                [
                    b.entries([self._visit(row, "past") for row in answer.recent])
                    if answer.recent
                    else b.empty(f"No {word} yet", f"A {word} appears here once you are on its list of people.")
                ],
                link=self._desk.link(places.proposals()),
            )
        )
        if not (answer.current or answer.upcoming or answer.recent):
            left = [
                b.empty(
                    "Nothing to see yet",
                    "You are not on any proposal or "
                    f"{word}. Ask the principal investigator or the user office to add you.",
                )
            ]
        right = [b.card("Since you were last here", [self._changes(answer.changed)])]
        self._blocks.set([b.heading("Home", 1), b.columns(left, right, widths=(3, 2))])

    def _run(self, row: Row) -> Block:
        """A serial run that goes on: its monitor."""
        detail = " · ".join(part for part in (row["sample"], row["prefix"]) if part)
        link = self._desk.link(places.monitor(row["id"]))
        badges = [b.badge("serial run", "info"), b.badge("live", "good", "It goes on")]
        return b.entry(f"Follow run {row['id']}", detail, f"since {when(row['start'])}", link, badges)

    def _visit(self, row: Row, tense: str) -> Block:
        desk = self._desk
        badges = [b.badge("live", "good")] if tense == "now" else []
        if row.get("collections"):
            n = row["collections"]
            badges.append(b.badge(f"{n} collection{'s' * (n != 1)}", "quiet"))
        detail = " · ".join(part for part in (row.get("beamline"), row.get("title"), row.get("people")) if part)
        link = (
            desk.link(places.visit(row["proposal"], row["number"]))
            if row.get("proposal") and row.get("number") is not None
            else None
        )
        return b.entry(row["name"], detail, f"{when(row.get('start'))} – {when(row.get('end'))}", link, badges)

    def _changes(self, changed: list[Row]) -> Block:
        last = self._desk.last_here
        if last is None:
            return b.empty("This is your first time here", "What changes in your sessions is listed here from now on.")
        if not changed:
            return b.empty("Nothing changed", f"since {when(last)}")
        return b.entries(
            [
                b.entry(
                    row["text"],
                    row.get("detail"),
                    when(row.get("time")),
                    self._desk.link(places.visit(row["proposal"], row["number"]))
                    if row.get("proposal") and row.get("number") is not None
                    else None,
                )
                for row in changed
            ]
        )

    def _fail(self, problem: Problem) -> None:
        self._blocks.set([b.heading("Home", 1), b.problem(problem.title, problem.text, problem.reference)])
