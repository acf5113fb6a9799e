"""The tabs over the pages of one collection, the same on each of them."""

from collections.abc import Mapping
from typing import Any

from views import place as places
from views.desk import Desk
from views.parts import blocks as b
from views.parts.blocks import Block

_PAGES = (
    ("collection", "Collection", places.collection, None),
    ("quality", "Image quality", places.quality, "mx"),
    ("quality", "Image quality", places.quality, "ssx"),
    ("processing", "Processing", places.processing, "mx"),
    ("strategy", "Strategy", places.strategy, "mx"),
    ("downstream", "Downstream", places.downstream, "mx"),
    ("monitor", "Monitor", places.monitor, "ssx"),
    ("files", "Files and logs", places.files, None),
)


def tabs_of(desk: Desk, row: Mapping[str, Any], current: str, counts: Mapping[str, int]) -> list[Block]:
    """The tabs for a row of ``data.core.collection.collection``; ``counts`` by page, where known."""
    tabs = [
        b.tab(key, words, desk.link(place(row["id"])), counts.get(key), key == current)
        for key, words, place, technique in _PAGES
        if technique in {None, row.get("technique")}
        # Most collections have no strategy: where it is known that there is none, it is not offered.
        and not (key == "strategy" and key != current and not counts.get(key))
    ]
    return [b.tabs(tabs, "Views of the collection")]
