"""A serial run as it is watched: what a tick costs, what it sends, how late a number is, what is lost.

    python benchmarks/live.py [--quick]

Frames are drawn as in `data.demo.serial`. Sources: rows of a SQLite file, a CrystFEL stream, and batches in memory.

Last line, JSON:
tick_1e7_vs_1e5    server time of a tick of 2,000 frames after 10^7 frames, to that after 10^5 (--quick: after 5·10^5)
bytes_per_tick     largest message of a tick, without the slow part that comes every 4 s
slow_bytes         size of that slow part
latency_p95_s      from a frame being written to its number being told to the browser's page, 95 %, 1,000 frames/s
ingest_cores_at_2khz  processor time for counting 2,000 frames/s of rows and stream, in cores
lost               frames that were written and not counted
viewers50_vs_1     statements of 50 viewers of one run while they look, to those of one
history_1e6_s      processor time to count the history of a finished run of 10^6 frames (--quick: from what 6·10^4
                   frames take longer than 10^4; what any run takes counts once)
history_1e6_wall_s  the same by the clock, which other work on the machine lengthens
memory_growth_mb   growth of the counting from 10^5 frames to the end
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event, Thread

import numpy as np
import paths  # noqa: F401
from report import json_line, surroundings
from sqlalchemy import Engine, event

from data.demo.serial import Plan, SsxRun
from data.demo.site import Site, writable
from data.images.files import Files
from data.live.runs import Runs
from data.reader import Reader
from data.schema import EventType, Proposal, Table, Visit
from data.scope import Scope
from data.source import Source
from data.techniques.ssx.batch import Batch
from data.techniques.ssx.merging import Target
from data.techniques.ssx.run import Run
from views.parts.part import to_json
from views.techniques import ssx_numbers as numbers

_START = 1_700_000_000.0
_TICK = 2_000
_READER = Scope(everything=True, name="benchmark")


def batch(random: np.random.Generator, first: int, count: int) -> Batch:
    """Frames of a chip at 1,000 frames/s, 30 % hits, 60 % of them indexed."""
    frame = np.arange(first, first + count)
    hit = random.random(count) < 0.3
    lattices = np.where(hit & (random.random(count) < 0.6), 1, 0)
    of = np.flatnonzero(lattices)
    cells = np.array([79.0, 79.0, 38.0, 90, 90, 90]) + random.normal(0, 0.1, (len(of), 6))
    return Batch.of(
        frame,
        _START + frame / 1000,
        hit=hit,
        lattices=lattices,
        spots=random.poisson(20, count),
        resolution=np.where(hit, 2.0, np.nan),
        pump=frame % 2,
        address=frame % 25_600,
        cells=cells,
        cell_frame=of,
        lattice=["tP"] * len(of),
    )


def megabytes() -> float:
    """Largest memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def ticks(totals: tuple[int, int]) -> tuple[float, float]:
    """(tick after the second number of frames to that after the first, growth in MB between them)."""
    random, run, done, taken, grown = np.random.default_rng(0), Run(), 0, [], []
    for total in totals:
        while done < total:
            run.append(batch(random, done, 100_000))
            done += 100_000
        grown.append(megabytes())
        times = []
        for _ in range(60):
            fresh = batch(random, done, _TICK)
            began = time.process_time()
            version = run.timeline.version
            run.append(fresh)
            run.now(_START + done / 1000)
            run.timeline.since(version)
            times.append(time.process_time() - began)
            done += _TICK
        taken.append(float(np.median(times)))
        print(f"after {total:,} frames: {1000 * taken[-1]:.2f} ms a tick of {_TICK:,} frames", flush=True)
    return taken[1] / taken[0], grown[1] - grown[0]


@contextmanager
def site(folder: Path) -> Iterator[Engine]:
    """An empty ISPyB in a file, with one visit."""
    engine = writable(f"sqlite:///{folder / 'ispyb.sqlite'}")
    # How quickly this disk keeps what is written is no matter here.
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
    Table.metadata.create_all(engine)
    made = Site(engine)
    made.insert(Proposal, code="mx", number="1")
    made.insert(Visit, proposal_id=1, number=1, beamline="SX1", start=datetime.now(), end=datetime.now())
    for number, name in enumerate(("XrayDetection", "XrayExposure", "LaserExcitation"), 1):
        made.insert(EventType, id=number, name=name)
    yield engine
    engine.dispose()


def live(folder: Path, rate: float, seconds: float, viewers: int) -> dict[str, float]:
    """A run taken at ``rate`` frames/s and watched by so many: latency, processor time, statements, what was lost."""
    with site(folder) as engine:
        source = Source(f"sqlite:///{folder / 'ispyb.sqlite'}")
        runs, reader = Runs(source, Files((folder,))), Reader(source, _READER)
        taking = SsxRun(engine, 1, Plan(frames=10_000_000, rate=rate, seed=1), directory=folder / "data")
        taking.step()
        written: list[tuple[float, int]] = []
        told: list[tuple[float, int]] = []
        sizes: list[int] = []
        ended, target = Event(), Target(1.8, 0.3, 0.95, 10)

        def write() -> None:
            while not ended.wait(0.05):
                taking.step()
                written.append((time.time(), taking.done))

        def hear() -> None:
            """What one browser's view does."""
            now = time.time()
            head = numbers.head(watched, now, target)
            state = seen.setdefault(hear, {"version": 0, "width": 0.0})
            line = numbers.line_since(watched.run, int(state["version"]), state["width"])
            if line is None:
                whole = numbers.line(watched.run)
                state["width"] = whole["width"]
            else:
                sizes.append(len(to_json({"head": head, "more": line})))
            state["version"] = watched.run.timeline.version
            told.append((now, head["whole"]["frames"]))

        seen: dict[object, dict[str, float]] = {}
        writer = Thread(target=write, daemon=True)
        writer.start()
        writing = time.pthread_getcpuclockid(writer.ident or 0)

        def busy() -> float:
            """Processor time of everything but the beamline, s."""
            return time.process_time() - time.clock_gettime(writing)

        time.sleep(1)
        others = [lambda k=k: k for k in range(viewers - 1)]
        watched = runs.watch(reader, taking.collection_id, hear)
        for other in others:
            runs.watch(reader, taking.collection_id, other)
        # Each viewer's own right is asked when it opens, and the past is read once: what goes on is what counts.
        while watched.loading:
            time.sleep(0.05)
        before = source.statements
        spent, began = busy(), time.time()
        time.sleep(seconds)
        used = (busy() - spent) / (time.time() - began)
        statements = source.statements - before
        ended.set()
        writer.join()
        counted, until = -1, time.monotonic() + 10
        while counted < taking.done and time.monotonic() < until:
            time.sleep(0.1)
            counted = watched.run.now(time.time()).whole.frames
        late = []
        for moment, frames in written:
            if moment < began + 1:
                continue
            first = next((when for when, count in told if count >= frames), None)
            if first is not None:
                late.append(first - moment)
        slow = len(to_json(numbers.slow(watched)))
        for other in (hear, *others):
            runs.leave(taking.collection_id, other)
        runs.close()
        source.close()
        return {
            "late": float(np.percentile(late, 95)),
            "cores": used,
            "statements": statements,
            "lost": taking.done - counted,
            "bytes": max(sizes, default=0),
            "slow": slow,
            "frames": taking.done,
        }


def history(folder: Path, frames: int) -> tuple[float, float]:
    """(processor time, time by the clock) until the rows of a finished run are counted, s."""
    with site(folder) as engine:
        now = [datetime.now()]
        taking = SsxRun(engine, 1, Plan(frames=frames, rate=1_000, seed=1), clock=lambda: now[0])
        taking.step()
        now[0] += timedelta(seconds=frames / 1000 + 1)
        taking.step()
        source = Source(f"sqlite:///{folder / 'ispyb.sqlite'}", statement_seconds=60)
        # A server has done so before: what is compiled once is not counted ten times.
        before = Runs(source, Files(()))
        before.close()
        before.watch(Reader(source, _READER), taking.collection_id, lambda: None).turn()
        began, busy = time.perf_counter(), time.process_time()
        runs = Runs(source, Files(()))
        watched = runs.watch(Reader(source, _READER), taking.collection_id, lambda: None)
        while watched.loading:
            time.sleep(0.01)
        taken = time.process_time() - busy, time.perf_counter() - began
        if watched.run.now(0).whole.frames != frames:
            raise SystemExit("the history was not counted whole")
        runs.close()
        source.close()
        return taken


def extrapolated(few: int, short: float, many: int, long: float, to: int = 1_000_000) -> float:
    """What ``to`` frames take, where ``few`` take ``short`` and ``many`` take ``long``: the fixed part counts once."""
    return long + (to - many) * max(0.0, long - short) / (many - few)


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="within a minute, at smaller sizes")
    quick = parser.parse_args().quick
    print(surroundings(), flush=True)
    ratio, grown = ticks((100_000, 500_000 if quick else 10_000_000))
    seconds = 5 if quick else 600
    with tempfile.TemporaryDirectory() as place:
        folders = [Path(place) / name for name in ("slow", "quick", "one", "fifty", "history", "longer")]
        for folder in folders:
            folder.mkdir()
        at_1k = live(folders[0], 1_000, 5 if quick else 60, 1)
        print(f"1,000 frames/s: {at_1k}", flush=True)
        at_2k = live(folders[1], 2_000, seconds, 1)
        print(f"2,000 frames/s: {at_2k}", flush=True)
        # Only statements are compared here: these two may run at the same time. Of a run ISPyB is asked each 5 s anew:
        # within 6 s just once, whenever one begins to count.
        with ThreadPoolExecutor() as pool:
            both = [pool.submit(live, folders[2 + k], 200, 6 if quick else 30, n) for k, n in enumerate((1, 50))]
            one, fifty = (future.result() for future in both)
        if quick:
            few, many = 10_000, 60_000
            short, long = (history(folders[4 + k], frames) for k, frames in enumerate((few, many)))
            past, wall = (extrapolated(few, less, many, more) for less, more in zip(short, long, strict=True))
        else:
            past, wall = history(folders[4], 1_000_000)
    print(
        json_line(
            {
                "tick_1e7_vs_1e5": ratio,
                "bytes_per_tick": int(max(at_1k["bytes"], at_2k["bytes"])),
                "slow_bytes": int(at_2k["slow"]),
                "latency_p95_s": at_1k["late"],
                "ingest_cores_at_2khz": at_2k["cores"],
                "lost": int(at_1k["lost"] + at_2k["lost"]),
                "viewers50_vs_1": fifty["statements"] / one["statements"],
                "history_1e6_s": past,
                "history_1e6_wall_s": wall,
                "memory_growth_mb": grown,
            }
        )
    )


if __name__ == "__main__":
    main()
