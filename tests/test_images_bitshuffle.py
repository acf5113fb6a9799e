"""The direct decoder gives what HDF5 and numpy give, and refuses what is not sound."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import pytest

pytest.importorskip("numba", reason="numba is not installed")

from servers import realdata

from data.images import loops, pooler
from data.images.bitshuffle import Packed
from data.images.files import Files
from data.images.formats import Frame, open_frames
from data.images.formats.chunk import Damaged, Rejected
from data.images.images import Images, bitshuffle
from data.images.reduce import reduce, table
from data.images.series import Series
from data.images.warm import packed

KINDS = ("u1", "u2", "u4")


def image(kind: str, shape: tuple[int, int], level: float) -> np.ndarray[Any, Any]:
    """Counts about a level, a few very bright, some with all bits set."""
    rng = np.random.default_rng(int(level) + shape[1])
    top = np.iinfo(kind).max
    array = np.minimum(rng.poisson(level, shape), top - 1).astype(kind)
    bright = rng.random(shape) < 0.003
    array[bright] = (rng.random(bright.sum()) ** 4 * (top - 1)).astype(kind)
    array[rng.random(shape) < 0.02] = top
    array[shape[0] // 2] = top
    array[0, :3] = 254, 255 % (top + 1), min(256, top)
    return array


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(64, 128), (97, 131), (33, 250), (501, 517), (3, 5)])
@pytest.mark.parametrize("level", [1.0, 40.0, 3000.0])
def test_it_agrees_with_numpy_on_every_pixel_and_code(kind: str, shape: tuple[int, int], level: float) -> None:
    array = image(kind, shape, level)
    frame = Packed(packed(array), shape, array.itemsize)
    assert (frame.array() == array).all()
    mask = array == np.iinfo(kind).max
    for factor in (1, 2, 3, 4, 6):
        longest = -(-max(shape) // factor)
        assert (frame.pool(factor, table()) == reduce(Frame(array, mask), longest, fast=False).codes).all()


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_file_rejects_is_masked_too(kind: str) -> None:
    array = image(kind, (97, 131), 5)
    bad = np.random.default_rng(9).random(array.shape) < 0.1
    bad[-1, -1] = True
    expected = reduce(Frame(array, bad | (array == np.iinfo(kind).max)), 66, fast=False)
    frame = Packed(packed(array), array.shape, array.itemsize)
    assert (frame.pool(2, table(), Rejected(bad)) == expected.codes).all()


def test_parts_made_apart_are_the_whole() -> None:
    array = image("u4", (501, 517), 3)
    frame = Packed(packed(array), array.shape, 4)
    whole = frame.pool(4, table())
    out = np.zeros_like(whole)
    for rows in ((0, 50), (50, 51), (51, len(whole))):
        frame.pool(4, table(), rows=rows, out=out)
    assert (out == whole).all()


def test_two_threads_make_what_one_makes_and_a_second_frame_meanwhile_gets_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pooler, "_LEAST", 1000)
    array = image("u4", (501, 517), 3)
    bad = np.zeros(array.shape, bool)
    bad[200:260] = True
    frame, rejected = Packed(packed(array), array.shape, 4), Rejected(bad)
    whole = frame.pool(4, table(), rejected)
    two = pooler.Pooler(cores=2)
    for wanted in (two, pooler.Pooler(cores=1)):
        assert (wanted.pool(frame, 4, rejected) == whole).all()
    with ThreadPoolExecutor(4) as crowd:
        made = list(crowd.map(lambda _: two.pool(frame, 4, rejected), range(40)))
    assert all((one == whole).all() for one in made)
    damaged = bytearray(packed(array))
    damaged[40:4000] = bytes(3960)
    with pytest.raises(Damaged):
        two.pool(Packed(bytes(damaged), array.shape, 4), 4, None)
    assert (two.pool(frame, 4, rejected) == whole).all()


@pytest.mark.parametrize("box", [(0, 0, 517, 501), (3, 400, 200, 101), (516, 500, 1, 1), (0, 499, 517, 2)])
def test_a_region_is_cut_out_of_the_blocks_that_it_touches(box: tuple[int, int, int, int]) -> None:
    array = image("u4", (501, 517), 3)
    x, y, width, height = box
    found = Packed(packed(array), array.shape, 4).region(x, y, width, height)
    assert (found == array[y : y + height, x : x + width]).all()


def test_a_header_that_does_not_fit_is_refused() -> None:
    array = image("u4", (97, 131), 3)
    data = packed(array)
    for wrong in (
        b"",
        data[:11],
        b"\xff" * 8 + data[8:],
        data[:8] + b"\xff" * 4 + data[12:],
        data[:8] + bytes(4),
        data[:-9],
    ):
        with pytest.raises(Damaged):
            Packed(wrong, array.shape, 4)
    with pytest.raises(Damaged):
        Packed(data, (97, 132), 4)
    with pytest.raises(Damaged):
        Packed(data, array.shape, 2)


def test_damaged_bytes_give_a_refusal_or_a_picture_and_never_end_the_process() -> None:
    array = image("u4", (97, 131), 3)
    data = bytearray(packed(array))
    rng = np.random.default_rng(3)
    refused = 0
    for _ in range(400):
        wrong = bytearray(data)
        for at in rng.integers(12, len(data), 3):
            wrong[at] = rng.integers(0, 256)
        try:
            frame = Packed(bytes(wrong), array.shape, 4)
            assert frame.pool(2, table()).shape == (49, 66)
            frame.array()
        except Damaged:
            refused += 1
    assert refused > 50


def write(path: Path, stack: np.ndarray[Any, Any], **more: Any) -> Path:
    with h5py.File(path, "w") as file:
        file.create_dataset("/entry/data/data", data=stack, **more)
    return path


LZ4 = dict(hdf5plugin.Bitshuffle(cname="lz4"))
OTHERS: dict[str, dict[str, Any]] = {
    "zstandard": dict(hdf5plugin.Bitshuffle(cname="zstd")),
    "plain LZ4": dict(hdf5plugin.LZ4()),
    "gzip": {"compression": "gzip"},
    "nothing": {},
    "two frames to a chunk": {"chunks": (2, 40, 60), **LZ4},
    "half a frame to a chunk": {"chunks": (1, 20, 60), **LZ4},
}


@pytest.mark.parametrize("how", OTHERS)
def test_what_is_stored_in_other_ways_is_left_to_hdf5_with_the_same_picture(tmp_path: Path, how: str) -> None:
    stack = np.stack([image("u4", (40, 60), 2) + np.uint32(n) for n in range(4)])
    stack[stack < 2] = 2**32 - 1
    other = write(tmp_path / "o.h5", stack, **{"chunks": (1, 40, 60)} | OTHERS[how])
    direct = write(tmp_path / "d.h5", stack, chunks=(1, 40, 60), **LZ4)
    with open_frames(other) as a, open_frames(direct) as b:
        assert a.chunk(3) is None
        assert b.chunk(3) is not None
    images = Images(Files((tmp_path,)))
    shots = [images.shot(Series(str(tmp_path), name, 1, 4), 4) for name in ("o.h5", "d.h5")]
    first, second = (images.picture(shot, 256) for shot in shots)
    assert (first.reduced.codes == second.reduced.codes).all()
    one, two = (images.region(shot, 10, 5, 99, 99).counts for shot in shots)
    assert one.dtype == two.dtype
    assert (one == two).all()
    full, packed_full = (images.frame(shot) for shot in shots)
    assert (full.mask == packed_full.mask).all()
    assert (full.array == packed_full.array)[~full.mask].all()


def test_a_frame_of_a_virtual_dataset_is_read_where_it_lies(tmp_path: Path) -> None:
    stack = np.stack([image("u2", (40, 60), n + 1) for n in range(3)])
    write(tmp_path / "d.h5", stack, chunks=(1, 40, 60), **LZ4)
    layout = h5py.VirtualLayout((3, 40, 60), "u2")
    layout[:] = h5py.VirtualSource("d.h5", "/entry/data/data", (3, 40, 60))
    with h5py.File(tmp_path / "v.nxs", "w", libver="latest") as file:
        file.create_virtual_dataset("/entry/data/data", layout)
    with open_frames(tmp_path / "v.nxs") as frames:
        chunk = frames.chunk(2)
        assert chunk is not None
        assert chunk.path == str(tmp_path / "d.h5")
        assert (Packed(chunk.read(), (40, 60), 2).array() == stack[2]).all()


def test_a_chunk_that_is_cut_off_is_said_to_be_damaged(tmp_path: Path) -> None:
    path = write(tmp_path / "d.h5", np.stack([image("u4", (400, 600), 2)]), chunks=(1, 400, 600), **LZ4)
    with open_frames(path) as frames:
        chunk = frames.chunk()
        assert chunk is not None
        with pytest.raises(Damaged):
            Packed(chunk.read()[: chunk.size // 2], chunk.shape, 4)


def test_the_real_eiger_frame_is_decoded_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    # A server of another test may still be warming up.
    monkeypatch.setattr(loops._State, "held_back", False)
    folder = realdata.folder()
    if folder is None:
        pytest.skip("real diffraction images are not on this machine")
    path = folder / "diffraction/bitshuffle.h5"
    assert bitshuffle() is not None
    with open_frames(path) as frames:
        chunk = frames.chunk()
        assert chunk is not None
        frame = frames.read()
    direct = Packed(chunk.read(), chunk.shape, chunk.itemsize)
    assert (direct.array() == frame.array).all()
    assert (direct.pool(2, table(), chunk.rejected) == reduce(frame, 1100, fast=False).codes).all()
