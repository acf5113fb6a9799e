"""The window of `ispyb-lens desktop`, in a process of its own: a toolkit that fails takes nothing else with it.

``python -m app.window webview|browser`` reads one line of JSON, ``{"link", "title"}``, from its standard input and
shows the page until the person closes it: 0. Where that way is not to be had here it ends with another code. When its
standard input ends, so does the window. The link signs somebody in, so it is on no command line, where others of this
computer could read it.
"""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from html import escape
from pathlib import Path

WIDTH, HEIGHT = 1400, 900

_BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "microsoft-edge",
    "microsoft-edge-stable",
    "brave-browser",
    "vivaldi",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
_NONE_HERE = 3


def has_screen() -> bool:
    """Whether windows can be shown to whoever runs this."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def app_browser() -> str | None:
    """A browser that can show one page in a window of its own, without tabs."""
    return next(filter(None, map(shutil.which, _BROWSERS)), None)


def webview(link: str, title: str, until_end: Callable[[Callable[[], None]], None]) -> int:
    """Show the page with pywebview."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        os.environ.setdefault("QTWEBENGINE_DISABLE_SANDBOX", "1")  # it does not start as root otherwise
    try:
        import webview as toolkit
    except ImportError:
        return _NONE_HERE
    toolkit.settings["ALLOW_DOWNLOADS"] = True
    window = toolkit.create_window(title, link, width=WIDTH, height=HEIGHT, text_select=True)
    if window is None:
        return _NONE_HERE
    until_end(window.destroy)
    has_qt = any(importlib.util.find_spec(name) for name in ("PySide6", "PyQt6"))
    toolkit.start(gui="qt" if has_qt and sys.platform == "linux" else None)
    return 0


def browser(link: str, title: str, until_end: Callable[[Callable[[], None]], None]) -> int:
    """Show the page with a browser in app mode, with a profile that lasts as long as the window."""
    program = app_browser()
    if program is None:
        return _NONE_HERE
    with tempfile.TemporaryDirectory(prefix="ispyb-lens-", ignore_cleanup_errors=True) as folder:
        first = Path(folder) / "open.html"
        first.touch(0o600)
        first.write_text(
            f'<!DOCTYPE html><meta charset="utf-8"><title>{escape(title)}</title>'
            f'<meta http-equiv="refresh" content="0; url={escape(link)}">'
        )
        options = [
            f"--app={first.as_uri()}",
            f"--user-data-dir={folder}/profile",
            f"--window-size={WIDTH},{HEIGHT}",
            *("--no-first-run", "--no-default-browser-check", "--disable-sync", "--disable-background-networking"),
        ]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            options.append("--no-sandbox")  # it does not start as root otherwise
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(  # noqa: S603, a browser of this computer
            [program, *options], stdin=quiet, stdout=quiet, stderr=quiet
        )
        until_end(process.terminate)
        code = process.wait()
        return 0 if code in (0, -signal.SIGTERM) else _NONE_HERE


def main() -> int:
    """The process of the window."""
    given = json.loads(sys.stdin.readline())

    def until_end(close: Callable[[], None]) -> None:
        def watch() -> None:
            sys.stdin.read()
            close()

        threading.Thread(target=watch, daemon=True).start()

    show = {"webview": webview, "browser": browser}[sys.argv[1]]
    return show(given["link"], given["title"], until_end)


if __name__ == "__main__":
    sys.exit(main())
