"""Who is signed in, and the audit trail."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from panel.viewable import Viewable

from data.lists import Asked, Page, matcher
from data.reader import Reader
from views.core.account import browser_of
from views.core.listing import Listing
from views.desk import Desk
from views.parts import blocks as b
from views.parts.blocks import Blocks
from views.parts.table import Column, Key
from views.parts.text import when
from views.place import ListPlace
from views.problem import Problem
from views.reading import Reading

Row = dict[str, Any]

SIGN_INS = (
    Column("name", "Person", width=190, fixed=True),
    Column("login", "Login", width=110),
    Column("provider", "Signed in by", width=120, title="The provider that checked who it is"),
    Column("since", "Since", kind="time", width=156),
    Column("used", "Last used", kind="time", width=156, title="To a quarter of a minute"),
    Column("address", "Address", width=140),
    Column("browser", "Browser", width=180),
    Column("here", "", kind="badge", width=110, sortable=False, filter="none"),
)
_TIMES = {"since", "used"}
# Newest first, always: pages go by the key of the last row, so that new rows move nothing.
TRAIL = (
    Column("time", "Time", width=166, sortable=False, fixed=True),
    Column("kind", "What", kind="badge", width=150, sortable=False),
    Column("login", "Login", width=130, sortable=False),
    Column("address", "Address", width=140, sortable=False),
    Column("detail", "Detail", width=520, sortable=False),
)
_TONES = {
    "failure": "warn",
    "throttled": "bad",
    "denied": "warn",
    "form refused": "warn",
    "link refused": "warn",
    "unavailable": "bad",
    "signed out": "info",
}


class SignedIn:
    """Everybody's sign-ins that hold, with a button that ends those selected."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._may_end = False
        self._picked: list[str] = []
        self._rows: dict[str, Row] = {}
        self._bar = Blocks([], on_action=self._act)
        self._listing = Listing(
            desk,
            SIGN_INS,
            self._draw,
            _nothing,
            desk.relist,
            label="Sign-ins",
            noun=("sign-in", "sign-ins"),
            empty=("Nobody is signed in", "You are: this should not be seen."),
            on_select=self._select,
        )
        self.parts: list[Viewable] = [self._bar, self._listing.table]
        self._ending: Reading[list[str]] = Reading(desk, self._ended, self._fail)

    def show(self, listing: ListPlace, may_end: bool) -> None:
        """Read the list anew; ``may_end``: offer to sign people out."""
        self._may_end, self._picked = may_end, []
        self._buttons()
        self._listing.show(self._answer, listing)

    def _answer(self, reader: Reader, asked: Asked, offset: int, limit: int) -> Page:
        rows = chosen([self._shown(row) for row in self._desk.office.signed_in()], asked)
        self._rows = {row["mark"]: row for row in rows}
        return Page(rows[offset : offset + limit], len(rows), offset + limit >= len(rows))

    def _shown(self, row: Row) -> Row:
        return row | {"id": row["mark"], "browser": browser_of(row["agent"])}

    def _draw(self, row: Row) -> Row:
        return row | {"here": b.badge("this browser", "good") if row["here"] else []}

    def _select(self, keys: list[Key]) -> None:
        self._picked = [key for key in keys if isinstance(key, str) and key in self._rows][:20]
        self._buttons()

    def _buttons(self, said: str = "") -> None:
        if not self._may_end:
            self._bar.set([])
            return
        shown = [b.note("info", said)] if said else []
        if self._picked:
            rows = [self._rows[mark] for mark in self._picked]
            who = ", ".join(f"{row['name']} ({row['browser']})" for row in rows[:3])
            more = f" and {len(rows) - 3} more" if len(rows) > 3 else ""
            buttons = [b.action("out", f"Sign out {who}{more}", tone="bad")]
        else:
            buttons = []
            shown.append(b.text("Select a sign-in to end it. Its pages close within seconds.", True))
        self._bar.set([*shown, *([b.actions(buttons)] if buttons else [])])

    def _act(self, name: str, value: str) -> None:
        if name != "out" or not self._picked:
            return
        marks, office = tuple(self._picked), self._desk.office
        # What a browser sends is no proof of a right: the office asks for it again.
        self._ending.ask(lambda reader: [office.sign_out(mark) for mark in marks])

    def _ended(self, names: list[str]) -> None:
        self._picked = []
        self._buttons(f"Signed out: {', '.join(names)}.")
        self._listing.table.reload(keep=True)

    def _fail(self, problem: Problem) -> None:
        self._picked = []
        self._bar.set([b.problem(problem.title, problem.text, problem.reference)])
        self._listing.table.reload(keep=True)


class TrailList:
    """The audit trail, newest first."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._ends: dict[tuple[Asked, int], int] = {}  # where a page of a list begins: the id that it comes after
        self._bar = Blocks()
        self._listing = Listing(
            desk,
            TRAIL,
            self._draw,
            _nothing,
            self._relist,
            label="Audit trail",
            noun=("row", "rows"),
            empty=("Nothing like that", "No row of the audit trail fits."),
        )
        self.parts: list[Viewable] = [self._bar, self._listing.table]

    def show(self, listing: ListPlace) -> None:
        """Read the trail anew."""
        self._export(listing)
        self._listing.show(self._answer, listing)

    def _relist(self, listing: ListPlace) -> None:
        self._export(listing)
        self._desk.relist(listing)

    def _export(self, listing: ListPlace) -> None:
        address = self._desk.office.trail_address(Asked(filters=listing.filters, search=listing.search))
        self._bar.set([b.actions([b.action("export", "Export these rows as CSV", link=address)])])

    def _answer(self, reader: Reader, asked: Asked, offset: int, limit: int) -> Page:
        question = replace(asked, sort=None, descending=True)
        if offset == 0:
            self._ends = {}
        before = self._ends.get((question, offset))
        if offset and before is None:
            return self._walked(question, offset, limit)
        return self._page(question, before, offset, limit)

    def _page(self, question: Asked, before: int | None, offset: int, limit: int) -> Page:
        found = self._desk.office.trail(question, before, limit + 1)
        rows = found[:limit]
        if rows:
            self._ends[question, offset + len(rows)] = rows[-1]["id"]
        return Page(rows, None, len(found) <= limit)

    def _walked(self, question: Asked, offset: int, limit: int) -> Page:
        """A place that was not reached by scrolling: from the nearest one that was, page by page."""
        begun = {at: end for (asked, at), end in self._ends.items() if asked == question and at <= offset}
        at = max(begun, default=0)
        before = begun.get(at)
        while at < offset:
            found = self._desk.office.trail(question, before, min(offset - at, 500))
            if not found:
                return Page([], None, True)
            at, before = at + len(found), found[-1]["id"]
        return self._page(question, before, offset, limit)

    def _draw(self, row: Row) -> Row:
        return row | {
            "time": when(row["time"], seconds=True),
            "kind": b.badge(row["kind"], _TONES.get(row["kind"], "quiet")),
        }


def chosen(rows: Sequence[Row], asked: Asked) -> list[Row]:
    """The rows that fit what is asked, in the order that is asked for."""
    kept = list(rows)
    for key, text in asked.filters:
        fits = matcher("time" if key in _TIMES else "text", text)
        kept = [row for row in kept if fits is None or fits(row.get(key))]
    for word in asked.search.casefold().split():
        kept = [row for row in kept if any(word in str(v).casefold() for v in row.values() if isinstance(v, str))]
    if asked.sort is None:
        return kept
    key = asked.sort
    present = [row for row in kept if row.get(key) is not None]
    ordered = sorted(present, key=lambda row: _folded(row[key]), reverse=asked.descending)
    return ordered + [row for row in kept if row.get(key) is None]


def _folded(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


def _nothing(key: Key) -> None:
    """A row has no page of its own."""
