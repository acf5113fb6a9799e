"""The pages of administrators, each a tab: groups, permissions, who is signed in, the audit trail."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from panel.viewable import Viewable

from data.core import permissions
from data.errors import NotFound
from data.reader import Reader
from data.scope import Holding
from views import place as places
from views.core.admin_activity import SignedIn, TrailList
from views.core.admin_groups import group_blocks, permission_blocks
from views.desk import Desk
from views.parts import blocks as b
from views.parts.blocks import Block, Blocks
from views.place import Place
from views.problem import Problem
from views.reading import Reading
from views.view import Span

Row = dict[str, Any]

GROUPS, PERMISSIONS, SIGNED_IN, TRAIL = "groups", "permissions", "signed_in", "trail"
_LABELS = {GROUPS: "Groups", PERMISSIONS: "Permissions", SIGNED_IN: "Signed in", TRAIL: "Audit trail"}


@dataclass(frozen=True, slots=True)
class Answer:
    """The tabs that one may see, which one is meant, and what a tab of blocks shows."""

    tabs: tuple[str, ...]
    tab: str
    signs_out: bool
    groups: list[Row]
    permissions: list[Row]
    lacking: list[Holding]


class AdminView:
    """Whoever has none of the rights is told what is said of a page that does not exist."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._place = Place("admin")
        self._head = Blocks([b.heading("Administration", 1), b.loading(1)])
        self._below = Blocks([b.loading(6)])
        self._signed_in = SignedIn(desk)
        self._trail = TrailList(desk)
        self.parts: list[Viewable] = [self._head, self._below]
        self.spans: list[Span] = [12, 12]
        self._reading: Reading[Answer] = Reading(desk, self._tell, self._fail)

    def show(self, place: Place) -> None:
        """Show the tab of the link."""
        self._place = place
        self._desk.head("Administration", ())
        self._desk.pulse.watch(None)
        self._below.set([b.loading(6)])
        self._arrange([self._below])
        self._reading.ask(lambda reader: self._question(reader, place.tab))

    def beat(self) -> None:
        """Nothing here follows a visit."""

    def hide(self) -> None:
        """Drop what is under way."""
        self._reading.forget()

    def _question(self, reader: Reader, wanted: str | None) -> Answer:
        scope, rights = reader.scope, self._desk.office.rights
        tabs = (GROUPS, PERMISSIONS) * scope.administer + (SIGNED_IN, TRAIL) * scope.activity
        tab = wanted if wanted in _LABELS else (*tabs, None)[0]
        if tab not in tabs:
            raise NotFound("This page")
        listed, lacking = permissions.permissions(reader, rights) if tab == PERMISSIONS else ([], [])
        return Answer(
            tabs,
            tab or "",
            scope.administer and scope.activity,
            permissions.groups(reader, rights) if tab == GROUPS else [],
            listed,
            lacking,
        )

    def _tell(self, answer: Answer) -> None:
        self._head.set([b.heading("Administration", 1), self._tabs(answer)])
        if answer.tab == SIGNED_IN:
            self._signed_in.show(self._place.listing, answer.signs_out)
            self._arrange(self._signed_in.parts)
        elif answer.tab == TRAIL:
            self._trail.show(self._place.listing)
            self._arrange(self._trail.parts)
        else:
            self._below.set(
                group_blocks(answer.groups)
                if answer.tab == GROUPS
                else permission_blocks(answer.permissions, answer.lacking)
            )
            self._arrange([self._below])

    def _tabs(self, answer: Answer) -> Block:
        link = self._desk.link
        first = answer.tabs[0]
        return b.tabs(
            [
                b.tab(tab, _LABELS[tab], link(places.admin(None if tab == first else tab)), None, tab == answer.tab)
                for tab in answer.tabs
            ],
            "Pages of administrators",
        )

    def _arrange(self, below: Sequence[Viewable]) -> None:
        shown = [self._head, *below]
        if shown != self.parts:
            self.parts, self.spans = shown, [12] * len(shown)
            self._desk.redraw()

    def _fail(self, problem: Problem) -> None:
        self._arrange([])
        self._head.set([b.heading("Administration", 1), b.problem(problem.title, problem.text, problem.reference)])
