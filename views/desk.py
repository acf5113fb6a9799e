"""What every view of one browser works with."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from data.images.files import Files
from data.live.feed import Started
from data.live.runs import NoRuns, RunWatch
from data.live.shared import Shared
from data.reader import Reader
from views.alarms import Alarms, NoAlarms, NothingTold, Told
from views.office import NoOffice, Office
from views.place import ListPlace, Place, to_query


class Pulse(Protocol):
    """The versions of what is watched, for one browser."""

    def watch(self, visit_id: int | None) -> None:
        """Watch this visit from now on, and no other."""

    def late(self) -> bool:
        """Whether news cannot come at present."""

    def version(self) -> int:
        """The version of the watched visit; a change means that something in it changed."""

    def changed(self, since: int) -> frozenset[int] | None:
        """The collections that changed after the version ``since``; None where any may have."""

    def steps(self, since: int) -> dict[int, frozenset[int]] | None:
        """The same by version, in order; None where any may have."""

    def begun(self) -> int:
        """A number that grows when a collection begins in the watched visit."""

    def started(self, since: int) -> list[Started]:
        """The collections that began after ``since``, in order: what is known of them without asking."""


@dataclass(frozen=True, slots=True)
class Words:
    """How the site calls things, and whether its data are simulated."""

    site: str = "ISPyB Lens"
    visit: str = "Session"
    support: str = ""
    demo: bool = False


Crumb = tuple[str, Place | None]


@dataclass(slots=True)
class Desk:
    """One browser's surroundings.

    ``reader`` gives a Reader with rights at most a minute old, in whatever thread it is called. ``go`` moves to a place
    (true: without a new entry in the history). ``later`` runs a function on the browser's own document under its lock.
    ``head`` names the page and its crumbs, ``relist`` tells how the list on the page is ordered, ``redraw`` that a view
    has other parts than before. ``denied`` notes that what is looked at was not found or not to be seen, ``absent``
    that the page says so. ``alarms`` is this person's part in the watch for alerts, ``told`` what came of it.
    ``prefix`` is the path under which the server's own routes are.
    """

    reader: Callable[[], Reader]
    pool: Executor
    go: Callable[[Place, bool], None]
    later: Callable[[Callable[[], None]], None]
    pulse: Pulse
    words: Words = field(default_factory=Words)
    prefix: str = ""
    now: Callable[[], datetime] = datetime.now
    last_here: datetime | None = None
    shared: Shared = field(default_factory=Shared)
    runs: RunWatch = field(default_factory=NoRuns)
    files: Files = field(default_factory=lambda: Files(()))
    choices: Mapping[str, str] = field(default_factory=dict)
    head: Callable[[str, Sequence[Crumb]], None] = lambda title, crumbs: None
    relist: Callable[[ListPlace], None] = lambda listing: None
    redraw: Callable[[], None] = lambda: None
    office: Office = field(default_factory=NoOffice)
    alarms: Alarms = field(default_factory=NoAlarms)
    told: Told = field(default_factory=NothingTold)
    denied: Callable[[], None] = lambda: None
    absent: Callable[[], None] = lambda: None

    def link(self, place: Place) -> str:
        """The address of a place within the page."""
        return to_query(place) or "?"

    def snapshot(self, collection: int, which: int = 1, size: str = "small") -> str:
        """The address of a crystal snapshot of a collection; ``size``: small or full."""
        return f"{self.prefix}/snapshot/{collection}/{which}?size={size}"

    def movie(self, movie: int, which: str, size: str = "small") -> str:
        """The address of a picture of a microscope's movie: movie, micrograph, fft or ctf; ``size``: small or full."""
        return f"{self.prefix}/movie/{movie}/{which}?size={size}"

    def frames(self, collection: int | None = None, movie: int | None = None) -> dict[str, str]:
        """The addresses that the viewer of a collection's images, or of a movie's frames, asks, by name."""
        of = f"m{movie}" if movie is not None else str(collection)
        routes = {name: f"{self.prefix}/{name}/{of}" for name in ("frame", "tile", "region", "stack")}
        return {**routes, "job": f"{self.prefix}/stack/job", "token": f"{self.prefix}/auth/form"}
