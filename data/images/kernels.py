"""Compiled loops over whole frames. Importing this needs numba, which is an extra (`fast`).

They release the GIL and keep their machine code on disk, so that only the first start compiles. It is kept for these
very sources: numba itself would go on with a loop whose own file is the same while another that it calls has changed.
Never `parallel=True`: numba's own threads abort when two of ours enter at once.
"""

import hashlib
import os
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_numba: Any = import_module("numba")
_SOURCES = ("kernels.py", "vectors.py", "lz4.py", "planes.py", "bitshuffle.py")


def _folder() -> str:
    # Never beside the code, which may be installed for many and not be ours to write to.
    home = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "ispyb-lens"
    here = Path(__file__).parent
    sources = [str(here), *(str((here / name).stat().st_mtime_ns) for name in _SOURCES)]
    name = hashlib.blake2b("\n".join(sources).encode(), digest_size=8).hexdigest()
    return str(Path(os.environ.get("NUMBA_CACHE_DIR") or home) / name)


_numba.config.CACHE_DIR = _folder()


def folder() -> str:
    """Where the machine code is kept."""
    return str(_numba.config.CACHE_DIR)


def compiled(function: Any) -> Any:
    """The function as machine code, kept on disk for the next start."""
    try:
        return _numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:  # no writable place for the machine code
        return _numba.njit(nogil=True)(function)


def _pool_loop(array: Any, mask: Any, factor: int, table: Any, top: int, out: Any) -> None:
    height, width = array.shape
    line = np.empty(out.shape[1], np.int64)
    for row in range(out.shape[0]):
        line[:] = -1
        for y in range(row * factor, min(height, (row + 1) * factor)):
            x = 0
            for column in range(out.shape[1]):
                best = line[column]
                for _ in range(min(factor, width - x)):
                    if not mask[y, x]:
                        best = max(best, np.int64(array[y, x]))
                        best = max(best, 0)
                    x += 1
                line[column] = best
        for column in range(out.shape[1]):
            value = line[column]
            if value < 0:
                out[row, column] = 255
            elif value < 65536:
                out[row, column] = table[value]
            else:
                value = min(value, top)
                octave = 0
                while (value >> (octave + 1)) >= 32:
                    octave += 1
                out[row, column] = 32 + 16 * octave + ((value >> (octave + 1)) & 15)


_pool = compiled(_pool_loop)


def pool(
    array: NDArray[Any], mask: NDArray[np.bool_], factor: int, table: NDArray[np.uint8], top: int
) -> NDArray[np.uint8]:
    """Masked maximum of `factor` x `factor` blocks as codes (see `reduce`)."""
    height, width = array.shape
    out = np.empty((-(-height // factor), -(-width // factor)), np.uint8)
    _pool(array, mask, factor, table, top, out)
    return out


def _row_loop(src: Any, at: int, value: int, row: Any) -> Any:
    """One row of a CBF packed by byte offsets, from `at` on behind a pixel of `value` (see `_offsets_loop`).

    Where it ended and the last value; an end of -1 where it is cut short or a pixel needs more than 32 bits.
    """
    i = 0
    while i < len(row):
        # Nearly all differences are a byte. Slices, since a loop over one needs no look at negative places.
        most = min(len(row) - i, len(src) - at)
        here, into = src[at : at + most], row[i : i + most]
        run = most
        for k in range(most):
            if here[k] == -128:
                run = k
                break
            value += here[k]
            into[k] = value
        at += run
        i += run
        if i == len(row):
            break
        if run == most:
            return -1, value
        step, at = _longer(src, at + 1)
        if at < 0 or value + step < -2147483648 or value + step > 2147483647:
            return -1, value
        value += step
        row[i] = value
        i += 1
    return at, value


def _longer_loop(src: Any, at: int) -> Any:
    """A difference of 2, 4 or 8 bytes and where it ends, -1 where it is cut short."""
    size = 2
    while True:
        if at + size > len(src):
            return np.int64(0), -1
        step = np.int64(0)
        for k in range(size):
            step |= (np.int64(src[at + k]) & 255) << (8 * k)
        at += size
        if size == 8 or step != np.int64(1) << (8 * size - 1):
            break
        size *= 2
    if size < 8 and step >= np.int64(1) << (8 * size - 1):
        step -= np.int64(1) << (8 * size)
    return step, at


_longer = compiled(_longer_loop)
_row = compiled(_row_loop)


def _pool_offsets_loop(src: Any, height: int, width: int, factor: int, table: Any, top: int, out: Any) -> Any:
    line = np.empty(width, np.int32)
    pixels = np.empty(width, np.int32)
    at = 0
    value = np.int64(0)
    for row in range(out.shape[0]):
        line[:] = -1
        for _ in range(row * factor, min(height, (row + 1) * factor)):
            at, value = _row(src, at, value, pixels)
            if at < 0:
                return False
            for x in range(width):
                line[x] = max(line[x], pixels[x])
        for column in range(out.shape[1]):
            best = line[column * factor]
            for x in range(column * factor + 1, min(width, (column + 1) * factor)):
                best = max(best, line[x])
            if best < 0:
                out[row, column] = 255
            elif best < 65536:
                out[row, column] = table[best]
            else:
                value_ = min(best, top)
                octave = 0
                while (value_ >> (octave + 1)) >= 32:
                    octave += 1
                out[row, column] = 32 + 16 * octave + ((value_ >> (octave + 1)) & 15)
    return -2147483648 <= value <= 2147483647


_pool_offsets = compiled(_pool_offsets_loop)


def pool_offsets(
    data: bytes | memoryview, shape: tuple[int, int], factor: int, table: NDArray[np.uint8], top: int
) -> NDArray[np.uint8] | None:
    """Codes of a CBF packed by byte offsets, in which negative pixels are masked (see `pool`).

    None where it is cut short or a pixel needs more than 32 bits. Unpacked and pooled row by row: the whole image
    does not fit into the processor's caches.
    """
    height, width = shape
    out = np.empty((-(-height // factor), -(-width // factor)), np.uint8)
    return out if _pool_offsets(np.frombuffer(data, np.int8), height, width, factor, table, top, out) else None


def _counted_loop(codes: Any, found: Any) -> None:
    # Four tables, so that neighbours of equal value do not wait for each other.
    end = len(codes) // 4 * 4
    for i in range(0, end, 4):
        found[0, codes[i]] += 1
        found[1, codes[i + 1]] += 1
        found[2, codes[i + 2]] += 1
        found[3, codes[i + 3]] += 1
    for i in range(end, len(codes)):
        found[0, codes[i]] += 1


_counted = compiled(_counted_loop)


def counted(codes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """How often each of the 256 codes occurs."""
    found = np.zeros((4, 256), np.int64)
    _counted(codes.ravel(), found)
    return np.asarray(found.sum(axis=0))


def _offsets_loop(src: Any, out: Any) -> Any:
    """Undo the byte offsets of CBF: differences of 1 byte, or 2, 4, 8 behind the lowest value of what is shorter.

    How many pixels there were, and -1 where a value does not fit into the 32 bits of `out`, as far as is seen at the
    differences of more than a byte.
    """
    value = np.int64(0)
    at = 0
    end = len(src)
    for i in range(len(out)):
        if at >= end:
            return i
        step = np.int64(src[at])
        at += 1
        if step == -128:
            step, at = _longer(src, at)
            if at < 0:
                return i
            if value + step < -2147483648 or value + step > 2147483647:
                return -1
        value += step
        out[i] = value
    return -1 if value < -2147483648 or value > 2147483647 else len(out)


_offsets = compiled(_offsets_loop)


def offsets(data: bytes | memoryview, pixels: int) -> NDArray[np.int32] | None:
    """The pixels of a CBF packed by byte offsets, fewer where it is cut short; None where one needs more than 32
    bits."""
    out = np.empty(pixels, np.int32)
    number = _offsets(np.frombuffer(data, np.int8), out)
    return None if number < 0 else out[:number]


def _strong_loop(counts: Any, outer: int, inner: int, sigmas: float, least: int, found: Any) -> Any:
    """Places of strong pixels into `found`, as `spots` defines them; how many, at most its length."""
    height, width = counts.shape
    sums = np.zeros(width, np.int64)
    valid = np.zeros(width, np.int64)
    number = 0
    for y in range(-outer, height):
        enter, leave = y + outer, y - outer - 1
        if enter < height:
            for x in range(width):
                value = counts[enter, x]
                if value >= 0:
                    sums[x] += value
                    valid[x] += 1
        if leave >= 0:
            for x in range(width):
                value = counts[leave, x]
                if value >= 0:
                    sums[x] -= value
                    valid[x] -= 1
        if y < 0:
            continue
        total = np.int64(0)
        some = np.int64(0)
        for x in range(min(outer, width)):
            total += sums[x]
            some += valid[x]
        for x in range(width):
            if x + outer < width:
                total += sums[x + outer]
                some += valid[x + outer]
            if x - outer - 1 >= 0:
                total -= sums[x - outer - 1]
                some -= valid[x - outer - 1]
            own = counts[y, x]
            if own < least or own * some <= total:
                continue
            n = np.int64(0)
            first = np.int64(0)
            second = np.int64(0)
            for at_y in range(max(0, y - outer), min(height, y + outer + 1)):
                for at_x in range(max(0, x - outer), min(width, x + outer + 1)):
                    if abs(at_y - y) <= inner and abs(at_x - x) <= inner:
                        continue
                    value = np.int64(counts[at_y, at_x])
                    if value >= 0:
                        n += 1
                        first += value
                        second += value * value
            if n < 20:
                continue
            mean = first / n
            variance = max(second / n - mean * mean, max(mean, 1.0 / n))
            if own - mean > sigmas * np.sqrt(variance):
                if number == len(found):
                    return number
                found[number] = y * width + x
                number += 1
    return number


def _joined_loop(strong: Any, width: int) -> Any:
    """For each strong pixel (in order) the index of the first pixel of its spot."""
    parent = np.arange(len(strong))
    above = 0
    for number in range(len(strong)):
        at = strong[number]
        column = at % width
        if column > 0 and number > 0 and strong[number - 1] == at - 1:
            parent[number] = _root(parent, number - 1)
        while strong[above] < at - width - 1:
            above += 1
        other = above
        while other < number and strong[other] <= at - width + 1:
            apart = strong[other] % width - column
            if -1 <= apart <= 1:
                one, two = _root(parent, number), _root(parent, other)
                parent[max(one, two)] = min(one, two)
            other += 1
    for number in range(len(strong)):
        parent[number] = _root(parent, number)
    return parent


def _root_loop(parent: Any, number: int) -> Any:
    while parent[number] != number:
        parent[number] = parent[parent[number]]
        number = parent[number]
    return number


_root = compiled(_root_loop)
_strong_of = compiled(_strong_loop)
_joined_of = compiled(_joined_loop)


def strong(
    counts: NDArray[np.int32], outer: int, inner: int, sigmas: float, least: int, most: int
) -> NDArray[np.int64]:
    """Places of the strong pixels, in order; at most one more than `most` (see `spots`)."""
    found = np.empty(most + 1, np.int64)
    return found[: _strong_of(counts, outer, inner, sigmas, least, found)]


def joined(strong: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    """For each strong pixel the index of the first pixel of its spot."""
    return np.asarray(_joined_of(strong, width))
