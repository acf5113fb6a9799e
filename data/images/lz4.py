"""LZ4 blocks of bit planes: unpacked without the planes that only repeat.

A photon counter's highest planes are all alike (nothing, or the mask), and most of what unpacking a block writes is
these. `unpack` sees from the packed bytes that a plane is the one before over and over, in one long match or in the
same few sequences again and again, and leaves out all repetitions but the first.
"""

from typing import Any

import numpy as np

from data.images.kernels import compiled
from data.images.vectors import byte, copy8, copy16, copy32, put, unlike32, word

SLACK = 64
"""Bytes behind a block that unpacking it may write to."""


# What makes eight bytes that repeat those a distance of less than eight before: which bytes of a word are taken, what
# it is multiplied with, and how far the next eight lie, a multiple of the distance. The last is for all others.
_TAKEN = np.array([0, *((1 << 8 * d) - 1 for d in range(1, 8)), (1 << 64) - 1], np.uint64)
_TIMES = np.array([0, *(sum(1 << k for k in range(0, 64, 8 * d)) for d in range(1, 8)), 1], np.uint64)
_STEP = np.array([8, *(8 // d * d for d in range(1, 9))], np.int64)


def _longer_loop(src: Any, p: int, end: int, value: int) -> Any:
    """A length of more than 15, and where it ends; an end of -1 where it is cut short."""
    while p < end:
        more = byte(src, p)
        p += 1
        value += more
        if more != 255:
            return value, p
    return value, -1


_longer = compiled(_longer_loop)


def _repeat_loop(out: Any, q: int, offset: int, stop: int) -> None:
    """Bytes from `q` to `stop` as those `offset` before; up to 31 more are spoilt."""
    if offset < 8:  # written without being read again: what was just written in parts is slow to read
        eight = (word(out, q - offset) & _TAKEN[offset]) * _TIMES[offset]
        step = _STEP[offset]
        while q < stop:
            put(out, q, eight)
            q += step
        return
    while offset < 32 and q < stop:
        copy8(out, q, out, q - offset)
        q += 8
    while q < stop:
        copy32(out, q, out, q - offset)
        q += 32


_repeat = compiled(_repeat_loop)


def _same_loop(array: Any, one: int, other: int, size: int) -> Any:
    """Whether so many bytes are alike; 31 more are looked at."""
    while size > 32:
        if unlike32(array, one, other) != 0:
            return False
        one, other, size = one + 32, other + 32, size - 32
    return unlike32(array, one, other) << (64 - size) == 0


_same = compiled(_same_loop)


def _unpack_loop(src: Any, begin: int, length: int, w: int, planes: int, sparing: bool, out: Any) -> Any:
    """As `unpack`, where `sparing` leaving out; -2 where that does not do, as something from before is needed."""
    end = begin + length
    size: Any = planes * w
    room = len(src) - 32
    p = begin
    q: Any = np.int64(0)
    first: Any = planes
    left: Any = np.int64(0)
    known: Any = np.int64(0)  # from where on distances may point once something is left out
    mark_p, mark_q, far = np.int64(-1), np.int64(0), np.int64(0)
    while p < end:
        token = byte(src, p)
        p += 1
        run = token >> 4
        if run == 15:
            run, p = _longer(src, p, end, run)
            if p < 0:
                break
        if run > end - p or run > size - q:
            break
        if p + run <= room:
            copy16(out, q, src, p)
            done = np.int64(16)
            while done < run:
                copy32(out, q + done, src, p + done)
                done += 32
        else:
            for i in range(run):
                out[q + i] = byte(src, p + i)
        p += run
        q += run
        if p == end:
            return (first, left) if q == size else (-1, 0)
        if end - p < 2:
            break
        offset = byte(src, p) | (byte(src, p + 1) << 8)
        p += 2
        run = token & 15
        if run == 15:
            run, p = _longer(src, p, end, run)
            if p < 0:
                break
        run += 4
        if left > 0 and offset > q - known:
            return -2, 0
        if offset == 0 or offset > q or run > size - q:
            break
        if sparing and left == 0 and run > 2 * w and w % offset == 0:
            one = max(9, (q + w - 1) // w + 1)
            more = (q + run) // w - one
            if more > 0:
                first, left, known = one, more, (one - 1) * w
                run -= more * w
                size -= more * w
        if run <= 18:  # without a question that would be answered at random
            kind = min(offset, 8)
            step = _STEP[kind]
            back = max(step, offset)
            put(out, q, (word(out, q - offset) & _TAKEN[kind]) * _TIMES[kind])
            if run > step:
                copy8(out, q + step, out, q + step - back)
                copy8(out, q + 2 * step, out, q + 2 * step - back)
        else:
            _repeat(out, q, offset, q + run)
        q += run
        if not sparing or left > 0 or q <= 8 * w:
            continue
        far = max(far, offset)
        if mark_p >= 0 and q < mark_q + w:
            continue
        if mark_p >= 0 and q == mark_q + w and far <= w and _same(out, mark_q, mark_q - w, w):
            step = p - mark_p
            while p + step <= end and q + (left + 1) * w <= size and p + step <= room and _same(src, p, mark_p, step):
                p += step
                left += 1
            if left > 0:
                first = (mark_q + w - 1) // w
                known = mark_q - w
                size -= left * w
        mark_p, mark_q, far = p, q, np.int64(0)
    return -1, 0


_unpacked = compiled(_unpack_loop)


def _sparing_loop(src: Any, begin: int, length: int, w: int, planes: int, sparing: bool, out: Any) -> Any:
    """Unpack a block of `planes` planes of `w` bytes into `out`, which is `SLACK` longer.

    Where `sparing`, planes may be left out that are as the one before them: from which on, at least 9, and how many.
    What comes behind them follows at once. The first is -1 where the block is damaged.
    """
    first, left = _unpacked(src, begin, length, w, planes, sparing, out)
    if first == -2:
        first, left = _unpacked(src, begin, length, w, planes, False, out)
    return first, left


unpack = compiled(_sparing_loop)
