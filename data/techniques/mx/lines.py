"""Where elements emit and absorb X-rays, from XrayDB (Elam, Ravel and Sieber, 2002), where that is installed."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from threading import RLock
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

USUAL = ("P", "S", "Cl", "K", "Ca", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "As", "Se", "Br", "Mo", "I",
         "Xe", "W", "Pt", "Au", "Hg", "Pb")  # fmt: skip
"""Elements that one meets in crystals, buffers and mounts."""
_SHOWN = ("Ka1", "Kb1", "La1", "Lb1")
_NAMES = {"Ka1": "Kα", "Kb1": "Kβ", "La1": "Lα", "Lb1": "Lβ"}
_EDGE_OF = {"Ka1": "K", "Kb1": "K", "La1": "L3", "Lb1": "L2"}
_REST_KEV = 510.99895
_NEAR_KEV = 0.06
_SOFTEST_KEV = 1.5  # what is softer stays in the air before the detector
MISSING = "Lines and edges of elements need XrayDB: install the extra mx."


@dataclass(frozen=True, slots=True)
class Emission:
    """One line of an element; energy in keV."""

    element: str
    name: str
    energy: float


def ready() -> bool:
    """Whether the library is installed."""
    return _library() is not None


def _library() -> Any:
    try:
        return import_module("xraydb")
    except ImportError:
        return None


# The library asks its own small database through one connection, whatever the thread.
_ONE_AT_A_TIME = RLock()


@lru_cache(maxsize=200)
def _known(name: str) -> tuple[Any, Any] | None:
    """Lines and edges of an element by its symbol; None where there is no such element, or no library."""
    library = _library()
    if library is None:
        return None
    with _ONE_AT_A_TIME:
        try:
            number = library.atomic_number(name)
            if library.atomic_symbol(number) != name:
                return None
            return library.xray_lines(name), library.xray_edges(name)
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            return None


def symbol(text: str | None) -> str | None:
    """The symbol of an element as written, if it is one: ``SE`` is ``Se``."""
    name = (text or "").strip().capitalize()
    if not 1 <= len(name) <= 2 or not name.isascii() or not name.isalpha():
        return None
    return name if _known(name) is not None else None


def emission(element: str, excitation: float | None = None) -> list[Emission]:
    """The strongest K and L lines of an element from 1.5 keV on, those that ``excitation`` in keV can excite."""
    name = symbol(element)
    known = _known(name) if name is not None else None
    if name is None or known is None:
        return []
    lines, edges = known
    found = []
    for key in _SHOWN:
        edge = edges.get(_EDGE_OF[key])
        excited = edge is not None and (excitation is None or edge.energy / 1000 < excitation)
        if key in lines and excited and lines[key].energy / 1000 >= _SOFTEST_KEV:
            found.append(Emission(name, f"{name} {_NAMES[key]}", lines[key].energy / 1000))
    return found


def edge(element: str | None, name: str | None) -> float | None:
    """The energy in eV of an element's edge (K, L1, L2, L3) in the free atom; ``L`` is L3."""
    of = symbol(element)
    known = _known(of) if of is not None else None
    wanted = (name or "K").strip().upper()
    if known is None or wanted not in {"K", "L", "L1", "L2", "L3"}:
        return None
    found = known[1].get("L3" if wanted == "L" else wanted)
    return None if found is None else float(found.energy)


def compton(energy: float) -> float:
    """The energy in keV of photons of ``energy`` that are scattered by 90° off electrons at rest."""
    return energy / (1 + energy / _REST_KEV)


def candidates(
    energy: Floats, counts: Floats, excitation: float | None, elements: Sequence[str] = USUAL, most: int = 6
) -> list[str]:
    """Elements whose strongest line lies on a peak, the highest peak first. By position alone: lines overlap.

    Where it may be the Kβ or Lβ of an element with a higher peak it is not named.

    A peak stands five times the noise of its counts, and 2 % of the highest, above what is beside it.
    """
    limit = compton(excitation) - 0.35 if excitation else float(energy[-1])
    inside = (energy > 1.5) & (energy < limit)
    if inside.sum() < 10:
        return []
    e, c = energy[inside], np.convolve(counts, np.ones(5) / 5, "same")[inside]
    step = float(np.median(np.diff(e)))
    wing = max(3, round(0.25 / step))
    found = []
    for element in elements:
        lines = emission(element, excitation)
        strongest = next((line for line in lines if line.name.endswith("α")), None)
        if strongest is None or not e[0] < strongest.energy < e[-1]:
            continue
        at = int(np.argmin(np.abs(e - strongest.energy)))
        reach = max(1, round(_NEAR_KEV / step))
        low, high = max(0, at - reach), min(len(c), at + reach + 1)
        top = low + int(np.argmax(c[low:high]))
        if top in {low, high - 1} and reach > 1:
            continue  # on the flank of another peak
        beside = max(float(c[max(0, top - wing)]), float(c[min(len(c) - 1, top + wing)]))
        above = float(c[top]) - beside
        if above > 5 * np.sqrt(max(beside, 1.0) / 5) and above > 0.02 * float(c.max()):
            found.append((above, element))
    kept: list[str] = []
    for _, element in sorted(found, reverse=True):
        own = emission(element, excitation)[0].energy
        weaker = [line.energy for other in kept for line in emission(other, excitation) if line.name.endswith("β")]
        if all(abs(own - energy) > _NEAR_KEV for energy in weaker):
            kept.append(element)
    return kept[:most]
