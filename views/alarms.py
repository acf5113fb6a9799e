"""What one person is told of by alerts, as a browser asks for it; implemented by the server that watches."""

from collections.abc import Callable
from typing import Any, NoReturn, Protocol

from data.errors import NotFound
from data.reader import Reader
from data.techniques.ssx.about import About

Row = dict[str, Any]


class Alarms(Protocol):
    """One browser's part in the watch. Calls that may wait for a database belong into a Reading.

    Places of wishes: ``run``, ``visit`` and ``beamline``, each of the run that is looked at.
    """

    def listen(self, heard: Callable[[], None]) -> None:
        """Call ``heard``, from any thread, when there may be news of this person's alerts."""

    def begin(self) -> None:
        """Hear of news from now on, and at once where something was told before."""

    def told(self, reader: Reader) -> list[Row]:
        """What this person was told, newest first, as far as they may see it now.

        id, run, kind, time (s since 1970), text, frames ((first, last) or None), seen.
        """

    def saw(self, ids: list[int] | None) -> None:
        """This person has seen these, or all."""

    def wishes(self, what: About) -> dict[str, float]:
        """Which of the places that concern the run are watched for this person, until when (s since 1970)."""

    def wish(self, what: About, place: str, wanted: bool, target: str) -> None:
        """Watch such a place for a week, or no longer. Raises NotFound where nothing can be kept for this person."""

    def attend(self, run: int, page: str, target: str) -> None:
        """A page shows the run: it is watched for this person while the page says so, once half a minute."""

    def depart(self, run: int, page: str) -> None:
        """The page is gone. Does not wait and raises nothing."""

    def close(self) -> None:
        """The browser is gone."""


class NoAlarms:
    """Where nobody watches: there is no news, and nothing can be wished."""

    def _closed(self, *_: object) -> NoReturn:
        raise NotFound("This person")

    wish = attend = _closed

    def _nothing(self, *_: object) -> None:
        """Nothing to do."""

    listen = saw = depart = close = _nothing

    def begin(self) -> None:
        """Nothing will be told."""

    def told(self, reader: Reader) -> list[Row]:
        """Nobody was told anything."""
        return []

    def wishes(self, what: About) -> dict[str, float]:
        """Nothing is watched."""
        return {}


class Told(Protocol):
    """The rows of one browser, for whoever shows them; ``views.bell.Bell``."""

    def of(self, run: int | None) -> list[Row]:
        """The rows of one run."""

    def listen(self, heard: Callable[[], None]) -> None:
        """Call ``heard`` when they are others."""

    def see(self, ids: list[int] | None) -> None:
        """The person has seen these, or all."""


class NothingTold:
    """Where there is no page around a view."""

    def of(self, run: int | None) -> list[Row]:
        """Nothing."""
        return []

    def listen(self, heard: Callable[[], None]) -> None:
        """Nothing will change."""

    def see(self, ids: list[int] | None) -> None:
        """There is nothing to see."""
