"""Readers of image files: the right picture, or one sentence."""

import base64
import bz2
import gzip
import hashlib
import re
from pathlib import Path

import fabio
import h5py
import hdf5plugin
import numpy as np
import pytest
from servers import realdata

from data.images.files import Files
from data.images.formats import Frame, FrameMeta, Unreadable, open_frames
from data.images.images import Images
from data.images.reduce import reduce, table
from data.images.series import Series

SHAPE = (40, 60)


def refusal(path: Path, index: int = 0, **options: object) -> str:
    """The sentence with which a file or its frame is refused."""
    with pytest.raises(Unreadable) as caught, open_frames(path, **options) as frames:  # type: ignore[arg-type]
        frames.read(index)
    words = str(caught.value)
    assert words.endswith(".")
    assert "/" not in words
    return words


def counts(seed: int = 0, dtype: str = "u4") -> np.ndarray:
    return np.random.default_rng(seed).poisson(3, SHAPE).astype(dtype)


# CBF


def cbf(array: np.ndarray, **replaced: str) -> bytes:
    data = bytes(fabio.compression.compByteOffset(array.astype(np.int32)))
    lines = {
        "conversions": '"x-CBF_BYTE_OFFSET"',
        "size": str(len(data)),
        "width": str(array.shape[1]),
        "height": str(array.shape[0]),
        "sum": base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode(),
    } | replaced
    return (
        (
            "###CBF: VERSION 1.5\r\ndata_a\r\n_array_data.header_contents\r\n;\r\n"
            "# Wavelength 0.9763 A\r\n# Detector_distance 0.25 m\r\n# Beam_xy (30.5, 20.25) pixels\r\n"
            "# Pixel_size 172e-6 m x 172e-6 m\r\n# Phi -9999.0 deg.\r\n;\r\n_array_data.data\r\n;\r\n"
            "--CIF-BINARY-FORMAT-SECTION--\r\nContent-Type: application/octet-stream;\r\n"
            f"     conversions={lines['conversions']}\r\nX-Binary-Size: {lines['size']}\r\n"
            'X-Binary-Element-Type: "signed 32-bit integer"\r\n'
            f"Content-MD5: {lines['sum']}\r\n"
            f"X-Binary-Size-Fastest-Dimension: {lines['width']}\r\n"
            f"X-Binary-Size-Second-Dimension: {lines['height']}\r\n\r\n"
        ).encode()
        + b"\x0c\x1a\x04\xd5"
        + data
        + b"\r\n--CIF-BINARY-FORMAT-SECTION----\r\n;\r\n"
    )


def test_a_cbf_is_read_with_its_gaps_masked_and_its_header_understood(tmp_path: Path) -> None:
    array = counts().astype(np.int64)
    array[5], array[7, 7], array[9, 9] = -1, -2, 70_000
    path = tmp_path / "a.cbf"
    path.write_bytes(cbf(array))
    with open_frames(path) as frames:
        frame = frames.read()
    assert (frames.count, frames.shape) == (1, SHAPE)
    assert (frame.array == array).all()
    assert (frame.mask == (array < 0)).all()
    assert frame.meta == FrameMeta(
        wavelength=0.9763, distance=250.0, beam_x=30.5, beam_y=20.25,
        pixel_x=172e-6, pixel_y=172e-6,
    )  # fmt: skip


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_a_packed_cbf_is_read(tmp_path: Path, pack: object) -> None:
    path = tmp_path / "a.cbf.packed"
    path.write_bytes(pack(cbf(counts())))  # type: ignore[operator]
    with open_frames(path) as frames:
        assert (frames.read().array == counts()).all()


@pytest.mark.parametrize(
    ("replaced", "words"),
    [
        ({"width": "60000000", "height": "60000000"}, "impossible image size"),
        ({"width": "600", "height": "400"}, "cut short"),
        ({"size": "99999999"}, "cut short"),
        ({"width": "0"}, "does not state the size"),
        ({"conversions": '"x-CBF_PACKED"'}, "packed"),
        ({"sum": "AAECAwQFBgcICQoLDA0ODw=="}, "checksum"),
        ({"width": "61"}, "cut short|damaged"),
    ],
)
def test_a_cbf_whose_header_lies_is_refused(tmp_path: Path, replaced: dict[str, str], words: str) -> None:
    path = tmp_path / "a.cbf"
    path.write_bytes(cbf(counts(), **replaced))
    assert re.search(words, refusal(path))


# Any file, cut or overwritten


def tiff(path: Path) -> None:
    fabio.tifimage.TifImage(data=counts(dtype="u2")).write(str(path))


def edf(path: Path) -> None:
    fabio.edfimage.EdfImage(data=counts(dtype="i4")).write(str(path))


def smv(path: Path) -> None:
    header = (
        "{\nHEADER_BYTES=  512;\nDIM=2;\nBYTE_ORDER=little_endian;\nTYPE=unsigned_short;\n"
        f"SIZE1={SHAPE[1]};\nSIZE2={SHAPE[0]};\nPIXEL_SIZE=0.1;\nDISTANCE=200.0;\nWAVELENGTH=1.0;\n"
        "BEAM_CENTER_X=3.0;\nBEAM_CENTER_Y=2.0;\nOSC_START=1.5;\nOSC_RANGE=0.5;\n}\n"
    )
    path.write_bytes(header.encode().ljust(512) + counts(dtype="<u2").tobytes())


def eiger(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset(
            "/entry/data/data", data=counts()[None], chunks=(1, *SHAPE),
            **hdf5plugin.Bitshuffle(cname="lz4"),
        )  # fmt: skip


WRITERS = {
    "a.cbf": lambda path: path.write_bytes(cbf(counts())),
    "a.tif": tiff,
    "a.edf": edf,
    "a.img": smv,
    "a.h5": eiger,
}


@pytest.mark.parametrize("name", WRITERS)
def test_each_format_gives_back_what_was_written(tmp_path: Path, name: str) -> None:
    WRITERS[name](tmp_path / name)
    with open_frames(tmp_path / name) as frames:
        assert (frames.count, frames.shape) == (1, SHAPE)
        frame = frames.read()
        assert (frame.array == counts()).all()
        assert not frame.mask.any()


def test_the_format_is_told_by_content_and_not_by_name(tmp_path: Path) -> None:
    eiger(tmp_path / "a.cbf")
    with open_frames(tmp_path / "a.cbf") as frames:
        assert (frames.read().array == counts()).all()


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.7, 0.97])
def test_a_cut_file_is_refused_and_never_half_a_picture(tmp_path: Path, name: str, share: float) -> None:
    path = tmp_path / name
    WRITERS[name](path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    assert name in refusal(path)


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_with_bytes_overwritten_is_read_or_refused_and_nothing_else(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    WRITERS[name](path)
    whole = path.read_bytes()
    rng = np.random.default_rng(3)
    outcomes = set()
    for _ in range(60):
        data = bytearray(whole)
        for place in rng.integers(0, min(len(data), 3000), 12):
            data[place] = rng.integers(256)
        path.write_bytes(data)
        try:
            with open_frames(path) as frames:
                frames.read()
            outcomes.add("read")
        except Unreadable as problem:
            outcomes.add(str(problem)[-1])
    assert outcomes <= {"read", "."}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"hello, this is a text file\n" * 50, "not in a known image format"),
        (b"\x1f\x8b" + bytes(40), "cut short or damaged"),
        (b"PK\x03\x04" + bytes(200), "known image format|damaged"),
        (b"II+\x00\x08\x00\x00\x00" + bytes(200), "cut short or damaged"),
        (b"{\nHEADER_BYTES= 512;\nSIZE1=900000;\nSIZE2=900000;\n}".ljust(600), "impossible"),
        (b"{\nDim_1 = 30000 ;\nDim_2 = 3000 ;\nDataType = FloatValue ;\n}".ljust(600), "cut short"),
    ],
)
def test_a_file_that_is_no_image_is_refused_in_words(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "thing.img"
    path.write_bytes(data)
    assert re.search(words, refusal(path))


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    assert "not on disk" in refusal(tmp_path / "gone.cbf")
    assert "cannot be read" in refusal(tmp_path)


def test_a_damaged_cbf_is_not_guessed_at_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a.cbf"
    path.write_bytes(b"##!CBF" + cbf(counts())[6:].replace(b"\x0c\x1a\x04\xd5", b"xxxx"))
    assert "not in a known image format" in refusal(path)


def test_an_mrc_whose_header_promises_too_much_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mrc"
    header = np.zeros(256, "<i4")
    header[:4] = 30, 20, 1, 2
    header[52] = int.from_bytes(b"MAP ", "little")
    header[53] = 0x4444
    path.write_bytes(header.tobytes() + np.full((20, 30), -1.5, "<f4").tobytes())
    with open_frames(path) as frames:
        frame = frames.read()
    assert (frame.array == -1.5).all()
    assert not frame.mask.any()
    data = bytearray(path.read_bytes())
    data[8:12] = (50_000_000).to_bytes(4, "little")
    path.write_bytes(data)
    assert "cut short" in refusal(path)


def test_a_packed_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.images.formats.flat._MOST_UNPACKED", 100_000)
    path = tmp_path / "a.cbf.gz"
    path.write_bytes(gzip.compress(cbf(counts()) + bytes(10_000_000)))
    assert "unpacks to more" in refusal(path)


def test_the_header_of_smv_is_understood(tmp_path: Path) -> None:
    smv(tmp_path / "a.img")
    with open_frames(tmp_path / "a.img") as frames:
        meta = frames.read().meta
    assert (meta.wavelength, meta.distance, meta.start, meta.increment) == (1.0, 200.0, 1.5, 0.5)
    assert (meta.beam_x, meta.beam_y) == (pytest.approx(30), pytest.approx(20))
    assert meta.pixel_x == pytest.approx(1e-4)


def test_there_is_no_frame_beyond_the_last(tmp_path: Path) -> None:
    for name in WRITERS:
        WRITERS[name](tmp_path / name)
        assert "There is no frame 2" in refusal(tmp_path / name, 1)
        assert "There is no frame 0" in refusal(tmp_path / name, -1)


# Files of real instruments, and what becomes of each

REAL = {
    "ARwoDMSO-F2XEntry-A12a_1_0001.cbf": (1, (1679, 1475), 197_515, 8222),
    "CeO2_Pilatus1M.tif": (1, (1043, 981), 73_560, 621_698),
    "GAIN.cbf": (1, (240, 211), 7667, 1188),
    "adsc.img.bz2": (1, (2304, 2304), 0, 14_872),
    "arina/test_00.h5": "“test_00.h5” holds no image.",
    "arina/test_00_data_000001.h5": (16, (192, 192), 0, 0),
    "arina/test_00_master.h5": (16, (192, 192), 0, 0),
    "bitshuffle.h5": (1, (2167, 2070), 251_302, 1_208_081),
    "dls_hyperion_nexus/rotation_unicode_metafile/ins_8_5.nxs": (
        "The data file “ins_8_5_000001.h5” that “ins_8_5.nxs” needs is not on disk."
    ),
    "dls_hyperion_nexus/rotation_unicode_metafile/ins_8_5_expected_output.txt": (
        "“ins_8_5_expected_output.txt” is not in a known image format."
    ),
    "dls_hyperion_nexus/rotation_unicode_metafile/ins_8_5_meta.h5.gz": (
        "“ins_8_5_meta.h5.gz” is a compressed HDF5 file; it must be unpacked to be read."
    ),
    "fit2d_data.cbf": (1, (236, 263), 0, 1115),
    "in16c_010001.cbf": (1, (619, 487), 16_577, 3363),
    "lambda/testasapo1_1009_00002_m1_part00000.nxs": (10, (516, 1554), 17_071, 3),
    "lambda/testasapo1_1009_00002_m1_part00001.nxs": (10, (516, 1554), 17_071, 2),
    "misc_h5/compressed.h5": (1, (100, 100), 0, None),
    "nexgen/00001.h5": "“00001.h5” holds no image.",
    "nexgen/panda.h5": "“panda.h5” holds no image.",
    "omega_scan.cbf": (1, (619, 487), 16_592, 1),
    "phi_scan_001.cbf": (1, (619, 487), 16_592, 1),
    "pilatus300k.edf": (1, (195, 1475), 0, 266_785),
    "quantumdetector/Merlin_Single_Quad.zip": ("“Merlin_Single_Quad.zip” is not in a known image format."),
    "quantumdetector/Merlin_navigation4x2_ROI.zip": ("“Merlin_navigation4x2_ROI.zip” is not in a known image format."),
    "quantumdetector/Merlin_navigation4x2_signalNx256_ROI.zip": (
        "“Merlin_navigation4x2_signalNx256_ROI.zip” is not in a known image format."
    ),
    "test.tif": (1, (514, 1030), 0, 65_535),
    "ximg2701_00001.cbf": (1, (619, 487), 16_592, 111_020),
    "../xrf_xas/Pilatus.tiff": "“Pilatus.tiff” is cut short: the image in it is not complete.",
}


def real(name: str) -> Path:
    folder = realdata.folder()
    if folder is None or not (folder / "diffraction" / name).exists():
        pytest.skip("real diffraction images are not on this machine")
    return folder / "diffraction" / name


@pytest.mark.parametrize("name", REAL)
def test_each_real_image_gives_its_picture_or_its_sentence(name: str) -> None:
    path, expected = real(name), REAL[name]
    if isinstance(expected, str):
        assert refusal(path) == expected
        return
    with open_frames(path) as frames:
        frame = frames.read()
        count, shape, masked, brightest = expected
        assert (frames.count, frames.shape) == (count, shape)
        assert int(frame.mask.sum()) == masked
        if brightest is not None:
            assert int(frame.array[~frame.mask].max()) == brightest


def test_every_real_image_is_in_the_list() -> None:
    folder = real("").resolve()
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files - set(REAL) == set()


@pytest.mark.parametrize("name", ["ARwoDMSO-F2XEntry-A12a_1_0001.cbf", "in16c_010001.cbf"])
def test_our_cbf_reader_agrees_with_fabio(name: str) -> None:
    path = real(name)
    with open_frames(path) as frames:
        assert (frames.read().array == fabio.open(str(path)).data).all()


def test_the_count_of_a_master_that_links_its_data_twice_is_that_of_its_dataset() -> None:
    path = real("dls_hyperion_nexus/rotation_unicode_metafile/ins_8_5.nxs")
    with open_frames(path) as frames:
        assert (frames.count, frames.shape) == (3600, (4362, 4148))


def test_real_headers_are_understood() -> None:
    with open_frames(real("ARwoDMSO-F2XEntry-A12a_1_0001.cbf")) as frames:
        meta = frames.read().meta
    assert (meta.wavelength, meta.distance, meta.beam_x, meta.beam_y) == (0.9184, 158.96, 747, 828)
    assert (meta.start, meta.increment, meta.axis) == (30.0, 0.1, "omega")
    with open_frames(real("phi_scan_001.cbf")) as frames:
        assert frames.read().meta.two_theta == 20.0
    with open_frames(real("lambda/testasapo1_1009_00002_m1_part00000.nxs")) as frames:
        meta = frames.read(9).meta
    assert meta.pixel_x == pytest.approx(55e-6)
    assert meta.exposure == pytest.approx(0.1)


@pytest.mark.parametrize("values", [[0, 1, -1], [5, -2, 127, -128, 128], [0, 40_000, -1, 3_000_000, -2, 2**30]])
def test_byte_offsets_are_undone_as_fabio_does(values: list[int]) -> None:
    kernels = pytest.importorskip("data.images.kernels", reason="numba is not installed")
    array = np.array(values * 3, np.int32)
    data = fabio.compression.compByteOffset(array)
    assert (kernels.offsets(data, len(array)) == array).all()
    assert len(kernels.offsets(data[:-1], len(array))) < len(array)


@pytest.mark.parametrize("shape", [(7, 3), (5, 41), (40, 64)])
@pytest.mark.parametrize("factor", [1, 3])
def test_byte_offsets_pooled_as_they_are_unpacked_are_the_image_pooled(shape: tuple[int, int], factor: int) -> None:
    kernels = pytest.importorskip("data.images.kernels", reason="numba is not installed")
    rng = np.random.default_rng(4)
    array = rng.poisson(4, shape).astype(np.int32)
    array.ravel()[rng.integers(0, array.size, array.size // 9)] = rng.integers(-5, 2_000_000, array.size // 9)
    data = fabio.compression.compByteOffset(array)
    found = kernels.pool_offsets(data, shape, factor, table(), 491_520)
    longest = -(-max(shape) // factor)
    assert (found == reduce(Frame(array, array < 0, FrameMeta()), longest, fast=False).codes).all()
    assert kernels.pool_offsets(data[:-1], shape, factor, table(), 491_520) is None


def test_byte_offsets_that_leave_32_bits_are_not_wrapped() -> None:
    kernels = pytest.importorskip("data.images.kernels", reason="numba is not installed")
    data = fabio.compression.compByteOffset(np.array([2**31 - 1, 2**31 + 5], np.int64))
    assert kernels.offsets(data, 2) is None
    assert kernels.pool_offsets(data, (1, 2), 1, table(), 491_520) is None


def test_a_cbf_whose_checksum_is_wrong_is_shown_with_a_note_and_gives_no_counts(tmp_path: Path) -> None:
    array = np.arange(600, dtype=np.int32).reshape(20, 30) - 3
    path = tmp_path / "a_0001.cbf"
    fabio.cbfimage.CbfImage(data=array).write(str(path))
    images = Images(Files((tmp_path,)))
    series = Series(str(tmp_path), "a_####.cbf", 1, 1)
    whole = images.picture(images.shot(series, 1), 256)
    assert (whole.reduced.codes == reduce(Frame(array, array < 0), 256, fast=False).codes).all()
    assert images.facts(images.shot(series, 1)).meta.notes == ()
    data = bytearray(path.read_bytes())
    data[data.index(b"\x0c\x1a\x04\xd5") + 300] ^= 1
    path.write_bytes(bytes(data))
    damaged = images.shot(series, 1)
    assert any("checksum" in note for note in images.facts(damaged).meta.notes)
    with pytest.raises(Unreadable, match="checksum"):
        images.frame(damaged)
