"""Blocks of bitshuffle-LZ4 as detectors write them, in compiled loops.

A chunk is: the number of bytes unpacked (8 bytes, big-endian), the bytes of a block (4), then for each block its
compressed length (4) and an LZ4 block; pixels that fill no eight are raw at the end. In a block of n pixels of s bytes,
plane p (of 8·s) holds bit p of each pixel, eight pixels to a byte. A block stays in the first-level cache. In nearly
all blocks of a photon counter the planes above the lowest eight are those of the mask (all ones), so only eight planes
are turned. LZ4 is the one in hdf5plugin's library; where its symbol is not found, importing this raises ImportError.
"""

import ctypes
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from data.images.kernels import compiled


def _library() -> str:
    """hdf5plugin's bitshuffle, which brings LZ4. Raises ImportError where it has no such symbol."""
    folder = Path(str(import_module("hdf5plugin").__file__)).parent / "plugins"
    for path in sorted(folder.glob("libh5bshuf*")):
        try:
            if hasattr(ctypes.CDLL(str(path)), "LZ4_decompress_safe"):
                return str(path)
        except OSError:
            continue
    raise ImportError("hdf5plugin's library has no LZ4_decompress_safe")


_types: Any = import_module("numba").types
import_module("llvmlite.binding").load_library_permanently(_library())
_lz4 = _types.ExternalFunction(
    "LZ4_decompress_safe", _types.intc(_types.voidptr, _types.voidptr, _types.intc, _types.intc)
)

_T1, _T2, _T3 = np.uint64(0x00AA00AA00AA00AA), np.uint64(0x0000CCCC0000CCCC), np.uint64(0x00000000F0F0F0F0)
_S1, _S2, _S3 = np.uint64(7), np.uint64(14), np.uint64(28)
_LOW, _HIGH, _ONES = np.uint64(0x7F7F7F7F7F7F7F7F), np.uint64(0x8080808080808080), np.uint64(0x0101010101010101)
_B = tuple(np.uint64(8 * k) for k in range(8))
_B0, _B1, _B2, _B3, _B4, _B5, _B6, _B7 = _B


def _walk_loop(src: Any, size: int, starts: Any) -> Any:
    """Where each block begins (behind its length), into `starts`, and the end behind the last; False where damaged."""
    at = 12
    for block in range(len(starts) - 1):
        if at + 4 > size:
            return False
        length = (np.int64(src[at]) << 24) | (np.int64(src[at + 1]) << 16) | (np.int64(src[at + 2]) << 8) | src[at + 3]
        starts[block] = at + 4
        at += 4 + length
        if length <= 0 or at > size:
            return False
    starts[-1] = at
    return True


def _turn_loop(planes: Any, n: int, first: int, out: Any) -> None:
    """Byte `first` / 8 of each of n pixels from eight planes, as eight pixels to a word."""
    # Slices, since a loop over one that starts at 0 needs no look at negative places and so becomes vectors.
    w = n // 8
    at = first * w
    p0, p1, p2, p3 = (
        planes[at : at + w],
        planes[at + w : at + 2 * w],
        planes[at + 2 * w : at + 3 * w],
        planes[at + 3 * w : at + 4 * w],
    )
    at += 4 * w
    p4, p5, p6, p7 = (
        planes[at : at + w],
        planes[at + w : at + 2 * w],
        planes[at + 2 * w : at + 3 * w],
        planes[at + 3 * w : at + 4 * w],
    )
    for j in range(w):
        x = (
            np.uint64(p0[j])
            | (np.uint64(p1[j]) << _B1)
            | (np.uint64(p2[j]) << _B2)
            | (np.uint64(p3[j]) << _B3)
            | (np.uint64(p4[j]) << _B4)
            | (np.uint64(p5[j]) << _B5)
            | (np.uint64(p6[j]) << _B6)
            | (np.uint64(p7[j]) << _B7)
        )
        t = (x ^ (x >> _S1)) & _T1
        x = x ^ t ^ (t << _S1)
        t = (x ^ (x >> _S2)) & _T2
        x = x ^ t ^ (t << _S2)
        t = (x ^ (x >> _S3)) & _T3
        out[j] = x ^ t ^ (t << _S3)


turn = compiled(_turn_loop)
walk = compiled(_walk_loop)


def _differ_loop(words: Any, w: int, first: int, odd: Any) -> None:
    """Add to `odd` where one of the eight planes from `first` on is not as the last plane."""
    last = words[len(words) - w :]
    at = first * w
    p0, p1, p2, p3 = words[at : at + w], words[at + w : at + 2 * w], words[at + 2 * w : at + 3 * w], words[at + 3 * w :]
    at += 4 * w
    p4, p5, p6, p7 = words[at : at + w], words[at + w : at + 2 * w], words[at + 2 * w : at + 3 * w], words[at + 3 * w :]
    for i in range(w):
        x = last[i]
        odd[i] |= (
            (p0[i] ^ x) | (p1[i] ^ x) | (p2[i] ^ x) | (p3[i] ^ x)
            | (p4[i] ^ x) | (p5[i] ^ x) | (p6[i] ^ x) | (p7[i] ^ x)
        )  # fmt: skip


differ = compiled(_differ_loop)


def _odd_loop(words: Any, n: int, s: int, odd: Any) -> Any:
    """How many pixels are neither masked (all bits set) nor below 32, and which, as bits of `odd`.

    `words` are the planes as words of 64 pixels, of which n is a multiple.
    """
    w = n // 64
    odd = odd[:w]
    words = words[: 8 * s * w]
    for i in range(w):
        odd[i] = 0
    for first in range(8, 8 * s, 8):
        differ(words, w, first, odd)
    last = words[(8 * s - 1) * w :]
    p0, p1, p2, p3 = words[:w], words[w : 2 * w], words[2 * w : 3 * w], words[3 * w : 4 * w]
    p4, p5, p6, p7 = words[4 * w : 5 * w], words[5 * w : 6 * w], words[6 * w : 7 * w], words[7 * w : 8 * w]
    some = np.uint64(0)
    for i in range(w):
        x = last[i]
        whole = x & ~odd[i] & p0[i] & p1[i] & p2[i] & p3[i] & p4[i] & p5[i] & p6[i] & p7[i]
        found = (odd[i] | x | p5[i] | p6[i] | p7[i]) & ~whole
        odd[i] = found
        some |= found
    if some == 0:
        return 0
    number = 0
    for i in range(w):
        x = odd[i]
        while x != 0:
            x &= x - np.uint64(1)
            number += 1
    return number


def _code_loop(v: int, top: int, table: Any) -> Any:
    """The code of a count and one more, 0 where it is the masked one."""
    if v == top:
        return 0
    if v < 65536:
        return table[v] + 1
    v = min(v, 491520)
    octave = 0
    while (v >> (octave + 1)) >= 32:
        octave += 1
    return 33 + 16 * octave + ((v >> (octave + 1)) & 15)


odd_of = compiled(_odd_loop)
code_of = compiled(_code_loop)


def _pixel_loop(words: Any, w: int, s: int, place: int) -> Any:
    """All bits of one pixel of a block, from planes of `w` words."""
    at = place // 64
    shift = np.uint64(place % 64)
    v = np.uint32(0)
    for p in range(8 * s):
        v |= np.uint32((words[p * w + at] >> shift) & np.uint64(1)) << np.uint32(p)
    return v


pixel_of = compiled(_pixel_loop)


def _lift_loop(
    planes: Any, words: Any, n: int, s: int, turned: Any, values: Any, odd: Any, table: Any, lifted: Any
) -> None:
    """The code of each pixel of a block and one more, 0 where masked, into `lifted`."""
    top = (np.int64(1) << (8 * s)) - 1
    number = n
    if n % 64 == 0:
        number = odd_of(words, n, s, odd)
    if number > n // 16:
        values_of(planes, n, s, turned, values)
        for i in range(n):
            lifted[i] = code_of(np.int64(values[i]), top, table)
        return
    turn(planes, n, 0, turned)
    raised = lifted.view(np.uint64)[: n // 8]
    for j in range(n // 8):
        x = turned[j]
        raised[j] = ((x & _LOW) + _ONES) ^ (x & _HIGH)
    if number == 0:
        return
    w = n // 64
    for i in range(w):
        left = odd[i]
        bit = 0
        while left != 0:
            if left & np.uint64(1):
                v = np.int64(pixel_of(words, w, s, 64 * i + bit))
                lifted[64 * i + bit] = code_of(v, top, table)
            left >>= np.uint64(1)
            bit += 1


def _whole_loop(planes: Any, n: int, s: int, turned: Any, values: Any) -> None:
    """All bits of each pixel of a block."""
    w = n // 8
    low = turned.view(np.uint8)
    turn(planes, n, 0, turned)
    for i in range(n):
        values[i] = low[i]
    if s == 1:
        return
    highest = planes[(8 * s - 1) * w : 8 * s * w]
    other = np.uint8(0)
    some = np.uint8(0)
    for i in range(w):
        some |= highest[i]
    for p in range(8, 8 * s - 1):
        plane = planes[p * w : (p + 1) * w]
        for i in range(w):
            other |= plane[i] ^ highest[i]
    if other == 0:  # the rest of each pixel is the mask or nothing
        if some != 0:
            full = np.uint32(0xFFFFFF00 if s == 4 else 0xFF00)
            for i in range(n):
                if (highest[i >> 3] >> np.uint8(i & 7)) & np.uint8(1):
                    values[i] |= full
        return
    for byte in range(1, s):
        turn(planes, n, 8 * byte, turned)
        shift = np.uint32(8 * byte)
        for i in range(n):
            values[i] |= np.uint32(low[i]) << shift


values_of = compiled(_whole_loop)
lift = compiled(_lift_loop)


def _fetch_loop(src: Any, starts: Any, block: int, n: int, s: int, planes: Any) -> Any:
    """Unpack one block into its planes; False where it is damaged."""
    begin = starts[block]
    length = starts[block + 1] - begin - (4 if block + 2 < len(starts) else 0)
    return _lz4(src[begin:].ctypes, planes.ctypes, np.int32(length), np.int32(n * s)) == n * s


fetch = compiled(_fetch_loop)


def _raw_loop(src: Any, at: int, n: int, s: int, table: Any, lifted: Any) -> None:
    """The codes of the last few pixels, which are stored as they are."""
    for i in range(n):
        v = np.int64(0)
        for byte in range(s):
            v |= np.int64(src[at + i * s + byte]) << (8 * byte)
        if v == (np.int64(1) << (8 * s)) - 1:
            lifted[i] = 0
        else:
            lifted[i] = table[min(v, 65535)] + 1


raw = compiled(_raw_loop)
