"""Rows of the tiny ISPyB on what is in samples and crystals, and who sees which of them."""

from collections.abc import Callable
from typing import Any

from data import schema as s


def fill(w: Any) -> None:
    """A sample of ssx3 in a buffer, whose crystal has a ligand."""
    w.add(s.Protein, protein_id=4, proposal_id=3, name="Photolyase", acronym="PHR")
    w.add(s.Crystal, crystal_id=4, protein_id=4)
    w.add(s.Sample, sample_id=6, crystal_id=4, name="chip load")
    w.add(s.ComponentType, id=1, name="Buffer")
    w.add(s.ComponentType, id=2, name="Ligand")
    w.add(s.ConcentrationType, id=1, name="Molar", symbol="mM")
    w.add(s.Component, component_id=1, type_id=1, proposal_id=3, name="HEPES")
    w.add(s.Component, component_id=2, type_id=2, proposal_id=3, name="FAD")
    w.add(
        s.SampleComposition, id=1, component_id=1, sample_id=6, concentration_id=1, abundance=50.0, ratio=None, ph=7.5
    )
    w.add(s.CrystalComposition, id=1, component_id=2, crystal_id=4, abundance=None, ratio=2.0, ph=None)
    w.add(s.CollectionAttachment, id=31, collection_id=3002, path="/data/ssx/run2/ssx_stats.json", kind="log")


Rows = dict[type[s.Table], list[dict[str, Any]]]


def seen(of: Callable[..., Any], known: Rows) -> Rows:
    """``known`` with the rows of these tables: of visible proposals, samples and crystals."""
    of(s.Component, "proposal_id", {row["proposal_id"] for row in known[s.Proposal]})
    of(s.SampleComposition, "sample_id", {row["sample_id"] for row in known[s.Sample]})
    of(s.CrystalComposition, "crystal_id", {row["crystal_id"] for row in known[s.Crystal]})
    return known
