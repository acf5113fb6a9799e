"""What simulated pipelines make of the best data: phasing, molecular replacement, refinement, blobs and peaks."""

from random import Random
from typing import Any

from data.demo.molecule import peaks
from data.demo.plan import Plan
from data.demo.rows import Row
from data.schema import (
    AutoProc,
    Blob,
    MRRun,
    PhasingAttachment,
    PhasingRun,
    PhasingStatistics,
    PhasingStep,
    Program,
    Scaling,
    SpaceGroup,
    Statistics,
)

_GROUPS = {
    "P 1": 1, "P 1 2 1": 3, "P 1 21 1": 4, "C 1 2 1": 5, "I 1 2 1": 5, "P 2 2 2": 16, "P 21 21 2": 18, "P 21 21 21": 19,
    "P 4": 75, "I 4": 79, "I 41": 80, "P 4 2 2": 89, "P 4 21 2": 90, "P 41 21 2": 92, "P 43 21 2": 96, "I 4 2 2": 97,
    "P 3": 143, "P 3 2 1": 150, "P 31 2 1": 152, "P 32 2 1": 154, "P 6": 168, "P 63": 173, "P 6 2 2": 177,
    "P 61 2 2": 178, "P 65 2 2": 179, "P 63 2 2": 182, "F 2 3": 196, "I 2 3": 197, "I 21 3": 199, "F 4 3 2": 209,
}  # fmt: skip
"""Numbers of the space groups that pipelines say here (International Tables)."""
_EVERY = 23
_COARSEST = 2.2
"""Å: the maps of the demo are computed to no higher resolution, as they are made when they are first looked at."""


def add_downstream(plan: Plan) -> None:
    """For one in 23 results better than 2.6 Å: a SAD chain, a replacement with its refinement, a run of Dimple."""
    rows, random = plan.rows, Random(plan.seed + 8)  # noqa: S311 - simulated data, not a secret
    known = {
        name: rows.add(SpaceGroup, number=number, short=name.replace(" ", ""), name=name)
        for name, number in _GROUPS.items()
    }
    reduced = {row["auto_proc_id"]: row for row in rows.of(AutoProc)}
    programs = {row["program_id"]: row for row in rows.of(Program)}
    limits = {row["scaling_id"]: row["high"] for row in rows.of(Statistics) if row["shell"] == "overall"}
    for scaling in list(rows.of(Scaling)):
        key = scaling["scaling_id"]
        if key % _EVERY or limits.get(key, 9.0) > 2.6:
            continue
        data = reduced[scaling["auto_proc_id"]]
        program = programs[data["program_id"]]
        cell = [data[f"cell_{name}"] for name in ("a", "b", "c", "alpha", "beta", "gamma")]
        about = {"scaling_id": key, "high": limits[key], "group": known.get(data["space_group"])}
        about["drawn"] = {"cell": cell, "space_group": data["space_group"], "seed": key,
                          "high": max(limits[key], _COARSEST)}  # fmt: skip
        _sad(plan, random, program, about)
        _replace(plan, random, program, about)


def _run(plan: Plan, random: Random, program: Row, name: str, worked: bool) -> int:
    message = None if worked else random.choice(("no solution found", "the map cannot be interpreted"))
    return plan.rows.add(
        PhasingRun, name=name, status=int(worked), message=message, start=program["end"], end=program["end"]
    )


def _step(plan: Plan, run: int, about: dict[str, Any], kind: str, previous: int | None, **more: Any) -> int:
    return plan.rows.add(
        PhasingStep, run_id=run, space_group_id=about["group"], scaling_id=about["scaling_id"], kind=kind,
        previous_id=previous, low=48.0, high=about["high"], **more,
    )  # fmt: skip


def _sad(plan: Plan, random: Random, program: Row, about: dict[str, Any]) -> None:
    worked = random.random() < 0.6
    previous = None
    for kind, name in (("PREPARE", "shelxc"), ("SUBSTRUCTUREDETERMINATION", "shelxd"), ("PHASING", "shelxe"),
                       ("MODELBUILDING", "buccaneer")):  # fmt: skip
        fine = worked or kind in {"PREPARE", "SUBSTRUCTUREDETERMINATION"}
        run = _run(plan, random, program, name, fine)
        previous = _step(plan, run, about, kind, previous, method="SAD", solvent=round(random.uniform(0.35, 0.6), 2))
        told = {
            "SUBSTRUCTUREDETERMINATION": (("CC", random.uniform(20, 45)), ("Weak CC", random.uniform(8, 22))),
            "PHASING": (("Pseudo_free_CC", random.uniform(50, 75)), ("FOM", random.uniform(0.4, 0.8))),
            "MODELBUILDING": (("CC of partial model", random.uniform(28, 46)),
                              ("Average Fragment Length", random.uniform(6, 30))),
        }.get(kind, ())  # fmt: skip
        for metric, value in told:
            plan.rows.add(PhasingStatistics, step_id=previous, metric=metric, value=round(value, 2))
        files = [("TXT", f"{name}.txt"), *([("PDB", "model.pdb")] if kind == "MODELBUILDING" and worked else [])]
        _leave(plan, run, name, about, *files)
        if not fine:
            break


def _replace(plan: Plan, random: Random, program: Row, about: dict[str, Any]) -> None:
    rows = plan.rows
    run = _run(plan, random, program, "MOLREP", worked=True)
    first = _step(plan, run, about, "PHASING", None, method="MR")
    refined = _run(plan, random, program, "REFMAC5", worked=True)
    step = _step(plan, refined, about, "REFINEMENT", first, method="MR")
    work = random.uniform(0.17, 0.24)
    free = work + random.uniform(0.02, 0.05)
    for metric, value in (("Start R-work", work + 0.18), ("Start R-free", free + 0.16), ("Final R-work", work),
                          ("Final R-free", free)):  # fmt: skip
        rows.add(PhasingStatistics, step_id=step, metric=metric, value=round(value, 4))
    files = (("PDB", "refined.pdb"), ("Map", "refined.mtz"), ("Logfile", "refmac.txt"))
    _leave(plan, refined, "REFMAC5", about, *files)
    folder = f"/simulated/dimple/{about['scaling_id']}"
    mr = rows.add(
        MRRun, scaling_id=about["scaling_id"], program_id=program["program_id"], pipeline="dimple",
        r_start=round(work + 0.15, 4), r_end=round(work, 4), r_free_start=round(free + 0.13, 4),
        r_free_end=round(free, 4), success=1, directory=folder, model="final.pdb", reflections="final.mtz",
    )  # fmt: skip
    _drawn(plan, f"{folder}/final.pdb", about)
    _drawn(plan, f"{folder}/final.mtz", about)
    # Every other run has its peaks in ISPyB, as fractions of the cell; of the others the map is searched.
    if about["scaling_id"] % 2:
        return
    for kind, least in (("difference", 5.0), ("anomalous", 4.0)):
        for atom, place in peaks(tuple(about["drawn"]["cell"]), about["scaling_id"]):
            if kind == "difference" and atom[1] != "ZN":
                continue
            x, y, z = (round(float(value), 4) for value in place)
            rows.add(
                Blob, mr_id=mr, x=x, y=y, z=z, height=round(least + random.uniform(1, 9), 2), atom=atom[0], chain="A",
                residue=atom[2], residue_number=atom[3], distance=round(random.uniform(0.1, 0.6), 2), map_kind=kind,
            )  # fmt: skip


def _leave(plan: Plan, run: int, name: str, about: dict[str, Any], *files: tuple[str, str]) -> None:
    folder = f"/simulated/phasing/{run}"
    for kind, file in files:
        plan.rows.add(PhasingAttachment, run_id=run, kind=kind, name=file, directory=folder)
        _drawn(plan, f"{folder}/{file}", about)
        if file.endswith(".txt"):
            plan.pictures[f"{folder}/{file}"] = {
                "kind": "log", "seed": run, "lines": 80, "program": name, "command": name, "message": None,
            }  # fmt: skip


def _drawn(plan: Plan, path: str, about: dict[str, Any]) -> None:
    """A model or a map, but for one in eleven, which is gone."""
    kind = path.rsplit(".", 1)[-1]
    if kind in {"pdb", "mtz"} and about["scaling_id"] % 11:
        # The pipelines do not know of the metal: it is in the maps only.
        plan.pictures[path] = {"kind": kind, **about["drawn"], "metal": False}
