"""Space groups as pipelines spell them, and how much symmetry each has.

The rule is there twice, for text and for SQL; a test holds them together.
"""

from typing import Any

from sqlalchemy import case, func

_BY_OPERATORS = {
    1: "P1 P-1",
    2: "P2 P21 C2 I2 A2 B2 P121 P1211 C121 I121 A121 P112 P1121 B112",
    3: "P3 P31 P32 R3 H3 R3:H R3:R H3:H",
    4: "P222 P2221 P2122 P2212 P21212 P21221 P22121 P212121 C222 C2221 F222 I222 I212121 P4 P41 P42 P43 I4 I41",
    6: "P312 P321 P3112 P3121 P3212 P3221 R32 H32 R32:H R32:R H32:H P6 P61 P65 P62 P64 P63",
    8: "P422 P4212 P4122 P41212 P4222 P42212 P4322 P43212 I422 I4122",
    12: "P622 P6122 P6522 P6222 P6422 P6322 P23 F23 I23 P213 I213",
    24: "P432 P4232 F432 F4132 I432 P4332 P4132 I4132",
}
_COUNT = {name: count for count, names in _BY_OPERATORS.items() for name in names.split()}
_LEFT_OUT = (" ", "(", ")", "_")


def compact(space_group: str | None) -> str:
    """A symbol without blanks, underscores and the brackets that XDSAPP sets: ``P2(1)`` and ``P 21`` are ``P21``."""
    text = (space_group or "").upper()
    for mark in _LEFT_OUT:
        text = text.replace(mark, "")
    return text


def operators(space_group: str | None) -> int:
    """Symmetry operators of a space group without its centring: the order of its point group. 0 for unknown names."""
    return _COUNT.get(compact(space_group), 0)


def operators_of(column: Any) -> Any:
    """The same as an expression."""
    text = func.upper(column)
    for mark in _LEFT_OUT:
        text = func.replace(text, mark, "")
    return case(*((text.in_(names.split()), count) for count, names in _BY_OPERATORS.items()), else_=0)


def centring(space_group: str | None) -> str:
    """The letter of the lattice; P where the symbol has none. H, the hexagonal setting of R, counts as R."""
    text = compact(space_group)
    letter = text[:1]
    return "R" if letter == "H" else letter if letter in {"P", "A", "B", "C", "I", "F", "R"} else "P"
