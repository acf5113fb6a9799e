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

PANEL = (
    *("panel", "serve", "app/main.py", "--index", "main", "--auth-module", "app/gate_module.py"),
    *("--plugins", "app.gate_module"),
)
# Seconds; a machine that is busy with other tests takes its time.
START, PATIENCE = 180, 60


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path / "site", port=free_port())
    made.folder.mkdir()
    made.write()
    return made


@contextmanager
def started(site: Site, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """The command with the site's settings, until its port answers; its whole group is killed in the end.

    ``PORT`` stands for the site's port, which is another one where somebody took it meanwhile.
    """
    for _ in range(3):
        process = launched(site, *command)
        try:
            if answers(site, process):
                yield process
                return
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)
        assert "already in use" in site.log, site.log
        site.port = free_port()
    raise AssertionError(f"no port stays free\n{site.log}")


def launched(site: Site, *command: str) -> subprocess.Popen[bytes]:
    settings = {
        "DATABASE_URL": f"sqlite:///{site.database}",
        "STORE_URL": f"sqlite:///{site.folder / 'lens.sqlite'}",
        "SERVER_PORT": str(site.port),
    }
    environment = {**os.environ, "PYTHONPATH": str(ROOT)} | {f"ISPYB_LENS_{k}": v for k, v in settings.items()}
    with (site.folder / "log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", *(word.replace("PORT", str(site.port)) for word in command)],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def answers(site: Site, process: subprocess.Popen[bytes]) -> bool:
    """Whether it listens; False where it ended before that."""
    deadline = time.monotonic() + START
    while not listening(site.port):
        if process.poll() is not None:
            return False
        assert time.monotonic() < deadline, site.log
        time.sleep(0.1)
    return True


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


SERVE = ("app", "serve", "--num-procs", "2")
PANEL_TWICE = (*PANEL, "--port", "PORT", "--num-procs", "2")


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize(("command", "path"), [(SERVE, "/"), (PANEL_TWICE, "/main")])
def test_processes_that_share_a_port_end_with_the_one_that_was_started(
    site: Site, command: tuple[str, ...], path: str, end: signal.Signals
) -> None:
    with started(site, *command) as process:
        # Page and websocket meet whichever process is free.
        rows_of_visit(f"http://localhost:{site.port}", path, 6)
        process.send_signal(end)
        code = process.wait(PATIENCE)
        assert code == (0 if command is SERVE and end == signal.SIGTERM else -end)
        deadline = time.monotonic() + PATIENCE
        while listening(site.port) or members(process.pid):
            assert time.monotonic() < deadline, f"somebody still lives\n{site.log}"
            time.sleep(0.1)
    assert "Traceback" not in site.log


def members(group: int) -> bool:
    """Whether a process of this group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_panel_serve_shows_the_app_behind_its_gate(site: Site) -> None:
    with started(site, *PANEL, "--port", "PORT"):
        rows_of_visit(f"http://localhost:{site.port}", "/main", 2)
    assert "Traceback" not in site.log


def test_panel_serve_with_settings_that_cannot_be_used_says_which_and_ends(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISPYB_LENS_SERVER_PUBLIC_URL", "http://lens.example.org")
    process = launched(site, *PANEL, "--port", "PORT")
    assert process.wait(START) != 0
    assert "server.public_url" in site.log
    assert "Traceback" not in site.log
