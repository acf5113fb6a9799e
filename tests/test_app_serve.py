"""The app in several processes, and under `panel serve`: pages open, and nothing is left behind."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from browser.site import PASSWORD, ROOT, Site, free_port
from servers.visitor import Visitor

PANEL = ["panel", "serve", "app/main.py", "--index", "main", "--auth-module", "app/gate_module.py", "--plugins"]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path / "site", port=free_port())
    made.folder.mkdir()
    made.write()
    return made


@contextmanager
def started(site: Site, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """The command with the site's settings, until its port answers; its whole group is killed in the end."""
    settings = {
        "DATABASE_URL": f"sqlite:///{site.database}",
        "STORE_URL": f"sqlite:///{site.folder / 'lens.sqlite'}",
        "SERVER_PORT": str(site.port),
    }
    environment = {**os.environ, "PYTHONPATH": str(ROOT)} | {f"ISPYB_LENS_{k}": v for k, v in settings.items()}
    with (site.folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + 60
        while not listening(site.port):
            assert process.poll() is None, site.log
            assert time.monotonic() < deadline, site.log
            time.sleep(0.1)
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def rows_of_visit(address: str, path: str, times: int) -> None:
    """Open the visit so many times, and see rows each time."""

    async def talk() -> None:
        visitor = Visitor(address)
        await visitor.sign_in("alice", PASSWORD)
        for _ in range(times):
            tab = await visitor.open(f"{path}?visit=mx415-3")
            assert (await tab.until("rows"))["rows"]
            tab.close()

    asyncio.run(talk())


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_processes_that_share_a_port_end_with_the_one_that_was_started(site: Site, end: signal.Signals) -> None:
    with started(site, "app", "serve", "--num-procs", "2") as process:
        # Page and websocket meet whichever process is free.
        rows_of_visit(f"http://127.0.0.1:{site.port}", "/", 6)
        process.send_signal(end)
        assert process.wait(30) == (0 if end == signal.SIGTERM else -signal.SIGKILL)
        deadline = time.monotonic() + 30
        while listening(site.port):
            assert time.monotonic() < deadline, f"somebody still serves\n{site.log}"
            time.sleep(0.1)
    assert "Traceback" not in site.log


def test_panel_serve_shows_the_app_behind_its_gate(site: Site) -> None:
    with started(site, *PANEL, "app.gate_module", "--port", str(site.port)):
        rows_of_visit(f"http://localhost:{site.port}", "/main", 2)
    assert "Traceback" not in site.log
