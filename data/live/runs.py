"""The serial runs that somebody watches: one reader and one count for each, shared by all who look.

Numbers of a run are the same for everybody who may see it. Whoever watches proves the right first, by the guarded
question of ``about``; the counting itself reads with a Scope of its own, as the poller does.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np

from data.errors import DataError, NotFound
from data.images.files import Files, State
from data.live.moments import dated, taken
from data.reader import Reader
from data.scope import Scope
from data.source import Source
from data.techniques.ssx.about import About, about
from data.techniques.ssx.attached import STATS, Attached, experiment_lists
from data.techniques.ssx.batch import Batch
from data.techniques.ssx.choice import Choice
from data.techniques.ssx.clusters import Clustering
from data.techniques.ssx.merges import Merges
from data.techniques.ssx.merging import Merge
from data.techniques.ssx.om import OmSocket
from data.techniques.ssx.pattern import Chip, addresses, chip_of, pumped, shots_per_position
from data.techniques.ssx.redis_stream import RedisStream
from data.techniques.ssx.run import Run
from data.techniques.ssx.sources import ImageRows, RunSource, SourceTrouble, Stills, Stream
from data.techniques.ssx.stream import StreamFile

log = logging.getLogger(__name__)

_ABOUT_SECONDS: Final = 5.0
_ATTACHED_SECONDS: Final = 30.0
_STILL_SECONDS: Final = 2.0
_ATTACHED: Final = "attachments"
_MERGES: Final = "merges"
_HISTORY_SECONDS: Final = 0.4
"""Of a long history, how much is read before the other runs have their turn."""


@dataclass(frozen=True, slots=True)
class Stated:
    """Shares of all images as fractions, who states them; lattice type, resolution in Å.

    While the run goes on ``hits`` and ``indexed_frames`` so far, where they are stated without saying of how many.
    """

    hit: float | None
    indexed: float | None
    by: str | None
    lattice: str | None = None
    resolution: float | None = None
    hits: int | None = None
    indexed_frames: int | None = None


@dataclass(frozen=True, slots=True)
class Sought:
    """Stored paths of what may say where reflections of a run should be; ``lists``: DIALS', oldest first."""

    stream: str | None
    lists: tuple[str, ...]
    first_image: int


class Watched:
    """One run that somebody watches. ``heard`` callbacks come from the counting thread after each change."""

    def __init__(
        self,
        reader: Reader,
        what: About,
        sources: Sequence[RunSource],
        late: Callable[[About], RunSource | None] | None = None,
        attached: Attached | None = None,
        merges: Merges | None = None,
    ) -> None:
        self.about = what
        self.run = Run()
        self.clustering = Clustering(self.run)
        self.chip: Chip | None = chip_of(what.chip)
        self.troubles: dict[str, str] = {}
        self.told: dict[str, int] = {}
        """Frames that each source told of."""
        self.heard_at: dict[str, float] = {}
        """When each source did last that tells of frames as they are taken, s since 1970."""
        self._odd_times: dict[str, int] = {}
        self.loading = True
        self.live_since: float | None = None
        """From when on news come as they are made, s since 1970; None while the past is read."""
        self.version = 0
        self._reader, self._sources, self._late = reader, tuple(sources), late
        self._attached, self._merges = attached, merges
        self._listeners: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._looked = self._told_at = self._merges_at = 0.0
        self._live = False
        self._seconds = 0.5

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of the sources."""
        return tuple(source.name for source in self._sources)

    @property
    def remarks(self) -> dict[str, str]:
        """What was odd so far about each source that was, in sentences."""
        found = {}
        for source in self._sources:
            odd = self._odd_times.get(source.name, 0)
            words = f"{odd:,} times are not of this run; arrival counts instead." if odd else ""
            if said := " ".join(filter(None, (source.remark, words))):
                found[source.name] = said
        return found

    @property
    def stated(self) -> Stated:
        """The shares that somebody states of the whole run, without telling of single frames."""
        what, stats = self.about, self._attached.stats if self._attached is not None else None
        if what.stated_by is None and stats is not None and what.end is None:
            # Of how many images so far is not said.
            return Stated(None, None, STATS, stats.lattice, stats.resolution, stats.hits, stats.indexed)
        if what.stated_by is None and stats is not None and what.images:
            hit, indexed = (_share(count, what.images) for count in (stats.hits, stats.indexed))
            return Stated(hit, indexed, STATS, stats.lattice, stats.resolution)
        return Stated(what.stated_hits, what.stated_indexed, what.stated_by)

    def merges(self, resolution: float | None) -> list[Merge]:
        """What the merges of the run reached at ``resolution`` (Å; None: overall), each with its lattices."""
        return [] if self._merges is None else self._merges.at(resolution, self.run.lattices_by)

    def listen(self, heard: Callable[[], None]) -> None:
        """Call ``heard`` after each change."""
        with self._lock:
            self._listeners.append(heard)

    def leave(self, heard: Callable[[], None]) -> int:
        """Call it no longer; how many still listen."""
        with self._lock:
            if heard in self._listeners:
                self._listeners.remove(heard)
            return len(self._listeners)

    def close(self) -> None:
        """Listen to no source any longer."""
        for source in self._sources:
            if isinstance(source, OmSocket | RedisStream):
                source.close()

    def turn(self, now: float | None = None) -> bool:
        """Read what is new from each source. Whether there is more at once."""
        now = time.time() if now is None else now
        changed = self._look(now)
        until, more = time.monotonic() + _HISTORY_SECONDS, False
        for source in self._sources:
            while True:
                fresh, again = self._read(source, now)
                changed |= fresh
                if not again or time.monotonic() > until:
                    break
            more |= again
        if self.loading and not more:
            self.loading, changed, self._live, self.live_since = False, True, True, now
        self.version += changed
        # A run that stands still is news too, while it has not ended.
        if changed or (self.about.end is None and now - self._told_at >= _STILL_SECONDS):
            self._told_at = now
            with self._lock:
                listeners = tuple(self._listeners)
            for heard in listeners:
                heard()
        return more

    def _look(self, now: float) -> bool:
        """Whether the run ended meanwhile."""
        ended = self.about.end is not None and bool(self._looked)
        # Results are attached after the run's end too.
        if now - self._looked < (_ATTACHED_SECONDS if ended else _ABOUT_SECONDS):
            return False
        self._looked = now
        attached = self._look_at_attached() | self._look_at_merges(now)
        if ended:
            return attached
        try:
            fresh = about(self._reader, self.about.collection_id)
        except DataError:
            return attached
        changed, self.about = attached or fresh != self.about, fresh
        if self._late is not None and (more := self._late(fresh)) is not None:
            self._sources = (*self._sources, more)
            self._late = None
        return changed

    def _look_at_attached(self) -> bool:
        """Whether the attachments say something else than before."""
        attached = self._attached
        if attached is None or not attached.look():
            return False
        self.run.state_cells(attached.cells)
        self.troubles.pop(_ATTACHED, None)
        if attached.trouble is not None:
            self.troubles[_ATTACHED] = attached.trouble
        return True

    def _look_at_merges(self, now: float) -> bool:
        merges = self._merges
        if merges is None or now - self._merges_at < _ATTACHED_SECONDS:
            return False
        self._merges_at = now
        if not merges.look():
            return False
        self.troubles.pop(_MERGES, None)
        if merges.trouble is not None:
            self.troubles[_MERGES] = merges.trouble
        return True

    def _read(self, source: RunSource, now: float) -> tuple[bool, bool]:
        try:
            batch = source.read()
        except SourceTrouble as trouble:
            before = self.troubles.get(source.name)
            self.troubles[source.name] = str(trouble)
            if before != str(trouble):
                log.warning("run %s: %s", self.about.collection_id, trouble, exc_info=trouble.__cause__)
            return before != str(trouble), False
        healed = self.troubles.pop(source.name, None) is not None
        if not len(batch):
            return healed, False
        self.told[source.name] = self.told.get(source.name, 0) + len(batch)
        if not isinstance(source, Stills):  # lists come many frames at a time
            self.heard_at[source.name] = now
        live = self._live and self.about.end is None
        odd, batch = dated(batch, self.about, now, live=live)
        if odd:
            self._odd_times[source.name] = self._odd_times.get(source.name, 0) + odd
        numbered = not isinstance(source, OmSocket)
        self.run.append(self._placed(batch, now) if numbered else batch, source.name)
        return True, source.more

    def _placed(self, batch: Batch, now: float) -> Batch:
        """The batch with times, laser and well, as far as ISPyB says them and the source does not."""
        what = self.about
        columns: dict[str, Any] = {}
        if not np.isfinite(batch.time).any():
            live = self._live and what.end is None
            columns["time"] = taken(batch, what, now, 2 * self._seconds if live else None)
        if (batch.pump < 0).all():
            columns["pump"] = pumped(batch.frame, what.first_image, what.chains)
        if self.chip is not None and (batch.address < 0).all():
            columns["address"] = addresses(batch.frame, what.first_image, self.chip, shots_per_position(what.chains))
        return batch.with_columns(**columns)


def _share(count: int | None, of: int) -> float | None:
    """None for more than there are."""
    return None if count is None or count > of else count / of


class RunWatch(Protocol):
    """What a view needs of the runs."""

    def watch(self, reader: Reader, collection_id: int, heard: Callable[[], None]) -> Watched:
        """The run of a collection that ``reader`` may see, from now on counted. Raises NotFound and what Readers do."""

    def leave(self, collection_id: int, heard: Callable[[], None]) -> None:
        """Watch it no longer."""


class NoRuns:
    """Where no runs are counted."""

    def watch(self, reader: Reader, collection_id: int, heard: Callable[[], None]) -> Watched:
        """Raises NotFound."""
        raise NotFound("This run")

    def leave(self, collection_id: int, heard: Callable[[], None]) -> None:
        """Nothing was watched."""


class Runs:
    """The watched runs of one process; one thread counts them all, while there are any."""

    def __init__(
        self,
        source: Source,
        files: Files,
        *,
        stream: str = "{directory}/{prefix}.stream",
        seconds: float = 0.5,
        choices: Mapping[str, Choice] | None = None,
    ) -> None:
        self._reader = Reader(source, Scope(everything=True, name="runs"))
        self._files, self._stream, self._seconds = files, stream, seconds
        self._choices = choices or {}
        self._lock = threading.Lock()
        self._watched: dict[int, Watched] = {}
        self._thread: threading.Thread | None = None
        self._closed = False

    def watch(self, reader: Reader, collection_id: int, heard: Callable[[], None]) -> Watched:
        """The run of a collection that ``reader`` may see, from now on counted. Raises NotFound and what Readers do."""
        what = about(reader, collection_id)
        with self._lock:
            found = self._watched.get(collection_id)
            if found is None:
                found = self._watched[collection_id] = self._watched_run(what)
            found.listen(heard)
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._count, name="ispyb-lens-runs", daemon=True)
                self._thread.start()
        return found

    def _watched_run(self, what: About) -> Watched:
        """The run with the sources that its beamline has."""
        chosen = self._choices.get(what.beamline or "", Choice())
        reader, files, key = self._reader, self._files, (what.visit_id, what.collection_id)
        sources: list[RunSource] = []
        if chosen.rows:
            sources.append(ImageRows(reader, *key, chosen.hit_spots))
        if chosen.dials:
            sources.append(Stills(reader, files, *key, what.first_image))
        if chosen.om and what.end is None:
            began = None if what.start is None else what.start.timestamp()
            sources.append(OmSocket(chosen.om, began, what.first_image))
        if chosen.redis:
            sources.append(RedisStream(chosen.redis.replace("{id}", str(what.collection_id))))
        late = self._stream_of if chosen.stream else None
        attached = Attached(reader, files, *key) if chosen.attached else None
        return Watched(reader, what, sources, late, attached, Merges(reader, files, *key))

    def leave(self, collection_id: int, heard: Callable[[], None]) -> None:
        """Watch it no longer; a run that nobody watches is forgotten."""
        with self._lock:
            found = self._watched.get(collection_id)
            if found is not None and found.leave(heard) == 0:
                del self._watched[collection_id]

    def held(self, reader: Reader, collection_id: int) -> Watched | None:
        """The run where somebody watches it, else None. Raises NotFound where ``reader`` may not see it."""
        about(reader, collection_id)
        with self._lock:
            return self._watched.get(collection_id)

    def sought(self, reader: Reader, collection_id: int) -> Sought:
        """Where predictions of a run may be, watched or not. Raises NotFound where ``reader`` may not see it."""
        what = about(reader, collection_id)
        chosen = self._choices.get(what.beamline or "", Choice())
        lists = experiment_lists(reader, what.visit_id, collection_id) if chosen.dials else []
        return Sought(self._stored_stream(what) if chosen.stream else None, tuple(lists), what.first_image)

    def close(self) -> None:
        """Stop for good."""
        self._closed = True

    def _stream_of(self, what: About) -> Stream | None:
        """The CrystFEL stream of the run, once it is on disk."""
        stored = self._stored_stream(what)
        if stored is None:
            return None
        found = self._files.find(stored)
        if found.state is not State.PRESENT or found.path is None:
            return None
        return Stream(StreamFile(found.path), found.path.name)

    def _stored_stream(self, what: About) -> str | None:
        if not self._stream or not what.directory or not what.prefix:
            return None
        return self._stream.format(directory=what.directory.rstrip("/"), prefix=what.prefix, id=what.collection_id)

    def _count(self) -> None:
        before: list[Watched] = []
        while True:
            began = time.monotonic()
            with self._lock:
                runs = list(self._watched.values())
                over = not runs or self._closed
                if over:
                    self._thread = None
            # What listens is closed by the thread that reads it.
            for run in before:
                if over or run not in runs:
                    run.close()
            if over:
                return
            before = runs
            more = False
            for run in runs:
                try:
                    more |= run.turn()
                except Exception:
                    log.exception("run %s cannot be counted", run.about.collection_id)
            if not more:
                time.sleep(max(0.05, self._seconds - (time.monotonic() - began)))
