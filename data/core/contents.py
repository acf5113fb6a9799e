"""What a file that a pipeline left is, by its first bytes, and whether a page may show it."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from PIL import Image

from data.core.lines import Lines, lines_of
from data.images.files import Files, State

_MOST_TEXT = 1_000_000_000
_MOST_PAGE = 20_000_000
_MOST_PIXELS = 60_000_000
_HEAD = 4096
_PICTURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}
_PAGE = (".html", ".htm")


class Kind(StrEnum):
    """How a file is shown."""

    TEXT = "text"
    PAGE = "page"
    PICTURE = "picture"
    OTHER = "other"
    """Not shown; it may be taken away."""
    NONE = "none"
    """There is nothing to take away."""


@dataclass(frozen=True, slots=True)
class Content:
    """One file: how it is shown, why not (``words``), its bytes, its real path and type."""

    kind: Kind
    words: str = ""
    size: int = 0
    path: Path | None = None
    mime: str = "application/octet-stream"


def content(files: Files, stored: str | None) -> Content:
    """What is at a stored path. Reads 4 KB of it. Never raises."""
    found = files.find(stored)
    if found.state is not State.PRESENT or found.path is None:
        return Content(Kind.NONE, found.words)
    path = found.path
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return Content(Kind.NONE, f"“{path.name}” could not be read from disk.")
    if not head:
        return Content(Kind.OTHER, f"“{path.name}” is empty.", 0, path)
    mime = next((mime for mark, mime in _PICTURES.items() if head.startswith(mark)), None)
    if mime is not None:
        words = _unfit_picture(path)
        return Content(Kind.OTHER if words else Kind.PICTURE, words, size, path, mime)
    if not text_like(head):
        return Content(Kind.OTHER, f"“{path.name}” is not text: its bytes can only be downloaded.", size, path)
    if path.name.lower().endswith(_PAGE) and head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
        if size > _MOST_PAGE:
            words = f"“{path.name}” has {size / 1e6:.0f} MB, and pages of up to {_MOST_PAGE / 1e6:.0f} MB are shown."
            return Content(Kind.TEXT, words, size, path, "text/plain")
        return Content(Kind.PAGE, "", size, path, "text/html")
    if size > _MOST_TEXT:
        words = f"“{path.name}” has {size / 1e9:.1f} GB, and texts of up to {_MOST_TEXT / 1e9:.0f} GB are shown."
        return Content(Kind.OTHER, words, size, path)
    return Content(Kind.TEXT, "", size, path, "text/plain")


def text_like(head: bytes) -> bool:
    """Whether bytes may be the beginning of a text: no zeros, hardly any control characters."""
    odd = sum(byte < 9 or (13 < byte < 32 and byte != 27) for byte in head)
    return b"\0" not in head and odd <= len(head) / 50


def _unfit_picture(path: Path) -> str:
    try:
        with Image.open(path) as image:
            width, height = image.size
    except Exception:  # a stranger's bytes: whatever the decoder says, it is no picture
        return f"“{path.name}” is a damaged picture."
    if width * height > _MOST_PIXELS:
        return f"“{path.name}” has {width} × {height} pixels: too many to be shown."
    return ""


__all__ = ["Content", "Kind", "Lines", "content", "lines_of", "text_like"]
