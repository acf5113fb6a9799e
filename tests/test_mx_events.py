"""The events of a visit: what they are, in which order, page by page, narrowed, and along time."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from ispyb import DATABASES, Facility, at, at_server, facility, shared, writer

from data import schema as s
from data.lists import Asked
from data.techniques.mx import events as mx
from data.techniques.mx.timeline import timeline

ALL = Asked()


@pytest.fixture(scope="module", params=DATABASES)
def tiny(request: pytest.FixtureRequest) -> Iterator[Facility]:
    """The tiny ISPyB of `ispyb.py` in one kind of database."""
    found = shared(request, request.param)
    yield found
    found.source.close()


def keys(found: mx.Events) -> list[str]:
    return [row["key"] for row in found.rows]


def test_all_kinds_of_event_stand_in_one_order_of_time(tiny: Facility) -> None:
    found = mx.events(tiny.reader("alice"), 11, ALL, 50)
    # The robot action without a time stands where its neighbour does: at the head of its kind.
    assert keys(found) == ["r3", "r2", "g102", "g101", "r1", "x1", "e1"]
    assert found.done
    row = {row["key"]: row for row in found.rows}
    assert row["g101"]["kind"] == "collection"
    assert row["g101"]["count"] == 2
    assert row["g101"]["images"] == 7200
    assert [member["id"] for member in row["g101"]["members"]] == [1001, 1003]
    assert row["g101"]["end"] is None, "one of its collections has not ended"
    assert (row["e1"]["what"], row["e1"]["sample"], row["x1"]["what"]) == ("Se K", "lys_10", None)
    assert (row["r2"]["what"], row["r2"]["status"], row["r2"]["protein"]) == ("UNLOAD", "ERROR", "LYS")
    assert row["r3"]["start"] is None


def test_who_may_not_see_the_visit_finds_no_event_there(tiny: Facility) -> None:
    for login, visits in (("alice", {11}), ("bob", {11, 12}), ("staff", {12, 41}), ("nobody", set())):
        for visit in (11, 12, 41):
            found = mx.events(tiny.reader(login), visit, ALL, 50)
            assert bool(found.rows) == (visit in visits), (login, visit)
            assert bool(mx.counts(tiny.reader(login), visit)) == (visit in visits)
            assert bool(timeline(tiny.reader(login), visit, ALL).bars) == (visit in visits)


def test_pages_of_any_size_give_each_event_once_and_in_the_same_order(tiny: Facility) -> None:
    whole = keys(mx.events(tiny.reader("alice"), 11, ALL, 50))
    for size in (1, 2, 3, 5):
        got: list[str] = []
        place = None
        for _ in range(20):
            page = mx.events(tiny.reader("alice"), 11, ALL, size, place)
            got += keys(page)
            place = page.place
            if page.done:
                break
        assert got == whole, size


@pytest.mark.parametrize(
    ("filters", "search", "expected"),
    [
        ({"kind": "robot"}, "", ["r3", "r2", "r1"]),
        ({"kind": "robot|energy"}, "", ["r3", "r2", "r1", "e1"]),
        ({"kind": "Energy scan"}, "", ["e1"]),
        ({"kind": "grid"}, "", []),
        ({"kind": "nonsense"}, "", []),
        ({"kind": "robot|collection", "sample": "LYS_10"}, "", ["r2", "g101", "r1"]),
        ({"start": "<2026-03-01T09:56"}, "", ["r1", "x1", "e1"]),
        ({"what": "lys%b"}, "", ["g102"]),
        ({"what": "unload"}, "", ["r2"]),
        ({"comments": "PIN <"}, "", ["r2"]),
        ({"comments": "GOOD crystal"}, "", ["g101"]),
        ({}, "lys load", ["r2", "r1"]),
        ({}, "1002", ["g102"]),
        ({}, "<lost>", ["r2"]),
        ({}, "x' OR '1'='1", []),
    ],
)
def test_filters_combine(tiny: Facility, filters: dict[str, str], search: str, expected: list[str]) -> None:
    asked = Asked(filters=tuple(filters.items()), search=search)
    found = keys(mx.events(tiny.reader("alice"), 11, asked, 50))
    assert found == expected
    drawn = timeline(tiny.reader("alice"), 11, asked)
    assert {bar.key for bar in drawn.bars} == {key for key in expected if key != "r3"}


def test_favourites_alone_are_listed_when_wanted(tiny: Facility) -> None:
    only = {"g": (101,), "r": (1, 4)}  # r4 is of another visit
    assert keys(mx.events(tiny.reader("alice"), 11, ALL, 50, only=only)) == ["g101", "r1"]
    assert mx.events(tiny.reader("alice"), 11, ALL, 50, only={}) == mx.Events([], mx.Place(), True)


def test_each_run_of_a_pipeline_says_how_it_stands(tiny: Facility) -> None:
    rows = {row["key"]: row for row in mx.events(tiny.reader("alice"), 11, ALL, 50).rows}
    runs = [(run["name"], run["state"]) for run in rows["g101"]["members"][0]["runs"]]
    assert runs == [("fast_dp", "ok"), ("xia2 dials", "ok"), ("autoPROC", "ok"), ("xia2 3dii", "failed"),
                    ("autoPROC+STARANISO", "running")]  # fmt: skip
    assert [run["name"] for run in rows["g102"]["runs"]] == ["dimple"]


def test_counts_are_by_kind(tiny: Facility) -> None:
    assert mx.counts(tiny.reader("alice"), 11) == {"collection": 2, "energy": 1, "xrf": 1, "robot": 3}


def test_a_page_takes_few_statements_at_any_depth(tiny: Facility) -> None:
    reader = tiny.reader("alice")
    place = None
    for _ in range(3):
        before = tiny.source.statements
        place = mx.events(reader, 11, ALL, 3, place).place
        assert tiny.source.statements - before <= 8


# ---- merging --------------------------------------------------------------------------------------------------------


def test_merging_equals_a_sort_where_keys_follow_time_and_loses_nothing_where_not() -> None:
    rng = np.random.default_rng(4)
    for _ in range(50):
        streams: dict[str, list[tuple[int, datetime | None]]] = {}
        for stream in mx.STREAMS:
            minutes = np.sort(rng.integers(0, 500, rng.integers(0, 30)))[::-1]
            streams[stream] = [(len(minutes) - n, at(1) + timedelta(minutes=int(m))) for n, m in enumerate(minutes)]
        merged, _ = mx.merge(streams, 1000)
        flat = [(when, -mx.STREAMS.index(k), n, k) for k, rows in streams.items() for n, when in rows]
        assert [(k, n) for k, n, _ in merged] == [(k, n) for _, _, n, k in sorted(flat, reverse=True)]
        paged: list[tuple[str, int]] = []
        known: dict[str, tuple[int, datetime | None]] = {}
        while len(paged) < len(flat):
            left = {k: [one for one in rows if k not in known or one[0] < known[k][0]] for k, rows in streams.items()}
            some, place = mx.merge({k: rows[:8] for k, rows in left.items()}, 7, known)
            known = {stream: (number, when) for stream, number, when in place.at}
            paged += [(k, n) for k, n, _ in some]
        assert paged == [(k, n) for k, n, _ in merged]


# ---- along time -----------------------------------------------------------------------------------------------------


def test_the_timeline_shows_each_collection_by_itself_and_in_its_lane(tiny: Facility) -> None:
    found = timeline(tiny.reader("alice"), 11, ALL)
    bars = {(bar.stream, bar.number): bar for bar in found.bars}
    assert set(bars) == {("c", 1001), ("c", 1002), ("c", 1003), ("c", 1004), ("e", 1), ("x", 1), ("r", 1), ("r", 2)}
    assert bars["c", 1003].key == "g101"
    assert bars["c", 1003].end is None
    assert (found.first, found.last, found.total) == (at(1, 9, 30), at(1, 10, 30).replace(second=20), 8)
    assert {bar.lane for bar in found.bars} == {"collection", "energy", "xrf", "robot"}
    by_sample = timeline(tiny.reader("alice"), 11, ALL, "sample")
    assert by_sample.names == {"1": "lys_10"}
    assert {bar.lane for bar in by_sample.bars} == {"0", "1"}


def test_a_clock_gone_wrong_does_not_stretch_the_axis(tiny: Facility) -> None:
    whole = timeline(tiny.reader("alice"), 11, ALL, about=(at(1, 9), at(2, 9)))
    assert (whole.first, whole.last) == (at(1, 9, 30), at(1, 10, 30).replace(second=20))
    other = timeline(tiny.reader("alice"), 11, ALL, about=(at(20), at(21)))
    assert other.first is None
    assert not other.bars


@pytest.fixture(scope="module", params=DATABASES)
def busy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Facility]:
    """A visit of 5,000 robot actions and 600 groups, one action in ten without an end."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('busy') / 'busy.db'}"
    else:
        url = at_server(request.getfixturevalue("mariadb"), request.param, "busy")
    found = facility(request.param, url)
    write = writer(url)
    with write.engine.begin() as connection:
        write.prepare(connection)
        w = replace(write, open=connection)
        never = None if request.param == "sqlite" else "0000-00-00 00:00:00"  # the column is a TIMESTAMP there
        for n in range(5_000):
            start = at(10, 10) + timedelta(seconds=12 * n)
            w.add(s.RobotAction, action_id=100 + n, visit_id=12, sample_id=2, action="LOAD", status="SUCCESS",
                  start=start, end=never if n % 10 == 0 else start + timedelta(seconds=10))  # fmt: skip
    write.engine.dispose()
    yield found
    found.source.close()


def test_where_there_are_too_many_each_stretch_says_how_many_began_in_it(busy: Facility) -> None:
    robots = Asked(filters=(("kind", "robot"),))
    begins = np.array([-1.0 * 60, *(12.0 * np.arange(5_000))])  # seconds after 10:00; r4 at 9:59
    found = timeline(busy.reader("staff"), 12, robots, stretches=500)
    assert found.total == 5_001
    assert found.width > 0
    assert len(found.bars) <= 501
    places = np.floor((begins + 60) / found.width).astype(int)
    expected = np.bincount(places)
    got = {round((bar.start - at(10, 9, 59)).total_seconds() // found.width): bar.count for bar in found.bars}
    assert got == {place: int(count) for place, count in enumerate(expected) if count}
    near = timeline(busy.reader("staff"), 12, robots, low=at(10, 11), high=at(10, 12))
    assert near.width == 0, "few enough: each by itself"
    seconds = np.array([12 * n + (0 if n % 10 == 0 else 10) for n in range(5_000)])
    inside = (12 * np.arange(5_000) <= 7200) & (seconds >= 3600)
    assert len(near.bars) == near.total == int(inside.sum())


def test_a_deep_page_of_a_busy_visit_gives_the_next_events(busy: Facility) -> None:
    place: Any = None
    got: list[str] = []
    for _ in range(30):
        page = mx.events(busy.reader("staff"), 12, ALL, 50, place)
        got += keys(page)
        place = page.place
    assert got == [f"r{5_099 - n}" for n in range(1_500)]
