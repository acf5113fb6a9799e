"""Where the numbers of a beamline's serial runs come from, as its site has chosen."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from data.techniques.spots import HIT_SPOTS

_FRAMES: Final = ("rows", "stream", "dials")
_REDIS = re.compile(
    r"^redis://(?:[^\s@/;]{1,200}@)?[A-Za-z0-9._-]{1,253}:\d{1,5}/\d{1,3}/[\w.:-]{0,100}\{id\}[\w.:-]{0,100}$", re.ASCII
)
_ADDRESS = re.compile(r"^tcp://[A-Za-z0-9._-]{1,253}:\d{1,5}$")

WORDS: Final = (
    "a table of beamlines, each with a list of the words rows, stream, dials, attached, hit=N for more than N spots, "
    "redis=redis://host:port/0/key-{id} with the collection's number for {id}, "
    "or om=tcp://host:port without what numbers its frames"
)


@dataclass(frozen=True, slots=True)
class Choice:
    """ISPyB's per-image rows with the hit rule, CrystFEL's stream, DIALS' lists, ESRF's attachments, addresses."""

    rows: bool = True
    stream: bool = True
    dials: bool = True
    attached: bool = True
    hit_spots: int = HIT_SPOTS
    om: str = ""
    redis: str = ""


def choice_of(words: Sequence[str]) -> Choice:
    """``("rows", "hit=20")``; no source named: all that are in ISPyB and on disk. Raises ValueError.

    OM counts events that have no image numbers, so it stands alone among what tells of frames.
    """
    hit, om, redis, named = HIT_SPOTS, "", "", set()
    for word in words:
        name, equals, value = word.strip().partition("=")
        if name == "hit" and value.isascii() and value.isdigit() and len(value) <= 6:
            hit = int(value)
        elif name == "om" and _ADDRESS.match(value):
            om = value
        elif name == "redis" and _REDIS.match(value):
            redis = value
        elif not equals and name in {*_FRAMES, "attached"}:
            named.add(name)
        else:
            raise ValueError(word)
    if om and (redis or named & set(_FRAMES)):
        raise ValueError("om beside what numbers its frames")
    every = not named and not om and not redis
    rows, stream, dials = (every or name in named for name in _FRAMES)
    return Choice(rows, stream, dials, every or "attached" in named, hit, om, redis)
