"""ISPyB's two schema flavours, from the packages that define them.

Both distributions own the import name ``ispyb``, so neither is installed beside the other:
`make setup` puts each into a folder of its own under ``<environment>/models``, and here the one
module of each that holds the tables is loaded under a private name. Nothing named ``ispyb`` is ever
imported.
"""

import importlib
import os
import sys
import types
import warnings
from functools import cache
from pathlib import Path

from sqlalchemy import MetaData


class ModelsMissing(Exception):
    """The package is not installed; the text says how to get it."""


def _folder(flavour: str, *inner: str) -> Path:
    """``ISPYB_LENS_TEST_MODELS`` names the folder of both, else it is in the environment."""
    base = os.environ.get("ISPYB_LENS_TEST_MODELS") or Path(sys.prefix) / "models"
    folder = Path(base, flavour, "ispyb", *inner)
    if not (folder / "_auto_db_schema.py").is_file():
        raise ModelsMissing(f"the {flavour} models are not installed (run: make setup)")
    return folder


def _load(name: str, folder: Path) -> MetaData:
    package = types.ModuleType(name)
    package.__path__ = [str(folder)]
    sys.modules[name] = package
    with warnings.catch_warnings():
        # The ESRF package is written for SQLAlchemy 1.x and warns at each import.
        warnings.simplefilter("ignore")
        module = importlib.import_module(f"{name}._auto_db_schema")
    metadata: MetaData = module.Base.metadata
    return metadata


@cache
def diamond_metadata() -> MetaData:
    """Every table of Diamond's flavour (package ``ispyb``). Raises `ModelsMissing`."""
    return _load("lens_test_diamond", _folder("diamond", "sqlalchemy"))


@cache
def esrf_metadata() -> MetaData:
    """Every table of the ESRF and MAX IV flavour (``ispyb-models-pyispyb``).

    Its 42 views are among them, as tables whose name begins with ``v_``. Raises `ModelsMissing`.
    """
    return _load("lens_test_esrf", _folder("esrf", "models"))
