"""Energy scans from files, and energies in eV and keV told apart: by hand and of many beamlines."""

from pathlib import Path

import numpy as np
import pytest
from servers.realdata import real

from data.techniques.mx.edges import factors, in_ev, measured, read_scan
from data.techniques.mx.logs.report import Unusable
from data.techniques.mx.numbers import read_columns


def test_energies_of_rows_are_told_apart_by_their_size() -> None:
    assert in_ev(12658.0) == 12658.0
    assert in_ev(12.658) == pytest.approx(12658.0)
    assert in_ev(1770.0) == 1770.0
    assert in_ev(None) is None
    assert in_ev(0.0) is None
    assert in_ev(-5.0) is None
    assert in_ev(float("nan")) is None


def test_two_columns_are_energy_and_counts_in_either_unit() -> None:
    for scale, unit in ((1.0, "eV"), (0.001, "keV")):
        found = measured(read_columns("\n".join(f"{(12600 + n) * scale} {n * n}" for n in range(20))))
        assert found.energy.tolist() == pytest.approx([12600 + n for n in range(20)])
        assert found.value[-1] == 361
        assert found.unit == unit


def test_a_stated_unit_counts_for_more_than_the_size() -> None:
    text = "# XDI/1.0\n# Column.1: energy keV\n# Column.2: mufluor\n" + "\n".join(f"{300 + n} {n}" for n in range(5))
    with pytest.raises(Unusable, match="no X-ray beamline reaches"):
        measured(read_columns(text))


def test_a_scan_downwards_is_turned_round() -> None:
    found = measured(read_columns("\n".join(f"{12700 - n} {n}" for n in range(5))))
    assert found.energy.tolist() == [12696, 12697, 12698, 12699, 12700]
    assert found.value.tolist() == [4, 3, 2, 1, 0]


def test_fluorescence_is_preferred_to_absorption_and_that_to_any_other() -> None:
    rows = "\n".join(f"{12600 + n} {100 + n} {50 + n % 3} {n}" for n in range(5))
    assert measured(read_columns("# energy i0 itrans fluor\n" + rows)).what == "fluor"
    found = measured(read_columns("# energy i0 itrans junk\n" + rows))
    assert found.what == "ln(i0/itrans)"
    assert found.value[0] == pytest.approx(np.log(100 / 50))


@pytest.mark.parametrize("order", ["12", "21"])
def test_f_prime_is_the_negative_one_whichever_comes_first(order: str) -> None:
    rows = []
    for n in range(10):
        double, prime = 0.5 + n / 2, -8.0 + n / 10
        rows.append(f"{12600 + n} {double} {prime}" if order == "12" else f"{12600 + n} {prime} {double}")
    found = factors(read_columns("\n".join(rows)))
    assert found.f_prime[0] == -8.0
    assert found.f_double_prime[-1] == 5.0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 2\n3 4\n", "holds no columns of numbers"),
        ("no numbers", "holds no columns of numbers"),
        ("1 500\n2 1\n3 7\n", "has no column of X-ray energies"),
        ("12600\n12601\n12602\n", "has energies only"),
        ("nan 1\nnan 2\nnan 3\n", "has no column of X-ray energies"),
        ("1e400 1\n1e400 2\n1e400 3\n", "has no column of X-ray energies"),
    ],
)
def test_what_is_no_scan_says_so_in_one_sentence(text: str, words: str) -> None:
    with pytest.raises(Unusable, match=words):
        measured(read_columns(text))


def test_factors_that_cannot_be_told_apart_are_not_guessed() -> None:
    with pytest.raises(Unusable, match="does not tell"):
        factors(read_columns("12600 1 2\n12601 1 2\n12602 1 2\n"))
    with pytest.raises(Unusable, match="fewer than three columns"):
        factors(read_columns("12600 1\n12601 1\n12602 1\n"))


# ---- real files of many beamlines: first and last energy in eV as their headers and their edges have them

REAL = {
    ("APS9BM_2019.dat",): (6287.671, 7391.449, "eV"),
    ("EXAFS_Cu.dat",): (8002.894, 9978.284, "eV"),
    ("EXAFS_Ge.dat",): (10800.0, 13102.4, "eV"),
    ("FeKedge_1_15.dat",): (6912.0, 7962.0, "eV"),
    ("MoFoil.dat",): (19850.066, 21003.066, "keV"),
    ("cu_romanglass.xdi",): (8928.636, 9354.274, "eV"),
    ("fe_xanes_8ch.xdi",): (7012.0, 7108.599, "eV"),
    ("se_na2so4_rt.xdi",): (12508.0, 13404.76, "eV"),
    ("v_foil.xdi",): (5385.0, 6089.816, "eV"),
    ("xdi", "pt_metal_rt.xdi"): (11364.0, 12798.43, "eV"),
    ("xdi", "bad_00.xdi"): (8779.0, 8889.0, "eV"),
    ("beamlines", "NSLS8ID_2019.dat"): (11686.059, 12847.258, "eV"),
    ("beamlines", "SLS_PHOENIX_2023.dat"): (1479.999, 1840.065, "eV"),
}


@pytest.mark.parametrize("name", REAL, ids=lambda name: name[-1])
def test_real_scans_of_many_beamlines_have_their_energies(name: tuple[str, ...]) -> None:
    low, high, unit = REAL[name]
    found = read_scan(real("xrf_xas", *name))
    assert (found.energy[0], found.energy[-1]) == pytest.approx((low, high), abs=0.001)
    assert found.unit == unit
    assert (np.diff(found.energy) >= 0).all()


def test_the_selenium_edge_of_a_real_scan_is_where_selenium_has_it() -> None:
    found = read_scan(real("xrf_xas", "se_na2so4_rt.xdi"))
    assert found.what == "ln(i0/itrans)"
    steepest = found.energy[:-1][np.argmax(np.diff(found.value) / np.maximum(np.diff(found.energy), 0.05))]
    assert steepest == pytest.approx(12664, abs=6)  # selenate lies above the 12658 eV of the element


@pytest.mark.parametrize("name", ["Pilatus.tiff", "Se_Standards.prj", "Steel.cfg"])
def test_real_files_of_another_kind_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(Unusable):
        read_scan(real("xrf_xas", name))
