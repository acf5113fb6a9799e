"""Where the browser for the tests is."""

import os
import shutil
from pathlib import Path

# Without a network of its own, without a GPU, and as root where the tests run as root.
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium() -> str | None:
    """``ISPYB_LENS_TEST_CHROMIUM``, else Chromium's headless shell or a Chromium or Chrome on the path, else None."""
    given = os.environ.get("ISPYB_LENS_TEST_CHROMIUM")
    if given:
        return given if Path(given).is_file() else None
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next(filter(None, map(shutil.which, names)), None)
