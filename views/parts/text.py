"""Values as words:

Numbers with sensible digits, times, cells, space groups. A missing value is a dash, never 0.
"""

import math
import re
from datetime import date, datetime

MISSING = "–"
THIN = "\u202f"  # a thin space that does not break the line

# Planck's constant times the speed of light, in keV·Å (exact since the SI of 2019; CODATA 2018).
KEV_ANGSTROM = 12.398419843

_SYMBOL = re.compile(r"[PABCIFRH]( -?[1-6][1-5]?(/[mabcdn])?| [mabcdn])+")
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_SUBSCRIPT = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")

# The 65 space groups of chiral molecules, as International Tables spell them, and the settings
# that ISPyB stores.
_GROUPS = """
P 1|P 2|P 21|C 2|P 1 2 1|P 1 21 1|C 1 2 1|I 2|I 1 2 1|A 1 2 1|P 1 1 2|P 1 1 21|P 2 2 2|P 2 2 21
P 21 2 2|P 2 21 2|P 21 21 2|P 21 2 21|P 2 21 21|P 21 21 21|C 2 2 21|C 2 2 2|F 2 2 2|I 2 2 2
I 21 21 21|P 4|P 41|P 42|P 43|I 4|I 41|P 4 2 2|P 4 21 2|P 41 2 2|P 41 21 2|P 42 2 2|P 42 21 2
P 43 2 2|P 43 21 2|I 4 2 2|I 41 2 2|P 3|P 31|P 32|R 3|H 3|P 3 1 2|P 3 2 1|P 31 1 2|P 31 2 1
P 32 1 2|P 32 2 1|R 3 2|H 3 2|P 6|P 61|P 65|P 62|P 64|P 63|P 6 2 2|P 61 2 2|P 65 2 2|P 62 2 2
P 64 2 2|P 63 2 2|P 2 3|F 2 3|I 2 3|P 21 3|I 21 3|P 4 3 2|P 42 3 2|F 4 3 2|F 41 3 2|I 4 3 2
P 43 3 2|P 41 3 2|I 41 3 2
"""
_BY_COMPACT = {group.replace(" ", ""): group.split() for group in _GROUPS.replace("\n", "|").split("|") if group}


def number(value: object, digits: int | None = None, unit: str = "") -> str:
    """``value`` with ``digits`` after the point and thousands set apart; four significant digits
    where none are given.

    Very large and very small values are written as powers of ten. Missing, not-a-number and
    infinite give a dash.
    """
    plain = _real(value)
    if plain is None:
        return MISSING
    text = _plain(plain, digits)
    if not unit:
        return text
    return text + (unit if unit in {"%", "°"} else f"{THIN}{unit}")


def _real(value: object) -> float | int | None:
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    try:
        real = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return real if math.isfinite(real) else None


def _plain(value: float | int, digits: int | None) -> str:
    size = abs(value)
    whole = float(value).is_integer()
    if (size >= 1e7 and not (whole and size < 1e9)) or 0 < size < 1e-4:
        mantissa, exponent = f"{value:.{2 if digits is None else min(digits, 2)}e}".split("e")
        return f"{mantissa}{THIN}×{THIN}10{str(int(exponent)).translate(_SUPERSCRIPT)}".replace("-", "−")
    if digits is None:
        digits = 0 if whole or size >= 1000 else _decimals(size)
        text = f"{value:,.{digits}f}"
        if "." in text:
            text = text.rstrip("0").rstrip(".")
    else:
        text = f"{value:,.{digits}f}"
    if float(text.replace(",", "")) == 0:
        text = text.removeprefix("-")
    return text.replace(",", THIN).replace("-", "−")


def _decimals(size: float) -> int:
    """Decimals that leave four significant digits."""
    if size == 0:
        return 0
    return max(0, 3 - math.floor(math.log10(size)))


def when(moment: datetime | date | None, seconds: bool = False) -> str:
    """A time as the facility's clock showed it: ``2024-05-17 09:31``."""
    if moment is None:
        return MISSING
    if isinstance(moment, datetime):
        return moment.strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")
    return moment.isoformat()


def duration(seconds: float | None) -> str:
    """``42 s``, ``3 min 05 s``, ``2 h 10 min``, ``3 d 4 h``."""
    plain = _real(seconds)
    if plain is None or plain < 0:
        return MISSING
    whole = round(plain)
    if plain < 10:
        return number(plain, unit="s")
    if whole < 60:
        return f"{whole}{THIN}s"
    if whole < 3600:
        return f"{whole // 60}{THIN}min {whole % 60:02d}{THIN}s"
    if whole < 86400:
        return f"{whole // 3600}{THIN}h {whole % 3600 // 60:02d}{THIN}min"
    return f"{whole // 86400}{THIN}d {whole % 86400 // 3600}{THIN}h"


def cell(
    a: float | None,
    b: float | None,
    c: float | None,
    alpha: float | None,
    beta: float | None,
    gamma: float | None,
) -> str:
    """Unit cell in Å and degrees:

    ``78.90 78.90 38.10  90 90 90``; a dash where nothing of it is known.
    """
    lengths, angles = (a, b, c), (alpha, beta, gamma)
    if all(_real(value) is None for value in (*lengths, *angles)):
        return MISSING
    return " ".join(number(value, 2) for value in lengths) + "\u2003" + " ".join(_angle(value) for value in angles)


def _angle(value: float | None) -> str:
    text = number(value, 2)
    return text.rstrip("0").rstrip(".") if "." in text else text


def space_group(name: str | None) -> str:
    """A Hermann-Mauguin symbol with its screw axes as subscripts: ``P 21 21 21`` and ``P212121``
    give ``P2₁2₁2₁``.

    A name that is neither spaced nor one of the 65 chiral groups is given back as it is.
    """
    text = (name or "").strip()
    if not text:
        return MISSING
    symbol, colon, setting = text.partition(":")
    parts = symbol.split()
    if len(parts) < 2:
        parts = _BY_COMPACT.get("".join(parts), [])
    if not parts or not _SYMBOL.fullmatch(" ".join(parts)):
        return text
    return parts[0] + "".join(_axis(part) for part in parts[1:]) + colon + setting.strip()


def _axis(part: str) -> str:
    digits = len(part) - len(part.lstrip("0123456789"))
    if digits == 2 and part[0] in "2346" and "0" < part[1] < part[0]:
        return part[0] + part[1].translate(_SUBSCRIPT) + part[2:]
    return part


def energy(wavelength: float | None) -> float | None:
    """Photon energy in keV of a wavelength in Å."""
    plain = _real(wavelength)
    return KEV_ANGSTROM / plain if plain is not None and plain > 0 else None
