"""Every page function, for each of five people, on SQLite and on MariaDB in both flavours."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from ispyb import DATABASES, EVERYBODY, JOBS, RATES, Facility, at, pages_files, shared
from pages_mx import PAGES as MX_PAGES
from pages_ssx import PAGES as SSX_PAGES

from data import guard
from data.core import changes, collection, proposals, search, shipments, visits
from data.errors import NotFound
from data.lists import Asked
from data.reader import Reader
from data.techniques.em import queries as em
from data.techniques.mx import queries as mx
from data.techniques.ssx import queries as ssx

ALL = Asked()
Page = Callable[[Reader], Any]


@pytest.fixture(scope="module", params=DATABASES)
def tiny(request: pytest.FixtureRequest) -> Iterator[Facility]:
    """The tiny ISPyB of `ispyb.py` in one kind of database."""
    found = shared(request, request.param)
    yield found
    found.source.close()


def lists() -> dict[str, tuple[Any, Callable[[Reader, Asked], Any]]]:
    """Each list with its fields, by name."""
    return {
        "mx": (mx.FIELDS, lambda r, asked: mx.collections(r, 11, asked, 0, 50)),
        "ssx": (ssx.FIELDS, lambda r, asked: ssx.collections(r, 31, asked, 0, 50)),
        "em": (em.FIELDS, lambda r, asked: em.collections(r, 21, asked, 0, 50)),
        "proposals": (proposals.FIELDS, lambda r, asked: proposals.proposals(r, asked, 0, 50)),
        "samples": (proposals.SAMPLE_FIELDS, lambda r, asked: proposals.samples(r, 1, asked, 0, 50)),
        "visits": (visits.FIELDS, lambda r, asked: visits.visits_of(r, 1, asked, 0, 50)),
    }


NOW = datetime(2026, 3, 10, 12)
PAGES: dict[str, Page] = (
    MX_PAGES
    | {
        "visits.visit": lambda r: visits.visit(r, "mx1", 1),
        "visits.visits_of": lambda r: visits.visits_of(r, 1, ALL, 0, 10),
        "visits.current": lambda r: visits.current(r, NOW),
        "visits.upcoming": lambda r: visits.upcoming(r, NOW),
        "visits.recent": lambda r: visits.recent(r, NOW),
        "visits.techniques": lambda r: visits.techniques(r, 11),
        "visits.people": lambda r: visits.people(r, 11),
        "proposals.proposals": lambda r: proposals.proposals(r, ALL, 0, 10),
        "proposals.proposal": lambda r: proposals.proposal(r, "mx1"),
        "proposals.people": lambda r: proposals.people(r, 2),
        "proposals.samples": lambda r: proposals.samples(r, 1, ALL, 0, 10),
        "shipments.shipments": lambda r: shipments.shipments(r, 1),
        "changes.since": lambda r: changes.since(r, at(1)),
        "search.jump visit": lambda r: search.jump(r, "mx1-1"),
        "search.jump proposal": lambda r: search.jump(r, "MX1"),
        "search.jump number": lambda r: search.jump(r, "1001"),
        "search.jump text": lambda r: search.jump(r, "lys"),
        "collection.collection": lambda r: collection.collection(r, 1001),
        "collection.collection em": lambda r: collection.collection(r, 2001),
        "collection.processings": lambda r: collection.processings(r, 1001),
        "collection.processings job": lambda r: collection.processings(r, 1002),
        "collection.attachments": lambda r: collection.attachments(r, 1001),
        "collection.messages": lambda r: collection.messages(r, 1001),
        "collection.quality": lambda r: {k: list(v) for k, v in collection.quality(r, 1001).items() if k == "image"},
        "collection.neighbours": lambda r: collection.neighbours(r, 1001),
        "collection.paths": lambda r: collection.paths(r, 1001),
        "collection.imaging": lambda r: collection.imaging(r, 1001),
        "mx.collections": lambda r: mx.collections(r, 11, ALL, 0, 10),
        "mx.count": lambda r: mx.count(r, 11),
        "mx.newer": lambda r: mx.newer(r, 11, 1002),
        "mx.changed": lambda r: mx.changed(r, 11, [1001, 1002, 4001]),
        "mx.fits": lambda r: mx.fits(r, 11, Asked(search="s"), [1001, 1002, 4001]),
        "em.collections": lambda r: em.collections(r, 21, ALL, 0, 10),
        "em.count": lambda r: em.count(r, 21),
        "em.newer": lambda r: em.newer(r, 21, 0),
        "em.changed": lambda r: em.changed(r, 21, [2001]),
        "em.fits": lambda r: em.fits(r, 21, Asked(search="s"), [2001]),
    }
    | pages_files.PAGES
    | SSX_PAGES
)
for _name, (_fields, _ask) in lists().items():
    PAGES[f"{_name} search"] = lambda r, ask=_ask: ask(r, Asked(search="s"))
    # One column of each join will do here: see test_queries_lists for all of them.
    for _field in {field.needs: field for field in _fields}.values():
        PAGES[f"{_name} by {_field.key}"] = lambda r, ask=_ask, key=_field.key: ask(r, Asked(sort=key))


def answer(page: Page, reader: Reader) -> Any:
    """What a page function says; a refusal is an answer too."""
    try:
        return page(reader)
    except NotFound as error:
        return str(error)


def ids(page: Any) -> list[Any]:
    return [row["id"] for row in page.rows]


def place(page: Any) -> tuple[int, int]:
    """Where the page after this one begins."""
    return page.rows[-1]["group_id"], page.rows[-1]["id"]


# ---- who sees what --------------------------------------------------------------------------------------------------

SEEN = {
    "alice": {"proposals": {"mx1"}, "visits": {11}},
    "bob": {"proposals": {"mx1", "em2"}, "visits": {11, 12, 21}},
    "staff": {"proposals": {"mx1", "mx10"}, "visits": {12, 41}},
    "admin": {"proposals": {"mx1", "em2", "ssx3", "mx10"}, "visits": {11, 12, 21, 31, 41}},
    "nobody": {"proposals": set(), "visits": set()},
    "mx10": {"proposals": {"mx10"}, "visits": {41}},
}
WHERE = {1001: 11, 1002: 11, 1003: 11, 1004: 11, 1005: 12, 2001: 21, 2002: 21, 3001: 31, 3002: 31, 3003: 31, 4001: 41}


@pytest.mark.parametrize("login", EVERYBODY)
def test_a_person_sees_the_visits_that_the_rule_grants_and_no_other(tiny: Facility, login: str) -> None:
    reader, seen = tiny.reader(login), SEEN[login]
    assert {row["name"] for row in proposals.proposals(reader, ALL, 0, 50).rows} == seen["proposals"]
    found = {row["id"] for key in (1, 2, 3, 4) for row in visits.visits_of(reader, key, ALL, 0, 50).rows}
    assert found == seen["visits"]
    lists_of = {11: mx, 12: mx, 41: mx, 31: ssx, 21: em}
    for visit, queries in lists_of.items():
        expected = sorted((k for k, v in WHERE.items() if v == visit and visit in seen["visits"]), reverse=True)
        assert sorted(ids(queries.collections(reader, visit, ALL, 0, 50)), reverse=True) == expected
        assert queries.count(reader, visit) == len(expected)
        assert [row["id"] for row in queries.newer(reader, visit, 0)] == expected
        assert [row["id"] for row in queries.changed(reader, visit, sorted(WHERE))] == expected[::-1]


@pytest.mark.parametrize("login", EVERYBODY)
@pytest.mark.parametrize("key", sorted(WHERE))
def test_a_foreign_collection_reads_exactly_as_an_absent_one(tiny: Facility, login: str, key: int) -> None:
    reader = tiny.reader(login)
    may = WHERE[key] in SEEN[login]["visits"]
    for page in (
        collection.collection,
        collection.paths,
        collection.imaging,
        collection.neighbours,
        collection.processings,
        collection.attachments,
        collection.messages,
        *pages_files.OF_A_COLLECTION,
    ):
        absent = answer(lambda r, page=page: page(r, 999), reader)
        assert absent == "This collection does not exist, or you do not have access to it."
        assert (answer(lambda r, page=page: page(r, key), reader) != absent) == may
    assert may or collection.quality(reader, key)["image"].size == 0


def test_a_visit_not_shared_is_not_counted(tiny: Facility) -> None:
    (row,) = proposals.proposals(tiny.reader("alice"), ALL, 0, 10).rows
    assert (row["visits"], row["beamlines"], row["last_visit"]) == (1, "I03", at(1, 9))
    assert proposals.proposal(tiny.reader("alice"), "mx1")["visits"] == 1
    assert proposals.proposal(tiny.reader("bob"), "mx1")["visits"] == 2


def test_a_visit_and_a_proposal_of_others_are_not_found(tiny: Facility) -> None:
    alice = tiny.reader("alice")
    for name, number in (
        ("em2", 1),
        ("mx1", 2),
        ("mx1", 99),
        ("mx10", 1),
        ("no such", 1),
        ("mx1-1", 1),
        ("mx1", 10**12),
    ):
        with pytest.raises(NotFound, match="This visit does not exist"):
            visits.visit(alice, name, number)
    for name in ("em2", "ssx3", "mx10", "zz9", "", "mx1-1", "%"):
        with pytest.raises(NotFound, match="This proposal does not exist"):
            proposals.proposal(alice, name)


def test_ties_give_the_rows_that_every_condition_of_its_own_gives(
    tiny: Facility, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Rights as member and PI, and by beamline; of one kind where each statement has to be planned by a server.
    logins = ("bob", "staff") if tiny.kind == "sqlite" else ("staff",)
    readers = {login: tiny.reader(login) for login in logins}
    quick = {(login, name): answer(page, readers[login]) for login in readers for name, page in PAGES.items()}
    monkeypatch.setattr(guard, "tied", lambda _: {})
    monkeypatch.setattr(guard, "pinned", lambda *_: False)
    monkeypatch.setattr(guard, "_ANALYSED", type(guard._ANALYSED)())
    for (login, name), said in quick.items():
        assert answer(PAGES[name], readers[login]) == said, f"{login}, {name}"


def test_nobody_gets_anything_from_any_page(tiny: Facility) -> None:
    reader = tiny.reader("nobody")
    for name, page in PAGES.items():
        said = answer(page, reader)
        if isinstance(said, str):
            assert said.endswith("you do not have access to it."), name
        else:
            rows = said.rows if hasattr(said, "rows") else said
            assert not rows or rows == {"image": []}, name


def test_what_search_finds_is_what_one_may_see(tiny: Facility) -> None:
    found = {
        login: search.jump(tiny.reader(login), "s") + search.jump(tiny.reader(login), "ins") for login in EVERYBODY
    }
    for login, hits in found.items():
        assert {hit.proposal for hit in hits} <= SEEN[login]["proposals"]
    assert "ins_1" in {hit.label for hit in found["staff"]}
    assert not found["nobody"]


# ---- the number of statements ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("queries", "visit"), [(mx, 11), (ssx, 31), (em, 21)])
def test_a_page_takes_six_statements_at_most_however_it_is_asked(tiny: Facility, queries: Any, visit: int) -> None:
    reader = tiny.reader("bob" if visit != 31 else "admin")
    for asked in (ALL, Asked(sort="images"), Asked(search="x"), Asked(sort="comments", filters=(("id", ">0"),))):
        before = tiny.source.statements
        assert queries.collections(reader, visit, asked, 0, 25).rows or asked.search
        assert tiny.source.statements - before <= 6


# ---- values ---------------------------------------------------------------------------------------------------------


def test_a_row_of_mx_says_what_was_measured(tiny: Facility) -> None:
    rows = {row["id"]: row for row in mx.collections(tiny.reader("alice"), 11, ALL, 0, 10).rows}
    first = rows[1001]
    assert first["energy"] == pytest.approx(12.39842, rel=1e-6)
    assert (first["rotation"], first["sample"], first["protein"], first["kind"]) == (360, "lys_10", "LYS", "OSC")
    assert (first["beam_size_x"], first["beam_size_y"], first["snapshot"]) == (50, 20, True)
    assert (first["best_pipeline"], first["best_space_group"]) == ("autoPROC", "P 43 21 2")
    assert first["best_resolution_high"] == pytest.approx(1.7)
    assert first["best_cc_half"] == pytest.approx(0.996)
    assert first["best_r_meas"] == pytest.approx(7.25)
    assert (first["programs_ok"], first["programs_failed"], first["programs_running"]) == (3, 1, 1)
    # Ten images, of which one has no spots counted.
    assert (first["spots"], first["quality_resolution"]) == (50, 2)
    second = rows[1002]
    assert (second["status"], second["kind"], second["sample"], second["comments"]) == (
        "failed",
        None,
        None,
        "of the group",
    )
    assert (second["programs_failed"], second["best_pipeline"], second["spots"]) == (1, None, None)
    assert rows[1003]["energy"] is None
    assert [rows[key]["status"] for key in (1001, 1003, 1004)] == ["finished", "unknown", "stopped"]


def test_a_collection_without_its_own_visit_is_listed(tiny: Facility) -> None:
    assert 1003 in ids(mx.collections(tiny.reader("alice"), 11, ALL, 0, 10))
    assert ids(em.collections(tiny.reader("bob"), 21, ALL, 0, 10)) == [2002, 2001]


def test_pages_by_key_meet_without_gap_or_overlap(tiny: Facility) -> None:
    reader = tiny.reader("alice")
    first = mx.collections(reader, 11, ALL, 0, 3)
    second = mx.collections(reader, 11, ALL, 0, 3, before=place(first))
    # 1003 was added to an older group than 1002: the newest group comes first, in it the newest collection.
    assert (ids(first), first.done, first.total) == ([1004, 1002, 1003], False, None)
    assert (ids(second), second.done) == ([1001], True)
    assert ids(mx.collections(reader, 11, ALL, 1, 2)) == [1002, 1003]


def test_ssx_takes_stated_rates_else_counts_images_with_more_than_16_spots(tiny: Facility) -> None:
    rows = {row["id"]: row for row in ssx.collections(tiny.reader("admin"), 31, ALL, 0, 10).rows}
    stated = (30, 20) if tiny.kind in RATES else (None, None)
    assert (rows[3001]["hit_rate"], rows[3001]["indexing_rate"]) == stated
    assert (rows[3002]["hit_rate"], rows[3002]["indexing_rate"]) == (50, None)
    assert rows[3003]["hit_rate"] is None
    assert (rows[3001]["event_chains"], rows[3002]["event_chains"]) == (2, 0)
    assert (rows[3001]["chip_model"], rows[3001]["experiment"]) == ("Oxford", "chip run")
    assert rows[3001]["repetition_rate"] == pytest.approx(231.25)


def test_em_takes_medians_over_movies(tiny: Facility) -> None:
    second, first = em.collections(tiny.reader("bob"), 21, ALL, 0, 10).rows
    assert (first["movies"], first["corrected"], first["estimated"]) == (5, 4, 3)
    assert first["motion"] == pytest.approx(20)
    assert first["ctf_resolution"] == pytest.approx(4)
    assert first["defocus"] == pytest.approx(2)
    assert (second["movies"], second["motion"]) == (0, None)
    one = collection.collection(tiny.reader("bob"), 2001)
    assert (one["technique"], one["movies"], one["pixel_size"]) == ("em", 5, pytest.approx(0.83))


def test_techniques_are_counted_by_the_type_of_experiment(tiny: Facility) -> None:
    admin = tiny.reader("admin")
    found = [visits.techniques(admin, key) for key in (11, 21, 31)]
    assert found == [{"mx": 4}, {"em": 2}, {"ssx": 3}]


def test_processings_show_every_run_and_mark_the_best(tiny: Facility) -> None:
    rows = collection.processings(tiny.reader("alice"), 1001)
    assert [row["name"] for row in rows if row["best"]] == ["autoPROC"]
    assert {row["name"]: row["status"] for row in rows} == {
        "autoPROC": "ok",
        "xia2 dials": "ok",
        "fast_dp": "ok",
        "autoPROC+STARANISO": "running",
        "xia2 3dii": "failed",
    }
    by_name = {row["name"]: row for row in rows}
    percent, fraction = by_name["autoPROC"], by_name["fast_dp"]
    assert percent["overall"]["r_meas"] == pytest.approx(7.25)
    assert fraction["overall"]["r_meas"] == pytest.approx(5.4)
    # The unit is that of the overall shell: an inner shell of 2.7 % is no 270 %.
    assert fraction["inner"]["r_meas"] == pytest.approx(2.7)
    assert fraction["outer"]["r_meas"] == pytest.approx(32.4)
    assert percent["overall"]["cc_half"] == pytest.approx(0.996)
    assert by_name["autoPROC+STARANISO"]["overall"] is None
    # Through a job, or through the collection written on the program: neither has an integration.
    (job,) = collection.processings(tiny.reader("alice"), 1002)
    assert (job["name"], job["status"], job["scaling_id"]) == ("dimple", "failed", None)


def test_attachments_and_messages_of_all_runs_are_listed(tiny: Facility) -> None:
    alice = tiny.reader("alice")
    assert [row["name"] for row in collection.attachments(alice, 1001)] == ["a.log"]
    assert [row["name"] for row in collection.attachments(alice, 1002)] == ["dimple.log"]
    said = ["ice rings"] if tiny.kind in JOBS else []
    assert [row["message"] for row in collection.messages(alice, 1001)] == said


def test_image_numbers_come_as_arrays_with_nan_for_nothing(tiny: Facility) -> None:
    found = collection.quality(tiny.reader("alice"), 1001)
    assert found["image"].tolist() == list(range(1, 11))
    assert np.isnan(found["spots"][9])
    assert found["spots"][:2].tolist() == [10, 20]
    assert collection.quality(tiny.reader("alice"), 1001, after=8)["image"].tolist() == [9, 10]


def test_neighbours_are_those_of_the_same_visit(tiny: Facility) -> None:
    alice = tiny.reader("alice")
    assert [collection.neighbours(alice, key) for key in (1001, 1002, 1004)] == [
        (None, 1002),
        (1001, 1003),
        (1003, None),
    ]


def test_a_collection_has_its_surroundings(tiny: Facility) -> None:
    row = collection.collection(tiny.reader("alice"), 1001)
    assert (row["visit"], row["proposal"], row["beamline"]) == ("mx1-1", "mx1", "I03")
    assert (row["sample"], row["protein"], row["detector_model"]) == ("lys_10", "LYS", "PILATUS 6M")
    assert (row["status"], row["run_status"], row["technique"]) == ("finished", "DataCollection Successful", "mx")
    paths = collection.paths(tiny.reader("alice"), 1001)
    assert paths["snapshots"] == ("/data/s.jpg", None, None, None)
    assert (paths["directory"], paths["template"], paths["images"]) == ("/data/mx1-1", "xtal_1_####.cbf", 3600)


def test_home_tells_now_from_next_and_before(tiny: Facility) -> None:
    admin = tiny.reader("admin")
    assert [row["name"] for row in visits.current(admin, NOW)] == ["mx1-2"]
    assert [row["name"] for row in visits.upcoming(admin, NOW)] == ["mx10-1"]
    assert [row["name"] for row in visits.recent(admin, NOW)] == ["ssx3-1", "em2-1", "mx1-1"]
    assert [row["name"] for row in visits.recent(admin, datetime(2036, 1, 1))][:1] == ["mx10-1"]
    (row,) = visits.recent(tiny.reader("alice"), NOW)
    assert (row["collections"], row["people"]) == (4, "Alice Adams, Bob Brown")


def test_a_visit_has_its_people_and_its_types(tiny: Facility) -> None:
    row = visits.visit(tiny.reader("alice"), "MX1", 1)
    assert (row["id"], row["name"], row["proposal"], row["kinds"]) == (11, "mx1-1", "mx1", ["Remote"])
    people = visits.people(tiny.reader("alice"), 11)
    assert [(p["name"], p["login"], p["remote"]) for p in people] == [
        ("Alice Adams", "alice", True),
        ("Bob Brown", "bob", False),
    ]


def test_a_proposal_lists_its_investigator_first_and_its_counts(tiny: Facility) -> None:
    bob = tiny.reader("bob")
    assert [(p["name"], p["role"]) for p in proposals.people(bob, 2)] == [
        ("Carol Clarke", "Principal Investigator"),
        ("Bob Brown", None if tiny.kind == "esrf" else "Co-Investigator"),
    ]
    found = proposals.proposal(bob, "mx1")
    assert (found["visits"], found["samples"], found["shipments"], found["pi"]) == (2, 3, 2, "Bob Brown")


def test_samples_know_their_box_and_their_best_resolution(tiny: Facility) -> None:
    rows = {row["name"]: row for row in proposals.samples(tiny.reader("bob"), 1, ALL, 0, 10).rows}
    first = rows["lys_10"]
    assert (first["container"], first["shipment"], first["collections"]) == ("puck1", "box 1", 2)
    assert first["best_resolution"] == pytest.approx(1.7)
    assert rows["lys_2"]["collections"] == 1
    assert rows["<b>naïve</b>"]["best_resolution"] is None


def test_the_tree_of_shipments_is_whole_and_counted(tiny: Facility) -> None:
    newer, older = shipments.shipments(tiny.reader("bob"), 1)
    assert (newer["name"], newer["dewars"]) == ("box 2", [])
    assert (older["count_dewars"], older["count_containers"], older["count_samples"]) == (2, 2, 3)
    # Position 2 comes before 10.
    assert [s["name"] for s in older["dewars"][0]["containers"][0]["samples"]] == ["lys_2", "lys_10"]


def test_changes_are_told_by_visit_latest_first(tiny: Facility) -> None:
    found = changes.since(tiny.reader("alice"), at(1, 9, 30), now=at(20))
    assert [(row["kind"], row["count"], row["text"]) for row in found] == [
        ("results", 3, "mx1-1: 3 new results"),
        ("collections", 4, "mx1-1: 4 new collections"),
    ]
    assert changes.since(tiny.reader("alice"), at(19), now=at(20)) == []


# ---- what a site may hold -------------------------------------------------------------------------------------------


def test_the_jump_box_knows_visits_proposals_numbers_and_texts(tiny: Facility) -> None:
    admin = tiny.reader("admin")
    assert [(h.kind, h.proposal, h.visit) for h in search.jump(admin, " MX1-2 ")] == [("visit", "mx1", 2)]
    assert ("proposal", "mx10") in [(h.kind, h.proposal) for h in search.jump(admin, "mx10")]
    (one,) = [h for h in search.jump(admin, "1001") if h.kind == "collection"]
    assert (one.collection, one.proposal, one.visit) == (1001, "mx1", 1)
    assert {h.label for h in search.jump(admin, "LYS_") if h.kind == "sample"} == {"lys_10", "lys_2"}
    assert search.jump(admin, "") == search.jump(admin, "żółć αβ") == search.jump(admin, "9" * 30) == []


def test_a_proposal_number_is_text_and_ten_is_not_one(tiny: Facility) -> None:
    admin = tiny.reader("admin")
    assert proposals.proposal(admin, "mx1")["id"] == 1
    assert proposals.proposal(admin, "mx10")["id"] == 4
    with pytest.raises(NotFound):
        proposals.proposal(admin, "mx01")


def test_a_number_that_no_column_can_hold_is_absent(tiny: Facility) -> None:
    with pytest.raises(NotFound):
        collection.collection(tiny.reader("admin"), 10**30)
