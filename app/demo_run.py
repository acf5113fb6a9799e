"""A serial run that goes on while the demo is shown, and the next one after it: simulated, and labelled so."""

import logging
import threading
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.commands.simulate import places
from data.demo.beamline import Target
from data.demo.beamlines import SX1
from data.demo.facility import Facility
from data.demo.serial import Plan, SsxRun
from data.demo.site import writable
from data.schema import Proposal, Visit
from data.source import driver

log = logging.getLogger(__name__)

_HERTZ: Final = 25.0
_FRAMES: Final = 51_200  # both shots of each well of an Oxford chip: 34 min
_STEP_SECONDS: Final = 1.0
_PAUSE_SECONDS: Final = 60.0


class DemoRun:
    """Takes run after run in a thread of its own, from ``start`` to ``stop``. Costs a hundredth of a core."""

    def __init__(self, made: Facility, hertz: float = _HERTZ, frames: int = _FRAMES) -> None:
        self._made, self._hertz, self._frames = made, hertz, frames
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self.collection_id: int | None = None
        """The run that goes on."""

    def start(self) -> None:
        """Begin. Where no visit of the serial beamline goes on there is nothing to take."""
        self._thread = threading.Thread(target=self._work, name="ispyb-lens-demo-run", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the run that goes on: no collection is left as running."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(5)

    def _work(self) -> None:
        engine = writable(driver(self._made.url))
        try:
            target = current_visit(engine, datetime.now())
            number = 0
            while target is not None and not self._stopped.is_set():
                self._take(engine, target, number)
                number += 1
                self._stopped.wait(_PAUSE_SECONDS)
        except (SQLAlchemyError, OSError):
            log.warning("the live run of the demo has stopped", exc_info=True)
        finally:
            engine.dispose()

    def _take(self, engine: Engine, target: Target, number: int) -> None:
        folder: Path = self._made.roots[0]
        place, stored = places(folder, self._made.mapping, target)
        plan = Plan(frames=self._frames, rate=self._hertz, chip=number % 2 == 0, laser=True, isoform=0.2, merges=12,
                    reflections=True, seed=number)  # fmt: skip
        run = SsxRun(engine, target.visit_id, plan, directory=place, stored=stored)
        while not run.finished and not self._stopped.is_set():
            run.step()
            self.collection_id = run.collection_id
            self._stopped.wait(_STEP_SECONDS)
        run.stop()
        self.collection_id = None


def current_visit(engine: Engine, now: datetime) -> Target | None:
    """A visit of the serial beamline that goes on, if there is one."""
    query = (
        select(Visit.visit_id, Visit.number, Visit.beamline, Visit.proposal_id, Visit.start,
               Proposal.code, Proposal.number.label("proposal"))
        .join(Proposal, Proposal.proposal_id == Visit.proposal_id)
        .where(Visit.beamline == SX1.name, Visit.start <= now, Visit.end >= now)
        .order_by(Visit.visit_id)
        .limit(1)
    )  # fmt: skip
    with Session(engine) as session:
        row = session.execute(query).first()
    if row is None:
        return None
    name = f"{row.code}{row.proposal}-{row.number}"
    return Target(row.visit_id, name, row.beamline or "", row.proposal_id, (row.start or now).year)
