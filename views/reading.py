"""A question to the data, its answer, and what happens meanwhile.

The question runs in a thread with a Reader of its own moment. A newer question overtakes an older one, whose answer is
dropped. Answers are told under the document's lock; nothing waits while holding it, so the page stays alive.
"""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from data.errors import NotFound
from data.reader import Reader
from views.desk import Desk
from views.problem import Problem, problem_of

T = TypeVar("T")

_FIRST_RETRY = 1.0
_LAST_RETRY = 8.0
_UNDER_WAY: set[asyncio.Task[None]] = set()


class Reading(Generic[T]):
    """One question at a time.

    ``tell(answer)`` and ``fail(problem)`` are called on the browser's document. After a problem that may pass (the
    database is away) the question is put again by itself, ever more slowly, until an answer or another question comes.
    """

    def __init__(self, desk: Desk, tell: Callable[[T], None], fail: Callable[[Problem], None]) -> None:
        self._desk = desk
        self._tell, self._fail = tell, fail
        self._asked = 0
        self.waiting = False

    def ask(self, question: Callable[[Reader], T]) -> None:
        """Put ``question``; an earlier one that is still under way is forgotten."""
        self._asked += 1
        self.waiting = True
        task = asyncio.get_running_loop().create_task(self._work(question, self._asked, _FIRST_RETRY))
        # The loop itself keeps tasks only weakly.
        _UNDER_WAY.add(task)
        task.add_done_callback(_UNDER_WAY.discard)

    def forget(self) -> None:
        """Drop the answer that is under way."""
        self._asked += 1
        self.waiting = False

    async def _work(self, question: Callable[[Reader], T], asked: int, pause: float) -> None:
        desk = self._desk
        try:
            answer = await asyncio.get_running_loop().run_in_executor(desk.pool, lambda: question(desk.reader()))
        except Exception as error:  # whatever it is, this view shows it and the rest lives
            problem = problem_of(error)
            if isinstance(error, NotFound):
                desk.denied()
            if asked == self._asked:
                desk.later(lambda: self._show(asked, self._fail, problem))
                if problem.passing:
                    await asyncio.sleep(pause)
                    if asked == self._asked:
                        await self._work(question, asked, min(pause * 2, _LAST_RETRY))
            return
        if asked == self._asked:
            desk.later(lambda: self._show(asked, self._tell, answer))

    def _show(self, asked: int, tell: Callable[[T], None] | Callable[[Problem], None], what: T | Problem) -> None:
        if asked != self._asked:
            return
        self.waiting = False
        try:
            tell(what)  # type: ignore[arg-type]
        except Exception as error:
            self._fail(problem_of(error))
