"""Readers of merging statistics: made-up files with everything that can be wrong, and every real file that is there."""

import gzip
import json
import time
from pathlib import Path

import numpy as np
import pytest
from servers.realdata import folder

from data.images.files import Files
from data.techniques.mx.curves import look
from data.techniques.mx.logs import Report, Unusable, read_file, read_text
from data.techniques.mx.logs.table import ccp4_tables

# ---- real files: what a person reads in them, written here by hand ---------------------------------------------------

REAL: dict[str, tuple[str, dict[str, dict[str, float]], dict[str, tuple[int, float, float]]]] = {
    # program; shells; curves: number of points, first and last value
    "xds/CORRECT.LP": (
        "XDS",
        {"overall": {"high": 1.42, "completeness": 79.6, "r_meas": 4.3, "i_over_sigma": 23.07, "unique": 28484}},
        {"completeness": (9, 99.7, 25.2), "r_meas": (9, 3.4, 29.3), "i_over_sigma": (9, 48.96, 2.36)},
    ),
    "fragmax/edna_XSCALE.LP": (
        "XSCALE",
        {"overall": {"cc_half": 0.999, "r_meas": 6.2}, "outer": {"high": 1.55, "low": 1.64, "cc_half": 0.745}},
        {"cc_half": (9, 0.998, 0.745), "sig_anomalous": (9, 0.870, 0.671)},
    ),
    "ccp4/aimless.log": (
        "aimless",
        {
            "overall": {"low": 55.77, "high": 2.1, "r_meas": 8.6, "r_pim": 2.4, "cc_half": 0.997, "multiplicity": 13.3},
            "outer": {"completeness": 100.0, "i_over_sigma": 4.0, "anomalous_multiplicity": 6.4},
        },
        {"r_meas": (10, 3.2, 68.0), "cc_half": (10, 1.0, 0.935), "completeness": (10, 99.9, 100.0)},
    ),
    "fragmax/edna_aimless_anom.log": ("aimless", {"overall": {"high": 1.55}}, {"cc_half": (15, 0.995, 0.805)}),
    "dials/mpro_x0692__dials.scale.log": (
        "DIALS",
        {"overall": {"high": 1.59, "r_meas": 13.1, "cc_half": 0.996}, "outer": {"cc_half": 0.115, "low": 1.62}},
        {"i_over_sigma": (20, 36.9, 0.0), "cc_half": (20, 0.996, -0.336), "completeness": (20, 99.95, 4.59)},
    ),
    "dials/betalactamase__dials.scale_cut.log": ("DIALS", {"overall": {"high": 1.4, "r_pim": 2.6}}, {}),
    "dials/multi_crystal__dials.merge.log": ("DIALS", {"overall": {"high": 1.78}}, {}),
    "dials/multi_crystal__xia2.multiplex.log": (
        "DIALS",
        {"overall": {"low": 68.37, "high": 1.78, "r_meas": 5.9}, "outer": {"completeness": 10.61, "cc_half": 0.958}},
        {"multiplicity": (20, 15.34, 1.09), "cc_half": (20, 0.999, 0.958)},
    ),
    "dials/mpro_x0692__dials.report.html": ("DIALS report", {}, {"completeness": (20, 99.942163, 99.939614)}),
    "dials/multi_crystal__xia2.multiplex.html": ("DIALS report", {}, {"completeness": (20, 100.0, 10.606061)}),
    "autoproc/ISPyBTasks__autoPROC.xml": (
        "autoPROC",
        {"overall": {"low": 65.629, "high": 1.439, "r_meas": 11.2, "cc_half": 0.999}, "inner": {"r_pim": 1.3}},
        {},
    ),
    "autoproc/ISPyBTasks__autoPROC_staraniso.xml": ("autoPROC", {"overall": {"high": 1.525}}, {}),
    "autoproc/AutoProcessingWrappers__autoPROC.xml": ("autoPROC", {"overall": {"r_merge": 51.3}}, {}),
    "autoproc/AutoProcessingWrappers__autoPROC_staraniso.xml": ("autoPROC", {"overall": {"high": 2.199}}, {}),
    "fragmax/results_xdsapp2.txt": (
        "XDSAPP",
        {"overall": {"r_meas": 65.3, "cc_half": 0.771, "low": 41.23}, "outer": {"r_meas": 103.9, "cc_half": 0.802}},
        {},
    ),
    "fragmax/results_xdsapp3.txt": ("XDSAPP", {"overall": {"high": 1.79}}, {}),
    "fragmax/results_xdsapp_isigi.txt": ("XDSAPP", {"overall": {"i_over_sigma": -0.04}}, {}),
    "fragmax/results_xdsapp_no_mosaicity.txt": ("XDSAPP", {"overall": {"high": 3.73}}, {}),
    "xdsapp/results_t1_1.txt": ("XDSAPP", {"overall": {"completeness": 5.6}}, {}),
    "xdsapp/results_xtal5w1_1.txt": ("XDSAPP", {}, {}),
    "xdsapp/CORRECT.LP": ("XDS", {}, {"i_over_sigma": (9, 0.0, 0.0)}),
    "xdsapp/XSCALE.LP": ("XSCALE", {}, {}),
    "xds/CORRECT_ANOM.LP": ("XDS", {}, {"sig_anomalous": (9, 0.0, 0.0)}),
    "xds_edna2/Best__CORRECT.LP": ("XDS", {"overall": {"completeness": 0.1}}, {}),
    "fragmax/Data_2_autoPROC_TRUNCATE_all.cif": (
        "mmCIF",
        {"overall": {"r_meas": 9.35, "completeness": 100.0, "multiplicity": 25.78, "cc_half": 0.999}},
        {"r_meas": (20, 0.0, 0.0)},
    ),
    "model/5i55.cif": ("mmCIF", {"overall": {"r_merge": 12.4}}, {}),
    "mtz/AUTOMATIC_DEFAULT_scaled.mtz": ("MTZ", {}, {"i_over_sigma": (20, 0.0, 0.0)}),
    "mtz/thaumatin.mtz": ("MTZ", {}, {"completeness": (20, 0.0, 0.0)}),
    "mtz/biotin_talos.mtz": ("MTZ", {}, {}),
    "mtz/5e5z.mtz": ("MTZ", {}, {}),
    "mtz/HEWL_refined.mtz": ("MTZ", {}, {}),
    "mtz/data_unmerged.mtz": ("MTZ", {"overall": {}}, {}),
}


def real(name: str) -> Path:
    place = folder()
    if place is None or not (place / "mx_processing" / name).exists():
        pytest.skip(f"real file not here: mx_processing/{name}")
    return place / "mx_processing" / name


@pytest.mark.parametrize("name", REAL)
def test_a_real_file_says_what_a_person_reads_in_it(name: str) -> None:
    if name.endswith((".mtz", ".cif")):
        pytest.importorskip("gemmi", reason="gemmi is not installed")
    program, shells, curves = REAL[name]
    report = read_file(real(name))
    assert report.program == program
    for shell, values in shells.items():
        assert {key: report.shells[shell][key] for key in values} == pytest.approx(values), shell
    drawn = {curve.key: curve for curve in report.curves}
    for key, (count, first, last) in curves.items():
        assert len(drawn[key].x) == count, key
        if first or last:
            assert (drawn[key].y[0], drawn[key].y[-1]) == pytest.approx((first, last), rel=1e-6), key


def test_no_file_of_a_pipeline_raises_anything_but_words() -> None:
    place = folder()
    if place is None or not (place / "mx_processing").is_dir():
        pytest.skip("real files not here: mx_processing")
    usable, refused = 0, list[str]()
    for path in sorted((place / "mx_processing").rglob("*")):
        if not path.is_file():
            continue
        try:
            report = read_file(path)
        except Unusable as error:
            refused.append(str(error))
            continue
        usable += 1
        for curve in report.curves:
            assert list(curve.x) == sorted(curve.x), (path.name, curve.key)
            assert all(0 < x < 4 for x in curve.x), (path.name, curve.key)
        for shell in report.shells.values():
            assert shell.get("completeness", 0) <= 100.1, path.name
    assert usable >= len(REAL)
    assert len(refused) > 50
    assert {words.split()[0] for words in refused} <= {"is", "holds", "needs", "could"}


def test_an_unmerged_mtz_gives_the_r_values_that_gemmi_gives(tmp_path: Path) -> None:
    gemmi = pytest.importorskip("gemmi", reason="gemmi is not installed")
    path = real("mtz/data_unmerged.mtz")
    # gemmi's own merging of the same columns, by hand.
    mtz = gemmi.read_mtz_file(str(path))
    table, labels = np.array(mtz), mtz.column_labels()
    hkl = table[:, :3].astype(np.int32)
    value, sigma = (table[:, labels.index(name)].astype(float) for name in ("I", "SIGI"))
    intensities = gemmi.Intensities()
    intensities.set_data(mtz.cell, mtz.spacegroup, hkl, value, sigma)
    intensities.prepare_for_merging(gemmi.DataType.Mean)
    stats = intensities.calculate_merging_stats(None, "X")[0]
    overall = read_file(path).shells["overall"]
    assert overall["r_meas"] == pytest.approx(100 * stats.r_meas())
    assert overall["observations"] == stats.all_refl


# ---- made-up files --------------------------------------------------------------------------------------------------

PLOTLY = {
    "cc_one_half": {
        "data": [
            {"x": [0.1, 0.2, 0.3], "y": [0.99, 0.9, 0.4], "name": "CC<sub>½</sub>"},
            {"x": [0.1, 0.2, 0.3], "y": [0.5, 0.2, 0.1], "name": "CC-anom"},
        ],
        "layout": {"xaxis": {"title": "Resolution (Å)"}},
    },
    "i_over_sig_i_vs_batch": {"data": [{"x": [1, 2, 3], "y": [9, 9, 9], "name": "I/sigI vs batch"}]},
}
SHAPES = {
    "plotly": (PLOTLY, {"cc_half": (0.99, 0.9, 0.4), "cc_anomalous": (0.5, 0.2, 0.1)}),
    "nested": ({"merging": {"graphs": PLOTLY}}, {"cc_half": (0.99, 0.9, 0.4), "cc_anomalous": (0.5, 0.2, 0.1)}),
    "one figure": ({"title": "x", "data": [{"x": [0.1, 0.2], "y": [9.0, 1.0], "name": "I/sigI"}]},
                   {"i_over_sigma": (9.0, 1.0)}),
    "series": ([{"label": "Rmeas", "x": [0.1, 0.2], "y": [0.03, 0.9]}], {"r_meas": (3.0, 90.0)}),
    "pairs": ([{"label": "CChalf", "data": [[0.1, 99.9], [0.2, 55.0]]}], {"cc_half": (0.999, 0.55)}),
    "bins": ({"d_star_sq_min": [0.0, 0.1], "d_star_sq_max": [0.1, 0.2], "r_pim": [0.02, 0.3], "completeness": [1, 0.9]},
             {"r_pim": (2.0, 30.0), "completeness": (100.0, 90.0)}),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_json_of_each_known_shape_gives_its_curves_in_our_units(shape: str) -> None:
    value, expected = SHAPES[shape]
    found = {curve.key: curve.y for curve in read_text(json.dumps(value)).curves}
    assert found.keys() == expected.keys()
    for key, values in expected.items():
        assert found[key] == pytest.approx(values), key


OTHER_JSON = ["{}", "[]", "[1, 2", "3", '"text"', '{"data": 3}', '{"cc_half": {"x": "abc", "y": [1]}}',
              '{"a": ' * 2000 + "1" + "}" * 2000, '{"cc_half": {"data": [{"x": [1, null], "y": [NaN, Infinity]}]}}',
              '{"cc_half": {"data": [null, 5]}}', '{"completeness": {"x": [true, "1"], "y": [[], {}]}}']  # fmt: skip


@pytest.mark.parametrize("text", OTHER_JSON, ids=range(len(OTHER_JSON)))
def test_json_of_another_shape_says_so(text: str) -> None:
    with pytest.raises(Unusable, match=r"JSON|known here|no program"):
        read_text(text)


def test_xml_that_declares_entities_is_refused_before_it_is_read() -> None:
    bomb = '<?xml version="1.0"?><!DOCTYPE z [<!ENTITY a "ha">' + "".join(
        f'<!ENTITY a{n} "{f"&a{n - 1 or str()};" * 10}">' for n in range(1, 20)
    )
    with pytest.raises(Unusable, match="declarations"):
        read_text(bomb + "]><AutoProcContainer>&a19;</AutoProcContainer>")
    with pytest.raises(Unusable, match="not whole XML"):
        read_text("<AutoProcContainer><AutoProc>")
    with pytest.raises(Unusable, match="no merging statistics"):
        read_text("<?xml version='1.0'?><AutoProcContainer/>")


XDS = """ ***** XSCALE ***** (VERSION x)
 SUBSET OF INTENSITY DATA WITH SIGNAL/NOISE >= -3.0 AS FUNCTION OF RESOLUTION
 RESOLUTION     NUMBER OF REFLECTIONS    COMPLETENESS R-FACTOR  R-FACTOR COMPARED I/SIGMA   R-meas  CC(1/2)
   LIMIT     OBSERVED  UNIQUE  POSSIBLE     OF DATA   observed  expected                                      Corr

     4.00         100      50        50      100.0%       3.4%      3.7%       99   43.96      3.7%    99.8*    16* 0 9
     2.00         100      50       100       50.0%     -99.9%    -99.9%        0    1.00    -99.9%     7.1*-    3 0 9
    total         200     100       150       66.7%       5.6%      6.0%      199   13.86      6.2%    99.9*     7 0 9
"""


def test_a_value_that_xds_calls_absent_is_none_and_no_minus_99_9_percent() -> None:
    report = read_text(XDS)
    assert "r_meas" not in report.shells["outer"]
    assert report.shells["overall"]["r_meas"] == pytest.approx(6.2)
    assert report.shells["outer"]["low"] == 4.0
    curves = {curve.key: curve for curve in report.curves}
    assert "r_meas" not in curves  # one point is no curve
    assert curves["completeness"].y == (100.0, 50.0)
    assert curves["completeness"].x == pytest.approx(((1 / 16) / 2, (1 / 16 + 1 / 4) / 2))


@pytest.mark.parametrize("share", [0.2, 0.5, 0.75])
def test_a_log_that_was_cut_off_gives_what_is_whole_or_says_so(share: float) -> None:
    text = XDS[: int(len(XDS) * share)]
    if share < 0.7:
        with pytest.raises(Unusable, match=r"cut off|no merging statistics|no table"):
            read_text(text)
    else:
        assert "overall" not in read_text(text).shells


def attachment(folder: Path, name: str, data: bytes) -> str:
    (folder / name).write_bytes(data)
    found = look(Files((folder,)), {"id": 1, "name": name, "directory": str(folder)})
    assert found.report is None
    return found.words


def test_each_bad_attachment_says_what_is_wrong_with_it(tmp_path: Path) -> None:
    assert attachment(tmp_path, "a.log", b"") == "“a.log” is empty."
    assert "not text" in attachment(tmp_path, "b.log", bytes(range(256)) * 100)
    assert "no program" in attachment(tmp_path, "c.log", b"hello\n" * 100)
    assert "no MTZ" in attachment(tmp_path, "d.mtz", b"MTZ " + bytes(50))
    assert "damaged gzip" in attachment(tmp_path, "e.log.gz", b"\x1f\x8b\x08" + b"x" * 50)
    with (tmp_path / "huge.log").open("wb") as file:
        file.truncate(200_000_000)
    found = look(Files((tmp_path,)), {"id": 1, "name": "huge.log", "directory": str(tmp_path)})
    assert found.words == "“huge.log” is too large: 200 MB, and only 20 MB are read."
    packed = gzip.compress(b"a" * 30_000_000)
    assert "once unpacked" in attachment(tmp_path, "bomb.log.gz", packed)
    gone = look(Files((tmp_path,)), {"id": 1, "name": "gone.log", "directory": str(tmp_path)})
    assert "not on disk any more" in gone.words
    outside = look(Files((tmp_path,)), {"id": 1, "name": "passwd", "directory": "/etc"})
    assert "may read" in outside.words
    nowhere = look(Files((tmp_path,)), {"id": 1, "name": None, "directory": None})
    assert "no file path" in nowhere.words


def test_a_file_is_read_again_only_when_it_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import data.techniques.mx.curves as curves

    calls: list[Path] = []

    def read(path: Path) -> Report:
        calls.append(path)
        return read_text(path.read_text())

    monkeypatch.setattr(curves, "read_file", read)
    row = {"id": 1, "name": "XSCALE.LP", "directory": str(tmp_path)}
    (tmp_path / "XSCALE.LP").write_text(XDS)
    for _ in range(3):
        assert look(Files((tmp_path,)), row).report is not None
    assert len(calls) == 1
    (tmp_path / "XSCALE.LP").write_text(XDS + "\n")
    look(Files((tmp_path,)), row)
    assert len(calls) == 2


def test_a_log_that_begins_tables_and_ends_none_is_looked_through_once() -> None:
    """It took a minute for each megabyte."""
    began = time.process_time()
    assert list(ccp4_tables("$TABLE: x\n$GRAPHS" * 50_000)) == []
    assert time.process_time() - began < 2
