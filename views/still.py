"""Whether what a view holds in memory may still be shown."""

import time
from collections.abc import Callable
from typing import Final

from data.reader import Reader
from views.desk import Desk
from views.problem import Problem
from views.reading import Reading

# As often as a page asks that watches a visit (`app.live`).
_SECONDS: Final = 15.0


class Still:
    """Asks again before held rows are used, where that was asked more than a quarter of a minute ago.

    ``gone(problem)`` is called when the right is gone; what was to be done then is not done.
    """

    def __init__(
        self, desk: Desk, gone: Callable[[Problem], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._gone, self._clock = gone, clock
        self._asked_at = float("-inf")
        self._acts: list[Callable[[], None]] = []
        self._reading: Reading[None] = Reading(desk, lambda _: self._go(), self._fail)

    def known(self) -> None:
        """The rows have just been read: so they may be shown."""
        self._acts, self._asked_at = [], self._clock()
        self._reading.forget()

    def then(self, question: Callable[[Reader], object], act: Callable[[], None]) -> None:
        """Do ``act`` if the rows may be shown. ``question`` raises NotFound where not."""
        if self._clock() - self._asked_at < _SECONDS:
            act()
            return
        self._acts.append(act)
        if not self._reading.waiting:
            self._reading.ask(lambda reader: (question(reader), None)[1])

    def forget(self) -> None:
        """Do nothing of what waits."""
        self._acts = []
        self._reading.forget()

    def _go(self) -> None:
        acts, self._acts, self._asked_at = self._acts, [], self._clock()
        for act in acts:
            act()

    def _fail(self, problem: Problem) -> None:
        if not problem.passing:  # one that passes is asked again by itself
            self._acts = []
        if problem.gone:
            self._gone(problem)
