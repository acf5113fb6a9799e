"""The script of every page that notices the end of its login session."""

import json
from functools import cache
from pathlib import Path


@cache
def guard_script(prefix: str = "") -> str:
    """The script's text, for a site under ``prefix``; free of ``</``, so it may be embedded."""
    text = (Path(__file__).parent / "static" / "guard.js").read_text(encoding="utf-8")
    return text.replace('"PREFIX"', json.dumps(prefix).replace("</", "<\\/"))
