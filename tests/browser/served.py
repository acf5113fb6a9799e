"""Processes that serve a site, forked from one that has loaded everything."""

import atexit
import json
import os
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

SERVE = Path(__file__).with_name("serve_site.py")
ROOT = Path(__file__).parents[2]


class Served:
    """A forked process, asked as a ``subprocess.Popen`` is."""

    def __init__(self, settings: Path, log: Path) -> None:
        asked = {"serve": str(settings), "log": str(log), "environment": environment()}
        self.pid = int(_ask(asked))
        self._code: int | None = None

    def poll(self) -> int | None:
        if self._code is None:
            self._code = _ask({"ended": self.pid})
        return self._code

    def wait(self, timeout: float) -> int:
        """Raises subprocess.TimeoutExpired."""
        until = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired(str(SERVE), timeout)
            time.sleep(0.02)
        return code

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


def environment() -> dict[str, str]:
    """That of a process which serves."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


@cache
def _loaded() -> subprocess.Popen[str]:
    found = subprocess.Popen(
        [sys.executable, str(SERVE)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment(),
    )
    atexit.register(found.communicate)
    return found


def _ask(asked: dict[str, Any]) -> Any:
    loaded = _loaded()
    assert loaded.stdin
    assert loaded.stdout
    loaded.stdin.write(json.dumps(asked) + "\n")
    loaded.stdin.flush()
    return json.loads(loaded.stdout.readline())
