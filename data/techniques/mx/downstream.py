"""What came after the reduction of one collection: phasing, refinement, ligands, molecular replacement.

Sites write it in three ways: steps that follow each other from a scaling (ESRF), phasings of an analysis (both), runs
of molecular replacement with their blobs (both, with other columns). All of them are read.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from data.core.collection import visit_of
from data.reader import Reader
from data.schema import (
    AutoProc,
    Blob,
    Collection,
    Group,
    Integration,
    MRRun,
    Phasing,
    PhasingAttachment,
    PhasingHasScaling,
    PhasingRun,
    PhasingStatistics,
    PhasingStep,
    Program,
    Scaling,
    ScalingHasIntegration,
    SpaceGroup,
    Visit,
)

Row = dict[str, Any]

PARTIAL_CC, FRAGMENT = "CC of partial model", "Average Fragment Length"
_FRAGMENT_LEAST = 10.0


@dataclass(frozen=True, slots=True)
class Downstream:
    """``steps``: see `_step`, the first of a chain before what follows it. ``replacements``: runs with their blobs."""

    steps: list[Row]
    replacements: list[Row]

    @property
    def empty(self) -> bool:
        """Whether nothing came after."""
        return not self.steps and not self.replacements


def downstream(reader: Reader, collection_id: int) -> Downstream:
    """Everything that came after the scalings of a collection. Eleven statements at most; raises NotFound.

    A step: key, previous (key or None), kind (PREPARE … LIGAND_FIT), method, space_group, solvent, hand, low, high (Å),
    pipeline (whose data it took), run {name, status: ok, failed or None, message, start, end}, statistics (by metric,
    overall), files. A replacement: id, pipeline, program, program_id (of the run that made it), space_group, r_start,
    r_end, r_free_start, r_free_end (fractions), llg, tfz, success, message, blobs, files. A file: key, name, kind. A
    blob: id, x, y, z (see `models.fractional`), height (σ), nearest, distance (Å), map_kind, views (keys of pictures).
    """
    visit_id = visit_of(reader, collection_id)
    steps = _steps(reader, visit_id, collection_id) + _phasings(reader, visit_id, collection_id)
    return Downstream(steps, _replacements(reader, visit_id, collection_id))


def _scaled(columns: Sequence[Any], visit_id: int, collection_id: int) -> Any:
    """Over the scalings of a collection, and the programs that made them."""
    return (
        select(*columns)
        .distinct()
        .select_from(Visit)
        .join(Group, Group.visit_id == Visit.visit_id)
        .join(Collection, Collection.group_id == Group.group_id)
        .join(Integration, Integration.collection_id == Collection.collection_id)
        .join(ScalingHasIntegration, ScalingHasIntegration.integration_id == Integration.integration_id)
        .join(Scaling, Scaling.scaling_id == ScalingHasIntegration.scaling_id)
        .outerjoin(AutoProc, AutoProc.auto_proc_id == Scaling.auto_proc_id)
        .outerjoin(Program, Program.program_id == Integration.program_id)
        .where(Visit.visit_id == visit_id, Collection.collection_id == collection_id)
    )


_RUN = (
    PhasingRun.run_id.label("run_id"),
    PhasingRun.name.label("run_name"),
    PhasingRun.status.label("run_status"),
    PhasingRun.message.label("run_message"),
    PhasingRun.start.label("run_start"),
    PhasingRun.end.label("run_end"),
)
_SHARED = ("method", "solvent", "hand", "low", "high")


def _steps(reader: Reader, visit_id: int, collection_id: int) -> list[Row]:
    query = _scaled(
        (
            PhasingStep.step_id,
            PhasingStep.previous_id,
            PhasingStep.kind,
            *(getattr(PhasingStep, key) for key in _SHARED),
            SpaceGroup.name.label("space_group"),
            Program.name.label("pipeline"),
            *_RUN,
        ),
        visit_id,
        collection_id,
    )
    query = query.join(PhasingStep, PhasingStep.scaling_id == Scaling.scaling_id)
    rows = reader.rows(_with_run(query, PhasingStep).order_by(PhasingStep.step_id))
    if not rows:
        return []
    numbers = _scaled((PhasingStatistics.step_id.label("owner"), *_NUMBERS), visit_id, collection_id).join(
        PhasingStep, PhasingStep.scaling_id == Scaling.scaling_id
    )
    numbers = numbers.join(PhasingStatistics, PhasingStatistics.step_id == PhasingStep.step_id)
    files = _scaled(_FILE, visit_id, collection_id).join(PhasingStep, PhasingStep.scaling_id == Scaling.scaling_id)
    files = files.join(PhasingRun, PhasingRun.run_id == PhasingStep.run_id)
    told, left = _told(reader, numbers), _files(reader, files)
    return [
        _step(row, f"step.{row.step_id}", told.get(row.step_id, {}), left)
        | {"previous": None if row.previous_id is None else f"step.{row.previous_id}", "kind": row.kind or "PHASING"}
        for row in rows
    ]


def _phasings(reader: Reader, visit_id: int, collection_id: int) -> list[Row]:
    query = _scaled(
        (
            Phasing.id,
            PhasingHasScaling.id.label("has_id"),
            *(getattr(Phasing, key) for key in _SHARED),
            SpaceGroup.name.label("space_group"),
            Program.name.label("pipeline"),
            *_RUN,
        ),
        visit_id,
        collection_id,
    )
    query = _analysed(query)
    rows = reader.rows(_with_run(query, Phasing).order_by(Phasing.id))
    if not rows:
        return []
    numbers = _scaled((PhasingStatistics.has_scaling_id.label("owner"), *_NUMBERS), visit_id, collection_id).join(
        PhasingHasScaling, PhasingHasScaling.scaling_id == Scaling.scaling_id
    )
    numbers = numbers.join(PhasingStatistics, PhasingStatistics.has_scaling_id == PhasingHasScaling.id)
    files = _analysed(_scaled(_FILE, visit_id, collection_id)).join(PhasingRun, PhasingRun.run_id == Phasing.run_id)
    told, left = _told(reader, numbers), _files(reader, files)
    return [
        _step(row, f"phasing.{row.id}", told.get(row.has_id, {}), left) | {"previous": None, "kind": "PHASING"}
        for row in rows
    ]


def _analysed(query: Any) -> Any:
    return query.join(PhasingHasScaling, PhasingHasScaling.scaling_id == Scaling.scaling_id).join(
        Phasing, Phasing.analysis_id == PhasingHasScaling.analysis_id
    )


def _with_run(query: Any, of: Any) -> Any:
    return query.outerjoin(PhasingRun, PhasingRun.run_id == of.run_id).outerjoin(
        SpaceGroup, SpaceGroup.id == of.space_group_id
    )


_NUMBERS = (PhasingStatistics.id, PhasingStatistics.metric, PhasingStatistics.value, PhasingStatistics.bin)
_FILE = (
    PhasingAttachment.id.label("file_id"),
    PhasingAttachment.run_id.label("file_run"),
    PhasingAttachment.name.label("file_name"),
    PhasingAttachment.kind.label("file_kind"),
)


def _told(reader: Reader, query: Any) -> dict[int, dict[str, float]]:
    """Overall statistics by their owner: those of no shell."""
    found: dict[int, dict[str, float]] = {}
    for row in reader.rows(query.order_by(PhasingStatistics.id)):
        if row.bin in (None, 0) and row.metric and row.value is not None:
            found.setdefault(row.owner, {})[row.metric] = row.value
    return found


def _files(reader: Reader, query: Any) -> dict[int, list[Row]]:
    query = query.join(PhasingAttachment, PhasingAttachment.run_id == PhasingRun.run_id)
    found: dict[int, list[Row]] = {}
    for row in reader.rows(query.order_by(PhasingAttachment.id)):
        file = {"key": f"phasing.{row.file_id}", "name": row.file_name or "", "kind": row.file_kind}
        found.setdefault(row.file_run, []).append(file)
    return found


def _step(row: Any, key: str, told: dict[str, float], files: dict[int, list[Row]]) -> Row:
    status = {1: "ok", 0: "failed"}.get(row.run_status)
    run = {"name": row.run_name, "status": status, "message": row.run_message}
    run |= {"start": row.run_start, "end": row.run_end}
    return {
        "key": key,
        **{name: getattr(row, name) for name in _SHARED},
        "space_group": row.space_group,
        "pipeline": row.pipeline,
        "run": run,
        "statistics": told,
        "files": files.get(row.run_id, []),
    }


def _replacements(reader: Reader, visit_id: int, collection_id: int) -> list[Row]:
    keys = ("r_start", "r_end", "r_free_start", "r_free_end", "llg", "tfz", "success", "message")
    query = _scaled(
        (
            MRRun.mr_id.label("id"),
            MRRun.pipeline.label("program"),
            MRRun.program_id,
            MRRun.space_group.label("own_group"),
            AutoProc.space_group.label("data_group"),
            Program.name.label("pipeline"),
            *(getattr(MRRun, key) for key in keys),
            MRRun.model,
            MRRun.reflections,
            MRRun.log,
        ),
        visit_id,
        collection_id,
    ).join(MRRun, MRRun.scaling_id == Scaling.scaling_id)
    found: dict[int, Row] = {}
    for row in reader.rows(query.order_by(MRRun.mr_id)):
        files = [
            {"key": f"{kind}.{row.id}", "name": path.rsplit("/", 1)[-1], "kind": words}
            for kind, words, path in (
                ("model", "Model", row.model),
                ("reflections", "Reflections", row.reflections),
                ("mrlog", "Log", row.log),
            )
            if path
        ]  # fmt: skip
        found[row.id] = {
            "id": row.id,
            "program": row.program,
            "program_id": row.program_id,
            "space_group": row.own_group or row.data_group,
            "pipeline": row.pipeline,
            **{key: getattr(row, key) for key in keys},
            "files": files,
            "blobs": [],
        }
    if not found:
        return []
    own = ("blob_id", "mr_id", "x", "y", "z", "height", "occupancy", "distance", "map_kind")
    blobs = _scaled(
        (*(getattr(Blob, key) for key in own), Blob.atom, Blob.chain, Blob.residue, Blob.residue_number,
         Blob.view_1, Blob.view_2, Blob.view_3), visit_id, collection_id,
    ).join(MRRun, MRRun.scaling_id == Scaling.scaling_id).join(Blob, Blob.mr_id == MRRun.mr_id)  # fmt: skip
    for row in reader.rows(blobs.order_by(Blob.blob_id)):
        parts = (row.chain, row.residue, row.residue_number, row.atom)
        found[row.mr_id]["blobs"].append(
            {key: getattr(row, key) for key in own}
            | {
                "nearest": " ".join(str(part) for part in parts if part is not None) or None,
                "views": [f"blob{n}.{row.blob_id}" for n in (1, 2, 3) if getattr(row, f"view_{n}")],
            }
        )
    return list(found.values())


def succeeded(step: Row) -> bool:
    """Whether a step gave a model: a PDB file is there."""
    return any((file["kind"] or "").upper() == "PDB" for file in step["files"])


def by_space_group(steps: Iterable[Row]) -> list[tuple[str, list[Row]]]:
    """Steps by space group, the group with the best model first: the lowest free R, then the highest CC of a partial
    model whose fragments have more than ten residues on average, then any model; then by name.
    """
    groups: dict[str, list[Row]] = {}
    for step in steps:
        groups.setdefault(step["space_group"] or "", []).append(step)
    return sorted(groups.items(), key=lambda one: (min(map(_rank, one[1])), one[0]))


def _rank(step: Row) -> tuple[float, float, bool]:
    told = step["statistics"]
    free = told.get("Final R-free")
    cc = told.get(PARTIAL_CC) if told.get(FRAGMENT, 0.0) > _FRAGMENT_LEAST else None
    return (float("inf") if free is None else free, 0.0 if cc is None else -cc, not succeeded(step))
