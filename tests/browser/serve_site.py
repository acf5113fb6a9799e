"""`ispyb-lens serve` with two views that fail where a test wants them to."""

import sys
import time
from typing import Any

from app import screens
from app.__main__ import main
from data.reader import Reader
from views.core.collection import Answer, CollectionView
from views.core.visit import VisitView
from views.place import Place

BROKEN_COLLECTION, BROKEN_VISIT, LATE_COLLECTION = 9999, "hx9-1", 5131
LATE = 0.8


class FailsWhenDrawn(CollectionView):
    """Fails with the answer of one collection; that of another comes late."""

    def _question(self, reader: Reader) -> Answer:
        if self._number == LATE_COLLECTION:
            time.sleep(LATE)
        return super()._question(reader)

    def _draw(self, answer: Answer, *more: Any) -> None:
        if answer.collection["id"] == BROKEN_COLLECTION:
            raise RuntimeError("planted, while drawing")
        super()._draw(answer, *more)


class FailsWhenOpened(VisitView):
    """Fails when one visit is asked for."""

    def show(self, place: Place) -> None:
        if place.visit_name == BROKEN_VISIT:
            raise RuntimeError("planted, while opening")
        super().show(place)


if __name__ == "__main__":
    screens.VIEWS["collection"] = FailsWhenDrawn  # type: ignore[index]
    screens.VIEWS["visit"] = FailsWhenOpened  # type: ignore[index]
    sys.exit(main(["serve", "--config", sys.argv[1]]))
