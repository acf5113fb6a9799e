"""A row of labelled fields to choose from and to type into: what a view lets a person set."""

from collections.abc import Sequence
from typing import Any

from views.parts.blocks import Block
from views.parts.part import Action, Part, short


def select(key: str, label: str, options: Sequence[tuple[str, str]], value: str, title: str | None = None) -> Block:
    """A choice of one of ``options``: (value, words)."""
    return {"kind": "select", "key": key, "label": label, "options": [list(o) for o in options], "value": value,
            "title": title}  # fmt: skip


def tick(key: str, label: str, value: bool, title: str | None = None) -> Block:
    """A box to tick; its value is ``yes`` or empty."""
    return {"kind": "tick", "key": key, "label": label, "value": "yes" if value else "", "title": title}


def words(key: str, label: str, value: str, title: str | None = None, width: int = 8) -> Block:
    """A short text to type; ``width`` in characters."""
    return {"kind": "words", "key": key, "label": label, "value": value, "title": title, "width": width}


class Choices(Part):
    """Draws fields. ``on_change(key, value)``: both from the browser, of a field that is shown; a select's value is one
    of its options."""

    def __init__(self, on_change: Action, *, label: str = "Settings", folded: str = "", **params: Any) -> None:
        super().__init__(**params)
        self._on_change = on_change
        self._given = {"label": label, "folded": folded}
        self._fields: list[Block] = []

    def set(self, fields: Sequence[Block]) -> None:
        """Show these fields instead."""
        new = list(fields)
        if new != self._fields:
            self._fields = new
            self._tell("choices", fields=new)

    def _content(self) -> dict[str, Any]:
        return self._given | {"fields": self._fields}

    def _heard(self, kind: str, data: dict[str, Any]) -> None:
        key, value = short(data.get("key")), short(data.get("value"))
        field = next((one for one in self._fields if one["key"] == key), None)
        if kind != "choose" or field is None or value is None:
            return
        if field["kind"] == "select" and value not in {option[0] for option in field["options"]}:
            return
        if field["kind"] == "tick" and value not in {"", "yes"}:
            return
        self._call(self._on_change, key, value)
