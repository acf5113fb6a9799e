"""A frame made small enough for a screen without losing a spot.

Mask, then max-pool by a whole factor (a mean dilutes a spot of few pixels, picking single pixels
loses it), then one byte per pixel: an 8-bit float that is exact up to 31 counts.

| code    | counts                                                        |
|---------|---------------------------------------------------------------|
| 0..31   | the count itself                                              |
| 32..254 | 16 steps per octave: 32 + 16·o + s means (16 + s)·2^(o+1) and more |
| 255     | masked                                                        |

254 starts at 491 520 counts and stands for everything above.

Pictures that hold no counts (`Reduced.scale`) are stretched over 20 000 of them, and a code is 80 of those, evenly:
what is looked for in densities lies in the middle of their range, where steps of an octave would be coarse.
"""

from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data.images.formats.frame import Frame
from data.images.loops import kernels

MASKED = 255
_TOP = 491_520  # where code 254 starts

Counts = NDArray[np.uint32]
Codes = NDArray[np.uint8]


Pooling = Literal["max", "mean", "nearest"]


@dataclass(frozen=True, slots=True)
class Reduced:
    """`codes`: (ceil(h/factor), ceil(w/factor)) bytes; `factor`: frame pixels per pixel, each
    way. What a count c of a picture that holds no counts stands for: `scale` (offset, step), offset + step·c."""

    codes: Codes
    factor: int
    scale: tuple[float, float] | None = None


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
def table() -> Codes:
    """Code of every count up to 65 535, for a look-up instead of a logarithm."""
    return compand(np.arange(65536))


@cache
def even_table() -> Codes:
    """Code of every count up to 65 535 of a picture that holds no counts."""
    return np.minimum(np.rint(np.arange(65536) / _EVEN), MASKED - 1).astype(np.uint8)


def factor_for(shape: tuple[int, int], longest: int) -> int:
    """The whole factor that brings the longer side of (h, w) to at most `longest` pixels."""
    return max(1, -(-max(shape) // max(1, longest)))


def reduce(frame: Frame, longest: int = 1100, pooling: Pooling = "max", *, fast: bool = True) -> Reduced:
    """Pool a frame to at most `longest` pixels a side and compand it.

    A block is masked only where all its pixels are (with `nearest`, where its middle one is); edge blocks may hold
    fewer pixels. Densities and other fractions are first stretched over `_SHADES` counts, see `Reduced.scale`.
    `fast=False` keeps to numpy; the results are equal.
    """
    factor = factor_for(frame.shape, longest)
    scale = scale_of(frame)
    if scale is not None:
        frame = Frame(scaled(frame.array, scale), frame.mask, frame.meta)
    if factor > 1 and pooling != "max":
        frame = _averaged(frame, factor) if pooling == "mean" else _picked(frame, factor)
        return Reduced(reduce(frame, longest, fast=fast).codes, factor, scale)
    array = _countable(frame.array)
    mask = np.ascontiguousarray(frame.mask)
    compiled = kernels() if fast else None
    codes = table() if scale is None else even_table()
    if compiled is not None:
        return Reduced(compiled.pool(array, mask, factor, codes, _TOP), factor, scale)
    return Reduced(_pool(array, mask, factor, codes), factor, scale)


_SHADES = 20_000
_EVEN = 80  # counts that one code stands for, in pictures that hold none


def scale_of(frame: Frame) -> tuple[float, float] | None:
    """(offset, step) by which an image of fractions is drawn as counts; None where it holds counts.

    Counts of some integrating detectors are fractions too: only negative values or a range below 50 tell a density.
    """
    if frame.array.dtype.kind != "f":
        return None
    valid = frame.array[~frame.mask]
    if not valid.size:
        return None
    low, high = float(valid.min()), float(valid.max())
    if low >= 0 and high >= 50:
        return None
    if valid.size > 1_000_000:
        valid = valid.ravel()[:: valid.size // 1_000_000]
    bottom, top = (float(value) for value in np.percentile(valid, (0.05, 99.95)))
    if not top > bottom:
        bottom, top = low, high if high > low else low + 1.0
    return bottom, (top - bottom) / _SHADES


def scaled(array: NDArray[Any], scale: tuple[float, float]) -> Counts:
    """An image of fractions as counts; what lies below the offset is 0, and the highest is 65 535."""
    values = (np.nan_to_num(np.asarray(array, np.float64)) - scale[0]) / scale[1]
    return np.rint(np.clip(values, 0, 65535)).astype(np.uint32)


def reduce_offsets(data: memoryview, shape: tuple[int, int], longest: int) -> Reduced | None:
    """`reduce` for a CBF packed by byte offsets; None where it must be unpacked in another way."""
    compiled = kernels()
    if compiled is None:
        return None
    factor = factor_for(shape, longest)
    codes = compiled.pool_offsets(data, shape, factor, table(), _TOP)
    return None if codes is None else Reduced(codes, factor)


def _averaged(frame: Frame, factor: int) -> Frame:
    """The mean of the valid pixels of each block, rounded to whole counts."""
    height, width = frame.shape
    rows, columns = -(-height // factor), -(-width // factor)
    total, number = np.zeros((rows, columns)), np.zeros((rows, columns), np.int32)
    for down in range(factor):
        for across in range(factor):
            part = (slice(down, None, factor), slice(across, None, factor))
            valid = ~frame.mask[part]
            here = (slice(0, valid.shape[0]), slice(0, valid.shape[1]))
            number[here] += valid
            total[here] += np.where(valid, np.maximum(frame.array[part], 0), 0)
    return Frame(np.rint(total / np.maximum(number, 1)).astype(np.uint32), number == 0, frame.meta)


def _picked(frame: Frame, factor: int) -> Frame:
    """The middle pixel of each block, or the last one of a block that the edge cuts."""
    height, width = frame.shape
    y = np.minimum(np.arange(0, height, factor) + factor // 2, height - 1)[:, None]
    x = np.minimum(np.arange(0, width, factor) + factor // 2, width - 1)[None, :]
    return Frame(frame.array[y, x], frame.mask[y, x], frame.meta)


def _countable(array: NDArray[Any]) -> NDArray[Any]:
    """Integers of a kind the kernels know; fractions are rounded."""
    if array.dtype.kind == "f":
        clipped = np.clip(np.nan_to_num(array, nan=0.0), 0, 2 * _TOP)
        array = np.rint(clipped).astype(np.uint32)
    if array.dtype.str not in ("|u1", "<u2", "<u4", "<i4"):
        array = np.clip(array, 0, 2**31 - 1).astype(np.uint32)
    return np.ascontiguousarray(array)


def _pool(array: NDArray[Any], mask: NDArray[np.bool_], factor: int, lowest: Codes) -> Codes:
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
    counts = np.maximum(out - 1, 0)
    codes = np.where(counts < len(lowest), lowest[np.minimum(counts, len(lowest) - 1)], compand(counts))
    codes[out == 0] = MASKED
    return codes


def levels(codes: Codes, low: float = 0.0, high: float = 99.9, *, even: bool = False) -> tuple[int, int]:
    """Counts at two percentiles of what is not masked; (0, 1) for a frame without valid pixels.

    ``even``: of a picture that holds no counts.
    """
    compiled = kernels()
    seen = (np.bincount(codes.ravel(), minlength=256) if compiled is None else compiled.counted(codes))[:MASKED]
    total = int(seen.sum())
    if total == 0:
        return 0, 1
    running = np.cumsum(seen)
    bottom, top = (int(np.searchsorted(running, max(1.0, total * share / 100))) for share in (low, high))
    bottom, top = (bottom * _EVEN, top * _EVEN) if even else (int(expand(bottom)), int(expand(top)))
    return bottom, max(top, bottom + 1)


def preview(frame: Frame, longest: int = 400, kind: Literal["png", "jpeg"] = "jpeg", *, gamma: float = 1.0) -> bytes:
    """A small picture as diffraction viewers draw it: dark spots on white, masked pixels pale grey.

    Contrast runs from the 0th to the 99.9th percentile of the valid pixels; `gamma` < 1 lifts
    weak spots.
    """
    reduced = reduce(frame, longest)
    small = reduced.codes
    even = reduced.scale is not None
    bottom, top = levels(small, 1.0 if even else 0.0, even=even)
    values = (np.arange(256) * _EVEN if even else expand(np.arange(256))).astype(float)
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
