"""The simulated facility on disk: frames and pictures made when asked for, written whole or not at all."""

import os
import re
from datetime import date
from pathlib import Path

import pytest
from simulated import ANCHOR, of, told

from data.demo import facility
from data.demo.beamlines import BY_NAME
from data.demo.facility import Facility, NotOurs
from data.demo.plan import Plan
from data.demo.shelf import Shelf
from data.images.files import Files, State, frame_file
from data.images.formats import Unreadable, open_frames
from data.schema import Collection


@pytest.fixture(scope="module")
def plan() -> Plan:
    return told()


@pytest.fixture(scope="module")
def shelf(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    folder = tmp_path_factory.mktemp("shelf")
    (folder / "files").mkdir()
    made = Shelf(folder / "files", folder / "files.sqlite")
    made.fill(plan)
    return made


def files_of(shelf: Shelf) -> Files:
    return Files((shelf.root,), (("/simulated", str(shelf.root)),), shelf.make)


@pytest.mark.parametrize("beamline", ["BX2", "BX3", "SX1"])
def test_frames_appear_when_asked_for(plan: Plan, shelf: Shelf, beamline: str) -> None:
    rows = {row["collection_id"]: row for row in of(plan, Collection)}
    small = {"Lys", "Ins", "Tryp", "CA2", "SmD", "bR", "Mpro", "CTXM", "ProtK"}
    _, shown = next(
        (s, f) for s, f in plan.frames.items()
        if f.beamline == beamline and f.images > 50 and f.form in small and s not in plan.damaged
    )  # fmt: skip
    row = rows[shown.collection_id]
    found = files_of(shelf).find(frame_file(row["directory"], row["template"], 1))
    assert found.path is not None
    with open_frames(found.path, files_of(shelf).permits, files_of(shelf).supply) as frames:
        frame = frames.read(0)
    assert frame.shape == (BY_NAME[beamline].camera.height, BY_NAME[beamline].camera.width)
    assert frame.array[~frame.mask].max() > 0


def test_pictures_appear_when_asked_for(plan: Plan, shelf: Shelf) -> None:
    kinds = {what["kind"]: path for path, what in plan.pictures.items()}
    assert set(kinds) >= {"snapshot", "micrograph", "power-spectrum", "drift", "curves", "log", "report"}
    for path in kinds.values():
        assert files_of(shelf).find(path).state is State.PRESENT


def test_damaged_files_are_refused_in_words(plan: Plan, shelf: Shelf) -> None:
    stem = next(s for s, kind in plan.damaged.items() if kind == "cut" and plan.frames[s].beamline != "BX2")
    found = files_of(shelf).find(f"{stem}_master.h5")
    assert found.path is not None
    with pytest.raises(Unreadable, match="damaged"):
        open_frames(found.path)
    folder = next(s for s, kind in plan.damaged.items() if kind == "folder")
    name = "_0001.cbf" if plan.frames[folder].beamline == "BX2" else "_master.h5"
    assert files_of(shelf).find(folder + name).state is State.UNREADABLE


@pytest.mark.parametrize("path", ["BX1/no/such_1_master.h5", "BX1/x.txt", "", "../files.sqlite", "a_1_0001.cbf"])
def test_an_unknown_path_is_not_made(shelf: Shelf, path: str) -> None:
    assert not shelf.make(shelf.root / path)
    assert not (shelf.root / path).is_file() or path == "../files.sqlite"


def test_a_path_beside_the_root_is_not_made(shelf: Shelf, plan: Plan, tmp_path: Path) -> None:
    stem = next(iter(plan.frames)).removeprefix("/simulated/")
    assert not shelf.make(tmp_path / f"{stem}_master.h5")


def test_files_longest_unread_go_first(plan: Plan, tmp_path: Path) -> None:
    small = Shelf(tmp_path / "files", tmp_path / "files.sqlite", most=1_500)
    small.root.mkdir()
    for number, age in enumerate((9_000, 5_000, 0)):
        path = small.root / f"{number}_master.h5"
        path.write_bytes(bytes(1_000))
        if age:
            old = path.stat().st_mtime - age
            os.utime(path, (old, old))
    assert small.prune() == 2_000
    assert [path.name for path in small.root.iterdir()] == ["2_master.h5"]


class Broken(Exception):
    pass


@pytest.fixture
def quick(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """A facility without its per-image numbers and without frames drawn at once."""
    slim = Plan(plan.seed, plan.anchor)
    slim.rows.held, slim.frames, slim.pictures = plan.rows.held, plan.frames, plan.pictures
    monkeypatch.setattr(facility, "tell", lambda anchor, seed: slim)
    monkeypatch.setattr(facility, "first_files", lambda plan: [])


@pytest.mark.usefixtures("quick")
def test_it_is_written_and_opened_again(tmp_path: Path) -> None:
    shares: list[float] = []
    made = facility.write(tmp_path / "demo", lambda share, words: shares.append(share), anchor=ANCHOR)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    again = facility.open_(tmp_path / "demo")
    assert isinstance(again, Facility)
    assert (again.url, again.roots, again.anchor) == (made.url, made.roots, ANCHOR)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo"]
    assert not re.search(r"-wal|-journal", " ".join(path.name for path in made.directory.iterdir()))


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("share", [0.0, 0.2, 0.5])
def test_an_interrupted_start_leaves_nothing(tmp_path: Path, share: float) -> None:
    def stop(reached: float, words: str) -> None:
        if reached >= share:
            raise Broken

    with pytest.raises(Broken):
        facility.write(tmp_path / "demo", stop, anchor=ANCHOR)
    assert list(tmp_path.iterdir()) == []
    assert facility.open_(tmp_path / "demo") is None


@pytest.mark.usefixtures("quick")
def test_an_interrupted_reset_leaves_the_old_facility(tmp_path: Path) -> None:
    facility.write(tmp_path / "demo", lambda share, words: None, anchor=ANCHOR)

    def stop(reached: float, words: str) -> None:
        raise Broken

    with pytest.raises(Broken):
        facility.write(tmp_path / "demo", stop, anchor=date(2026, 3, 5))
    again = facility.open_(tmp_path / "demo")
    assert again is not None
    assert again.anchor == ANCHOR


@pytest.mark.usefixtures("quick")
def test_what_a_killed_start_left_is_removed(tmp_path: Path) -> None:
    left = tmp_path / ".demo.writing-999999999"
    left.mkdir()
    facility.write(tmp_path / "demo", lambda share, words: None, anchor=ANCHOR)
    assert not left.exists()


def test_another_version_is_not_opened_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "facility.json").write_text('{"version": "0", "seed": "2", "anchor": "2026-03-04"}')
    assert facility.open_(tmp_path) is None
    assert "another version" in facility.why_not(tmp_path)


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(NotOurs, match="something else"):
        facility.write(tmp_path, lambda share, words: None)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
