"""The list of a technique's collections in a visit, as its columns and its rows make it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from data.lists import Asked, Page
from data.reader import Reader
from data.techniques.collections import (
    Columns,
    Cursor,
    Row,
    count_of,
    fitting,
    newer_ids,
    page_ids,
    rows_by_id,
)
from data.techniques.experiments import Key


@dataclass(frozen=True, slots=True)
class Listed:
    """The page functions that every technique has.

    ``columns``: of a visit, what to sort, filter and show by; ``rows``: the rows of some ids, in their order, with few
    statements; ``tidied``: a row that was read by ``columns``, as ``rows`` gives it; ``summed``: the joins of columns
    that read images or movies.
    """

    technique: Key
    columns: Callable[[Reader, int], Columns]
    rows: Callable[[Reader, int, Sequence[int]], list[Row]]
    tidied: Callable[[Row], Row]
    summed: frozenset[str]

    def collections(
        self, reader: Reader, visit_id: int, asked: Asked, offset: int, limit: int, before: Cursor | None = None
    ) -> Page:
        """A page of collections, newest first unless asked otherwise. At most five statements.

        ``before``: continue below this place (own order only). ``total`` is None in the list's own order: see
        ``count``. Raises TooMany where a sort or filter would have to sum up too much.
        """
        columns = self.columns(reader, visit_id)
        page = page_ids(reader, self.technique, visit_id, columns, asked, offset, limit, before, self.summed)
        return Page(self.rows(reader, visit_id, page.ids), page.total, page.done)

    def count(self, reader: Reader, visit_id: int) -> int:
        """How many collections the list has."""
        return count_of(reader, self.technique, visit_id)

    def newer(self, reader: Reader, visit_id: int, after_id: int) -> list[Row]:
        """Rows with a higher id, newest first; at most 200."""
        return self.rows(reader, visit_id, newer_ids(reader, self.technique, visit_id, after_id))

    def changed(self, reader: Reader, visit_id: int, ids: Sequence[int]) -> list[Row]:
        """The rows of these ids as they are now, in the order of ``ids``, without those of other lists.

        One statement.
        """
        fields, joins = self.columns(reader, visit_id)(ids)
        rows = rows_by_id(reader, visit_id, ids, fields, joins, self.technique)
        return [self.tidied(rows[key]) for key in ids if key in rows]

    def fits(self, reader: Reader, visit_id: int, asked: Asked, ids: Sequence[int]) -> list[int]:
        """Which of these ids the list holds, as it was asked for. One statement."""
        return fitting(reader, self.technique, visit_id, self.columns(reader, visit_id), asked, ids)
