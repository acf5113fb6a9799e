"""Serial crystallography: what is written beside a collection."""

from sqlalchemy.orm import Mapped

from data.schema.base import Table, key, link, real, whole, words


class SSXCollection(Table):
    """Serial parameters of a collection; Hz, µm, m/s, s, mJ as the beamline wrote them."""

    __tablename__ = "SSXDataCollection"
    collection_id: Mapped[int] = key("dataCollectionId", to="DataCollection.dataCollectionId")
    repetition_rate: Mapped[float | None] = real("repetitionRate")
    bandwidth: Mapped[float | None] = real("energyBandwidth")
    jet_speed: Mapped[float | None] = real("jetSpeed")
    jet_size: Mapped[float | None] = real("jetSize")
    chip_pattern: Mapped[str | None] = words("chipPattern", 255)
    chip_model: Mapped[str | None] = words("chipModel", 255)
    reaction: Mapped[float | None] = real("reactionDuration")
    laser_energy: Mapped[float | None] = real("laserEnergy")
    experiment: Mapped[str | None] = words("experimentName", 255)


class EventChain(Table):
    """A sequence of events (laser, X-rays) that a collection repeats."""

    __tablename__ = "EventChain"
    chain_id: Mapped[int] = key("eventChainId")
    collection_id: Mapped[int | None] = link("dataCollectionId", "DataCollection.dataCollectionId")
    name: Mapped[str | None] = words("name", 255)


class Event(Table):
    """One event of a chain; times in s from the chain's start."""

    __tablename__ = "Event"
    event_id: Mapped[int] = key("eventId")
    chain_id: Mapped[int | None] = link("eventChainId", "EventChain.eventChainId")
    type_id: Mapped[int | None] = link("eventTypeId", "EventType.eventTypeId")
    name: Mapped[str | None] = words("name", 255)
    offset: Mapped[float | None] = real("offset")
    duration: Mapped[float | None] = real("duration")
    period: Mapped[float | None] = real("period")
    repetition: Mapped[float | None] = real("repetition")


class EventType(Table):
    """A kind of event."""

    __tablename__ = "EventType"
    id: Mapped[int] = key("eventTypeId")
    name: Mapped[str | None] = words("name", 30)


class SSXResult(Table):
    """Hit and indexing rate of a collection, where the site writes them as rows; fractions or percent as stored."""

    __tablename__ = "SSXProcessingResult"
    id: Mapped[int] = key("ssxProcessingResultId")
    collection_id: Mapped[int | None] = link("dataCollectionId", "DataCollection.dataCollectionId")
    hit_rate: Mapped[float | None] = real("hitRate")
    indexing_rate: Mapped[float | None] = real("indexingRate")
    stage: Mapped[str | None] = words("indexingType", 11)
    status: Mapped[str | None] = words("status", 7)
    crystals: Mapped[int | None] = whole("nbCrystals")
