"""What the link of the events of a visit says, whatever somebody typed there."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from data.techniques.mx.events import KINDS
from data.techniques.mx.timeline import Lanes
from views.parts import choices as c
from views.parts.blocks import Block
from views.place import ListPlace, Place

FORM: Final = "%Y-%m-%dT%H:%M:%S"
"""How a moment is written there."""
_ZERO: Final = datetime(1970, 1, 1)
_MOST_OPEN: Final = 200


def lanes(place: Place) -> Lanes:
    """What has a lane of its own."""
    return "sample" if place.seen("lanes") == "sample" else "kind"


def span(place: Place) -> tuple[datetime | None, datetime | None]:
    """The stretch of time in sight; (None, None) for all."""
    low, high = _moment(place.seen("from")), _moment(place.seen("to"))
    return (low, high) if low is not None and high is not None and low < high else (None, None)


def only(place: Place, stars: Iterable[str]) -> dict[str, list[int]] | None:
    """The favourites by stream where they alone are wanted, else None."""
    if place.seen("star") != "yes":
        return None
    found: dict[str, list[int]] = {}
    for key in sorted(stars):
        if key[1:].isdigit():
            found.setdefault(key[0], []).append(int(key[1:]))
    return found


def kinds(listing: ListPlace) -> set[str]:
    """The kinds that the list is narrowed to; none for all."""
    given = {word.strip() for word in dict(listing.filters).get("kind", "").lower().split("|")}
    return {key for key, label in KINDS.items() if {key, label.lower()} & given}


def fields(place: Place, counts: Mapping[str, int], stars: int) -> list[Block]:
    """What to choose from, as the link has it: kinds that the visit holds, favourites, lanes."""
    chosen = kinds(place.listing)
    ticks = [
        c.tick(f"kind_{key}", f"{label} ({counts.get(key, 0):,})".replace(",", "\u202f"), key in chosen)
        for key, label in KINDS.items()
        if counts.get(key) or key in chosen
    ]
    starred = place.seen("star") == "yes"
    return [
        *ticks,
        c.tick("star", f"★ Favourites ({stars})", starred, "Only what you marked with a star"),
        c.select("lanes", "Lanes", [("kind", "Kind"), ("sample", "Sample")], lanes(place)),
    ]


def opened(place: Place) -> frozenset[int]:
    """The groups whose collections are listed below them."""
    parts = (place.seen("open") or "").split(".")[:_MOST_OPEN]
    return frozenset(int(part) for part in parts if part.isascii() and part.isdigit() and len(part) < 10)


def _moment(text: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return found if found.tzinfo is None and _ZERO < found < _ZERO + timedelta(days=60_000) else None
