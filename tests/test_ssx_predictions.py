"""Where reflections should be: as CrystFEL and DIALS wrote it, where the image has them, to those who may."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import ispyb
import numpy as np
import pytest
from servers.darkroom import Person, Site, darkroom
from servers.realdata import real

from data import schema as s
from data.demo import render
from data.demo.serial import Plan, SsxRun
from data.demo.site import writable
from data.techniques.ssx import predictions as module
from data.techniques.ssx.predictions import NOBODY, from_stream, predicted
from data.techniques.ssx.stills import _table_of

RUN = 1190


def table(*rows: str) -> str:
    head = "   h    k    l          I   sigma(I)       peak background  fs/px  ss/px panel"
    return "\n".join(["Reflections measured after indexing", head, *rows, "End of reflections"])


def chunk(serial: int, *tables: str) -> str:
    crystals = "".join(f"--- Begin crystal\n{one}\n--- End crystal\n" for one in tables)
    return f"----- Begin chunk -----\nImage serial number: {serial}\nnum_peaks = 3\n{crystals}----- End chunk -----\n"


ROW = "{} {} {}  12.3 4.5 30.0 2.0 {} {} p0"
ONE = table(ROW.format(1, -2, 3, 10.5, 20.25), ROW.format(4, 5, -6, 30, 40))
TWO = table(ROW.format(7, 8, 9, 50, 60))


@pytest.fixture
def stream(tmp_path: Path) -> Path:
    path = tmp_path / "run.stream"
    path.write_text("CrystFEL stream format 2.3\n" + chunk(1) + chunk(3, ONE, TWO) + chunk(2, TWO))
    return path


def test_each_lattice_has_its_reflections_with_their_indices(stream: Path) -> None:
    found = predicted(3, stream, [])
    assert found.by == "CrystFEL, run.stream"
    assert [lattice.hkl.tolist() for lattice in found.lattices] == [[[1, -2, 3], [4, 5, -6]], [[7, 8, 9]]]
    assert found.lattices[0].x.tolist() == [10.5, 30]
    assert found.lattices[0].y.tolist() == [20.25, 40]


def test_what_is_not_known_is_said_and_why(stream: Path, tmp_path: Path) -> None:
    assert predicted(1, stream, []).text == "Image 1 was not indexed, says run.stream."
    assert predicted(9, stream, []).text == "Image 9 is not in run.stream, or not yet."
    assert predicted(9, None, []).text == NOBODY
    assert predicted(9, tmp_path / "gone.stream", []).text == "gone.stream cannot be read."
    (tmp_path / "integrated_0.expt").write_text("{")
    assert "integrated_0.expt is not whole" in predicted(9, None, [tmp_path / "integrated_0.expt"]).text


def test_a_chunk_that_is_still_being_written_is_not_yet_there(tmp_path: Path) -> None:
    path = tmp_path / "run.stream"
    path.write_text(chunk(1, ONE) + chunk(2, TWO)[:-30])
    assert predicted(1, path, []).lattices
    assert "not yet" in predicted(2, path, []).text


@pytest.mark.parametrize(
    "bad",
    ["1 2", "1 2 x 1 1 1 1 5 5 p0", "1 2 3 1 1 1 1 nan 5 p0", "1 2 3 1 1 1 1 1e9 5 p0", "99999 2 3 1 1 1 1 5 5 p0"],
)
def test_rows_of_nonsense_are_left_out(tmp_path: Path, bad: str) -> None:
    path = tmp_path / "run.stream"
    path.write_text(chunk(1, table(bad, ROW.format(1, 1, 1, 5, 6))))
    assert predicted(1, path, []).lattices[0].hkl.tolist() == [[1, 1, 1]]


def test_panels_that_are_arrays_apart_have_no_place_in_the_image(tmp_path: Path) -> None:
    path = tmp_path / "run.stream"
    head = "----- Begin geometry file -----\n{}\n----- End geometry file -----\n"
    path.write_text(head.format("p0/dim0 = 0\np1/dim0 = 1") + chunk(1, ONE))
    assert "arrays apart" in predicted(1, path, []).text
    path.write_text(head.format("p0/dim0 = %\np0/dim1 = ss\np1/dim0 = %\np0/data = /a\np1/data = /a") + chunk(1, ONE))
    assert predicted(1, path, []).lattices


def test_an_image_of_a_long_stream_is_found_without_reading_it_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, size in (("_WHOLE", 4_000), ("_LOOK", 2_000), ("_AROUND", 3_000)):
        monkeypatch.setattr(module, name, size)
    random = np.random.default_rng(1)
    # As several images are worked on at once, they are out of order by a few.
    order = np.argsort(np.arange(2_000) + random.uniform(0, 8, 2_000)) + 1
    path = tmp_path / "run.stream"
    path.write_text("".join(chunk(int(n), table(ROW.format(int(n) % 99, 1, 2, 5, 6))) for n in order))
    assert path.stat().st_size > 100 * 4_000
    for image in (1, 2, 500, 1_234, 1_999, 2_000):
        found = from_stream(path, image)
        assert [lattice.hkl.tolist() for lattice in found.lattices] == [[[image % 99, 1, 2]]]
    assert "not yet" in from_stream(path, 2_001).text


def test_every_indexed_image_of_a_real_stream_has_its_reflections() -> None:
    for name in ("test.stream", "lyso_pal_crystfel.stream"):
        path = real("ssx", name)
        text = path.read_text()
        for part in text.split("----- Begin chunk -----")[1:]:
            number = int(re.search(r"^Image serial number: (\d+)", part, re.MULTILINE)[1])  # type: ignore[index]
            wanted = [int(count) for count in re.findall(r"^num_reflections = (\d+)", part, re.MULTILINE)]
            found = predicted(number, path, [])
            assert [len(lattice.x) for lattice in found.lattices] == [count for count in wanted if count]


def test_dials_calculated_places_are_those_where_the_integrated_reflections_were_found(tmp_path: Path) -> None:
    for ending in ("expt", "refl"):
        shutil.copy(
            real("ssx", "dials", f"ssx_CuNiR_test_data__integrated.{ending}"), tmp_path / f"integrated.{ending}"
        )
    found = [predicted(17_000 + n, None, [tmp_path / "integrated.expt"]) for n in range(6)]
    assert [[len(lattice.x) for lattice in one.lattices] for one in found] == [[704], [554], [2472], [580], [893], []]
    assert "not indexed" in found[5].text
    for one in found[:5]:
        (lattice,) = one.lattices
        assert (np.abs(lattice.x - 1231) < 1300).all()
        assert (np.abs(lattice.y - 1263) < 1330).all()
        assert np.abs(lattice.hkl).max() < 100
    columns = _table_of(tmp_path / "integrated.refl", ("id", "xyzobs.px.value"))
    assert columns is not None
    of, seen = columns["id"], columns["xyzobs.px.value"]
    assert of is not None
    assert seen is not None
    (first,) = found[0].lattices
    apart = np.hypot(first.x - seen[of == 0, 0], first.y - seen[of == 0, 1])
    assert np.median(apart[seen[of == 0, 0] > 0]) < 1


# -- over the image, through the gate


# Its darkroom is set up by the one worker that runs them all.
pytestmark = pytest.mark.xdist_group("predictions")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The darkroom with a simulated run, 1190, in mx1-1."""
    folder = tmp_path_factory.mktemp("predictions")
    with darkroom(folder) as running:
        engine = writable(f"sqlite:///{folder / 'ispyb.db'}")
        taking = SsxRun(engine, 11, Plan(frames=60, rate=1e6, hit_rate=0.9, reflections=True, seed=2),
                        directory=running.folder)  # fmt: skip
        while not taking.finished:
            taking.step()
        running.taking = taking  # type: ignore[attr-defined]
        yield running
        engine.dispose()


def test_the_simulated_run_predicts_where_its_images_have_spots(site: Site) -> None:
    taking = site.taking  # type: ignore[attr-defined]
    alice = site.person("alice")
    images = np.flatnonzero(taking.story.lattices)[:3] + 1
    for image in images.tolist():
        sent = alice.get(f"/frame/{taking.collection_id}/{image}/predictions")
        assert sent.status == 200, sent.data
        assert sent.json["by"].startswith("CrystFEL, serial_")
        assert len(sent.json["lattices"]) == taking.story.lattices[image - 1]
        frame = render.frame(taking._images, image)
        level = float(frame.array[~frame.mask].mean())
        rows = [row for lattice in sent.json["lattices"] for row in lattice]
        around = [frame.array[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2].max() for x, y, *_ in rows]
        assert np.mean(np.array(around) > 5 * level) > 0.7


def test_an_image_that_was_not_indexed_says_so(site: Site) -> None:
    taking = site.taking  # type: ignore[attr-defined]
    image = int(np.flatnonzero(taking.story.lattices == 0)[0]) + 1
    sent = site.person("alice").get(f"/frame/{taking.collection_id}/{image}/predictions")
    assert (sent.status, sent.json["lattices"], sent.json["by"]) == (200, [], None) or "not indexed" in sent.json[
        "text"
    ]


def test_who_may_not_see_the_run_is_told_what_an_absent_one_tells(site: Site) -> None:
    taking = site.taking  # type: ignore[attr-defined]
    carol: Person = site.person("carol")
    hidden = carol.get(f"/frame/{taking.collection_id}/1/predictions")
    absent = carol.get("/frame/999999/1/predictions")
    assert (hidden.status, hidden.data) == (absent.status, absent.data) == (404, absent.data)
    assert site.person("alice").get(f"/frame/{taking.collection_id}/61/predictions").status == 404


def test_a_collection_that_is_no_serial_run_says_so(site: Site) -> None:
    sent = site.person("alice").get("/frame/1101/1/predictions")
    assert (sent.status, sent.json["text"]) == (200, "Predictions are read of serial runs alone.")


def test_a_stream_outside_of_the_roots_is_never_opened(site: Site, tmp_path: Path) -> None:
    outside = tmp_path / "out.stream"
    outside.write_text(chunk(1, ONE))
    writer = ispyb.writer(f"sqlite:///{site.folder.parent / 'ispyb.db'}")
    writer.add(s.Group, group_id=190, visit_id=11, experiment="Serial Jet")
    writer.add(s.Collection, collection_id=RUN, group_id=190, first_image=1, images=5, template="x_####.cbf",
               directory=str(tmp_path), prefix="out")  # fmt: skip
    sent = site.person("alice").get(f"/frame/{RUN}/1/predictions")
    assert (sent.status, sent.json["text"]) == (200, NOBODY)
