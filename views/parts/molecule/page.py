"""The page in a frame in which a model is drawn: files of its own, none of them inline, and no data."""

import gzip
import hashlib
from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent
_OWN = ("scene.js", "scene.css")


@cache
def own(name: str) -> bytes | None:
    """A file of the page, gzipped."""
    return gzip.compress((_HERE / name).read_bytes(), 6, mtime=0) if name in _OWN else None


@cache
def html(viewer: str) -> str:
    """The page, for this version of the viewer."""
    digest = hashlib.sha256(b"".join((_HERE / name).read_bytes() for name in _OWN)).hexdigest()[:12]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Model</title>\n'
        f'<link rel="stylesheet" href="scene.css?v={digest}">\n'
        f'<script src="molstar.js?v={viewer}" defer></script>\n'
        f'<script src="scene.js?v={digest}" data-viewer="{viewer}" defer></script>\n'
        '</head><body><div id="app"></div><p id="said" role="status">Loading the viewer …</p></body></html>\n'
    )
