"""Several processes that share a port: made by Tornado, ended with the one that was started."""

import os
import signal
import sys
from types import FrameType
from typing import Any, NoReturn


class Workers:
    """Made before the processes are. Each process that serves joins; they end when the first one is gone, however.

    The first process only waits. It takes SIGTERM and SIGINT for the end of all. A process that crashes is made anew
    by Tornado, so none ends the others.
    """

    def __init__(self) -> None:
        self._first = os.getpid()
        # Its other end closes with the first process, whatever ended that: then there is something to read.
        self._living, self._held = os.pipe()
        signal.signal(signal.SIGTERM, self._leave)

    @property
    def waits(self) -> bool:
        """Whether this is the process that waits."""
        return os.getpid() == self._first

    def join(self, server: Any) -> None:
        """Serve here until the first process is gone; ``server`` is a Bokeh server that will run until shut down."""
        os.close(self._held)

        def orphaned(*_: object) -> None:
            server.io_loop.remove_handler(self._living)
            os.kill(os.getpid(), signal.SIGTERM)

        server.io_loop.add_handler(self._living, orphaned, server.io_loop.READ)

    def end(self) -> None:
        """End the others, from the process that waits; returns when they have ended."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.close(self._held)
        while True:
            try:
                os.wait()
            except ChildProcessError:
                return

    @staticmethod
    def _leave(number: int, frame: FrameType | None) -> NoReturn:
        sys.exit(0)
