"""Energy scans across an absorption edge, out of their files: what was measured, and f' and f'' from CHOOCH."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.techniques.mx.logs.plain import plain_text
from data.techniques.mx.logs.report import Unusable
from data.techniques.mx.numbers import Columns, read_columns

Floats = NDArray[np.float64]
_ENERGY = re.compile(r"energ|^e$|^e\(|kev|\bev\b", re.IGNORECASE)
_FLUORESCENCE = re.compile(r"fluo|^if$|vortex|xflash|ketek|mca|^mu|norm|count", re.IGNORECASE)
_INCIDENT = re.compile(r"^(i0|io|imon|i0_.*|monitor)\b", re.IGNORECASE)
_TRANSMITTED = re.compile(r"^(itrans|it|i1|i_t|itr)\b", re.IGNORECASE)
_LOWEST_EV, _HIGHEST_EV = 200.0, 200_000.0


@dataclass(frozen=True, slots=True)
class Measured:
    """Energies in eV, ascending, and what was measured; ``what`` names it as the file does, ``unit`` the unit of the
    energies in the file."""

    energy: Floats
    value: Floats
    what: str
    unit: str


@dataclass(frozen=True, slots=True)
class Factors:
    """f' and f'' in electrons against energies in eV, ascending."""

    energy: Floats
    f_prime: Floats
    f_double_prime: Floats
    unit: str


def in_ev(value: float | None) -> float | None:
    """An energy in eV that a site keeps in eV or keV: below 200 it is keV, as no X-ray beamline is that soft."""
    if value is None or not np.isfinite(value) or value <= 0:
        return None
    return value * 1000 if value < _LOWEST_EV else value


def read_scan(path: Path) -> Measured:
    """What was measured, of a file under a permitted root. Raises Unusable, with words that go after its name."""
    return measured(read_columns(plain_text(path)))


def read_factors(path: Path) -> Factors:
    """f' and f'' of a file under a permitted root. Raises Unusable, with words that go after its name."""
    return factors(read_columns(plain_text(path)))


def measured(columns: Columns) -> Measured:
    """The energies of a scan and the fluorescence, else the absorption, measured at them."""
    at = _energy_column(columns)
    energy, unit = _ev(columns, at)
    value, what = _measured(columns, at)
    energy, value = _ascending(energy, value)
    return Measured(energy, value, what, unit)


def factors(columns: Columns) -> Factors:
    """CHOOCH writes the energy, f'' and f'; which is which is told by the sign: f' is negative near an edge."""
    if columns.values.shape[1] < 3:
        raise Unusable("has fewer than three columns: no f′ and f″")
    energy, unit = _ev(columns, 0)
    one, other = columns.values[:, 1], columns.values[:, 2]
    if (np.median(one) < 0) == (np.median(other) < 0):
        raise Unusable("does not tell f′ from f″: neither column, or both, are negative")
    prime, double = (one, other) if np.median(one) < 0 else (other, one)
    energy, prime, double = _ascending(energy, prime, double)
    return Factors(energy, prime, double, unit)


def _energy_column(columns: Columns) -> int:
    """The first column that runs one way through energies of X-rays; one that is called so before others."""
    count = columns.values.shape[1]
    named = [n for n in range(count) if _ENERGY.search(columns.names[n])]
    for at in [*named, *(n for n in range(count) if n not in named)]:
        values = columns.values[:, at]
        if not np.isfinite(values).all():
            continue
        steps = np.diff(values)
        if 0.99 * len(steps) <= max((steps >= 0).sum(), (steps <= 0).sum()):
            low, high = float(values.min()), float(values.max())
            kilo = low >= 0.2 and high < _LOWEST_EV
            plain = low >= _LOWEST_EV and high <= _HIGHEST_EV
            if high > low and (kilo or plain) and (high - low) / high < 0.5:
                return at
    raise Unusable("has no column of X-ray energies")


def _ev(columns: Columns, at: int) -> tuple[Floats, str]:
    values = columns.values[:, at]
    if not np.isfinite(values).all():
        raise Unusable("has energies that are no numbers")
    stated = columns.units[at].lower()
    if stated not in {"ev", "kev"}:
        stated = "kev" if float(values.max()) < _LOWEST_EV else "ev"
    found = values * 1000 if stated == "kev" else values
    if float(found.min()) <= 0 or float(found.max()) > _HIGHEST_EV:
        raise Unusable("has energies that no X-ray beamline reaches")
    return found, "keV" if stated == "kev" else "eV"


def _measured(columns: Columns, at: int) -> tuple[Floats, str]:
    values, names = columns.values, columns.names
    others = [n for n in range(values.shape[1]) if n != at]
    if not others:
        raise Unusable("has energies only")
    if len(others) == 1:
        return values[:, others[0]], names[others[0]]
    fluorescence = [n for n in others if _FLUORESCENCE.search(names[n]) and _varies(values[:, n])]
    if fluorescence:
        return values[:, fluorescence[0]], names[fluorescence[0]]
    incident = next((n for n in others if _INCIDENT.search(names[n])), None)
    passed = next((n for n in others if _TRANSMITTED.search(names[n])), None)
    if incident is not None and passed is not None and (values[:, [incident, passed]] > 0).all():
        name = f"ln({names[incident]}/{names[passed]})"
        return np.log(values[:, incident] / values[:, passed]), name
    beside = re.compile("energ|time|point|seconds", re.IGNORECASE)
    varying = [n for n in others if _varies(values[:, n]) and not beside.search(names[n])]
    if not varying:
        raise Unusable("has no column that changes with energy")
    return values[:, varying[0]], f"column {names[varying[0]]}"


def _varies(values: Floats) -> bool:
    return bool(np.isfinite(values).all() and values.max() > values.min())


def _ascending(energy: Floats, *others: Floats) -> Sequence[Floats]:
    order = np.argsort(energy, kind="stable")
    return [energy[order], *(other[order] for other in others)]
