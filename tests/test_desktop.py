"""`ispyb-lens desktop`: a window signs in once, shows the dashboard, and leaves nothing behind when it is closed."""

import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from browser.site import ROOT, Site
from servers.screen import Screen, screen, xvfb

from app.desktop import NotHere, identity_of
from app.window import app_browser
from auth.accounts import add_account, disable_account
from auth.store import Store

PATIENCE = 120


class Desk(Site):
    """A site, and a folder for what windows write."""

    scratch: Path


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "site")
    made.folder.mkdir()
    made.write()
    # Chromium's sockets need a short path.
    with tempfile.TemporaryDirectory(prefix="lens-") as scratch:
        made.scratch = Path(scratch)
        yield made


@pytest.fixture
def display(tmp_path: Path) -> Iterator[Screen]:
    if xvfb() is None:
        pytest.skip("Xvfb is not installed")
    with screen(tmp_path) as found:
        yield found


def environment(site: Desk, display: Screen | None, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    settings = {
        "DATABASE_URL": f"sqlite:///{site.database}",
        "STORE_URL": f"sqlite:///{site.folder / 'lens.sqlite'}",
        "FILES_ROOTS": str(site.folder / "files"),
    }
    given = {f"ISPYB_LENS_{name}": value for name, value in settings.items()}
    shown = {"DISPLAY": display.name} if display else {}
    return kept | {"PYTHONPATH": str(ROOT), "TMPDIR": str(site.scratch), "PYTHONUNBUFFERED": "1"} | given | shown | more


@contextmanager
def desktop(site: Desk, display: Screen | None, *options: str, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    with (site.folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "app", "desktop", *options],
            cwd=ROOT,
            env=environment(site, display, **more),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)


def until(site: Desk, process: subprocess.Popen[bytes], true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert process.poll() is None, site.log
        assert time.monotonic() < deadline, site.log
        time.sleep(0.2)


def signed_in(site: Desk) -> list[str]:
    store = Store(f"sqlite:///{site.folder / 'lens.sqlite'}")
    try:
        return [row.login for row in store.audit(kind="login by link")]
    finally:
        store.close()


def descendants(of: int) -> set[int]:
    """The processes that this one started, and those that they did, wherever they belong now."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    found, new = set[int](), {of}
    while new:
        found |= new
        new = {process for process, parent in parents.items() if parent in found} - found
    return found


def gone(processes: set[int]) -> bool:
    return not any(Path(f"/proc/{process}/cmdline").exists() and arguments(process) for process in processes)


def arguments(process: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


@pytest.fixture
def way(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """How the window is shown, as variables of the environment."""
    if request.param == "webview":
        if importlib.util.find_spec("webview") is None or importlib.util.find_spec("PySide6") is None:
            pytest.skip("the extra desktop (pywebview with Qt) is not installed")
        return {}
    if app_browser() is None:
        pytest.skip("no browser with an app mode is installed")
    # As if pywebview were not installed.
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules.setdefault('webview', None)\n")
    return {"PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}


@pytest.mark.browser
@pytest.mark.parametrize(
    ("way", "end"),
    [
        ("webview", signal.SIGTERM),
        ("webview", signal.SIGKILL),
        ("browser", signal.SIGINT),
        ("browser", signal.SIGKILL),
    ],
    indirect=["way"],
)
def test_a_window_shows_the_dashboard_and_nothing_is_left_of_it(
    site: Desk, display: Screen, way: dict[str, str], end: signal.Signals
) -> None:
    with desktop(site, display, "--as", "alice", **way) as process:
        until(site, process, lambda: signed_in(site) == ["alice"])
        # The page has text in shades of grey, marks in colour; an empty window has two or three colours.
        until(site, process, lambda: display.colours() > 40)
        keep = os.environ.get("ISPYB_LENS_TEST_PICTURES")
        if keep:
            display.picture().save(Path(keep) / f"desktop-{'browser' if way else 'webview'}.png")
        family = descendants(process.pid)
        assert len(family) > 2
        assert not any("token=" in arguments(member) for member in family), "others of this computer read that"
        process.send_signal(end)
        process.wait(PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while not gone(family):
            left = [arguments(member) for member in family]
            assert time.monotonic() < deadline, [text for text in left if text]
            time.sleep(0.2)
    assert "Traceback" not in site.log
    if end != signal.SIGKILL:
        assert not list(site.scratch.glob("ispyb-lens-*")), "the browser's profile is left"


@pytest.mark.browser
def test_closing_the_window_ends_everything(site: Desk, display: Screen, tmp_path: Path) -> None:
    if app_browser() is None:
        pytest.skip("no browser with an app mode is installed")
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules.setdefault('webview', None)\n")
    more = {"PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
    with desktop(site, display, "--as", "alice", **more) as process:
        until(site, process, lambda: signed_in(site) == ["alice"])
        until(site, process, lambda: display.colours() > 40)
        family = descendants(process.pid)
        (window,) = (m for m in family if "--app=file:" in arguments(m) and "--type=" not in arguments(m))
        os.kill(window, signal.SIGTERM)  # what the browser does with it is what it does when its window is closed
        assert process.wait(PATIENCE) == 0
        assert gone(family - {process.pid})


def test_without_a_screen_the_link_is_printed_and_signs_in_once_and_on_loopback_only(site: Desk) -> None:
    with desktop(site, None, "--as", "alice") as process:
        until(site, process, lambda: "token=" in site.log)
        (link,) = re.findall(r"http://127\.0\.0\.1:\d+/auth/once\?token=\S+", site.log)
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with opener.open(link, timeout=60) as answer:
            assert "Sign in" not in answer.read().decode()
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.build_opener().open(link, timeout=60)
        port = int(link.split(":")[2].split("/")[0])
        for address in {found[4][0] for found in socket.getaddrinfo(socket.gethostname(), port, socket.AF_INET)}:
            if not address.startswith("127."):
                with socket.socket() as probe:
                    assert probe.connect_ex((address, port)) != 0
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
    assert signed_in(site) == ["alice"]


def test_a_disabled_account_gets_no_window(site: Desk) -> None:
    store = Store(f"sqlite:///{site.folder / 'lens.sqlite'}")
    add_account(store, "Gone", "a long enough password", "Gone")
    disable_account(store, "gone")
    with pytest.raises(NotHere, match="disabled"):
        identity_of(store, "GONE")
    assert identity_of(store, "ALICE").subject == "alice"
    assert identity_of(store, "somebody").login == "somebody"
    store.close()
    with desktop(site, None, "--as", "gone") as process:
        assert process.wait(PATIENCE) == 1
    assert "'Gone' is disabled" in site.log
