"""Merges of a simulated serial run: rows as xia2.ssx leaves them, and its statistics in a file.

The truth is known: CC½ of N lattices is N / (N + `n0` (d)), completeness 1 - exp(-m) with m observations of each.
"""

import json
import math
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np

from data.demo.site import Site
from data.schema import (
    AutoProc,
    Integration,
    Program,
    ProgramAttachment,
    Scaling,
    ScalingHasIntegration,
    Statistics,
)
from data.techniques.ssx.merging import unique_reflections
from data.techniques.ssx.timeline import volume

FILE: Final = "dials.merge.json"
LIMIT: Final = 2.1  # Å, where the simulated detector ends on its farther side
_LOW, _SHELLS = 40.0, 10
_LAUE: Final = 16  # operations of 4/mmm
_CELL_NAMES: Final = ("cell_a", "cell_b", "cell_c", "cell_alpha", "cell_beta", "cell_gamma")


def n0(resolution: float) -> float:
    """Lattices with which the shell at ``resolution`` (Å) reaches a CC½ of one half."""
    return 12.0 * math.exp(20.0 * (1 / resolution**2 - 1 / 4.0**2))


class Merging:
    """Merges what a run has so far, again and again."""

    def __init__(self, site: Site, collection_id: int, cell: tuple[float, ...], seed: int) -> None:
        self._site, self._collection, self._cell = site, collection_id, cell
        self._random = np.random.default_rng(seed)

    def write(self, now: datetime, lattices: int, observations: int, place: Path | None, stored: str) -> None:
        """One merge of ``lattices`` with ``observations`` reflections; the file where there is a folder."""
        site = self._site
        program = site.insert(
            Program, name="xia2.ssx", start=now, end=now, recorded=now, status="1", collection_hint=self._collection,
            message="simulated",
        )  # fmt: skip
        found = site.insert(
            AutoProc, program_id=program, space_group="P 43 21 2", **dict(zip(_CELL_NAMES, self._cell, strict=True))
        )
        scaling = site.insert(Scaling, auto_proc_id=found, recorded=now)
        integration = site.insert(Integration, collection_id=self._collection, program_id=program)
        site.insert(ScalingHasIntegration, integration_id=integration, scaling_id=scaling)
        edges = np.linspace(_LOW**-2, LIMIT**-2, _SHELLS + 1)
        shells = [self._shell(low, high, lattices, observations) for low, high in pairwise(edges.tolist())]
        overall = self._shell(edges[0], edges[-1], lattices, observations)
        for name, row in (("overall", overall), ("innerShell", shells[0]), ("outerShell", shells[-1])):
            site.insert(Statistics, scaling_id=scaling, shell=name, **row)
        if place is None:
            return
        table: dict[str, Any] = {
            "d_star_sq_min": edges[:-1].tolist(), "d_star_sq_max": edges[1:].tolist(),
            "cc_one_half": [row["cc_half"] for row in shells], "multiplicity": [row["multiplicity"] for row in shells],
            "completeness": [row["completeness"] / 100 for row in shells],
            "i_over_sigma_mean": [row["i_over_sigma"] for row in shells],
        }  # fmt: skip
        folder = f"merge-{lattices:07d}"
        (place / folder).mkdir(exist_ok=True)
        (place / folder / FILE).write_text(json.dumps({"1.03300": {"merging_stats": table}}), encoding="ascii")
        site.insert(ProgramAttachment, program_id=program, kind="Graph", name=FILE, directory=f"{stored}/{folder}")

    def _shell(self, low: float, high: float, lattices: int, observations: int) -> dict[str, Any]:
        """A row of statistics between two values of 1/d² in Å⁻²."""
        size = float(volume(np.array([self._cell]))[0])
        whole = unique_reflections(size, LIMIT, _LAUE)
        unique = whole * (1 - (low / high) ** 1.5) * (high * LIMIT**2) ** 1.5
        each = observations / whole
        # As correlations of so many pairs scatter, by Fisher's transformation.
        true = lattices / (lattices + n0(((low + high) / 2) ** -0.5))
        half = math.tanh(math.atanh(min(true, 0.9995)) + self._random.normal() / math.sqrt(max(4.0, unique - 3)))
        return {
            "low": round(low**-0.5, 2), "high": round(high**-0.5, 2), "cc_half": round(half, 4),
            "completeness": round(100 * (1 - math.exp(-each)), 2), "multiplicity": round(each, 3),
            "observations": round(each * unique), "unique": round(unique),
            "i_over_sigma": round(0.4 * math.sqrt(lattices * true), 2),
        }  # fmt: skip
