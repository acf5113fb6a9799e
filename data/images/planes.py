"""Blocks of bitshuffle-LZ4 as detectors write them, in compiled loops.

A chunk is: the number of bytes unpacked (8 bytes, big-endian), the bytes of a block (4), then for each block its
compressed length (4) and an LZ4 block; pixels that fill no eight are raw at the end. In a block of n pixels of s bytes,
plane p (of 8·s) holds bit p of each pixel, eight pixels to a byte. A block stays in the first-level cache. In nearly
all blocks of a photon counter the planes above the lowest eight are those of the mask (all ones): `lz4` leaves out most
of them, and few planes are turned.
"""

from typing import Any

import numpy as np

from data.images.kernels import compiled
from data.images.lz4 import unpack
from data.images.vectors import copy8, raise4, raise4_masked, raise5_masked, raise8_masked

_T1, _T2, _T3 = np.uint64(0x00AA00AA00AA00AA), np.uint64(0x0000CCCC0000CCCC), np.uint64(0x00000000F0F0F0F0)
_S1, _S2, _S3 = np.uint64(7), np.uint64(14), np.uint64(28)
_ONES = np.uint64(0x0101010101010101)
_PAIRS, _FOURS, _EIGHTS = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333), np.uint64(0x0F0F0F0F0F0F0F0F)
_C1, _C2, _C4, _C56 = np.uint64(1), np.uint64(2), np.uint64(4), np.uint64(56)
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


def _odd_loop(words: Any, n: int, there: int, wide: bool, odd: Any) -> Any:
    """How many pixels are neither masked (all bits set) nor below 32 (or 256: `wide`), and which, as bits of `odd`.

    `words` are the planes as words of 64 pixels, of which n is a multiple; `there`: how many planes there are.
    """
    w = n // 64
    odd = odd[:w]
    words = words[: there * w]
    last = words[(there - 1) * w :]
    for i in range(w):
        odd[i] = 0
    for p in range(8, there - 1):
        plane = words[p * w : (p + 1) * w]
        for i in range(w):
            odd[i] |= plane[i] ^ last[i]
    p0, p1, p2, p3 = words[:w], words[w : 2 * w], words[2 * w : 3 * w], words[3 * w : 4 * w]
    p4, p5, p6, p7 = words[4 * w : 5 * w], words[5 * w : 6 * w], words[6 * w : 7 * w], words[7 * w : 8 * w]
    some = np.uint64(0)
    for i in range(w):
        x = last[i]
        whole = x & ~odd[i] & p0[i] & p1[i] & p2[i] & p3[i] & p4[i] & p5[i] & p6[i] & p7[i]
        found = odd[i] | x
        if not wide:
            found |= p5[i] | p6[i] | p7[i]
        found &= ~whole
        odd[i] = found
        some |= found
    if some == 0:
        return 0
    number = np.uint64(0)
    for i in range(w):  # bits of a word, added in pairs, fours, eights and all
        x = odd[i]
        x -= (x >> _C1) & _PAIRS
        x = (x & _FOURS) + ((x >> _C2) & _FOURS)
        x = (x + (x >> _C4)) & _EIGHTS
        number += (x * _ONES) >> _C56
    return np.int64(number)


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


def _pixel_loop(words: Any, w: int, s: int, first: int, left: int, place: int) -> Any:
    """All bits of one pixel of a block, from planes of `w` words, of which `left` are left out from `first` on."""
    at = place // 64
    shift = np.uint64(place % 64)
    v = np.uint32(0)
    for p in range(8 * s):
        there = p if p < first else max(first - 1, p - left)
        v |= np.uint32((words[there * w + at] >> shift) & np.uint64(1)) << np.uint32(p)
    return v


pixel_of = compiled(_pixel_loop)


def _restore_loop(planes: Any, w: int, s: int, first: int, left: int) -> None:
    """Put the planes in their places that were left out; `w` is a multiple of eight where some were."""
    if left == 0:
        return
    for p in range(8 * s - 1, first - 1, -1):
        there = max(first - 1, p - left)
        for i in range(0, w, 8):
            copy8(planes, p * w + i, planes, there * w + i)


restore = compiled(_restore_loop)


def _raised_loop(planes: Any, words: Any, n: int, there: int, wide: bool, lifted: Any) -> None:
    """As `_lift_loop`, right for what is masked and for what `odd_of` calls below 32 (or 256: `wide`)."""
    w = n // 64
    last = (there - 1) * w
    p4, p5 = words[4 * w : 5 * w], words[last : last + w]
    some = np.uint64(0)
    other = np.uint64(0)
    for i in range(w):
        some |= p5[i]
        other |= p4[i] ^ p5[i]
    if wide:
        for at in range(0, n // 8, 4):
            raise8_masked(planes, n // 8, at, 8 * last, lifted)
    elif other != 0:
        for at in range(0, n // 8, 4):
            raise5_masked(planes, n // 8, at, 8 * last, lifted)
    elif some != 0:
        for at in range(0, n // 8, 4):
            raise4_masked(planes, n // 8, at, 8 * last, lifted)
    else:
        for at in range(0, n // 8, 4):
            raise4(planes, n // 8, at, 8 * last, lifted)


raised = compiled(_raised_loop)


def _lift_loop(
    planes: Any, words: Any, n: int, s: int, first: int, left: int, turned: Any, values: Any, odd: Any, table: Any,
    lifted: Any,
) -> None:  # fmt: skip
    """The code of each pixel of a block and one more, 0 where masked, into `lifted`."""
    top = (np.int64(1) << (8 * s)) - 1
    number = n
    wide = False
    if n % 64 == 0:
        number = odd_of(words, n, 8 * s - left, False, odd)
        if number > n // 16:
            wide = True
            number = odd_of(words, n, 8 * s - left, True, odd)
    if number > n // 16:
        restore(planes, n // 8, s, first, left)
        values_of(planes, n, s, turned, values)
        for i in range(n):
            lifted[i] = code_of(np.int64(values[i]), top, table)
        return
    raised(planes, words, n, 8 * s - left, wide, lifted)
    if number == 0:
        return
    w = n // 64
    for i in range(w):
        here = odd[i]
        bit = 0
        while here != 0:
            if here & np.uint64(1):
                v = np.int64(pixel_of(words, w, s, first, left, 64 * i + bit))
                lifted[64 * i + bit] = code_of(v, top, table)
            here >>= np.uint64(1)
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


def _fetch_loop(src: Any, starts: Any, block: int, n: int, s: int, sparing: bool, planes: Any) -> Any:
    """Unpack one block into its planes, see `lz4.unpack`; nothing is left out where a word of pixels is not full."""
    begin = starts[block]
    length = starts[block + 1] - begin - (4 if block + 2 < len(starts) else 0)
    return unpack(src, begin, length, n // 8, 8 * s, sparing and n % 64 == 0, planes)


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
