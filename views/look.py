"""How a frame is looked at, as far as a link carries it: short texts by name, in a fixed order.

| name    | meaning                                                                     |
|---------|-----------------------------------------------------------------------------|
| map     | colours: grey, viridis, cividis, inferno, magma                              |
| dark    | 1: high counts dark                                                          |
| scale   | linear, log, sqrt                                                            |
| counts  | lowest-highest count shown; absent: automatic                                |
| pool    | how pixels become one: max, mean, nearest                                    |
| channel | number of the detector's channel                                             |
| over    | how many images are put together, and ``how``: max, sum, mean                |
| show    | what is drawn over it: rings, ice, beam, edge, spots, predictions,           |
|         | overloads, mask; none                                                       |
| by      | search: spots are searched although the file lists some                      |
| at      | x, y of the middle in detector pixels, screen pixels per detector pixel      |
| with    | number of the second image, and ``two``: side, blink                         |
"""

import re
from collections.abc import Mapping

Look = tuple[tuple[str, str], ...]

_NUMBER = r"\d{1,7}"
_SHOWN = "rings|ice|beam|edge|spots|predictions|overloads|mask"
_PARTS = {
    "map": re.compile(r"grey|viridis|cividis|inferno|magma"),
    "dark": re.compile(r"[01]"),
    "scale": re.compile(r"linear|log|sqrt"),
    "counts": re.compile(rf"{_NUMBER}-{_NUMBER}", re.ASCII),
    "pool": re.compile(r"max|mean|nearest"),
    "channel": re.compile(r"\d{1,2}", re.ASCII),
    "over": re.compile(r"\d{1,6}", re.ASCII),
    "how": re.compile(r"max|sum|mean"),
    "show": re.compile(rf"none|(?:{_SHOWN})(?:\.(?:{_SHOWN})){{0,7}}"),
    "by": re.compile(r"search"),
    "at": re.compile(r"-?\d{1,6}(?:\.\d{1,3})?,-?\d{1,6}(?:\.\d{1,3})?,\d{1,3}(?:\.\d{1,6})?", re.ASCII),
    "with": re.compile(_NUMBER, re.ASCII),
    "two": re.compile(r"side|blink"),
}


def look_of(given: Mapping[str, object]) -> Look:
    """The usable parts of what a link or a browser says, in order; the rest is dropped."""
    found = ((name, given.get(name)) for name in _PARTS)
    return tuple((name, text) for name, text in found if isinstance(text, str) and _PARTS[name].fullmatch(text))
