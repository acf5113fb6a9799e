"""One serial run as it comes in: everything that the monitor shows, from new frames only.

Appending costs the same at the first frame and at the ten-millionth. Memory is bounded, whatever the length: at most
2,048 bins of time, 20,000 cells, 2^20 wells, 64 frames of interest of each kind, and a few bits for each image number
up to 2^27 by which a frame that a source repeats is told apart.
"""

import math
import threading
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from data.techniques.ssx.batch import Batch
from data.techniques.ssx.intervals import Blocks, Difference, Pairs, Rate, difference, rate
from data.techniques.ssx.marks import MOST_FRAMES, Marks
from data.techniques.ssx.merging import CENTRED, ORDERS, per_lattice, unique_reflections
from data.techniques.ssx.reservoir import MOST, Kept, Reservoir
from data.techniques.ssx.timeline import COLUMNS, Recent, Timeline, sums, volume

_WELLS: Final = 2**20
_INTEREST: Final = 64
WINDOW: Final = 10.0
"""Seconds that "now" means."""

QUEUES: Final = ("newest", "best", "unindexed", "random")
_NEWEST: Final = ("iced", "saturated", "indexed")


@dataclass(frozen=True, slots=True)
class Rates:
    """Hit, indexing and multi-lattice rate, of frames seen; None where a source does not tell, or no frame came."""

    frames: int
    hit: Rate | None
    indexed: Rate | None
    multiple: Rate | None


@dataclass(frozen=True, slots=True)
class Now:
    """The head of the monitor at one moment.

    ``recent``: the last ``WINDOW`` seconds; ``whole``: the run. ``dropped``: image numbers below the highest that never
    came. ``repeated``: frames that a source gave again and that are counted once. ``newest``: time of the newest frame,
    s since 1970; ``per_second``: lattices a second in the last minute, with its 95 % interval;
    ``counted``: how many told it.
    """

    recent: Rates
    whole: Rates
    dropped: int
    repeated: int
    newest: float | None
    lattices: int
    per_second: tuple[float, float, float] | None
    counted: int = 0


@dataclass(frozen=True, slots=True)
class Pump:
    """Rates with and without laser, and on minus off."""

    on: Rates
    off: Rates
    hit: Difference | None
    indexed: Difference | None


def _mean_volume(sums: NDArray[np.float64], least: int) -> float | None:
    count = sums[COLUMNS.index("cells")]
    return float(sums[COLUMNS.index("volume")] / count) if count >= least else None


def _difference(on: Rate | None, off: Rate | None, pairs: Pairs) -> Difference | None:
    if on is None or off is None:
        return None
    dispersion, z = pairs.estimate()
    return difference(
        rate(on.hits, on.frames, dispersion=dispersion, z=z) or on,
        rate(off.hits, off.frames, dispersion=dispersion, z=z) or off,
    )


class Run:
    """Counts one run. Safe in threads: one appends, others look."""

    def __init__(self, wells: int = 0) -> None:
        self._lock = threading.Lock()
        self.timeline = Timeline()
        self._recent = Recent()
        self._totals = np.zeros(len(COLUMNS))
        self._hits, self._indexed = Blocks(), Blocks()
        self._pumped = np.zeros((2, len(COLUMNS)))
        self._hit_pairs, self._indexed_pairs = Pairs(), Pairs()
        self._seen, self._judged, self._tried = Marks(), Marks(), Marks()
        self._told: dict[str, Marks] = {}
        self.repeated = 0
        self._first: int | None = None
        self._last: int | None = None
        self._newest: float | None = None
        self._cells = Reservoir()
        self._stated_cells = np.zeros((0, 6), np.float32)
        self._stated_offered = 0
        self._random = np.random.default_rng(0)
        self._wells = np.zeros((min(wells, _WELLS), 6)) if wells else np.zeros((0, 6))
        self._queues: dict[str, list[tuple[float, int]]] = {name: [] for name in QUEUES}
        self._latest: dict[str, int] = {}
        self.version = 0

    def append(self, batch: Batch, source: str = "") -> int:
        """Add frames that ``source`` tells of; how many of them told something new.

        Two sources may tell of one frame, the one whether it is a hit, the other its lattices: each is counted once.
        """
        with self._lock:
            fresh, said = self._new(self._once(batch, source))
            if not len(fresh):
                return 0
            self.version += 1
            self.timeline.append(fresh)
            self._recent.append(fresh)
            self._count(fresh)
            self._cells.append(fresh)
            self._map(fresh)
            self._queue(fresh, said)
            return len(fresh)

    # -- what is shown

    def now(self, at: float) -> Now:
        """The head at time ``at``, s since 1970."""
        with self._lock:
            return self._now(at)

    def _now(self, at: float) -> Now:
        recent = self._recent.window(at - WINDOW, at)
        minute = self._recent.window(at - 60, at)
        first = self._first if self._first is not None else 0
        spanned = self._last - first + 1 if self._last is not None else 0
        return Now(
            self._rates(recent),
            self._rates(self._totals),
            spanned - int(self._totals[0]),
            self.repeated,
            self._newest,
            int(self._totals[COLUMNS.index("lattices")]),
            self._per_second(minute, at),
            int(minute[COLUMNS.index("lattices")]),
        )

    def _per_second(self, minute: NDArray[np.float64], at: float) -> tuple[float, float, float] | None:
        began = self.timeline.first
        if began is None or not minute[COLUMNS.index("tried")]:
            return None
        seconds = min(60.0, max(1.0, at - began))
        dispersion, z = self._indexed.estimate()
        lattices = float(minute[COLUMNS.index("lattices")])
        indexed = float(minute[COLUMNS.index("indexed")])
        found = rate(int(indexed), int(minute[COLUMNS.index("tried")]), dispersion=dispersion, z=z)
        if found is None or found.value == 0:
            return 0.0, 0.0, 0.0
        # How many lattices an indexed frame brings is chance too.
        many = float(minute[COLUMNS.index("multiple")]) / indexed
        brings = z * z * many * (1 - many) / (1 + many) ** 2 / indexed
        below, above = (math.hypot(end / found.value - 1, math.sqrt(brings)) for end in (found.low, found.high))
        each = lattices / seconds
        return each, each * max(0.0, 1 - below), each * (1 + above)

    def _rates(self, sums: NDArray[np.float64]) -> Rates:
        value = dict(zip(COLUMNS, sums, strict=True))
        hits, hits_z = self._hits.estimate()
        indexed, indexed_z = self._indexed.estimate()
        return Rates(
            int(value["frames"]),
            rate(int(value["hits"]), int(value["judged"]), dispersion=hits, z=hits_z),
            rate(int(value["indexed"]), int(value["tried"]), dispersion=indexed, z=indexed_z),
            rate(int(value["multiple"]), int(value["tried"])),
        )

    @property
    def last(self) -> int | None:
        """The highest image number that came."""
        return self._last

    @property
    def mapped(self) -> bool:
        """Whether any frame says where on the chip it was taken."""
        return len(self._wells) > 0

    def totals(self) -> NDArray[np.float64]:
        """The sums over the run: (len(COLUMNS),)."""
        with self._lock:
            return self._totals.copy()

    def dispersions(self) -> tuple[float, float]:
        """φ of hits and of indexed frames."""
        with self._lock:
            return self._hits.dispersion, self._indexed.dispersion

    def recent_share(self, column: str, at: float, least: int = 100) -> float | None:
        """Share of the frames of the last ``WINDOW`` seconds that count in ``column``; None below ``least`` frames."""
        with self._lock:
            sums = self._recent.window(at - WINDOW, at)
        frames = sums[COLUMNS.index("judged")]
        return float(sums[COLUMNS.index(column)] / frames) if frames >= least else None

    def recent_volume(self, at: float, least: int = 50) -> float | None:
        """Mean cell volume of the last minute, Å³; None below ``least`` cells."""
        with self._lock:
            return _mean_volume(self._recent.window(at - 60, at), least)

    def mean_volume(self, least: int = 50) -> float | None:
        """Mean cell volume of the run, Å³; None below ``least`` cells."""
        with self._lock:
            return _mean_volume(self._totals, least)

    def lattices_by(self, at: float | None) -> int:
        """Lattices that there were at a time (s since 1970), to a bin of `Timeline`; None: all there are."""
        with self._lock:
            total = self._totals[COLUMNS.index("lattices")]
            if at is None:
                return int(total)
            return int(total - self.timeline.window(at, np.inf)[COLUMNS.index("lattices")])

    def multiplicity(self, resolution: float) -> float | None:
        """Observations of a reflection that one lattice adds to ``resolution`` (Å); None where it cannot be told.

        From the reflections that lattices gave on average, the mean cell volume and the commonest lattice type; the
        Laue group is taken as the highest that the lattice allows, so this is the quickest that it can be.
        """
        with self._lock:
            volume_ = _mean_volume(self._totals, 20)
            known = self._totals[COLUMNS.index("reflections_known")]
            kind = next((name for name, _ in self._cells.types.most_common()), "")
            if volume_ is None or known < 20 or kind[:1] not in ORDERS:
                return None
            each = float(self._totals[COLUMNS.index("reflections")] / known)
        centred = CENTRED.get(kind[1:2], 1)
        return per_lattice(each, unique_reflections(volume_ / centred, resolution, ORDERS[kind[:1]]))

    def pump(self) -> Pump | None:
        """Laser on against off; None where no frame says which it is."""
        with self._lock:
            if not self._pumped[:, 0].any():
                return None
            off, on = self._rates(self._pumped[0]), self._rates(self._pumped[1])
            return Pump(
                on,
                off,
                _difference(on.hit, off.hit, self._hit_pairs),
                _difference(on.indexed, off.indexed, self._indexed_pairs),
            )

    def cells(self) -> tuple[NDArray[np.float32], NDArray[np.int64], list[str]]:
        """Cells (m, 6), their frames (m) and lattice types (m); beyond 20,000 a random choice of all."""
        found = self.kept_cells()
        return found.cells, found.frame, found.kinds

    def kept_cells(self) -> Kept:
        """The cells of `cells`, with times. Where no source tells of lattices by frame: those that were stated of the
        whole run, whose frame is -1.
        """
        with self._lock:
            if self._cells.offered:
                return self._cells.kept()
            count = len(self._stated_cells)
            return Kept(self._stated_cells.copy(), np.full(count, -1, np.int64), np.full(count, np.nan), [""] * count)

    def newest_volumes(self, at: float) -> NDArray[np.float64]:
        """Volumes (k), Å³, of the newest cells of the last minute, 1,024 at most."""
        with self._lock:
            return self._cells.newest(at - 60, at)

    @property
    def cells_offered(self) -> int:
        """Lattices with a cell that came, kept or not."""
        return self._cells.offered or self._stated_offered

    @property
    def cells_stated(self) -> bool:
        """Whether the cells are those that somebody stated of the whole run."""
        return not self._cells.offered

    def state_cells(self, cells: NDArray[np.float32]) -> None:
        """Cells (m, 6) that somebody states of the whole run, in place of those stated before."""
        with self._lock:
            self._stated_offered = len(cells)
            few = len(cells) <= MOST
            self._stated_cells = cells if few else cells[self._random.choice(len(cells), MOST, replace=False)]
            self.version += 1

    def lattices(self) -> dict[str, int]:
        """How many lattices of each type and centring."""
        with self._lock:
            return dict(self._cells.types.most_common())

    def wells(self) -> NDArray[np.float64]:
        """(wells, 6): frames, hits, indexed, lattices, best resolution (Å, NaN: none), mean cell volume (Å³, NaN)."""
        with self._lock:
            found = self._wells.copy()
        with np.errstate(invalid="ignore", divide="ignore"):
            found[:, 5] = np.where(found[:, 3] > 0, found[:, 5] / found[:, 3], np.nan)
        found[:, 4] = np.where(found[:, 4] > 0, found[:, 4], np.nan)
        return found

    def queue(self, name: str) -> list[int]:
        """Image numbers of frames of interest, the first first: one of ``QUEUES``."""
        with self._lock:
            return [frame for _, frame in self._queues[name]]

    def latest(self, what: str) -> int | None:
        """The highest image number that is ``iced``, ``saturated`` or ``indexed``; None where none is."""
        with self._lock:
            return self._latest.get(what)

    # -- counting

    def _once(self, batch: Batch, source: str) -> Batch:
        """The batch without what the same source told before, and without nonsense numbers: both count as repeated."""
        fits = (batch.frame >= 0) & (batch.frame < MOST_FRAMES)
        once = np.zeros(len(batch), bool)
        once[np.unique(batch.frame, return_index=True)[1]] = True
        kept = batch.where(fits & once)
        kept = kept.where(self._told.setdefault(source, Marks()).add(kept.frame, np.ones(len(kept), bool)))
        self.repeated += len(batch) - len(kept)
        return kept

    def _new(self, batch: Batch) -> tuple[Batch, Batch]:
        """(what the batch tells that was not known: frames, hits, lattices; all that it says of the same frames)."""
        frame = self._seen.add(batch.frame, np.ones(len(batch), bool))
        judged = self._judged.add(batch.frame, batch.hit >= 0)
        tried = self._tried.add(batch.frame, batch.lattices >= 0)
        keep = frame | judged | tried
        told = batch.but(~judged, "hit", "spots", "resolution", "background", "ice", "saturated")
        told = told.but(~tried, "lattices", "reflections").but(frame, again=0).but(~frame, again=1)
        return told.where(keep), batch.where(keep)

    def _count(self, batch: Batch) -> None:
        self._totals += sums(batch)
        self._hits.append((batch.hit == 1)[batch.hit >= 0])
        self._indexed.append((batch.lattices > 0)[batch.lattices >= 0])
        for state in (0, 1):
            chosen = batch.pump == state
            if chosen.any():
                self._pumped[state] += sums(batch.where(chosen))
        for pairs, told, yes in (
            (self._hit_pairs, batch.hit >= 0, batch.hit == 1),
            (self._indexed_pairs, batch.lattices >= 0, batch.lattices > 0),
        ):
            known = told & (batch.pump >= 0)
            pairs.append(yes[known], batch.pump[known] == 1)
        low, high = int(batch.frame.min()), int(batch.frame.max())
        self._first = low if self._first is None else min(self._first, low)
        self._last = high if self._last is None else max(self._last, high)
        timed = batch.time[np.isfinite(batch.time)]
        if len(timed):
            newest = float(timed.max())
            self._newest = newest if self._newest is None else max(self._newest, newest)

    def _map(self, batch: Batch) -> None:
        known = (batch.address >= 0) & (batch.address < _WELLS)
        if not known.any():
            return
        batch = batch.where(known)
        highest = int(batch.address.max())
        if highest >= len(self._wells):
            grown = np.zeros((min(_WELLS, max(highest + 1, 2 * len(self._wells))), 6))
            grown[: len(self._wells)] = self._wells
            self._wells = grown
        at = batch.address
        np.add.at(self._wells[:, 0], at, batch.again != 1)
        np.add.at(self._wells[:, 1], at, batch.hit == 1)
        np.add.at(self._wells[:, 2], at, batch.lattices > 0)
        np.add.at(self._wells[:, 3], at, np.maximum(batch.lattices, 0))
        seen = np.isfinite(batch.resolution) & (batch.resolution > 0)
        held = self._wells[:, 4]
        held[held == 0] = np.inf
        np.minimum.at(held, at[seen], batch.resolution[seen])
        held[np.isinf(held)] = 0
        if len(batch.cells):
            np.add.at(self._wells[:, 5], at[batch.cell_frame], volume(batch.cells))

    def _queue(self, fresh: Batch, said: Batch) -> None:
        """Hits from what is new; whether they are indexed from whoever tells, with what it says of the same frames."""
        hits = fresh.frame[fresh.hit == 1]
        self._best("newest", hits.astype(float), hits)
        self._best("random", self._random.random(len(hits)), hits)
        best = (fresh.lattices > 0) & np.isfinite(said.resolution) & (said.resolution > 0)
        self._best("best", -said.resolution[best].astype(float), fresh.frame[best])
        blind = (fresh.lattices == 0) & (said.hit == 1)
        self._best("unindexed", said.spots[blind].astype(float), fresh.frame[blind])
        for name, which in zip(_NEWEST, (fresh.ice == 1, fresh.saturated > 0, fresh.lattices > 0), strict=True):
            if which.any():
                self._latest[name] = max(self._latest.get(name, 0), int(fresh.frame[which].max()))

    def _best(self, name: str, rank: NDArray[np.float64], frame: NDArray[np.int64]) -> None:
        if len(rank) > _INTEREST:
            top = np.argpartition(-rank, _INTEREST)[:_INTEREST]
            rank, frame = rank[top], frame[top]
        held = self._queues[name] + [(float(r), int(f)) for r, f in zip(rank, frame, strict=True)]
        held.sort(key=lambda item: -item[0])
        self._queues[name] = held[:_INTEREST]
