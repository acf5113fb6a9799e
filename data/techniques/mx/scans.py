"""Energy scans and X-ray fluorescence spectra of a visit: their rows, and what their files hold."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import select

from data.core.contents import Content, Kind, content
from data.core.names import proposal_name, visit_name
from data.errors import NotFound
from data.images.files import Files, State
from data.reader import Reader
from data.schema import Crystal, EnergyScan, Fluorescence, Proposal, Protein, Sample, Visit
from data.techniques.collections import protein_name
from data.techniques.mx.edges import Factors, Measured, in_ev, read_factors, read_scan
from data.techniques.mx.logs.report import Unusable
from data.techniques.mx.spectra import Calibration, Spectrum, calibrated, read_spectrum

Row = dict[str, Any]
T = TypeVar("T")
_ENERGIES = ("energy_start", "energy_end", "peak_energy", "inflection_energy", "remote_energy")


@dataclass(frozen=True, slots=True)
class FromFile(Generic[T]):
    """What a file gave, or in words why it gave nothing; ``name`` is the file's."""

    found: T | None
    name: str
    words: str = ""


def _placed(mapped: Any, *columns: Any) -> Any:
    return (
        select(
            *columns,
            Visit.visit_id,
            Visit.number.label("visit_number"),
            Visit.beamline,
            Proposal.code.label("_code"),
            Proposal.number.label("_number"),
            Sample.sample_id,
            Sample.name.label("sample"),
            protein_name().label("protein"),
        )
        .select_from(Visit)
        .join(Proposal, Proposal.proposal_id == Visit.proposal_id)
        .join(mapped, mapped.visit_id == Visit.visit_id)
        .outerjoin(Sample, Sample.sample_id == mapped.sample_id)
        .outerjoin(Crystal, Crystal.crystal_id == Sample.crystal_id)
        .outerjoin(Protein, Protein.protein_id == Crystal.protein_id)
    )


def _own(mapped: Any) -> list[Any]:
    skipped = {"visit_id", "sample_id"}
    return [
        getattr(mapped, attribute.key).label(attribute.key)
        for attribute in mapped.__mapper__.column_attrs
        if attribute.key not in skipped
    ]


def _named(row: Any) -> Row:
    found = dict(row._mapping)
    code, number = found.pop("_code"), found.pop("_number")
    return found | {
        "proposal": proposal_name(code, number),
        "visit": visit_name(code, number, found["visit_number"]),
    }


def energy_scan(reader: Reader, scan_id: int) -> Row:
    """One energy scan. One statement; raises NotFound.

    Keys are those of EnergyScan with energies in eV, and visit, visit_id, visit_number, proposal, beamline, sample,
    sample_id, protein.
    """
    query = _placed(EnergyScan, *_own(EnergyScan)).where(EnergyScan.scan_id == scan_id)
    row = _named(reader.one(query, "This energy scan"))
    return row | {key: in_ev(row[key]) for key in _ENERGIES}


def spectrum_of(reader: Reader, spectrum_id: int) -> Row:
    """One X-ray fluorescence spectrum. One statement; raises NotFound.

    Keys are those of Fluorescence with ``energy`` in eV, and those of the visit and sample as in ``energy_scan``.
    """
    query = _placed(Fluorescence, *_own(Fluorescence)).where(Fluorescence.spectrum_id == spectrum_id)
    row = _named(reader.one(query, "This spectrum"))
    return row | {"energy": in_ev(row["energy"])}


def scan_files(files: Files, row: Row) -> tuple[FromFile[Measured], FromFile[Factors]]:
    """What was measured in an energy scan, and f' and f'', from the files that its row names. Never raises."""
    return _from(files, [row["raw_file"]], read_scan), _from(files, [row["curve_file"]], read_factors)


def spectrum_file(files: Files, row: Row, beamline: Calibration | None = None) -> FromFile[Spectrum]:
    """The spectrum from the first of its files that can be read, calibrated by the file, else as the ``beamline`` is.

    Never raises.
    """
    return _from(
        files,
        [row["raw_file"], row["name"], row["fitted_file"]],
        lambda path: calibrated(read_spectrum(path), beamline),
    )


SHOWN = {"energyscan": ("picture",), "xrf": ("picture", "report")}
"""What a page shows of the files of a scan, by the columns of its row: drawings of CHOOCH and PyMca, and its pages."""
_FILES = {"energyscan": (*SHOWN["energyscan"], "raw_file", "curve_file"),
          "xrf": (*SHOWN["xrf"], "raw_file", "fitted_file")}  # fmt: skip


def file_of(reader: Reader, kind: str, number: int, which: str) -> str | None:
    """The stored path of a file of an energy scan or a spectrum; ``kind`` energyscan or xrf. Raises NotFound."""
    if which not in _FILES.get(kind, ()):
        raise NotFound("This file")
    row = (energy_scan if kind == "energyscan" else spectrum_of)(reader, number)
    stored: str | None = row[which]
    return stored


def shown(files: Files, row: Row, kind: str) -> dict[str, Content]:
    """What there is of each file that a page shows, of those that the row names. Never raises."""
    told = {which: row[which] for which in SHOWN[kind] if (row[which] or "").strip()}
    return {which: content(files, stored) for which, stored in told.items()}


def to_show(found: Content) -> bool:
    """Whether a page can show it."""
    return found.kind in {Kind.PICTURE, Kind.PAGE}


def _from(files: Files, stored: list[str | None], read: Callable[..., T]) -> FromFile[T]:
    tried: list[FromFile[T]] = []
    for path in stored:
        if not (path or "").strip():
            continue
        name = str(path).rsplit("/", 1)[-1][:120]
        located = files.find(path)
        if located.state is not State.PRESENT or located.path is None:
            tried.append(FromFile(None, name, located.words))
            continue
        try:
            return FromFile(read(located.path), name)
        except Unusable as error:
            tried.append(FromFile(None, name, f"“{name}” {error}."))
    return tried[0] if tried else FromFile(None, "", "ISPyB names no file of it.")
