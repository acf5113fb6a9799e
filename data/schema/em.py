"""Cryo-EM: movies, motion correction, CTF."""

from datetime import datetime

from sqlalchemy.orm import Mapped

from data.schema.base import Table, key, link, moment, real, whole, words


class Movie(Table):
    """One movie of the camera."""

    __tablename__ = "Movie"
    movie_id: Mapped[int] = key("movieId")
    collection_id: Mapped[int | None] = link("dataCollectionId", "DataCollection.dataCollectionId")
    number: Mapped[int | None] = whole("movieNumber")
    path: Mapped[str | None] = words("movieFullPath", 255)
    created: Mapped[datetime | None] = moment("createdTimeStamp")


class MotionCorrection(Table):
    """Drift of one movie; Å."""

    __tablename__ = "MotionCorrection"
    motion_id: Mapped[int] = key("motionCorrectionId")
    movie_id: Mapped[int | None] = link("movieId", "Movie.movieId")
    # Only in the flavour that has it; the movie is the way in.
    program_id: Mapped[int | None] = whole("autoProcProgramId", index=True)
    total_motion: Mapped[float | None] = real("totalMotion")
    motion_per_frame: Mapped[float | None] = real("averageMotionPerFrame")
    dose_per_frame: Mapped[float | None] = real("dosePerFrame")
    snapshot: Mapped[str | None] = words("micrographSnapshotFullPath", 512)
    drift_plot: Mapped[str | None] = words("driftPlotFullPath", 512)
    fft: Mapped[str | None] = words("fftFullPath", 255)


class CTF(Table):
    """Contrast transfer function of one movie; Å, degrees.

    Diamond keeps mean defocus and astigmatism, ESRF the two defoci: all four are mapped, half of them NULL.
    """

    __tablename__ = "CTF"
    ctf_id: Mapped[int] = key("ctfId", "CTFid")
    motion_id: Mapped[int | None] = link("motionCorrectionId", "MotionCorrection.motionCorrectionId")
    resolution: Mapped[float | None] = real("estimatedResolution", "resolutionLimit")
    defocus: Mapped[float | None] = real("estimatedDefocus")
    astigmatism: Mapped[float | None] = real("astigmatism")
    astigmatism_angle: Mapped[float | None] = real("astigmatismAngle", "angle")
    defocus_u: Mapped[float | None] = real("defocusU")
    defocus_v: Mapped[float | None] = real("defocusV")
    correlation: Mapped[float | None] = real("ccValue", "crossCorrelationCoefficient")
    spectrum: Mapped[str | None] = words("fftTheoreticalFullPath", 512, "spectraImageFullPath")
