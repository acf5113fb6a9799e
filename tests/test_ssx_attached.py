"""ESRF's attachments of a serial run: found in the database, read through `Files`, stated and never counted."""

import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ispyb import DATABASES, PEOPLE, Facility, facility, shared, writer

from data import schema as s
from data.images.files import Files
from data.live.runs import Watched
from data.techniques.ssx.about import about
from data.techniques.ssx.attached import Attached, Stats, Unusable, attachments, read_cells, read_stats
from data.techniques.ssx.runs import runs
from views.techniques import ssx_numbers as numbers

STATS = {"nbHits": 61, "nbIndexed": 40, "laticeType": "tetragonal", "estimatedResolution": 1.9}
CELLS = [[79.1, 79.1, 38.2, 90.0, 90.0, 90.0]] * 30


@pytest.fixture(scope="module", params=DATABASES)
def tiny(request: pytest.FixtureRequest) -> Iterator[Facility]:
    """The tiny ISPyB of `ispyb.py` in one kind of database."""
    found = shared(request, request.param)
    yield found
    found.source.close()


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """``/data/ssx/run2`` as the rows name it, here in a folder of the test."""
    folder = tmp_path / "run2"
    folder.mkdir()
    (folder / "ssx_stats.json").write_text(json.dumps(STATS))
    (folder / "ssx_cells.json").write_text(json.dumps({"unit_cells": CELLS}))
    return Files((tmp_path,), (("/data/ssx", str(tmp_path)),))


@pytest.mark.parametrize("login", PEOPLE)
def test_a_person_gets_the_attachments_of_runs_they_may_see_and_no_other(tiny: Facility, login: str) -> None:
    found = attachments(tiny.reader(login), 31)
    assert found == ({3002: {"ssx_stats.json": "/data/ssx/run2/ssx_stats.json"}} if login == "admin" else {})


def test_the_table_states_the_counts_of_the_file_before_those_of_few_images(tiny: Facility, files: Files) -> None:
    _, second, _ = runs(tiny.reader("admin"), 31, files)
    assert (second["by"], second["hits"], second["indexed"]) == ("ssx_stats.json", 61, 40)
    assert (second["hit_rate"], second["indexing_rate"]) == (61.0, 40.0)
    assert second["hit_low"] < 61 < second["hit_high"]
    _, outside, _ = runs(tiny.reader("admin"), 31, Files(()))
    assert outside["by"] == "per-image numbers"  # the file may not be read here


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Facility]:
    """A tiny ISPyB of the test's own, with both files as attachments of a program."""
    url = f"sqlite:///{tmp_path_factory.mktemp('own') / 'tiny.db'}"
    made = facility("sqlite", url)
    write = writer(url)
    write.add(s.Program, program_id=90, name="CrystFEL", collection_hint=3003)
    for key, name in ((90, "ssx_stats.json"), (91, "ssx_cells.json")):
        write.add(s.ProgramAttachment, id=key, program_id=90, kind="Result", name=name, directory="/data/ssx/run2")
    yield made
    made.source.close()


def watched(own: Facility, files: Files) -> Watched:
    reader = own.reader("admin")
    what = about(reader, 3003)
    return Watched(reader, what, [], attached=Attached(reader, files, what.visit_id, 3003))


def test_the_monitor_states_them_and_counts_no_frame(own: Facility, files: Files) -> None:
    run = watched(own, files)
    run.turn(1e9)
    found = numbers.slow(run)
    assert found["stated"] == {
        "hit": 0.61, "indexed": 0.4, "by": "ssx_stats.json", "lattice": "tetragonal", "resolution": 1.9,
        "so_far": [None, None],
    }  # fmt: skip
    assert found["cells"]["offered"] == 30
    assert found["cells"]["axes"][2]["median"] == pytest.approx(38.2, abs=1e-4)
    assert run.run.now(1e9).whole.hit is None
    assert run.troubles == {}


def test_while_a_run_goes_on_counts_are_stated_and_no_share_of_images_that_are_still_to_come(
    own: Facility, files: Files
) -> None:
    write = writer(str(own.source.engine.url))
    now = datetime.now()
    write.add(
        s.Collection, collection_id=3090, group_id=301, visit_hint=31, start=now, end=None, images=5000, prefix="now"
    )
    write.add(s.Program, program_id=91, name="CrystFEL", collection_hint=3090)
    write.add(
        s.ProgramAttachment, id=93, program_id=91, kind="Result", name="ssx_stats.json", directory="/data/ssx/run2"
    )
    reader = own.reader("admin")
    what = about(reader, 3090)
    run = Watched(reader, what, [], attached=Attached(reader, files, what.visit_id, 3090))
    run.turn(now.timestamp())
    found = numbers.slow(run)["stated"]
    assert (found["hit"], found["indexed"], found["so_far"]) == (None, None, [61, 40])
    (row,) = (row for row in runs(reader, 31, files) if row["id"] == 3090)
    assert {row[key] for key in ("by", "hits", "hit_rate", "indexed", "indexing_rate")} == {None}


def test_a_file_that_is_written_anew_is_read_anew_and_one_that_is_cut_leaves_what_was_read(
    own: Facility, files: Files, tmp_path: Path
) -> None:
    run, stats = watched(own, files), tmp_path / "run2" / "ssx_stats.json"
    run.turn(1e9)
    stats.write_text(json.dumps(STATS | {"nbHits": 70}))
    os.utime(stats, (1e9, 1e9))
    run.turn(1e9 + 60)
    assert run.stated.hit == 0.7
    stats.write_text('{"nbHits": 8')
    run.turn(1e9 + 120)
    assert run.stated.hit == 0.7
    assert list(run.troubles.values()) == ["ssx_stats.json is not whole: it may be being written."]
    stats.write_text(json.dumps(STATS))
    run.turn(1e9 + 180)
    assert run.stated.hit == 0.61
    assert run.troubles == {}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({}, Stats(None, None, None, None)),
        (
            {"nbHits": True, "nbIndexed": -1, "laticeType": 3, "estimatedResolution": "1.9"},
            Stats(None, None, None, None),
        ),
        ({"nbHits": 10**400, "nbIndexed": 3.0, "latticeType": "x" * 99}, Stats(None, 3, "x" * 40, None)),
        ({"nbHits": float("nan"), "estimatedResolution": float("inf")}, Stats(None, None, None, None)),
    ],
)
def test_what_makes_no_sense_is_not_told(tmp_path: Path, content: dict[str, Any], expected: Stats) -> None:
    place = tmp_path / "ssx_stats.json"
    place.write_text(json.dumps(content))
    assert read_stats(place) == expected


@pytest.mark.parametrize("content", ["[]", "3", "{", "[" * 100_000, ""])
def test_a_file_that_is_something_else_is_refused_in_words(tmp_path: Path, content: str) -> None:
    place = tmp_path / "ssx_stats.json"
    place.write_text(content)
    with pytest.raises(Unusable):
        read_stats(place)


@pytest.mark.parametrize("rows", [[[1, 2, 3]], [["a"] * 6], 7, [[1, 2, 3, 90, 90, 90], [1]], [[[1] * 6]]])
def test_cells_that_are_no_cells_are_refused(tmp_path: Path, rows: Any) -> None:
    place = tmp_path / "ssx_cells.json"
    place.write_text(json.dumps({"unit_cells": rows}))
    with pytest.raises(Unusable):
        read_cells(place)


def test_rows_without_sense_among_cells_are_left_out(tmp_path: Path) -> None:
    place = tmp_path / "ssx_cells.json"
    good = [79.0, 79.0, 38.0, 90, 90, 90]
    place.write_text(
        json.dumps({"unit_cells": [good, [-1, 1, 1, 90, 90, 90], [1, 1, 1, 90, 90, 200], [float("nan")] * 6]})
    )
    assert np.allclose(read_cells(place), [good])
    place.write_text("{}")
    assert read_cells(place).shape == (0, 6)
