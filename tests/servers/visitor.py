"""The light browser of the benchmarks, for tests that need a page's websocket and no drawing."""

import importlib.util
import sys

from source import ROOT

_NAME = "lens_visitor"
if _NAME not in sys.modules:
    _spec = importlib.util.spec_from_file_location(_NAME, ROOT / "benchmarks" / "visitor.py")
    assert _spec is not None
    assert _spec.loader is not None
    sys.modules[_NAME] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules[_NAME])

sys.modules[_NAME]._SECONDS = 60.0  # type: ignore[attr-defined]
Visitor = sys.modules[_NAME].Visitor
