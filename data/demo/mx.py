"""Rotation collections, raster scans and characterisations of the simulated MX beamlines."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from data.demo.beamlines import BX1, BX2, BX3, Beamline
from data.demo.events import write_events
from data.demo.grids import Grids
from data.demo.people import PlannedVisit, hostile_or
from data.demo.plan import Plan, Shown
from data.demo.quality import Fate, Series
from data.demo.results import MULTIPLEX, Taken, process, screen, write_program, write_result
from data.demo.shipments import PlannedSample
from data.demo.words import COMMENTS, HOSTILE, LONG_COMMENT
from data.schema import Collection, Group

# What one experiment on a sample is: ISPyB's experiment type and the collections in its group.
_KINDS = (
    ("Mesh", 2), ("Characterization", 1), ("OSC", 1), ("OSC", 1), ("SAD", 1), ("Helical", 1),
    ("SAD - Inverse Beam", 2), ("Collect - Multiwedge", 3), ("Screening", 1), ("Still", 1),
)  # fmt: skip
_WEIGHTS = (16, 16, 30, 10, 12, 4, 3, 3, 3, 1)
_STATUS = (
    ("DataCollection Successful", 90), ("Data collection successful", 3), ("DataCollection Unsuccessful", 2),
    ("DataCollection Stopped", 2), ("DataCollection Cancelled", 1), ("Data collection failed!", 1), (None, 1),
)  # fmt: skip
_FATES: tuple[tuple[Fate, int], ...] = (
    ("steady", 45), ("decay", 20), ("blank", 12), ("lost", 8), ("weak", 10), ("ice", 5),
)  # fmt: skip
_QUALITY = {"steady": 1.0, "decay": 0.75, "blank": 0.6, "lost": 0.55, "weak": 0.1, "ice": 0.7}


@dataclass(frozen=True, slots=True)
class Experiment:
    """What is done with one sample: experiment type and how many collections."""

    kind: str
    collections: int


def plan_experiments(random: Random, visit: PlannedVisit) -> list[Experiment]:
    """What a visit does, about 45 collections a day."""
    if visit.mark in {"next", "empty"}:
        return []
    hours = (visit.end - visit.start) / timedelta(hours=1)
    wanted = {"huge": 600, "current": 34}.get(visit.mark, round(hours**0.7 * random.uniform(1.75, 5.2)))
    experiments: list[Experiment] = []
    while sum(experiment.collections for experiment in experiments) < wanted:
        experiments.append(Experiment(*random.choices(_KINDS, _WEIGHTS)[0]))
    return experiments


def write_visit(
    plan: Plan, visit: PlannedVisit, samples: list[PlannedSample], experiments: list[Experiment], until: datetime
) -> None:
    """All groups and collections of a visit, spread over its time and ended before ``until``."""
    random = plan.random
    if not experiments:
        return
    end = min(visit.end, until)
    step = (end - visit.start) / (len(experiments) + 1)
    numbers: dict[str, int] = {}
    held: Iterator[PlannedSample] = iter(())
    first_group = len(plan.rows.of(Group)) + 1
    sample: PlannedSample | None = None
    for place, experiment in enumerate(experiments):
        when = visit.start + step * place + timedelta(seconds=random.randint(30, 90))
        if experiment.kind in {"Mesh", "Characterization", "Screening"} or random.random() < 0.4 or sample is None:
            sample = next(held, None)
            if sample is None:
                held = iter(random.sample(samples, len(samples)))
                sample = next(held)
        running = visit.mark == "current" and place == len(experiments) - 1
        _Shoot(plan, visit, sample, numbers).run(experiment, when, running=running)
    write_events(plan, visit, first_group, until)


class _Shoot:
    """One experiment on one sample."""

    def __init__(self, plan: Plan, visit: PlannedVisit, sample: PlannedSample, numbers: dict[str, int]) -> None:
        self.plan, self.visit, self.sample = plan, visit, sample
        self.random, self.rows, self.numbers = plan.random, plan.rows, numbers
        self.beamline: Beamline = visit.beamline

    def run(self, experiment: Experiment, when: datetime, *, running: bool) -> None:
        random, rows = self.random, self.rows
        # Now and then a sample is mounted by hand and ISPyB does not know it.
        known = random.random() > 0.04
        row = {
            "visit_id": self.visit.visit_id, "sample_id": self.sample.sample_id if known else None,
            "experiment": experiment.kind, "experiment_type_id": _TYPE_IDS.get(experiment.kind), "start": when,
            "comments": hostile_or(random, None, 0.01),
        }  # fmt: skip
        group_id = rows.add(Group, **row)
        fate: Fate = random.choices([fate for fate, _ in _FATES], [weight for _, weight in _FATES])[0]
        wavelength = self.beamline.wavelength
        if experiment.kind.startswith("SAD"):
            wavelength = random.choice((0.9793, 1.2823, 1.7712))
        elif random.random() < 0.1:
            wavelength = round(random.uniform(0.85, 1.3), 4)
        taken: list[Taken] = []
        self.grids = Grids(group_id)
        last = when
        for place in range(experiment.collections):
            start = last + timedelta(seconds=random.randint(15, 60))
            one = self._collection(group_id, experiment, place, start, wavelength, fate, running=running)
            last = one.finished
            taken.append(one)
        if not running:
            rows.of(Group)[-1]["end"] = last
        if experiment.kind == "Mesh":
            self.grids.centre(rows, running=running)
        if experiment.kind == "Collect - Multiwedge" and taken[0].quality > 0.5:
            program_id = write_program(rows, random, MULTIPLEX, taken[-1], "success", last)
            write_result(rows, random, MULTIPLEX, taken, self.sample, program_id)

    def _collection(
        self, group_id: int, experiment: Experiment, place: int, start: datetime, wavelength: float, fate: Fate,
        *, running: bool,
    ) -> Taken:  # fmt: skip
        random, rows, line, sample = self.random, self.rows, self.beamline, self.sample
        kind = experiment.kind
        mesh, few = kind == "Mesh", kind in {"Characterization", "Screening", "Still"}
        images, width, exposure = _sweep(random, line, kind)
        images = self.grids.images(images) if mesh else images
        status = "DataCollection Successful" if mesh else random.choices(
            [status for status, _ in _STATUS], [weight for _, weight in _STATUS]
        )[0]  # fmt: skip
        seconds = images * exposure
        wanted = 3.5 if mesh else max(sample.best * random.choice((0.95, 1.0, 1.1)), wavelength * 0.75)
        distance = round(max(line.distance(wanted, wavelength), 120.0), 3)
        resolution = round(line.resolution(distance, wavelength), 5)
        axis = round(place * 90.0 if mesh or few else random.choice((0.0, 0.0, 90.0, 180.0)), 1)
        if kind == "SAD - Inverse Beam":
            axis = 180.0 * place
        prefix = sample.name
        number = self.numbers[prefix] = self.numbers.get(prefix, 0) + 1
        directory = f"{self.visit.directory}/{_ascii(sample.form.acronym)}/{_ascii(sample.name)}/"
        prefix = _ascii(prefix) + ("_xrc" if mesh else "")
        stem = f"{directory}{prefix}_{number}"
        beam_x, beam_y = line.stored_beam()
        share = round(random.choice((1.0, 1.0, 0.5, 0.2, 0.1, 0.05, 0.0333)), 4)
        comments = random.choice(COMMENTS) if random.random() < 0.3 else None
        if mesh:
            across, down = _raster(images)
            comments = f"Xray centring - Diffraction grid scan of {across} by {down} images"
        ice = fate == "ice" or random.random() < 0.06
        if fate == "ice":
            comments = comments or "Strong ice"
        shots = f"{self.visit.directory}/jpegs/{_ascii(sample.form.acronym)}/{_ascii(sample.name)}/"
        angles = (axis, axis + 90) if not mesh else (axis,)
        snapshots = [f"{shots}{prefix}_{number}_1_{angle % 360:.1f}.jpg" for angle in angles]
        if random.random() < 0.08:
            snapshots = []
        finished = start + timedelta(seconds=seconds + 8)
        cut = status in {"DataCollection Stopped", "DataCollection Cancelled", "Data collection failed!"}
        done = round(images * random.uniform(0.1, 0.8)) if cut else images
        if running:
            status, done = "DataCollection Unsuccessful", round(images * 0.4)
        row = dict(
            group_id=group_id, detector_id=line.camera.detector_id,
            visit_hint=self.visit.visit_id if random.random() > 0.03 else None, number=number, start=start,
            end=None if running or (status is None and random.random() < 0.8) else finished, status=status,
            axis="Omega", axis_start=axis, axis_end=round(axis + width, 4), axis_range=width,
            overlap=-89.5 if few else 0.0, omega=axis, kappa=random.choice((None, 0.0, 30.0)),
            phi=random.choice((None, 0.0, 12.5)), chi=None, images=images, first_image=1, exposure=exposure,
            directory=directory, prefix=prefix, suffix=line.suffix, template=_template(line, prefix, number),
            wavelength=wavelength, resolution=resolution,
            corner_resolution=round(line.corner(distance, wavelength), 4) if random.random() < 0.5 else None,
            distance=distance, two_theta=0.0, beam_x=beam_x, beam_y=beam_y,
            transmission=round(share * line.transmission_unit, 4),
            flux=float(f"{line.flux * share * random.uniform(0.9, 1.05):.5g}") if random.random() < 0.9 else None,
            flux_end=None, dose=round(share * seconds * random.uniform(0.1, 0.4), 3) if random.random() < 0.3 else None,
            beam_size_x=line.beam_size[0], beam_size_y=line.beam_size[1],
            beam_shape=random.choice((None, "ellipse")), slit_x=0.1, slit_y=0.06,
            undulator_gap=round(random.uniform(5.2, 6.4), 4), temperature=random.choice((None, 100.0)),
            ring_mode="User", centring=random.choice((None, "Loop", "Diffraction", "Manual")),
            comments=hostile_or(random, comments),
            **{f"snapshot_{place}": path for place, path in enumerate(snapshots, 1)},
        )  # fmt: skip
        collection_id = rows.add(Collection, **row)
        if self.visit.proposal.name == "mx415" and self.visit.mark == "past" and collection_id % 9 == 0:
            rows.of(Collection)[-1]["comments"] = (*HOSTILE, LONG_COMMENT)[collection_id // 9 % 13]
        if mesh:
            self.grids.add(rows, collection_id, across, down)
        shown = Shown(
            collection_id, line.name, sample.form.acronym, sample.form.space_group, sample.cell, sample.seed,
            sample.best, "grid" if mesh else fate, ice, plan_seed(self.plan, collection_id), images, axis,
            width if width else 0.05, wavelength, distance, exposure, line.flux * share, start.isoformat(),
            degrees=width if not few else 90.0, shape=(across, down) if mesh else (1, 1),
            still=mesh or kind == "Still", peak=self.grids.peak(place) if mesh else None,
        )  # fmt: skip
        self._files(stem, shown, snapshots)
        series = Series(
            shown.seed, shown.fate, images, max(sample.best, resolution * 0.95),
            self._stride(images, mesh=mesh), shown.degrees, shape=shown.shape, peak=shown.peak,
            taken=done, ice=ice,
            dozor=line is not BX2,
        )  # fmt: skip
        # A spot finder that was down leaves nothing.
        if random.random() > 0.04:
            rows.quality.append((collection_id, series))
        quality = _QUALITY[fate] * (1.0 if sample.best < 2.5 else 0.8)
        taken = Taken(
            collection_id, directory, str(row["template"]), done, width, resolution, distance,
            (line.beam[0] * line.camera.pixel, line.beam[1] * line.camera.pixel), finished, quality,
        )  # fmt: skip
        if few and kind != "Still":
            screen(rows, random, collection_id, sample)
        if not (mesh or few or done * width < 15 or running):
            process(rows, random, taken, sample,
                    running=self.visit.mark == "current" and random.random() < 0.2)  # fmt: skip
        return taken

    def _stride(self, images: int, *, mesh: bool) -> int:
        """Which images the spot finder looks at: all of the visits that run now, else 160 to 320 of a run."""
        return 1 if mesh or self.visit.mark == "current" else max(1, images // 160)

    def _files(self, stem: str, shown: Shown, snapshots: list[str]) -> None:
        random, row = self.random, self.rows.of(Collection)[-1]
        fortune = random.random()
        if fortune < 0.03:
            return  # written once, gone now
        if fortune < 0.04:
            row["directory"] = row["directory"].replace("/simulated/", "/archive/tape7/")
            return
        if fortune < 0.045:
            row["directory"] = self.visit.directory + "/../../../../etc/"
            return
        if fortune < 0.055:
            self.plan.damaged[stem] = random.choice(("folder", "cut", "empty"))
        self.plan.frames[stem] = shown
        for path in snapshots:
            if random.random() > 0.04:
                self.plan.pictures[path] = {
                    "kind": "snapshot", "seed": self.sample.seed,
                    "angle_deg": float(path.rsplit("_", 1)[1][:-4]),
                }  # fmt: skip


def plan_seed(plan: Plan, collection_id: int) -> int:
    """The seed of a collection's noise."""
    return (plan.seed * 1_000_003 + collection_id * 7919) % 2**31


def _sweep(random: Random, line: Beamline, kind: str) -> tuple[int, float, float]:
    """Images, degrees and seconds of each."""
    if kind == "Mesh":
        across, down = random.choice(((12, 8), (16, 10), (12, 6), (24, 14), (30, 1)))
        return across * down, 0.0, 0.004
    if kind in {"Characterization", "Screening"}:
        return random.choice((2, 3, 3, 4)), 0.5, 0.1
    if kind == "Still":
        return 1, 0.0, 0.1
    if line is BX2:
        return random.choice((180, 360, 450, 720)), 0.5, 0.1
    if kind == "Collect - Multiwedge":
        return random.choice((300, 600)), 0.1, 0.02
    if line is BX3:
        return random.choice((900, 1800, 3600)), 0.2, 0.005
    return random.choice((1800, 3600, 3600, 7200)), 0.1, random.choice((0.002, 0.01, 0.02))


def _raster(images: int) -> tuple[int, int]:
    shapes = {96: (12, 8), 160: (16, 10), 72: (12, 6), 336: (24, 14), 30: (30, 1)}
    return shapes[images]


def _template(line: Beamline, prefix: str, number: int) -> str:
    if line is BX1:
        return f"{prefix}_{number}_master.h5"
    if line is BX3:
        # As XDS wants to read it.
        return f"{prefix}_{number}_??????.h5"
    return f"{prefix}_{number}_####.cbf"


def _ascii(name: str) -> str:
    return name.replace("Æ", "AE").replace("Ø", "O")


# Rows of ExperimentType; a beamline that knows them writes the number beside the word.
_TYPE_IDS = {"OSC": 12, "SAD": 8, "Mesh": 15, "SAD - Inverse Beam": 14, "Still": 40}
