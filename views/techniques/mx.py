"""Macromolecular crystallography: columns, cards and parameters."""

from typing import Any

import data.techniques.mx.queries as queries
from data.core.comments import shown
from views import place as places
from views.desk import Desk
from views.parts import blocks as b
from views.parts.table import CardLayout, Column
from views.parts.text import space_group
from views.techniques.parameters import detector as detector_fact
from views.techniques.parameters import times, values_of
from views.techniques.technique import Technique

Row = dict[str, Any]

STATUS = {
    "running": ("Running", "info"),
    "finished": ("Finished", "quiet"),
    "failed": ("Failed", "bad"),
    "stopped": ("Stopped", "warn"),
    "unknown": ("Unknown", "quiet"),
}


def status_badge(status: str | None, title: str | None = None) -> b.Block:
    """A collection's status as a badge."""
    words, tone = STATUS.get(status or "unknown", STATUS["unknown"])
    return b.badge(words, tone, title)


def processing_badges(row: Row) -> list[b.Block]:
    """How many pipelines succeeded, failed, run."""
    found = []
    for key, tone, words in (
        ("programs_ok", "good", "succeeded"),
        ("programs_failed", "bad", "failed"),
        ("programs_running", "info", "running"),
    ):
        if row.get(key):
            mark = {"good": "✓", "bad": "✕", "info": "…"}[tone]
            found.append(b.badge(f"{mark} {row[key]}", tone, f"{row[key]} pipelines {words}"))
    return found


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
    Column("thumb", "Crystal", kind="thumb", sortable=False, filter="none", width=64, title="Crystal snapshot"),
    Column("start", "Time", kind="time", filter="text", width=156, title="Start"),
    Column("sample", "Sample", width=120),
    Column("protein", "Protein", width=90, title="Acronym"),
    Column("prefix", "Prefix", width=140),
    Column("number", "Run", kind="number", digits=0, filter="number", width=52, title="Run number of the prefix"),
    Column("kind", "Type", width=96, title="Type of experiment"),
    Column("status", "Status", kind="badge", filter="text", width=90),
    Column(
        "programs_ok",
        "Processing",
        kind="badge",
        filter="number",
        width=104,
        title="Pipelines: succeeded, failed, running; sorted by those that succeeded",
    ),
    Column("best_space_group", "Space group", width=100, title="Best result"),
    Column(
        "best_resolution_high",
        "Best res.",
        "Å",
        kind="number",
        digits=2,
        filter="number",
        width=76,
        title="High-resolution limit of the best result",
    ),
    Column(
        "best_r_meas", "Rmeas", "%", kind="number", digits=1, filter="number", width=66, title="Best result, overall"
    ),
    Column("best_cc_half", "CC½", kind="number", digits=3, filter="number", width=62, title="Best result, overall"),
    Column(
        "best_completeness",
        "Compl.",
        "%",
        kind="number",
        digits=1,
        filter="number",
        width=66,
        title="Completeness of the best result, overall",
    ),
    Column(
        "best_i_over_sigma",
        "I/σ",
        kind="number",
        digits=1,
        filter="number",
        width=56,
        default=False,
        title="Best result, overall",
    ),
    Column("best_cell_a", "Cell", "Å, °", kind="cell", filter="number", width=190, title="Best result"),
    Column("best_pipeline", "Pipeline", width=110, default=False, title="Of the best result"),
    Column("images", "Images", kind="number", digits=0, filter="number", width=70),
    Column("energy", "Energy", "keV", kind="number", digits=3, filter="number", width=76),
    Column("wavelength", "Wavelength", "Å", kind="number", digits=4, filter="number", width=92, default=False),
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
    Column("exposure", "Exposure", "s", kind="number", digits=4, filter="number", width=80, title="Per image"),
    Column("transmission", "Transm.", "%", kind="number", digits=1, filter="number", width=72, title="Transmission"),
    Column("flux", "Flux", "ph/s", kind="number", filter="number", width=86),
    Column(
        "axis_range",
        "Oscillation",
        "°",
        kind="number",
        digits=3,
        filter="number",
        width=86,
        default=False,
        title="Per image",
    ),
    Column("rotation", "Rotation", "°", kind="number", digits=1, filter="number", width=76, title="In all"),
    Column(
        "spots",
        "Spots",
        kind="number",
        digits=0,
        filter="number",
        width=62,
        default=False,
        title="Mean of up to 100 images",
    ),
    Column("template", "Template", width=180, default=False),
    Column("comments", "Comments", width=220),
)

CARDS = CardLayout(
    title="prefix",
    thumb="thumb",
    detail=("id", "start", "sample", "protein", "kind"),
    badges=("status", "programs_ok"),
    numbers=("images", "rotation", "resolution", "best_space_group", "best_resolution_high", "best_completeness"),
)


def draw(desk: Desk, row: Row) -> Row:
    """A row of the queries as the table draws it."""
    key = row["id"]
    link = desk.link(places.collection(key))
    cell = [row.get(f"best_{name}") for name in ("cell_a", "cell_b", "cell_c", "cell_alpha", "cell_beta", "cell_gamma")]
    snapshot = desk.snapshot(key) if row.get("snapshot") else None
    return row | {
        "comments": shown(row.get("comments")),
        "_link": link,
        "key": key,
        "id": {"text": str(key), "link": link},
        "thumb": {
            "src": snapshot,
            "alt": f"Crystal of collection {key}",
            "missing": "No snapshot",
            "link": link,
        },
        "status": status_badge(row.get("status"), row.get("run_status")),
        "programs_ok": processing_badges(row),
        "best_space_group": space_group(row.get("best_space_group")) if row.get("best_space_group") else None,
        "best_cell_a": cell if any(value is not None for value in cell) else None,
    }


def describe(row: Row) -> list[b.Block]:
    """All parameters of one collection with their units."""

    value = values_of(row)

    beam = b.facts(
        "Beam",
        [
            value("Energy", "energy", 3, "keV"),
            value("Wavelength", "wavelength", 5, "Å"),
            value("Flux", "flux", None, "ph/s"),
            value("Flux at the end", "flux_end", None, "ph/s"),
            value("Transmission", "transmission", 2, "%"),
            value("Beam size, horizontal", "beam_size_x", 0, "µm"),
            value("Beam size, vertical", "beam_size_y", 0, "µm"),
            value("Dose", "dose", 2, "MGy", "As the beamline estimated it"),
            value("Undulator gap", "undulator_gap", 3, "mm"),
            value("Ring mode", "ring_mode"),
        ],
    )
    rotation = b.facts(
        "Rotation",
        [
            value("Axis", "axis"),
            value("Start", "axis_start", 2, "°"),
            value("Oscillation per image", "axis_range", 3, "°"),
            value("Overlap", "overlap", 2, "°"),
            value("Rotation in all", "rotation", 1, "°"),
            value("Omega", "omega", 2, "°"),
            value("Kappa", "kappa", 2, "°"),
            value("Phi", "phi", 2, "°"),
            value("Chi", "chi", 2, "°"),
        ],
    )
    images = b.facts(
        "Images",
        [
            value("Images", "images", 0),
            value("First image", "first_image", 0),
            value("Exposure per image", "exposure", 5, "s"),
            *times(row),
            value("Template", "template"),
            value("Directory", "directory"),
            value("Centring", "centring"),
        ],
    )
    detector = b.facts(
        "Detector",
        [
            detector_fact(row),
            value("Distance", "distance", 1, "mm"),
            value("2θ", "two_theta", 2, "°"),
            value("Resolution at the edge", "resolution", 2, "Å"),
            value("Resolution at the corner", "corner_resolution", 2, "Å"),
            value("Beam x", "beam_x", 2, "", "mm or pixels: sites differ"),
            value("Beam y", "beam_y", 2, "", "mm or pixels: sites differ"),
            value("Slits, horizontal", "slit_x", 3, "mm"),
            value("Slits, vertical", "slit_y", 3, "mm"),
            value("Temperature", "temperature", 1, "K"),
        ],
    )
    return [b.columns([beam], [rotation], [detector], [images])]


TECHNIQUE = Technique("mx", "MX", queries, COLUMNS, CARDS, draw, describe)
