"""`ispyb-lens serve` with two views that fail where a test wants them to.

``serve_site.py FILE`` serves with these settings. ``serve_site.py`` alone loads everything once and then serves with
each file that a line of its standard input names, in a process forked for it: a site starts in a tenth of the time.
"""

import gc
import json
import os
import signal
import sys
import time
import traceback
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


def serve(settings: str) -> int:
    screens.VIEWS["collection"] = FailsWhenDrawn  # type: ignore[index]
    screens.VIEWS["visit"] = FailsWhenOpened  # type: ignore[index]
    return main(["serve", "--config", settings])


def answer() -> None:
    """Answer each line with a line: what was started, or how it ended. At the end of the lines, end them all."""
    import app.commands.serve  # noqa: F401
    from data.images import warm

    warm.prepare()
    gc.freeze()
    children = set[int]()
    for line in sys.stdin:
        asked = json.loads(line)
        if "serve" in asked:
            child = os.fork()
            if child == 0:
                os._exit(_begin(asked))
            children.add(child)
            print(child, flush=True)
        else:
            ended, status = os.waitpid(asked["ended"], os.WNOHANG)
            children.discard(ended)
            print(json.dumps(os.waitstatus_to_exitcode(status) if ended else None), flush=True)
    for child in children:
        os.kill(child, signal.SIGKILL)


def _begin(asked: dict[str, Any]) -> int:
    """What a process of its own would do, and the code it would end with."""
    log = os.open(asked["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, file in ((0, nothing), (1, log), (2, log)):
        os.dup2(file, number)
    os.environ.clear()
    os.environ.update(asked["environment"])
    try:
        return serve(asked["serve"])
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(serve(sys.argv[1]) if sys.argv[1:] else answer())
