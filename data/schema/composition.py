"""What is in a sample besides the macromolecule: ligands, buffers, what a jet is made of."""

from sqlalchemy.orm import Mapped

from data.schema.base import Table, key, link, real, words


class Component(Table):
    """A substance that a proposal uses."""

    __tablename__ = "Component"
    component_id: Mapped[int] = key("componentId")
    type_id: Mapped[int | None] = link("componentTypeId", "ComponentType.componentTypeId")
    proposal_id: Mapped[int | None] = link("proposalId", "Proposal.proposalId")
    name: Mapped[str | None] = words("name", 255)
    composition: Mapped[str | None] = words("composition", 255)


class ComponentType(Table):
    """A kind of substance: Ligand, Buffer, JetMaterial."""

    __tablename__ = "ComponentType"
    id: Mapped[int] = key("componentTypeId")
    name: Mapped[str | None] = words("name", 31)


class ConcentrationType(Table):
    """What an abundance counts in."""

    __tablename__ = "ConcentrationType"
    id: Mapped[int] = key("concentrationTypeId")
    name: Mapped[str | None] = words("name", 31)
    symbol: Mapped[str | None] = words("symbol", 8)


class SampleComposition(Table):
    """A substance in a sample."""

    __tablename__ = "SampleComposition"
    id: Mapped[int] = key("sampleCompositionId")
    component_id: Mapped[int | None] = link("componentId", "Component.componentId")
    sample_id: Mapped[int | None] = link("blSampleId", "BLSample.blSampleId")
    concentration_id: Mapped[int | None] = link("concentrationTypeId", "ConcentrationType.concentrationTypeId")
    abundance: Mapped[float | None] = real("abundance")
    ratio: Mapped[float | None] = real("ratio")
    ph: Mapped[float | None] = real("pH")


class CrystalComposition(Table):
    """A substance in a crystal."""

    __tablename__ = "CrystalComposition"
    id: Mapped[int] = key("crystalCompositionId")
    component_id: Mapped[int | None] = link("componentId", "Component.componentId")
    crystal_id: Mapped[int | None] = link("crystalId", "Crystal.crystalId")
    concentration_id: Mapped[int | None] = link("concentrationTypeId", "ConcentrationType.concentrationTypeId")
    abundance: Mapped[float | None] = real("abundance")
    ratio: Mapped[float | None] = real("ratio")
    ph: Mapped[float | None] = real("pH")
