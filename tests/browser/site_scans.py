"""Grid scans, a screening, an energy scan and a spectrum of the small site, in mx415-1 and, hostile, in hx9; models."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from data import schema as s
from data.demo import molecule
from data.demo import scans as made

GRID, BARE, SCREENED = 4011, 4013, 4014
"""Two grids at right angles from ``GRID`` on, of 4 by 3 cells; a mesh without GridInfo; a screened collection."""
SCAN, SPECTRUM = 501, 601
HOSTILE_SCAN, HOSTILE_SCREENED = 509, 901
MODEL = 5228
"""A collection whose result 3 gave two models, 71 and 72; the file of the second is gone."""


def add_scans(add: Callable[..., Any], collection: Callable[..., dict[str, Any]], files: Path, hostile: str) -> None:
    """All of them; ``collection`` makes the usual row of one."""
    when = datetime(2026, 1, 5, 10)
    for group, kind in ((41512, "Mesh"), (41513, "Mesh"), (41514, "Characterization")):
        add(s.Group, group_id=group, visit_id=4151, experiment=kind, sample_id=1, start=when)
    for number, group, omega, images in (
        (GRID, 41512, 0.0, 12),
        (GRID + 1, 41512, 90.0, 12),
        (BARE, 41513, 0.0, 12),
        (SCREENED, 41514, 0.0, 2),
    ):
        add(s.Collection, **collection(number, group, when, files) | {"omega": omega, "images": images})
    for number in (GRID, GRID + 1):
        add(
            s.GridInfo, id=number, group_id=41512, collection_id=number, steps_x=4.0, steps_y=3.0, step_x=0.02,
            step_y=0.02, orientation="horizontal", snaked=1, snapshot_x=10.0, snapshot_y=10.0, scale_x=1.0, scale_y=1.0,
        )  # fmt: skip
        for image in range(1, 11):
            add(
                s.ImageQuality, collection_id=number, image=image, spots=image * 10, bragg=image,
                resolution=4 - image / 10,
            )  # fmt: skip
    add(s.Centring, id=1, group_id=41512, status="success", kind="3d")
    add(
        s.CentringResult, id=1, centring_id=1, centre_x=2.5, centre_y=1.5, centre_z=0.5, peak_x=2, peak_y=1, peak_z=0,
        voxels=4, total=1234.0, min_x=2.0, max_x=3.0, min_y=1.0, max_y=2.0, min_z=0.0, max_z=1.0,
    )  # fmt: skip
    for key, number, program, said in (
        (1, SCREENED, "EDNA", "Indexing successful."),
        (2, SCREENED, "mosflm", "Indexing failed."),
        (3, HOSTILE_SCREENED, hostile[:45], hostile),
    ):
        add(s.Screening, id=key, collection_id=number, program=program, comments=hostile[:20] if key == 3 else None)
        add(s.ScreeningOutput, id=key, screening_id=key, said=said, mosaicity=0.3)
        if key == 2:
            continue
        name = hostile[:45] if key == 3 else "P43212"
        add(s.ScreeningLattice, id=key, output_id=key, space_group=name, cell_a=79.0, cell_b=79.0, cell_c=37.0)
        add(s.Strategy, id=key, output_id=key, program=name, exposure=0.02)
        add(s.Wedge, id=key, strategy_id=key, number=1, completeness=0.99, comments=name)
        add(
            s.SubWedge, id=key, wedge_id=key, number=1, axis=name if key == 3 else "Omega", start=10.0, end=55.0,
            oscillation=0.1, images=450, exposure=0.02, transmission=12.5, comments=name,
        )  # fmt: skip
    what = {"seed": 1, "edge": 12658.0, "white": 2.0}
    texts = {"se.fluo": made.energy_scan(what), "se.efs": made.factors(what)}
    texts["se.mca"] = made.xrf({"seed": 1, "energy": 13.5, "strengths": {"Se": 9000.0}})
    for name, text in texts.items():
        (files / name).write_text(text)
    for key, visit, words in ((SCAN, 4151, "Se"), (HOSTILE_SCAN, 92, hostile[:45])):
        add(
            s.EnergyScan, scan_id=key, visit_id=visit, element=words, edge="K" if key == SCAN else hostile,
            peak_energy=12661.0, peak_f_prime=-7.5, peak_f_double_prime=5.5, inflection_energy=12.6585, start=when,
            raw_file=str(files / "se.fluo") if key == SCAN else hostile,
            curve_file=str(files / "se.efs") if key == SCAN else hostile, detector=words, comments=words,
        )  # fmt: skip
    for key, visit, name in ((SPECTRUM, 4151, str(files / "se.mca")), (609, 92, hostile)):
        add(
            s.Fluorescence,
            spectrum_id=key,
            visit_id=visit,
            raw_file=name,
            energy=13.5,
            start=when,
            comments=name[-200:],
        )
    _models(add, files)


def _models(add: Callable[..., Any], files: Path) -> None:
    what = {"cell": (42.0, 51.0, 61.0, 90.0, 104.0, 90.0), "space_group": "C 1 2 1", "seed": 7, "high": 2.5}
    (files / "m.pdb").write_text(molecule.pdb_of(what | {"metal": False}))
    with suppress(molecule.NoGemmi):
        molecule.write_mtz(what, files / "m.mtz")
    for key, free, name in ((71, 0.2, "m.pdb"), (72, 0.3, "gone.pdb")):
        add(s.MRRun, mr_id=key, scaling_id=3, pipeline="dimple", r_free_end=free, model=name, reflections="m.mtz",
            directory=str(files))  # fmt: skip
