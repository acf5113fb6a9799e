"""All proposals that one may see."""

from dataclasses import replace
from typing import Any

from panel.viewable import Viewable

from data.core import proposals
from views import place as places
from views.core.listing import Listing
from views.desk import Desk
from views.parts import blocks as b
from views.parts.blocks import Blocks
from views.parts.table import Column, Key
from views.place import Place
from views.view import Span

Row = dict[str, Any]

COLUMNS = (
    Column("name", "Proposal", kind="link", width=110, fixed=True),
    Column("title", "Title", width=380),
    Column("pi", "Principal investigator", width=190),
    Column("state", "State", width=80),
    Column("visits", "Visits", kind="number", digits=0, filter="number", width=90),
    Column("last_visit", "Latest visit", kind="time", width=156, title="Of all that are planned, too"),
    Column("beamlines", "Beamlines", sortable=False, filter="none", width=150),
)


def _named(word: str) -> tuple[Column, ...]:
    labels = {"visits": f"{word}s", "last_visit": f"Latest {word.lower()}"}
    return tuple(replace(column, label=labels.get(column.key, column.label)) for column in COLUMNS)


class Proposals:
    """The list of proposals."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._head = Blocks([b.heading("Proposals", 1)])
        self._listing = Listing(
            desk,
            _named(desk.words.visit),
            self._draw,
            self._open,
            desk.relist,
            label="Proposals",
            noun=("proposal", "proposals"),
            empty=(
                "No proposals",
                "You are on no proposal and no session yet. Ask the principal investigator to add you.",
            ),
            away="proposals",
        )
        self.parts: list[Viewable] = [self._head, self._listing.table]
        self.spans: list[Span] = [12, 12]

    def show(self, place: Place) -> None:
        """Show the list as the link says."""
        self._desk.head("Proposals", ())
        self._desk.pulse.watch(None)
        self._listing.table.take_away("page=proposals")
        self._listing.show(proposals.proposals, place.listing)

    def beat(self) -> None:
        """The list watches no visit."""

    def hide(self) -> None:
        """Nothing to put away."""

    def _draw(self, row: Row) -> Row:
        name = row["name"]
        link = self._desk.link(places.proposal(name))
        return row | {"id": name, "name": {"text": name, "link": link}, "_link": link}

    def _open(self, key: Key) -> None:
        if isinstance(key, str):
            self._desk.go(places.from_query(f"?proposal={key}"), False)
