"""Serial runs of the simulated SSX beamline: chips and jets, lasers, hit rates."""

from datetime import datetime, timedelta
from random import Random

from data.demo.beamlines import SX1
from data.demo.mx import plan_seed
from data.demo.people import PlannedVisit, hostile_or
from data.demo.plan import Plan, Shown
from data.demo.quality import Series
from data.demo.results import SERIAL, Taken, write_program, write_result
from data.demo.shipments import PlannedSample
from data.schema import (
    Collection,
    Component,
    ComponentType,
    ConcentrationType,
    Event,
    EventChain,
    EventType,
    Group,
    SampleComposition,
    SSXCollection,
    SSXResult,
)

_EVENT_TYPES = ("XrayDetection", "XrayExposure", "LaserExcitation", "ReactionTrigger")
_KINDS = ("SSX-Chip", "SSX-Chip", "SSX-Jet", "Serial Fixed", "Serial Jet")
RUNS = 7


def write_event_types(plan: Plan) -> None:
    """The kinds of events, as every site has them."""
    for number, name in enumerate(_EVENT_TYPES, 1):
        plan.rows.add(EventType, id=number, name=name)


def write_visit(plan: Plan, visit: PlannedVisit, samples: list[PlannedSample], until: datetime) -> None:
    """The runs of one visit."""
    random = plan.random
    if visit.mark in {"next", "empty"}:
        return
    runs = RUNS + random.randint(-3, 3)
    step = (min(visit.end, until) - visit.start) / (runs + 1)
    sample = random.choice(samples)
    for number in range(1, runs + 1):
        if random.random() < 0.4:
            sample = random.choice(samples)
        start = visit.start + step * number + timedelta(seconds=random.randint(0, 300))
        whole = visit.mark == "current" and number == 2
        _run(plan, visit, sample, number, start, whole=whole,
             running=visit.mark == "current" and number == runs)  # fmt: skip


_COMPONENTS = (
    ("Buffer", "HEPES", None, 50.0, 7.5), ("Buffer", "Sodium acetate", "pH 4.6", 100.0, 4.6),
    ("Ligand", "FAD", "C27H33N9O15P2", 2.0, None), ("JetMaterial", "Monoolein", None, None, None),
    ("JetMaterial", "Hydroxyethyl cellulose, 15 %", None, None, None),
)  # fmt: skip


def write_compositions(plan: Plan, visits: list[PlannedVisit]) -> None:
    """What the samples that were used here are in. Drawn by itself, so that nothing else of the facility changes."""
    random, rows = Random(f"{plan.seed} compositions"), plan.rows  # noqa: S311
    for number, name in enumerate(("Ligand", "Buffer", "JetMaterial"), 1):
        rows.add(ComponentType, id=number, name=name)
    rows.add(ConcentrationType, id=1, name="Molar", symbol="mM")
    kinds = {"Ligand": 1, "Buffer": 2, "JetMaterial": 3}
    mine = {visit.visit_id: visit.proposal.proposal_id for visit in visits if visit.beamline is SX1}
    known: dict[tuple[int, str], int] = {}
    for sample_id, proposal_id in sorted(
        {(row["sample_id"], mine[row["visit_id"]]) for row in rows.of(Group) if row.get("visit_id") in mine}
    ):
        for kind, name, formula, abundance, ph in random.sample(_COMPONENTS, 2):
            if (proposal_id, name) not in known:
                known[proposal_id, name] = rows.add(
                    Component, type_id=kinds[kind], proposal_id=proposal_id, name=name, composition=formula
                )
            rows.add(SampleComposition, component_id=known[proposal_id, name], sample_id=sample_id,
                     concentration_id=1 if abundance else None, abundance=abundance, ratio=None, ph=ph)  # fmt: skip


def _run(
    plan: Plan, visit: PlannedVisit, sample: PlannedSample, number: int, start: datetime, *,
    whole: bool, running: bool,
) -> None:  # fmt: skip
    random, rows = plan.random, plan.rows
    kind = random.choice(_KINDS)
    chip = kind in {"SSX-Chip", "Serial Fixed"}
    images = 20_000 if whole else random.choice((6_084, 25_600) if chip else (5_000, 10_000, 20_000))
    exposure = random.choice((0.0025, 0.01))
    wavelength = SX1.wavelength
    best = max(sample.best, 1.5)
    distance = round(SX1.distance(best, wavelength), 3)
    finished = start + timedelta(seconds=images * exposure * 1.1 + 20)
    group_id = rows.add(
        Group, visit_id=visit.visit_id, sample_id=sample.sample_id, experiment=kind,
        experiment_type_id={"SSX-Chip": 41, "SSX-Jet": 42, "Serial Fixed": 38, "Serial Jet": 39}[kind],
        start=start, end=None if running else finished, comments=hostile_or(random, None, 0.02),
    )  # fmt: skip
    acronym = sample.form.acronym.replace("Æ", "AE").replace("Ø", "O")
    prefix = f"{acronym}_{'chip' if chip else 'jet'}"
    directory = f"{visit.directory}/{prefix}/run{number:03d}/"
    beam_x, beam_y = SX1.stored_beam()
    hit_rate = random.choice((0.02, 0.08, 0.15, 0.22, 0.35, 0.5))
    status = "DataCollection Successful" if random.random() < 0.9 else "DataCollection Cancelled"
    row = {
        "group_id": group_id, "detector_id": SX1.camera.detector_id, "visit_hint": visit.visit_id, "number": number,
        "start": start, "end": None if running else finished, "status": None if running else status,
        "axis_start": 0.0, "axis_end": 0.0, "axis_range": 0.0, "images": images, "first_image": 1, "exposure": exposure,
        "directory": directory, "prefix": prefix, "suffix": "h5", "template": f"{prefix}_{number}_master.h5",
        "wavelength": wavelength, "resolution": round(SX1.resolution(distance, wavelength), 5), "distance": distance,
        "two_theta": 0.0, "beam_x": beam_x, "beam_y": beam_y, "transmission": random.choice((100.0, 50.0, 20.0)),
        "flux": float(f"{SX1.flux * random.uniform(0.5, 1):.5g}"), "beam_size_x": 0.01, "beam_size_y": 0.01,
        "beam_shape": "ellipse", "temperature": 293.0, "ring_mode": "User",
        "comments": hostile_or(random, random.choice((None, "clogged, restarted", "new batch of crystals")), 0.05),
    }  # fmt: skip
    collection_id = rows.add(Collection, **row)
    rows.add(
        SSXCollection, collection_id=collection_id, repetition_rate=round(0.9 / exposure, 2),
        bandwidth=random.choice((None, 0.01)), jet_speed=None if chip else round(random.uniform(0.01, 0.1), 3),
        jet_size=None if chip else random.choice((50.0, 75.0, 100.0)),
        chip_pattern=random.choice(("full", "city block 3-5", None)) if chip else None,
        chip_model=random.choice(("Oxford 8x8", "MISP mini")) if chip else None,
        reaction=random.choice((None, 0.005, 0.1)), laser_energy=random.choice((None, 1.5, 4.0)),
        experiment=f"{acronym} {random.choice(('dark', 'pump-probe', 'dose series'))}",
    )  # fmt: skip
    _events(plan, collection_id, exposure, pumped=random.random() < 0.5)
    seed = plan_seed(plan, collection_id)
    shown = Shown(
        collection_id, SX1.name, sample.form.acronym, sample.form.space_group, sample.cell, sample.seed, best,
        "serial", False, seed, images, 0.0, 0.0, wavelength, distance, exposure,
        float(str(row["flux"])), start.isoformat(), still=True, hit_rate=hit_rate,
    )  # fmt: skip
    if random.random() > 0.05:
        plan.frames[f"{directory}{prefix}_{number}"] = shown
    done = images // 3 if running else images
    stride = 1 if whole else images // 500
    rows.quality.append((collection_id, Series(seed, "serial", images, best, stride, hit_rate=hit_rate, taken=done)))
    if running:
        return
    _results(plan, sample, row, collection_id, hit_rate, finished)


def _events(plan: Plan, collection_id: int, exposure: float, *, pumped: bool) -> None:
    random, rows = plan.random, plan.rows
    chain_id = rows.add(EventChain, collection_id=collection_id, name="pump-probe" if pumped else "probe")
    if pumped:
        # Fixed targets are pumped before the first image: the offset is negative.
        rows.add(Event, chain_id=chain_id, type_id=3, name="Laser probe",
                 offset=random.choice((-0.005, -0.1, 0.001)), duration=random.choice((0.0001, 0.002)),
                 period=None, repetition=1.0)  # fmt: skip
    rows.add(Event, chain_id=chain_id, type_id=1, name="Xray probe", offset=0.0, duration=exposure,
             period=exposure, repetition=random.choice((1.0, 1.0, 10.0)))  # fmt: skip


def _results(
    plan: Plan, sample: PlannedSample, row: dict[str, object], collection_id: int, hit_rate: float, finished: datetime
) -> None:
    random, rows = plan.random, plan.rows
    taken = Taken(
        collection_id, str(row["directory"]), str(row["template"]), 2_000, 0.1, float(str(row["resolution"])),
        float(str(row["distance"])), (SX1.beam[0] * SX1.camera.pixel, SX1.beam[1] * SX1.camera.pixel),
        finished, 0.6,
    )  # fmt: skip
    outcome = "failure" if hit_rate < 0.05 or random.random() < 0.1 else "success"
    program_id = write_program(rows, random, SERIAL, taken, outcome, finished)
    if outcome == "success":
        write_result(rows, random, SERIAL, [taken], sample, program_id)
    if random.random() < 0.5:
        images = int(str(row["images"]))
        indexed = hit_rate * random.uniform(0.4, 0.85)
        rows.add(SSXResult, collection_id=collection_id, hit_rate=round(hit_rate, 4),
                 indexing_rate=round(indexed, 4), stage=random.choice(("Final", "Preliminary")),
                 status="Success" if outcome == "success" else "Failed", crystals=round(images * indexed))  # fmt: skip
