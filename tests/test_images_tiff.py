"""Movies in TIFF: several pages, packed, large, and of single electrons; and those that are broken."""

import importlib
import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from data.images.formats import Unreadable, open_frames, tiff

MOVIE = np.random.default_rng(3).poisson(2, (5, 40, 56))


def written(path: Path, kind: str, packing: str | None) -> Path:
    pages = [Image.fromarray(frame.astype(kind)) for frame in MOVIE]
    pages[0].save(path, save_all=True, append_images=pages[1:], compression=packing)
    return path


def library() -> Any:
    return pytest.importorskip("tifffile", reason="the extra em is not installed")


def refusal(path: Path, index: int = 0) -> str:
    with pytest.raises(Unreadable) as caught, open_frames(path) as frames:
        frames.read(index)
    return str(caught.value)


@pytest.mark.parametrize("packing", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits"])
@pytest.mark.parametrize("kind", ["u1", "u2", "f4"])
def test_every_frame_of_a_movie_is_read_however_it_is_packed(tmp_path: Path, kind: str, packing: str | None) -> None:
    library()
    with open_frames(written(tmp_path / "a.tiff", kind, packing)) as frames:
        assert (frames.count, frames.shape) == (5, (40, 56))
        for index in (4, 0, 2):
            frame = frames.read(index)
            assert np.array_equal(frame.array, MOVIE[index])
            assert frame.array.dtype == np.dtype(kind)
            assert not frame.mask.any()


def test_a_large_tiff_is_read_and_so_is_one_inside_gzip(tmp_path: Path) -> None:
    import gzip

    made = library()
    made.imwrite(tmp_path / "a.tif", MOVIE.astype("u1"), bigtiff=True, photometric="minisblack")
    (tmp_path / "a.tif.gz").write_bytes(gzip.compress((tmp_path / "a.tif").read_bytes()))
    for name in ("a.tif", "a.tif.gz"):
        with open_frames(tmp_path / name) as frames:
            assert frames.count == 5
            assert np.array_equal(frames.read(3).array, MOVIE[3])


def electrons(pixel: int, pixels: int) -> bytes:
    """A frame with one electron: 7 bits of pixels passed over, 2 + 2 bits of the place in its pixel, lowest bit first;
    127 passes over that many and names no electron."""
    bits: list[int] = []

    def passed(over: int, *more: int) -> None:
        for number, width in [(127, 7)] * (over // 127) + [(over % 127, 7), *((value, 4) for value in more)]:
            bits.extend(number >> bit & 1 for bit in range(width))

    passed(pixel, 0)
    passed(pixels - pixel - 1)
    return np.packbits(np.array(bits, np.uint8), bitorder="little").tobytes()


HITS = (5, 50, 599)
EVENTS = np.zeros((3, 20, 30), np.uint8)
EVENTS.reshape(3, -1)[range(3), HITS] = 1


def eer(path: Path, *, summed: bool = False) -> Path:
    """BigTIFF with a strip for each frame of ``EVENTS``, after a plain sum of all where ``summed``."""
    pages = [(1, EVENTS.sum(axis=0).astype(np.uint8).tobytes())] if summed else []
    pages += [(65001, electrons(pixel, EVENTS[0].size)) for pixel in HITS]
    height, width = EVENTS[0].shape
    out = b"II+\x00" + struct.pack("<HHQ", 8, 0, 16)
    for number, (packing, pixels) in enumerate(pages):
        at = len(out) + 8 + 9 * 20 + 8
        tags = ((256, width), (257, height), (258, 8), (259, packing), (262, 1), (273, at), (277, 1), (278, height),
                (279, len(pixels)))  # fmt: skip
        entries = b"".join(struct.pack("<HHQQ", tag, 3 if tag in (258, 259, 262, 277) else 16, 1, v) for tag, v in tags)
        last = number == len(pages) - 1
        out += struct.pack("<Q", 9) + entries + struct.pack("<Q", 0 if last else at + len(pixels)) + pixels
    path.write_bytes(out)
    return path


@pytest.mark.parametrize("summed", [False, True])
def test_single_electrons_are_counted_in_their_pixels(tmp_path: Path, summed: bool) -> None:
    library()
    with open_frames(eer(tmp_path / "a.eer", summed=summed)) as frames:
        assert (frames.count, frames.shape) == (3, (20, 30))
        for index in range(3):
            assert np.array_equal(frames.read(index).array, EVENTS[index])


def test_without_the_extra_the_sentence_names_it_and_plain_movies_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed, plain = written(tmp_path / "a.tiff", "u1", "tiff_lzw"), written(tmp_path / "b.tiff", "u1", None)
    single = eer(tmp_path / "a.eer")
    real = importlib.import_module

    def absent(name: str) -> Any:
        if name == "tifffile":
            raise ImportError(name)
        return real(name)

    monkeypatch.setattr(tiff, "import_module", absent)
    assert "is a packed or very large TIFF, and the extra “em” is not installed" in refusal(packed)
    assert "is a movie of single electrons (EER), and the extra" in refusal(single)
    with open_frames(plain) as frames:
        assert np.array_equal(frames.read(4).array, MOVIE[4])


def circle() -> bytes:
    """A chain of pages that leads back to its first."""
    tags = b"".join(struct.pack("<HHII", *tag) for tag in ((256, 4, 1, 8), (257, 4, 1, 8)))
    page = struct.pack("<H", 2) + tags
    second = 8 + len(page) + 4
    return b"II*\x00" + struct.pack("<I", 8) + page + struct.pack("<I", second) + page + struct.pack("<I", 8)


def absurd() -> Iterator[tuple[str, bytes, str]]:
    tags = ((256, 4, 1, 900_000), (257, 4, 1, 900_000), (258, 3, 1, 8), (259, 3, 1, 5), (262, 3, 1, 1), (273, 4, 1, 8),
            (277, 3, 1, 1), (278, 4, 1, 900_000), (279, 4, 1, 40))  # fmt: skip
    page = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    yield "size", b"II*\x00" + struct.pack("<I", 8) + page + bytes(100), "impossible image size"
    yield "circle", circle(), "cut short or damaged"
    yield "tags", b"II*\x00" + struct.pack("<IH", 8, 65535) + bytes(100), "cut short or damaged"
    yield "nowhere", b"II+\x00\x08\x00\x00\x00" + struct.pack("<Q", 2**60) + bytes(50), "cut short or damaged"


@pytest.mark.parametrize(("data", "words"), [case[1:] for case in absurd()], ids=[case[0] for case in absurd()])
def test_a_header_that_cannot_be_true_is_a_sentence(tmp_path: Path, data: bytes, words: str) -> None:
    library()
    (tmp_path / "a.tif").write_bytes(data)
    assert words in refusal(tmp_path / "a.tif")


def test_pixels_that_are_not_there_are_never_zeros(tmp_path: Path) -> None:
    made = library()
    out = io.BytesIO()
    made.imwrite(out, MOVIE.astype("u1"), photometric="minisblack", bigtiff=True)
    whole = out.getvalue()
    with made.TiffFile(io.BytesIO(whole)) as opened:
        page = opened.pages[2]
        counts = page.tags["StripByteCounts"]
        place = counts.valueoffset
    (tmp_path / "hole.tif").write_bytes(whole[:place] + bytes(8) + whole[place + 8 :])
    assert "has not been written" in refusal(tmp_path / "hole.tif", 2)
    (tmp_path / "beyond.tif").write_bytes(whole[:place] + struct.pack("<Q", 10**7) + whole[place + 8 :])
    assert "cut short" in refusal(tmp_path / "beyond.tif", 2)


def test_colours_and_a_page_of_another_size_are_said(tmp_path: Path) -> None:
    made = library()
    with made.TiffWriter(tmp_path / "a.tif", bigtiff=True) as out:
        out.write(MOVIE[0].astype("u1"), photometric="minisblack", metadata=None)
        out.write(MOVIE[0][:20].astype("u1"), photometric="minisblack", metadata=None)
    assert "another size than the first" in refusal(tmp_path / "a.tif", 1)
    made.imwrite(tmp_path / "b.tif", np.zeros((20, 20, 3), "u1"), photometric="rgb", bigtiff=True)
    assert "plain two-dimensional image" in refusal(tmp_path / "b.tif")
