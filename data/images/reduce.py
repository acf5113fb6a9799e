"""A frame made small enough for a screen without losing a spot.

Mask, then max-pool by a whole factor (a mean dilutes a spot of few pixels, picking single pixels
loses it), then one byte per pixel: an 8-bit float that is exact up to 31 counts.

| code    | counts                                                        |
|---------|---------------------------------------------------------------|
| 0..31   | the count itself                                              |
| 32..254 | 16 steps per octave: 32 + 16·o + s means (16 + s)·2^(o+1) and more |
| 255     | masked                                                        |

254 starts at 491 520 counts and stands for everything above.
"""

from dataclasses import dataclass
from functools import cache
from io import BytesIO
from types import ModuleType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data.images.formats.frame import Frame

MASKED = 255
_TOP = 491_520  # where code 254 starts

Counts = NDArray[np.uint32]
Codes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Reduced:
    """`codes`: (ceil(h/factor), ceil(w/factor)) bytes; `factor`: frame pixels per pixel, each
    way."""

    codes: Codes
    factor: int


def compand(counts: NDArray[np.integer[Any]] | int) -> Codes:
    """The code of each count; negative counts code as 0."""
    values = np.clip(np.asarray(counts, np.int64), 0, _TOP)
    # frexp of an integer is exact: value = fraction * 2^exponent, fraction in [0.5, 1).
    octave = np.maximum(np.frexp(values.astype(np.float64))[1] - 6, -1)
    coarse = 32 + 16 * octave + ((values >> (octave + 1)) & 15)
    return np.asarray(np.where(values < 32, values, coarse), np.uint8)


def expand(codes: NDArray[np.integer[Any]] | int) -> NDArray[np.int64]:
    """A count for each code: exact up to 31, then the middle of the step (within 3.2 %); -1 for
    255."""
    code = np.asarray(codes, np.int64)
    octave = np.maximum(code - 32, 0) >> 4
    low = (16 + ((code - 32) & 15)) << (octave + 1)
    values = np.where(code < 32, code, low + (1 << octave) - 1)
    return np.asarray(np.where(code == MASKED, -1, values))


@cache
def _table() -> Codes:
    """Code of every count up to 65 535, for a look-up instead of a logarithm."""
    return compand(np.arange(65536))


def factor_for(shape: tuple[int, int], longest: int) -> int:
    """The whole factor that brings the longer side of (h, w) to at most `longest` pixels."""
    return max(1, -(-max(shape) // max(1, longest)))


def reduce(frame: Frame, longest: int = 1100, *, fast: bool = True) -> Reduced:
    """Max-pool a frame to at most `longest` pixels a side and compand it.

    A block is masked only where all its pixels are; edge blocks may hold fewer pixels.
    `fast=False` keeps to numpy; the results are equal.
    """
    factor = factor_for(frame.shape, longest)
    array = _countable(frame.array)
    mask = np.ascontiguousarray(frame.mask)
    kernels = _kernels() if fast else None
    if kernels is not None:
        return Reduced(kernels.pool(array, mask, factor, _table(), _TOP), factor)
    return Reduced(_pool(array, mask, factor), factor)


def _countable(array: NDArray[Any]) -> NDArray[Any]:
    """Integers of a kind the kernels know; fractions are rounded."""
    if array.dtype.kind == "f":
        clipped = np.clip(np.nan_to_num(array, nan=0.0), 0, 2 * _TOP)
        array = np.rint(clipped).astype(np.uint32)
    if array.dtype.str not in ("|u1", "<u2", "<u4", "<i4"):
        array = np.clip(array, 0, 2**31 - 1).astype(np.uint32)
    return np.ascontiguousarray(array)


def _pool(array: NDArray[Any], mask: NDArray[np.bool_], factor: int) -> Codes:
    # Counts are moved up by one so that 0 can mean "masked" through the maxima.
    wide = array.astype(np.uint32) if array.dtype.itemsize < 4 else array
    lifted = np.minimum(wide, _TOP) if wide.dtype.kind == "u" else np.clip(wide, 0, _TOP)
    work = lifted.astype(np.int32) + 1
    work[mask] = 0
    height, width = work.shape
    rows = np.zeros((-(-height // factor), width), np.int32)
    for step in range(factor):
        part = work[step::factor]
        np.maximum(rows[: len(part)], part, out=rows[: len(part)])
    out = np.zeros((len(rows), -(-width // factor)), np.int32)
    for step in range(factor):
        part = rows[:, step::factor]
        np.maximum(out[:, : part.shape[1]], part, out=out[:, : part.shape[1]])
    codes = compand(np.maximum(out - 1, 0))
    codes[out == 0] = MASKED
    return codes


@cache
def _kernels() -> ModuleType | None:
    try:
        from data.images import kernels
    except ImportError:
        return None
    return kernels


def levels(codes: Codes, low: float = 0.0, high: float = 99.9) -> tuple[int, int]:
    """Counts at two percentiles of what is not masked; (0, 1) for a frame without valid pixels."""
    seen = np.bincount(codes.ravel(), minlength=256)[:MASKED]
    total = int(seen.sum())
    if total == 0:
        return 0, 1
    running = np.cumsum(seen)
    bottom, top = (int(expand(int(np.searchsorted(running, max(1.0, total * share / 100))))) for share in (low, high))
    return bottom, max(top, bottom + 1)


def preview(frame: Frame, longest: int = 400, kind: Literal["png", "jpeg"] = "jpeg", *, gamma: float = 1.0) -> bytes:
    """A small picture as diffraction viewers draw it: dark spots on white, masked pixels pale grey.

    Contrast runs from the 0th to the 99.9th percentile of the valid pixels; `gamma` < 1 lifts
    weak spots.
    """
    small = reduce(frame, longest).codes
    bottom, top = levels(small)
    values = expand(np.arange(256)).astype(float)
    share = np.clip((values - bottom) / (top - bottom), 0, 1) ** gamma
    shades = np.rint(255 * (1 - share)).astype(np.uint8)
    shades[MASKED] = 214
    picture = Image.fromarray(shades[small])
    out = BytesIO()
    if kind == "png":
        picture.save(out, "PNG", compress_level=3)
    else:
        picture.save(out, "JPEG", quality=88)
    return out.getvalue()
