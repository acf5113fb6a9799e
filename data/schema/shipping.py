"""What travels, and the samples in it."""

from datetime import datetime

from sqlalchemy.orm import Mapped

from data.schema.base import Table, key, link, moment, prose, real, whole, words


class Shipment(Table):
    """Something sent to or from the facility."""

    __tablename__ = "Shipping"
    shipment_id: Mapped[int] = key("shippingId")
    proposal_id: Mapped[int | None] = link("proposalId", "Proposal.proposalId")
    name: Mapped[str | None] = words("shippingName", 45)
    status: Mapped[str | None] = words("shippingStatus", 45)
    created: Mapped[datetime | None] = moment("creationDate", index=True)
    comments: Mapped[str | None] = words("comments", 1000)
    courier: Mapped[str | None] = words("deliveryAgent_agentName", 45)
    safety_level: Mapped[str | None] = words("SAFETYLEVEL", 8, "safetyLevel")


class ShipmentHasVisit(Table):
    """The visits that a shipment is for."""

    __tablename__ = "ShippingHasSession"
    shipment_id: Mapped[int] = key("shippingId", to="Shipping.shippingId")
    visit_id: Mapped[int] = key("sessionId", to="BLSession.sessionId")


class Dewar(Table):
    """A vessel or a box in a shipment."""

    __tablename__ = "Dewar"
    dewar_id: Mapped[int] = key("dewarId")
    shipment_id: Mapped[int | None] = link("shippingId", "Shipping.shippingId")
    kind: Mapped[str | None] = words("type", 7)
    code: Mapped[str | None] = words("code", 45)
    barcode: Mapped[str | None] = words("barCode", 45)
    status: Mapped[str | None] = words("dewarStatus", 45)
    location: Mapped[str | None] = words("storageLocation", 45)
    tracking_to: Mapped[str | None] = words("trackingNumberToSynchrotron", 30)
    tracking_from: Mapped[str | None] = words("trackingNumberFromSynchrotron", 30)
    comments: Mapped[str | None] = words("comments", 1024)


class Container(Table):
    """A puck, a plate, a grid box."""

    __tablename__ = "Container"
    container_id: Mapped[int] = key("containerId")
    dewar_id: Mapped[int | None] = link("dewarId", "Dewar.dewarId")
    code: Mapped[str | None] = words("code", 45)
    barcode: Mapped[str | None] = words("barcode", 45)
    kind: Mapped[str | None] = words("containerType", 20)
    capacity: Mapped[int | None] = whole("capacity")
    status: Mapped[str | None] = words("containerStatus", 45)
    beamline: Mapped[str | None] = words("beamlineLocation", 20)
    changer_position: Mapped[str | None] = words("sampleChangerLocation", 20)


class Protein(Table):
    """A macromolecule of a proposal."""

    __tablename__ = "Protein"
    protein_id: Mapped[int] = key("proteinId")
    proposal_id: Mapped[int | None] = link("proposalId", "Proposal.proposalId")
    name: Mapped[str | None] = words("name", 255)
    acronym: Mapped[str | None] = words("acronym", 45)
    safety_level: Mapped[str | None] = words("safetyLevel", 6)
    mass: Mapped[float | None] = real("molecularMass")
    sequence: Mapped[str | None] = prose("sequence")


class Crystal(Table):
    """A crystal form of a protein; lengths in Å, angles in degrees, sizes in µm."""

    __tablename__ = "Crystal"
    crystal_id: Mapped[int] = key("crystalId")
    protein_id: Mapped[int | None] = link("proteinId", "Protein.proteinId")
    name: Mapped[str | None] = words("name", 255)
    space_group: Mapped[str | None] = words("spaceGroup", 20)
    cell_a: Mapped[float | None] = real("cell_a")
    cell_b: Mapped[float | None] = real("cell_b")
    cell_c: Mapped[float | None] = real("cell_c")
    cell_alpha: Mapped[float | None] = real("cell_alpha")
    cell_beta: Mapped[float | None] = real("cell_beta")
    cell_gamma: Mapped[float | None] = real("cell_gamma")
    size_x: Mapped[float | None] = real("size_X")
    size_y: Mapped[float | None] = real("size_Y")
    size_z: Mapped[float | None] = real("size_Z")
    comments: Mapped[str | None] = words("comments", 255)


class Sample(Table):
    """A crystal on a pin, a grid, a chip load."""

    __tablename__ = "BLSample"
    sample_id: Mapped[int] = key("blSampleId")
    crystal_id: Mapped[int | None] = link("crystalId", "Crystal.crystalId")
    container_id: Mapped[int | None] = link("containerId", "Container.containerId")
    name: Mapped[str | None] = words("name", 100)
    code: Mapped[str | None] = words("code", 45)
    location: Mapped[str | None] = words("location", 45)
    support: Mapped[str | None] = words("loopType", 45)
    status: Mapped[str | None] = words("blSampleStatus", 20)
    comments: Mapped[str | None] = words("comments", 1024)
