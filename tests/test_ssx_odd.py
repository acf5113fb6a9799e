"""Sources of a run that jump back, repeat, come late or send nonsense: the sound is counted, the odd is said."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ispyb import facility, writer
from servers import realdata as real
from test_ssx_stream import chunk

from data import schema as s
from data.live.runs import Watched
from data.reader import Reader
from data.techniques.ssx import sources
from data.techniques.ssx.about import about
from data.techniques.ssx.batch import Batch
from data.techniques.ssx.sources import ImageRows, Stream
from data.techniques.ssx.stream import StreamFile
from views.techniques import ssx_numbers as numbers


@pytest.fixture
def own(tmp_path: Path) -> Iterator[tuple[Any, Reader]]:
    """A tiny ISPyB of the test's own, to write into, and a Reader of it."""
    url = f"sqlite:///{tmp_path / 'tiny.db'}"
    made = facility("sqlite", url)
    yield writer(url), made.reader("admin")
    made.source.close()


def rows(write: Any, *images: int, spots: int = 100) -> None:
    for image in images:
        write.add(s.ImageQuality, collection_id=3003, image=image, spots=spots)


def test_rows_that_come_after_those_of_later_images_are_counted_and_said(
    own: tuple[Any, Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    write, reader = own
    monkeypatch.setattr(sources, "_GAP_SECONDS", 0.0)
    run = Watched(reader, about(reader, 3003), [ImageRows(reader, 31, 3003)])
    rows(write, 1, 2, 5, 9)
    run.turn()
    rows(write, 3, 7, 10)
    run.turn()
    whole = run.run.now(0)
    assert (whole.whole.frames, whole.dropped, whole.repeated) == (7, 3, 0)
    assert run.remarks == {ImageRows.name: "2 rows came after those of later images."}
    rows(write, 4, 6, 8)
    run.turn()
    assert (run.run.now(0).whole.frames, run.run.now(0).dropped) == (10, 0)


def test_gaps_are_asked_for_a_minute_and_the_newest_alone(
    own: tuple[Any, Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    write, reader = own
    monkeypatch.setattr(sources, "_GAP_SECONDS", 0.0)
    source = ImageRows(reader, 31, 3003)
    rows(write, 1, 100_000)
    source.read()
    assert sorted(source._gaps) == list(range(99_500, 100_000))
    for _ in range(25):
        source.read()
    before = reader._source.statements
    source.read()
    assert reader._source.statements == before + 1, "they will not come"


def test_a_row_whose_image_number_cannot_be_hides_no_other(own: tuple[Any, Reader]) -> None:
    write, reader = own
    source = ImageRows(reader, 31, 3003)
    rows(write, 1, 2**31 - 1)
    assert source.read().frame.tolist() == [1]
    rows(write, 2)
    assert source.read().frame.tolist() == [2]


def test_a_stream_that_is_written_anew_and_is_longer_than_before_is_read_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "a.stream"
    path.write_text("header\n" + chunk(1) + chunk(2))
    source = Stream(StreamFile(path), "a.stream")
    assert source.read().frame.tolist() == [1, 2]
    with path.open("r+") as file:  # the same file
        file.truncate()
        file.write("header\n" + "".join(chunk(n) for n in (11, 12, 13, 14)))
    assert source.read().frame.tolist() == [11, 12, 13, 14]
    assert source.remark == "It began anew once and was read from its beginning."


@pytest.mark.parametrize(
    ("sound", "broken"),
    [
        ("Image serial number: 2\n", "Image serial number: inf\n"),
        ("Image serial number: 2\n", "Image serial number: nan\n"),
        ("Image serial number: 2\n", "Image serial number: 1e300\n"),
        ("Image serial number: 2\n", "Image serial number: -7\n"),
    ],
)
def test_a_chunk_without_a_usable_number_is_left_out_and_said(tmp_path: Path, sound: str, broken: str) -> None:
    path = tmp_path / "a.stream"
    path.write_text(chunk(1) + chunk(2).replace(sound, broken) + chunk(3))
    source = Stream(StreamFile(path), "a.stream")
    assert source.read().frame.tolist() == [1, 3]
    assert source.remark == "1 chunks make no sense and are left out."


@pytest.mark.parametrize(
    ("sound", "broken"),
    [
        ("7.93850", "7.9.3"), ("7.93850", "nan"), ("7.93850", "-1"), ("7.93850", "1e99"),
        ("centering = P", "centering = é"),
        ("num_saturated_reflections = 2", "num_saturated_reflections = inf"), ("num_peaks = 30", "num_peaks = nan"),
        ("5.00 nm^-1", "1e-300 nm^-1"), ("5.00 nm^-1", "inf nm^-1"), ("hit = 1", "hit = nan"),
    ],
)  # fmt: skip
def test_a_value_without_sense_is_unknown_and_its_frame_is_counted(tmp_path: Path, sound: str, broken: str) -> None:
    path = tmp_path / "a.stream"
    text = chunk(1, crystals=1)
    assert sound in text
    path.write_bytes((text.replace(sound, broken) + chunk(2, crystals=1)).encode("latin-1"))
    batch = StreamFile(path).read()
    assert batch.frame.tolist() == [1, 2]
    assert batch.lattices.tolist() == [1, 1]
    assert np.isfinite(batch.cells).all()


def test_a_damaged_stream_is_never_more_than_left_out(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    whole = b"".join(chunk(n, crystals=n % 3).encode() for n in range(1, 21))
    path = tmp_path / "a.stream"
    for _ in range(300):
        text = bytearray(whole)
        for place in random.integers(0, len(text), 20):
            text[place] = random.integers(0, 256)
        path.write_bytes(bytes(text))
        batch = StreamFile(path).read()
        assert len(batch) <= 20
        assert (batch.cells > 0).all()


def test_a_real_stream_that_is_cut_anywhere_and_goes_on_gives_what_it_gives_whole(tmp_path: Path) -> None:
    folder = real.folder()
    if folder is None or not (folder / "ssx" / "test.stream").is_file():
        pytest.skip("the real CrystFEL streams are not on this machine")
    text = (folder / "ssx" / "test.stream").read_bytes()
    path = tmp_path / "whole.stream"
    path.write_bytes(text)
    expected = StreamFile(path).read()
    growing = tmp_path / "growing.stream"
    growing.touch()
    stream, frames, cells = StreamFile(growing), [], 0
    for part in np.array_split(np.frombuffer(text, np.uint8), 37):
        with growing.open("ab") as file:
            file.write(part.tobytes())
        batch = stream.read()
        frames += batch.frame.tolist()
        cells += len(batch.cells)
    assert frames == expected.frame.tolist()
    assert cells == len(expected.cells)
    assert (stream.broken, stream.restarted) == (0, 0)


class Told:
    """A source that says what the test wants."""

    name, more, remark = "a program", False, ""

    def __init__(self, *batches: Batch) -> None:
        self._batches = list(batches)

    def read(self) -> Batch:
        return self._batches.pop(0) if self._batches else Batch.of([], [])


def test_times_that_cannot_be_neither_stretch_the_plot_nor_stay_the_newest(own: tuple[Any, Reader]) -> None:
    write, reader = own
    write.add(s.Collection, collection_id=3009, group_id=301, start=datetime.now() - timedelta(seconds=5), images=100)
    now = time.time()
    source = Told(
        Batch.of([1], [now]),
        Batch.of([2, 3, 4, 5, 6], [now + 86_400, 1e300, -1e300, np.inf, now - 2]),
        Batch.of([7], [now + 1]),
    )
    run = Watched(reader, about(reader, 3009), [source])
    for _ in range(3):
        run.turn(now)
    found = run.run.now(now)
    assert found.whole.frames == 7
    assert found.newest == pytest.approx(now + 1)
    assert run.run.timeline.width <= 2
    assert run.remarks == {"a program": "4 times are not of this run; arrival counts instead."}
    (told,) = numbers.slow(run)["sources"]
    assert told == ["a program", 7, None, "4 times are not of this run; arrival counts instead."]
