"""What the simulated MX beamlines do beside collections: the robot, energy scans, fluorescence spectra."""

from datetime import datetime, timedelta
from random import Random

from data.demo.people import PlannedVisit
from data.demo.plan import Plan
from data.schema import EnergyScan, Fluorescence, Group, RobotAction

# Element, edge, and the edge's energy in eV as ISPyB keeps it, in words.
_EDGES = (("Se", "K", "12658"), ("Zn", "K", "9659"), ("Hg", "L3", "12284"), ("Pt", "L3", "11564"))
_FAILURES = (("ERROR", "Gonio pin sensor: no pin present after load"), ("CRITICAL", "Gripper could not reach LN2"),
             ("WARNING", "Barcode does not match <b>expected</b>"), ("EPICSFAIL", None))  # fmt: skip


def write_events(plan: Plan, visit: PlannedVisit, first_group: int, until: datetime) -> None:
    """The events around the groups of a visit, those from ``first_group`` on, in the order of time.

    Its own random numbers: the rows of everything else do not depend on it.
    """
    random = Random(plan.seed * 7919 + visit.visit_id)  # noqa: S311 - simulated data, not a secret
    mounted: int | None = None
    free = visit.start
    for place, group in enumerate(row for row in plan.rows.of(Group) if row["group_id"] >= first_group):
        sample, start = group["sample_id"], group["start"]
        if sample is not None and sample != mounted:
            if mounted is not None:
                free = _move(plan, visit, random, "UNLOAD", mounted, max(free, start - timedelta(seconds=100)))
            free = _move(plan, visit, random, "LOAD", sample, max(free, start - timedelta(seconds=60)))
            if random.random() < 0.06:
                what = random.choice(("WASH", "ANNEAL"))
                free = _move(plan, visit, random, what, sample, free + timedelta(seconds=5))
            mounted = sample
        kind = group["experiment"]
        if str(kind).startswith("SAD") or (kind == "Screening" and random.random() < 0.3) or place % 40 == 7:
            _scan(plan, visit, random, sample, start - timedelta(seconds=28))
        free = max(free, group.get("end") or start)
    if mounted is not None and free + timedelta(minutes=3) < min(visit.end, until):
        _move(plan, visit, random, "UNLOAD", mounted, free + timedelta(seconds=60))


def _move(plan: Plan, visit: PlannedVisit, random: Random, action: str, sample: int, start: datetime) -> datetime:
    status, message = random.choice(_FAILURES) if random.random() < 0.03 else ("SUCCESS", None)
    end = start + timedelta(seconds=random.randint(14, 35))
    plan.rows.add(
        RobotAction, visit_id=visit.visit_id, sample_id=sample, action=action, start=start,
        end=end if status != "EPICSFAIL" else None, status=status, message=message,
        container_location=1 + sample % 16, dewar_location=1 + sample % 37,
        barcode=f"SIM{sample:06d}" if random.random() < 0.9 else None,
    )  # fmt: skip
    return end


def _scan(plan: Plan, visit: PlannedVisit, random: Random, sample: int | None, start: datetime) -> None:
    """A spectrum, and a scan over the edge that it suggests."""
    element, edge, energy = random.choice(_EDGES)
    comment = random.choice((None, None, f"{element} seen"))
    plan.rows.add(
        Fluorescence, visit_id=visit.visit_id, sample_id=sample, name=f"{visit.directory}/xrf/mca_{start:%H%M%S}.dat",
        start=start, end=start + timedelta(seconds=6), energy=13.5, exposure=1.0, comments=comment,
    )  # fmt: skip
    if random.random() < 0.8:
        plan.rows.add(
            EnergyScan, visit_id=visit.visit_id, sample_id=sample, element=element, edge=edge,
            start=start + timedelta(seconds=8), end=start + timedelta(seconds=26),
            comments=f"Edge at {energy} eV" if random.random() < 0.3 else None,
        )  # fmt: skip
