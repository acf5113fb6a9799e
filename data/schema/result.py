"""What pipelines made of a collection."""

from datetime import datetime

from sqlalchemy.orm import Mapped

from data.schema.base import Table, key, link, moment, prose, real, whole, words


class Program(Table):
    """One run of a pipeline. ``status``: "1" or "SUCCESS", "0" or "FAILED", NULL or "RUNNING" by site."""

    __tablename__ = "AutoProcProgram"
    program_id: Mapped[int] = key("autoProcProgramId")
    job_id: Mapped[int | None] = whole("processingJobId", index=True)
    collection_hint: Mapped[int | None] = whole("dataCollectionId", index=True)
    parent_id: Mapped[int | None] = whole("parentAutoProcProgramId")
    name: Mapped[str | None] = words("processingPrograms", 255)
    command: Mapped[str | None] = words("processingCommandLine", 255)
    status: Mapped[str | None] = words("processingStatus", 7)
    message: Mapped[str | None] = words("processingMessage", 255)
    start: Mapped[datetime | None] = moment("processingStartTime")
    end: Mapped[datetime | None] = moment("processingEndTime")
    recorded: Mapped[datetime | None] = moment("recordTimeStamp")


class ProgramMessage(Table):
    """A message that a pipeline left."""

    __tablename__ = "AutoProcProgramMessage"
    id: Mapped[int] = key("autoProcProgramMessageId")
    program_id: Mapped[int | None] = link("autoProcProgramId", "AutoProcProgram.autoProcProgramId")
    severity: Mapped[str | None] = words("severity", 7)
    message: Mapped[str | None] = words("message", 200)
    description: Mapped[str | None] = prose("description")
    recorded: Mapped[datetime | None] = moment("recordTimeStamp")


class ProgramAttachment(Table):
    """A file that a pipeline left."""

    __tablename__ = "AutoProcProgramAttachment"
    id: Mapped[int] = key("autoProcProgramAttachmentId")
    program_id: Mapped[int | None] = link("autoProcProgramId", "AutoProcProgram.autoProcProgramId")
    kind: Mapped[str | None] = words("fileType", 6)
    name: Mapped[str | None] = words("fileName", 255)
    directory: Mapped[str | None] = words("filePath", 255)
    rank: Mapped[int | None] = whole("importanceRank")
    deleted: Mapped[int | None] = whole("deleted")


class Job(Table):
    """A request for processing."""

    __tablename__ = "ProcessingJob"
    job_id: Mapped[int] = key("processingJobId")
    collection_id: Mapped[int | None] = link("dataCollectionId", "DataCollection.dataCollectionId")
    name: Mapped[str | None] = words("displayName", 80)
    recipe: Mapped[str | None] = words("recipe", 50)
    automatic: Mapped[int | None] = whole("automatic")


class Integration(Table):
    """The integration of one collection's images by one program."""

    __tablename__ = "AutoProcIntegration"
    integration_id: Mapped[int] = key("autoProcIntegrationId")
    collection_id: Mapped[int | None] = link("dataCollectionId", "DataCollection.dataCollectionId")
    program_id: Mapped[int | None] = link("autoProcProgramId", "AutoProcProgram.autoProcProgramId")
    first_image: Mapped[int | None] = whole("startImageNumber")
    last_image: Mapped[int | None] = whole("endImageNumber")
    distance: Mapped[float | None] = real("refinedDetectorDistance")
    beam_x: Mapped[float | None] = real("refinedXBeam")
    beam_y: Mapped[float | None] = real("refinedYBeam")
    anomalous: Mapped[int | None] = whole("anomalous")


class ScalingHasIntegration(Table):
    """Which integrations a scaling used."""

    __tablename__ = "AutoProcScaling_has_Int"
    id: Mapped[int] = key("autoProcScaling_has_IntId")
    integration_id: Mapped[int | None] = link("autoProcIntegrationId", "AutoProcIntegration.autoProcIntegrationId")
    scaling_id: Mapped[int | None] = link("autoProcScalingId", "AutoProcScaling.autoProcScalingId")


class Scaling(Table):
    """The scaling of one or more integrations."""

    __tablename__ = "AutoProcScaling"
    scaling_id: Mapped[int] = key("autoProcScalingId")
    auto_proc_id: Mapped[int | None] = link("autoProcId", "AutoProc.autoProcId")
    recorded: Mapped[datetime | None] = moment("recordTimeStamp")


class AutoProc(Table):
    """Space group and refined cell; Å and degrees."""

    __tablename__ = "AutoProc"
    auto_proc_id: Mapped[int] = key("autoProcId")
    program_id: Mapped[int | None] = link("autoProcProgramId", "AutoProcProgram.autoProcProgramId")
    space_group: Mapped[str | None] = words("spaceGroup", 45)
    cell_a: Mapped[float | None] = real("refinedCell_a")
    cell_b: Mapped[float | None] = real("refinedCell_b")
    cell_c: Mapped[float | None] = real("refinedCell_c")
    cell_alpha: Mapped[float | None] = real("refinedCell_alpha")
    cell_beta: Mapped[float | None] = real("refinedCell_beta")
    cell_gamma: Mapped[float | None] = real("refinedCell_gamma")


class Statistics(Table):
    """Merging statistics of one shell: ``shell`` is overall, innerShell or outerShell.

    ``cc_half`` and the R values are fractions from some pipelines and percent from others: as stored.
    """

    __tablename__ = "AutoProcScalingStatistics"
    id: Mapped[int] = key("autoProcScalingStatisticsId")
    scaling_id: Mapped[int | None] = link("autoProcScalingId", "AutoProcScaling.autoProcScalingId")
    shell: Mapped[str | None] = words("scalingStatisticsType", 10)
    low: Mapped[float | None] = real("resolutionLimitLow")
    high: Mapped[float | None] = real("resolutionLimitHigh")
    r_merge: Mapped[float | None] = real("rMerge")
    r_meas: Mapped[float | None] = real("rMeasAllIPlusIMinus")
    r_pim: Mapped[float | None] = real("rPimAllIPlusIMinus")
    observations: Mapped[int | None] = whole("nTotalObservations")
    unique: Mapped[int | None] = whole("nTotalUniqueObservations")
    i_over_sigma: Mapped[float | None] = real("meanIOverSigI")
    completeness: Mapped[float | None] = real("completeness")
    multiplicity: Mapped[float | None] = real("multiplicity")
    anomalous_completeness: Mapped[float | None] = real("anomalousCompleteness")
    anomalous_multiplicity: Mapped[float | None] = real("anomalousMultiplicity")
    cc_half: Mapped[float | None] = real("ccHalf")
    cc_anomalous: Mapped[float | None] = real("ccAnomalous", "ccAno")
