"""Whom the application knows, as far as the gate asks."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol

from auth.identity import Identity

_SECONDS: Final = 5.0

log = logging.getLogger(__name__)


class People(Protocol):
    """Tells whom the application knows."""

    def person(self, identity: Identity) -> str | None:
        """A text that names whoever the identity stands for, for good; None for nobody.

        Called in a thread. May raise anything where it cannot be told now.
        """
        ...

    def forget(self, identity: Identity) -> None:
        """Look the identity up anew the next time: what it stands for has changed."""
        ...


class Known:
    """Asks the application, for so long; without one everybody is somebody."""

    def __init__(self, people: People | None) -> None:
        self._people = people
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="people")

    async def person(self, identity: Identity) -> str | None:
        """Who the identity stands for, as the application names them; None for nobody, empty where it cannot be told.

        Where it cannot be told the pages themselves say so.
        """
        if self._people is None:
            return ""
        try:
            call = asyncio.get_running_loop().run_in_executor(self._threads, self._people.person, identity)
            async with asyncio.timeout(_SECONDS):
                return await call
        except Exception as error:  # whatever the application raises
            log.warning("whether somebody is known cannot be told now: %s", type(error).__name__)
            return ""

    def forget(self, identity: Identity) -> None:
        """Look anew, the next time, whom the identity stands for."""
        if self._people is not None:
            self._people.forget(identity)
