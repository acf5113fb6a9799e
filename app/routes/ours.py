"""All routes of the dashboard itself, each behind the gate; those of the gate are its own."""

from typing import Any

from app.routes import exports, files, runs, trail, viewer
from app.services import Services


def patterns(services: Services) -> list[tuple[Any, ...]]:
    """What Bokeh's server takes as ``extra_patterns``. Raises SettingsError."""
    return [pattern for part in (viewer, exports, files, trail, runs) for pattern in part.patterns(services)]
