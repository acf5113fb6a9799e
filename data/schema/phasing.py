"""What came after the reduction of the data: phasing, model building, refinement, ligands.

Two ways to write it: as phasing runs with steps or analyses, tied to a scaling, and as runs of molecular replacement.
"""

from datetime import datetime

from sqlalchemy.orm import Mapped

from data.schema.base import Table, key, link, moment, real, whole, words


class SpaceGroup(Table):
    """A space group; ``short`` as ``P212121``, ``name`` as ``P 21 21 21``."""

    __tablename__ = "SpaceGroup"
    id: Mapped[int] = key("spaceGroupId")
    number: Mapped[int | None] = whole("spaceGroupNumber")
    short: Mapped[str | None] = words("spaceGroupShortName", 45)
    name: Mapped[str | None] = words("spaceGroupName", 45)


class PhasingRun(Table):
    """One run of a phasing program. ``status``: 1 succeeded, 0 failed, NULL not said."""

    __tablename__ = "PhasingProgramRun"
    run_id: Mapped[int] = key("phasingProgramRunId")
    name: Mapped[str | None] = words("phasingPrograms", 255)
    command: Mapped[str | None] = words("phasingCommandLine", 255)
    status: Mapped[int | None] = whole("phasingStatus")
    message: Mapped[str | None] = words("phasingMessage", 255)
    start: Mapped[datetime | None] = moment("phasingStartTime")
    end: Mapped[datetime | None] = moment("phasingEndTime")
    directory: Mapped[str | None] = words("phasingDirectory", 255)


class PhasingHasScaling(Table):
    """The scaling that an analysis used."""

    __tablename__ = "Phasing_has_Scaling"
    id: Mapped[int] = key("phasingHasScalingId")
    analysis_id: Mapped[int | None] = whole("phasingAnalysisId", index=True)
    scaling_id: Mapped[int | None] = link("autoProcScalingId", "AutoProcScaling.autoProcScalingId")


class Phasing(Table):
    """A phasing of an analysis. Limits in Å; the solvent as a fraction."""

    __tablename__ = "Phasing"
    id: Mapped[int] = key("phasingId")
    analysis_id: Mapped[int | None] = whole("phasingAnalysisId", index=True)
    run_id: Mapped[int | None] = link("phasingProgramRunId", "PhasingProgramRun.phasingProgramRunId")
    space_group_id: Mapped[int | None] = link("spaceGroupId", "SpaceGroup.spaceGroupId")
    method: Mapped[str | None] = words("method", 18)
    solvent: Mapped[float | None] = real("solventContent")
    hand: Mapped[int | None] = whole("enantiomorph")
    low: Mapped[float | None] = real("lowRes")
    high: Mapped[float | None] = real("highRes")


class PhasingStep(Table):
    """A step from a scaling to a model, after another step or as the first.

    ``kind``: PREPARE, SUBSTRUCTUREDETERMINATION, PHASING, MODELBUILDING, REFINEMENT, LIGAND_FIT. Solvent, hand and
    limits are text, and are read as numbers where they are some.
    """

    __tablename__ = "PhasingStep"
    step_id: Mapped[int] = key("phasingStepId")
    previous_id: Mapped[int | None] = whole("previousPhasingStepId")
    run_id: Mapped[int | None] = link("programRunId", "PhasingProgramRun.phasingProgramRunId")
    space_group_id: Mapped[int | None] = link("spaceGroupId", "SpaceGroup.spaceGroupId")
    scaling_id: Mapped[int | None] = link("autoProcScalingId", "AutoProcScaling.autoProcScalingId")
    kind: Mapped[str | None] = words("phasingStepType", 25)
    method: Mapped[str | None] = words("method", 45)
    solvent: Mapped[float | None] = real("solventContent")
    hand: Mapped[float | None] = real("enantiomorph")
    low: Mapped[float | None] = real("lowRes")
    high: Mapped[float | None] = real("highRes")


class PhasingStatistics(Table):
    """A number that tells how well it went, overall (no ``bin``) or in a shell of resolution (Å)."""

    __tablename__ = "PhasingStatistics"
    id: Mapped[int] = key("phasingStatisticsId")
    has_scaling_id: Mapped[int | None] = link("phasingHasScalingId1", "Phasing_has_Scaling.phasingHasScalingId")
    step_id: Mapped[int | None] = link("phasingStepId", "PhasingStep.phasingStepId")
    bin: Mapped[int | None] = whole("binNumber")
    low: Mapped[float | None] = real("lowRes")
    high: Mapped[float | None] = real("highRes")
    metric: Mapped[str | None] = words("metric", 23)
    value: Mapped[float | None] = real("statisticsValue")


class PhasingAttachment(Table):
    """A file that a phasing program left."""

    __tablename__ = "PhasingProgramAttachment"
    id: Mapped[int] = key("phasingProgramAttachmentId")
    run_id: Mapped[int | None] = link("phasingProgramRunId", "PhasingProgramRun.phasingProgramRunId")
    kind: Mapped[str | None] = words("fileType", 20)
    name: Mapped[str | None] = words("fileName", 45)
    directory: Mapped[str | None] = words("filePath", 255)


class MRRun(Table):
    """A run of molecular replacement and refinement; R values as fractions.

    ``program_id`` where one flavour keeps it, files and success where the other does.
    """

    __tablename__ = "MXMRRun"
    mr_id: Mapped[int] = key("mxMRRunId")
    scaling_id: Mapped[int | None] = link("autoProcScalingId", "AutoProcScaling.autoProcScalingId")
    program_id: Mapped[int | None] = whole("autoProcProgramId", index=True)
    r_start: Mapped[float | None] = real("rValueStart")
    r_end: Mapped[float | None] = real("rValueEnd")
    r_free_start: Mapped[float | None] = real("rFreeValueStart")
    r_free_end: Mapped[float | None] = real("rFreeValueEnd")
    llg: Mapped[float | None] = real("LLG")
    tfz: Mapped[float | None] = real("TFZ")
    space_group: Mapped[str | None] = words("spaceGroup", 45)
    success: Mapped[int | None] = whole("success")
    message: Mapped[str | None] = words("message", 255)
    pipeline: Mapped[str | None] = words("pipeline", 50)
    directory: Mapped[str | None] = words("runDirectory", 255)
    model: Mapped[str | None] = words("outputCoordFile", 255)
    reflections: Mapped[str | None] = words("outputMTZFile", 255)
    log: Mapped[str | None] = words("logFile", 255)


class Blob(Table):
    """Density that no atom explains, or a peak of a map: place as fractions of the cell, height in σ, distance in Å."""

    __tablename__ = "MXMRRunBlob"
    blob_id: Mapped[int] = key("mxMRRunBlobId")
    mr_id: Mapped[int | None] = link("mxMRRunId", "MXMRRun.mxMRRunId")
    view_1: Mapped[str | None] = words("view1", 255)
    view_2: Mapped[str | None] = words("view2", 255)
    view_3: Mapped[str | None] = words("view3", 255)
    directory: Mapped[str | None] = words("filePath", 255)
    x: Mapped[float | None] = real("x")
    y: Mapped[float | None] = real("y")
    z: Mapped[float | None] = real("z")
    height: Mapped[float | None] = real("height")
    occupancy: Mapped[float | None] = real("occupancy")
    atom: Mapped[str | None] = words("nearestAtomName", 4)
    chain: Mapped[str | None] = words("nearestAtomChainId", 2)
    residue: Mapped[str | None] = words("nearestAtomResName", 4)
    residue_number: Mapped[int | None] = whole("nearestAtomResSeq")
    distance: Mapped[float | None] = real("nearestAtomDistance")
    map_kind: Mapped[str | None] = words("mapType", 10)
