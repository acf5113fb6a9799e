"""What every test may ask for, and what a run says about itself."""

import importlib.metadata
import os
import platform
import shutil
import signal
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import mariadb as mariadb_server
from servers import realdata as real
from servers.chromium import chromium
from servers.shared import Shared
from sqlalchemy.engine import URL

_SHOWN = ("panel", "bokeh", "holoviews", "param", "sqlalchemy", "h5py", "fabio", "numpy")
_SHARED = "ISPYB_LENS_TEST_SHARED"
# Tests that wait for programs of their own.
_PROCESSES = {
    "security",
    "test_desktop.py",
    "test_app_serve.py",
    "test_auth_serve.py",
    "test_servers.py",
    "test_images_lanes.py",
    "test_demo_run.py",
    "test_night.py",
    "test_ssx_om.py",
    "test_ssx_redis.py",
}
_WAITS = "sign_in"
_made = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Make a folder that all workers of this run share; they inherit its name."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # Whoever started this in the background had it ignored; what the tests start and interrupt would ignore it too.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):
        config.stash[_made] = os.environ[_SHARED] = tempfile.mkdtemp(prefix="lens-tests-")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what the workers started."""
    if _made in config.stash:
        Shared(config.stash[_made]).stop()
        shutil.rmtree(config.stash[_made], ignore_errors=True)
        os.environ.pop(_SHARED, None)


def pytest_report_header() -> list[str]:
    """The versions that matter, and what is missing here."""

    def version(*command: str | None) -> str:
        if not command[0]:
            return "not found"
        words = [word for word in command if word]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        return done.stdout.strip() or "does not start"

    packages = (f"{name} {importlib.metadata.version(name)}" for name in _SHOWN)
    return [
        f"ISPyB Lens on Python {platform.python_version()}: {', '.join(packages)}",
        f"MariaDB: {version(mariadb_server.find(), '--version')}",
        f"Chromium: {version(chromium(), '--version')}",
        f"Real data: {'found' if real.folder() else 'not found'}",
    ]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what this machine cannot run, and say what it lacks."""
    lacking = {
        "browser": None if chromium() else "Chromium is not installed",
        "mariadb": None if mariadb_server.find() else "MariaDB is not installed",
    }
    for item in items:
        if {"mariadb", "diamond_url", "esrf_url"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.mariadb)
        if (
            item.get_closest_marker("browser")
            or set(Path(str(item.path)).parts) & _PROCESSES
            or _WAITS in str(item.path)
        ):
            # Real browsers and servers on a machine that others use too: up to two more tries, which the run tells of.
            item.add_marker(pytest.mark.flaky(reruns=0 if os.environ.get("ISPYB_LENS_TEST_ONCE") else 2))
        if {"browser", "security"} & set(Path(str(item.path)).parts):
            # What a file has started is started once, by the one worker that runs it.
            item.add_marker(pytest.mark.xdist_group(Path(str(item.path)).stem))
        for mark, reason in lacking.items():
            if reason and item.get_closest_marker(mark):
                item.add_marker(pytest.mark.skip(reason=reason))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List at the end what was not tested, by reason."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(
        report.longrepr[2].removeprefix("Skipped: ") for report in skipped if isinstance(report.longrepr, tuple)
    )
    again = sorted({report.nodeid for report in terminalreporter.stats.get("rerun", [])})
    if again:
        terminalreporter.section("needed another try")
        for name in again:
            terminalreporter.line(name)
    terminalreporter.section("not tested here")
    for reason, count in reasons.most_common():
        terminalreporter.line(f"{count} test{'' if count == 1 else 's'}: {reason}")
    if not reasons:
        terminalreporter.line("nothing: every test ran")


@pytest.fixture(scope="session")
def mariadb() -> mariadb_server.Server:
    """A MariaDB server that the whole run shares."""
    found = Shared(os.environ[_SHARED]).mariadb()
    if isinstance(found, str):
        pytest.skip(found)
    return found


@pytest.fixture(scope="session")
def demo_rows() -> Path:
    """The database of the simulated facility that the whole run shares. Only read from it."""
    return Shared(os.environ[_SHARED]).demo_rows()


def _database(name: str) -> str:
    """A database name of this worker's own."""
    return f"{name}_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"


@pytest.fixture(scope="session")
def diamond_url(mariadb: mariadb_server.Server) -> URL:
    """Diamond's full schema with its published rows. Only read from it."""
    try:
        return mariadb_server.create_diamond(mariadb, _database("diamond"))
    except (mariadb_server.models.ModelsMissing, FileNotFoundError) as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def esrf_url(mariadb: mariadb_server.Server) -> URL:
    """The full ESRF schema, without rows. Only read from it."""
    try:
        return mariadb_server.create_esrf(mariadb, _database("esrf"))
    except mariadb_server.models.ModelsMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def _diamond_scratch(mariadb: mariadb_server.Server) -> str:
    name = _database("diamond_scratch")
    try:
        mariadb_server.create_diamond(mariadb, name, rows=False)
    except mariadb_server.models.ModelsMissing as missing:
        pytest.skip(str(missing))
    return name


@pytest.fixture(scope="session")
def _esrf_scratch(mariadb: mariadb_server.Server) -> str:
    name = _database("esrf_scratch")
    try:
        mariadb_server.create_esrf(mariadb, name)
    except mariadb_server.models.ModelsMissing as missing:
        pytest.skip(str(missing))
    return name


@pytest.fixture
def diamond_scratch_url(mariadb: mariadb_server.Server, _diamond_scratch: str) -> Iterator[URL]:
    """Diamond's full schema without a row, for one test to fill; emptied afterwards."""
    yield mariadb.url(_diamond_scratch)
    mariadb_server.empty(mariadb, _diamond_scratch)


@pytest.fixture
def esrf_scratch_url(mariadb: mariadb_server.Server, _esrf_scratch: str) -> Iterator[URL]:
    """The full ESRF schema without a row, for one test to fill; emptied afterwards."""
    yield mariadb.url(_esrf_scratch)
    mariadb_server.empty(mariadb, _esrf_scratch)
