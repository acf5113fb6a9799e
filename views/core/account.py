"""One's own sign-ins and rights."""

import re
from dataclasses import dataclass
from typing import Any

from panel.viewable import Viewable

from data.reader import Reader
from data.scope import Scope
from views.desk import Desk
from views.parts import blocks as b
from views.parts.blocks import Block, Blocks
from views.parts.text import when
from views.place import Place
from views.problem import Problem
from views.reading import Reading
from views.rights import gives
from views.view import Span

Row = dict[str, Any]

_MOST_PAST = 12
_BROWSERS = (
    ("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"),
)  # fmt: skip
_SYSTEMS = (
    ("Windows", "Windows"), ("Android", "Android"), ("iPhone", "iOS"), ("iPad", "iPadOS"), ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip


def browser_of(agent: str) -> str:
    """A browser's own long name in two words: ``Firefox on Linux``."""
    browser = next((name for mark, name in _BROWSERS if mark in agent), None)
    system = next((name for mark, name in _SYSTEMS if mark in agent), None)
    if browser is None:
        return re.sub(r"\s+", " ", agent)[:60] or "Unknown program"
    return f"{browser} on {system}" if system else browser


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything that the page shows."""

    scope: Scope
    own: list[Row]
    failures: list[Row]


class AccountView:
    """Where one is signed in, when one signed in, and what one's groups give."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._asked = False  # whether all sign-ins are to end: asked back once
        self._answer: Answer | None = None
        self._blocks = Blocks([b.loading(6)], on_action=self._act)
        self.parts: list[Viewable] = [self._blocks]
        self.spans: list[Span] = [12]
        self._reading: Reading[Answer] = Reading(desk, self._tell, self._fail)
        self._ending: Reading[int] = Reading(desk, lambda count: None, self._fail)

    def show(self, place: Place) -> None:
        """Read everything anew."""
        self._desk.head("Sign-ins and rights", ())
        self._desk.pulse.watch(None)
        self._asked = False
        self._reading.ask(self._question)

    def beat(self) -> None:
        """Nothing here follows a visit."""

    def hide(self) -> None:
        """Drop what is under way."""
        self._reading.forget()

    def _question(self, reader: Reader) -> Answer:
        office = self._desk.office
        return Answer(reader.scope, office.own(), office.failures())

    def _act(self, name: str, value: str) -> None:
        office = self._desk.office
        if name == "out":

            def end(reader: Reader) -> Answer:
                office.sign_out_own(value)
                return self._question(reader)

            self._reading.ask(end)
        elif name in {"everywhere", "keep"} and self._answer is not None:
            self._asked = name == "everywhere"
            self._tell(self._answer)
        elif name == "everywhere now" and self._asked:
            # The page leaves by itself once its connection is closed.
            self._ending.ask(lambda reader: office.sign_out_everywhere())

    def _tell(self, answer: Answer) -> None:
        self._answer = answer
        here = [row for row in answer.own if row["ended"] is None]
        past = [row for row in answer.own if row["ended"] is not None]
        left: list[Block] = [b.card("Signed in now", [b.entries([_sign_in(row) for row in here]), self._buttons(here)])]
        left.append(
            b.card(
                "Sign-ins that ended",
                [
                    b.entries([_ended(row) for row in past[:_MOST_PAST]])
                    if past
                    else b.empty("None in the last days", "Sign-ins are listed here for a week after they ended.")
                ],
            )
        )
        failures = answer.failures
        left.append(
            b.card(
                "Failed attempts with your name",
                [
                    b.entries([b.entry(when(row["time"], True), row["address"]) for row in failures])
                    if failures
                    else b.empty("No failed attempt")
                ],
            )
        )
        self._blocks.set([b.heading("Sign-ins and rights", 1), b.columns(left, [_rights(answer.scope)], widths=(3, 2))])

    def _buttons(self, here: list[Row]) -> Block:
        if self._asked:
            return b.actions(
                [
                    b.action("everywhere now", "End all sign-ins, this one too", tone="bad"),
                    b.action("keep", "Stay signed in"),
                ]
            )
        others = [row for row in here if not row["here"]]
        buttons = [
            b.action("out", f"Sign out {browser_of(row['agent'])} of {when(row['since'])}", row["mark"])
            for row in others
        ]
        return b.actions([*buttons, b.action("everywhere", "Sign out everywhere", tone="bad")])

    def _fail(self, problem: Problem) -> None:
        self._blocks.set(
            [b.heading("Sign-ins and rights", 1), b.problem(problem.title, problem.text, problem.reference)]
        )


def _sign_in(row: Row) -> Block:
    badges = [b.badge("this browser", "good")] if row["here"] else []
    detail = f"{row['address'] or 'unknown address'} · since {when(row['since'])} · by {row['provider']}"
    return b.entry(browser_of(row["agent"]), detail, f"used {when(row['used'])}", badges=badges)


def _ended(row: Row) -> Block:
    detail = f"{browser_of(row['agent'])} · {row['address'] or 'unknown address'} · by {row['provider']}"
    return b.entry(when(row["since"]), detail, row["ended"])


def _rights(scope: Scope) -> Block:
    named = {held.group for held in scope.holdings if held.permission}
    rules = [
        b.rule(
            not held.gives_nothing,
            f"{f'{held.group}: {held.permission}' if held.permission else held.group} – {gives(held)}",
        )
        for held in scope.holdings
        # A group whose name means nothing here is told by its permissions.
        if held.permission or not held.gives_nothing or held.group not in named
    ]
    words = "You see the proposals and visits that name you in ISPyB"
    words += ", and what your groups and permissions give:" if rules else ". You are in no group."
    return b.card("What you may see", [b.text(words), *([b.rules(rules)] if rules else [])])
