"""A small table with coloured cells, some rows of which belong together: results of pipelines, a Table 1, clusters."""

from collections.abc import Sequence
from typing import Any

from views.parts.blocks import Block
from views.parts.part import Action, Part, short

_MOST_KEYS = 200


def head(label: str, unit: str = "", title: str | None = None, align: str = "") -> Block:
    """The head of one column; ``title`` explains it, ``align`` right for numbers."""
    return {"label": label, "unit": unit, "title": title, "align": align}


def cell(text: str, tone: str = "", title: str | None = None, **more: Any) -> Block:
    """One cell. ``tone``: good, warn, bad or none; ``badges``, ``link`` and ``mark`` (a colour) come on top."""
    return {"text": text, "tone": tone, "title": title} | more


def group(key: str, first: Sequence[Block], lines: Sequence[Sequence[Block]], picked: bool = False) -> Block:
    """Rows that belong together: ``first`` cells reach over all of ``lines``."""
    return {"key": key, "first": list(first), "lines": [list(line) for line in lines], "picked": picked}


class Matrix(Part):
    """Draws groups of rows. Where ``on_pick`` is given each has a box to tick: it is called with the keys ticked.

    The keys come from the browser.
    """

    def __init__(
        self,
        on_pick: Action | None = None,
        *,
        label: str = "Table",
        pick: str = "Choose",
        empty: tuple[str, str] = ("Nothing here yet", ""),
        **params: Any,
    ) -> None:
        super().__init__(**params)
        self._on_pick = on_pick
        self._given = {"label": label, "pick": pick if on_pick is not None else "", "empty": list(empty)}
        self._heads: list[Block] = []
        self._groups: list[Block] = []

    def set(self, heads: Sequence[Block], groups: Sequence[Block]) -> None:
        """Show this table instead."""
        new = (list(heads), list(groups))
        if new == (self._heads, self._groups):
            return
        self._heads, self._groups = new
        self._tell("matrix", heads=self._heads, groups=self._groups)

    def _content(self) -> dict[str, Any]:
        return self._given | {"heads": self._heads, "groups": self._groups}

    def _heard(self, kind: str, data: dict[str, Any]) -> None:
        if kind == "pick" and isinstance(data.get("keys"), list):
            known = {one["key"] for one in self._groups}
            keys = [key for key in map(short, data["keys"][:_MOST_KEYS]) if key in known]
            self._call(self._on_pick, keys)
