"""Cryo-EM of the simulated facility: single particle and tomography, movies with drift and CTF."""

from datetime import datetime, timedelta
from math import hypot

from data.demo.people import PlannedVisit, hostile_or
from data.demo.plan import Plan
from data.demo.results import Pipeline, Taken, write_program
from data.demo.shipments import PlannedSample
from data.schema import CTF, Collection, Group, MotionCorrection, Movie

_RELION = Pipeline("relion", "em-spa-preprocess", 90, 1.0, 0)
_TOMO = Pipeline("em-tomo-align", "em-tomo-preprocess", 45, 1.0, 0)
_TILTS = 41


def write_visit(
    plan: Plan, visit: PlannedVisit, samples: list[PlannedSample], until: datetime, anchor_movies: int = 400
) -> None:
    """One or two acquisitions; the visit that runs now has ``anchor_movies`` movies so far."""
    random = plan.random
    if visit.mark in {"next", "empty"}:
        return
    if visit.mark == "current":
        _acquire(plan, visit, samples, 1, visit.start, anchor_movies, tomo=False, running=True, until=until)
        return
    for number in range(1, random.randint(2, 4)):
        start = visit.start + timedelta(hours=3 * (number - 1), minutes=random.randint(5, 50))
        tomo = random.random() < 0.3
        movies = _TILTS if tomo else random.choice((24, 30, 40, 60, 90))
        _acquire(plan, visit, samples, number, start, movies, tomo=tomo, running=False, until=until)


def _acquire(
    plan: Plan, visit: PlannedVisit, samples: list[PlannedSample], number: int, start: datetime, movies: int, *,
    tomo: bool, running: bool, until: datetime,
) -> None:  # fmt: skip
    random, rows, line = plan.random, plan.rows, visit.beamline
    sample = random.choice(samples)
    step = (until - start) / (movies + 1) if running else timedelta(seconds=random.choice((40, 75, 110)))
    finished = start + step * movies
    group_id = rows.add(
        Group, visit_id=visit.visit_id, sample_id=sample.sample_id if random.random() < 0.8 else None,
        experiment="tomo" if tomo else "single particle", experiment_type_id=36 if tomo else 37, start=start,
        end=None if running else finished, comments=hostile_or(random, None, 0.04),
    )  # fmt: skip
    pixel = random.choice((0.53, 0.83, 1.06, 1.35))
    directory = f"{visit.directory}/raw/"
    collection_id = rows.add(
        Collection, group_id=group_id, detector_id=line.camera.detector_id,
        visit_hint=None if random.random() < 0.5 else visit.visit_id, number=number, start=start,
        end=None if running else finished, status=None if running else "DataCollection Successful",
        images=movies, exposure=random.choice((2.5, 4.0, 6.0)), directory=directory, prefix=None,
        suffix=line.suffix, template=f"GridSquare_*/Data/*_fractions.{line.suffix}",
        wavelength=0.0197 if random.random() < 0.5 else None, axis_start=-60.0 if tomo else None,
        axis_end=60.0 if tomo else None, axis_range=3.0 if tomo else None,
        voltage=300.0, magnification=float(round(88_000 / pixel, -3)), pixel_on_image=pixel,
        exposed_dose=round(random.uniform(35, 60), 1), image_size_x=line.camera.width,
        image_size_y=line.camera.height, c2_aperture=50.0, objective_aperture=random.choice((None, 100.0)),
        phase_plate=random.choice((0, 0, 1)), beam_size_x=None,
        comments=hostile_or(random, random.choice((None, "grid 2, thin ice", "stage drift until 14:00")), 0.05),
    )  # fmt: skip
    taken = Taken(collection_id, directory, "", movies, 0.0, 3.0, 0.0, (0.0, 0.0), finished, 1.0)
    outcome = "running" if running else ("failure" if random.random() < 0.08 else "success")
    pipeline = _TOMO if tomo else _RELION
    program_id = write_program(rows, random, pipeline, taken, outcome, start)
    base_focus = random.uniform(9_000, 16_000)
    for index in range(1, movies + 1):
        _movie(plan, visit, collection_id, program_id, index, start + step * index, base_focus, pixel, tomo=tomo)


def _movie(
    plan: Plan, visit: PlannedVisit, collection_id: int, program_id: int, index: int, when: datetime,
    focus: float, pixel: float, *, tomo: bool,
) -> None:  # fmt: skip
    random, rows = plan.random, plan.rows
    name = f"Position_{collection_id}_{index:03d}" if tomo else f"FoilHole_{collection_id}{index:05d}"
    path = f"{visit.directory}/raw/GridSquare_{collection_id}/Data/{name}_fractions.{visit.beamline.suffix}"
    movie_id = rows.add(Movie, collection_id=collection_id, number=index, created=when, path=path)
    frames = 40 if not tomo else 8
    seen = focus + 4_000 * ((index * 7) % 11) / 11
    plan.pictures[path] = {
        "kind": "movie", "seed": plan.seed + movie_id, "frames": frames, "pixel_size_A": pixel,
        "defocus_um": round(seen / 1e4, 4),
    }  # fmt: skip
    # The newest movies are not looked at yet, and a few never are.
    if random.random() < 0.02:
        return
    bad = random.random() < 0.05
    total = random.gammavariate(3.0, 6.0) * (8 if bad else 1)
    base = f"{visit.directory}/processed/{collection_id}/{name}"
    motion_id = rows.add(
        MotionCorrection, movie_id=movie_id, program_id=program_id, total_motion=round(total, 3),
        motion_per_frame=round(total / frames, 4), dose_per_frame=round(random.uniform(0.9, 1.3), 3),
        snapshot=f"{base}_mc.jpg", fft=f"{base}_fft.jpg",
        drift_plot=f"{base}_drift.json" if random.random() < 0.9 else None,
    )  # fmt: skip
    defocus = seen + random.gauss(0, 350)
    astigmatism = abs(random.gauss(0, 220)) + (900 if bad else 0)
    resolution = round(hypot(2.9 + random.gammavariate(1.5, 0.35), 4.5 if bad else 0), 2)
    angle = round(random.uniform(-90, 90), 2)
    focus_um = round(defocus / 1e4, 4)
    picture = {"seed": plan.seed + movie_id, "pixel_size_A": pixel, "defocus_um": focus_um}
    spectrum = {**picture, "kind": "power-spectrum", "astigmatism_um": round(astigmatism / 1e4, 4)}
    plan.pictures[f"{base}_mc.jpg"] = {**picture, "kind": "micrograph"}
    plan.pictures[f"{base}_fft.jpg"] = spectrum
    plan.pictures[f"{base}_drift.json"] = {
        "kind": "drift", "seed": plan.seed + movie_id, "frames": frames, "total": total,
    }  # fmt: skip
    if random.random() < 0.03:
        return
    failed = random.random() < 0.02
    plan.pictures[f"{base}_ctf.jpg"] = spectrum
    rows.add(
        CTF, motion_id=motion_id, resolution=None if failed else resolution,
        defocus=None if failed else round(defocus, 1), astigmatism=None if failed else round(astigmatism, 1),
        astigmatism_angle=None if failed else angle,
        correlation=None if failed else round(random.uniform(0.02, 0.25), 4), spectrum=f"{base}_ctf.jpg",
    )  # fmt: skip
