"""How many crystals are enough: CC½, completeness and multiplicity of merged stills against their number.

* CC½(N) = N / (N + N0), one N0 for a shell: the error of a half set falls as 1/N (Assmann, Brehm & Diederichs, 2016).
* Completeness of random stills: 1 - exp(-m) with m observations of a reflection on average; m grows linearly with N.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

ORDERS: Final = {"a": 2, "m": 4, "o": 8, "t": 16, "h": 24, "c": 48}
"""Operations of the highest Laue group of each crystal family, by the letter of its lattice type."""

CENTRED: Final = {"P": 1, "A": 2, "B": 2, "C": 2, "I": 2, "F": 4, "R": 1, "H": 3}
"""Lattice points in the cell of each centring."""

Quantity = Literal["cc_half", "completeness", "multiplicity"]


@dataclass(frozen=True, slots=True)
class Target:
    """What the user wants in the shell at ``resolution`` (Å): CC½ and completeness as fractions, multiplicity."""

    resolution: float | None = None
    cc_half: float | None = None
    completeness: float | None = None
    multiplicity: float | None = None


@dataclass(frozen=True, slots=True)
class Merge:
    """One merge of ``lattices`` crystals: what it reached in the shell of interest; None where not known."""

    lattices: int
    cc_half: float | None = None
    completeness: float | None = None
    multiplicity: float | None = None
    unique: float | None = None
    """Unique reflections in that shell."""
    program: str = ""


@dataclass(frozen=True, slots=True)
class Need:
    """Lattices that a quantity needs in all, with the range that the merges leave open; ``basis`` says from what.

    ``doubt``: why this may be wrong, where the merges tell.
    """

    quantity: Quantity
    lattices: float
    low: float
    high: float
    basis: str
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Left:
    """Time until the target at the present rate, in seconds: the middle and the 95 % range. 0 where it is met."""

    seconds: float
    low: float
    high: float


def half_set(cc_half: float, lattices: float) -> float:
    """N0 of a shell from one merge: CC½ = N/(N + N0). Raises ValueError outside 0 < CC½ < 1."""
    if not 0 < cc_half < 1:
        raise ValueError(f"CC½ is between 0 and 1, not {cc_half}")
    return lattices * (1 - cc_half) / cc_half


def needed_for_cc(cc_half: float, n0: float) -> float:
    """Lattices at which the shell reaches ``cc_half``: N0·c/(1 - c)."""
    return n0 * cc_half / (1 - cc_half)


def needed_for_completeness(completeness: float, per_lattice: float) -> float:
    """Lattices at which 1 - exp(-m) reaches ``completeness``; ``per_lattice``: multiplicity that one lattice adds."""
    return -math.log(1 - completeness) / per_lattice


def per_lattice(reflections: float, unique: float) -> float:
    """Multiplicity that one still adds: its observations over the unique reflections to the same resolution."""
    return reflections / unique


def unique_reflections(volume: float, resolution: float, order: int) -> float:
    """Unique reflections to ``resolution`` (Å) of a cell of ``volume`` (Å³) whose Laue group has ``order`` operations.

    Lattice points in the sphere of radius 1/d, 4/3·π·V/d³, over the order, for a primitive cell.
    """
    return 4 / 3 * math.pi * volume / resolution**3 / order


def needs(target: Target, merges: Sequence[Merge], observed: float | None = None) -> list[Need]:
    """What each wanted quantity needs.

    ``observed``: multiplicity that one lattice adds, from counts and symmetry, used while no merge says better. CC½
    cannot be foretold without a merge: it is then left out.
    """
    found = []
    merges = sorted((m for m in merges if m.lattices > 0), key=lambda m: m.lattices)
    if target.cc_half is not None and 0 < target.cc_half < 1:
        useful = [m for m in merges if m.cc_half is not None and 0.02 < m.cc_half < 0.999]
        if useful:
            found.append(_need_for_cc(target.cc_half, useful))
    grown = [m for m in merges if m.multiplicity]
    adds = [(m.multiplicity or 0.0) / m.lattices for m in grown]
    basis = _from(grown, "multiplicity") if adds else "from counts and symmetry"
    if not adds and observed:
        adds = [observed]
    if target.completeness is not None and 0 < target.completeness < 1:
        filled = [m for m in merges if m.completeness is not None and 0.02 < m.completeness < 0.999]
        by_merge = [
            needed_for_completeness(target.completeness, -math.log(1 - (m.completeness or 0.0)) / m.lattices)
            for m in filled
        ]
        each = by_merge[-5:] or [needed_for_completeness(target.completeness, add) for add in adds[-5:]]
        if each:
            found.append(_need("completeness", each, _from(filled, "completeness") if filled else basis))
    if target.multiplicity is not None and target.multiplicity > 0 and adds:
        found.append(_need("multiplicity", [target.multiplicity / add for add in adds[-5:]], basis))
    return found


def untold(target: Target, merges: Sequence[Merge], found: Sequence[Need]) -> str:
    """Why CC½ is not among what `needs` found although it is wanted; empty where it is, or is not wanted."""
    if target.cc_half is None or any(need.quantity == "cc_half" for need in found):
        return ""
    if not merges:
        return "CC½: needs a first merge of this run; ISPyB has none yet."
    where = "overall" if target.resolution is None else f"at {target.resolution:g} Å"
    if all(m.cc_half is None for m in merges):
        return f"CC½: no merge of this run tells it {where}."
    return f"CC½: the merges so far are too near to 0 or to 1 {where} to foretell from."


def _from(merges: Sequence[Merge], quantity: Quantity) -> str:
    newest = merges[-1]
    value = getattr(newest, quantity)
    reached = {
        "cc_half": f"which reached {value:.3g}",
        "completeness": f"which is {100 * value:.1f} % complete",
        "multiplicity": f"whose multiplicity is {value:.3g}",
    }[quantity]
    by = f" by {newest.program}" if newest.program else ""
    return f"from the merge of {newest.lattices:,} lattices{by}, {reached}"


def _need_for_cc(cc_half: float, merges: Sequence[Merge]) -> Need:
    """From the newest merge, which holds what the others do. Its N0 is as uncertain as its correlation.

    A correlation c of n pairs has a standard error of (1 - c²)/√(n - 3), so that N0 = N(1 - c)/c has one of
    (1 + c)/(c √(n - 3)) of itself. Where n is not known the scatter of the last merges stands for it, and a tenth
    where there is one alone.
    """
    n0s = [half_set(m.cc_half or 0.0, m.lattices) for m in merges]
    newest, reached = merges[-1], merges[-1].cc_half or 0.0
    if newest.unique is not None and newest.unique > 4:
        error = (1 + reached) / (reached * math.sqrt(newest.unique - 3))
    elif len(n0s) > 1:
        error = float(np.std(np.log(n0s[-5:]), ddof=1))
    else:
        error = 0.1
    middle, factor = needed_for_cc(cc_half, n0s[-1]), math.exp(1.96 * min(error, 3.0))
    basis = _from(merges, "cc_half")
    return Need("cc_half", middle, middle / factor, middle * factor, basis, _drift(merges, n0s, error))


def _drift(merges: Sequence[Merge], n0s: Sequence[float], error: float) -> str:
    """Whether N0 grows with the lattices: more of the same crystals would leave it as it is."""
    for older, n0 in zip(reversed(merges[:-1]), reversed(n0s[:-1]), strict=True):
        if merges[-1].lattices >= 1.5 * older.lattices and n0s[-1] > n0 * max(1.5, math.exp(3 * error)):
            return (
                f"Later lattices add less than the first did (N0 from {n0:,.0f} to {n0s[-1]:,.0f}): crystals that "
                "differ, or are indexed in two ways."
            )
    return ""


def _need(quantity: Quantity, estimates: Sequence[float], basis: str, doubt: str = "") -> Need:
    values = np.asarray(estimates, float)
    middle = float(np.median(values))
    # One merge alone: CC½ and multiplicity of one data set are known to some percent at best.
    spread = float(values.std(ddof=1)) * 1.96 / math.sqrt(len(values)) if len(values) > 1 else 0.1 * middle
    return Need(quantity, middle, max(0.0, middle - spread), middle + spread, basis, doubt)


def time_left(
    need: Need, lattices: int, per_second: float, low: float, high: float, counted: float = 0.0
) -> Left | None:
    """Seconds until ``need`` is met at ``per_second`` lattices (95 %: ``low`` to ``high``); None where none come.

    The range combines the interval of the rate with that of the need. ``counted`` lattices told the rate: those that
    are still to come are as much a matter of chance, which widens the range by √(1 + counted/missing).
    """
    missing = need.lattices - lattices
    if missing <= 0:
        return Left(0.0, 0.0, 0.0)
    if per_second <= 0 or low <= 0:
        return None
    wider = math.sqrt(1 + counted / missing)
    soonest = max(0.0, need.low - lattices) / (per_second * (high / per_second) ** wider)
    latest = max(0.0, need.high - lattices) / (per_second * (low / per_second) ** wider)
    return Left(missing / per_second, soonest, latest)
