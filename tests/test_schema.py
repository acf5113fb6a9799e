"""Our names and types against the packages that define ISPyB's two flavours."""

from collections.abc import Callable
from typing import Any

import pytest
from servers import models
from sqlalchemy import Column, Integer, MetaData, Numeric, String, create_engine, inspect, select
from sqlalchemy.types import Date, DateTime, Float, TypeDecorator

from data import schema as s

FLAVOURS: dict[str, Callable[[], MetaData]] = {"diamond": models.diamond_metadata, "esrf": models.esrf_metadata}

# What a flavour lacks. `settle` reads it as nothing; whatever is new here costs the users of that flavour something.
ABSENT_TABLES = {
    "diamond": {"SSXProcessingResult", "WorkflowMesh"},
    "esrf": {
        "AutoProcProgramMessage",
        "DataCollectionComment",
        "ExperimentType",
        "ProcessingJob",
        "XrayCentring",
        "XrayCentringResult",
    },
}
ABSENT_COLUMNS = {
    "diamond": {
        "AutoProcProgram.dataCollectionId",
        "BLSession.sessionTitle",
        "CTF.defocusU",
        "CTF.defocusV",
        "EnergyScan.remoteEnergy",
        "EnergyScan.remoteFDoublePrime",
        "EnergyScan.remoteFPrime",
        *(f"MXMRRun.{name}" for name in ("logFile", "message", "outputCoordFile", "outputMTZFile", "pipeline")),
        *(f"MXMRRun.{name}" for name in ("runDirectory", "success")),
        "PhasingProgramRun.phasingDirectory",
    },
    "esrf": {
        "AutoProcProgram.parentAutoProcProgramId",
        "AutoProcProgram.processingJobId",
        "AutoProcProgramAttachment.deleted",
        "AutoProcProgramAttachment.importanceRank",
        "BLSession.archived",
        "CTF.astigmatism",
        "CTF.estimatedDefocus",
        "DataCollection.imageSizeX",
        "DataCollection.imageSizeY",
        "DataCollection.phasePlate",
        "DataCollection.totalExposedDose",
        "DataCollectionGroup.experimentTypeId",
        "Detector.numberOfPixelsX",
        "Detector.numberOfPixelsY",
        "GridInfo.dataCollectionId",
        "GridInfo.patchesX",
        "GridInfo.patchesY",
        "GridInfo.snaked",
        "MotionCorrection.autoProcProgramId",
        "MotionCorrection.fftFullPath",
        *(f"MXMRRun.{name}" for name in ("LLG", "TFZ", "autoProcProgramId", "spaceGroup")),
        *(f"MXMRRunBlob.{name}" for name in ("filePath", "height", "mapType", "occupancy", "x", "y", "z")),
        *(f"MXMRRunBlob.nearestAtom{name}" for name in ("ChainId", "Distance", "Name", "ResName", "ResSeq")),
        "ProposalHasPerson.role",
    },
}
_STEPS = tuple(f"PhasingStep.{name}" for name in ("enantiomorph", "highRes", "lowRes", "solventContent"))
# Kept as another kind there: cast by `settle`.
OTHER_KINDS = {
    "diamond": {"AutoProcProgram.processingStatus": "whole"} | dict.fromkeys(_STEPS, "text"),
    "esrf": dict.fromkeys(
        (
            "CTF.astigmatismAngle",
            "CTF.ccValue",
            "CTF.defocusU",
            "CTF.defocusV",
            "CTF.estimatedResolution",
            "MotionCorrection.averageMotionPerFrame",
            "MotionCorrection.dosePerFrame",
            "MotionCorrection.totalMotion",
            *_STEPS,
        ),
        "text",
    )
    | {"DataCollection.magnification": "whole"},
}
# Whole numbers serve where we read real ones.
CAST_FREE = {("real", "whole")}
OTHER_KEYS = {"diamond": set[str](), "esrf": {"ImageQualityIndicators"}}


@pytest.fixture(params=FLAVOURS)
def flavour(request: pytest.FixtureRequest) -> tuple[str, MetaData]:
    """The name of a flavour and its tables."""
    try:
        return request.param, FLAVOURS[request.param]()
    except models.ModelsMissing as missing:
        pytest.skip(str(missing))


def kind(column: Column[Any]) -> str:
    """Whole, real, text or time."""
    found = column.type.impl if isinstance(column.type, TypeDecorator) else column.type
    if isinstance(found, DateTime | Date) or found._type_affinity in (DateTime, Date):
        return "time"
    if isinstance(found, Integer) or found._type_affinity is Integer:
        return "whole"
    if isinstance(found, Numeric | Float):
        return "real"
    return "text" if isinstance(found, String) else type(found).__name__


def pairs(metadata: MetaData) -> list[tuple[Column[Any], Column[Any] | None]]:
    """Each column of ours whose table is there, with the flavour's. Names compare without case, as MySQL has it."""
    theirs = {name.lower(): table for name, table in metadata.tables.items()}
    found = []
    for table in s.Table.metadata.tables.values():
        other = theirs.get(table.name.lower())
        if other is None:
            continue
        columns = {column.name.lower(): column for column in other.columns}
        for column in table.columns:
            names = (column.name, *column.info["also"])
            found.append((column, next((columns[n.lower()] for n in names if n.lower() in columns), None)))
    return found


def test_every_table_is_there_but_for_those_stated(flavour: tuple[str, MetaData]) -> None:
    name, metadata = flavour
    theirs = {table.lower() for table in metadata.tables}
    assert {table for table in s.Table.metadata.tables if table.lower() not in theirs} == ABSENT_TABLES[name]


def test_every_column_is_there_but_for_those_stated(flavour: tuple[str, MetaData]) -> None:
    name, metadata = flavour
    absent = {f"{ours.table.name}.{ours.name}" for ours, theirs in pairs(metadata) if theirs is None}
    assert absent == ABSENT_COLUMNS[name]


def test_every_column_is_of_the_kind_that_we_read_but_for_those_stated(flavour: tuple[str, MetaData]) -> None:
    name, metadata = flavour
    other = {
        f"{ours.table.name}.{ours.name}": kind(theirs)
        for ours, theirs in pairs(metadata)
        if theirs is not None and kind(ours) != kind(theirs)
    }
    assert other == OTHER_KINDS[name]


def test_every_other_kind_is_one_that_settle_casts_or_that_needs_no_cast(flavour: tuple[str, MetaData]) -> None:
    name, metadata = flavour
    ours_of = {f"{ours.table.name}.{ours.name}": kind(ours) for ours, _ in pairs(metadata)}
    for column, theirs in OTHER_KINDS[name].items():
        both = (ours_of[column], theirs)
        assert both in {("real", "text"), ("text", "whole")} | CAST_FREE, column


def test_primary_keys_agree_but_for_those_stated(flavour: tuple[str, MetaData]) -> None:
    name, metadata = flavour
    theirs = {table.name.lower(): table for table in metadata.tables.values()}
    other = set()
    for table in s.Table.metadata.tables.values():
        if table.name.lower() in theirs:
            keys = {column.name.lower() for column in theirs[table.name.lower()].primary_key}
            # A key may be spelled otherwise too.
            ours = [{column.name.lower(), *map(str.lower, column.info["also"])} for column in table.primary_key]
            if len(ours) != len(keys) or not all(names & keys for names in ours):
                other.add(table.name)
    assert other == OTHER_KEYS[name]


def test_what_one_flavour_lacks_the_other_has() -> None:
    """A table or column that neither has is a name that we made up."""
    diamond, esrf = ABSENT_COLUMNS["diamond"], ABSENT_COLUMNS["esrf"]
    assert not diamond & esrf
    assert not ABSENT_TABLES["diamond"] & ABSENT_TABLES["esrf"]
    for absent, other in ((diamond, "esrf"), (esrf, "diamond")):
        assert not {column.split(".")[0] for column in absent} & ABSENT_TABLES[other]


def test_other_spellings_are_used_by_a_flavour() -> None:
    """Each spelling beside ISPyB's own is the one of some flavour."""
    try:
        flavours = [make() for make in FLAVOURS.values()]
    except models.ModelsMissing as missing:
        pytest.skip(str(missing))
    found = set()
    for metadata in flavours:
        theirs = {name.lower(): table for name, table in metadata.tables.items()}
        for table in s.Table.metadata.tables.values():
            if table.name.lower() in theirs:
                names = {column.name.lower() for column in theirs[table.name.lower()].columns}
                found |= {
                    f"{table.name}.{other}" for c in table.columns for other in c.info["also"] if other.lower() in names
                }
    stated = {
        f"{t.name}.{other}" for t in s.Table.metadata.tables.values() for c in t.columns for other in c.info["also"]
    }
    assert stated == found


def test_every_class_is_exported_and_documented() -> None:
    classes = {one.class_ for one in s.Table.registry.mappers}
    assert {mapped.__name__ for mapped in classes} | {"Table"} == set(s.__all__)
    assert all(mapped.__doc__ for mapped in classes)


def test_no_class_loads_anything_by_itself() -> None:
    assert not any(one.relationships for one in s.Table.registry.mappers)


def test_our_own_tables_can_be_made_and_read_on_sqlite() -> None:
    engine = create_engine("sqlite://")
    s.Table.metadata.create_all(engine)
    assert set(inspect(engine).get_table_names()) == set(s.Table.metadata.tables)
    with engine.connect() as connection:
        for one in s.Table.registry.mappers:
            assert connection.execute(select(one.class_)).all() == []
    engine.dispose()


def test_links_lead_to_keys_of_tables_that_we_have() -> None:
    for table in s.Table.metadata.tables.values():
        for key in table.foreign_keys:
            assert key.column.primary_key, f"{table.name} → {key.target_fullname}"
