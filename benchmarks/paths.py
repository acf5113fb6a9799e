"""Imported first by each benchmark: lets it import the project and the servers of its tests from the checkout."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
