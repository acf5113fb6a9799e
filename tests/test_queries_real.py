"""The page functions on the rows that Diamond publishes, in its own schema."""

from collections.abc import Iterator

import pytest
from sqlalchemy.engine import URL

from data.core import collection, proposals, search, shipments, visits
from data.lists import Asked
from data.reader import Reader
from data.scope import Scope
from data.source import Source
from data.techniques.mx import queries as mx


@pytest.fixture(scope="module")
def reader(diamond_url: URL) -> Iterator[Reader]:
    """A Reader of one who sees everything."""
    source = Source(diamond_url.render_as_string(hide_password=False))
    yield Reader(source, Scope(everything=True))
    source.close()


def test_the_proposals_and_visits_of_the_site_are_listed(reader: Reader) -> None:
    rows = {row["name"]: row for row in proposals.proposals(reader, Asked(), 0, 50).rows}
    assert {"cm14451", "cm1"} <= set(rows)
    assert (rows["cm14451"]["pi"], rows["cm14451"]["visits"]) == ("Boaty McBoatface", 3)
    found = visits.visits_of(reader, rows["cm14451"]["id"], Asked(), 0, 50).rows
    assert [(row["name"], row["beamline"], row["collections"]) for row in found] == [
        ("cm14451-99", "i02-2", 0),
        ("cm14451-2", "i03", 3),
        ("cm14451-1", "i03", 3),
    ]


def test_a_collection_has_the_result_that_the_rule_prefers(reader: Reader) -> None:
    visit = visits.visit(reader, "cm14451", 1)
    rows = {row["id"]: row for row in mx.collections(reader, visit["id"], Asked(), 0, 50).rows}
    row = rows[993677]
    assert (row["sample"], row["protein"], row["kind"], row["status"]) == ("tlys_jan_4", "therm", "SAD", "finished")
    assert row["energy"] == pytest.approx(9.667, abs=1e-3)
    assert row["rotation"] == 360
    assert (row["best_pipeline"], row["best_space_group"]) == ("xia2 dials", "P 61 2 2")
    assert row["best_resolution_high"] == pytest.approx(1.42)
    # xia2 writes fractions of R, 0.184 here.
    assert row["best_r_meas"] == pytest.approx(18.4)
    results = collection.processings(reader, 993677)
    assert min(result["overall"]["high"] for result in results) == pytest.approx(row["best_resolution_high"])
    assert [result["name"] for result in results if result["best"]] == ["xia2 dials"]
    # A mesh scan without rotation.
    assert (rows[6017405]["kind"], rows[6017405]["images"], rows[6017405]["rotation"]) == ("Mesh", 480, 0)


def test_image_numbers_of_real_images_are_read(reader: Reader) -> None:
    found = collection.quality(reader, 1066786)
    assert found["image"].tolist() == [1, 2, 3]
    assert found["spots"].mean() == pytest.approx(967.33, abs=0.01)


def test_samples_and_shipments_of_the_site_hang_together(reader: Reader) -> None:
    key = proposals.proposal(reader, "cm14451")["id"]
    samples = {row["name"]: row for row in proposals.samples(reader, key, Asked(), 0, 50).rows}
    assert (samples["tlys_jan_4"]["collections"], samples["tlys_jan_4"]["best_resolution"]) == (2, pytest.approx(1.42))
    tree = {row["name"]: row for row in shipments.shipments(reader, key)}
    sent = tree["cm14451-2_Shipment1"]
    assert (sent["count_dewars"], sent["count_containers"], sent["count_samples"]) == (1, 4, 3)


def test_the_jump_box_finds_what_the_site_has(reader: Reader) -> None:
    assert [hit.label for hit in search.jump(reader, "cm14451-2")] == ["cm14451-2"]
    assert [hit.collection for hit in search.jump(reader, "993677")][:1] == [993677]
    assert "tlys_jan_4" in {hit.label for hit in search.jump(reader, "tlys")}
    assert search.jump(reader, "żółć") == []
