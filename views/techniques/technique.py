"""What a technique tells the pages: its name, its list of collections, and how it describes one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from data.lists import Asked, Page
from data.reader import Reader
from views.desk import Desk
from views.parts.blocks import Block
from views.parts.table import CardLayout, Column

Row = dict[str, Any]


class Queries(Protocol):
    """The page functions of ``data.techniques.<name>.queries``."""

    def collections(
        self,
        reader: Reader,
        visit_id: int,
        asked: Asked,
        offset: int,
        limit: int,
        before: tuple[int, int] | None = None,
    ) -> Page:
        """One page of the visit's collections; ``before``: those below this group and collection."""

    def count(self, reader: Reader, visit_id: int) -> int:
        """How many there are."""

    def newer(self, reader: Reader, visit_id: int, after_id: int) -> list[Row]:
        """Rows with a higher id, newest first."""

    def changed(self, reader: Reader, visit_id: int, ids: Sequence[int]) -> list[Row]:
        """The rows of these ids as they are now, without those of other techniques."""

    def fits(self, reader: Reader, visit_id: int, asked: Asked, ids: Sequence[int]) -> list[int]:
        """Which of these ids the list holds, as it was asked for."""

    def begun(self, row: Row) -> Row:
        """The row of a collection of which nothing is known but that it began."""


@dataclass(frozen=True, slots=True)
class Technique:
    """One technique.

    ``draw`` turns a row of its queries into a row of the table; ``describe`` gives the parameters of a collection, from
    the dict of ``data.core.collection.collection``, as blocks.
    """

    key: str
    label: str
    queries: Queries
    columns: tuple[Column, ...]
    cards: CardLayout
    draw: Callable[[Desk, Row], Row]
    describe: Callable[[Row], list[Block]]
