"""Several processes that share a port: made by Tornado, ended with the one that was started."""

import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import NoReturn

# A process that was asked to end and has not, after so many seconds, is ended.
_PATIENCE = 10.0


def end_with_this_process() -> int:
    """From now on whatever is forked from this process ends when this one is gone, however it ended.

    Returns a file descriptor; closing it ends them as well. Where nothing forks (Windows) nothing happens.
    """
    first = os.getpid()
    # Its other end closes with this process, whatever ended that: then there is something to read.
    living, held = os.pipe()

    def begin() -> None:
        if os.getppid() != first:  # forked from a fork, where these numbers are other files
            return
        os.close(held)
        threading.Thread(target=_end_with, args=(living,), name="parent", daemon=True).start()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=begin)
    return held


def _end_with(living: int) -> None:
    os.read(living, 1)
    # To the main thread: a signal that another one takes does not wake the server's loop.
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
    time.sleep(_PATIENCE)
    os._exit(1)


class Workers:
    """Made before the processes are; they end when the first one is gone, however.

    The first process only waits. It takes SIGTERM and SIGINT for the end of all. A process that crashes is made anew
    by Tornado, so none ends the others.
    """

    def __init__(self) -> None:
        self._first = os.getpid()
        self._held = end_with_this_process()
        signal.signal(signal.SIGTERM, self._leave)

    @property
    def waits(self) -> bool:
        """Whether this is the process that waits."""
        return os.getpid() == self._first

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
