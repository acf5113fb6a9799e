"""Cryo-EM: columns, cards and parameters."""

import data.techniques.em.queries as queries
from data.core.comments import shown
from views import place as places
from views.desk import Desk
from views.parts import blocks as b
from views.parts.table import CardLayout, Column
from views.techniques.mx import Row, status_badge
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
    Column("sample", "Sample", width=130),
    Column("protein", "Protein", width=90, title="Acronym"),
    Column("kind", "Type", width=110, title="Type of experiment"),
    Column("prefix", "Prefix", width=130, default=False),
    Column("status", "Status", kind="badge", width=90),
    Column("movies", "Movies", kind="number", digits=0, filter="number", width=76),
    Column("corrected", "Motion corrected", kind="number", digits=0, filter="number", width=112),
    Column("estimated", "CTF estimated", kind="number", digits=0, filter="number", width=100),
    Column("voltage", "Voltage", "kV", kind="number", digits=0, filter="number", width=76),
    Column("magnification", "Magnification", "×", kind="number", digits=0, filter="number", width=104),
    Column(
        "pixel_size", "Pixel", "Å", kind="number", digits=3, filter="number", width=70, title="Pixel size on the sample"
    ),
    Column("dose", "Dose", "e⁻/Å²", kind="number", digits=1, filter="number", width=80, title="Total exposed dose"),
    Column(
        "motion", "Mean motion", "Å", kind="number", digits=1, filter="number", width=94, title="Total motion per movie"
    ),
    Column(
        "ctf_resolution",
        "CTF fit",
        "Å",
        kind="number",
        digits=2,
        filter="number",
        width=76,
        title="Mean resolution to which the CTF fits",
    ),
    Column(
        "defocus", "Defocus", "µm", kind="number", digits=2, filter="number", width=76, title="Mean estimated defocus"
    ),
    Column("comments", "Comments", width=240),
)

CARDS = CardLayout(
    title="sample",
    detail=("id", "start", "protein"),
    badges=("status", "kind"),
    numbers=("movies", "corrected", "estimated", "motion", "ctf_resolution", "defocus", "pixel_size"),
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
        "status": status_badge(row.get("status"), row.get("run_status")),
    }


def describe(row: Row) -> list[b.Block]:
    """All parameters of one collection with their units."""

    value = values_of(row)

    microscope = b.facts(
        "Microscope",
        [
            value("Voltage", "voltage", 0, "kV"),
            value("Magnification", "magnification", 0, "×"),
            value("C2 aperture", "c2_aperture", 0, "µm"),
            value("Objective aperture", "objective_aperture", 0, "µm"),
            b.fact("Phase plate", {None: "–", 0: "no", 1: "yes"}.get(row.get("phase_plate"), "–")),
        ],
    )
    camera = b.facts(
        "Camera",
        [
            detector_fact(row, "Camera"),
            value("Pixel size on the sample", "pixel_size", 3, "Å"),
            value("Image width", "image_size_x", 0, "px"),
            value("Image height", "image_size_y", 0, "px"),
            value("Dose", "exposed_dose", 1, "e⁻/Å²"),
            value("Exposure", "exposure", 2, "s"),
        ],
    )
    movies = b.facts(
        "Movies",
        [
            value("Movies", "movies", 0),
            value("Motion corrected", "corrected", 0),
            value("CTF estimated", "estimated", 0),
            *times(row),
            value("Template", "template"),
            value("Directory", "directory"),
        ],
    )
    return [b.columns([microscope], [camera], [movies])]


TECHNIQUE = Technique("em", "EM", queries, COLUMNS, CARDS, draw, describe)
