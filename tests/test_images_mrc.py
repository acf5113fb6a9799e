"""Images of microscopes: MRC stacks, and the real files of microscopes."""

import gzip
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import fabio
import h5py
import numpy as np
import pytest
from servers import realdata

from data.images.formats import Unreadable, open_frames
from data.images.shelf import Shelf


def refusal(path: Path) -> str:
    with pytest.raises(Unreadable) as problem, open_frames(path) as frames:
        frames.read()
    return str(problem.value)


CRYO: dict[str, tuple[int, tuple[int, int], int] | str] = {
    "EMD-3001.map": (25, (43, 73), 0),
    "EMD-3197.map": (20, (20, 20), 0),
    "KLH.tif": (1, (844, 760), 0),
    "emd_3001.map.gz": (25, (43, 73), 0),
    "emd_3197.png": "“emd_3197.png” is not in a known image format.",
    "low-res-emd-32143.map": (100, (100, 100), 0),
    "particles/empiar_10076_7.mrc": (7, (320, 320), 0),
    "particles/relion31.mrcs": (5, (256, 256), 1),
    "stem/20241021_00405_movie.mrc": (32, (4, 8), 0),
    "stem/HAADFscan.mrc": (1, (16, 16), 0),
    "test_diffraction_pattern_tags_removed.dm3": (
        "“test_diffraction_pattern_tags_removed.dm3” is not in a known image format."
    ),
}


@pytest.mark.parametrize("name", CRYO)
def test_each_real_image_of_a_microscope_gives_its_picture_or_its_sentence(name: str) -> None:
    folder = realdata.folder()
    if folder is None:
        pytest.skip("real images of microscopes are not on this machine")
    path, expected = folder / "cryoem" / name, CRYO[name]
    if isinstance(expected, str):
        assert refusal(path) == expected
        return
    with open_frames(path) as frames:
        frame = frames.read(frames.count - 1)
        assert (frames.count, frames.shape, len(frame.meta.notes)) == expected
        assert np.isfinite(frame.array).all()
        if path.suffix == ".mrc" and "movie" not in name:
            assert (frames.read(0).array == fabio.open(str(path)).data).all()


def mrc(path: Path, array: np.ndarray[Any, Any], mode: int, mark: bytes = b"MAP ", order: str = "<") -> Path:
    head = bytearray(1024)
    head[:16] = struct.pack(f"{order}4i", array.shape[2], array.shape[1], array.shape[0], mode)
    head[208:212] = mark
    head[212:214] = b"DD" if order == "<" else b"\x11\x11"
    path.write_bytes(bytes(head) + array.tobytes())
    return path


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("mode", "kind"), [(0, "i1"), (1, "i2"), (2, "f4"), (6, "u2"), (12, "f2")])
def test_sections_of_an_mrc_are_frames_in_either_byte_order(tmp_path: Path, order: str, mode: int, kind: str) -> None:
    array = (np.arange(2 * 20 * 30) % 200 - 70).reshape(2, 20, 30).astype(f"{order}{kind}")
    with open_frames(mrc(tmp_path / "a.mrc", array, mode, order=order)) as frames:
        assert (frames.count, frames.shape) == (2, (20, 30))
        assert (frames.read(1).array == array[1]).all()


@pytest.mark.parametrize("width", [30, 31])
def test_pixels_of_four_bits_are_two_to_a_byte_the_lower_half_first(tmp_path: Path, width: int) -> None:
    array = (np.arange(3 * 20 * width) % 16).reshape(3, 20, width).astype("u1")
    even = np.pad(array, ((0, 0), (0, 0), (0, width % 2)))
    path = mrc(tmp_path / "a.mrc", array, 101)
    path.write_bytes(path.read_bytes()[:1024] + (even[..., ::2] | even[..., 1::2] << 4).tobytes())
    with open_frames(path) as frames:
        assert (frames.count, frames.shape) == (3, (20, width))
        assert np.array_equal(frames.read(2).array, array[2])


def test_only_the_bytes_of_one_frame_are_read_of_a_movie(tmp_path: Path) -> None:
    path = tmp_path / "a.mrcs"
    mrc(path, np.zeros((1, 512, 512), "u2"), 6)
    head = bytearray(path.read_bytes()[:1024])
    head[8:12] = struct.pack("<i", 4000)  # 2 GB, of which the disk holds only the last frame
    with path.open("wb") as file:
        file.write(head)
        file.seek(1024 + 3999 * 512 * 512 * 2)
        file.write(np.full((512, 512), 7, "<u2").tobytes())
    tracemalloc.start()
    with open_frames(path) as frames:
        assert (frames.count, frames.held) == (4000, 0)
        assert int(frames.read(3999).array.min()) == 7
    assert tracemalloc.get_traced_memory()[1] < 8_000_000
    tracemalloc.stop()


def test_files_that_were_unpacked_into_memory_are_kept_open_up_to_a_bound(tmp_path: Path) -> None:
    for name in "abc":
        mrc(tmp_path / name, np.zeros((4, 50, 50), "u2"), 6)
        (tmp_path / f"{name}.mrc.gz").write_bytes(gzip.compress((tmp_path / name).read_bytes()))
    shelf = Shelf(held=45_000)
    for name in "abc":
        with shelf.frames(str(tmp_path / f"{name}.mrc.gz"), (0, 0)) as frames:
            assert frames.held == 21_024
    assert len(shelf) == 2
    shelf.close()


def test_an_mrc_without_its_mark_is_read_by_its_name_with_a_note(tmp_path: Path) -> None:
    array = np.ones((3, 20, 30), "<f4")
    with open_frames(mrc(tmp_path / "a.mrcs", array, 2, bytes(4))) as frames:
        assert frames.count == 3
        assert "lacks the mark" in frames.read().meta.notes[0]
    assert "not in a known image format" in refusal(mrc(tmp_path / "a.dat", array, 2, bytes(4)))
    with (tmp_path / "a.mrcs").open("ab") as file:
        file.write(b"more")
    assert "not in a known image format" in refusal(tmp_path / "a.mrcs")


def test_an_mrc_that_is_cut_short_or_of_another_kind_is_a_sentence(tmp_path: Path) -> None:
    array = np.ones((3, 20, 30), "<f4")
    path = mrc(tmp_path / "a.mrc", array, 2)
    path.write_bytes(path.read_bytes()[:-1])
    assert "cut short" in refusal(path)
    assert "complex numbers" in refusal(mrc(tmp_path / "b.mrc", array, 4))
    assert "impossible" in refusal(mrc(tmp_path / "c.mrc", array[:, :0], 2))


def test_a_compressed_hdf5_file_says_that_it_must_be_unpacked(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["data"] = np.ones((20, 20))
    path = tmp_path / "a.h5.gz"
    path.write_bytes(gzip.compress((tmp_path / "a.h5").read_bytes()))
    assert refusal(path) == "“a.h5.gz” is a compressed HDF5 file; it must be unpacked to be read."
