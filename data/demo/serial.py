"""A serial run at a beamline: rows of per-image numbers and a CrystFEL stream that grow as frames are taken.

What happens is drawn first (`Story`), so that tests know the truth: hits that clump, a jet that fails and comes back,
ice, several lattices, cells around a mean, a laser that lowers the hit rate.
"""

import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine

from data.demo import render
from data.demo.merge import Merging
from data.demo.recipe import Recipe
from data.demo.site import Site
from data.demo.stills import Lattice, write_stills
from data.images.files import frame_file
from data.schema import (
    Collection,
    Event,
    EventChain,
    Group,
    ImageQuality,
    Integration,
    Program,
    ProgramAttachment,
    SSXCollection,
)
from data.techniques.ssx.attached import CELLS, STATS

_CELL: Final = (79.1, 79.1, 38.2, 90.0, 90.0, 90.0)
_HALL: Final = " P 4nw 2abw"  # P 43 21 2
_WAVELENGTH, _DISTANCE = 1.033, 100.0  # Å, mm
_EDGE: Final = 2.745  # Å where the edge of the detector is nearest to the beam
_XRAYS, _LASER = 1, 3
_AT_ONCE: Final = 5_000
_FEWEST_LATTICES: Final = 50  # that are worth a merge
_LISTED: Final = 60  # reflections of a lattice
_STATED_FRAMES: Final = 5_000  # between two writings of the attachments


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be simulated. ``rate`` frames/s; rates as fractions; ``clump`` frames that share their luck."""

    frames: int = 20_000
    rate: float = 200.0
    hit_rate: float = 0.25
    indexed: float = 0.7
    multiple: float = 0.08
    clump: int = 100
    failures: bool = True
    ice: bool = True
    isoform: float = 0.0
    """Share of the lattices that are of another form of the crystal: c longer by 2 %."""
    reflections: bool = False
    """Whether the stream lists the 60 strongest reflections of each lattice where its image has them."""
    laser: bool = False
    laser_effect: float = -0.05
    chip: bool = False
    merges: int = 0
    """How often the lattices so far are merged in the course of the run."""
    seed: int = 0


class Story:
    """The truth of a run, frame by frame: ``hit``, ``lattices``, ``spots``, ``resolution`` (Å), ``ice``, ``pump``."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        random = np.random.default_rng(plan.seed)
        count = plan.frames
        clumps = count // plan.clump + 1
        # A beta of mean 1 on the rate: parts of a jet or a chip hold more crystals than others.
        luck = np.repeat(random.beta(6, 6, clumps) * 2, plan.clump)[:count]
        self.pump: NDArray[np.int8] = (np.arange(count) % 2).astype(np.int8)
        rate = np.clip(plan.hit_rate * luck + (plan.laser_effect * self.pump if plan.laser else 0), 0, 1)
        if plan.failures and not plan.chip:
            begin, end = int(0.45 * count), int(0.52 * count)
            rate[begin:end] *= 0.05  # the jet has stopped
        self.hit: NDArray[np.bool_] = random.random(count) < rate
        self.lattices = np.where(self.hit & (random.random(count) < plan.indexed), 1, 0)
        self.lattices += (self.lattices > 0) & (random.random(count) < plan.multiple)
        self.spots = np.where(self.hit, 20 + random.poisson(60, count), random.poisson(3, count))
        self.resolution = np.where(self.hit, random.normal(2.3, 0.25, count).clip(1.75), np.nan)
        self.ice = np.zeros(count, np.int64)
        if plan.ice:
            begin, end = int(0.7 * count), int(0.75 * count)
            self.ice[begin:end] = random.random(end - begin) < 0.5
        total = int(self.lattices.sum())
        self.cells = np.array(_CELL) + random.normal(0, 1, (total, 6)) * (0.12, 0.12, 0.08, 0.12, 0.12, 0.12)
        self.form: NDArray[np.bool_] = random.random(total) < plan.isoform
        self.cells[self.form, 2] *= 1.02
        self.first_cell = np.concatenate([[0], np.cumsum(self.lattices)])


class SsxRun:
    """One serial run written into a database, and into a stream where a folder is given.

    ``step()`` writes what is due at ``clock()`` and returns what happened, in words.
    """

    def __init__(
        self,
        engine: Engine,
        visit_id: int,
        plan: Plan,
        *,
        clock: Callable[[], datetime] = datetime.now,
        directory: Path | None = None,
        stored: str | None = None,
        publish: Callable[[dict[str, Any]], None] | None = None,
        tell: Callable[[int, dict[str, str]], None] | None = None,
        dials: bool = False,
    ) -> None:
        self.plan, self.story = plan, Story(plan)
        self._publish, self._tell = publish, tell
        self._dials, self._listed = dials, 0
        self._program: int | None = None
        self.collection_id = 0
        self.done = 0
        self._visit_id, self._clock = visit_id, clock
        self._site = Site(engine)
        self._directory = directory
        self._stored = stored or (str(directory) if directory else "/simulated/serial")
        self._began: datetime | None = None
        self._ended = False
        self._stream: Path | None = None
        self._images: Recipe | None = None
        self._stated_at = 0
        self._place = ""
        self._merging: Merging | None = None
        self._merged = 0

    @property
    def finished(self) -> bool:
        """Whether everything is written."""
        return self._ended

    def step(self) -> list[str]:
        """Write what is due now."""
        now = self._clock()
        if self._began is None:
            self._began = now
            return [self._begin(now)]
        due = min(self.plan.frames, int((now - self._began).total_seconds() * self.plan.rate))
        while self.done < due:
            self._take(self.done, min(due, self.done + _AT_ONCE))
        self._merge(now)
        if self._publish is not None and self.done:
            self._publish(self._om(now))
        if self.done == self.plan.frames:
            return [self._end(now)]
        return [f"{self.done} of {self.plan.frames} frames"]

    def stop(self) -> None:
        """End the run where it is, unless it has ended."""
        if self._began is not None and not self._ended:
            self._site.update(
                Collection, self.collection_id, end=self._clock().replace(microsecond=0),
                status="DataCollection Cancelled",
            )  # fmt: skip
            self._ended = True

    def run(self, say: Callable[[str], None], sleep: Callable[[float], None] = time.sleep) -> None:
        """Step until finished; say what happens every five seconds."""
        told = 0.0
        while not self.finished:
            for words in self.step():
                if self.finished or time.monotonic() - told > 5:
                    say(words)
                    told = time.monotonic()
            sleep(0.2)

    def _begin(self, now: datetime) -> str:
        plan, site = self.plan, self._site
        number = int(now.timestamp()) % 100_000
        prefix = f"serial_{number}"
        folder = f"live/{now:%Y%m%d-%H%M%S}-{plan.seed:04x}"
        start = now.replace(microsecond=0)
        group = site.insert(
            Group, visit_id=self._visit_id, experiment="Serial Fixed" if plan.chip else "Serial Jet", start=start,
            comments="Simulated serial run",
        )  # fmt: skip
        self.collection_id = site.insert(
            Collection, group_id=group, visit_hint=self._visit_id, number=number, start=start,
            status="DataCollection Unsuccessful", images=plan.frames, first_image=1,
            exposure=round(0.9 / plan.rate, 7), directory=f"{self._stored}/{folder}/", prefix=prefix,
            template=self._file(prefix), wavelength=_WAVELENGTH, resolution=_EDGE, distance=_DISTANCE,
            transmission=100.0, flux=2e13, temperature=293.0, comments="Simulated serial run",
        )  # fmt: skip
        site.insert(
            SSXCollection, collection_id=self.collection_id, repetition_rate=plan.rate,
            chip_model="Oxford 8x8" if plan.chip else None, jet_size=None if plan.chip else 75.0,
            jet_speed=None if plan.chip else 0.03, laser_energy=1.5 if plan.laser else None,
            experiment="pump-probe (simulated)" if plan.laser else "simulated",
        )  # fmt: skip
        for name, pumped in (("dark", False), ("light", True)) if plan.laser else (("probe", False),):
            chain = site.insert(EventChain, collection_id=self.collection_id, name=name)
            event: dict[str, Any] = {"chain_id": chain, "period": None, "repetition": 1.0}
            if pumped:
                site.insert(Event, **event, type_id=_LASER, name="Laser probe", offset=-0.001, duration=0.0001)
            site.insert(Event, **event, type_id=_XRAYS, name="Xray probe", offset=0.0, duration=0.9 / plan.rate)
        if self._directory is not None:
            place = self._directory / folder
            place.mkdir(parents=True, exist_ok=True)
            self._stream = place / f"{prefix}.stream"
            self._stream.write_text("CrystFEL stream format 2.3\nGenerated by a simulation\n", encoding="ascii")
            self._attach(f"{self._stored}/{folder}", now)
            self._images = self._recipe(prefix, now)
            render.plan([self._images], place)
        return f"collection {self.collection_id} has begun: {plan.frames} frames at {plan.rate:g} Hz"

    def _file(self, prefix: str) -> str:
        """A file for each image: what is asked for can be drawn without its neighbours."""
        return f"{prefix}_{'#' * max(5, len(str(self.plan.frames)))}.cbf"

    def _recipe(self, prefix: str, now: datetime) -> Recipe:
        """The images that agree with the story: so many lattices as it says, one where a hit was not indexed."""
        plan, story = self.plan, self.story
        exposure = 0.9 / plan.rate
        return Recipe(
            kind="pilatus", file=self._file(prefix), seed=plan.seed, detector="pilatus-300k", wavelength_A=_WAVELENGTH,
            distance_mm=_DISTANCE, increment_deg=0.0, n_images=plan.frames, images_to_write=0, exposure_s=exposure,
            flux=5e9 / exposure, cell=_CELL, resolution_limit_A=2.0, still=True, when=f"{now:%Y-%m-%dT%H:%M:%S}.000",
            lattices="".join(map(str, np.maximum(story.lattices, story.hit).tolist())),
        )  # fmt: skip

    def _attach(self, directory: str, now: datetime) -> None:
        """A program with the two files that ESRF's processing leaves; an empty integration ties it to the run."""
        site = self._site
        program = site.insert(Program, name="CrystFEL", collection_hint=self.collection_id, start=now)
        site.insert(Integration, collection_id=self.collection_id, program_id=program)
        for name in (STATS, CELLS):
            site.insert(ProgramAttachment, program_id=program, kind="Result", name=name, directory=directory)
        if self._dials:
            self._program = site.insert(
                Program, name="dials.stills_process", collection_hint=self.collection_id, start=now
            )
            site.insert(Integration, collection_id=self.collection_id, program_id=self._program)
        self._place = directory

    def _list(self) -> None:
        """What DIALS has indexed since the list before, as a list of its own."""
        if self._stream is None or self._program is None or self.done == self._listed:
            return
        story, prefix = self.story, self._stream.stem
        file = self._stream.with_name(f"indexed_{self._listed // _STATED_FRAMES:04d}.expt")
        found = [
            Lattice(
                frame_file("", self._file(prefix), frame + 1), tuple(map(float, story.cells[place])),
                float(story.resolution[frame]),
            )
            for frame in range(self._listed, self.done)
            for place in range(story.first_cell[frame], story.first_cell[frame + 1])
        ]  # fmt: skip
        write_stills(file, found, _HALL)
        self._site.insert(
            ProgramAttachment, program_id=self._program, kind="Result", name=file.name, directory=self._place
        )
        self._listed = self.done

    def _state(self) -> None:
        """Write the counts and the cells so far, each file whole in one step."""
        if self._stream is None:
            return
        story, done = self.story, self.done
        stats = {
            "nbHits": int(story.hit[:done].sum()), "nbIndexed": int((story.lattices[:done] > 0).sum()),
            "laticeType": "tP", "estimatedResolution": round(float(np.nanmean(story.resolution[: max(1, done)])), 2)
            if story.hit[:done].any() else None,
        }  # fmt: skip
        cells = story.cells[: story.first_cell[done]].round(4).tolist()
        for name, content in ((STATS, stats), (CELLS, {"unit_cells": cells})):
            place = self._stream.with_name(name)
            part = place.with_suffix(".part")
            part.write_text(json.dumps(content), encoding="ascii")
            part.replace(place)

    def _merge(self, now: datetime) -> None:
        """A merge of all lattices so far, once another share of the frames is taken."""
        plan, story, done = self.plan, self.story, self.done
        share = done * plan.merges // plan.frames
        lattices = int(story.first_cell[done])
        if share == self._merged or lattices < _FEWEST_LATTICES:
            return
        self._merged = share
        if self._merging is None:
            self._merging = Merging(self._site, self.collection_id, _CELL, plan.seed)
        seen = int(((300 + 4 * story.spots[:done]) * story.lattices[:done]).sum())
        place = None if self._stream is None else self._stream.parent
        self._merging.write(now, lattices, seen, place, self._place)

    def _take(self, first: int, end: int) -> None:
        story, part = self.story, slice(first, end)
        limits = [None if np.isnan(value) else round(float(value), 2) for value in story.resolution[part]]
        columns = zip(story.spots[part].tolist(), story.ice[part].tolist(), limits, strict=True)
        rows: list[dict[str, Any]] = [
            {
                "collection_id": self.collection_id,
                "image": image,
                "spots": spots,
                "bragg": int(spots * 0.9),
                "ice_rings": ice,
                "resolution": limit,
                "resolution_1": limit,
                "signal": spots * 110.0,
            }
            for image, (spots, ice, limit) in enumerate(columns, first + 1)
        ]
        self._site.insert_all(ImageQuality, rows)
        if self._stream is not None:
            with self._stream.open("a", encoding="ascii") as file:
                file.writelines(self._chunk(frame) for frame in range(first, end))
        if self._tell is not None:
            self._tell(self.collection_id, self._entry(first, end))
        self.done = end
        if end - self._stated_at >= _STATED_FRAMES or end == self.plan.frames:
            self._stated_at = end
            self._state()
            self._list()

    def _entry(self, first: int, end: int) -> dict[str, str]:
        """The frames as one entry of a Redis stream."""
        story, part = self.story, slice(first, end)
        began = self._began or self._clock()
        numbers = np.arange(first, end)
        columns = {
            "image": numbers + 1, "time": np.round(began.timestamp() + (numbers + 1) / self.plan.rate, 4),
            "hit": story.hit[part].astype(int), "ice": story.ice[part], "lattices": story.lattices[part],
            "spots": story.spots[part], "resolution": story.resolution[part].round(2),
        }  # fmt: skip
        cells = [
            " ".join(map(str, (frame + 1, *story.cells[place].round(4).tolist())))
            for frame in range(first, end)
            for place in range(story.first_cell[frame], story.first_cell[frame + 1])
        ]
        listed = {name: ",".join("" if v != v else str(v) for v in values.tolist()) for name, values in columns.items()}
        return listed | ({"cells": ";".join(cells)} if cells else {})

    def _om(self, now: datetime) -> dict[str, Any]:
        """What OM would broadcast now."""
        hits, began = int(self.story.hit[: self.done].sum()), self._began or now
        share = 100.0 * hits / self.done
        return {
            "geometry_is_optimized": True, "timestamp": now.timestamp(), "start_timestamp": began.timestamp(),
            "num_events": self.done, "num_hits": hits, "pump_probe_experiment": False,
            "hit_rate_timestamp_history": deque([now.timestamp()], maxlen=5000),
            "hit_rate_history": deque([share], maxlen=5000), "beam_energy": np.float64(12_000.0),
            "detector_distance": 180.0, "virtual_powder_plot": np.zeros((64, 64), np.int32),
        }  # fmt: skip

    def _chunk(self, frame: int) -> str:
        story = self.story
        hit, spots = int(story.hit[frame]), int(story.spots[frame])
        lines = [
            "----- Begin chunk -----", "Image filename: simulated_master.h5", f"Event: //{frame}",
            f"Image serial number: {frame + 1}", f"hit = {hit}",
            f"indexed_by = {'xgandalf-nolatt-cell' if story.lattices[frame] else 'none'}", f"num_peaks = {spots}",
        ]  # fmt: skip
        first = story.first_cell[frame]
        tables = self._reflections(frame) if story.lattices[frame] else []
        for place in range(first, story.first_cell[frame + 1]):
            a, b, c, *angles = story.cells[place]
            limit = float(story.resolution[frame])
            table = tables[place - first] if tables else []
            lines += [
                "--- Begin crystal",
                f"Cell parameters {a / 10:.5f} {b / 10:.5f} {c / 10:.5f} nm, "
                f"{angles[0]:.5f} {angles[1]:.5f} {angles[2]:.5f} deg",
                "lattice_type = tetragonal", "centering = P", "unique_axis = c",
                f"diffraction_resolution_limit = {10 / limit:.2f} nm^-1 or {limit:.2f} A",
                f"num_reflections = {300 + 4 * spots}", "num_saturated_reflections = 0", *table,
                "--- End crystal",
            ]  # fmt: skip
        return "\n".join([*lines, "----- End chunk -----", ""])

    def _reflections(self, frame: int) -> list[list[str]]:
        """The table of each lattice, as indexamajig writes it, of the strongest reflections that are on its image."""
        if not self.plan.reflections or self._images is None:
            return []
        tables = []
        for some in render.spots(self._images, frame + 1):
            detector = self._images.setting.detector
            on = (some.x > 0) & (some.y > 0) & (some.x < detector.width) & (some.y < detector.height)
            order = np.argsort(-some.counts * on, kind="stable")[: min(_LISTED, int(on.sum()))]
            columns = np.column_stack([some.hkl, some.counts, some.x, some.y])[np.sort(order)].tolist()
            rows = [
                f"{h:4.0f} {k:4.0f} {m:4.0f} {counts:10.2f} {counts**0.5 + 1:10.2f} {counts:10.2f} {0:10.2f} "
                f"{x:6.1f} {y:6.1f} p0"
                for h, k, m, counts, x, y in columns
            ]
            tables.append([
                "Reflections measured after indexing",
                "   h    k    l          I   sigma(I)       peak background  fs/px  ss/px panel", *rows,
                "End of reflections",
            ])  # fmt: skip
        return tables

    def _end(self, now: datetime) -> str:
        self._ended = True
        self._site.update(
            Collection, self.collection_id, end=now.replace(microsecond=0), status="DataCollection Successful"
        )
        return f"collection {self.collection_id} has ended"
