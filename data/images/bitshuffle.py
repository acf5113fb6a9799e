"""Frames of EIGER detectors from bitshuffle-LZ4 without ever making the full image: see `planes`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.images.formats.chunk import Damaged, Rejected
from data.images.kernels import compiled
from data.images.lz4 import SLACK
from data.images.planes import fetch, lift, odd_of, pixel_of, raised, raw, restore, values_of, walk
from data.images.vectors import most32

_MOST_BLOCK = 1 << 20
_MOST_FRAMES = 255  # whose faint pixels a short sum holds


def _pool_loop(
    src: Any, starts: Any, each: int, tail: int, s: int, shape: Any, factor: int, masked: Any, flags: Any,
    table: Any, begin: int, end: int, out: Any,
) -> Any:  # fmt: skip
    """Rows `begin` to `end` of the reduced image; False where a block is damaged."""
    height, width = shape
    pixels = height * width
    bits = np.empty(each * s + SLACK, np.uint8)
    words = bits.view(np.uint64)
    turned = np.empty(each // 8, np.uint64)
    values = np.empty(each, np.uint32)
    lifted = np.empty(each, np.uint8)
    odd = np.empty(max(1, each // 64), np.uint64)
    line = np.zeros(width + factor + 32, np.uint8)
    first, last = begin * factor * width, min(height, end * factor) * width
    blocks = len(starts) - 1
    full = blocks - (1 if tail else 0)
    leftover = pixels - full * each - tail
    for block in range(first // each, blocks + 1):
        start = min(block * each, pixels - leftover) if block == blocks else block * each
        if start >= last:
            break
        if block == blocks:
            n = leftover
            raw(src, starts[-1], n, s, table, lifted)
        else:
            n = each if block < full else tail
            one, left = fetch(src, starts, block, n, s, True, bits)
            if one < 0:
                return False
            lift(bits, words, n, s, one, left, turned, values, odd, table, lifted)
        if flags[block]:
            hidden = masked[start : start + n]
            for i in range(n):
                if hidden[i]:
                    lifted[i] = 0
        at = max(0, first - start)
        stop = min(n, last - start)
        y, x = (start + at) // width, (start + at) % width
        while at < stop:
            run = min(stop - at, width - x)
            here, new = line[x : x + run], lifted[at : at + run]
            for i in range(run):
                here[i] = max(here[i], new[i])
            at += run
            x += run
            if x == width:
                x = 0
                y += 1
                if y % factor == 0 or y == height:
                    _across(line, width, factor, out[(y - 1) // factor])
                    line[:] = 0
    return True


def _across_loop(line: Any, long: int, factor: int, out: Any) -> None:
    """The maxima of so many neighbours, lowered by one: 0 becomes 255, masked. Spoils `line`, which is longer."""
    while factor % 2 == 0:  # halving becomes vectors, another step does not
        for column in range(long // 2):
            line[column] = max(line[2 * column], line[2 * column + 1])
        if long % 2:
            line[long // 2] = line[long - 1]
        long = (long + 1) // 2
        factor //= 2
    if factor == 1:
        for column in range(len(out)):
            out[column] = line[column] - np.uint8(1)
        return
    # The maxima of more and more neighbours, of which each so many-th is taken.
    line[long : long + factor] = 0
    wide = 1
    while wide < factor:
        step = min(wide, factor - wide)
        for column in range(0, long, 32):
            most32(line, column, column + step)
        wide += step
    for column in range(len(out)):
        out[column] = line[column * factor] - np.uint8(1)


_across = compiled(_across_loop)


_pool = compiled(_pool_loop)


def _region_loop(src: Any, starts: Any, each: int, tail: int, s: int, shape: Any, x0: int, y0: int, out: Any) -> Any:
    """The pixels of a rectangle as they are, masked or not; False where a block is damaged."""
    height, width = shape
    pixels = height * width
    bits = np.empty(each * s + SLACK, np.uint8)
    turned = np.empty(each // 8, np.uint64)
    values = np.empty(each, np.uint32)
    rows, columns = out.shape
    blocks = len(starts) - 1
    full = blocks - (1 if tail else 0)
    known = -1
    begin = 0
    n = 0
    for row in range(rows):
        at = (y0 + row) * width + x0
        stop = at + columns
        while at < stop:
            block = min(at // each, blocks)
            if block == full and tail and at >= full * each + tail:
                block = blocks
            if block != known:
                known = block
                if block < blocks:
                    n = each if block < full else tail
                    begin = block * each
                    if fetch(src, starts, block, n, s, False, bits)[0] < 0:
                        return False
                    values_of(bits, n, s, turned, values)
                else:
                    begin = full * each + tail
                    n = pixels - begin
                    for i in range(n):
                        v = np.uint32(0)
                        for byte in range(s):
                            v |= np.uint32(src[starts[-1] + i * s + byte]) << np.uint32(8 * byte)
                        values[i] = v
            run = min(stop, begin + n) - at
            column = at - (y0 + row) * width - x0
            here, new = out[row, column : column + run], values[at - begin : at - begin + run]
            for i in range(run):
                here[i] = new[i]
            at += run
    return True


_region = compiled(_region_loop)


def _fold_loop(
    src: Any, starts: Any, each: int, tail: int, s: int, pixels: int, summed: bool, total: Any, number: Any
) -> Any:
    """All frames of `src` into one, a block of all before the next block; False where one is damaged.

    `summed`: sums into `total` and the valid frames into `number`; else the maximum and one more, 0 where masked.
    """
    bits = np.empty(each * s + SLACK, np.uint8)
    words = bits.view(np.uint64)
    turned = np.empty(each // 8, np.uint64)
    low = np.empty(each, np.uint8)
    values = np.empty(each, np.uint32)
    odd = np.empty(max(1, each // 64), np.uint64)
    faint = np.empty(each, np.uint8)  # maxima of what is below 32, which a byte holds, or how many were valid
    sums = np.empty(each, np.uint16)  # of what is below 32 in at most so many frames
    top = np.int64((np.int64(1) << (8 * s)) - 1)
    frames, ends = starts.shape
    blocks = ends - 1
    full = blocks - (1 if tail else 0)
    raw_pixels = pixels - full * each - tail
    for block in range(blocks + 1):
        n = each if block < full else tail if block < blocks else raw_pixels
        if n == 0:
            continue
        start = block * each if block < blocks else pixels - raw_pixels
        faint[:] = 0
        sums[:] = 0
        into = total[start : start + n]
        counted = number[start : start + n] if summed else number
        for frame in range(frames):
            at = starts[frame]
            if block == blocks:
                for i in range(n):
                    v = np.uint32(0)
                    for byte in range(s):
                        v |= np.uint32(src[at[blocks] + i * s + byte]) << np.uint32(8 * byte)
                    values[i] = v
            else:
                one, left = fetch(src, at, block, n, s, True, bits)
                if one < 0:
                    return False
                few = n % 64 == 0 and odd_of(words, n, 8 * s - left, False, odd) <= n // 16
                if few:  # one more than each pixel, 0 where masked, as all is below 32 but for the odd ones
                    raised(bits, words, n, 8 * s - left, False, low)
                    for i in range(n // 64):
                        rest = odd[i]
                        place = 64 * i
                        while rest != 0:
                            if rest & np.uint64(1):
                                low[place] = 0
                                v = pixel_of(words, n // 64, s, one, left, place)
                                if summed:
                                    into[place] += np.uint64(v)
                                    counted[place] += np.uint32(1)
                                else:
                                    into[place] = max(into[place], np.uint32(v + np.uint32(1)))
                            rest >>= np.uint64(1)
                            place += 1
                    if summed:
                        for i in range(n):
                            valid = np.uint8(low[i] != 0)
                            sums[i] += np.uint16(low[i] - valid)
                            faint[i] += valid
                    else:
                        for i in range(n):
                            faint[i] = max(faint[i], low[i])
                    continue
                restore(bits, n // 8, s, one, left)
                values_of(bits, n, s, turned, values)
            for i in range(n):
                if values[i] != top:
                    if summed:
                        into[i] += np.uint64(values[i])
                        counted[i] += np.uint32(1)
                    else:
                        into[i] = max(into[i], np.uint32(values[i] + np.uint32(1)))
        if summed:
            for i in range(n):
                into[i] += np.uint64(sums[i])
                counted[i] += np.uint32(faint[i])
        else:
            for i in range(n):
                into[i] = max(into[i], np.uint32(faint[i]))
    return True


_fold = compiled(_fold_loop)


def fold(
    frames: "Sequence[Packed]", room: NDArray[np.uint8], *, summed: bool
) -> tuple[NDArray[Any], NDArray[np.uint32]]:
    """Frames of one shape in one: (maximum and one more, 0 where masked; nothing), or (sum, number of valid frames).

    At most 255 frames; the bytes of all lie in `room`. Raises Damaged.
    """
    first = frames[0]
    if any((frame.shape, frame.itemsize, frame.each) != (first.shape, first.itemsize, first.each) for frame in frames):
        raise Damaged
    pixels = first.shape[0] * first.shape[1]
    total = np.zeros(pixels, np.uint64 if summed else np.uint32)
    number = np.zeros(pixels if summed else 0, np.uint32)
    begins = [frame._src.ctypes.data - room.ctypes.data for frame in frames]
    inside = all(0 <= at <= len(room) - len(frame._src) for at, frame in zip(begins, frames, strict=True))
    if len(frames) > _MOST_FRAMES or not inside:
        raise ValueError("too many frames, or frames that lie elsewhere")
    starts = np.stack([frame._starts + begin for frame, begin in zip(frames, begins, strict=True)])
    if not _fold(room, starts, first.each, first._tail, first.itemsize, pixels, summed, total, number):
        raise Damaged
    return total.reshape(first.shape), number.reshape(first.shape) if summed else number


class Packed:
    """One frame of `shape` (height, width) as it lies compressed in a file, its blocks found.

    `data`: the chunk; `itemsize`: 1, 2 or 4 bytes, unsigned. Raises Damaged where the header does not fit.
    """

    def __init__(self, data: bytes | NDArray[np.uint8], shape: tuple[int, int], itemsize: int) -> None:
        self.shape, self.itemsize = shape, itemsize
        # Always an array that may be written to: the loops are compiled for one kind.
        self._src = np.frombuffer(bytearray(data), np.uint8) if isinstance(data, bytes) else data
        pixels = shape[0] * shape[1]
        if len(data) < 12 or int.from_bytes(self._src[:8].tobytes(), "big") != pixels * itemsize:
            raise Damaged
        block = int.from_bytes(self._src[8:12].tobytes(), "big")
        self._each = block // itemsize
        if block <= 0 or block > _MOST_BLOCK or block % (8 * itemsize):
            raise Damaged
        self._tail = pixels % self._each // 8 * 8
        blocks = pixels // self._each + (1 if self._tail else 0)
        raw = pixels % 8 * itemsize
        self._starts = np.empty(blocks + 1, np.int64)
        if blocks * 5 + 12 + raw > len(data) or not walk(self._src, len(data), self._starts):
            raise Damaged
        if int(self._starts[-1]) + raw > len(data):
            raise Damaged

    @property
    def nbytes(self) -> int:
        """The memory that it takes."""
        return int(self._src.nbytes + self._starts.nbytes)

    @property
    def each(self) -> int:
        """Pixels in a block."""
        return self._each

    def pool(
        self,
        factor: int,
        table: NDArray[np.uint8],
        rejected: Rejected | None = None,
        rows: tuple[int, int] | None = None,
        out: NDArray[np.uint8] | None = None,
    ) -> NDArray[np.uint8]:
        """Codes of the masked maxima of blocks of `factor` pixels, as `reduce` makes them.

        `rows`: only these rows of the result, into `out`: parts may be made in several threads. Raises Damaged.
        """
        height, width = self.shape
        size = -(-height // factor), -(-width // factor)
        if out is None:
            out = np.empty(size, np.uint8)
        if rejected is None:
            masked, flags = np.zeros(0, np.bool_), np.zeros(len(self._starts) + 2, np.bool_)
        else:
            masked, flags = rejected.mask.ravel(), rejected.blocks(self._each)
        begin, end = rows or (0, size[0])
        done = _pool(
            self._src, self._starts, self._each, self._tail, self.itemsize, self.shape, factor, masked, flags,
            table, begin, end, out,
        )  # fmt: skip
        if not done:
            raise Damaged
        return out

    def region(self, x: int, y: int, width: int, height: int) -> NDArray[np.unsignedinteger[Any]]:
        """The pixels of a rectangle within the frame, in the file's own type. Raises Damaged."""
        out = np.empty((height, width), f"u{self.itemsize}")
        if out.size and not _region(
            self._src, self._starts, self._each, self._tail, self.itemsize, self.shape, x, y, out
        ):
            raise Damaged
        return out

    def array(self) -> NDArray[np.unsignedinteger[Any]]:
        """The whole frame. Raises Damaged."""
        return self.region(0, 0, self.shape[1], self.shape[0])
