"""What came after the scalings of a collection: chains of steps, phasings, replacements, and their order."""

from typing import Any

import pytest
from ispyb import DATABASES, Facility, shared

from data.core import attachments
from data.techniques.mx.downstream import by_space_group, downstream, succeeded


@pytest.fixture(scope="module", params=DATABASES)
def tiny(request: pytest.FixtureRequest) -> Any:
    found = shared(request, request.param)
    yield found
    found.source.close()


def test_every_way_of_writing_it_is_read(tiny: Facility) -> None:
    found = downstream(tiny.reader("alice"), 1001)
    assert [(step["key"], step["kind"], step["method"]) for step in found.steps] == [
        ("step.1", "MODELBUILDING", "MR"),
        ("phasing.1", "PHASING", "solvent flattening"),
    ]
    step, phasing = found.steps
    assert step["high"] == 1.8  # text in ISPyB
    assert step["run"] | {"start": None, "end": None} == {
        "name": "REFMAC", "status": "failed", "message": "no solution", "start": None, "end": None,
    }  # fmt: skip
    assert step["statistics"] == {"CC": 0.2}
    assert [file["key"] for file in step["files"]] == ["phasing.1"]
    assert phasing["statistics"] == {"CC of partial model": 32.5}
    assert {one["space_group"] for one in found.steps} == {"P 43 21 2"}
    (run,) = found.replacements
    assert (run["r_start"], run["r_end"], run["r_free_end"]) == pytest.approx((0.35, 0.21, 0.25))
    (blob,) = run["blobs"]
    assert blob["views"] == ["blob1.1"]
    # One flavour keeps where blobs are, the other only their pictures.
    assert blob["height"] == (None if tiny.kind == "esrf" else 7.5)


def test_a_file_of_phasing_is_that_of_the_collection_only(tiny: Facility) -> None:
    reader = tiny.reader("admin")
    assert attachments.named(reader, 1001, "phasing.1")["path"] == "/data/p/refined.pdb"
    assert attachments.named(reader, 1001, "blob1.1")["name"] == "blob1v1.png"
    for number, key in ((1001, "phasing.2"), (4001, "phasing.1"), (1001, "blob1.2"), (1001, "blob2.1"), (1001, "x.1")):
        with pytest.raises(attachments.NotFound):
            attachments.named(reader, number, key)


def step(group: str, pdb: bool = False, **told: float) -> dict[str, Any]:
    names = {"free": "Final R-free", "cc": "CC of partial model", "fragment": "Average Fragment Length"}
    files = [{"kind": "PDB", "name": "m.pdb", "key": "phasing.9"}] if pdb else []
    return {"space_group": group, "statistics": {names[key]: value for key, value in told.items()}, "files": files}


def test_the_space_group_with_the_best_model_stands_first() -> None:
    steps = [
        step("P 1"),
        step("P 2", pdb=True),
        step("P 3", pdb=True, cc=45.0, fragment=9.0),  # fragments too short to count
        step("P 4", pdb=True, cc=30.0, fragment=20.0),
        step("P 6", pdb=True, free=0.31),
        step("P 23", pdb=True, free=0.24),
    ]
    assert [group for group, _ in by_space_group(steps)] == ["P 23", "P 6", "P 4", "P 2", "P 3", "P 1"]
    assert [succeeded(one) for one in steps] == [False, True, True, True, True, True]
