"""What happens at a beamline beside collections and scans: moves of the robot."""

from datetime import datetime

from sqlalchemy.orm import Mapped

from data.schema.base import Table, key, link, moment, whole, words


class RobotAction(Table):
    """One move of the sample changer, or one thing done to a mounted sample.

    ``action`` LOAD, UNLOAD, DISPOSE, STORE, WASH, ANNEAL, MOSAIC; ``status`` SUCCESS, ERROR, CRITICAL, WARNING,
    EPICSFAIL, COMMANDNOTSENT.
    """

    __tablename__ = "RobotAction"
    action_id: Mapped[int] = key("robotActionId")
    visit_id: Mapped[int | None] = link("blsessionId", "BLSession.sessionId")
    sample_id: Mapped[int | None] = link("blsampleId", "BLSample.blSampleId")
    action: Mapped[str | None] = words("actionType", 7)
    start: Mapped[datetime | None] = moment("startTimestamp")
    end: Mapped[datetime | None] = moment("endTimestamp")
    status: Mapped[str | None] = words("status", 14)
    message: Mapped[str | None] = words("message", 255)
    container_location: Mapped[int | None] = whole("containerLocation")
    dewar_location: Mapped[int | None] = whole("dewarLocation")
    barcode: Mapped[str | None] = words("sampleBarcode", 45)
