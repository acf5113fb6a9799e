"""A list that a page function answers: proposals, visits, samples."""

from collections.abc import Callable, Sequence
from typing import Any

from data.lists import Asked, Page
from data.reader import Reader
from views.desk import Desk
from views.parts.table import Column, Key, Table, TableState, Want
from views.place import ListPlace
from views.problem import Problem
from views.reading import Reading
from views.techniques.collections import asked, list_place, table_state

Row = dict[str, Any]
Answer = Callable[[Reader, Asked, int, int], Page]


class Listing:
    """Ties a Table to a page function. ``draw`` turns a row of the answer into one of the table; ``away`` names the
    question of ``data.exports`` that the list may be taken away as."""

    def __init__(
        self,
        desk: Desk,
        columns: Sequence[Column],
        draw: Callable[[Row], Row],
        on_open: Callable[[Key], None],
        relist: Callable[[ListPlace], None],
        *,
        label: str,
        noun: tuple[str, str],
        empty: tuple[str, str],
        height: int = 0,
        away: str = "",
        on_select: Callable[[list[Key]], None] | None = None,
    ) -> None:
        self._desk, self._draw, self._relist = desk, draw, relist
        self._answer: Answer | None = None
        self._asked = 0  # lists that were begun: what was read for an earlier one is dropped
        self.table = Table(
            columns,
            on_want=self._want,
            on_open=on_open,
            on_select=on_select,
            on_state=self._state,
            label=label,
            noun=noun,
            empty=empty,
            height=height,
            page=100,
            away=f"{desk.prefix}/export/{away}" if away else "",
        )

    def show(self, answer: Answer, listing: ListPlace, anew: bool = True) -> None:
        """Show what ``answer`` answers; ``anew``: it is another list than before."""
        self._answer = answer
        self.table.set_state(table_state(listing))
        if anew:
            self.table.reload()

    def _want(self, want: Want) -> None:
        answer = self._answer
        if answer is None:
            return

        if want.offset == 0:
            self._asked += 1
        asked_then, failed = self._asked, False

        def tell(page: Page) -> None:
            if answer is not self._answer or asked_then != self._asked:
                return
            if failed:  # the table has given up this question: it asks anew
                self.table.reload()
            else:
                self.table.send_rows(
                    want.seq, want.offset, [self._draw(row) for row in page.rows], page.total, page.done
                )

        def fail(problem: Problem) -> None:
            nonlocal failed
            failed = True
            self.table.fail(f"{problem.title}. {problem.text}", problem.reference)

        question = asked(want)
        Reading(self._desk, tell, fail).ask(lambda reader: answer(reader, question, want.offset, want.limit))

    def _state(self, state: TableState) -> None:
        self._relist(list_place(state))
