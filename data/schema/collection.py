"""What the detector did: groups, collections, per-image numbers."""

from datetime import datetime

from sqlalchemy.orm import Mapped

from data.schema.base import Table, key, link, moment, real, whole, words


class Group(Table):
    """Collections taken as one experiment on one sample."""

    __tablename__ = "DataCollectionGroup"
    group_id: Mapped[int] = key("dataCollectionGroupId")
    visit_id: Mapped[int | None] = link("sessionId", "BLSession.sessionId")
    sample_id: Mapped[int | None] = link("blSampleId", "BLSample.blSampleId")
    experiment_type_id: Mapped[int | None] = whole("experimentTypeId")
    experiment: Mapped[str | None] = words("experimentType", 30)
    start: Mapped[datetime | None] = moment("startTime")
    end: Mapped[datetime | None] = moment("endTime")
    comments: Mapped[str | None] = words("comments", 1024)


class ExperimentType(Table):
    """A kind of experiment, where the site lists them in a table."""

    __tablename__ = "ExperimentType"
    id: Mapped[int] = key("experimentTypeId")
    name: Mapped[str | None] = words("name", 100)
    proposal_type: Mapped[str | None] = words("proposalType", 10)


class Detector(Table):
    """A detector. The unit of its pixel size differs between sites (mm or µm)."""

    __tablename__ = "Detector"
    detector_id: Mapped[int] = key("detectorId")
    kind: Mapped[str | None] = words("detectorType", 255)
    maker: Mapped[str | None] = words("detectorManufacturer", 255)
    model: Mapped[str | None] = words("detectorModel", 255)
    pixel_size_x: Mapped[float | None] = real("detectorPixelSizeHorizontal")
    pixel_size_y: Mapped[float | None] = real("detectorPixelSizeVertical")
    pixels_x: Mapped[int | None] = whole("numberOfPixelsX")
    pixels_y: Mapped[int | None] = whole("numberOfPixelsY")
    serial: Mapped[str | None] = words("detectorSerialNumber", 30)


class Collection(Table):
    """One run of the detector.

    Times in s, angles in degrees, wavelength and resolution in Å, distance in mm, transmission in percent (some rows
    hold a fraction), flux in photons/s, beam size in mm. ``beam_x``, ``beam_y``: mm or pixels, by site.
    """

    __tablename__ = "DataCollection"
    collection_id: Mapped[int] = key("dataCollectionId")
    group_id: Mapped[int | None] = link("dataCollectionGroupId", "DataCollectionGroup.dataCollectionGroupId")
    detector_id: Mapped[int | None] = link("detectorId", "Detector.detectorId")
    # Held beside the group's visit by most writers, NULL from some: never the base of a query.
    visit_hint: Mapped[int | None] = whole("SESSIONID", "sessionId", index=True)
    number: Mapped[int | None] = whole("dataCollectionNumber")
    start: Mapped[datetime | None] = moment("startTime", index=True)
    end: Mapped[datetime | None] = moment("endTime")
    status: Mapped[str | None] = words("runStatus", 45)
    axis: Mapped[str | None] = words("rotationAxis", 5)
    axis_start: Mapped[float | None] = real("axisStart")
    axis_end: Mapped[float | None] = real("axisEnd")
    axis_range: Mapped[float | None] = real("axisRange")
    overlap: Mapped[float | None] = real("overlap")
    omega: Mapped[float | None] = real("omegaStart")
    kappa: Mapped[float | None] = real("kappaStart")
    phi: Mapped[float | None] = real("phiStart")
    chi: Mapped[float | None] = real("chiStart")
    images: Mapped[int | None] = whole("numberOfImages")
    first_image: Mapped[int | None] = whole("startImageNumber")
    exposure: Mapped[float | None] = real("exposureTime")
    directory: Mapped[str | None] = words("imageDirectory", 255)
    prefix: Mapped[str | None] = words("imagePrefix", 100)
    suffix: Mapped[str | None] = words("imageSuffix", 45)
    template: Mapped[str | None] = words("fileTemplate", 255)
    sub_path: Mapped[str | None] = words("imageContainerSubPath", 255)
    wavelength: Mapped[float | None] = real("wavelength")
    resolution: Mapped[float | None] = real("resolution")
    corner_resolution: Mapped[float | None] = real("resolutionAtCorner")
    distance: Mapped[float | None] = real("detectorDistance")
    two_theta: Mapped[float | None] = real("detector2Theta")
    beam_x: Mapped[float | None] = real("xBeam")
    beam_y: Mapped[float | None] = real("yBeam")
    transmission: Mapped[float | None] = real("transmission")
    flux: Mapped[float | None] = real("flux")
    flux_end: Mapped[float | None] = real("flux_end")
    dose: Mapped[float | None] = real("totalAbsorbedDose")
    beam_size_x: Mapped[float | None] = real("beamSizeAtSampleX")
    beam_size_y: Mapped[float | None] = real("beamSizeAtSampleY")
    beam_shape: Mapped[str | None] = words("beamShape", 45)
    slit_x: Mapped[float | None] = real("slitGapHorizontal")
    slit_y: Mapped[float | None] = real("slitGapVertical")
    undulator_gap: Mapped[float | None] = real("undulatorGap1")
    temperature: Mapped[float | None] = real("averageTemperature")
    ring_mode: Mapped[str | None] = words("synchrotronMode", 20)
    centring: Mapped[str | None] = words("centeringMethod", 255)
    comments: Mapped[str | None] = words("comments", 1024)
    snapshot_1: Mapped[str | None] = words("xtalSnapshotFullPath1", 255)
    snapshot_2: Mapped[str | None] = words("xtalSnapshotFullPath2", 255)
    snapshot_3: Mapped[str | None] = words("xtalSnapshotFullPath3", 255)
    snapshot_4: Mapped[str | None] = words("xtalSnapshotFullPath4", 255)
    # Electron microscopy: kV, ×, e/Å², Å per pixel, µm.
    voltage: Mapped[float | None] = real("voltage")
    magnification: Mapped[float | None] = real("magnification")
    exposed_dose: Mapped[float | None] = real("totalExposedDose")
    # ESRF keeps the sampling rate of a micrograph where an X-ray collection has its beam centre in pixels.
    pixel_on_image: Mapped[float | None] = real("pixelSizeOnImage", "xBeamPix")
    image_size_x: Mapped[int | None] = whole("imageSizeX")
    image_size_y: Mapped[int | None] = whole("imageSizeY")
    c2_aperture: Mapped[float | None] = real("c2aperture")
    objective_aperture: Mapped[float | None] = real("objAperture")
    phase_plate: Mapped[int | None] = whole("phasePlate")


class ImageQuality(Table):
    """Numbers that a spot finder gave for one image. Resolutions in Å."""

    __tablename__ = "ImageQualityIndicators"
    collection_id: Mapped[int] = key("dataCollectionId", to="DataCollection.dataCollectionId")
    image: Mapped[int] = key("imageNumber")
    spots: Mapped[int | None] = whole("spotTotal")
    bragg: Mapped[int | None] = whole("goodBraggCandidates")
    ice_rings: Mapped[int | None] = whole("iceRings")
    resolution_1: Mapped[float | None] = real("method1Res")
    resolution: Mapped[float | None] = real("method2Res")
    signal: Mapped[float | None] = real("totalIntegratedSignal")
    dozor: Mapped[float | None] = real("dozor_score")


class CollectionImage(Table):
    """One image as a file, with the JPEGs drawn from it where a site writes them."""

    __tablename__ = "Image"
    image_id: Mapped[int] = key("imageId")
    collection_id: Mapped[int | None] = link("dataCollectionId", "DataCollection.dataCollectionId")
    image: Mapped[int | None] = whole("imageNumber")
    name: Mapped[str | None] = words("fileName", 255)
    directory: Mapped[str | None] = words("fileLocation", 255)
    jpeg: Mapped[str | None] = words("jpegFileFullPath", 255)
    jpeg_thumb: Mapped[str | None] = words("jpegThumbnailFileFullPath", 255)


class GridInfo(Table):
    """The raster of a grid scan. Steps in mm; offsets of the snapshot in pixels of it, angle in degrees.

    The two scales of the snapshot are the same number, µm for each pixel: ESRF's column is named the other way, yet
    those who write and draw it divide by it.
    """

    __tablename__ = "GridInfo"
    id: Mapped[int] = key("gridInfoId")
    group_id: Mapped[int | None] = link("dataCollectionGroupId", "DataCollectionGroup.dataCollectionGroupId")
    collection_id: Mapped[int | None] = link("dataCollectionId", "DataCollection.dataCollectionId")
    mesh_id: Mapped[int | None] = link("workflowMeshId", "WorkflowMesh.workflowMeshId")
    steps_x: Mapped[float | None] = real("steps_x")
    steps_y: Mapped[float | None] = real("steps_y")
    step_x: Mapped[float | None] = real("dx_mm")
    step_y: Mapped[float | None] = real("dy_mm")
    offset_x: Mapped[float | None] = real("xOffset")
    offset_y: Mapped[float | None] = real("yOffset")
    angle: Mapped[float | None] = real("meshAngle")
    orientation: Mapped[str | None] = words("orientation", 10)
    snaked: Mapped[int | None] = whole("snaked")
    patches_x: Mapped[int | None] = whole("patchesX")
    patches_y: Mapped[int | None] = whole("patchesY")
    snapshot_x: Mapped[float | None] = real("snapshot_offsetXPixel")
    snapshot_y: Mapped[float | None] = real("snapshot_offsetYPixel")
    scale_x: Mapped[float | None] = real("micronsPerPixelX", "pixelsPerMicronX")
    scale_y: Mapped[float | None] = real("micronsPerPixelY", "pixelsPerMicronY")


class WorkflowMesh(Table):
    """What a workflow found on a mesh, where ESRF keeps it: its best image."""

    __tablename__ = "WorkflowMesh"
    id: Mapped[int] = key("workflowMeshId")
    best_image_id: Mapped[int | None] = link("bestImageId", "Image.imageId")


class Centring(Table):
    """X-ray centring on the grid scans of a group: ``kind`` 2d or 3d."""

    __tablename__ = "XrayCentring"
    id: Mapped[int] = key("xrayCentringId")
    group_id: Mapped[int | None] = link("dataCollectionGroupId", "DataCollectionGroup.dataCollectionGroupId")
    status: Mapped[str | None] = words("status", 7)
    kind: Mapped[str | None] = words("xrayCentringType", 2)


class CentringResult(Table):
    """A crystal that X-ray centring found, in boxes of the grid. Old rows name the grid and not the centring."""

    __tablename__ = "XrayCentringResult"
    id: Mapped[int] = key("xrayCentringResultId")
    centring_id: Mapped[int | None] = link("xrayCentringId", "XrayCentring.xrayCentringId")
    grid_id: Mapped[int | None] = link("gridInfoId", "GridInfo.gridInfoId")
    centre_x: Mapped[float | None] = real("centreOfMassX")
    centre_y: Mapped[float | None] = real("centreOfMassY")
    centre_z: Mapped[float | None] = real("centreOfMassZ")
    peak_x: Mapped[int | None] = whole("maxVoxelX")
    peak_y: Mapped[int | None] = whole("maxVoxelY")
    peak_z: Mapped[int | None] = whole("maxVoxelZ")
    voxels: Mapped[int | None] = whole("numberOfVoxels")
    total: Mapped[float | None] = real("totalCount")
    min_x: Mapped[float | None] = real("boundingBoxMinX")
    max_x: Mapped[float | None] = real("boundingBoxMaxX")
    min_y: Mapped[float | None] = real("boundingBoxMinY")
    max_y: Mapped[float | None] = real("boundingBoxMaxY")
    min_z: Mapped[float | None] = real("boundingBoxMinZ")
    max_z: Mapped[float | None] = real("boundingBoxMaxZ")
    status: Mapped[str | None] = words("status", 7)


class CollectionAttachment(Table):
    """A file that belongs to a collection itself; ``path`` is the whole one."""

    __tablename__ = "DataCollectionFileAttachment"
    id: Mapped[int] = key("dataCollectionFileAttachmentId")
    collection_id: Mapped[int | None] = link("dataCollectionId", "DataCollection.dataCollectionId")
    kind: Mapped[str | None] = words("fileType", 8)
    path: Mapped[str | None] = words("fileFullPath", 255)


class CollectionComment(Table):
    """A remark of one person on a collection, beside the one text that the collection has of its own."""

    __tablename__ = "DataCollectionComment"
    id: Mapped[int] = key("dataCollectionCommentId")
    collection_id: Mapped[int | None] = link("dataCollectionId", "DataCollection.dataCollectionId")
    person_id: Mapped[int | None] = link("personId", "Person.personId")
    created: Mapped[datetime | None] = moment("createTime")
    text: Mapped[str | None] = words("comments", 4000)
