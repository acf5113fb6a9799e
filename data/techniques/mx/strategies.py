"""Characterisation of a collection's first images, and the collections that programs propose from it."""

from typing import Any

from sqlalchemy import func, select

from data.core.collection import visit_of
from data.reader import Reader
from data.schema import Collection, Group, Screening, ScreeningLattice, ScreeningOutput, Strategy, SubWedge, Wedge
from data.techniques.collections import of_visit

Row = dict[str, Any]
_LOW_COMPLETENESS = 90.0
_FEWER_CHARACTERS = 300


def screenings(reader: Reader, collection_id: int) -> list[Row]:
    """What programs made of a collection, newest first. At most eight statements; raises NotFound.

    Each row is a Screening with ``outputs``; an output has ``lattices`` and ``strategies``, a strategy ``wedges``, a
    wedge ``sub_wedges``, each with the columns of its table. Completeness is in percent, whatever the program wrote.
    A screening that names no collection is of all of its group.
    """
    visit_id = visit_of(reader, collection_id)
    rows: list[Row] = []
    for by_group in (False, True):
        found = _read(reader, Screening, visit_id, collection_id, by_group)
        if found:
            _fill(reader, found, visit_id, collection_id, by_group)
            rows += found
    return sorted(rows, key=lambda row: -row["id"])


def count(reader: Reader, collection_id: int) -> int:
    """How many screenings name a collection. One statement; 0 where it may not be seen."""
    query = (
        select(func.count(Screening.id))
        .select_from(Group)
        .join(Collection, Collection.group_id == Group.group_id)
        .join(Screening, Screening.collection_id == Collection.collection_id)
        .where(Collection.collection_id == collection_id)
    )
    return int(reader.scalar(query) or 0)


_BELOW: tuple[tuple[type, str, type, str], ...] = (
    (ScreeningOutput, "screening_id", Screening, "outputs"),
    (ScreeningLattice, "output_id", ScreeningOutput, "lattices"),
    (Strategy, "output_id", ScreeningOutput, "strategies"),
    (Wedge, "strategy_id", Strategy, "wedges"),
    (SubWedge, "wedge_id", Wedge, "sub_wedges"),
)
_WAY: dict[type, tuple[type, ...]] = {
    Screening: (),
    ScreeningOutput: (ScreeningOutput,),
    ScreeningLattice: (ScreeningOutput, ScreeningLattice),
    Strategy: (ScreeningOutput, Strategy),
    Wedge: (ScreeningOutput, Strategy, Wedge),
    SubWedge: (ScreeningOutput, Strategy, Wedge, SubWedge),
}


def _fill(reader: Reader, rows: list[Row], visit_id: int, collection_id: int, by_group: bool) -> None:
    known: dict[type, dict[int, Row]] = {Screening: {row["id"]: row for row in rows}}
    for mapped, column, owner, name in _BELOW:
        for row in known.get(owner, {}).values():
            row[name] = []
        found = _read(reader, mapped, visit_id, collection_id, by_group) if known.get(owner) else []
        for row in found:
            if row.get("completeness") is not None:
                row["completeness"] = percent(row["completeness"])
            above = known[owner].get(row[column])
            if above is not None:
                above[name].append(row)
        known[mapped] = {row["id"]: row for row in found}


def _read(reader: Reader, mapped: Any, visit_id: int, collection_id: int, by_group: bool) -> list[Row]:
    columns = [getattr(mapped, attribute.key) for attribute in mapped.__mapper__.column_attrs]
    query = of_visit(select(*columns), visit_id)
    if by_group:
        query = query.join(Screening, Screening.group_id == Group.group_id).where(Screening.collection_id.is_(None))
    else:
        query = query.join(Screening, Screening.collection_id == Collection.collection_id)
    owner: Any = Screening
    for step in _WAY[mapped]:
        column, owner = next((column, above) for below, column, above, _ in _BELOW if below is step)
        query = query.join(step, getattr(step, column) == owner.id)
    query = query.where(Collection.collection_id == collection_id).order_by(mapped.id)
    return [dict(row._mapping) for row in reader.rows(query)]


def percent(value: float) -> float:
    """Completeness in percent, of programs that write a fraction and of those that write percent."""
    return value * 100 if value <= 1.0 else value


def warnings(screening: Row, edge: float | None = None) -> list[str]:
    """What one should look at before a strategy is followed, a sentence each.

    ``edge``: resolution in Å at the edge of the detector when the images were taken. That a program did not index is
    told by what is not there: its marks of success are 0 also where nobody wrote them.
    """
    found: list[str] = []
    outputs = screening["outputs"]
    if not outputs:
        return ["The program left no result."]
    for output in outputs:
        said = (output["said"] or "").strip()
        if any(word in said.lower() for word in ("fail", "error", "could not", "warning")):
            found.append(f"The program says: “{said[:_FEWER_CHARACTERS]}”.")
        if not output["lattices"]:
            found.append("No lattice was found.")
        if output["rings"]:
            found.append("Rings were seen on the images: ice, salt or powder.")
        if not any(wedge["sub_wedges"] or wedge["images"] for one in output["strategies"] for wedge in one["wedges"]):
            found.append("No strategy was calculated.")
        for strategy in output["strategies"]:
            for wedge in strategy["wedges"]:
                found += _of_wedge(wedge, edge)
    return list(dict.fromkeys(found))


def _of_wedge(wedge: Row, edge: float | None) -> list[str]:
    found = []
    completeness = wedge["completeness"]
    if completeness is not None and completeness < _LOW_COMPLETENESS:
        found.append(f"The strategy reaches {completeness:.1f} % completeness only.")
    if edge and wedge["resolution"] and wedge["resolution"] < edge - 0.05:
        found.append(
            f"The strategy is for {wedge['resolution']:.2f} Å; the detector's edge was at {edge:.2f} Å: move it closer."
        )
    for sub in wedge["sub_wedges"]:
        start, end, step, images = (sub[key] for key in ("start", "end", "oscillation", "images"))
        if None not in (start, end, step, images) and step > 0 and abs(abs(end - start) - images * step) > 1.5 * step:
            found.append(
                f"{images} images of {step:g}° are {images * step:g}°, yet the sub-wedge goes from {start:g}° to "
                f"{end:g}°."
            )
        if sub["transmission"] is not None and sub["transmission"] > 100:
            found.append(f"A transmission of {sub['transmission']:g} % cannot be set.")
    return found


COPIED = (
    ("wedge", "wedge"),
    ("number", "sub"),
    ("axis", "axis"),
    ("start", "start"),
    ("end", "end"),
    ("oscillation", "osc"),
    ("images", "images"),
    ("exposure", "time"),
    ("transmission", "transm"),
    ("resolution", "res"),
)


def as_text(strategy: Row) -> str:
    """A strategy as lines of values between tabs, unrounded (°, s, %, Å), to be copied; empty without sub-wedges."""
    lines = [
        "\t".join(_plain(sub.get(key) if key != "wedge" else wedge["number"]) for key, _ in COPIED)
        for wedge in strategy["wedges"]
        for sub in wedge["sub_wedges"]
    ]
    return "\n".join(["\t".join(label for _, label in COPIED), *lines]) if lines else ""


def _plain(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.7g}"
    return " ".join(str(value).split())
