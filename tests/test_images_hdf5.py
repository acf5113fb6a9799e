"""HDF5 images: links, virtual datasets, and what was never written."""

from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import pytest
from test_images_formats import refusal

from data.images.formats import Unreadable, open_frames

SHAPE = (24, 32)
MOST = 2**32 - 1


def stack(path: Path, frames: int, first: int = 1, where: str = "/entry/data/data") -> np.ndarray:
    """Write frames whose pixels are all their own number, counted from `first`."""
    array = np.ones((frames, *SHAPE), np.uint32) * np.arange(first, first + frames)[:, None, None]
    with h5py.File(path, "w") as file:
        file.create_dataset(where, data=array.astype("u4"), chunks=(1, *SHAPE), **hdf5plugin.Bitshuffle(cname="lz4"))
    return array


def value(path: Path, index: int, **options: object) -> int:
    with open_frames(path, **options) as frames:  # type: ignore[arg-type]
        frame = frames.read(index)
        (only,) = np.unique(frame.array[~frame.mask])
        return int(only)


@pytest.fixture
def master(tmp_path: Path) -> Path:
    path = tmp_path / "a_master.h5"
    with h5py.File(path, "w") as file:
        for number in (1, 2, 3):
            file[f"/entry/data/data_{number:06d}"] = h5py.ExternalLink(f"a_data_{number:06d}.h5", "/entry/data/data")
        file["/entry/instrument/detector/detectorSpecific/nimages"] = 10
    stack(tmp_path / "a_data_000001.h5", 4, 1)
    stack(tmp_path / "a_data_000002.h5", 4, 5)
    stack(tmp_path / "a_data_000003.h5", 2, 9)
    return path


def test_a_master_counts_and_finds_the_frames_of_its_data_files(master: Path) -> None:
    with open_frames(master) as frames:
        assert (frames.count, frames.shape) == (10, SHAPE)
    assert [value(master, index) for index in range(10)] == list(range(1, 11))


def test_a_missing_data_file_is_named_and_the_other_frames_are_there(master: Path) -> None:
    (master.parent / "a_data_000001.h5").unlink()
    assert refusal(master, 0) == ("The data file “a_data_000001.h5” that “a_master.h5” needs is not on disk.")
    assert value(master, 4) == 5
    assert value(master, 9) == 10


def test_a_master_without_any_data_file_says_so(master: Path) -> None:
    for path in master.parent.glob("a_data_*"):
        path.unlink()
    assert "a_data_000001.h5" in refusal(master)


def test_a_missing_data_file_may_be_supplied(master: Path) -> None:
    gone = master.parent / "a_data_000002.h5"
    gone.unlink()

    def supply(path: Path) -> bool:
        stack(path, 4, 5)
        return True

    assert value(master, 5, supply=supply) == 6


def test_frames_that_the_detector_has_yet_to_write_are_said_to_be_unwritten(master: Path) -> None:
    stack(master.parent / "a_data_000003.h5", 1, 9)
    assert value(master, 8) == 9
    assert refusal(master, 9) == "Frame 10 of “a_master.h5” has not been written."


def test_a_data_file_with_other_images_is_refused(master: Path) -> None:
    with h5py.File(master.parent / "a_data_000002.h5", "w") as file:
        file["/entry/data/data"] = np.zeros((4, 99, 99), "u4")
    assert "other images" in refusal(master, 5)


def test_a_link_to_a_file_outside_is_not_followed(master: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    visit = tmp_path / "visit"
    visit.mkdir()
    stack(elsewhere / "b.h5", 1, 77)
    path = visit / "b_master.h5"
    with h5py.File(path, "w") as file:
        file["/entry/data/data_000001"] = h5py.ExternalLink("../elsewhere/b.h5", "/entry/data/data")
    assert "may not read" in refusal(path)
    assert value(path, 0, allowed=lambda _: True) == 77
    assert "may not read" in refusal(path, allowed=lambda where: where == path)
    (visit / "b.h5").symlink_to(elsewhere / "b.h5")
    assert "may not read" in refusal(path)


def test_metadata_behind_a_forbidden_link_is_left_out(tmp_path: Path) -> None:
    visit = tmp_path / "visit"
    visit.mkdir()
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["value"] = 1.2345
    stack(visit / "a.h5", 1)
    with h5py.File(visit / "a.h5", "a") as file:
        file["/entry/instrument/beam/incident_wavelength"] = h5py.ExternalLink("../other.h5", "/value")
    with open_frames(visit / "a.h5") as frames:
        assert frames.read().meta.wavelength is None
    with open_frames(visit / "a.h5", lambda _: True) as frames:
        assert frames.read().meta.wavelength is not None


def virtual(path: Path, *sources: tuple[str, int]) -> None:
    """A virtual dataset over (file, frames) pairs."""
    total = sum(frames for _, frames in sources)
    layout = h5py.VirtualLayout((total, *SHAPE), "u4")
    at = 0
    for name, frames in sources:
        layout[at : at + frames] = h5py.VirtualSource(name, "/entry/data/data", (frames, *SHAPE))
        at += frames
    with h5py.File(path, "w", libver="latest") as file:
        file.create_virtual_dataset("/entry/data/data", layout, fillvalue=0)


def test_a_virtual_dataset_reads_its_sources(master: Path) -> None:
    path = master.parent / "v.nxs"
    virtual(path, ("a_data_000001.h5", 4), ("a_data_000002.h5", 4), ("a_data_000003.h5", 2))
    with open_frames(path) as frames:
        assert frames.count == 10
    assert [value(path, index) for index in (0, 3, 4, 9)] == [1, 4, 5, 10]


def test_a_missing_virtual_source_is_named_and_is_not_zeros(master: Path) -> None:
    path = master.parent / "v.nxs"
    virtual(path, ("a_data_000001.h5", 4), ("gone_000002.h5", 4))
    assert value(path, 3) == 4
    assert refusal(path, 4) == "The data file “gone_000002.h5” that “v.nxs” needs is not on disk."


def test_a_virtual_source_outside_is_not_followed(tmp_path: Path) -> None:
    visit = tmp_path / "visit"
    visit.mkdir()
    stack(tmp_path / "other.h5", 1, 7)
    virtual(visit / "v.nxs", ("../other.h5", 1))
    assert "may not read" in refusal(visit / "v.nxs")
    virtual(visit / "w.nxs", (str(tmp_path / "other.h5"), 1))
    assert "may not read" in refusal(visit / "w.nxs")
    assert value(visit / "v.nxs", 0, allowed=lambda _: True) == 7


def test_a_virtual_dataset_over_itself_ends(tmp_path: Path) -> None:
    virtual(tmp_path / "v.nxs", ("v.nxs", 1))
    assert "too far" in refusal(tmp_path / "v.nxs")


def test_modules_put_together_virtually_leave_their_gap_masked(tmp_path: Path) -> None:
    for name, number in (("top.h5", 3), ("low.h5", 8)):
        stack(tmp_path / name, 2, number)
    layout = h5py.VirtualLayout((2, 2 * SHAPE[0] + 5, SHAPE[1]), "u4")
    layout[:, : SHAPE[0]] = h5py.VirtualSource("top.h5", "/entry/data/data", (2, *SHAPE))
    layout[:, SHAPE[0] + 5 :] = h5py.VirtualSource("low.h5", "/entry/data/data", (2, *SHAPE))
    with h5py.File(tmp_path / "v.nxs", "w", libver="latest") as file:
        file.create_virtual_dataset("/entry/data/data", layout)
    with open_frames(tmp_path / "v.nxs") as frames:
        frame = frames.read(1)
    gap = frame.mask[SHAPE[0] : SHAPE[0] + 5]
    assert gap.all()
    assert frame.mask.sum() == gap.size
    assert (frame.array[: SHAPE[0]] == 4).all()
    assert (frame.array[SHAPE[0] + 5 :] == 9).all()


def test_a_chunk_that_was_never_written_is_not_zeros(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = file.create_dataset("/entry/data/data", (5, *SHAPE), "u4", chunks=(1, *SHAPE))
        data[1] = 0
    assert value(tmp_path / "a.h5", 1) == 0
    assert refusal(tmp_path / "a.h5", 2) == "Frame 3 of “a.h5” has not been written."


def test_parts_of_a_frame_that_were_never_written_are_masked(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = file.create_dataset("/entry/data/data", (1, *SHAPE), "u4", chunks=(1, 8, 32))
        data[0, :8] = 5
    with open_frames(tmp_path / "a.h5") as frames:
        frame = frames.read()
    assert (frame.array[:8] == 5).all()
    assert not frame.mask[:8].any()
    assert frame.mask[8:].all()


def test_raw_external_storage_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret.bin").write_bytes(bytes(range(256)) * 12)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("/entry/data/data", (1, *SHAPE), "u4", external=[(str(tmp_path / "secret.bin"), 0, 3072)])
    assert "raw file" in refusal(tmp_path / "a.h5")


def test_soft_links_in_a_circle_end(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["/entry/data/data"] = h5py.SoftLink("/entry/data/again")
        file["/entry/data/again"] = h5py.SoftLink("/entry/data/data")
    assert "too far" in refusal(tmp_path / "a.h5")


def test_the_sentinel_and_the_pixel_mask_are_masked_and_virtual_pixels_are_not(
    tmp_path: Path,
) -> None:
    array = np.full((1, *SHAPE), 4, "u4")
    array[0, 3] = MOST
    bits = np.zeros(SHAPE, "u4")
    bits[5, 5], bits[6, 6], bits[7, 7] = 1, 1 << 8, 1 << 31
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["/entry/data/data"] = array
        file["/entry/instrument/detector/pixel_mask"] = bits
    with open_frames(tmp_path / "a.h5") as frames:
        mask = frames.read().mask
    expected = np.zeros(SHAPE, bool)
    expected[3] = expected[5, 5] = expected[6, 6] = True
    assert (mask == expected).all()


def test_thresholds_are_channels(tmp_path: Path) -> None:
    array = np.arange(6, dtype="u4").reshape(3, 2, 1, 1) * np.ones((3, 2, *SHAPE), "u4")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["/entry/data/data"] = array
    with open_frames(tmp_path / "a.h5") as frames:
        assert (frames.count, frames.channels, frames.shape) == (3, 2, SHAPE)
        assert (frames.read(2, 1).array == 5).all()
        with pytest.raises(Exception, match="no channel 3"):
            frames.read(0, 2)


def test_the_image_is_found_wherever_nexus_says(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["default"] = "scan"
        scan = file.create_group("scan")
        scan.attrs["default"] = "shown"
        shown = scan.create_group("shown")
        shown.attrs["signal"] = "counts"
        shown["counts"] = np.full((2, *SHAPE), 6, "i4")
        file["decoy"] = np.zeros((9, 100, 100), "i4")
    assert value(tmp_path / "a.h5", 1) == 6


@pytest.mark.parametrize(
    ("shape", "chunks"),
    [((1, 400_000, 400_000), (1, 1000, 1000)), ((1000, 20_000, 4000), (40, 20_000, 4000))],
)
def test_absurd_sizes_are_refused_before_anything_is_read(
    tmp_path: Path, shape: tuple[int, ...], chunks: tuple[int, ...]
) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("/entry/data/data", shape, "u1", chunks=chunks)
    assert "impossibl" in refusal(tmp_path / "a.h5")


def test_an_unknown_filter_is_said_so(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        creation.set_chunk((1, *SHAPE))
        creation.set_filter(310, h5py.h5z.FLAG_OPTIONAL, ())
        space = h5py.h5s.create_simple((1, *SHAPE))
        group = file.create_group("/entry/data")
        made = h5py.h5d.create(group.id, b"data", h5py.h5t.NATIVE_UINT32, space, creation)
        made.write_direct_chunk((0, 0, 0), b"junk")
    assert "not known here" in refusal(tmp_path / "a.h5")


@pytest.mark.parametrize(
    ("value_", "unit", "pixels"),
    [(1200.0, "pixel", 1200.0), (0.09, "m", 1200.0), (90.0, "mm", 1200.0), (1200.0, "", 1200.0)],
)
def test_units_of_the_beam_centre_are_honoured(tmp_path: Path, value_: float, unit: str, pixels: float) -> None:
    stack(tmp_path / "a.h5", 1)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        detector = file.create_group("/entry/instrument/detector")
        detector["x_pixel_size"] = 75.0
        detector["x_pixel_size"].attrs["units"] = "um"
        detector["beam_center_x"] = value_
        if unit:
            detector["beam_center_x"].attrs["units"] = unit
    with open_frames(tmp_path / "a.h5") as frames:
        assert frames.read().meta.beam_x == pytest.approx(pixels)


# ---- files that somebody made to do harm


def test_words_that_are_virtual_are_not_taken_from_a_file_outside(tmp_path: Path) -> None:
    inner = tmp_path / "permitted"
    inner.mkdir()
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["words"] = np.array([b"of another proposal"], "S20")
        file["corner"] = np.array([7, 7])
    with h5py.File(inner / "x.h5", "w") as file:
        file["/entry/data/data"] = np.ones((1, 32, 32), "u2")
        for path, name, kind, size in (("description", "words", "S20", 1), ("module/data_origin", "corner", "i8", 2)):
            layout = h5py.VirtualLayout((size,), kind)
            layout[:] = h5py.VirtualSource(str(tmp_path / "secret.h5"), name, (size,), dtype=kind)
            file.create_virtual_dataset(f"/entry/instrument/detector/{path}", layout)
    with open_frames(inner / "x.h5") as frames:
        assert frames.meta().detector is None
        assert "another" not in frames.text()


def test_groups_that_hold_each_other_end(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "circle.h5", "w") as file:
        group = file.create_group("group")
        for number in range(20):
            group[f"again{number}"] = group
    with pytest.raises(Unreadable, match="holds no image"):
        open_frames(tmp_path / "circle.h5")
    with h5py.File(tmp_path / "circle.h5", "a") as file:
        file["/entry/data/data"] = np.ones((1, 32, 32), "u2")
    with open_frames(tmp_path / "circle.h5") as frames:
        assert "data" in frames.text()


def test_a_frame_in_a_million_pieces_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "sand.h5", "w") as file:
        data = file.create_dataset("/entry/data/data", (1, 1000, 1000), "u2", chunks=(1, 1, 1))
        data[0, 0, 0] = 1
    with open_frames(tmp_path / "sand.h5") as frames, pytest.raises(Unreadable, match="too many small pieces"):
        frames.read(0)


def test_a_frame_that_is_put_together_again_and_again_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "again.h5", "w") as file:
        file["one"] = np.ones((1, 1000, 1000), "u2")
        layout = h5py.VirtualLayout((1, 1000, 1000), "u2")
        for row in range(100):
            layout[0, row] = h5py.VirtualSource(file["one"])[0, row]
        file.create_virtual_dataset("/entry/data/data", layout)
    with open_frames(tmp_path / "again.h5") as frames, pytest.raises(Unreadable, match="too much"):
        frames.read(0)


def test_a_number_in_a_piece_that_fills_the_memory_is_left_out(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "bomb.h5", "w") as file:
        file["/entry/data/data"] = np.ones((1, 32, 32), "u2")
        # 2 GB as soon as anybody reads it; nothing is written here.
        file.create_dataset(
            "/entry/instrument/detector/count_time", (2,), "f8", maxshape=(None,), chunks=(250_000_000,)
        )
    with open_frames(tmp_path / "bomb.h5") as frames:
        assert frames.meta().exposure is None
