"""Table 1 of a paper: the statistics of chosen results, with the source of every number, as CSV, Markdown or LaTeX."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from data.core.names import visit_name
from data.reader import Reader
from data.schema import (
    AutoProc,
    Collection,
    Group,
    Program,
    Proposal,
    Sample,
    Scaling,
    Statistics,
    Visit,
)
from data.sheet import harmless
from data.techniques.mx.best import scalings
from data.techniques.mx.curves import Statistics as FromFiles
from data.techniques.mx.shells import STORED, same_units

Row = dict[str, Any]
MOST = 12
_CELL = ("a", "b", "c", "alpha", "beta", "gamma")
_STATISTICS = tuple(
    attribute.key
    for attribute in Statistics.__mapper__.column_attrs
    if attribute.key not in {"id", "scaling_id", "shell"}
)
_COLUMNS = {
    attribute.key: f"AutoProcScalingStatistics.{attribute.columns[0].name}"
    for attribute in Statistics.__mapper__.column_attrs
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: its label, and for every result a text and where it is from."""

    label: str
    unit: str
    cells: tuple[str, ...]
    sources: tuple[str, ...]

    @property
    def head(self) -> str:
        """Label and unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


@dataclass(frozen=True, slots=True)
class Table1:
    """``heads`` name the results. Values are overall, with those of the outer shell in brackets."""

    heads: tuple[str, ...]
    notes: tuple[str, ...]
    lines: tuple[Line, ...] = field(default=())


def chosen(reader: Reader, scalings: Sequence[int]) -> list[Row]:
    """The results of these scalings, in this order, each once; those that may not be seen are left out. Two statements.

    A scaling of several collections stands under the first of them, and ``collections`` counts them.
    """
    ids = list(dict.fromkeys(scalings))[:MOST]
    if not ids:
        return []
    rows: dict[int, Row] = {}
    for found in reader.rows(_results(ids)):
        known = rows.get(found.scaling_id)
        if known is not None:
            known["collections"] += 1
            continue
        row = dict(found._mapping)
        row["visit"] = visit_name(row.pop("_code"), row.pop("_proposal"), row.pop("_visit"))
        rows[found.scaling_id] = row | {"collections": 1, "overall": None, "inner": None, "outer": None, "sources": {}}
    for found in reader.rows(_shells(ids)):
        shell = STORED.get((found.shell or "").lower())
        if shell is not None and found.scaling_id in rows:
            rows[found.scaling_id][shell] = {key: getattr(found, key) for key in _STATISTICS}
    for row in rows.values():
        same_units({name: row[name] for name in ("overall", "inner", "outer")})
    return [rows[key] for key in ids if key in rows]


def _results(ids: Sequence[int]) -> Any:
    columns = (
        Scaling.scaling_id,
        Collection.collection_id,
        Program.program_id,
        Program.name.label("program"),
        Proposal.code.label("_code"),
        Proposal.number.label("_proposal"),
        Visit.number.label("_visit"),
        Visit.beamline,
        Collection.prefix,
        Collection.number.label("run"),
        Collection.wavelength,
        Sample.name.label("sample"),
        AutoProc.space_group,
        *(getattr(AutoProc, f"cell_{name}") for name in _CELL),
    )
    return (
        scalings(*columns)
        .join(Proposal, Proposal.proposal_id == Visit.proposal_id)
        .outerjoin(Sample, Sample.sample_id == Group.sample_id)
        .outerjoin(AutoProc, AutoProc.auto_proc_id == Scaling.auto_proc_id)
        .where(Scaling.scaling_id.in_(ids))
        .order_by(Collection.collection_id)
    )


def _shells(ids: Sequence[int]) -> Any:
    columns = (Statistics.scaling_id, Statistics.shell, *(getattr(Statistics, key) for key in _STATISTICS))
    return (
        scalings(*columns)
        .join(Statistics, Statistics.scaling_id == Scaling.scaling_id)
        .where(Scaling.scaling_id.in_(ids))
        .order_by(Statistics.id)
    )


def completed(row: Row, files: FromFiles | None) -> Row:
    """``row`` with the statistics that ISPyB lacks, where a file of the same run has them; ``sources`` says which."""
    if files is None:
        return row
    row = row | {"sources": dict(row["sources"])}
    for source in files.sources:
        for shell in ("overall", "outer"):
            told = source.report.shells.get(shell, {}) if source.report is not None else {}
            held = dict(row[shell] or {})
            for key, value in told.items():
                if held.get(key) is None:
                    held[key] = value
                    row["sources"][shell, key] = source.name
            row[shell] = held or None
    return row


# ---- the table ------------------------------------------------------------------------------------------------------

# Label, unit, statistic, decimals. R values in percent throughout, here as on the screen.
_LINES = (
    ("Total reflections", "", "observations", 0),
    ("Unique reflections", "", "unique", 0),
    ("Multiplicity", "", "multiplicity", 1),
    ("Completeness", "%", "completeness", 1),
    ("Mean I/σ(I)", "", "i_over_sigma", 1),
    ("R_merge", "%", "r_merge", 1),
    ("R_meas", "%", "r_meas", 1),
    ("R_pim", "%", "r_pim", 1),
    ("CC_1/2", "", "cc_half", 3),
    ("Anomalous completeness", "%", "anomalous_completeness", 1),
    ("Anomalous multiplicity", "", "anomalous_multiplicity", 1),
)
_ABSENT = "–"


def table(rows: Sequence[Row]) -> Table1:
    """Table 1 of results as ``chosen`` gives them."""
    heads = tuple(_head(row) for row in rows)
    notes = tuple(
        f"{head}: {row['program'] or 'unknown program'}, collection {row['collection_id']}"
        f"{_others(row)}, visit {row['visit']}, "
        f"AutoProcScaling {row['scaling_id']}"
        for head, row in zip(heads, rows, strict=True)
    )
    lines = [
        _line("Wavelength", "Å", [_number(row["wavelength"], 4) for row in rows], "DataCollection.wavelength"),
        _resolution(rows),
        _line("Space group", "", [row["space_group"] or _ABSENT for row in rows], "AutoProc.spaceGroup"),
        _line("Unit cell a, b, c", "Å", [_cell(row, _CELL[:3]) for row in rows], "AutoProc.refinedCell_a, _b, _c"),
        _line("α, β, γ", "°", [_cell(row, _CELL[3:]) for row in rows], "AutoProc.refinedCell_alpha, _beta, _gamma"),
        *(_statistic(rows, *line) for line in _LINES),
    ]
    return Table1(heads, notes, tuple(lines))


def _others(row: Row) -> str:
    return f" and {row['collections'] - 1} more" if row["collections"] > 1 else ""


def _head(row: Row) -> str:
    name = row["sample"] or row["prefix"] or f"Collection {row['collection_id']}"
    return f"{name} ({row['collection_id']})"


def _line(label: str, unit: str, cells: Sequence[str], source: str) -> Line:
    return Line(label, unit, tuple(cells), (source,) * len(cells))


def _number(value: float | None, digits: int) -> str:
    return _ABSENT if value is None else f"{value:.{digits}f}"


def _cell(row: Row, names: Sequence[str]) -> str:
    values = [row[f"cell_{name}"] for name in names]
    return _ABSENT if all(value is None for value in values) else ", ".join(_number(value, 2) for value in values)


def _resolution(rows: Sequence[Row]) -> Line:
    cells, sources = [], []
    for row in rows:
        text = _limits(row["overall"])
        outer = _limits(row["outer"])
        cells.append(text if outer == _ABSENT or text == _ABSENT else f"{text} ({outer})")
        sources.append(_source(row, ("low", "high")))
    return Line("Resolution range", "Å", tuple(cells), tuple(sources))


def _limits(shell: Mapping[str, Any] | None) -> str:
    shell = shell or {}
    if shell.get("high") is None:
        return _ABSENT
    return f"{_number(shell.get('low'), 2)}–{_number(shell['high'], 2)}"


def _statistic(rows: Sequence[Row], label: str, unit: str, key: str, digits: int) -> Line:
    cells, sources = [], []
    for row in rows:
        overall, outer = ((row[name] or {}).get(key) for name in ("overall", "outer"))
        text = _number(overall, digits)
        cells.append(text if outer is None or overall is None else f"{text} ({_number(outer, digits)})")
        sources.append(_source(row, (key,)))
    return Line(label, unit, tuple(cells), tuple(sources))


def _source(row: Row, keys: Sequence[str]) -> str:
    columns = ", ".join(_COLUMNS[key] for key in keys)
    files = {name for (_, key), name in row["sources"].items() if key in keys}
    return f"{columns}; file {', '.join(sorted(files))}" if files else columns


# ---- forms ----------------------------------------------------------------------------------------------------------

_BRACKETS = "Values in brackets are those of the outer shell. R values in percent."


def as_csv(table: Table1) -> str:
    """The table, and beside each value its source."""
    out = io.StringIO()
    write = csv.writer(out)
    write.writerow([harmless(cell) for cell in ("", *table.heads, *(f"Source: {head}" for head in table.heads))])
    for line in table.lines:
        write.writerow([harmless(cell) for cell in (line.head, *line.cells, *line.sources)])
    write.writerow([_BRACKETS])
    for note in table.notes:
        write.writerow([harmless(note)])
    return out.getvalue()


def as_markdown(table: Table1) -> str:
    """The table, with the sources under it."""
    rows = [("", *table.heads), *((line.head, *line.cells) for line in table.lines)]
    lines = ["| " + " | ".join(map(_markdown, row)) + " |" for row in rows]
    lines.insert(1, "|---|" + "---:|" * len(table.heads))
    lines += ["", _BRACKETS, "", *(f"- {_markdown(note)}" for note in table.notes), "", "Sources:", ""]
    for line in table.lines:
        same = len(set(line.sources)) == 1
        told = line.sources[:1] if same else [f"{h}: {s}" for h, s in zip(table.heads, line.sources, strict=True)]
        lines.append(f"- {_markdown(line.label)}: {_markdown('; '.join(told))}")
    return "\n".join(lines) + "\n"


def _markdown(text: str) -> str:
    plain = " ".join(text.split())
    return re.sub(r"([\\`*_{}\[\]<>#|!&~$])", r"\\\1", plain)


_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}", "–": "--",
    "Å": r"\AA{}", "°": r"$^\circ$", "σ": r"$\sigma$", "α": r"$\alpha$", "β": r"$\beta$", "γ": r"$\gamma$",
    "½": r"$1/2$",
}  # fmt: skip
_SUBSCRIPTS = {"R_merge": r"$R_\mathrm{merge}$", "R_meas": r"$R_\mathrm{meas}$", "R_pim": r"$R_\mathrm{pim}$",
               "CC_1/2": r"$CC_{1/2}$"}  # fmt: skip


def latex(text: str) -> str:
    """A text as LaTeX prints it."""
    return "".join(_LATEX.get(letter, letter) for letter in " ".join(text.split()))


def as_latex(table: Table1) -> str:
    """A ``tabular``, with the sources as comments."""
    lines = [r"\begin{tabular}{l" + "r" * len(table.heads) + "}", r"\hline"]
    lines += [" & ".join(["", *map(latex, table.heads)]) + r" \\", r"\hline"]
    for line in table.lines:
        name = _SUBSCRIPTS.get(line.label, latex(line.label))
        label = f"{name} ({latex(line.unit)})" if line.unit else name
        lines.append(" & ".join([label, *map(latex, line.cells)]) + r" \\")
    lines += [r"\hline", r"\end{tabular}", "", latex(_BRACKETS), ""]
    told = [*table.notes, *(f"{line.label}: {'; '.join(dict.fromkeys(line.sources))}" for line in table.lines)]
    lines += [f"% {' '.join(note.split())}" for note in told]
    return "\n".join(lines) + "\n"
