"""The files of Mol*'s built viewer: where they are found, and whether they are those that were checked here.

The extra ``model`` brings a package whose only use here is that it carries them, unchanged from Mol*'s own release; its
code is never imported. A site may name a folder with the same files instead.
"""

import gzip
import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

_PACKAGE: Final = "molstar_cli"
_SCRIPT: Final = "molstar.js"
# The bundle carries an encoder of films, which compiles text and WebAssembly as soon as it is loaded. No film is made
# here: it is not begun, so that the page goes without 'unsafe-eval'.
_ENCODER: Final = b'r.p="",r(r.s=2)})([function(e,t){e.exports=$5("path")}'
_NO_ENCODER: Final = b'r.p="",{}})([function(e,t){e.exports=$5("path")}'


@dataclass(frozen=True, slots=True)
class Release:
    """A release of the viewer: its version, and of each file (by its address here) path and SHA-256."""

    version: str
    files: Mapping[str, tuple[str, str]]


VIEWER: Final = Release(
    "5.11.0",
    {
        _SCRIPT: ("molstar.js", "7fad5561c74bc900930fb57d6ab028d1aafdda82223a901bf932b1098e84f1f3"),
        "light.css": ("theme/light.css", "952585ff44cb0954f7817ee87d5f404e0bc3fd37d44f8f843954ce49c2d24f84"),
        "dark.css": ("theme/dark.css", "9616828308fa7ed02b54103b1923986ad86afe23b96e8761e6628958d278a3b8"),
    },
)
"""Of the npm package ``molstar``, folder ``build/viewer``."""


class ViewerFiles:
    """The viewer's files in ``folder``, else in the package where it is installed."""

    def __init__(self, folder: str = "") -> None:
        self._folder = folder
        self._packed = cache(self._pack)

    def packed(self, name: str) -> bytes | None:
        """A file, gzipped; None where there is none, or another than the one that was checked."""
        return self._packed(name)

    def _pack(self, name: str) -> bytes | None:
        folder = Path(self._folder) if self._folder else packaged()
        if folder is None or name not in VIEWER.files:
            return None
        path, digest = VIEWER.files[name]
        try:
            content = (folder / path).read_bytes()
        except OSError:
            log.warning("Models are not drawn: %s is not in the folder of the viewer, %s", path, folder)
            return None
        if hashlib.sha256(content).hexdigest() != digest:
            log.warning("Models are not drawn: %s in %s is not that of Mol* %s", path, folder, VIEWER.version)
            return None
        if name == _SCRIPT:
            content = content.replace(_ENCODER, _NO_ENCODER)
        return gzip.compress(content, 6, mtime=0)


def packaged() -> Path | None:
    """The folder of the viewer in the installed package; None where it is not installed."""
    found = find_spec(_PACKAGE)
    places = list(found.submodule_search_locations or ()) if found else []
    return Path(places[0]) / "static" / "molstar" if places else None
