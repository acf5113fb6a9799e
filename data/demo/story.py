"""The whole simulated facility as rows: who, when, what was sent, what was collected, what came of it."""

from datetime import date, datetime, time, timedelta
from random import Random

from data.demo import em, mx, ssx
from data.demo.beamlines import CAMERAS
from data.demo.curves import add_curves
from data.demo.downstream import add_downstream
from data.demo.logs import add_logs
from data.demo.people import PlannedVisit, write_people, write_proposals, write_visits
from data.demo.plan import Plan
from data.demo.scans import add_scans
from data.demo.shipments import write_shipments
from data.schema import AdminVar, Detector, ExperimentType

COLLECTIONS = 5_000
SEED = 2

_EXPERIMENT_TYPES = {
    8: ("SAD", "mx"), 12: ("OSC", "mx"), 14: ("SAD - Inverse Beam", "mx"), 15: ("MESH", "mx"),
    36: ("Tomography", "em"), 37: ("Single Particle", "em"), 38: ("Serial Fixed", "mx"),
    39: ("Serial Jet", "mx"), 40: ("Still", "mx"), 41: ("SSX-Chip", "mx"), 42: ("SSX-Jet", "mx"),
}  # fmt: skip


def tell(anchor: date, seed: int = SEED) -> Plan:
    """All rows and files of the facility as it is at the beginning of ``anchor``.

    The same anchor and seed give the same plan, value by value.
    """
    plan = Plan(seed, anchor)
    rows, random = plan.rows, plan.random
    rows.add(AdminVar, name="schemaVersion", value="5.2.0")
    for number, (name, kind) in _EXPERIMENT_TYPES.items():
        rows.add(ExperimentType, id=number, name=name, proposal_type=kind)
    for camera in CAMERAS:
        rows.add(
            Detector, detector_id=camera.detector_id, kind=camera.kind, maker=camera.maker, model=camera.model,
            pixel_size_x=camera.pixel, pixel_size_y=camera.pixel, pixels_x=camera.width, pixels_y=camera.height,
            serial=camera.serial,
        )  # fmt: skip
    ssx.write_event_types(plan)
    demo = write_people(rows, random)
    proposals = write_proposals(rows, random, demo)
    visits = write_visits(rows, random, anchor, proposals)
    samples = write_shipments(rows, random, anchor, proposals, visits)
    midnight = datetime.combine(anchor, time()) - timedelta(minutes=10)
    experiments = _mx_plan(random, visits)
    for visit in visits:
        mine = samples[visit.proposal.proposal_id]
        match visit.beamline.technique:
            case "mx":
                mx.write_visit(plan, visit, mine, experiments[visit.visit_id], midnight)
            case "ssx":
                ssx.write_visit(plan, visit, mine, midnight)
            case "em":
                em.write_visit(plan, visit, mine, midnight)
    ssx.write_compositions(plan, visits)
    add_curves(plan)
    add_scans(plan)
    add_logs(plan)
    add_downstream(plan)
    return plan


def _mx_plan(random: Random, visits: list[PlannedVisit]) -> dict[int, list[mx.Experiment]]:
    """Experiments by visit id, so many that the facility has about COLLECTIONS collections."""
    return {visit.visit_id: mx.plan_experiments(random, visit) for visit in visits if visit.beamline.technique == "mx"}
