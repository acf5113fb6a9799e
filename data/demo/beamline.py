"""A beamline at work: one rotation run written into a database as time passes, then its processing.

Rows first, with the status that beamlines write before they know better; images and their numbers as they are taken;
end and status; pipelines that appear running and finish one by one, one of them failing.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import Engine, or_, select
from sqlalchemy.orm import Session

from data.demo import render
from data.demo.beamlines import BX1, BY_NAME, Beamline
from data.demo.drawing import recipe_of
from data.demo.forms import FORMS, CrystalForm
from data.demo.plan import Shown
from data.demo.quality import Series
from data.demo.results import AUTOPROC, DIALS, FAST_DP, XIA2_3DII, Pipeline, Taken, write_result
from data.demo.rows import Rows, primary_keys
from data.demo.shipments import PlannedSample
from data.demo.site import Site
from data.schema import (
    AutoProc,
    Collection,
    Container,
    Crystal,
    Detector,
    Dewar,
    Group,
    ImageQuality,
    Integration,
    Job,
    Program,
    ProgramMessage,
    Proposal,
    Protein,
    Sample,
    Scaling,
    ScalingHasIntegration,
    Shipment,
    Statistics,
    Visit,
)

# Seconds after the end at which each pipeline starts and finishes, and how it ends.
_PROCESSING: tuple[tuple[Pipeline, float, float, bool], ...] = (
    (FAST_DP, 0.5, 2.5, True),
    (DIALS, 1.0, 5.0, True),
    (XIA2_3DII, 1.0, 6.0, False),
    (AUTOPROC, 1.5, 8.0, True),
)


class NoVisit(Exception):
    """No visit to write into; its text may be shown to a person."""


@dataclass(frozen=True, slots=True)
class Target:
    """A visit by its id, its name such as ``mx415-3``, and its beamline."""

    visit_id: int
    name: str
    beamline: str
    proposal_id: int
    year: int


def find_visit(engine: Engine, name: str | None, now: datetime, technique: str = "mx") -> Target:
    """The visit of that name; without one, that of the technique which runs now, else the newest that has begun.

    Raises NoVisit.
    """
    Site(engine)
    query = (
        select(Visit.visit_id, Visit.number, Visit.beamline, Visit.proposal_id, Visit.start,
               Proposal.code, Proposal.number.label("proposal"))
        .join(Proposal, Proposal.proposal_id == Visit.proposal_id)
        .order_by(Visit.start.desc(), Visit.visit_id)
    )  # fmt: skip
    if name is not None:
        stem, _, number = name.rpartition("-")
        code = stem.rstrip("0123456789")
        if not number.isdigit() or not code or stem == code:
            raise NoVisit(f"{name} is no name of a visit; a visit is written like mx415-3.")
        query = query.where(Proposal.code == code, Proposal.number == stem[len(code) :], Visit.number == int(number))
    else:
        fitting = [line.name for line in BY_NAME.values() if line.technique == technique]
        # Commissioning, and what an empty visit is: any technique may be there at other sites.
        query = query.where(Visit.start <= now, or_(Visit.beamline.in_(fitting), Visit.beamline.not_in(list(BY_NAME))))
    with Session(engine) as session:
        rows = session.execute(query.limit(1)).all()
        running = session.execute(query.where(Visit.end >= now).limit(1)).all() if name is None else []
    if not rows:
        raise NoVisit(f"There is no visit {name}." if name else "There is no visit that has begun.")
    found = (running or rows)[0]
    return Target(
        found.visit_id, f"{found.code}{found.proposal}-{found.number}", found.beamline or "", found.proposal_id,
        (found.start or now).year,
    )  # fmt: skip


class MxRun:
    """One rotation run at a visit. ``step()`` writes what is due at ``clock()`` and returns what happened, in words.

    ``rate`` in images/s. ``directory``: where the visit's files go, None for no files; ``stored``: the same folder
    as the rows name it (default: the same). The same seed gives the same numbers.
    """

    def __init__(
        self,
        engine: Engine,
        visit_id: int,
        *,
        images: int = 60,
        rate: float = 10.0,
        seed: int = 0,
        clock: Callable[[], datetime] = datetime.now,
        directory: Path | None = None,
        stored: str | None = None,
    ) -> None:
        if images < 1 or not rate > 0:
            raise ValueError("images and rate must be positive")
        self.images, self.rate, self.seed = images, rate, seed
        self.collection_id = 0
        self.group_id = 0
        self.done = 0
        self._visit_id = visit_id
        self._clock = clock
        self._random = Random(seed)  # noqa: S311 - simulated data, not a secret
        self._site = Site(engine)
        self._directory = directory
        self._stored = stored or (str(directory) if directory else "/simulated/run")
        self._began: datetime | None = None
        self._ended: datetime | None = None
        self._programs: dict[str, int] = {}
        self._waiting = list(_PROCESSING)
        self._columns: list[list[Any]] = []
        self._by_program: dict[str, int] = {}

    @property
    def finished(self) -> bool:
        """Whether everything is written, processing too."""
        return self._ended is not None and not self._waiting

    def step(self) -> list[str]:
        """Write what is due now."""
        now = self._clock()
        if self._began is None:
            said = [self._begin(now)]
            # Drawing the first frame took a while: the shutter opens now.
            self._began = self._clock()
            return said
        if self._ended is None:
            said = self._take(self._began, now)
            if self.done == self.images:
                said.append(self._end(now))
            return said
        return self._process(self._ended, now)

    def run(self, say: Callable[[str], None], sleep: Callable[[float], None] = time.sleep) -> None:
        """Step until finished."""
        while not self.finished:
            for words in self.step():
                say(words)
            sleep(min(0.5, max(0.05, 1 / self.rate)))

    def _begin(self, now: datetime) -> str:
        site, random = self._site, self._random
        self._began = now.replace(microsecond=0)
        with Session(site.engine) as session:
            visit = session.execute(
                select(Visit.beamline, Visit.proposal_id).where(Visit.visit_id == self._visit_id)
            ).one()
        self._line: Beamline = BY_NAME.get(visit.beamline or "", BX1)
        if self._line.technique != "mx":
            self._line = BX1
        sample_id, self._sample = self._mounted(visit.proposal_id)
        line, sample = self._line, self._sample
        prefix = f"{sample.form.acronym.replace('Æ', 'AE').replace('Ø', 'O')}_live"
        wanted = max(sample.best, line.wavelength * 0.75)
        self._distance = round(max(line.distance(wanted, line.wavelength), 120.0), 3)
        self._resolution = round(line.resolution(self._distance, line.wavelength), 5)
        number = int(self._began.timestamp()) % 100_000
        folder = f"live/{self._began:%Y%m%d-%H%M%S}-{random.getrandbits(24):06x}"
        self._folder = f"{self._stored}/{folder}/"
        self._name = f"{prefix}_{number}"
        pilatus = line.suffix == "cbf"
        self._template = f"{self._name}_####.cbf" if pilatus else f"{self._name}_master.h5"
        width = 0.5 if pilatus else 0.1
        beam_x, beam_y = line.stored_beam()
        snapshots = {f"snapshot_{place}": f"{self._folder}{self._name}_1_{angle:.1f}.jpg"
                     for place, angle in enumerate((0.0, 90.0), 1)} if self._directory else {}  # fmt: skip
        self.group_id = site.insert(
            Group, visit_id=self._visit_id, sample_id=sample_id, experiment="OSC", start=self._began,
            comments="Simulated run",
        )  # fmt: skip
        self.collection_id = site.insert(
            Collection, group_id=self.group_id, detector_id=self._detector(), visit_hint=self._visit_id,
            number=number, start=self._began, status="DataCollection Unsuccessful", axis="Omega", axis_start=0.0,
            axis_end=width, axis_range=width, overlap=0.0, omega=0.0, images=self.images, first_image=1,
            exposure=round(1 / self.rate, 5), directory=self._folder, prefix=prefix, suffix=line.suffix,
            template=self._template, wavelength=line.wavelength, resolution=self._resolution,
            distance=self._distance, beam_x=beam_x, beam_y=beam_y, transmission=0.2 * line.transmission_unit,
            flux=line.flux * 0.2, beam_size_x=line.beam_size[0], beam_size_y=line.beam_size[1],
            comments="Simulated run", **snapshots,
        )  # fmt: skip
        shown = Shown(
            self.collection_id, line.name, sample.form.acronym, sample.form.space_group, sample.cell, sample.seed,
            sample.best, "decay", False, self.seed, self.images, 0.0, width, line.wavelength, self._distance,
            1 / self.rate, line.flux * 0.2, self._began.isoformat(), degrees=width,
        )  # fmt: skip
        series = Series(self.seed, "decay", self.images, max(sample.best, self._resolution * 0.95), degrees=width)
        self._columns = [list(column) for column in series.columns()]
        self._width = width
        if site.demands(ImageQuality, _BY_PROGRAM):
            # Some sites keep which spot finder it was.
            self._by_program = {_BY_PROGRAM: site.insert(
                Program, collection_hint=self.collection_id, name="dozor", status="1", start=self._began,
                recorded=self._began,
            )}  # fmt: skip
        if self._directory is not None:
            self._files(shown, self._directory / folder)
        return f"collection {self.collection_id} has begun: {self.images} images of {sample.name}"

    def _files(self, shown: Shown, folder: Path) -> None:
        """The first frame and the snapshots; the other frames are planned, and made when asked for."""
        frames = recipe_of(shown, self._name)
        pictures = [
            replace(frames, kind="snapshot", file=f"{self._name}_1_{angle:.1f}.jpg", seed=shown.crystal,
                    angle_deg=angle)
            for angle in (0.0, 90.0)
        ]  # fmt: skip
        render.plan([frames, *pictures], folder)
        for recipe in pictures:
            render.ensure(recipe, folder)
        render.render(replace(frames, images_to_write=1), folder)

    def _take(self, began: datetime, now: datetime) -> list[str]:
        due = min(self.images, int((now - began).total_seconds() * self.rate))
        if due <= self.done:
            return []
        rows = [
            dict(zip(Series.NAMES, values, strict=True), collection_id=self.collection_id)
            for values in zip(*(column[self.done : due] for column in self._columns), strict=True)
        ]
        self._site.insert_all(ImageQuality, rows, self._by_program)
        self.done = due
        return [f"{due} of {self.images} images"]

    def _end(self, now: datetime) -> str:
        self._ended = now.replace(microsecond=0)
        self._site.update(
            Collection, self.collection_id, end=self._ended, status="DataCollection Successful",
            axis_end=round(self._width * self.images, 4),
        )  # fmt: skip
        self._site.update(Group, self.group_id, end=self._ended)
        return f"collection {self.collection_id} has ended"

    def _process(self, ended: datetime, now: datetime) -> list[str]:
        said = []
        since = (now - ended).total_seconds()
        for entry in list(self._waiting):
            pipeline, start, finish, good = entry
            if since >= start and pipeline.name not in self._programs:
                self._programs[pipeline.name] = self._started(pipeline, now)
                said.append(f"{pipeline.name.split(' (')[0]} is running")
            elif since >= finish and pipeline.name in self._programs:
                self._done(pipeline, good, now)
                self._waiting.remove(entry)
                said.append(f"{pipeline.name.split(' (')[0]} {'has finished' if good else 'has failed'}")
        return said

    def _started(self, pipeline: Pipeline, now: datetime) -> int:
        now = now.replace(microsecond=0)
        job_id = self._site.insert(
            Job, collection_id=self.collection_id, name=pipeline.name.split(" (")[0][:80],
            recipe=pipeline.recipe, automatic=1,
        )  # fmt: skip
        return self._site.insert(
            Program, job_id=job_id or None, collection_hint=self.collection_id, name=pipeline.name,
            command=f"{pipeline.recipe} {self._folder}{self._template}"[:255], status=None, start=now,
            recorded=now,
        )  # fmt: skip

    def _done(self, pipeline: Pipeline, good: bool, now: datetime) -> None:
        now = now.replace(microsecond=0)
        program_id = self._programs[pipeline.name]
        message = "processing successful" if good else "Sorry: no suitable lattice found (simulated)"
        if good:
            # The result first: who sees the program finished must find it.
            self._result(pipeline, program_id, now)
        else:
            self._site.insert(ProgramMessage, program_id=program_id, severity="ERROR", message=message,
                              description="Simulated failure", recorded=now)  # fmt: skip
        self._site.update(Program, program_id, status="1" if good else "0", message=message, end=now, recorded=now)

    def _result(self, pipeline: Pipeline, program_id: int, now: datetime) -> None:
        beam = self._line.beam
        pixel = self._line.camera.pixel
        taken = Taken(
            self.collection_id, self._folder, self._template, self.images, max(self._width, 120 / self.images),
            self._resolution, self._distance, (beam[0] * pixel, beam[1] * pixel), now, 0.9,
        )  # fmt: skip
        rows = Rows()
        write_result(rows, self._random, pipeline, [taken], self._sample, program_id)
        given: dict[tuple[str, int], int] = {}
        for mapped in (AutoProc, Scaling, Integration, ScalingHasIntegration, Statistics):
            (key,) = primary_keys(mapped)
            for row in rows.of(mapped):
                values = {
                    name: given.get((name, value), value) if name in _LINKS else value
                    for name, value in row.items()
                    if name != key
                }
                given[key, row[key]] = self._site.insert(mapped, **values)

    def _detector(self) -> int | None:
        """The detector's id at this site; NULL where it does not know it."""
        with Session(self._site.engine) as session:
            found = session.execute(
                select(Detector.detector_id).where(Detector.model == self._line.camera.model)
                .order_by(Detector.detector_id).limit(1)
            ).first()  # fmt: skip
        return None if found is None else int(found[0])

    def _mounted(self, proposal_id: int) -> tuple[int | None, PlannedSample]:
        """A sample of the proposal, and what is true of it."""
        with Session(self._site.engine) as session:
            found = session.execute(
                select(Sample.sample_id, Sample.name, Protein.acronym)
                .join(Crystal, Crystal.crystal_id == Sample.crystal_id)
                .join(Protein, Protein.protein_id == Crystal.protein_id)
                .join(Container, Container.container_id == Sample.container_id)
                .join(Dewar, Dewar.dewar_id == Container.dewar_id)
                .join(Shipment, Shipment.shipment_id == Dewar.shipment_id)
                .where(Shipment.proposal_id == proposal_id)
                .order_by(Sample.sample_id)
                .limit(200)
            ).all()
        forms: dict[str, CrystalForm] = {form.acronym: form for form in FORMS}
        row = self._random.choice(found) if found else None
        form = forms.get(row.acronym if row else "", FORMS[0])
        sample_id = int(row.sample_id) if row else None
        return sample_id, PlannedSample(
            sample_id or 0, str(row.name) if row else form.acronym, form, form.cell, form.best, self.seed
        )


_BY_PROGRAM = "autoProcProgramId"
_LINKS = {"auto_proc_id", "scaling_id", "integration_id"}
