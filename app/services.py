"""What one process shares: the source, the files, the feed, the threads, the app's own database."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from app.access import Access
from app.denials import Denials
from app.live import Pulses
from app.night import Night
from app.providers import trusted
from app.settings import Settings
from auth.store import Store
from data.core.comments import Pen
from data.images.files import Files
from data.live.feed import Feed
from data.live.poller import Poller
from data.live.runs import Runs
from data.live.shared import Shared
from data.scope import Rights
from data.source import Source
from data.techniques.ssx.choice import choice_of


@dataclass(slots=True)
class Services:
    """Made once per process by ``services``; ``close`` ends its threads."""

    settings: Settings
    source: Source
    files: Files
    store: Store
    feed: Feed
    poller: Poller
    access: Access
    pulses: Pulses
    runs: Runs
    pen: Pen | None = None
    shared: Shared = field(default_factory=Shared)
    # Questions and files apart: a slow file server must not hold up the lists.
    questions: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(6, "question"))
    pictures: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(4, "picture"))
    # Large tables apart from both: two of them at once, piece by piece in turn, whoever asks for how many.
    exports: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(2, "export"))
    denials: Denials = field(init=False)
    night: Night = field(init=False)

    def __post_init__(self) -> None:
        self.denials = Denials(self.store, self.questions.submit)
        self.night = Night(self.store, self.access, self.runs, self.shared)

    def close(self) -> None:
        """End the threads and give back the connections."""
        self.poller.close()
        self.night.close()
        self.runs.close()
        for pool in (self.questions, self.pictures, self.exports):
            pool.shutdown(wait=False, cancel_futures=True)
        self.source.close()
        if self.pen is not None:
            self.pen.close()


def services(settings: Settings, files: Files | None = None) -> Services:
    """The services that ``settings`` describe. Connects to nothing yet but the app's own database."""
    database = settings.database
    url = database.replica_url or settings.ispyb_url()
    source = Source(
        url.render_as_string(hide_password=False),
        statement_seconds=database.statement_seconds,
        pool=database.pool,
        choices={
            "mx.best": settings.results.best,
            **{f"hit.{beamline}": str(choice_of(words).hit_spots) for beamline, words in settings.live.serial.items()},
            **{f"mca.{beamline}": ",".join(numbers) for beamline, numbers in settings.results.mca.items()},
        },
    )
    if files is None:
        files = Files(tuple(Path(root) for root in settings.files.roots), settings.files.map)
    rights = Rights(
        frozenset(settings.access.everything),
        {name: tuple(beamlines) for name, beamlines in settings.access.beamline_groups.items()},
        frozenset(settings.access.administer),
        frozenset(settings.access.activity),
        settings.access.read_groups,
    )
    feed = Feed()
    store = Store(
        settings.store_url().render_as_string(hide_password=False),
        idle=settings.login.idle_minutes * 60,
        absolute=settings.login.hours * 3600,
    )
    return Services(
        settings,
        source,
        files,
        store,
        feed,
        Poller(source, feed, seconds=settings.live.poll_seconds),
        Access(source, rights, trusted(settings), linked=store.links.person),
        Pulses(feed),
        Runs(source, files, choices={name: choice_of(words) for name, words in settings.live.serial.items()}),
        _pen(settings),
        questions=ThreadPoolExecutor(settings.server.threads, "question"),
    )


def _pen(settings: Settings) -> Pen | None:
    chosen = settings.comments
    if not chosen.write or chosen.url is None:
        return None
    return Pen(chosen.url.render_as_string(hide_password=False), accounts=chosen.proposal_accounts)
