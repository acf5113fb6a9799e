"""One collection: its parameters, what pipelines made of it, its per-image numbers, and where its files are."""

from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import case, func, select

from data.core.names import proposal_name, visit_name
from data.core.status import status
from data.errors import NotFound
from data.reader import Reader
from data.schema import (
    AutoProc,
    BeamlineSetup,
    Collection,
    Crystal,
    Detector,
    ExperimentType,
    Group,
    ImageQuality,
    Integration,
    Program,
    ProgramAttachment,
    ProgramMessage,
    Proposal,
    Protein,
    Sample,
    Scaling,
    ScalingHasIntegration,
    SSXCollection,
    Statistics,
    Visit,
)
from data.techniques.collections import energy, micrometres, protein_name, runs_of, tidy
from data.techniques.em.queries import movies_of
from data.techniques.experiments import kind, technique
from data.techniques.mx.best import best
from data.techniques.mx.rule import Rule
from data.techniques.mx.shells import STORED, same_units

Row = dict[str, Any]

_BLOCK = 100_000
_OWN = tuple(
    attribute.key
    for attribute in Collection.__mapper__.column_attrs
    if attribute.key not in {"collection_id", "visit_hint", "status", "detector_id", "beam_size_x", "beam_size_y"}
)


def _placed(*columns: Any) -> Any:
    """Over Visit, Proposal, Group and Collection: every question of this module starts from the visit."""
    return (
        select(*columns)
        .select_from(Visit)
        .join(Proposal, Proposal.proposal_id == Visit.proposal_id)
        .join(Group, Group.visit_id == Visit.visit_id)
        .join(Collection, Collection.group_id == Group.group_id)
    )


def collection(reader: Reader, collection_id: int) -> Row:
    """All parameters of one collection. One statement, three for EM; raises NotFound.

    Keys are those of Collection with ``status`` worked out (``run_status`` as written), beam sizes in µm, and:
    technique, kind, energy (keV), rotation (°), visit, visit_id, visit_number, proposal, proposal_id, beamline, sample,
    sample_id, sample_comments, protein, protein_name, space_group and cell_* as expected, detector_*, setup_*, the
    serial parameters, and for EM the counts and means over the movies.
    """
    query = (
        _placed(
            Collection.collection_id.label("id"),
            *(getattr(Collection, key).label(key) for key in _OWN),
            Collection.status.label("run_status"),
            micrometres(Collection.beam_size_x).label("beam_size_x"),
            micrometres(Collection.beam_size_y).label("beam_size_y"),
            energy().label("energy"),
            (Collection.axis_range * Collection.images).label("rotation"),
            kind().label("kind"),
            ExperimentType.proposal_type.label("_listed_for"),
            Group.comments.label("group_comments"),
            Visit.visit_id,
            Visit.number.label("visit_number"),
            Visit.beamline,
            Proposal.proposal_id,
            Proposal.code.label("_code"),
            Proposal.number.label("_number"),
            Sample.sample_id,
            Sample.name.label("sample"),
            Sample.comments.label("sample_comments"),
            protein_name().label("protein"),
            Protein.name.label("protein_name"),
            Crystal.space_group,
            *(getattr(Crystal, f"cell_{name}") for name in ("a", "b", "c", "alpha", "beta", "gamma")),
            Detector.kind.label("detector_kind"),
            Detector.maker.label("detector_maker"),
            Detector.model.label("detector_model"),
            Detector.serial.label("detector_serial"),
            Detector.pixel_size_x.label("detector_pixel_size_x"),
            Detector.pixel_size_y.label("detector_pixel_size_y"),
            Detector.pixels_x.label("detector_pixels_x"),
            Detector.pixels_y.label("detector_pixels_y"),
            BeamlineSetup.undulator.label("setup_undulator"),
            BeamlineSetup.focusing.label("setup_focusing"),
            BeamlineSetup.polarisation.label("setup_polarisation"),
            BeamlineSetup.monochromator.label("setup_monochromator"),
            BeamlineSetup.cs.label("setup_cs"),
            SSXCollection.experiment,
            SSXCollection.repetition_rate,
            SSXCollection.bandwidth,
            SSXCollection.jet_speed,
            SSXCollection.jet_size,
            SSXCollection.chip_pattern,
            SSXCollection.chip_model,
            SSXCollection.reaction,
            SSXCollection.laser_energy,
        )
        .outerjoin(ExperimentType, ExperimentType.id == Group.experiment_type_id)
        .outerjoin(Sample, Sample.sample_id == Group.sample_id)
        .outerjoin(Crystal, Crystal.crystal_id == Sample.crystal_id)
        .outerjoin(Protein, Protein.protein_id == Crystal.protein_id)
        .outerjoin(Detector, Detector.detector_id == Collection.detector_id)
        .outerjoin(BeamlineSetup, BeamlineSetup.id == Visit.beamline_setup_id)
        .outerjoin(SSXCollection, SSXCollection.collection_id == Collection.collection_id)
        .where(Collection.collection_id == collection_id)
    )
    row: Row = dict(reader.one(query, "This collection")._mapping)
    listed_for, code, number = row.pop("_listed_for"), row.pop("_code"), row.pop("_number")
    row.update(
        {
            "technique": technique(row["kind"], listed_for, code),
            "status": status(row["run_status"], row["end"], row["start"], datetime.now()),
            "proposal": proposal_name(code, number),
            "visit": visit_name(code, number, row["visit_number"]),
            "pixel_size": row["pixel_on_image"],
        }
    )
    if row["technique"] == "em":
        row |= movies_of(reader, row["visit_id"], [collection_id])[collection_id]
    return tidy(row, "energy", "rotation", "beam_size_x", "beam_size_y")


def visit_of(reader: Reader, collection_id: int) -> int:
    """The visit of a collection. One statement; raises NotFound."""
    query = _placed(Visit.visit_id).where(Collection.collection_id == collection_id)
    return int(reader.one(query, "This collection").visit_id)


def processings(reader: Reader, collection_id: int, rule: Rule | None = None) -> list[Row]:
    """What pipelines made of a collection: a row for each result, and one for each run without any. Four statements.

    ``status`` ok, failed or running; ``overall``, ``inner``, ``outer``: statistics of a shell or None, R values in
    percent, CC1/2 as a fraction; ``best`` marks the best result by ``rule``, else by the site's, which comes first.
    """
    visit_id = visit_of(reader, collection_id)
    programs = reader.rows(runs_of(visit_id, [collection_id], _PROGRAM))
    results: dict[int, list[Any]] = {}
    for row in reader.rows(_results(visit_id, collection_id)):
        results.setdefault(row.program_id, []).append(row)
    scalings = [row.scaling_id for found in results.values() for row in found if row.scaling_id is not None]
    shells = _shells(reader, visit_id, collection_id, scalings)
    rows: list[Row] = []
    for program in programs:
        base = dict(program._mapping) | {"status": program.state}
        del base["state"], base["collection_id"]
        for result in results.get(program.program_id, [None]):
            values: Row = dict.fromkeys(_RESULT) if result is None else {key: getattr(result, key) for key in _RESULT}
            own = shells.get(values["scaling_id"] or 0, {})
            rows.append(base | values | {name: own.get(name) for name in STORED.values()})
    chosen = best(rows, rule or reader.rule)
    for one in rows:
        one["best"] = chosen is one
    order = {"ok": 0, "running": 1, "failed": 2}
    return sorted(rows, key=lambda one: (not one["best"], order[one["status"]], -one["program_id"]))


_RESULT = (
    "integration_id",
    "scaling_id",
    "first_image",
    "last_image",
    "distance",
    "beam_x",
    "beam_y",
    "anomalous",
    "space_group",
    "cell_a",
    "cell_b",
    "cell_c",
    "cell_alpha",
    "cell_beta",
    "cell_gamma",
)


_PROGRAM = (
    Program.job_id,
    Program.name,
    Program.command,
    Program.status.label("run_status"),
    Program.message,
    Program.start,
    Program.end,
    Program.recorded,
)


def _results(visit_id: int, collection_id: int) -> Any:
    columns = (
        Integration.program_id,
        Integration.integration_id,
        Integration.first_image,
        Integration.last_image,
        Integration.distance,
        Integration.beam_x,
        Integration.beam_y,
        Integration.anomalous,
        Scaling.scaling_id,
        AutoProc.space_group,
        *(getattr(AutoProc, f"cell_{name}") for name in ("a", "b", "c", "alpha", "beta", "gamma")),
    )
    return (
        _placed(*columns)
        .join(Integration, Integration.collection_id == Collection.collection_id)
        .outerjoin(ScalingHasIntegration, ScalingHasIntegration.integration_id == Integration.integration_id)
        .outerjoin(Scaling, Scaling.scaling_id == ScalingHasIntegration.scaling_id)
        .outerjoin(AutoProc, AutoProc.auto_proc_id == Scaling.auto_proc_id)
        .where(Visit.visit_id == visit_id, Collection.collection_id == collection_id)
        .order_by(Integration.integration_id, Scaling.scaling_id)
    )


_STATISTICS = tuple(
    attribute.key
    for attribute in Statistics.__mapper__.column_attrs
    if attribute.key not in {"id", "scaling_id", "shell"}
)


def _shells(reader: Reader, visit_id: int, collection_id: int, scalings: list[int]) -> dict[int, dict[str, Row]]:
    if not scalings:
        return {}
    query = (
        _placed(Statistics.scaling_id, Statistics.shell, *(getattr(Statistics, key) for key in _STATISTICS))
        .join(Integration, Integration.collection_id == Collection.collection_id)
        .join(ScalingHasIntegration, ScalingHasIntegration.integration_id == Integration.integration_id)
        .join(Scaling, Scaling.scaling_id == ScalingHasIntegration.scaling_id)
        .join(Statistics, Statistics.scaling_id == Scaling.scaling_id)
        .where(Visit.visit_id == visit_id, Collection.collection_id == collection_id, Scaling.scaling_id.in_(scalings))
        .order_by(Statistics.id)
    )
    found: dict[int, dict[str, Row]] = {}
    for row in reader.rows(query):
        shell = STORED.get((row.shell or "").lower())
        if shell is not None:
            found.setdefault(row.scaling_id, {})[shell] = {key: getattr(row, key) for key in _STATISTICS}
    for shells in found.values():
        same_units(shells)
    return found


def attachments(reader: Reader, collection_id: int) -> list[Row]:
    """Files that pipelines left: id, program_id, program, kind, name, directory, rank (1: look at this first).

    Two statements; raises NotFound.
    """
    columns = (
        ProgramAttachment.id,
        Program.name.label("program"),
        ProgramAttachment.kind,
        ProgramAttachment.name,
        ProgramAttachment.directory,
        ProgramAttachment.rank,
        ProgramAttachment.deleted,
    )
    rows = _left(reader, collection_id, columns, ProgramAttachment)
    return [row for row in rows if not row.pop("deleted")]


def messages(reader: Reader, collection_id: int) -> list[Row]:
    """What pipelines said: severity, message, description, recorded. Two statements; raises NotFound."""
    columns = (
        ProgramMessage.id,
        ProgramMessage.severity,
        ProgramMessage.message,
        ProgramMessage.description,
        ProgramMessage.recorded,
    )
    return _left(reader, collection_id, columns, ProgramMessage)


def _left(reader: Reader, collection_id: int, columns: tuple[Any, ...], what: Any) -> list[Row]:
    query = runs_of(
        visit_of(reader, collection_id),
        [collection_id],
        columns,
        lambda query: query.join(what, what.program_id == Program.program_id),
    )
    rows = [dict(row._mapping) for row in reader.rows(query)]
    for row in rows:
        del row["state"], row["collection_id"]
    return sorted(rows, key=lambda row: (row["program_id"], row["id"]))


def quality(reader: Reader, collection_id: int, after: int = 0) -> dict[str, NDArray[Any]]:
    """Per-image numbers beyond image ``after``, in the order of images; read in blocks of 100,000.

    ``image`` whole numbers; ``spots``, ``bragg``, ``resolution`` (Å), ``signal``, ``dozor`` floats, NaN where ISPyB has
    nothing. All empty where there are none, or the collection may not be seen.
    """
    columns = {
        "image": ImageQuality.image,
        "spots": ImageQuality.spots,
        "bragg": ImageQuality.bragg,
        "resolution": ImageQuality.resolution,
        "signal": ImageQuality.signal,
        "dozor": ImageQuality.dozor,
    }
    blocks: list[NDArray[np.float64]] = []
    # Images may be counted from 0.
    last = after if after > 0 else -1
    while True:
        query = (
            _placed(*columns.values())
            .join(ImageQuality, ImageQuality.collection_id == Collection.collection_id)
            .where(Collection.collection_id == collection_id, ImageQuality.image > last)
            .order_by(ImageQuality.image)
            .limit(_BLOCK)
        )
        rows = reader.rows(query)
        if rows:
            blocks.append(np.array([tuple(row) for row in rows], dtype=np.float64))
            last = rows[-1][0]
        if len(rows) < _BLOCK:
            break
    values = np.concatenate(blocks) if blocks else np.empty((0, len(columns)))
    return {
        key: np.ascontiguousarray(values[:, place], dtype=np.int64 if key == "image" else np.float64)
        for place, key in enumerate(columns)
    }


def neighbours(reader: Reader, collection_id: int) -> tuple[int | None, int | None]:
    """The collections before and after it in its visit. Two statements; raises NotFound."""
    key = Collection.collection_id
    query = _placed(func.max(case((key < collection_id, key))), func.min(case((key > collection_id, key)))).where(
        Visit.visit_id == visit_of(reader, collection_id)
    )
    found = reader.rows(query)[0]
    return found[0], found[1]


def paths(reader: Reader, collection_id: int) -> Row:
    """Where its files are: directory, template, suffix, sub_path, snapshots (1 to 4), first_image, images.

    As ISPyB states them: distrust them. One statement; raises NotFound.
    """
    query = _placed(
        Collection.directory,
        Collection.template,
        Collection.suffix,
        Collection.sub_path,
        Collection.first_image,
        Collection.images,
        Collection.snapshot_1,
        Collection.snapshot_2,
        Collection.snapshot_3,
        Collection.snapshot_4,
    ).where(Collection.collection_id == collection_id)
    row = reader.one(query, "This collection")
    return {
        "directory": row.directory,
        "template": row.template,
        "suffix": row.suffix,
        "sub_path": row.sub_path,
        "first_image": row.first_image,
        "images": row.images,
        "snapshots": (row.snapshot_1, row.snapshot_2, row.snapshot_3, row.snapshot_4),
    }


def imaging(reader: Reader, collection_id: int) -> Row:
    """What its images need: where they are (directory, template, first_image, images) and where the detector stood.

    wavelength Å, distance mm, resolution Å, two_theta °; beam_x, beam_y, pixel_size_x, pixel_size_y in whatever unit
    the site keeps; beamline. As ISPyB states them: distrust them. One statement; raises NotFound.
    """
    query = (
        _placed(
            *(getattr(Collection, name) for name in _IMAGING),
            Detector.pixel_size_x,
            Detector.pixel_size_y,
            Visit.beamline,
        )
        .outerjoin(Detector, Detector.detector_id == Collection.detector_id)
        .where(Collection.collection_id == collection_id)
    )
    return dict(reader.one(query, "This collection")._mapping)


_IMAGING = (
    "directory", "template", "first_image", "images",
    "wavelength", "distance", "resolution", "two_theta", "beam_x", "beam_y",
)  # fmt: skip

__all__ = [
    "NotFound",
    "attachments",
    "collection",
    "imaging",
    "messages",
    "neighbours",
    "paths",
    "processings",
    "quality",
    "visit_of",
]
