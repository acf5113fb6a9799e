"""Tables as files: the rows of the page, in the rights of whoever asks, with nothing that a spreadsheet would run."""

import csv
import io
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ispyb import RIGHTS, fill, writer
from servers.darkroom import Person, Sent, Site
from servers.gated import dashboard
from sqlalchemy import make_url

from app.access import Access
from app.routes import exports
from app.routes.exports import ExportHandler
from app.services import services
from app.settings import Database, Settings
from app.settings import Store as StoreSettings
from auth.identity import Identity
from data import notebook
from data import schema as s
from data.errors import NotFound
from data.exports import QUESTIONS, Wanted
from data.lists import Asked
from data.reader import Reader
from data.scope import Holding, Scope, UnknownPerson, scope_of
from data.source import Source
from data.techniques.mx import queries

FORMULA = '=HYPERLINK("http://x","y")\n,|\''
ADDRESSES = {
    "proposals": "?page=proposals",
    "visits": "?proposal=mx1",
    "samples": "?proposal=mx1&tab=samples",
    "collections": "?visit=mx1-1&tab=mx",
    "results": "?visit=mx1-1&tab=results",
    "processing": "?collection=1001&tab=processing",
    "runs": "?visit=mx1-1&tab=runs",
}
FORMS = ("csv", "parquet", "xlsx", "py")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The tiny ISPyB behind the routes, with a formula where people type."""
    folder = tmp_path_factory.mktemp("exports")
    url = f"sqlite:///{folder / 'ispyb.db'}"
    write = writer(url)
    fill(write)
    with write.engine.begin() as connection:
        rows = replace(write, open=connection)
        rows.add(s.Collection, collection_id=1009, group_id=101, comments=FORMULA, prefix="-1+cmd", images=1)
    settings = Settings(
        database=Database(url=make_url(url)), store=StoreSettings(url=make_url(f"sqlite:///{folder / 'unused.sqlite'}"))
    )
    shared = services(settings)
    shared.access = Access(shared.source, RIGHTS, frozenset({"people"}))
    try:
        with dashboard(folder, extra=list(exports.patterns(shared))) as running:
            yield Site(running, shared, folder)
    finally:
        shared.close()
        shared.store.close()


@pytest.fixture(scope="module")
def alice(site: Site) -> Person:
    return site.person("alice")


def rows_of(sent: Sent) -> list[dict[str, str]]:
    assert sent.status == 200, sent.data[:300]
    return list(csv.DictReader(io.StringIO(sent.data.decode())))


def test_every_question_has_an_address_here() -> None:
    assert ADDRESSES.keys() == QUESTIONS.keys()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ADDRESSES)
def test_every_table_may_be_taken_away_in_every_form(alice: Person, name: str, form: str) -> None:
    if form == "parquet":
        pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    if form == "xlsx":
        pytest.importorskip("openpyxl", reason="openpyxl is not installed")
    sent = alice.get(f"/export/{name}.{form}{ADDRESSES[name]}")
    assert sent.status == 200, sent.data[:300]
    assert sent.headers["Content-Disposition"].startswith("attachment; filename=")
    assert sent.headers["Cache-Control"] == "private, no-store"
    assert sent.headers["X-Content-Type-Options"] == "nosniff"
    assert sent.data[:4] == {"parquet": b"PAR1", "xlsx": b"PK\x03\x04"}.get(form, sent.data[:4])


@pytest.mark.parametrize("name", ["visits", "samples", "collections", "results", "processing"])
def test_what_one_may_not_see_is_answered_like_what_is_not_there(site: Site, name: str) -> None:
    missing = site.person("alice").get(
        f"/export/{name}.csv?visit=mx99-1&tab=mx&collection=99&tab=processing&proposal=mx99"
        if name == "processing"
        else f"/export/{name}.csv?{'visit=mx99-1' if 'visit' in ADDRESSES[name] else 'proposal=mx99'}&tab=mx"
    )
    carol = site.person("carol")
    forbidden = carol.get(f"/export/{name}.csv{ADDRESSES[name]}")
    assert (forbidden.status, forbidden.data) == (missing.status, missing.data)
    assert forbidden.status == 404
    for form in FORMS:
        assert carol.get(f"/export/{name}.{form}{ADDRESSES[name]}").status == 404


def test_nobody_takes_a_table_away_without_signing_in(site: Site) -> None:
    for name, address in ADDRESSES.items():
        assert Person(site.running.browser()).get(f"/export/{name}.csv{address}").status == 401


@pytest.mark.parametrize(
    "path",
    ["/export/persons.csv?proposal=mx1", "/export/results.md?visit=mx1-1&tab=results", "/export/collections.csv",
     "/export/collections.csv?visit=mx1-1&tab=nonsense", "/export/table1.csv?page=table1&v.results=6",
     "/export/table1.xlsx?page=table1&v.results=3", "/export/table1.csv?page=table1&v.results=x,-1,1e9"],
)  # fmt: skip
def test_nonsense_is_not_found(alice: Person, path: str) -> None:
    assert alice.get(path).status == 404


def test_the_file_holds_the_rows_of_the_page_filtered_and_sorted_as_it_stands(alice: Person) -> None:
    every = rows_of(alice.get("/export/collections.csv?visit=mx1-1&tab=mx"))
    assert [row["id"] for row in every] == ["1004", "1002", "1009", "1003", "1001"]
    chosen = rows_of(alice.get("/export/collections.csv?visit=mx1-1&tab=mx&sort=resolution&f.images=%3E2&q=data"))
    assert [row["id"] for row in chosen] == ["1001", "1002"]
    chosen = rows_of(alice.get("/export/collections.csv?visit=mx1-1&tab=mx&sort=-resolution&f.resolution=%3E1"))
    assert [row["id"] for row in chosen] == ["1002", "1004", "1003", "1001"]
    assert [row["resolution (Å)"] for row in chosen] == ["2.5", "1.75", "1.5", "1.5"]


def test_a_long_list_is_whole_and_has_every_row_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.exports._PART", 2)
    bob = site.person("bob")
    rows = rows_of(bob.get("/export/collections.csv?visit=mx1-1&tab=mx"))
    assert sorted(row["id"] for row in rows) == ["1001", "1002", "1003", "1004", "1009"]
    sorted_rows = rows_of(bob.get("/export/collections.csv?visit=mx1-1&tab=mx&sort=id"))
    assert [row["id"] for row in sorted_rows] == ["1001", "1002", "1003", "1004", "1009"]
    monkeypatch.setattr("app.routes.exports.MOST", 3)
    assert len(rows_of(bob.get("/export/collections.csv?visit=mx1-1&tab=mx"))) == 3


def test_in_csv_no_cell_begins_a_formula(alice: Person) -> None:
    sent = alice.get("/export/collections.csv?visit=mx1-1&tab=mx")
    cells = [cell for row in csv.reader(io.StringIO(sent.data.decode())) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@", "\t"))]
    assert "'" + FORMULA in cells


def test_in_a_workbook_a_formula_is_text_and_a_number_a_number(alice: Person) -> None:
    openpyxl = pytest.importorskip("openpyxl", reason="openpyxl is not installed")
    sent = alice.get("/export/collections.xlsx?visit=mx1-1&tab=mx")
    sheet = openpyxl.load_workbook(io.BytesIO(sent.data)).active
    cells = [cell for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert not [cell for cell in cells if cell.data_type == "f"]
    assert [cell.value.replace("_x000a_", "\n") for cell in cells if str(cell.value).startswith("=")] == [FORMULA]
    heads = [cell.value for cell in sheet[1]]
    first = dict(zip(heads, [cell.value for cell in sheet[2]], strict=True))
    assert first["id"] == 1004
    assert first["transmission (%)"] == 40.0


def test_a_parquet_file_has_types_units_and_the_columns_of_ispyb(alice: Person) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    table = parquet.read_table(io.BytesIO(alice.get("/export/results.parquet?visit=mx1-1&tab=results").data))
    assert table.num_rows == 1
    (row,) = table.to_pylist()
    assert (row["high"], row["cc_half"], row["pipeline"]) == pytest.approx((1.7, 0.996, "autoPROC"))
    about = table.schema.field("r_meas").metadata
    assert about[b"unit"] == b"%"
    assert about[b"source"] == b"AutoProcScalingStatistics.rMeasAllIPlusIMinus"
    empty = parquet.read_table(
        io.BytesIO(alice.get("/export/results.parquet?visit=mx1-1&tab=results&f.high=%3E9").data)
    )
    assert empty.num_rows == 0
    assert empty.schema.equals(table.schema)


def test_another_rule_in_the_link_is_the_rule_of_the_file(alice: Person) -> None:
    (row,) = rows_of(alice.get("/export/results.csv?visit=mx1-1&tab=results&v.rule=completeness,overall"))
    assert row["Pipeline"] == "fast_dp"
    rows = rows_of(alice.get("/export/processing.csv?collection=1001&tab=processing&v.rule=completeness,overall"))
    assert {row["pipeline"] for row in rows if row["best"] == "yes"} == {"fast_dp"}


@pytest.mark.parametrize("form", ["csv", "md", "tex"])
def test_table_1_is_made_of_the_results_that_one_may_see(site: Site, form: str) -> None:
    address = f"/export/table1.{form}?page=table1&v.results=3,6"
    assert "autoPROC" in site.person("alice").get(address).data.decode()
    assert "collection 4001" not in site.person("alice").get(address).data.decode()
    assert "collection 1001" not in site.person("carol").get(address).data.decode()
    assert site.person("carol").get(address.replace("3,6", "3")).status == 404


def test_a_file_that_is_taken_slowly_ends_when_rights_change(site: Site) -> None:
    scopes = [Scope(1, name="Alice", everything=True)]
    handler = ExportHandler.__new__(ExportHandler)
    handler.identity = Identity("people", "alice", "alice", "Alice")
    handler._services = SimpleNamespace(access=SimpleNamespace(scope=lambda identity: scopes[0]))  # type: ignore[assignment]
    handler._asked = time.monotonic()
    reader, pieces = Reader(site.services.source, scopes[0]), iter([b"1", b"2", b"3"])
    assert handler._next(reader, pieces) == b"1"
    scopes[0] = replace(scopes[0], holdings=(Holding("a group that gives nothing"),))
    assert handler._next(reader, pieces) == b"2"
    scopes[0] = replace(scopes[0], everything=False)
    with pytest.raises(NotFound):
        handler._next(reader, pieces)


# ---- the snippet runs ------------------------------------------------------------------------------------------------


def run(code: str, url: str, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    monkeypatch.setenv("ISPYB_LENS_DATABASE_URL", url)
    names: dict[str, Any] = {}
    exec(compile(code, "snippet", "exec"), names)
    names["reader"]._source.close()
    found: list[dict[str, Any]] = names["rows"]
    return found


def test_the_snippet_runs_and_reads_the_rows_of_the_page(
    site: Site, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{site.folder / 'ispyb.db'}"
    address = "visit=mx1-1&tab=mx&sort=-resolution&f.resolution=%3E1"
    code = alice.get(f"/export/collections.py?{address}").data.decode()
    assert "from data import notebook" in code
    rows = run(code, url, monkeypatch)
    page = queries.collections(
        Reader(site.services.source, scope_of(site.services.source, "alice", RIGHTS)),
        11,
        Asked("resolution", True, (("resolution", ">1"),)),
        0,
        50,
    )
    assert [row["id"] for row in rows] == [row["id"] for row in page.rows]
    assert rows[0].keys() == {field.key for field in queries.FIELDS}
    # The same lines with another login see what that person sees, and nobody sees nothing.
    with pytest.raises(Exception, match="does not exist, or you do not have access"):
        run(code.replace("'alice'", "'carol'"), url, monkeypatch)
    with pytest.raises(UnknownPerson):
        run(code.replace("'alice'", "'mallory'"), url, monkeypatch)


def test_what_people_type_into_a_filter_stays_text_in_the_snippet(monkeypatch: pytest.MonkeyPatch) -> None:
    evil = "x'); import os; os.environ['RAN']='yes' #\n\\"
    wanted = Wanted("mx1", 1, asked=Asked(filters=(("comments", evil),), search=evil), view={"rule": evil})
    code = notebook.snippet("results", wanted, "alice'\n")
    monkeypatch.delenv("RAN", raising=False)
    monkeypatch.setattr("data.notebook.open_reader", lambda *given: given)
    monkeypatch.setattr("data.notebook.table", lambda reader, name, **given: [given])
    monkeypatch.setenv("ISPYB_LENS_DATABASE_URL", "sqlite://")
    names: dict[str, Any] = {}
    exec(compile(code, "snippet", "exec"), names)
    assert names["rows"][0]["search"] == evil
    assert names["rows"][0]["filters"] == {"comments": evil}
    assert names["reader"][1] == "alice'\n"
    import os

    assert "RAN" not in os.environ


def test_a_reader_of_a_notebook_has_the_rights_of_its_person(site: Site) -> None:
    url = f"sqlite:///{site.folder / 'ispyb.db'}"
    reader = notebook.open_reader(url, "staff", RIGHTS)
    assert [row["name"] for row in notebook.table(reader, "proposals")] == ["mx10", "mx1"]
    assert isinstance(reader._source, Source)
    reader._source.close()
    assert Path(site.folder / "ispyb.db").exists()
