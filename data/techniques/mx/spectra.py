"""X-ray fluorescence spectra out of their files: counts of each channel, and the energies of calibrated ones."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.techniques.mx.logs.plain import plain_text
from data.techniques.mx.logs.report import Unusable
from data.techniques.mx.numbers import read_columns

Floats = NDArray[np.float64]
_MOST_CHANNELS = 100_000
_SOFTEST_EV = 200.0
_CALIBRATION = re.compile(r"^#@CALIB\s+(\S+)\s+(\S+)(?:\s+(\S+))?", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Spectrum:
    """``counts`` of each channel; ``energy`` in keV, or None where the file does not calibrate its channels.

    ``words`` says how the energies were come by and what was summed.
    """

    counts: Floats
    energy: Floats | None
    words: str


@dataclass(frozen=True, slots=True)
class Calibration:
    """Energy in eV of channel n: ``offset`` + ``slope`` n + ``square`` n²."""

    offset: float
    slope: float
    square: float = 0.0

    @classmethod
    def of(cls, words: Sequence[str]) -> "Calibration":
        """From two or three numbers as text. Raises ValueError where they do not rise."""
        numbers = [float(word) for word in words]
        if not 2 <= len(numbers) <= 3 or not np.isfinite(numbers).all() or numbers[1] <= 0:
            raise ValueError("two or three numbers, of which the second is above 0")
        return cls(*numbers)


def calibrated(found: Spectrum, beamline: Calibration | None) -> Spectrum:
    """The spectrum with energies as the site states them for the beamline, where its file states none."""
    if found.energy is not None or beamline is None:
        return found
    at = np.arange(len(found.counts), dtype=np.float64)
    energy = (beamline.offset + beamline.slope * at + beamline.square * at**2) / 1000
    if (np.diff(energy) <= 0).any():
        return found
    words = f"{found.words} Energies as the site states them for this beamline: channel 0 at {beamline.offset:g} eV, "
    return Spectrum(found.counts, energy, f"{words}{beamline.slope:g} eV a channel.".strip())


def read_spectrum(path: Path) -> Spectrum:
    """The spectrum of a file under a permitted root. Raises Unusable, with words that go after its name."""
    return spectrum(plain_text(path))


def spectrum(text: str) -> Spectrum:
    """The spectrum of a text, whichever of the known kinds it is. Raises Unusable."""
    head = text[:4000]
    if "$DATA:" in text:
        return _spe(text)
    if head.startswith("VERSION:") and "\nDATA:" in text:
        return _elements(text)
    if re.search(r"^@A", text, re.MULTILINE):
        return _spec(text)
    return _plain(text)


def _of(counts: Floats, calibration: tuple[float, float, float] | None, words: str) -> Spectrum:
    if not 3 <= len(counts) <= _MOST_CHANNELS:
        raise Unusable("holds no spectrum: it has " + ("too few" if len(counts) < 3 else "too many") + " channels")
    if not np.isfinite(counts).all():
        raise Unusable("has counts that are no numbers")
    if calibration is None:
        return Spectrum(counts, None, words)
    at = np.arange(len(counts), dtype=np.float64)
    energy = calibration[0] + calibration[1] * at + calibration[2] * at**2
    if not np.isfinite(energy).all() or (np.diff(energy) <= 0).any():
        return Spectrum(counts, None, "The file's calibration is not usable: channels are shown.")
    kilo = energy / 1000 if energy[-1] > _SOFTEST_EV else energy
    return Spectrum(counts, kilo, words or "Calibrated by the file.")


def _spe(text: str) -> Spectrum:
    part = text.split("$DATA:", 1)[1].split("$", 1)[0]
    numbers = _all_numbers(part)
    first, last = (int(numbers[0]), int(numbers[1])) if len(numbers) >= 2 else (0, 0)
    counts = numbers[2:]
    if len(counts) < last - first + 1:
        raise Unusable(f"is cut off: {len(counts):,} of {last - first + 1:,} channels are there")
    found = re.search(r"\$MCA_CAL:\s*\d+\s+(\S+)\s+(\S+)(?:\s+(\S+))?", text)
    calibration = _calibration(found.groups()) if found else None
    words = "" if calibration else "The file does not calibrate its channels."
    return _of(counts[: last - first + 1], calibration, words)


_KEYS = ("CAL_OFFSET", "CAL_SLOPE", "CAL_QUAD")


def _elements(text: str) -> Spectrum:
    """The files of EPICS detectors: a column for each element, each with its own calibration."""
    head, _, body = text.partition("\nDATA:")
    facts = {
        key.strip(): value.split() for key, _, value in (line.partition(":") for line in head.splitlines()) if value
    }
    try:
        channels = int(facts["CHANNELS"][0])
        numbers = read_columns(body).values
    except (KeyError, IndexError, ValueError) as error:
        raise Unusable("does not say how many channels it has") from error
    if len(numbers) < channels:
        raise Unusable(f"is cut off: {len(numbers):,} of {channels:,} channels are there")
    numbers = numbers[:channels]
    each = [_element(facts, n) for n in range(numbers.shape[1])]
    if each[0] is None:
        return _of(numbers.sum(axis=1), None, "The file does not calibrate its channels.")
    at = np.arange(channels, dtype=np.float64)
    axis = each[0][0] + each[0][1] * at + each[0][2] * at**2
    total = numbers[:, 0].copy()
    for n, own in enumerate(each[1:], 1):
        if own is None:
            continue
        energy = own[0] + own[1] * at + own[2] * at**2
        # The same counts on the first element's channels, which are a little wider or narrower.
        total += np.interp(axis, energy, numbers[:, n], 0.0, 0.0) * each[0][1] / own[1]
    count = numbers.shape[1]
    words = f"Sum of {count} detector elements, each by its own calibration." if count > 1 else ""
    return _of(total, each[0], words)


def _element(facts: dict[str, list[str]], n: int) -> tuple[float, float, float] | None:
    return _calibration([facts[key][n] if key in facts and len(facts[key]) > n else None for key in _KEYS])


def _spec(text: str) -> Spectrum:
    found = re.search(r"^@A(.*?)(?=^[#@]|\Z)", text, re.MULTILINE | re.DOTALL)
    counts = _all_numbers(found[1].replace("\\\n", " ") if found else "")
    stated = _CALIBRATION.search(text)
    calibration = _calibration(stated.groups()) if stated else None
    return _of(counts, calibration, "" if calibration else "The file does not calibrate its channels.")


def _plain(text: str) -> Spectrum:
    """One column of counts, or energies or channels and counts."""
    columns = read_columns(text)
    values = columns.values
    if values.shape[1] == 1:
        return _of(values[:, 0], None, "The file does not calibrate its channels.")
    axis, counts = values[:, 0], values[:, 1]
    steps = np.diff(axis)
    if not np.isfinite(axis).all() or (steps <= 0).any():
        raise Unusable("holds no spectrum: its first column does not rise")
    if np.allclose(steps, 1) and float(axis[0]).is_integer() and "nerg" not in columns.names[0]:
        return _of(counts, None, "The file does not calibrate its channels.")
    unit = "eV" if axis[-1] > _SOFTEST_EV else "keV"
    made = _of(counts, None, f"Energies as the file has them, in {unit}.")
    return Spectrum(made.counts, axis / 1000 if unit == "eV" else axis, made.words)


def _calibration(parts: Sequence[str | None]) -> tuple[float, float, float] | None:
    try:
        offset, slope, square = (float(part) if part is not None else 0.0 for part in parts)
    except ValueError:
        return None
    return (offset, slope, square) if np.isfinite([offset, slope, square]).all() and slope > 0 else None


def _all_numbers(text: str) -> Floats:
    try:
        return np.array(text.split(), np.float64)
    except ValueError as error:
        raise Unusable("has counts that are no numbers") from error
