"""A page's text, numbers and pictures as plain values, and the part that draws them.

Each function returns one block: a dict that JSON can carry. Text is only ever set as text; links
and pictures are followed only to our own address. ``Blocks`` draws a list of them and redraws those
that changed.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from views.parts.part import Action, Part, short

Block = dict[str, Any]
Item = Mapping[str, Any]


def _block(kind: str, **content: Any) -> Block:
    return {"kind": kind} | {key: value for key, value in content.items() if value is not None}


# -- small pieces that blocks are made of


def badge(text: str, tone: str = "", title: str | None = None) -> Block:
    """A short label. ``tone``: good, warn, bad, info, quiet or none."""
    return _block("badge", text=text, tone=tone, title=title)


def tile(
    label: str,
    value: str,
    unit: str = "",
    tone: str = "",
    detail: str | None = None,
    link: str | None = None,
) -> Block:
    """One large number of ``tiles``; the value is formatted text."""
    return _block("tile", label=label, value=value, unit=unit, tone=tone, detail=detail, link=link)


def fact(
    label: str,
    value: str,
    unit: str = "",
    title: str | None = None,
    link: str | None = None,
    tone: str = "",
) -> Block:
    """One line of ``facts``; ``title`` explains the label when pointed at."""
    return _block("fact", label=label, value=value, unit=unit, title=title, link=link, tone=tone)


def entry(
    title: str,
    detail: str | None = None,
    time: str | None = None,
    link: str | None = None,
    badges: Sequence[Item] = (),
) -> Block:
    """One line of ``entries``."""
    return _block("entry", title=title, detail=detail, time=time, link=link, badges=list(badges))


def person(name: str, role: str | None = None, detail: str | None = None) -> Block:
    """One of ``people``."""
    return _block("person", name=name, role=role, detail=detail)


def picture(
    src: str | None,
    alt: str,
    caption: str | None = None,
    link: str | None = None,
    missing: str = "No picture",
) -> Block:
    """One of ``images``; ``missing`` is said where there is no ``src`` or it does not load."""
    return _block("picture", src=src, alt=alt, caption=caption, link=link, missing=missing)


def tab(key: str, label: str, link: str, count: int | str | None = None, current: bool = False) -> Block:
    """One of ``tabs``."""
    return _block("tab", key=key, label=label, link=link, count=count, current=current)


def branch(
    key: str,
    label: str,
    detail: str | None = None,
    link: str | None = None,
    badges: Sequence[Item] = (),
    items: Sequence[Item] = (),
    expanded: bool = False,
) -> Block:
    """One node of ``tree`` with those below it;

    ``key`` keeps it open when the tree is drawn again.
    """
    return _block(
        "branch",
        key=key,
        label=label,
        detail=detail,
        link=link,
        badges=list(badges),
        items=list(items),
        expanded=expanded,
    )


def bar(label: str, share: float, text: str | None = None, tone: str = "", link: str | None = None) -> Block:
    """One of ``bars``; ``share`` of the full width in 0..1."""
    return _block("bar", label=label, share=min(1.0, max(0.0, share)), text=text, tone=tone, link=link)


def action(name: str, label: str, value: str = "", tone: str = "", link: str | None = None) -> Block:
    """One button of ``actions``: calls ``on_action(name, value)``. With a ``link`` it is one instead."""
    return _block("action", name=name, label=label, value=value, tone=tone, link=link)


def rule(holds: bool, words: str, row: str = "") -> Block:
    """One of ``rules``: whether it holds, in words, and the row behind it."""
    return _block("rule", holds=holds, words=words, row=row)


def field(key: str, label: str, value: str = "", placeholder: str = "", lines: int = 1, longest: int = 100) -> Block:
    """What a ``form`` has to type into: one line, or several; ``longest`` in characters."""
    return _block("field", key=key, label=label, value=value, placeholder=placeholder, lines=lines, longest=longest)


# -- blocks


def heading(text: str, level: int = 2, detail: str | None = None, badges: Sequence[Item] = ()) -> Block:
    """A heading of ``level`` 1..4 with a quieter line and badges."""
    return _block("heading", text=text, level=level, detail=detail, badges=list(badges))


def tiles(items: Sequence[Item]) -> Block:
    """A row of large numbers (``tile``)."""
    return _block("tiles", items=list(items))


def facts(title: str | None, items: Sequence[Item], columns: int = 1) -> Block:
    """Labels and values (``fact``) under a title, in 1..4 columns where there is room."""
    return _block("facts", title=title, items=list(items), columns=columns)


def badges(items: Sequence[Item]) -> Block:
    """A line of ``badge``."""
    return _block("badges", items=list(items))


def text(words: str, quiet: bool = False) -> Block:
    """A paragraph; line breaks are kept."""
    return _block("text", text=words, quiet=quiet)


def note(tone: str, words: str) -> Block:
    """A remark with a coloured edge. ``tone``: info, good, warn or bad."""
    return _block("note", tone=tone, text=words)


def entries(items: Sequence[Item], title: str | None = None) -> Block:
    """A list of ``entry``."""
    return _block("entries", items=list(items), title=title)


def people(items: Sequence[Item], title: str | None = None) -> Block:
    """A list of ``person``."""
    return _block("people", items=list(items), title=title)


def images(items: Sequence[Item], title: str | None = None, height: int = 180) -> Block:
    """Pictures (``picture``) side by side, ``height`` pixels high."""
    return _block("images", items=list(items), title=title, height=height)


def tabs(items: Sequence[Item], label: str = "Views") -> Block:
    """Links to sibling views (``tab``) as a row; ``label`` names the row to screen readers."""
    return _block("tabs", items=list(items), label=label)


def columns(*stacks: Sequence[Block], widths: Sequence[int] = ()) -> Block:
    """Stacks of blocks side by side, above each other on a narrow page;

    ``widths`` are proportions.
    """
    return _block("columns", columns=[list(stack) for stack in stacks], widths=list(widths))


def card(title: str | None, blocks: Sequence[Block], link: str | None = None) -> Block:
    """Blocks on a surface of their own; ``link`` opens what the title names."""
    return _block("card", title=title, blocks=list(blocks), link=link)


def tree(items: Sequence[Item], label: str) -> Block:
    """Nested ``branch``es that open and close; ``label`` names the tree to screen readers."""
    return _block("tree", items=list(items), label=label)


def loading(rows: int = 3, label: str = "Loading") -> Block:
    """Grey lines in the place of what is still being read."""
    return _block("loading", rows=max(1, min(rows, 20)), label=label)


def empty(title: str, words: str = "") -> Block:
    """Says that there is nothing, and what would put something here."""
    return _block("empty", title=title, text=words)


def problem(title: str, words: str, reference: str | None = None) -> Block:
    """Says what went wrong, what to do, and under which reference the log has it."""
    return _block("problem", title=title, text=words, reference=reference)


def bars(items: Sequence[Item], title: str | None = None) -> Block:
    """Horizontal ``bar``s with their labels."""
    return _block("bars", items=list(items), title=title)


def actions(items: Sequence[Item]) -> Block:
    """A row of buttons (``action``)."""
    return _block("actions", items=list(items))


def links(items: Sequence[tuple[str, str]], title: str | None = None) -> Block:
    """A row of links: words and address."""
    return _block("links", items=[{"text": words, "link": address} for words, address in items], title=title)


def copied(words: str, title: str | None = None, label: str = "Copy") -> Block:
    """Plain text in a fixed-width face, with a button that copies it."""
    return _block("copied", text=words, title=title, label=label)


def rules(items: Sequence[Item], title: str | None = None) -> Block:
    """A list of ``rule``."""
    return _block("rules", items=list(items), title=title)


def form(name: str, fields: Sequence[Item], button: str, label: str) -> Block:
    """``field``s and a button: calls ``on_action(name, value)`` with a JSON object of what was typed, by key."""
    return _block("form", name=name, fields=list(fields), button=button, label=label)


def typed(value: str, longest: int = 100) -> dict[str, str]:
    """What was typed into a ``form``: texts by key, none where it is something else. A stranger's input."""
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {key: text.strip()[:longest] for key, text in found.items() if isinstance(text, str)}


class Blocks(Part):
    """Draws blocks. A block that did not change keeps its place in the page, with focus and what
    was opened in it.

    ``on_action(name, value)`` is called for a button of ``actions``; both texts come from the
    browser.
    """

    def __init__(self, blocks: Sequence[Block] = (), on_action: Action | None = None, **params: Any) -> None:
        super().__init__(**params)
        self._blocks = list(blocks)
        self._on_action = on_action

    @property
    def blocks(self) -> list[Block]:
        """The blocks shown; change them with ``set``."""
        return self._blocks

    def set(self, blocks: Sequence[Block]) -> None:
        """Show these blocks instead."""
        new = list(blocks)
        if new == self._blocks:
            return
        self._blocks = new
        self._tell("blocks", blocks=new)

    def _content(self) -> dict[str, Any]:
        return {"blocks": self._blocks}

    def _heard(self, kind: str, data: dict[str, Any]) -> None:
        name, value = short(data.get("name")), short(data.get("value", ""), 20_000)
        if kind == "action" and name and value is not None:
            self._call(self._on_action, name, value)
