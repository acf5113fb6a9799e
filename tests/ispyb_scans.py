"""Rows of the tiny ISPyB of `ispyb.py`: grid scans, screenings, energy scans and spectra."""

from datetime import datetime
from typing import Any

from data import schema as s


def grids(w: Any) -> None:
    """1001 was a grid of 4 by 3, of which the spot finder saw ten; 4001 one of 2 by 1; 1005 has its own row only."""
    for key, group, collection, across, down in ((1, 101, 1001, 4, 3), (2, 401, 4001, 2, 1), (3, None, 1005, 5, 5)):
        w.add(
            s.GridInfo,
            id=key,
            group_id=group,
            collection_id=collection,
            mesh_id=key,
            steps_x=float(across),
            steps_y=float(down),
            step_x=0.02,
            step_y=0.01,
            orientation="horizontal",
            snaked=1,
            snapshot_x=100.0,
            snapshot_y=50.0,
            scale_x=0.5,
            scale_y=0.5,
        )
        w.add(s.WorkflowMesh, id=key, best_image_id=key)
    w.add(s.CollectionImage, image_id=1, collection_id=1001, image=6)
    w.add(s.CollectionImage, image_id=2, collection_id=4001, image=1)
    for key, group in ((1, 101), (2, 401)):
        w.add(s.Centring, id=key, group_id=group, status="success", kind="3d")
        w.add(
            s.CentringResult,
            id=key,
            centring_id=key,
            grid_id=key,
            centre_x=2.5,
            centre_y=1.5,
            centre_z=0.5,
            peak_x=2,
            peak_y=1,
            peak_z=0,
            voxels=4,
            total=1234.0,
        )


def screenings(w: Any) -> None:
    """Two programs on 1002: one with a strategy of two sub-wedges, one that failed; and one on 4001."""
    for key, collection, group, program in (
        (1, 1002, 102, "EDNA MXv1"),
        (2, 1002, 102, "mosflm"),
        (3, 4001, 401, "xoalign"),
        (4, None, 103, "by group"),
    ):
        w.add(
            s.Screening,
            id=key,
            collection_id=collection,
            group_id=group,
            program=program,
            comments=f"short {key}",
            recorded=datetime(2026, 3, 1, 10, key),
        )
        w.add(
            s.ScreeningOutput,
            id=key,
            screening_id=key,
            said="Indexing failed." if key == 2 else "Indexing successful.",
            mosaicity=None if key == 2 else 0.3,
            indexed=int(key != 2),
            solved=int(key != 2),
        )
    for key in (1, 3):
        w.add(s.ScreeningLattice, id=key, output_id=key, space_group="P43212", cell_a=79.0, cell_b=79.0, cell_c=37.0)
        w.add(s.Strategy, id=key, output_id=key, program="BEST", exposure=0.02, ranking_resolution=1.6)
        w.add(s.Wedge, id=key, strategy_id=key, number=1, resolution=1.6, completeness=0.99, multiplicity=4.0)
        for number, start in ((1, 10.0), (2, 100.0)):
            w.add(
                s.SubWedge,
                id=key * 10 + number,
                wedge_id=key,
                number=number,
                axis="Omega",
                start=start,
                end=start + 45,
                oscillation=0.1,
                exposure=0.02,
                transmission=12.5,
                images=450,
            )


def scans(w: Any) -> None:
    """An energy scan in eV and a spectrum in mx1-1, one in keV in mx10-1."""
    for key, visit, sample, unit in ((1, 11, 1, 1.0), (2, 41, 4, 0.001)):
        w.add(
            s.EnergyScan,
            scan_id=key,
            visit_id=visit,
            sample_id=sample,
            element="Se",
            edge="K",
            energy_start=12600.0 * unit,
            energy_end=12720.0 * unit,
            peak_energy=12661.0 * unit,
            peak_f_prime=-7.5,
            peak_f_double_prime=5.5,
            inflection_energy=12658.5 * unit,
            inflection_f_prime=-10.5,
            inflection_f_double_prime=2.75,
            start=datetime(2026, 3, 1, 9, 30),
            end=datetime(2026, 3, 1, 9, 33),
        )
        w.add(
            s.Fluorescence,
            spectrum_id=key,
            visit_id=visit,
            sample_id=sample,
            energy=12700.0 * unit,
            exposure=3.0,
            start=datetime(2026, 3, 1, 9, 40),
            end=datetime(2026, 3, 1, 9, 41),
        )
