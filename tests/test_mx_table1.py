"""Table 1: right units, overall (outer shell), the source of every number, and text that stays text in every form."""

import csv
import io
import re
from collections.abc import Iterator
from typing import Any

import pytest
from ispyb import DATABASES, Facility, shared

from data.images.files import Files
from data.sheet import harmless
from data.techniques.mx.curves import Source, Statistics
from data.techniques.mx.logs import Report
from data.techniques.mx.table1 import (
    Table1,
    as_csv,
    as_latex,
    as_markdown,
    chosen,
    completed,
    latex,
    table,
)
from data.techniques.mx.table1_files import chosen_with_files

HOSTILE = "=cmd|'/C calc'!A0 <b>|x|</b> \\input{x} 50%_&#${}~^"


@pytest.fixture(scope="module", params=DATABASES)
def tiny(request: pytest.FixtureRequest) -> Iterator[Facility]:
    """The tiny ISPyB of `ispyb.py` in one kind of database."""
    found = shared(request, request.param)
    yield found
    found.source.close()


def test_table_1_tells_values_with_those_of_the_outer_shell_in_our_units(tiny: Facility) -> None:
    rows = chosen(tiny.reader("alice"), [3, 1, 3])
    assert [row["scaling_id"] for row in rows] == [3, 1]
    made = table(rows)
    lines = {line.label: line for line in made.lines}
    assert lines["Resolution range"].cells == ("40.00–1.70 (1.80–1.70)", "40.00–1.90 (2.00–1.90)")
    assert lines["R_meas"].cells == ("7.2 (43.5)", "5.4 (32.4)")
    assert lines["CC_1/2"].cells == ("0.996 (0.996)", "0.998 (0.998)")
    assert lines["Completeness"].unit == "%"
    assert lines["Total reflections"].cells == ("–", "–")
    assert lines["R_meas"].sources == ("AutoProcScalingStatistics.rMeasAllIPlusIMinus",) * 2
    assert "autoPROC, collection 1001, visit mx1-1, AutoProcScaling 3" in made.notes[0]


@pytest.mark.parametrize(
    ("login", "seen"), [("alice", [3]), ("bob", [3]), ("staff", [6]), ("admin", [3, 6]), ("nobody", [])]
)
def test_results_that_one_may_not_see_are_left_out(tiny: Facility, login: str, seen: list[int]) -> None:
    found = chosen_with_files(tiny.reader(login), Files(()), [3, 6, 999_999])
    assert [row["scaling_id"] for row in found] == seen


def result(**overall: Any) -> dict[str, Any]:
    return {
        "scaling_id": 5, "collection_id": 7, "program_id": 2, "program": HOSTILE, "visit": "mx1-1", "prefix": None,
        "sample": HOSTILE, "wavelength": 0.97951, "space_group": "P 21 21 21", "collections": 3, "sources": {},
        **{f"cell_{name}": 50.0 for name in ("a", "b", "c", "alpha", "beta", "gamma")},
        "overall": {"low": 50.0, "high": 1.95, "r_pim": None, "cc_half": 0.99951} | overall,
        "inner": None, "outer": None,
    }  # fmt: skip


def test_a_value_that_ispyb_lacks_comes_from_a_file_and_says_so() -> None:
    report = Report("aimless", (), {"overall": {"r_pim": 2.4, "cc_half": 0.1}, "outer": {"r_pim": 18.9}})
    files = Statistics(2, {}, (Source(1, "aimless.log", report), Source(2, "gone.log", None, "gone")))
    line = {line.label: line for line in table([completed(result(), files)]).lines}
    assert line["R_pim"].cells == ("2.4 (18.9)",)
    assert line["R_pim"].sources == ("AutoProcScalingStatistics.rPimAllIPlusIMinus; file aimless.log",)
    # What ISPyB has is not replaced.
    assert line["CC_1/2"].cells == ("1.000",)
    assert "file" not in line["CC_1/2"].sources[0]
    assert table([completed(result(), None)]).lines == table([result()]).lines


def test_in_csv_no_cell_is_a_formula_and_each_value_has_its_source_beside_it() -> None:
    rows = list(csv.reader(io.StringIO(as_csv(table([result()])))))
    assert all(not cell.startswith(("=", "+", "@", "\t")) for row in rows for cell in row)
    assert rows[0][1].startswith("'=cmd")
    found = {row[0]: row[1:] for row in rows}
    assert found["Wavelength (Å)"] == ["0.9795", "DataCollection.wavelength"]
    assert found["Resolution range (Å)"][0] == "50.00–1.95"


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("-1.5", "-1.5"),
        ("-0.02 (-0.11)", "-0.02 (-0.11)"),
        ("-x", "'-x"),
        ("-2+3+cmd|' /C calc'!A0", "'-2+3+cmd|' /C calc'!A0"),
        ("-1\n", "'-1\n"),
        ("=1", "'=1"),
        ("P 21", "P 21"),
        ("", ""),
    ],
)
def test_what_a_spreadsheet_takes_for_a_formula_is_marked_as_text(text: str, safe: str) -> None:
    assert harmless(text) == safe


def test_markdown_has_one_row_for_each_line_and_no_markup_of_strangers() -> None:
    text = as_markdown(table([result(), result()]))
    head, rule, *rows = text.split("\n\n")[0].splitlines()
    assert rule == "|---|---:|---:|"
    unescaped = [len(re.findall(r"(?<!\\)\|", line)) for line in (head, *rows)]
    assert set(unescaped) == {4}
    assert "<b>" not in text.replace(r"\<b\>", "")
    assert "Sources:" in text


def test_latex_has_nothing_that_a_stranger_could_run() -> None:
    text = as_latex(table([result()]))
    body = text.split("% ")[0]
    assert r"\input" not in body
    assert r"\textbackslash{}input\{x\}" in body
    assert body.count(r"\\") == body.count(" & ")
    assert body.startswith(r"\begin{tabular}{lr}")
    assert r"$R_\mathrm{meas}$ (\%)" in body
    # What follows the table are comments, each on one line.
    assert all(line.startswith("%") for line in text.split("percent.\n")[1].splitlines() if line)
    assert latex("α 90°") == r"$\alpha$ 90$^\circ$"


def test_an_empty_table_has_no_columns() -> None:
    assert table([]).heads == ()
    assert isinstance(table([]), Table1)
