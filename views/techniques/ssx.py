"""Serial crystallography: columns, cards and parameters."""

import data.techniques.ssx.queries as queries
from data.core.comments import shown
from views import place as places
from views.desk import Desk
from views.parts import blocks as b
from views.parts.table import CardLayout, Column
from views.parts.text import space_group
from views.techniques.mx import Row, processing_badges, status_badge
from views.techniques.parameters import detector as detector_fact
from views.techniques.parameters import times, values_of
from views.techniques.technique import Technique

COLUMNS = (
    Column(
        "id",
        "Collection",
        kind="link",
        filter="number",
        width=92,
        fixed=True,
        title="Number of the collection in ISPyB",
    ),
    Column("start", "Time", kind="time", filter="text", width=156, title="Start"),
    Column("monitor", "Monitor", kind="link", width=92, sortable=False, filter="none", title="The run along time"),
    Column("sample", "Sample", width=120),
    Column("protein", "Protein", width=90, title="Acronym"),
    Column("experiment", "Experiment", width=130, title="Name that the beamline gave"),
    Column("prefix", "Prefix", width=130),
    Column("kind", "Type", width=96, title="Type of experiment"),
    Column("status", "Status", kind="badge", width=90),
    Column("images", "Images", kind="number", digits=0, filter="number", width=80),
    Column(
        "hit_rate",
        "Hits",
        "%",
        kind="number",
        digits=1,
        filter="number",
        width=66,
        title="Images with a diffraction pattern; where no result states it, of up to 100 images looked at",
    ),
    Column(
        "indexing_rate",
        "Indexed",
        "%",
        kind="number",
        digits=1,
        filter="number",
        width=72,
        title="Images indexed, of all images",
    ),
    Column("crystals", "Crystals", kind="number", digits=0, filter="number", width=76, default=False),
    Column("exposure", "Exposure", "s", kind="number", digits=6, filter="number", width=86, title="Per image"),
    Column(
        "repetition_rate", "Rate", "Hz", kind="number", digits=0, filter="number", width=66, title="Repetition rate"
    ),
    Column("energy", "Energy", "keV", kind="number", digits=3, filter="number", width=76),
    Column(
        "resolution",
        "Resolution",
        "Å",
        kind="number",
        digits=2,
        filter="number",
        width=84,
        title="At the detector's edge",
    ),
    Column("transmission", "Transm.", "%", kind="number", digits=1, filter="number", width=72, title="Transmission"),
    Column("flux", "Flux", "ph/s", kind="number", filter="number", width=86),
    Column("chip_model", "Chip", width=100),
    Column("chip_pattern", "Chip pattern", width=110, default=False),
    Column("jet_size", "Jet size", "µm", kind="number", digits=1, filter="number", width=74),
    Column("jet_speed", "Jet speed", "m/s", kind="number", digits=2, filter="number", width=80),
    Column("laser_energy", "Laser", "mJ", kind="number", digits=2, filter="number", width=66),
    Column("reaction", "Delay", "s", kind="number", filter="number", width=72, title="Duration of the reaction"),
    Column("event_chains", "Event chains", kind="number", digits=0, filter="number", width=90, default=False),
    Column(
        "programs_ok",
        "Processing",
        kind="badge",
        filter="number",
        width=104,
        title="Pipelines: succeeded, failed, running; sorted by those that succeeded",
    ),
    Column("best_space_group", "Space group", width=100, title="Best merge"),
    Column(
        "best_resolution_high",
        "Best res.",
        "Å",
        kind="number",
        digits=2,
        filter="number",
        width=76,
        title="High-resolution limit of the best merge",
    ),
    Column("best_cc_half", "CC½", kind="number", digits=3, filter="number", width=62, title="Best merge, overall"),
    Column(
        "best_completeness",
        "Compl.",
        "%",
        kind="number",
        digits=1,
        filter="number",
        width=66,
        title="Completeness of the best merge",
    ),
    Column("comments", "Comments", width=220),
)

CARDS = CardLayout(
    title="experiment",
    detail=("id", "start", "sample", "protein"),
    badges=("status", "kind", "programs_ok"),
    numbers=(
        "images",
        "hit_rate",
        "indexing_rate",
        "repetition_rate",
        "jet_size",
        "chip_model",
        "best_resolution_high",
    ),
)


def draw(desk: Desk, row: Row) -> Row:
    """A row of the queries as the table draws it."""
    key = row["id"]
    link = desk.link(places.collection(key))
    return row | {
        "comments": shown(row.get("comments")),
        "_link": link,
        "key": key,
        "id": {"text": str(key), "link": link},
        "monitor": {
            "text": "Live" if row.get("status") == "running" else "Monitor",
            "link": desk.link(places.monitor(key)),
        },
        "status": status_badge(row.get("status"), row.get("run_status")),
        "programs_ok": processing_badges(row),
        "best_space_group": space_group(row.get("best_space_group")) if row.get("best_space_group") else None,
    }


def describe(row: Row) -> list[b.Block]:
    """All parameters of one collection with their units."""

    value = values_of(row)

    serial = b.facts(
        "Serial",
        [
            value("Experiment", "experiment"),
            value("Repetition rate", "repetition_rate", 1, "Hz"),
            value("Chip", "chip_model"),
            value("Chip pattern", "chip_pattern"),
            value("Jet size", "jet_size", 1, "µm"),
            value("Jet speed", "jet_speed", 2, "m/s"),
            value("Laser energy", "laser_energy", 2, "mJ"),
            value("Reaction", "reaction", None, "s"),
            value("Bandwidth", "bandwidth", 3, "%"),
        ],
    )
    beam = b.facts(
        "Beam",
        [
            value("Energy", "energy", 3, "keV"),
            value("Wavelength", "wavelength", 5, "Å"),
            value("Flux", "flux", None, "ph/s"),
            value("Transmission", "transmission", 2, "%"),
            value("Beam size, horizontal", "beam_size_x", 1, "µm"),
            value("Beam size, vertical", "beam_size_y", 1, "µm"),
        ],
    )
    images = b.facts(
        "Images",
        [
            value("Images", "images", 0),
            value("Exposure per image", "exposure", 7, "s"),
            *times(row),
            value("Template", "template"),
            value("Directory", "directory"),
        ],
    )
    detector = b.facts(
        "Detector",
        [
            detector_fact(row),
            value("Distance", "distance", 1, "mm"),
            value("Resolution at the edge", "resolution", 2, "Å"),
        ],
    )
    return [b.columns([serial], [beam], [detector], [images])]


TECHNIQUE = Technique("ssx", "SSX", queries, COLUMNS, CARDS, draw, describe)
