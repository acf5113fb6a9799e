"""Rows of energy scans and spectra, whose they are, and their files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ispyb import DATABASES, PEOPLE, Facility, shared

from data.demo import scans as made
from data.errors import NotFound
from data.images.files import Files
from data.techniques.mx.edges import read_factors, read_scan
from data.techniques.mx.scans import energy_scan, scan_files, spectrum_file, spectrum_of
from data.techniques.mx.spectra import read_spectrum
from views.place import energy_scan as scan_place
from views.place import from_query, to_query, xrf
from views.techniques.mx_scans import _edge_name, elements_of, marks_of


@pytest.fixture(scope="module", params=DATABASES)
def tiny(request: pytest.FixtureRequest) -> Iterator[Facility]:
    """The tiny ISPyB in one kind of database."""
    found = shared(request, request.param)
    yield found
    found.source.close()


def test_energies_are_in_ev_whether_the_site_keeps_ev_or_kev(tiny: Facility) -> None:
    for login, key in (("alice", 1), ("staff", 2)):
        row = energy_scan(tiny.reader(login), key)
        assert row["peak_energy"] == pytest.approx(12661.0, abs=0.5)
        assert row["inflection_energy"] == pytest.approx(12658.5, abs=0.5)
        assert row["peak_f_double_prime"] == pytest.approx(5.5)
        assert spectrum_of(tiny.reader(login), key)["energy"] == pytest.approx(12700.0, abs=0.5)
    row = energy_scan(tiny.reader("alice"), 1)
    assert (row["visit"], row["sample"], row["protein"]) == ("mx1-1", "lys_10", "LYS")
    assert row["remote_energy"] is None


@pytest.mark.parametrize("login", PEOPLE)
@pytest.mark.parametrize("ask", [energy_scan, spectrum_of])
def test_a_foreign_scan_reads_as_an_absent_one(tiny: Facility, login: str, ask: Any) -> None:
    reader, words = tiny.reader(login), set[str]()
    seen = {"alice": {1}, "bob": {1}, "staff": {2}, "admin": {1, 2}, "nobody": set()}[login]
    for key in (1, 2, 999_999):
        try:
            ask(reader, key)
            assert key in seen
        except NotFound as error:
            assert key not in seen
            words.add(str(error))
    assert len(words) == 1


# ---- files


def row(**paths: str | None) -> dict[str, Any]:
    return dict.fromkeys(("raw_file", "curve_file", "name", "fitted_file")) | paths


def test_files_are_read_where_the_row_names_them(tmp_path: Path) -> None:
    what = {"seed": 3, "edge": 12658.0, "white": 2.0}
    (tmp_path / "a.fluo").write_text(made.energy_scan(what))
    (tmp_path / "a.efs").write_text(made.factors(what))
    files = Files((tmp_path,))
    raw, factors = scan_files(files, row(raw_file=f"{tmp_path}/a.fluo", curve_file=f"{tmp_path}/a.efs"))
    assert raw.found is not None
    assert factors.found is not None
    assert raw.found.energy[0] == pytest.approx(factors.found.energy[0])
    assert factors.found.f_prime.max() < 0 < factors.found.f_double_prime.min()


def test_what_became_of_a_file_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty.mca").touch()
    (tmp_path / "good.mca").write_text("1\n2\n3\n")
    files = Files((tmp_path,))
    assert spectrum_file(files, row()).words == "ISPyB names no file of it."
    assert spectrum_file(files, row(raw_file=f"{tmp_path}/empty.mca")).words == "“empty.mca” is empty."
    assert "not on disk" in spectrum_file(files, row(raw_file=f"{tmp_path}/gone.mca")).words
    assert "may read" in spectrum_file(files, row(raw_file="/etc/passwd")).words
    assert "not usable" in spectrum_file(files, row(raw_file=f"{tmp_path}/../../etc/passwd")).words
    # The next file that the row names is tried.
    found = spectrum_file(files, row(raw_file=f"{tmp_path}/empty.mca", name=f"{tmp_path}/good.mca"))
    assert found.found is not None
    assert found.name == "good.mca"


def test_the_files_of_the_demo_are_what_beamlines_write(tmp_path: Path) -> None:
    what = {"seed": 5, "energy": 13.5, "strengths": {"Se": 9000.0, "Ca": 100.0}}
    path = tmp_path / "a.mca"
    path.write_text(made.xrf(what))
    found = read_spectrum(path)
    assert found.energy is not None
    near = abs(found.energy - 11.222) < 0.05
    assert found.counts[near].max() > 8000
    for name, text, read in (("b.fluo", made.energy_scan, read_scan), ("b.efs", made.factors, read_factors)):
        (tmp_path / name).write_text(text({"seed": 1, "edge": 9659.0, "white": 1.0}))
        assert read(tmp_path / name).energy.mean() == pytest.approx(9659, abs=1)


# ---- the link, and what a stranger types there


def test_the_pages_have_links_of_their_own() -> None:
    assert to_query(scan_place(7)) == "?energyscan=7"
    assert to_query(xrf(8).seeing(elements="Fe,Se")) == "?xrf=8&v.elements=Fe,Se"
    for text in ("?energyscan=7", "?xrf=8&v.elements=Fe,Se"):
        assert to_query(from_query(text)) == text
    assert from_query("?energyscan=x").page == "home"


def test_only_elements_come_out_of_a_strangers_text() -> None:
    pytest.importorskip("xraydb", reason="XrayDB is not installed (extra mx)")
    assert elements_of("fe, SE;zn  Zn <script> Xx 1") == ["Fe", "Se", "Zn"]
    assert elements_of("") == []
    assert len(elements_of(",".join(["Fe Co Ni Cu Zn As Se Br Mo I W Pt Au Hg Pb"] * 50))) == 12
    names = [mark.name for mark in marks_of(["Se"], 12.7)]
    assert "Se Kα" in names
    assert "Compton 90°" in names


def test_an_edge_that_is_stored_as_its_energy_is_not_shown_as_a_name() -> None:
    assert [_edge_name(text) for text in ("K", "L3", "12658", None, "")] == ["K", "L3", "", "", ""]
