"""Screenings and their strategies, and what is said of them before one follows them."""

from collections.abc import Iterator
from typing import Any

import pytest
from ispyb import DATABASES, PEOPLE, Facility, shared

from data.errors import NotFound
from data.techniques.mx.strategies import as_text, count, percent, screenings, warnings
from views.techniques.mx_strategy import _groups, disagreement

Row = dict[str, Any]


@pytest.fixture(scope="module", params=DATABASES)
def tiny(request: pytest.FixtureRequest) -> Iterator[Facility]:
    """The tiny ISPyB in one kind of database."""
    found = shared(request, request.param)
    yield found
    found.source.close()


def test_a_screening_is_read_down_to_its_sub_wedges(tiny: Facility) -> None:
    failed, good = screenings(tiny.reader("alice"), 1002)
    assert [row["program"] for row in (failed, good)] == ["mosflm", "EDNA MXv1"]
    assert failed["outputs"][0]["lattices"] == failed["outputs"][0]["strategies"] == []
    output = good["outputs"][0]
    assert output["mosaicity"] == pytest.approx(0.3)
    assert [lattice["space_group"] for lattice in output["lattices"]] == ["P43212"]
    wedge = output["strategies"][0]["wedges"][0]
    assert wedge["completeness"] == pytest.approx(99)
    assert [(sub["number"], sub["start"], sub["images"]) for sub in wedge["sub_wedges"]] == [
        (1, 10, 450),
        (2, 100, 450),
    ]
    assert count(tiny.reader("alice"), 1002) == 2


def test_a_screening_of_a_group_is_of_each_of_its_collections(tiny: Facility) -> None:
    assert [row["program"] for row in screenings(tiny.reader("bob"), 1005)] == ["by group"]


def test_a_collection_without_screening_has_none(tiny: Facility) -> None:
    assert screenings(tiny.reader("alice"), 1001) == []


@pytest.mark.parametrize("login", PEOPLE)
def test_a_foreign_screening_reads_as_an_absent_collection(tiny: Facility, login: str) -> None:
    reader, words = tiny.reader(login), set[str]()
    for key in (1002, 4001, 999_999):
        try:
            assert screenings(reader, key)
            assert count(reader, key) > 0
        except NotFound as error:
            words.add(str(error))
            assert count(reader, key) == 0
    assert len(words) == 1


def test_completeness_is_percent_whatever_was_written() -> None:
    assert percent(0.98) == pytest.approx(98.0)
    assert percent(1.0) == 100.0
    assert percent(98.0) == 98.0
    assert percent(0.0) == 0.0


def screening(**sub: Any) -> Row:
    one = {
        "number": 1, "axis": "Omega", "start": 64.0, "end": 109.0, "oscillation": 1.4, "images": 33, "exposure": 0.1,
        "transmission": 50.0, "resolution": 1.6, "completeness": None, "multiplicity": None, "dose": None,
        "comments": None,
    } | sub  # fmt: skip
    wedge = {
        "number": 1, "resolution": 1.6, "completeness": 99.0, "multiplicity": 4.0, "dose": None, "images": None,
        "phi": None, "kappa": None, "chi": None, "comments": None, "sub_wedges": [one],
    }  # fmt: skip
    strategy = {
        "id": 1, "wedges": [wedge], "exposure": None, "transmission": None, "ranking_resolution": None,
        "program": "BEST", "anomalous": 0,
    }  # fmt: skip
    lattice = {"space_group": "P43212", "cell_a": 79.0, "cell_b": 79.0, "cell_c": 37.0, "cell_alpha": 90.0,
               "cell_beta": 90.0, "cell_gamma": 90.0}  # fmt: skip
    output = {"id": 1, "said": "All successful.", "lattices": [lattice], "strategies": [strategy], "rings": 0,
              "mosaicity": 0.3, "ranking_resolution": None}  # fmt: skip
    return {"id": 1, "program": "EDNA", "comments": None, "outputs": [output]}


def _wedge(found: Row) -> Row:
    wedge: Row = found["outputs"][0]["strategies"][0]["wedges"][0]
    return wedge


def test_a_sound_strategy_has_no_warnings() -> None:
    # As a real one: 33 images of 1.4° are 46.2°, stated as 64 to 109.
    assert warnings(screening(), 1.6) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s["outputs"].clear(), "left no result"),
        (lambda s: s["outputs"][0]["lattices"].clear(), "No lattice"),
        (lambda s: s["outputs"][0]["strategies"].clear(), "No strategy"),
        (lambda s: s["outputs"][0].update(said="Integration FAILED."), "Integration FAILED."),
        (lambda s: s["outputs"][0].update(rings=1), "Rings"),
        (lambda s: _wedge(s).update(completeness=71.0), "71.0 % completeness"),
        (lambda s: _wedge(s).update(resolution=1.2), "move it closer"),
        (lambda s: _wedge(s)["sub_wedges"][0].update(images=330), "yet the sub-wedge"),
        (lambda s: _wedge(s)["sub_wedges"][0].update(transmission=400.0), "cannot"),
    ],
)  # fmt: skip
def test_what_one_should_look_at_is_said(change: Any, words: str) -> None:
    found = screening()
    change(found)
    assert any(words in warning for warning in warnings(found, 1.6))


def test_numbers_are_copied_as_they_are() -> None:
    text = as_text(screening(exposure=0.428, start=7.123456)["outputs"][0]["strategies"][0])
    head, line = text.splitlines()
    assert head.split("\t")[:4] == ["wedge", "sub", "axis", "start"]
    assert line.split("\t") == ["1", "1", "Omega", "7.123456", "109", "1.4", "33", "0.428", "50", "1.6"]
    assert as_text({"wedges": []}) == ""


def test_a_hostile_axis_stays_in_its_cell() -> None:
    text = as_text(screening(axis="Omega\t1\nPhi")["outputs"][0]["strategies"][0])
    assert len(text.splitlines()) == 2
    assert text.splitlines()[1].split("\t")[2] == "Omega 1 Phi"


def test_programs_that_disagree_are_pointed_at() -> None:
    one, other = screening(), screening()
    assert disagreement([one, other]) == []
    other["outputs"][0]["lattices"][0]["space_group"] = "P1"
    assert "disagree" in disagreement([one, other])[0]["text"]


def test_each_strategy_is_a_group_of_rows_and_a_failure_says_so() -> None:
    found = screening()
    groups = _groups(0, found)
    assert [len(group["lines"]) for group in groups] == [1]
    found["outputs"][0].update(strategies=[], said="Indexing failed.")
    none = _groups(0, found)[0]["lines"][0][0]
    assert (none["text"], none["title"]) == ("None", "Indexing failed.")
    found["outputs"].clear()
    assert _groups(0, found)[0]["lines"][0][0]["title"] == "The program left no result"
