"""The files of a collection: those that each run of a pipeline left, and those that belong to the collection itself.

A file is named by a key, ``run.12`` or ``own.3``: the kind of attachment and its number in ISPyB. Files of phasing and
of molecular replacement have keys, too: ``phasing.4``, ``model.5``, ``blob1.6`` (its first picture). Paths are as ISPyB
states them: distrust them.
"""

import re
from typing import Any

from sqlalchemy import func, select

from data.core import collection as collections
from data.errors import NotFound
from data.reader import Reader
from data.schema import (
    Blob,
    Collection,
    CollectionAttachment,
    Group,
    Integration,
    MRRun,
    Phasing,
    PhasingAttachment,
    PhasingHasScaling,
    PhasingRun,
    PhasingStep,
    Scaling,
    ScalingHasIntegration,
    Visit,
)

Row = dict[str, Any]

_KEY = re.compile(r"^(run|own|phasing|model|reflections|mrlog|blob1|blob2|blob3)\.(\d{1,18})$")


def of_runs(reader: Reader, collection_id: int) -> list[Row]:
    """Files that pipelines left, the most important of each run first: key, name, path, kind, program_id, program.

    Two statements; raises NotFound.
    """
    rows = sorted(
        collections.attachments(reader, collection_id),
        key=lambda row: (row["program_id"], row["rank"] if row["rank"] is not None else 99, row["id"]),
    )
    return [
        {
            "key": f"run.{row['id']}",
            "name": row["name"] or "",
            "path": path_of(row["directory"], row["name"]),
            "kind": row["kind"],
            "program_id": row["program_id"],
            "program": row["program"],
        }
        for row in rows
    ]


def own(reader: Reader, collection_id: int) -> list[Row]:
    """Files of the collection itself: key, name, path, kind; program_id and program are None. Two statements; raises
    NotFound.
    """
    visit_id = collections.visit_of(reader, collection_id)
    query = (
        select(CollectionAttachment.id, CollectionAttachment.kind, CollectionAttachment.path)
        .select_from(Visit)
        .join(Group, Group.visit_id == Visit.visit_id)
        .join(Collection, Collection.group_id == Group.group_id)
        .join(CollectionAttachment, CollectionAttachment.collection_id == Collection.collection_id)
        .where(Visit.visit_id == visit_id, Collection.collection_id == collection_id)
        .order_by(CollectionAttachment.id)
    )
    return [
        {
            "key": f"own.{row.id}",
            "name": (row.path or "").rstrip("/").rsplit("/", 1)[-1],
            "path": row.path,
            "kind": row.kind,
            "program_id": None,
            "program": None,
        }
        for row in reader.rows(query)
    ]


def named(reader: Reader, collection_id: int, key: str) -> Row:
    """One file by its key. Two statements; raises NotFound."""
    found = _KEY.match(key)
    if found is None:
        raise NotFound("This file")
    if found[1] not in {"run", "own"}:
        return _later(reader, collection_id, found[1], int(found[2]), key)
    for row in (of_runs if found[1] == "run" else own)(reader, collection_id):
        if row["key"] == key:
            return row
    raise NotFound("This file")


def _later(reader: Reader, collection_id: int, kind: str, number: int, key: str) -> Row:
    """A file of phasing or of molecular replacement."""
    query = (
        select(*_LATER[kind])
        .select_from(Visit)
        .join(Group, Group.visit_id == Visit.visit_id)
        .join(Collection, Collection.group_id == Group.group_id)
        .join(Integration, Integration.collection_id == Collection.collection_id)
        .join(ScalingHasIntegration, ScalingHasIntegration.integration_id == Integration.integration_id)
        .join(Scaling, Scaling.scaling_id == ScalingHasIntegration.scaling_id)
        .where(Visit.visit_id == collections.visit_of(reader, collection_id))
        .where(Collection.collection_id == collection_id)
    )
    rows: list[Any] = []
    if kind == "phasing":
        steps = query.join(PhasingStep, PhasingStep.scaling_id == Scaling.scaling_id)
        steps = steps.join(PhasingRun, PhasingRun.run_id == PhasingStep.run_id)
        analyses = query.join(PhasingHasScaling, PhasingHasScaling.scaling_id == Scaling.scaling_id)
        analyses = analyses.join(Phasing, Phasing.analysis_id == PhasingHasScaling.analysis_id)
        analyses = analyses.join(PhasingRun, PhasingRun.run_id == Phasing.run_id)
        for way in (steps, analyses):
            way = way.join(PhasingAttachment, PhasingAttachment.run_id == PhasingRun.run_id)
            rows = rows or list(reader.rows(way.where(PhasingAttachment.id == number).limit(1)))
    else:
        query = query.join(MRRun, MRRun.scaling_id == Scaling.scaling_id)
        if kind.startswith("blob"):
            query = query.join(Blob, Blob.mr_id == MRRun.mr_id).where(Blob.blob_id == number)
        else:
            query = query.where(MRRun.mr_id == number)
        rows = list(reader.rows(query.limit(1)))
    if not rows or not rows[0][0]:
        raise NotFound("This file")
    name, directory = rows[0]
    last = name.rstrip("/").rsplit("/", 1)[-1]
    about = {"kind": None, "program_id": None, "program": None}
    return {"key": key, "name": last, "path": path_of(directory, name), **about}


_LATER: dict[str, tuple[Any, Any]] = {
    "phasing": (PhasingAttachment.name, PhasingAttachment.directory),
    "model": (MRRun.model, MRRun.directory),
    "reflections": (MRRun.reflections, MRRun.directory),
    "mrlog": (MRRun.log, MRRun.directory),
    "blob1": (Blob.view_1, func.coalesce(Blob.directory, MRRun.directory)),
    "blob2": (Blob.view_2, func.coalesce(Blob.directory, MRRun.directory)),
    "blob3": (Blob.view_3, func.coalesce(Blob.directory, MRRun.directory)),
}


def of_run(reader: Reader, collection_id: int, program_id: int) -> list[Row]:
    """The files of one run. Two statements; raises NotFound where it has none."""
    rows = [row for row in of_runs(reader, collection_id) if row["program_id"] == program_id]
    if not rows:
        raise NotFound("This run")
    return rows


def path_of(directory: str | None, name: str | None) -> str | None:
    """The stored path of a file: some writers put the whole path into its name."""
    if not name:
        return None
    return name if name.startswith("/") else f"{directory}/{name}" if directory else None
