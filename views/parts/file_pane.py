"""A file as a page shows it: lines of a text with search, or a page of somebody else's in a frame that runs nothing."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from views.parts.part import Action, Part, short

_MOST = 10**12


@dataclass(frozen=True, slots=True)
class FileHead:
    """What stands above a file: its name, its size in words, where it is to be had, and a remark."""

    name: str
    size: str
    download: str
    note: str = ""


class FilePane(Part):
    """Shows one file. ``on_lines(first, count, how)`` asks for lines, ``on_find(text, at, back)`` for the next line
    after (or before) ``at`` that holds a text. All of it comes from the browser.
    """

    def __init__(self, on_lines: Action, on_find: Action, **params: Any) -> None:
        super().__init__(**params)
        self._on_lines, self._on_find = on_lines, on_find
        self._shown: dict[str, Any] = {"mode": "none"}

    def text(self, about: FileHead, first: int, lines: Sequence[str], total: int) -> None:
        """Show a text, with some of its lines."""
        self._open(mode="text", **asdict(about), first=first, lines=list(lines), total=total)

    def page(self, about: FileHead, src: str) -> None:
        """Show a page of somebody else's: ``src`` is an address of ours."""
        self._open(mode="page", **asdict(about), src=src)

    def nothing(self) -> None:
        """Show no file."""
        self._open(mode="none")

    def more(self, how: str, first: int, lines: Sequence[str], total: int) -> None:
        """More lines of the text: ``how`` as they were asked for, ``after``, ``before`` or ``jump``."""
        self._tell("lines", how=how, first=first, lines=list(lines), total=total)

    def hit(self, text: str, line: int | None, place: int, count: int, whole: bool) -> None:
        """The line that was looked for, its place among those that hold the text, and whether all were looked at."""
        self._tell("hit", text=text, line=line, place=place, count=count, whole=whole)

    def failed(self, words: str) -> None:
        """What went wrong with what was asked for."""
        self._tell("failed", words=words)

    def _open(self, **shown: Any) -> None:
        self._shown = shown
        self._tell("open", **shown)

    def _content(self) -> dict[str, Any]:
        return self._shown

    def _heard(self, kind: str, data: dict[str, Any]) -> None:
        if self._shown["mode"] != "text":
            return
        if kind == "lines" and data.get("how") in {"after", "before", "jump"}:
            first, count = _whole(data.get("first")), _whole(data.get("count"))
            if first is not None and count is not None:
                self._call(self._on_lines, first, min(count, 500), data["how"])
        elif kind == "find":
            text, at = short(data.get("text")), _whole(data.get("at"))
            if text and at is not None:
                self._call(self._on_find, text, at, data.get("back") is True)


def _whole(value: object) -> int | None:
    return value if type(value) is int and 0 <= value <= _MOST else None
