"""What a few images told of a crystal, and the collections that programs propose from them."""

from datetime import datetime

from sqlalchemy.orm import Mapped

from data.schema.base import Table, key, link, moment, prose, real, whole, words


class Screening(Table):
    """A characterisation of a few images."""

    __tablename__ = "Screening"
    id: Mapped[int] = key("screeningId")
    collection_id: Mapped[int | None] = link("dataCollectionId", "DataCollection.dataCollectionId")
    group_id: Mapped[int | None] = whole("dataCollectionGroupId", index=True)
    program: Mapped[str | None] = words("programVersion", 45)
    comments: Mapped[str | None] = words("shortComments", 20)
    remarks: Mapped[str | None] = words("comments", 255)
    recorded: Mapped[datetime | None] = moment("bltimeStamp")


class ScreeningOutput(Table):
    """What indexing gave. Mosaicity and rotation in degrees, resolutions in Å, beam shift in mm, times in s.

    ``indexed`` and ``solved`` are 0 by default also where nobody wrote them.
    """

    __tablename__ = "ScreeningOutput"
    id: Mapped[int] = key("screeningOutputId")
    screening_id: Mapped[int | None] = link("screeningId", "Screening.screeningId")
    said: Mapped[str | None] = prose("statusDescription")
    program: Mapped[str | None] = words("program", 45)
    resolution: Mapped[float | None] = real("resolutionObtained")
    ranking_resolution: Mapped[float | None] = real("rankingResolution")
    mosaicity: Mapped[float | None] = real("mosaicity")
    i_over_sigma: Mapped[float | None] = real("iOverSigma")
    spot_deviation: Mapped[float | None] = real("spotDeviationR")
    beam_shift_x: Mapped[float | None] = real("beamShiftX")
    beam_shift_y: Mapped[float | None] = real("beamShiftY")
    spots_found: Mapped[int | None] = whole("numSpotsFound")
    spots_used: Mapped[int | None] = whole("numSpotsUsed")
    spots_rejected: Mapped[int | None] = whole("numSpotsRejected")
    rings: Mapped[int | None] = whole("diffractionRings")
    indexed: Mapped[int | None] = whole("indexingSuccess")
    solved: Mapped[int | None] = whole("strategySuccess")
    dose: Mapped[float | None] = real("doseTotal")
    exposure: Mapped[float | None] = real("totalExposureTime")
    rotation: Mapped[float | None] = real("totalRotationRange")
    images: Mapped[int | None] = whole("totalNumberOfImages")


class ScreeningLattice(Table):
    """The lattice of an output. Edges in Å, angles in degrees."""

    __tablename__ = "ScreeningOutputLattice"
    id: Mapped[int] = key("screeningOutputLatticeId")
    output_id: Mapped[int | None] = link("screeningOutputId", "ScreeningOutput.screeningOutputId")
    space_group: Mapped[str | None] = words("spaceGroup", 45)
    point_group: Mapped[str | None] = words("pointGroup", 45)
    bravais: Mapped[str | None] = words("bravaisLattice", 45)
    cell_a: Mapped[float | None] = real("unitCell_a")
    cell_b: Mapped[float | None] = real("unitCell_b")
    cell_c: Mapped[float | None] = real("unitCell_c")
    cell_alpha: Mapped[float | None] = real("unitCell_alpha")
    cell_beta: Mapped[float | None] = real("unitCell_beta")
    cell_gamma: Mapped[float | None] = real("unitCell_gamma")


class Strategy(Table):
    """A collection that a program proposes. Angles in degrees, exposure in s, transmission in percent."""

    __tablename__ = "ScreeningStrategy"
    id: Mapped[int] = key("screeningStrategyId")
    output_id: Mapped[int | None] = link("screeningOutputId", "ScreeningOutput.screeningOutputId")
    program: Mapped[str | None] = words("program", 45)
    anomalous: Mapped[int | None] = whole("anomalous")
    start: Mapped[float | None] = real("phiStart")
    end: Mapped[float | None] = real("phiEnd")
    rotation: Mapped[float | None] = real("rotation")
    exposure: Mapped[float | None] = real("exposureTime")
    transmission: Mapped[float | None] = real("transmission")
    resolution: Mapped[float | None] = real("resolution")
    ranking_resolution: Mapped[float | None] = real("rankingResolution")
    completeness: Mapped[float | None] = real("completeness")
    multiplicity: Mapped[float | None] = real("multiplicity")


class Wedge(Table):
    """A part of a strategy at one orientation of the goniometer. Wavelength in Å, dose in MGy."""

    __tablename__ = "ScreeningStrategyWedge"
    id: Mapped[int] = key("screeningStrategyWedgeId")
    strategy_id: Mapped[int | None] = link("screeningStrategyId", "ScreeningStrategy.screeningStrategyId")
    number: Mapped[int | None] = whole("wedgeNumber")
    resolution: Mapped[float | None] = real("resolution")
    completeness: Mapped[float | None] = real("completeness")
    multiplicity: Mapped[float | None] = real("multiplicity")
    dose: Mapped[float | None] = real("doseTotal")
    images: Mapped[int | None] = whole("numberOfImages")
    phi: Mapped[float | None] = real("phi")
    kappa: Mapped[float | None] = real("kappa")
    chi: Mapped[float | None] = real("chi")
    wavelength: Mapped[float | None] = real("wavelength")
    comments: Mapped[str | None] = words("comments", 255)


class SubWedge(Table):
    """A rotation with one exposure. Angles in degrees, exposure in s, transmission in percent."""

    __tablename__ = "ScreeningStrategySubWedge"
    id: Mapped[int] = key("screeningStrategySubWedgeId")
    wedge_id: Mapped[int | None] = link("screeningStrategyWedgeId", "ScreeningStrategyWedge.screeningStrategyWedgeId")
    number: Mapped[int | None] = whole("subWedgeNumber")
    axis: Mapped[str | None] = words("rotationAxis", 45)
    start: Mapped[float | None] = real("axisStart")
    end: Mapped[float | None] = real("axisEnd")
    exposure: Mapped[float | None] = real("exposureTime")
    transmission: Mapped[float | None] = real("transmission")
    oscillation: Mapped[float | None] = real("oscillationRange")
    completeness: Mapped[float | None] = real("completeness")
    multiplicity: Mapped[float | None] = real("multiplicity")
    resolution: Mapped[float | None] = real("RESOLUTION")
    dose: Mapped[float | None] = real("doseTotal")
    images: Mapped[int | None] = whole("numberOfImages")
    comments: Mapped[str | None] = words("comments", 255)
