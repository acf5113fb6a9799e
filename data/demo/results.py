"""What pipelines make of a simulated collection: results that disagree as real ones do, failures, runs under way."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import exp
from random import Random

from data.demo.rows import Row, Rows
from data.demo.shipments import PlannedSample
from data.demo.strategies import propose
from data.schema import (
    AutoProc,
    Integration,
    Job,
    Program,
    ProgramAttachment,
    ProgramMessage,
    Scaling,
    ScalingHasIntegration,
    Screening,
    Statistics,
)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline and its habits: minutes taken, optimism about resolution (1: none), which of the space groups
    that are said it tends to (index), whether it writes CC½ as percent, whether it leaves out values."""

    name: str
    recipe: str
    minutes: float
    reach: float
    symmetry: int
    percent: bool = False
    sparse: bool = False
    chance: float = 1.0


FAST_DP = Pipeline("fast_dp", "fast_dp", 2, 1.04, 1, percent=True, sparse=True)
DIALS = Pipeline("xia2 dials", "autoprocessing-xia2-dials", 14, 0.96, 0)
XIA2_3DII = Pipeline("xia2 3dii", "autoprocessing-xia2-3dii", 17, 0.98, 2, chance=0.75)
AUTOPROC = Pipeline(
    "autoPROC 1.0.5 (see: http://www.globalphasing.com/autoproc/)", "autoprocessing-autoPROC", 26, 0.97, 0,
    chance=0.6,
)  # fmt: skip
STARANISO = Pipeline("autoPROC+STARANISO", "autoprocessing-autoPROC", 27, 0.9, 0, sparse=True, chance=0.35)
MULTIPLEX = Pipeline("xia2.multiplex", "autoprocessing-multi-xia2-dials", 30, 0.95, 0)
SERIAL = Pipeline("xia2.ssx", "autoprocessing-xia2-ssx-eiger", 12, 1.0, 0)
PIPELINES = (FAST_DP, DIALS, XIA2_3DII, AUTOPROC, STARANISO)

_FAILURES = (
    "Sorry: could not index: no suitable lattice found",
    "XDS: !!! ERROR !!! INSUFFICIENT PERCENTAGE (< 50%) OF INDEXED REFLECTIONS",
    "Job killed: memory limit of 32 GB reached <b>node17</b>",
    "Processing failed: no image files found",
    "ERROR: too few reflections for scaling",
)


@dataclass(frozen=True, slots=True)
class Taken:
    """What a pipeline needs to know of a collection. ``quality``: 1 good, 0 nothing to process."""

    collection_id: int
    directory: str
    template: str
    images: int
    degrees: float
    resolution: float
    distance: float
    beam: tuple[float, float]
    finished: datetime
    quality: float


def statistics(
    random: Random, pipeline: Pipeline, taken: Taken, sample: PlannedSample, space_group: str
) -> tuple[float, list[Row]]:
    """The limit in Å, and overall, inner and outer shell as rows of Statistics without their scaling."""
    limit = max(sample.best, taken.resolution * 0.98) * pipeline.reach * (1 + random.gauss(0, 0.012))
    limit = round(limit / max(taken.quality, 0.5) ** 0.5, 2)
    # Too low a symmetry, or none: more unique reflections, each measured fewer times.
    lower = 4.0 if space_group.endswith(("P 4", "P 1", "P 3")) and space_group != sample.form.space_group else 1.0
    turn = taken.images * taken.degrees
    complete = min(1.0, turn / (120.0 if sample.form.laue <= 4 else 75.0)) * random.uniform(0.985, 1.0)
    # A reflection crosses the Ewald sphere twice in a turn.
    multiplicity = max(1.05, turn * sample.form.laue / 180 / lower)
    noise = random.uniform(0.035, 0.075) / max(taken.quality, 0.2)
    rows = []
    for shell, low, high, weak in (
        ("overall", random.uniform(38, 72), limit, 0.27),
        ("innerShell", random.uniform(38, 72), limit * 2.72, 0.03),
        ("outerShell", limit * 1.025, limit, 1.0),
    ):
        unique = max(50, round(sample.form.unique(high, low) * lower * complete))
        merge = noise * (1 + 14 * weak**2) * random.uniform(0.85, 1.2)
        half = 1 - 0.55 * weak**2.2 * random.uniform(0.5, 1.5) - 0.001
        mult = max(1.0, multiplicity * (1 - 0.25 * weak**3))
        row: Row = {
            "shell": shell,
            "low": round(low, 2),
            "high": round(high, 2),
            "r_merge": round(merge, 3),
            "r_meas": round(merge * (mult / (mult - 1)) ** 0.5, 3) if mult > 1.1 else None,
            "r_pim": round(merge * (1 / max(mult - 1, 0.1)) ** 0.5, 3),
            "observations": round(unique * mult),
            "unique": unique,
            "i_over_sigma": round((1.2 + 34 * exp(-3.2 * weak)) * taken.quality * mult**0.25 / 1.5, 1),
            "completeness": round(100 * complete * (1 - 0.08 * weak**3), 1),
            "multiplicity": round(mult, 1),
            "anomalous_completeness": round(100 * complete * (0.98 - 0.1 * weak**3), 1),
            "anomalous_multiplicity": round(mult / 2, 1),
            "cc_half": round(half * 100, 1) if pipeline.percent else round(half, 3),
            "cc_anomalous": round(random.uniform(-0.1, 0.2) + 0.4 * (1 - weak), 3),
        }
        if pipeline.sparse:
            row |= {"r_pim": None, "cc_anomalous": None}
        rows.append(row)
    if pipeline is STARANISO and random.random() < 0.5:
        rows[2] |= {"completeness": None, "multiplicity": None, "r_meas": None, "cc_half": None}
    return limit, rows


def cell_found(random: Random, sample: PlannedSample, space_group: str) -> dict[str, float]:
    """The refined cell, a few parts in ten thousand from the true one."""
    scale = 1 + random.gauss(0, 0.0004)
    a, b, c, alpha, beta, gamma = sample.cell
    found = [round(length * scale, 2) for length in (a, b, c)]
    if space_group == "P 1":
        # Refined without constraints.
        found = [round(length + random.gauss(0, 0.03), 2) for length in found]
    names = ("cell_a", "cell_b", "cell_c", "cell_alpha", "cell_beta", "cell_gamma")
    return dict(zip(names, (*found, alpha, beta, gamma), strict=True))


def write_program(
    rows: Rows, random: Random, pipeline: Pipeline, taken: Taken, outcome: str, when: datetime, *, job: bool = True
) -> int:
    """A program row: ``outcome`` is success, failure or running. Returns its id."""
    job_id = None
    if job:
        job_id = rows.add(Job, collection_id=taken.collection_id, name=pipeline.name.split(" (")[0],
                          recipe=pipeline.recipe, automatic=1)  # fmt: skip
    started = when + timedelta(seconds=random.randint(5, 60))
    ended = started + timedelta(minutes=pipeline.minutes * random.uniform(0.7, 1.6))
    message = None
    if outcome == "failure":
        message = random.choice(_FAILURES)
    elif outcome == "success":
        message = random.choice((None, "processing successful"))
    program_id = rows.add(
        Program, job_id=job_id, name=pipeline.name,
        command=f"{pipeline.name.split()[0]} image={taken.directory}{taken.template}"[:255],
        status={"success": "1", "failure": "0", "running": None}[outcome], message=message,
        start=started if job else None, end=ended if job and outcome != "running" else None,
        recorded=ended if outcome != "running" else started,
    )  # fmt: skip
    if outcome == "failure":
        rows.add(ProgramMessage, program_id=program_id, severity="ERROR", message=str(message)[:200],
                 description=f"Traceback (simulated):\n  {message}", recorded=ended)  # fmt: skip
    elif outcome == "success" and random.random() < 0.12:
        rows.add(ProgramMessage, program_id=program_id, severity="WARNING",
                 message="Possible ice rings at 3.67 Å, 2.25 Å", description=None, recorded=ended)  # fmt: skip
    folder = taken.directory.replace("/data/", "/processed/") + pipeline.recipe
    names = (("Log", "log.txt"), ("Result", "scaled.mtz")) if outcome == "success" else (("Log", "log.txt"),)
    for kind, name in names if outcome != "running" else ():
        rows.add(ProgramAttachment, program_id=program_id, kind=kind, name=name, directory=folder[:255])
    return program_id


def write_result(
    rows: Rows, random: Random, pipeline: Pipeline, takens: list[Taken], sample: PlannedSample, program_id: int
) -> None:
    """Space group, cell and three shells of one program, from one collection or several."""
    taken = takens[0]
    said = sample.form.said
    choice = pipeline.symmetry if random.random() < 0.7 else random.randrange(len(said))
    space_group = said[min(choice, len(said) - 1)]
    auto_proc_id = rows.add(
        AutoProc, program_id=program_id, space_group=space_group, **cell_found(random, sample, space_group)
    )
    scaling_id = rows.add(Scaling, auto_proc_id=auto_proc_id, recorded=taken.finished)
    for each in takens:
        integration_id = rows.add(
            Integration, collection_id=each.collection_id, program_id=program_id, first_image=1,
            last_image=each.images, distance=round(each.distance * (1 + random.gauss(0, 2e-4)), 3),
            beam_x=round(each.beam[0] + random.gauss(0, 0.05), 3),
            beam_y=round(each.beam[1] + random.gauss(0, 0.05), 3),
            anomalous=int(random.random() < 0.3),
        )  # fmt: skip
        rows.add(ScalingHasIntegration, integration_id=integration_id, scaling_id=scaling_id)
    _, shells = statistics(random, pipeline, taken, sample, space_group)
    # Some sites stopped writing the shells: the overall row alone, or none.
    kept = shells[:1] if random.random() < 0.02 else shells
    for row in kept if random.random() > 0.01 else ():
        rows.add(Statistics, scaling_id=scaling_id, **row)


def process(rows: Rows, random: Random, taken: Taken, sample: PlannedSample, *, running: bool = False) -> None:
    """What the pipelines made of one rotation collection."""
    for pipeline in PIPELINES:
        if random.random() > pipeline.chance:
            continue
        failing = taken.quality < 0.15 or random.random() < 0.06 + 0.5 * max(0.0, 0.5 - taken.quality)
        outcome = "failure" if failing else "success"
        if running and pipeline is not FAST_DP:
            outcome = "running"
        # fast_dp used to run without a job: only its integration tells the collection.
        job = pipeline is not FAST_DP or outcome != "success"
        program_id = write_program(rows, random, pipeline, taken, outcome, taken.finished, job=job)
        if outcome == "success":
            write_result(rows, random, pipeline, [taken], sample, program_id)


def screen(rows: Rows, random: Random, collection_id: int, sample: PlannedSample) -> None:
    """The strategies of a characterisation."""
    for program, comments in (("mosflm", "Mosflm native"), ("EDNA MXv1", "EDNAStrategy1"),
                              ("EDNA MXv1", "EDNAStrategy2")):  # fmt: skip
        if random.random() < 0.85:
            screening = rows.add(Screening, collection_id=collection_id, program=program, comments=comments)
            propose(rows, screening, program, sample)
