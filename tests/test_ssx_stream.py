"""CrystFEL streams, followed as they grow. Real ones give the counts that a search for their keys finds."""

import re
from pathlib import Path

import pytest
from servers import realdata as real

from data.techniques.ssx.stream import StreamFile

CHUNK = """----- Begin chunk -----
Image filename: a.h5
Image serial number: {number}
hit = {hit}
indexed_by = none
num_peaks = {peaks}
peak_resolution = 4.0 nm^-1 or 2.5 A
{crystal}----- End chunk -----
"""
CRYSTAL = """--- Begin crystal
Cell parameters 7.93850 8.04039 3.85562 nm, 90.68698 90.13504 89.74671 deg
lattice_type = tetragonal
centering = P
diffraction_resolution_limit = 5.00 nm^-1 or 2.00 A
num_saturated_reflections = 2
--- End crystal
"""


def chunk(number: int, hit: int = 1, peaks: int = 30, crystals: int = 0) -> str:
    return CHUNK.format(number=number, hit=hit, peaks=peaks, crystal=CRYSTAL * crystals)


def test_a_chunk_becomes_a_frame_with_its_lattices(tmp_path: Path) -> None:
    path = tmp_path / "a.stream"
    path.write_text("CrystFEL stream format 2.3\n" + chunk(1) + chunk(2, hit=0, peaks=1) + chunk(3, crystals=2))
    batch = StreamFile(path).read()
    assert batch.frame.tolist() == [1, 2, 3]
    assert batch.hit.tolist() == [1, 0, 1]
    assert batch.lattices.tolist() == [0, 0, 2]
    assert batch.spots.tolist() == [30, 1, 30]
    assert batch.resolution.tolist() == pytest.approx([2.5, 2.5, 2.0])
    assert batch.saturated.tolist() == [-1, -1, 4]
    assert batch.cells[0].tolist() == pytest.approx([79.385, 80.4039, 38.5562, 90.68698, 90.13504, 89.74671])
    assert batch.lattice.tolist() == ["tP", "tP"]


def test_half_a_chunk_waits_for_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a.stream"
    text = "header\n" + chunk(1, crystals=1) + chunk(2)
    path.write_text(text[:-40])
    stream = StreamFile(path)
    assert stream.read().frame.tolist() == [1]
    assert len(stream.read()) == 0
    with path.open("a") as file:
        file.write(text[-40:] + chunk(3))
    assert stream.read().frame.tolist() == [2, 3]
    assert not stream.behind


def test_a_stream_that_begins_anew_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.stream"
    path.write_text(chunk(1) * 5)
    stream = StreamFile(path)
    stream.read()
    path.write_text(chunk(9))
    assert stream.read().frame.tolist() == [9]
    assert stream.restarted == 1


def test_a_damaged_chunk_is_left_out_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.stream"
    path.write_text(chunk(1) + chunk(2).replace("Image serial number: 2", "Image serial number: ?") + chunk(3))
    stream = StreamFile(path)
    assert stream.read().frame.tolist() == [1, 3]
    assert stream.broken == 1


@pytest.mark.parametrize("name", ["test.stream", "lyso_pal_crystfel.stream"])
def test_the_counts_of_a_real_stream_are_those_that_a_search_finds(name: str) -> None:
    folder = real.folder()
    if folder is None or not (folder / "ssx" / name).is_file():
        pytest.skip("the real CrystFEL streams are not on this machine")
    path = folder / "ssx" / name
    text = path.read_text(errors="replace")
    batch = StreamFile(path).read()
    assert len(batch) == len(re.findall("^----- Begin chunk", text, re.MULTILINE))
    assert (batch.hit == 1).sum() == len(re.findall("^hit = 1", text, re.MULTILINE))
    assert batch.lattices.sum() == len(re.findall("^--- Begin crystal", text, re.MULTILINE))
    assert (batch.lattices == 0).sum() == len(re.findall("^indexed_by = none", text, re.MULTILINE))
    assert len(batch.cells) == len(re.findall("^Cell parameters", text, re.MULTILINE))
