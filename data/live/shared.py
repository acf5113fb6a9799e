"""One answer for everybody who watches the same visit.

Whoever may see a visit sees all of it, so rows read for one viewer are right for every other one, once that viewer's
own right to the visit is known. What reaches beyond the visit (names of people, a sample of another proposal that a
robot took) differs from person to person: such an answer is its Scope's ``own``. The right is asked for each Scope and
is at most 45 s old; the rows are kept for one version of the visit, and concurrent questions for them wait for the
first.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar, cast

from sqlalchemy import select

from data.errors import NotFound
from data.reader import Reader
from data.schema import Visit

T = TypeVar("T")
Row = dict[str, Any]

# Open pages ask each 15 s (`app.live`): a right that was taken away is used for a minute at most.
_RIGHT_SECONDS = 45.0
_MOST_RIGHTS = 5000


class Shared:
    """Answers of one process, at most ``most`` of them. A right counts for ``right_seconds``."""

    def __init__(self, most: int = 200, right_seconds: float = _RIGHT_SECONDS) -> None:
        self.right_seconds = right_seconds
        self._most = most
        self._lock = threading.Lock()
        self._answers: OrderedDict[Hashable, tuple[int, Future[Any]]] = OrderedDict()
        self._rights: OrderedDict[Hashable, tuple[float, Future[bool]]] = OrderedDict()

    def answer(
        self,
        reader: Reader,
        visit_id: int,
        version: int,
        key: Hashable,
        ask: Callable[[Reader], T],
        *,
        own: bool = False,
    ) -> T:
        """The answer of ``ask`` for this version of the visit. Raises NotFound where the visit is not visible.

        ``own``: it may hold more than the visit, and is for the reader's Scope alone.
        """
        self.check(reader, visit_id)
        if version == 0:  # nobody watches the visit, so nothing says when the answer grows old
            return ask(reader)
        place = (visit_id, key, reader.scope if own else None)
        future, mine = self._place(self._answers, place, version)
        return cast(T, self._settle(future, mine, lambda: ask(reader), self._answers, place))

    def rows(
        self,
        reader: Reader,
        visit_id: int,
        steps: Mapping[int, frozenset[int]],
        key: Hashable,
        ask: Callable[[Reader, Sequence[int]], Sequence[Row]],
    ) -> list[Row]:
        """The rows that changed with these versions of the visit, each with its ``id``, as they are now or were later.

        ``ask`` reads the rows of some ids; what another viewer has read of a step is taken from there, so that a viewer
        who comes late to some of them asks for none of them again. Raises NotFound where the visit is not visible.
        """
        self.check(reader, visit_id)
        mine: list[tuple[Hashable, Future[Any], frozenset[int]]] = []
        theirs: list[Future[Any]] = []
        for version, ids in steps.items():
            place = (visit_id, key, version)
            future, new = self._place(self._answers, place, version)
            if new:
                mine.append((place, future, ids))
            else:
                theirs.append(future)
        read: list[tuple[float, Sequence[Row]]] = []
        # What others wait for comes first: nobody waits for somebody who waits.
        if mine:
            began = time.monotonic()
            try:
                found = ask(reader, sorted(frozenset().union(*(ids for *_, ids in mine)), reverse=True))
            except BaseException as error:
                with self._lock:
                    for held, future, _ in mine:
                        if held in self._answers and self._answers[held][1] is future:
                            del self._answers[held]
                for _, future, _ in mine:
                    future.set_exception(error)
                raise
            for _, future, ids in mine:
                future.set_result((began, [row for row in found if row["id"] in ids]))
            read.append((began, found))
        read += [future.result() for future in theirs]
        latest = {row["id"]: row for _, rows in sorted(read, key=lambda one: one[0]) for row in rows}
        return [latest[key] for key in sorted(latest, reverse=True)]

    def check(self, reader: Reader, visit_id: int) -> None:
        """Raises NotFound where the reader's Scope does not see the visit, or did not at most 45 s ago.

        One statement for all browsers of a Scope.
        """
        if not self._sees(reader, visit_id):
            raise NotFound("This visit")

    def _sees(self, reader: Reader, visit_id: int) -> bool:
        key = (reader.scope, visit_id)
        now = time.monotonic()
        with self._lock:
            known = self._rights.get(key)
            stale = known is not None and now - known[0] > self.right_seconds
            if stale:
                del self._rights[key]
        future, mine = self._place(self._rights, key, now, same=lambda _: True)
        query = select(Visit.visit_id).where(Visit.visit_id == visit_id)
        return cast(bool, self._settle(future, mine, lambda: bool(reader.rows(query)), self._rights, key))

    def _place(
        self,
        table: OrderedDict[Hashable, tuple[Any, Future[Any]]],
        key: Hashable,
        mark: float,
        same: Callable[[Any], bool] | None = None,
    ) -> tuple[Future[Any], bool]:
        with self._lock:
            held = table.get(key)
            if held is not None and (same(held[0]) if same else held[0] == mark):
                table.move_to_end(key)
                return held[1], False
            future: Future[Any] = Future()
            table[key] = (mark, future)
            table.move_to_end(key)
            while len(table) > (_MOST_RIGHTS if table is self._rights else self._most):
                table.popitem(last=False)
            return future, True

    def _settle(
        self,
        future: Future[Any],
        mine: bool,
        ask: Callable[[], Any],
        table: OrderedDict[Hashable, tuple[Any, Future[Any]]],
        key: Hashable,
    ) -> Any:
        if mine:
            try:
                future.set_result(ask())
            except BaseException as error:
                with self._lock:
                    if key in table and table[key][1] is future:
                        del table[key]
                future.set_exception(error)
        return future.result()
