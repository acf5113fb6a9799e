"""DIALS' stills: experiment lists and reflection tables, real ones and made ones, and what is none."""

import json
import os
import struct
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ispyb import facility, writer
from servers import realdata as real

from data import schema as s
from data.demo.serial import Plan, SsxRun
from data.demo.site import writable
from data.images.files import Files
from data.live.runs import Runs, Watched
from data.techniques.ssx.about import about
from data.techniques.ssx.choice import choice_of
from data.techniques.ssx.packing import Packed, Unpackable
from data.techniques.ssx.sources import Stills
from data.techniques.ssx.stills import NotStills, cell_of, lattices, reflections


def crystal(a: float = 79.0, c: float = 38.0, hall: str = " P 4nw 2abw") -> dict[str, Any]:
    return {
        "__id__": "crystal", "real_space_a": [a, 0, 0], "real_space_b": [0, a, 0], "real_space_c": [0, 0, c],
        "space_group_hall_symbol": hall,
    }  # fmt: skip


def experiments(path: Path, indices: list[int], cells: list[dict[str, Any]] | None = None) -> Path:
    """A list of stills of one file, an experiment for each index."""
    content = {
        "__id__": "ExperimentList",
        "experiment": [{"__id__": "Experiment", "crystal": k, "imageset": k} for k in range(len(indices))],
        "crystal": cells or [crystal()] * len(indices),
        "imageset": [{"images": ["/data/x_master.h5"], "single_file_indices": [k]} for k in indices],
    }
    path.write_text(json.dumps(content))
    return path


def test_lattices_of_one_shot_are_one_frame_and_shots_between_have_none(tmp_path: Path) -> None:
    batch = lattices(experiments(tmp_path / "integrated_0.expt", [9, 9, 12]), first_image=1)
    assert batch.frame.tolist() == [10, 11, 12, 13]
    assert batch.lattices.tolist() == [2, 0, 0, 1]
    assert batch.hit.tolist() == [-1] * 4  # not told
    assert batch.cell_frame.tolist() == [0, 0, 3]
    assert np.allclose(batch.cells, [79, 79, 38, 90, 90, 90])
    assert batch.lattice.tolist() == ["?P"] * 3


def test_a_cell_has_its_angles_from_the_three_vectors() -> None:
    found = cell_of([[10, 0, 0], [-5, 8.6602540378, 0], [0, 0, 20]])
    assert found == pytest.approx((10, 10, 20, 90, 90, 120))
    assert cell_of([[0, 0, 0], [1, 0, 0], [0, 1, 0]]) is None
    assert cell_of([[float("nan"), 0, 0], [1, 0, 0], [0, 1, 0]]) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"experiment": 3, "crystal": [], "imageset": []}', "[" * 100_000])
def test_what_is_no_experiment_list_is_refused_in_words(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.expt"
    path.write_text(text)
    with pytest.raises(NotStills, match=r"^x\.expt "):
        lattices(path)


# -- the packing of reflection tables


def text(words: str) -> bytes:
    return bytes([0xA0 | len(words)]) + words.encode()


def column(kind: str, values: bytes, rows: int) -> bytes:
    return b"\x92" + text(kind) + b"\x92" + bytes([rows]) + b"\xc4" + bytes([len(values)]) + values


def table(of: list[int], flags: list[int], d: list[float]) -> bytes:
    rows = len(of)
    data = b"\x83" + text("id") + column("int", np.array(of, "<i4").tobytes(), rows)
    data += text("flags") + column("std::size_t", np.array(flags, "<u8").tobytes(), rows)
    data += text("d") + column("double", np.array(d, "<f8").tobytes(), rows)
    head = b"\x93\xbb" + b"dials::af::reflection_table" + b"\x01"
    return head + b"\x82" + text("nrows") + bytes([rows]) + text("data") + data


def test_integrated_reflections_are_counted_for_each_lattice(tmp_path: Path) -> None:
    path = experiments(tmp_path / "integrated_0.expt", [0, 1])
    path.with_suffix(".refl").write_bytes(table([0, 0, 1, 1, -1], [256, 0, 512, 256, 256], [2.0, 1.0, 1.9, 1.7, 1.0]))
    batch = lattices(path)
    assert batch.reflections.tolist() == [1, 2]
    assert batch.resolution.tolist() == pytest.approx([2.0, 1.7])


@pytest.mark.parametrize(
    "data",
    [b"", b"\x93", b"\xc1", b"\xdf\xff\xff\xff\xff", b"\xdd\xff\xff\xff\xff", b"\x91" * 100, b"\xc6\x7f\xff\xff\xff",
     b"\x81\x90\x01", b"\xd9\xff"],
)  # fmt: skip
def test_bytes_that_are_no_packing_are_refused_and_take_no_memory(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(Unpackable):
        Packed(data).value()
    path = tmp_path / "a.refl"
    path.write_bytes(data)
    assert reflections(path) is None


def test_numbers_and_texts_are_read_as_they_are_packed() -> None:
    for data, expected in (
        (b"\x7f", 127), (b"\xff", -1), (b"\xcd\x01\x00", 256), (b"\xd1\xff\xfe", -2), (b"\xc0", None), (b"\xc3", True),
        (b"\xcb" + struct.pack(">d", 1.5), 1.5), (b"\xa2hi", "hi"), (b"\x92\x01\x02", [1, 2]),
        (b"\x81\x01\xa1a", {1: "a"}),
    ):  # fmt: skip
        assert Packed(data).value() == expected


def test_random_bytes_never_do_anything_else_than_read_or_refuse() -> None:
    random = np.random.default_rng(1)
    for _ in range(3000):
        try:
            Packed(random.bytes(60)).value()
        except Unpackable:
            continue


# -- as a source


def test_lists_attached_to_the_run_are_counted_once_and_again_when_they_grow(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'tiny.db'}"
    own = facility("sqlite", url)
    write = writer(url)
    write.add(s.Program, program_id=90, name="xia2.ssx", collection_hint=3003)
    write.add(s.ProgramAttachment, id=90, program_id=90, name="integrated_0.expt", directory="/data/ssx")
    reader, files = own.reader("admin"), Files((tmp_path,), (("/data/ssx", str(tmp_path)),))
    what = about(reader, 3003)
    source = Stills(reader, files, what.visit_id, 3003, 1, seconds=0)
    run = Watched(reader, what, [source])
    run.turn()
    assert run.run.now(0).whole.frames == 0  # not written yet
    path = experiments(tmp_path / "integrated_0.expt", [0, 3])
    run.turn()
    whole = run.run.now(0).whole
    assert whole.indexed is not None
    assert (whole.indexed.hits, whole.indexed.frames, whole.hit) == (2, 4, None)
    experiments(path, [0, 3, 5])
    os.utime(path, (1, 1))
    run.turn()
    grown = run.run.now(0)
    assert grown.whole.indexed is not None
    assert (grown.whole.indexed.hits, grown.whole.indexed.frames, grown.repeated) == (3, 6, 0)
    path.write_text("{")
    run.turn()
    run.turn()
    assert run.remarks == {Stills.name: "integrated_0.expt is not whole: it may be being written."}
    experiments(path, [0, 3, 5])
    run.turn()
    assert run.remarks == {}
    own.source.close()


# -- real ones


def test_real_lists_have_the_lattices_that_their_text_has() -> None:
    folder = real.folder()
    if folder is None or not (folder / "ssx/dials").is_dir():
        pytest.skip("no real data here: ssx/dials")
    found = {}
    for path in sorted((folder / "ssx/dials").glob("*.expt")):
        batch = lattices(path)
        assert int(batch.lattices.sum()) == path.read_text().count('"__id__": "crystal"')
        found[path.name] = batch
    integrated = found["ssx_CuNiR_test_data__integrated.expt"]
    assert integrated.frame.tolist() == [17000, 17001, 17002, 17003, 17004]
    assert np.allclose(integrated.cells[:, :3], 96.4, atol=0.1)
    assert 4000 < integrated.reflections.sum() <= 5203
    assert np.all((integrated.resolution > 1.5) & (integrated.resolution < 1.7))


def test_the_lists_of_a_simulated_run_hold_the_lattices_of_its_story(tmp_path: Path) -> None:
    made = writable(f"sqlite:///{tmp_path / 'tiny.db'}")
    own, now = facility("sqlite", f"sqlite:///{tmp_path / 'tiny.db'}"), [datetime.now()]
    run = SsxRun(made, 31, Plan(frames=7_000, rate=1_000, seed=4), clock=lambda: now[0], directory=tmp_path, dials=True)
    run.step()
    for seconds in (6, 7):
        now[0] += timedelta(seconds=seconds)
        run.step()
    assert run.finished
    runs = Runs(own.source, Files((tmp_path,)), choices={"I24": choice_of(["dials"])})
    runs.close()
    watched = runs.watch(own.reader("admin"), run.collection_id, lambda: None)
    while watched.turn():
        pass
    whole = watched.run.now(0).whole
    assert whole.indexed is not None
    assert whole.indexed.hits == int((run.story.lattices > 0).sum())
    assert watched.troubles == {}
    own.source.close()
    made.dispose()
