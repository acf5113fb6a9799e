"""The best result of every collection of a visit, a proposal, a sample or a protein, with its three shells."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, func, select

from data.core.names import visit_name
from data.reader import Reader
from data.schema import (
    AutoProc,
    Collection,
    Crystal,
    ExperimentType,
    Group,
    Integration,
    Program,
    Proposal,
    Protein,
    Sample,
    Scaling,
    ScalingHasIntegration,
    Statistics,
    Visit,
)
from data.sheet import Spec
from data.techniques.collections import energy, protein_name, tidy
from data.techniques.experiments import technique_of_group
from data.techniques.mx.best import INNER, OUTER, best, ranked
from data.techniques.mx.rule import FRACTION, PERCENT, SHELLS, Rule
from data.techniques.mx.shells import same_units

Row = dict[str, Any]
MOST = 20_000
"""Collections at most; the newest are kept."""

_CELL = ("a", "b", "c", "alpha", "beta", "gamma")
_OVERALL = (
    "low", "high", "r_merge", "r_meas", "r_pim", "i_over_sigma", "cc_half", "completeness", "multiplicity",
    "anomalous_completeness", "anomalous_multiplicity", "cc_anomalous", "observations", "unique",
)  # fmt: skip
_SHELL = ("low", "high", "r_merge", "r_meas", "r_pim", "i_over_sigma", "cc_half", "completeness", "multiplicity",
          "cc_anomalous")  # fmt: skip
_UNITS = {
    "low": ("Low res.", "Å", 2, "resolutionLimitLow"), "high": ("Resolution", "Å", 2, "resolutionLimitHigh"),
    "r_merge": ("Rmerge", "%", 1, "rMerge"), "r_meas": ("Rmeas", "%", 1, "rMeasAllIPlusIMinus"),
    "r_pim": ("Rpim", "%", 1, "rPimAllIPlusIMinus"), "i_over_sigma": ("I/σ", "", 1, "meanIOverSigI"),
    "cc_half": ("CC½", "", 3, "ccHalf"), "completeness": ("Completeness", "%", 1, "completeness"),
    "multiplicity": ("Multiplicity", "", 1, "multiplicity"),
    "anomalous_completeness": ("Anom. compl.", "%", 1, "anomalousCompleteness"),
    "anomalous_multiplicity": ("Anom. mult.", "", 1, "anomalousMultiplicity"),
    "cc_anomalous": ("Anom. CC", "", 3, "ccAnomalous"), "observations": ("Observations", "", 0, "nTotalObservations"),
    "unique": ("Unique", "", 0, "nTotalUniqueObservations"),
}  # fmt: skip


def _statistic(key: str, shell: str = "") -> Spec:
    label, unit, digits, column = _UNITS[key]
    name = f"{shell}_{key}" if shell else key
    return Spec(name, f"{label}{f', {shell}' if shell else ''}", "number", unit, digits,
                f"AutoProcScalingStatistics.{column}")  # fmt: skip


SPECS: tuple[Spec, ...] = (
    Spec("id", "Collection", "number", source="DataCollection.dataCollectionId"),
    Spec("visit", "Visit", source="BLSession.visit_number"),
    Spec("start", "Time", "time", source="DataCollection.startTime"),
    Spec("sample", "Sample", source="BLSample.name"),
    Spec("protein", "Protein", source="Protein.acronym"),
    Spec("prefix", "Prefix", source="DataCollection.imagePrefix"),
    Spec("number", "Run", "number", digits=0, source="DataCollection.dataCollectionNumber"),
    Spec("pipeline", "Pipeline", source="AutoProcProgram.processingPrograms"),
    Spec("space_group", "Space group", source="AutoProc.spaceGroup"),
    *(
        Spec(f"cell_{name}", {"alpha": "α", "beta": "β", "gamma": "γ"}.get(name, name), "number",
             "Å" if len(name) == 1 else "°", 2, f"AutoProc.refinedCell_{name}")
        for name in _CELL
    ),
    *(_statistic(key) for key in _OVERALL),
    *(_statistic(key, shell) for shell in ("inner", "outer") for key in _SHELL),
    Spec("energy", "Energy", "number", "keV", 3, "DataCollection.wavelength"),
    Spec("images", "Images", "number", digits=0, source="DataCollection.numberOfImages"),
    Spec("exposure", "Exposure", "number", "s", 4, "DataCollection.exposureTime"),
    Spec("transmission", "Transmission", "number", "%", 1, "DataCollection.transmission"),
    Spec("detector_resolution", "Edge res.", "number", "Å", 2, "DataCollection.resolution"),
    Spec("dose", "Dose", "number", "MGy", 2, "DataCollection.totalAbsorbedDose"),
    Spec("collections", "Collections", "number", digits=0),
    Spec("directory", "Directory", source="DataCollection.imageDirectory"),
    Spec("template", "Template", source="DataCollection.fileTemplate"),
)  # fmt: skip
"""The columns of the table, of the scatter and of the export."""


@dataclass(frozen=True, slots=True)
class Where:
    """Which collections: of one visit, or of all visits of a proposal; of one sample or protein only, where given."""

    visit_id: int | None = None
    proposal_id: int | None = None
    sample_id: int | None = None
    protein_id: int | None = None

    def conditions(self) -> list[Any]:
        """What a row must fulfil."""
        if self.visit_id is None and self.proposal_id is None:
            raise ValueError("a visit or a proposal")
        protein = [] if self.protein_id is None else [Crystal.protein_id == self.protein_id]
        return [*self.of_groups(), *protein]

    def of_groups(self) -> list[Any]:
        """What its visit and group must fulfil."""
        pairs = (
            (Visit.visit_id, self.visit_id),
            (Visit.proposal_id, self.proposal_id),
            (Group.sample_id, self.sample_id),
        )
        return [column == value for column, value in pairs if value is not None]


@dataclass(frozen=True, slots=True)
class Results:
    """``rows``: the best result of each collection that has one, newest first. ``collections``: how many there are."""

    rows: list[Row]
    collections: int
    cut: bool


def results(reader: Reader, where: Where, rule: Rule | None = None) -> Results:
    """The best results by ``rule``, else by the site's. Two statements.

    Keys are those of SPECS without ``collections``, and scaling_id, sample_id, protein_id, first_image, snapshot.
    """
    columns = (
        Proposal.code.label("_code"),
        Proposal.number.label("_proposal"),
        Visit.number.label("_visit"),
        Collection.start.label("start"),
        Collection.prefix.label("prefix"),
        Collection.number.label("number"),
        Collection.images.label("images"),
        Collection.exposure.label("exposure"),
        Collection.transmission.label("transmission"),
        Collection.resolution.label("detector_resolution"),
        Collection.dose.label("dose"),
        Collection.directory.label("directory"),
        Collection.template.label("template"),
        energy().label("energy"),
        (func.coalesce(Collection.snapshot_1, "") != "").label("snapshot"),
        Sample.sample_id.label("sample_id"),
        Sample.name.label("sample"),
        Protein.protein_id.label("protein_id"),
        protein_name().label("protein"),
        Program.name.label("pipeline"),
        AutoProc.space_group.label("space_group"),
        *(getattr(AutoProc, f"cell_{name}").label(f"cell_{name}") for name in _CELL),
        *(getattr(Statistics, key).label(key) for key in _OVERALL),
        *(getattr(INNER, key).label(f"inner_{key}") for key in _SHELL),
        *(getattr(OUTER, key).label(f"outer_{key}") for key in _SHELL),
    )
    query = _joined(_winners(columns, where, rule or reader.rule)).where(*where.conditions())
    query = query.where(technique_of_group() == "mx").order_by(Collection.collection_id.desc()).limit(MOST + 1)
    found = reader.rows(query)
    rows = [dict(zip(row._fields, row, strict=True)) for row in found]
    cut = len(rows) > MOST
    del rows[MOST:]
    for row in rows:
        _finish(row)
    return Results(rows, _count(reader, where), cut)


def _winners(columns: Sequence[Any], where: Where, rule: Rule) -> Any:
    """``columns`` of the best result of each collection, with its three shells.

    Chosen among rows of a few numbers: the database would carry all columns of all results through the sorting, which
    takes it half as long again.
    """
    narrow = ranked((ScalingHasIntegration.id.label("link_id"), Statistics.id.label("overall_id")), rule)
    places = narrow.where(*where.of_groups()).subquery("ranked")
    keys = ("collection_id", "link_id", "overall_id")
    best = select(*(places.c[key] for key in keys)).where(places.c.place == 1).subquery("best")
    link = ScalingHasIntegration
    query = (
        select(Collection.collection_id.label("collection_id"), *columns, Scaling.scaling_id.label("scaling_id"))
        .select_from(Visit)
        .join(Group, Group.visit_id == Visit.visit_id)
        .join(Collection, Collection.group_id == Group.group_id)
        .join(best, best.c.collection_id == Collection.collection_id)
        .join(Integration, Integration.collection_id == Collection.collection_id)
        .join(link, and_(link.integration_id == Integration.integration_id, link.id == best.c.link_id))
        .join(Program, Program.program_id == Integration.program_id)
        .join(Scaling, Scaling.scaling_id == link.scaling_id)
        .join(Statistics, and_(Statistics.scaling_id == Scaling.scaling_id, Statistics.id == best.c.overall_id))
        .outerjoin(AutoProc, AutoProc.auto_proc_id == Scaling.auto_proc_id)
    )
    for other, stored in ((INNER, "innerShell"), (OUTER, "outerShell")):
        query = query.outerjoin(other, and_(other.scaling_id == Scaling.scaling_id, other.shell == stored))
    return query


def _joined(query: Any) -> Any:
    return (
        query.join(Proposal, Proposal.proposal_id == Visit.proposal_id)
        .outerjoin(ExperimentType, ExperimentType.id == Group.experiment_type_id)
        .outerjoin(Sample, Sample.sample_id == Group.sample_id)
        .outerjoin(Crystal, Crystal.crystal_id == Sample.crystal_id)
        .outerjoin(Protein, Protein.protein_id == Crystal.protein_id)
    )


def _count(reader: Reader, where: Where) -> int:
    query = (
        select(func.count(Collection.collection_id))
        .select_from(Visit)
        .join(Group, Group.visit_id == Visit.visit_id)
        .join(Collection, Collection.group_id == Group.group_id)
    )
    query = _joined(query).where(*where.conditions(), technique_of_group() == "mx")
    return int(reader.scalar(query) or 0)


def _finish(row: Row) -> None:
    """Names and units as the specs say."""
    row["id"] = row.pop("collection_id")
    row["visit"] = visit_name(row.pop("_code"), row.pop("_proposal"), row.pop("_visit"))
    row["snapshot"] = bool(row["snapshot"])
    # Only what may change is looked at: there are thousands of rows.
    shells: dict[str, Row] = {name: {key: row[_key(name, key)] for key in _MIXED} for name in SHELLS}
    same_units(shells)
    for name, shell in shells.items():
        for key, value in shell.items():
            row[_key(name, key)] = value
    tidy(row, "energy")


_MIXED = (*PERCENT, *FRACTION)


def _key(shell: str, key: str) -> str:
    return key if shell == "overall" else f"{shell}_{key}"


def shells_of(row: Mapping[str, Any]) -> dict[str, Row]:
    """The shells of a flat row, as a result of ``data.core.collection.processings`` has them."""
    return {name: {key: row[_key(name, key)] for key in (_OVERALL if name == "overall" else _SHELL)} for name in SHELLS}


def best_of_each(rows: Iterable[Row], per: str, rule: Rule) -> list[Row]:
    """Of each sample or protein the best of its collections, by the rule that chose among pipelines.

    ``per``: sample or protein. Rows without one stay by themselves; ``collections`` counts what each stands for.
    """
    groups: dict[Any, list[Row]] = {}
    for row in rows:
        key = row[f"{per}_id"]
        groups.setdefault(("own", row["id"]) if key is None else key, []).append(row)
    found = []
    for members in groups.values():
        candidates = [
            {"row": row, "status": "ok", "space_group": row["space_group"], "scaling_id": row["scaling_id"]}
            | shells_of(row)
            for row in members
        ]
        chosen = best(candidates, rule)
        if chosen is not None:
            found.append(chosen["row"] | {"collections": len(members)})
    return sorted(found, key=lambda row: -row["id"])
