"""What came after the scalings of the tiny ISPyB, and who sees it."""

from collections.abc import Callable
from typing import Any

from data import schema as s


def fill(w: Any, at: Callable[..., Any]) -> None:
    """Of the scalings 3 (of 1001) and 6 (of 4001): a SAD analysis, steps of replacement, a run of Dimple."""
    w.add(s.SpaceGroup, id=96, number=96, short="P43212", name="P 43 21 2")
    for key, scaling in ((1, 3), (2, 6)):
        w.add(s.PhasingHasScaling, id=key, analysis_id=key, scaling_id=scaling)
        w.add(s.PhasingRun, run_id=key, name="SHELX", status=1, start=at(1, 12), end=at(1, 13))
        w.add(
            s.Phasing,
            id=key,
            analysis_id=key,
            run_id=key,
            space_group_id=96,
            method="solvent flattening",
            solvent=0.4,
            high=2.0,
        )
        w.add(s.PhasingStatistics, id=key, has_scaling_id=key, metric="CC of partial model", value=32.5)
        w.add(s.PhasingRun, run_id=key + 10, name="REFMAC", status=0, message="no solution")
        w.add(s.PhasingStep, step_id=key, run_id=key + 10, space_group_id=96, scaling_id=scaling, kind="MODELBUILDING",
              method="MR", high="1.8")  # fmt: skip
        w.add(s.PhasingStatistics, id=key + 10, step_id=key, metric="CC", value=0.2)
        w.add(s.PhasingAttachment, id=key, run_id=key + 10, kind="PDB", name="refined.pdb", directory="/data/p")
        w.add(s.MRRun, mr_id=key, scaling_id=scaling, program_id=7, r_start=0.35, r_end=0.21, r_free_end=0.25)
        w.add(
            s.Blob, blob_id=key, mr_id=key, view_1="blob1v1.png", x=1.0, y=2.0, z=3.0, height=7.5, map_kind="anomalous"
        )


def seen(raw: Any, seen: Any, of: Callable[..., Any], collections: set[Any], scalings: set[Any]) -> None:
    """The rows that one sees who sees these collections and scalings: into ``seen``."""
    for mapped in (s.CollectionAttachment, s.CollectionComment):
        of(mapped, "collection_id", collections)
    of(s.Statistics, "scaling_id", scalings)
    analyses = of(s.PhasingHasScaling, "scaling_id", scalings)
    steps = of(s.PhasingStep, "scaling_id", scalings)
    of(s.Phasing, "analysis_id", {r["analysis_id"] for r in seen[s.PhasingHasScaling]})
    runs = of(s.PhasingRun, "run_id", {r["run_id"] for of_ in (s.PhasingStep, s.Phasing) for r in seen[of_]})
    of(s.PhasingAttachment, "run_id", runs)
    seen[s.PhasingStatistics] = [
        r for r in raw[s.PhasingStatistics] if r["has_scaling_id"] in analyses or r["step_id"] in steps
    ]
    of(s.Blob, "mr_id", of(s.MRRun, "scaling_id", scalings))
