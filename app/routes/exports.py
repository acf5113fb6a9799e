"""Tables as files: CSV, Parquet, workbooks and notebook snippets, by GET behind the same gate and the same guard.

The question is put anew, in the rights of whoever asks, for every file; rows are read and written in parts.
"""

import csv
import datetime
import io
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import IO, Any

from app.routes.streams import Streamed, attached
from app.services import Services
from data.errors import DataError, NotFound
from data.exports import MOST, Answer, Wanted, ask
from data.lists import Asked
from data.notebook import snippet
from data.reader import Reader
from data.sheet import Spec, harmless
from data.techniques.mx.table1 import as_csv, as_latex, as_markdown, table
from data.techniques.mx.table1_files import chosen_with_files
from views.place import Place, from_query
from views.techniques.mx_table1 import scalings_of

_KINDS = {
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "py": "text/x-python; charset=utf-8",
    "md": "text/markdown; charset=utf-8",
    "tex": "application/x-tex; charset=utf-8",
}
_PIECE = 256 * 1024


class NotHere(DataError):
    """A form that this server cannot write; its text says what is lacking."""


def wanted_of(place: Place) -> Wanted:
    """The question that a link names."""
    listing = place.listing
    asked = Asked(listing.sort, listing.descending or listing.sort is None, listing.filters, listing.search)
    return Wanted(place.proposal or "", place.visit, place.collection, place.tab or "mx", asked, dict(place.view))


class ExportHandler(Streamed):
    """``/export/<table>.<form>?…``, with the query of the page's link."""

    async def get(self, name: str, form: str) -> None:
        place = from_query(self.request.query)
        headers = {"Content-Type": _KINDS[form], "Content-Disposition": attached(f"{_file_name(name, place)}.{form}")}
        await self.stream(lambda reader: self._begin(reader, name, form, place), lambda: headers)

    def _begin(self, reader: Reader, name: str, form: str, place: Place) -> Iterator[bytes]:
        if name == "table1":
            return iter([self._table1(reader, form, place)])
        if form in {"md", "tex"}:
            raise NotFound("This file")
        wanted = replace(wanted_of(place), files=self._services.files)
        answer = ask(reader, name, wanted)
        if form == "py":
            return iter([snippet(name, wanted, self.identity.login).encode()])
        return {"csv": _as_csv, "parquet": _as_parquet, "xlsx": _as_xlsx}[form](answer)

    def _table1(self, reader: Reader, form: str, place: Place) -> bytes:
        forms = {"csv": as_csv, "md": as_markdown, "tex": as_latex}
        rows = chosen_with_files(reader, self._services.files, scalings_of(place.seen("results")))
        if form not in forms or not rows:
            raise NotFound("This table")
        return forms[form](table(rows)).encode()


def _file_name(name: str, place: Place) -> str:
    """Of letters, digits and dashes alone, whatever the link holds."""
    about = place.visit_name or place.proposal or (str(place.collection) if place.collection is not None else "")
    return f"{about}-{name}" if about else name


def _rows(answer: Answer) -> Iterator[list[list[Any]]]:
    """The values in the order of the columns, in parts, at most MOST rows."""
    keys, left = [spec.key for spec in answer.specs], MOST
    for part in answer.parts:
        yield [[row.get(key) for key in keys] for row in part[:left]]
        left -= len(part)
        if left <= 0:
            return


def _text(value: Any) -> Any:
    """A value for a sheet of cells: no text is taken for a formula."""
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ", "seconds")
    return harmless(value) if isinstance(value, str) else value


def _as_csv(answer: Answer) -> Iterator[bytes]:
    out = io.StringIO()
    write = csv.writer(out)
    write.writerow([harmless(spec.head) for spec in answer.specs])
    for part in _rows(answer):
        write.writerows([[_text(value) for value in row] for row in part])
        yield out.getvalue().encode()
        out.seek(0)
        out.truncate()
    if out.getvalue():
        yield out.getvalue().encode()


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while piece := file.read(_PIECE):
            yield piece


def _as_parquet(answer: Answer) -> Iterator[bytes]:
    try:
        import pyarrow
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise NotHere("Parquet needs pyarrow, which this server lacks (the extra “export” brings it).") from error
    kinds = {"text": pyarrow.string(), "choice": pyarrow.string(), "number": pyarrow.float64(),
             "time": pyarrow.timestamp("s")}  # fmt: skip
    fields = [_field(pyarrow, spec, kinds[spec.kind]) for spec in answer.specs]
    schema = pyarrow.schema(fields)
    file = tempfile.TemporaryFile()  # noqa: SIM115 - closed when its last piece is read
    try:
        with parquet.ParquetWriter(file, schema) as writer:
            for part in _rows(answer):
                columns = list(zip(*part, strict=True)) if part else [()] * len(fields)
                arrays = [
                    pyarrow.array([_typed(value, spec.kind) for value in column], type=one.type)
                    for column, spec, one in zip(columns, answer.specs, fields, strict=True)
                ]
                writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))
    except BaseException:
        file.close()
        raise
    return _pieces(file)


def _field(pyarrow: Any, spec: Spec, kind: Any) -> Any:
    about = {"unit": spec.unit, "source": spec.source, "label": spec.label}
    return pyarrow.field(spec.key, kind, metadata={key: text for key, text in about.items() if text})


def _typed(value: Any, kind: str) -> Any:
    if value is None or (kind == "time" and isinstance(value, datetime.datetime)):
        return value
    return float(value) if kind == "number" else str(value)


def _as_xlsx(answer: Answer) -> Iterator[bytes]:
    try:
        import openpyxl
        from openpyxl.cell import WriteOnlyCell
        from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
    except ImportError as error:
        raise NotHere("Workbooks need openpyxl, which this server lacks (the extra “export” brings it).") from error
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Table")

    def cell(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        made = WriteOnlyCell(sheet, value=ILLEGAL_CHARACTERS_RE.sub("\N{REPLACEMENT CHARACTER}", value)[:32_000])
        made.data_type = "s"  # text, whatever it begins with
        return made

    sheet.append([cell(spec.head) for spec in answer.specs])
    for part in _rows(answer):
        for row in part:
            sheet.append([cell(value) for value in row])
    file = tempfile.TemporaryFile()  # noqa: SIM115 - closed when its last piece is read
    book.save(file)
    return _pieces(file)


def patterns(services: Services) -> Sequence[tuple[Any, ...]]:
    """The routes of tables as files."""
    return [(r"/export/([a-z0-9]{1,20})\.(csv|parquet|xlsx|py|md|tex)", ExportHandler, {"services": services})]
