"""X-ray fluorescence spectra from files: every kind by hand, and real ones."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from servers.realdata import real

from data.techniques.mx import lines
from data.techniques.mx.logs.report import Unusable
from data.techniques.mx.spectra import read_spectrum, spectrum

needs_xraydb = pytest.mark.skipif(not lines.ready(), reason="XrayDB is not installed (extra mx)")


def test_one_column_is_counts_of_channels_without_energies() -> None:
    found = spectrum("# by hand\n1\n5\n2\n0\n")
    assert found.counts.tolist() == [1, 5, 2, 0]
    assert found.energy is None
    assert "does not calibrate" in found.words


@pytest.mark.parametrize(("first", "unit"), [((1000, 2000, 3000), "eV"), ((1.0, 2.0, 3.0), "keV")])
def test_energies_in_ev_and_kev_are_told_apart(first: tuple[float, ...], unit: str) -> None:
    found = spectrum("# energy counts\n" + "\n".join(f"{x} {n}" for n, x in enumerate(first)))
    assert found.energy is not None
    assert found.energy.tolist() == [1.0, 2.0, 3.0]
    assert unit in found.words


def test_channels_and_counts_are_not_taken_for_energies() -> None:
    found = spectrum("\n".join(f"{channel},{channel * 2}" for channel in range(1000)))
    assert found.energy is None
    assert found.counts[999] == 1998


def test_an_spe_file_is_calibrated_where_it_says_so() -> None:
    body = "$SPEC_ID:\nby hand\n$DATA:\n0 3\n1 2\n3 4\n$MCA_CAL:\n3\n0.5 0.01 0\n"
    found = spectrum(body)
    assert found.counts.tolist() == [1, 2, 3, 4]
    assert found.energy is not None
    assert found.energy.tolist() == pytest.approx([0.5, 0.51, 0.52, 0.53])
    assert spectrum(body.split("$MCA_CAL")[0]).energy is None


def test_a_spec_file_with_an_mca_is_read() -> None:
    found = spectrum("#S 1 ct\n#@CALIB 0.1 0.02 0\n@A 1 2 3\\\n 4 5\\\n 6\n#S 2\n")
    assert found.counts.tolist() == [1, 2, 3, 4, 5, 6]
    assert found.energy is not None
    assert found.energy[-1] == pytest.approx(0.2)


def test_elements_of_a_detector_are_summed_each_by_its_own_calibration() -> None:
    head = "VERSION: 3.1\nELEMENTS: 2\nCHANNELS: 40\nCAL_OFFSET: 0 1\nCAL_SLOPE: 1 1\nCAL_QUAD: 0 0\nDATA:\n"
    first, second = np.zeros(40), np.zeros(40)
    first[20], second[19] = 7.0, 5.0  # channel 19 of the second is where channel 20 of the first is
    found = spectrum(head + "\n".join(f"{a} {b}" for a, b in zip(first, second, strict=True)))
    assert found.counts[20] == 12.0
    assert found.counts.sum() == 12.0
    assert "2 detector elements" in found.words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("$DATA:\n0 2047\n1 2 3\n", "is cut off: 3 of 2,048 channels are there"),
        ("$DATA:\n0 3\n1 x 3 4\n", "has counts that are no numbers"),
        ("VERSION: 3.1\nELEMENTS: 1\nCHANNELS: 9\nDATA:\n1\n2\n3\n", "is cut off: 3 of 9 channels are there"),
        ("VERSION: 3.1\nELEMENTS: 1\nDATA:\n1\n2\n3\n", "does not say how many channels it has"),
        ("hello\nworld\n", "holds no columns of numbers"),
        ('{"data": [1, 2, 3]}', "holds no columns of numbers"),
        ("3 1\n2 1\n1 1\n", "holds no spectrum: its first column does not rise"),
        ("1 nan\n2 1\n3 1\n", "has counts that are no numbers"),
    ],
)
def test_what_is_no_spectrum_says_so_in_one_sentence(text: str, words: str) -> None:
    with pytest.raises(Unusable, match=words.replace("(", r"\(")):
        spectrum(text)


def test_a_bad_calibration_shows_channels() -> None:
    found = spectrum("$DATA:\n0 3\n1 2\n3 4\n$MCA_CAL:\n3\n0 1 -5\n")
    assert found.energy is None
    assert "not usable" in found.words


def test_files_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    def why(name: str, data: bytes) -> str:
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(Unusable) as error:
            read_spectrum(path)
        return str(error.value)

    assert why("a.mca", b"") == "is empty"
    assert why("b.mca", b"\x00\x01\x02" * 100) == "is not text"
    assert why("c.mca", b"\x1f\x8b" + b"broken") == "is a damaged gzip file"
    assert "too large once unpacked" in why("d.mca", gzip.compress(b"1\n" * 15_000_000, 1))
    with pytest.raises(Unusable, match="could not be read"):
        read_spectrum(tmp_path / "absent.mca")


def test_a_file_of_200_mb_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.mca"
    with path.open("wb") as file:
        file.truncate(200_000_000)
    with pytest.raises(Unusable, match="is too large: 200 MB"):
        read_spectrum(path)


# ---- real files


def test_a_real_spectrum_of_four_elements_is_calibrated() -> None:
    found = read_spectrum(real("xrf_xas", "srm1832.mca"))
    assert len(found.counts) == 2048
    assert found.energy is not None
    assert found.energy[1] - found.energy[0] == pytest.approx(0.01465549)
    assert "4 detector elements" in found.words


@needs_xraydb
def test_the_elements_of_a_certified_sample_are_found_by_their_lines() -> None:
    """NIST SRM 1832: Al, Si, Ca, V, Mn, Co and Cu; the two lightest are below what the detector sees in air."""
    found = read_spectrum(real("xrf_xas", "srm1832.mca"))
    assert found.energy is not None
    assert set(lines.candidates(found.energy, found.counts, None)) == {"Ca", "V", "Mn", "Co", "Cu"}


def test_real_files_without_energies_show_channels() -> None:
    for name, channels in (("Steel.spe", 2048), ("XRFSpectrum.mca", 4096)):
        found = read_spectrum(real("xrf_xas", name))
        assert len(found.counts) == channels
        assert found.energy is None


def test_a_real_picture_is_no_spectrum() -> None:
    with pytest.raises(Unusable, match="is not text"):
        read_spectrum(real("xrf_xas", "Pilatus.tiff"))


# ---- lines of elements


@needs_xraydb
def test_lines_are_those_of_the_tables() -> None:
    """X-ray Data Booklet, table 1-2: Fe Kα1 6403.84, Zn Kα1 8638.86, Se Kα1 11222.4, Hg Lα1 9988.8 eV."""
    for element, energy in (("Fe", 6.40384), ("Zn", 8.63886), ("Se", 11.2224)):
        assert lines.emission(element)[0].energy == pytest.approx(energy, abs=0.003)
    mercury = {line.name: line.energy for line in lines.emission("HG", 12.7)}
    assert mercury["Hg Lα"] == pytest.approx(9.9888, abs=0.003)
    assert all(line.energy > 1.5 for line in lines.emission("Fe"))
    assert "Hg Kα" not in mercury  # 12.7 keV does not excite it


@needs_xraydb
def test_a_beam_below_the_edge_excites_nothing() -> None:
    assert "Se Kα" not in {line.name for line in lines.emission("Se", 12.6)}
    assert "Se Kα" in {line.name for line in lines.emission("Se", 12.7)}


@needs_xraydb
def test_edges_are_those_of_the_free_atom() -> None:
    assert lines.edge("Se", "K") == pytest.approx(12658, abs=1)
    assert lines.edge("SE", "k") == lines.edge("Se", "K") == lines.edge("Se", None)
    assert lines.edge("Hg", "L3") == lines.edge("Hg", "L") == pytest.approx(12284, abs=2)
    assert lines.edge("Se", "7112.5") is None
    assert lines.edge("Nonsense", "K") is None
    assert lines.edge(None, "K") is None


@needs_xraydb
@pytest.mark.parametrize("text", ["", "Xx", "<b>", "1", "Fe2", "é", None, "nan", "K" * 500])
def test_only_symbols_of_elements_are_elements(text: str | None) -> None:
    assert lines.symbol(text) is None


def test_scattered_photons_lose_what_compton_says() -> None:
    assert lines.compton(12.7) == pytest.approx(12.7 / (1 + 12.7 / 510.99895))
