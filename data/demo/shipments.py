"""What the users of the simulated facility sent: shipments, dewars, containers, samples and their proteins."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random

from data.demo.forms import FORMS, Cell, CrystalForm
from data.demo.people import PlannedProposal, PlannedVisit, hostile_or
from data.demo.rows import Rows
from data.demo.words import COURIERS, HOSTILE, LONG_COMMENT, SHIPMENT_NAMES
from data.schema import Container, Crystal, Dewar, Protein, Sample, Shipment, ShipmentHasVisit

_STATUS = ("opened", "sent to facility", "at facility", "processing", "sent to user", "returned", "closed")


@dataclass(frozen=True, slots=True)
class PlannedSample:
    """A sample and what is true of it: its form, its own cell, the seed of its orientation."""

    sample_id: int
    name: str
    form: CrystalForm
    cell: Cell
    best: float
    seed: int


def write_shipments(
    rows: Rows, random: Random, anchor: date, proposals: list[PlannedProposal], visits: list[PlannedVisit]
) -> dict[int, list[PlannedSample]]:
    """Everything that was sent. Returns the samples by proposal id; none for EM grids' crystals."""
    samples: dict[int, list[PlannedSample]] = {}
    for proposal in proposals:
        mine = [visit for visit in visits if visit.proposal is proposal]
        em = proposal.beamlines[0].technique == "em"
        crystals = _proteins(rows, random, proposal, em)
        found = samples[proposal.proposal_id] = []
        for number in range(1, random.randint(2, 4)):
            found += _shipment(rows, random, anchor, proposal, mine, crystals, number, em)
    return samples


def _proteins(rows: Rows, random: Random, proposal: PlannedProposal, em: bool) -> list[tuple[CrystalForm, list[int]]]:
    """Two to five proteins, each with a crystal form or two as the users described them."""
    crystals = []
    for form in random.sample(FORMS, random.randint(2, 5)):
        protein_id = rows.add(
            Protein, proposal_id=proposal.proposal_id, acronym=form.acronym,
            name=hostile_or(random, form.name, 0.03), mass=form.mass,
            safety_level=random.choice(("GREEN", "GREEN", "YELLOW", "RED", None)),
            sequence=form.sequence or None,
        )  # fmt: skip
        ids = []
        for _ in range(random.randint(1, 2)):
            known = not em and random.random() < 0.7
            a, b, c, alpha, beta, gamma = (round(value, 1) for value in form.cell)
            written = random.choice((form.space_group.replace(" ", ""), form.said[-1], None))
            ids.append(rows.add(
                Crystal, protein_id=protein_id, name=f"{form.acronym} crystal",
                space_group=written if known else None,
                **({"cell_a": a, "cell_b": b, "cell_c": c, "cell_alpha": alpha, "cell_beta": beta,
                        "cell_gamma": gamma} if known else {}),
                size_x=random.choice((None, 20.0, 80.0, 150.0)), size_y=random.choice((None, 20.0, 50.0)),
                size_z=random.choice((None, 10.0, 40.0)),
                comments=random.choice((None, None, "25 % glycerol", "soaked 2 h")),
            ))  # fmt: skip
        crystals.append((form, ids))
    return crystals


def _shipment(
    rows: Rows, random: Random, anchor: date, proposal: PlannedProposal, visits: list[PlannedVisit],
    crystals: list[tuple[CrystalForm, list[int]]], number: int, em: bool,
) -> list[PlannedSample]:  # fmt: skip
    today = datetime.combine(anchor, time())
    created = today - timedelta(days=random.randint(1, 800), hours=random.randint(0, 12))
    status = random.choice(_STATUS) if today - created < timedelta(days=90) else random.choice(_STATUS[4:])
    name = f"{proposal.name} {random.choice(SHIPMENT_NAMES)} {number}"
    comments = hostile_or(random, random.choice((None, "Keep upright", "Fragile – handle like eggs")))
    if proposal.name == "mx415" and number == 1:
        name, comments, status = HOSTILE[1], LONG_COMMENT, "processing"
    shipment_id = rows.add(
        Shipment, proposal_id=proposal.proposal_id, name=name[:45], status=status, created=created,
        comments=comments, courier=random.choice(COURIERS),
        safety_level=random.choice(("GREEN", "YELLOW", "RED", None)),
    )  # fmt: skip
    for visit in visits[-3 * number :][:2]:
        rows.add(ShipmentHasVisit, shipment_id=shipment_id, visit_id=visit.visit_id)
    beamline = visits[-1].beamline.name if visits else None
    samples: list[PlannedSample] = []
    for place in range(1, random.randint(2, 3)):
        code = f"{proposal.name.upper()}-D{number}{place:02d}"
        dewar_id = rows.add(
            Dewar, shipment_id=shipment_id, kind=random.choice(("Dewar", "Dewar", "Parcel", "Toolbox")),
            code=code, barcode=f"{proposal.name}-{shipment_id:07d}-{place}", status=status,
            location=random.choice((f"rack-{random.randint(1, 20)}", None, beamline)),
            tracking_to=str(random.randint(10**9, 10**10)) if random.random() < 0.7 else None,
            tracking_from=str(random.randint(10**9, 10**10)) if status in _STATUS[4:] else None,
            comments=None,
        )  # fmt: skip
        for slot in range(1, random.randint(4, 8)):
            samples += _container(rows, random, proposal, crystals, dewar_id, beamline, slot, em)
    return samples


def _container(
    rows: Rows, random: Random, proposal: PlannedProposal, crystals: list[tuple[CrystalForm, list[int]]],
    dewar_id: int, beamline: str | None, slot: int, em: bool,
) -> list[PlannedSample]:  # fmt: skip
    capacity = 4 if em else 16
    loaded = random.random() < 0.25
    code = f"{'GB' if em else 'PK'}-{dewar_id:03d}{slot:02d}"
    container_id = rows.add(
        Container, dewar_id=dewar_id, code=code, barcode=code.lower() if random.random() < 0.8 else None,
        kind="Grid box" if em else random.choice(("Puck", "Puck-16", "Unipuck")), capacity=capacity,
        status=random.choice(("processing", "at facility", "in_storage", None)),
        beamline=beamline if loaded else None, changer_position=str(slot) if loaded else None,
    )  # fmt: skip
    samples = []
    for position in range(1, random.randint(2, 4) if em else random.randint(9, capacity)):
        form, ids = random.choice(crystals)
        crystal_id = random.choice(ids)
        name = f"{form.acronym}-{dewar_id}{slot}{position:02d}"
        stored = hostile_or(random, name, 0.004)
        sample_id = rows.add(
            Sample, crystal_id=crystal_id, container_id=container_id, name=stored,
            code=f"HA{dewar_id:03d}{slot:02d}{position:02d}" if random.random() < 0.6 else None,
            location=str(position), support=None if em else random.choice(("Nylon", "Micromesh", None)),
            status=random.choice((None, None, "SAMPLE_PROCESSED")),
            comments=hostile_or(random, random.choice((None, None, "small", "cracked")), 0.01),
        )  # fmt: skip
        stretch = 1 + random.gauss(0, 0.0012)
        a, b, c, alpha, beta, gamma = form.cell
        cell = (round(a * stretch, 3), round(b * stretch, 3), round(c * stretch, 3), alpha, beta, gamma)
        best = round(form.best * random.choice((1.0, 1.05, 1.15, 1.3, 1.6, 2.2)), 2)
        samples.append(PlannedSample(sample_id, name, form, cell, best, random.getrandbits(31)))
    return samples
