"""Where real files and rows for the tests are, on a machine that has them."""

import os
from pathlib import Path


def folder() -> Path | None:
    """``ISPYB_LENS_REALDATA``, else ``shared/realdata`` beside the checkout, else None."""
    given = os.environ.get("ISPYB_LENS_REALDATA")
    path = Path(given) if given else Path(__file__).parents[3] / "shared/realdata"
    return path if path.is_dir() else None
