"""From a stored path to a file, and never further."""

import os
from pathlib import Path

import pytest

from data.images.files import Files, State, frame_file


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "visit").mkdir(parents=True)
    (folder / "visit" / "a_0001.cbf").write_bytes(b"x")
    (tmp_path / "secret.cbf").write_bytes(b"x")
    return folder


def test_a_file_under_a_root_is_present(root: Path) -> None:
    found = Files((root,)).find(f"{root}/visit/a_0001.cbf")
    assert found.state is State.PRESENT
    assert found.path == (root / "visit" / "a_0001.cbf").resolve()


def test_an_absent_file_is_missing_and_its_folder_is_not_told(root: Path) -> None:
    found = Files((root,)).find(f"{root}/visit/b_0001.cbf")
    assert found.state is State.MISSING
    assert found.path is None
    assert "b_0001.cbf" in found.words
    assert "visit" not in found.words


@pytest.mark.parametrize("stored", [None, "", "   "])
def test_no_stored_path_is_said_so(root: Path, stored: str | None) -> None:
    assert Files((root,)).find(stored).state is State.NONE


@pytest.mark.parametrize(
    "tail",
    [
        "../secret.cbf",
        "visit/../../secret.cbf",
        "visit/a\x00.cbf",
        "visit/a\n.cbf",
        "visit/\ud800.cbf",
        "x" * 5000,
    ],
)
def test_a_path_that_climbs_or_hides_something_is_refused(root: Path, tail: str) -> None:
    found = Files((root,)).find(f"{root}/{tail}")
    assert found.state is State.OUTSIDE
    assert found.words.isprintable()


@pytest.mark.parametrize("stored", ["visit/a_0001.cbf", "~/a.cbf", "C:\\data\\a.cbf", "/etc/passwd"])
def test_a_path_elsewhere_is_refused_whether_it_exists_or_not(root: Path, stored: str) -> None:
    assert Files((root,)).find(stored).state is State.OUTSIDE


def test_a_file_outside_reads_the_same_whether_it_exists_or_not(root: Path) -> None:
    files = Files((root,))
    there = files.find(f"{root.parent}/secret.cbf").words
    absent = files.find(f"{root.parent}/secre2.cbf").words
    assert there.replace("secret", "") == absent.replace("secre2", "")


def test_a_link_out_of_the_root_is_refused(root: Path) -> None:
    (root / "visit" / "link.cbf").symlink_to(root.parent / "secret.cbf")
    (root / "away").symlink_to(root.parent)
    files = Files((root,))
    assert files.find(f"{root}/visit/link.cbf").state is State.OUTSIDE
    assert files.find(f"{root}/away/secret.cbf").state is State.OUTSIDE


def test_a_root_that_is_itself_a_link_is_followed(root: Path) -> None:
    alias = root.parent / "alias"
    alias.symlink_to(root)
    assert Files((alias,)).find(f"{alias}/visit/a_0001.cbf").state is State.PRESENT


def test_a_loop_of_links_is_unreadable(root: Path) -> None:
    (root / "one").symlink_to(root / "two")
    (root / "two").symlink_to(root / "one")
    assert Files((root,)).find(f"{root}/one").state is State.UNREADABLE


def test_a_folder_is_not_a_file(root: Path) -> None:
    assert Files((root,)).find(f"{root}/visit").state is State.UNREADABLE


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_forbidden_file_is_unreadable(root: Path) -> None:
    (root / "visit" / "a_0001.cbf").chmod(0)
    assert Files((root,)).find(f"{root}/visit/a_0001.cbf").state is State.UNREADABLE


def test_a_neighbour_whose_name_begins_like_the_root_is_outside(root: Path) -> None:
    (root.parent / "data2").mkdir()
    (root.parent / "data2" / "a.cbf").write_bytes(b"x")
    assert Files((root,)).find(f"{root.parent}/data2/a.cbf").state is State.OUTSIDE


def test_the_longest_prefix_of_whole_components_is_mapped(root: Path) -> None:
    files = Files((root,), (("/dls", "/nowhere"), ("/dls/i03/data", f"{root}/visit")))
    assert files.find("/dls/i03/data/a_0001.cbf").state is State.PRESENT
    assert files.find("/dls/i03/data2/a_0001.cbf").state is State.OUTSIDE


def test_an_absent_file_may_be_made_when_it_is_first_asked_for(root: Path) -> None:
    asked: list[Path] = []

    def make(path: Path) -> bool:
        asked.append(path)
        path.write_bytes(b"made")
        return True

    files = Files((root,), on_missing=make)
    assert files.find(f"{root}/visit/new.cbf").state is State.PRESENT
    assert files.find(f"{root.parent}/new.cbf").state is State.OUTSIDE
    assert not files.supply(root.parent / "other.cbf")
    assert asked == [root / "visit" / "new.cbf"]


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("lyso_1_####.cbf", "/d/lyso_1_0017.cbf"),
        ("lyso_1_####.cbf.gz", "/d/lyso_1_0017.cbf.gz"),
        ("a##_1_#####.img", "/d/a##_1_00017.img"),
        ("lyso_1_%05d.cbf", "/d/lyso_1_00017.cbf"),
        ("lyso_1_%d.cbf", "/d/lyso_1_17.cbf"),
        ("lyso_1_????.cbf", "/d/lyso_1_0017.cbf"),
        ("lyso_1_master.h5", "/d/lyso_1_master.h5"),
        ("lyso_1_??????.h5", "/d/lyso_1_master.h5"),
        ("lyso_1.nxs", "/d/lyso_1.nxs"),
        ("100%_{0}_%s.cbf", "/d/100%_{0}_%s.cbf"),
    ],
)
def test_a_template_names_the_file_of_an_image(template: str, path: str) -> None:
    assert frame_file("/d/", template, 17) == path
    assert frame_file("/d", template, 17) == path


def test_an_empty_template_names_nothing() -> None:
    assert frame_file("/d/", "", 1) == ""
