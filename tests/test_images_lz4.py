"""Blocks of LZ4 are unpacked as LZ4 states it, and planes that repeat are left out without anything being lost."""

import numpy as np
import pytest

pytest.importorskip("numba", reason="numba is not installed")

from data.images.bitshuffle import Packed
from data.images.formats import Frame
from data.images.lz4 import SLACK, unpack
from data.images.planes import restore
from data.images.reduce import reduce, table
from data.images.warm import packed

Rng = np.random.Generator
WORD = 256  # bytes of a plane


class Stream:
    """An LZ4 block under construction, and what it holds."""

    def __init__(self) -> None:
        self.packed, self.plain = bytearray(), bytearray()

    def add(self, literals: bytes, offset: int = 0, run: int = 0) -> None:
        """Bytes as they are, then so many as those at a distance before; without a run it is the end."""
        self.packed.append(min(15, len(literals)) << 4 | (min(15, run - 4) if run else 0))
        self.packed += self._more(len(literals)) + literals
        self.plain += literals
        if run:
            self.packed += offset.to_bytes(2, "little") + self._more(run - 4)
            for _ in range(run):
                self.plain.append(self.plain[-offset])

    @staticmethod
    def _more(length: int) -> bytes:
        return b"" if length < 15 else bytes([255] * ((length - 15) // 255) + [(length - 15) % 255])


def got(stream: Stream, planes: int, *, sparing: bool, behind: int = 0) -> tuple[bytes, int]:
    """What `unpack` makes of a block, and how many planes it left out."""
    width = len(stream.plain) // planes
    src = np.frombuffer(b"\x07" * 3 + bytes(stream.packed) + b"\x09" * behind, np.uint8).copy()
    out = np.full(planes * width + SLACK + 32, 0xAA, np.uint8)
    first, left = unpack(src, 3, len(stream.packed), width, planes, sparing, out)
    assert first > 0
    assert (out[-32:] == 0xAA).all()
    restore(out, width, planes // 8, first, left)
    return out[: planes * width].tobytes(), left


def filled(rng: Rng, size: int) -> Stream:
    """Runs and literals at random: short and long, near and far, some again and again."""
    stream = Stream()
    stream.add(rng.bytes(int(rng.integers(1, 300))), 1, 4)
    while len(stream.plain) < size - 400:
        here = len(stream.plain)
        kind = rng.integers(0, 6)
        again = 1
        if kind == 0:
            what = [(rng.bytes(int(rng.integers(0, 40))), int(rng.integers(1, here + 1)), int(rng.integers(4, 40)))]
        elif kind == 1:
            what = [(b"", int(rng.integers(1, 40)), int(rng.integers(4, 300)))]
        elif kind == 2:
            what = [(b"", int(2 ** rng.integers(0, 9)), int(rng.integers(4, 3000)))]
        elif kind == 3:  # a plane of a few runs, over and over
            near = int(rng.integers(4, 200))
            what = [(b"", 130, near), (b"", int(rng.integers(1, 200)), 200 - near + 52), (b"", 2, 4)]
            again = int(rng.integers(1, 9))
        elif kind == 4:  # the same, now and then of something farther away
            what = [(b"", int(rng.integers(1, 700)), 128), (b"", int(rng.integers(1, 300)), 128)]
            again = int(rng.integers(1, 6))
        else:
            literal = rng.bytes(6)
            what = [(literal, 256, 250)]
            again = int(rng.integers(1, 6))
        for _ in range(again):
            for literals, offset, run in what:
                if len(stream.plain) + len(literals) + run > size - 6:
                    break
                stream.add(literals, min(offset, len(stream.plain) + len(literals)), run)
    stream.add(rng.bytes(size - len(stream.plain)))
    return stream


@pytest.mark.parametrize("planes", [8, 16, 32])
def test_blocks_at_random_are_unpacked_as_they_were_packed_with_and_without_leaving_out(planes: int) -> None:
    rng = np.random.default_rng(planes)
    spared = 0
    for number in range(400):
        stream = filled(rng, planes * WORD)
        behind = int(rng.integers(0, 60))
        assert got(stream, planes, sparing=False, behind=behind) == (bytes(stream.plain), 0), number
        plain, left = got(stream, planes, sparing=True, behind=behind)
        assert plain == bytes(stream.plain), number
        spared += left > 0
    assert spared == 0 if planes == 8 else spared > 20


def test_one_long_run_leaves_out_all_planes_but_the_first_and_the_last() -> None:
    stream = Stream()
    stream.add(np.random.default_rng(1).bytes(5 * WORD), 1, 4)
    stream.add(bytes([9] * 3), 1, 32 * WORD - len(stream.plain) - 8)
    stream.add(bytes([9] * 5))
    plain, left = got(stream, 32, sparing=True)
    assert plain == bytes(stream.plain)
    assert left == 32 - 10


def test_runs_that_return_in_each_plane_are_left_out() -> None:
    stream = Stream()
    stream.add(np.random.default_rng(1).bytes(8 * WORD - 6), 2, 6)
    stream.add(b"", 1, 256)
    while len(stream.plain) < 31 * WORD:
        stream.add(b"\x01", 130, 125)
        stream.add(b"", 126, 126)
        stream.add(b"", 2, 4)
    stream.add(b"", 256, 100)
    stream.add(bytes(stream.plain[-256:])[: 32 * WORD - len(stream.plain)])
    plain, left = got(stream, 32, sparing=True)
    assert plain == bytes(stream.plain)
    assert left > 15


def test_a_run_from_before_what_was_left_out_is_found_all_the_same() -> None:
    stream = Stream()
    stream.add(np.random.default_rng(1).bytes(9 * WORD), 1, 20 * WORD)
    stream.add(b"abc", 21 * WORD, 60)
    stream.add(np.random.default_rng(2).bytes(32 * WORD - len(stream.plain)))
    plain, left = got(stream, 32, sparing=True)
    assert plain == bytes(stream.plain)
    assert left == 0


def test_what_is_cut_short_points_too_far_back_or_holds_too_much_is_refused() -> None:
    rng = np.random.default_rng(4)
    stream = filled(rng, 32 * WORD)
    sound = bytes(stream.packed)
    out = np.empty(32 * WORD + SLACK, np.uint8)

    def refused(data: bytes, width: int = WORD) -> bool:
        src = np.frombuffer(data, np.uint8).copy()
        return all(unpack(src, 0, len(data), width, 32, sparing, out)[0] == -1 for sparing in (False, True))

    assert not refused(sound)
    assert refused(b"")
    assert refused(sound[:-1])
    assert refused(sound + b"\x00\x00")
    assert refused(sound, WORD - 8)
    assert refused(b"\x10a\x02\x00" + sound)  # two back, where there is one
    assert refused(b"\x10a\x00\x00" + sound)
    assert refused(b"\xf0" + b"\xff" * 4000)
    assert refused(b"\x1fa\x01\x00" + b"\xff" * 4000)


@pytest.mark.parametrize("kind", ["u2", "u4"])
@pytest.mark.parametrize("width", [1100, 2070, 4148])
def test_a_frame_with_gaps_between_its_modules_is_the_same_as_by_numpy(kind: str, width: int) -> None:
    rng = np.random.default_rng(width)
    array = rng.poisson(np.linspace(0.3, 60, 90)[:, None], (90, width)).astype(kind)
    top = np.iinfo(kind).max
    array[:, 500:510] = array[:, 1030:1040] = array[40:47] = top
    array[rng.random(array.shape) < 0.001] = 1000
    frame = Packed(packed(array), array.shape, array.itemsize)
    assert (frame.array() == array).all()
    for factor in (1, 2, 3, 4, 5, 6, 7, 12):
        expected = reduce(Frame(array, array == top), -(-width // factor), fast=False)
        assert (frame.pool(expected.factor, table()) == expected.codes).all(), factor
