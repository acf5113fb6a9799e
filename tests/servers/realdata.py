"""Where real files and rows for the tests are, on a machine that has them."""

import os
from pathlib import Path

import pytest


def folder() -> Path | None:
    """``ISPYB_LENS_REALDATA``, else ``shared/realdata`` beside the checkout, else None."""
    given = os.environ.get("ISPYB_LENS_REALDATA")
    path = Path(given) if given else Path(__file__).parents[3] / "shared/realdata"
    return path if path.is_dir() else None


def real(*names: str) -> Path:
    """One real file; skips the test, with the reason, where it is not there."""
    base = folder()
    path = base.joinpath(*names) if base is not None else Path(*names)
    if not path.is_file():
        pytest.skip(f"real file {'/'.join(names)} is not here")
    return path
