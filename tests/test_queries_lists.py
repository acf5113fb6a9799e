"""Sorting, filtering, searching and paging: every column of every list, on every database."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from ispyb import DATABASES, Facility, at, shared
from sqlalchemy import create_engine, select, text, true
from sqlalchemy.orm import Session

from data.core import proposals, visits
from data.core.status import state, status, status_of_collection
from data.errors import TooMany
from data.lists import Asked, Field, Page, conditions, understood, valid
from data.reader import Reader
from data.schema import Collection, Group, Table, Visit
from data.techniques import experiments, spots
from data.techniques.collections import of_visit
from data.techniques.em import queries as em
from data.techniques.mx import queries as mx
from data.techniques.mx.best import fraction, percent
from data.techniques.ssx import queries as ssx

Ask = Callable[[Reader, Asked], Page]
LISTS: dict[str, tuple[tuple[Field, ...], Ask]] = {
    "mx": (mx.FIELDS, lambda r, asked: mx.collections(r, 11, asked, 0, 50)),
    "ssx": (ssx.FIELDS, lambda r, asked: ssx.collections(r, 31, asked, 0, 50)),
    "em": (em.FIELDS, lambda r, asked: em.collections(r, 21, asked, 0, 50)),
    "proposals": (proposals.FIELDS, lambda r, asked: proposals.proposals(r, asked, 0, 50)),
    "samples": (proposals.SAMPLE_FIELDS, lambda r, asked: proposals.samples(r, 1, asked, 0, 50)),
    "visits": (visits.FIELDS, lambda r, asked: visits.visits_of(r, 1, asked, 0, 50)),
}


@pytest.fixture(scope="module", params=DATABASES)
def tiny(request: pytest.FixtureRequest) -> Iterator[Facility]:
    """The tiny ISPyB of `ispyb.py` in one kind of database."""
    found = shared(request, request.param)
    yield found
    found.source.close()


def ids(page: Page) -> list[int]:
    return [row["id"] for row in page.rows]


def mx_ids(tiny: Facility, **asked: Any) -> list[int]:
    return ids(mx.collections(tiny.reader("bob"), 11, Asked(**asked), 0, 50))


def found(tiny: Facility, key: str, wanted: str) -> set[int]:
    return set(mx_ids(tiny, filters=((key, wanted),)))


# ---- sorting --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LISTS)
def test_every_column_sorts_as_it_shows_with_nothing_last_both_ways(tiny: Facility, name: str) -> None:
    fields, ask = LISTS[name]
    reader = tiny.reader("admin")
    whole = sorted(ids(ask(reader, Asked())))
    for field in fields:
        for descending in (True, False):
            page = ask(reader, Asked(sort=field.key, descending=descending))
            assert sorted(ids(page)) == whole, field.key
            assert page.total == len(whole)
            shown = [row[field.key] for row in page.rows]
            known = [value for value in shown if value is not None]
            assert shown[: len(known)] == known, f"{field.key}: nothing comes last"
            if field.order:
                continue
            # How signs and accents stand among letters is the database's own affair.
            values = [
                re.sub(r"[^a-z0-9]", "", value.lower())[:3] if isinstance(value, str) else value for value in known
            ]
            assert values == sorted(values, reverse=descending), field.key


def test_proposals_and_visits_sort_by_number_and_not_by_digits(tiny: Facility) -> None:
    page = proposals.proposals(tiny.reader("admin"), Asked(sort="name", descending=False), 0, 10)
    assert [row["name"] for row in page.rows] == ["em2", "mx1", "mx10", "ssx3"]


def test_rows_of_equal_value_keep_an_order_over_pages(tiny: Facility) -> None:
    reader, asked = tiny.reader("bob"), Asked(sort="exposure")
    pages = [mx.collections(reader, 11, asked, offset, 1) for offset in range(4)]
    assert [ids(page) for page in pages] == [[1004], [1003], [1002], [1001]]
    assert [page.done for page in pages] == [False, False, False, True]


# ---- filters --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LISTS)
def test_every_column_filters_and_what_is_left_fits(tiny: Facility, name: str) -> None:
    fields, ask = LISTS[name]
    reader = tiny.reader("admin")
    rows = ask(reader, Asked()).rows
    for field in fields:
        value = next((row[field.key] for row in rows if row[field.key] not in (None, "")), None)
        if value is None:
            assert (
                ask(reader, Asked(filters=((field.key, {"time": "2026", "text": "x"}.get(field.kind, ">0")),))).rows
                == []
            )
            continue
        wanted = {"number": f"{value}", "time": f"{value}", "text": f"{value}"[1:] or value}[field.kind]
        page = ask(reader, Asked(filters=((field.key, wanted),)))
        assert page.total == len(page.rows) > 0, f"{field.key}: {wanted}"
        for row in page.rows:
            if field.kind == "text":
                assert wanted.lower() in row[field.key].lower(), field.key
            elif field.kind == "time":
                assert row[field.key] == value
            else:
                assert row[field.key] == pytest.approx(value, rel=1e-3, abs=1e-3), field.key


def test_numbers_compare_and_bare_numbers_match_what_is_shown(tiny: Facility) -> None:
    assert found(tiny, "resolution", ">2") == {1002}
    assert found(tiny, "resolution", "<=1.75") == {1001, 1003, 1004}
    assert found(tiny, "resolution", "<1.75") == {1001, 1003}
    assert found(tiny, "resolution", "1.7 - 3") == {1002, 1004}
    assert found(tiny, "resolution", "=1.75") == {1004}
    # 1.8 is what two digits show of 1.75; 1.7 is not.
    assert found(tiny, "resolution", "1.8") == {1004}
    assert found(tiny, "resolution", "1.7") == set()
    assert found(tiny, "flux", "1.5e12") == {1001, 1002, 1003, 1004}
    assert found(tiny, "transmission", "40") == {1001, 1002, 1003, 1004}
    # Nothing is neither above nor below.
    assert found(tiny, "energy", ">0") | found(tiny, "energy", "<=0") == {1001, 1002, 1004}
    assert found(tiny, "best_resolution_high", "<2") == {1001}
    assert found(tiny, "best_r_meas", ">7") == {1001}
    assert found(tiny, "best_cc_half", "<1") == {1001}


def test_times_stand_for_their_day_month_or_hour(tiny: Facility) -> None:
    reader = tiny.reader("admin")

    def begun(wanted: str) -> set[int]:
        return set(ids(mx.collections(reader, 41, Asked(filters=(("start", wanted),)), 0, 50)))

    for wanted in (
        "2026-03-12",
        "2026-03",
        "2026",
        "2026-03-12 10",
        ">=2026-03-12",
        "<=2026-03-12",
        ">2026-03-11",
        "2026-03-10..2026-03-12",
        "2026-03-12 - 2026-03-13",
        "<2026-04",
    ):
        assert begun(wanted) == {4001}, wanted
    for wanted in ("2026-03-11", ">2026-03-12", "<2026-03-12", "2025", "2026-03-12 11", "2026-03-13..2026-03-14"):
        assert begun(wanted) == set(), wanted


def test_text_is_found_in_any_case_and_wildcards_are_letters(tiny: Facility) -> None:
    assert found(tiny, "prefix", "LYS") == {1001, 1002, 1003}
    assert found(tiny, "prefix", "lysé") >= {1003}
    assert found(tiny, "prefix", "LYSÉ") >= {1003}
    assert found(tiny, "prefix", "s%b") == {1002}
    assert found(tiny, "prefix", "%") == {1002}
    assert found(tiny, "prefix", "s_a") == {1001}
    assert found(tiny, "prefix", "_") == {1001}
    assert found(tiny, "prefix", "|") == found(tiny, "prefix", "\\") == found(tiny, "prefix", "'") == set()
    assert found(tiny, "status", "fail") == {1002}
    assert found(tiny, "comments", "CRYSTAL") == {1001}
    assert found(tiny, "comments", "of the") == {1002, 1004, 1003} - {1003}


def test_letters_that_the_tables_cannot_hold_find_nothing_and_fail_nowhere(tiny: Facility) -> None:
    for word in ("żółć", "αβγ", "\u200b", "🔬", "中"):
        assert found(tiny, "prefix", word) == set()
        assert mx_ids(tiny, search=word) == []
        for name, (_, ask) in LISTS.items():
            assert ask(tiny.reader("admin"), Asked(search=word)).rows == [], name


def test_search_looks_into_all_texts_and_wants_every_word(tiny: Facility) -> None:
    assert mx_ids(tiny, search="autoproc") == [1001]
    assert mx_ids(tiny, search="good lys p43 ") == []
    assert mx_ids(tiny, search="good lys_a 43") == [1001]
    assert mx_ids(tiny, search="lys_10") == [1003, 1001]
    assert mx_ids(tiny, search="1_####") == [1004, 1003, 1002, 1001]
    page = mx.collections(tiny.reader("bob"), 11, Asked(search="lys"), 0, 1)
    assert (ids(page), page.total, page.done) == ([1003], 3, False)
    chip = ssx.collections(tiny.reader("admin"), 31, Asked(search="OXFORD"), 0, 9)
    assert ids(chip) == [3001]
    assert [row["name"] for row in proposals.samples(tiny.reader("bob"), 1, Asked(search="puck2"), 0, 9).rows] == [
        "<b>naïve</b>"
    ]
    assert [row["name"] for row in visits.visits_of(tiny.reader("bob"), 1, Asked(search="100% i04_"), 0, 9).rows] == [
        "mx1-2"
    ]


def test_a_filtered_list_continues_by_key(tiny: Facility) -> None:
    reader, asked = tiny.reader("bob"), Asked(filters=(("prefix", "lys"),))
    first = mx.collections(reader, 11, asked, 0, 2)
    last = first.rows[-1]
    second = mx.collections(reader, 11, asked, 0, 2, before=(last["group_id"], last["id"]))
    assert (ids(first), first.total, first.done) == ([1003, 1002], 3, False)
    assert (ids(second), second.total, second.done) == ([1001], None, True)


def test_beyond_the_end_there_is_nothing_and_no_wrong_total(tiny: Facility) -> None:
    page = mx.collections(tiny.reader("bob"), 11, Asked(sort="images"), 100, 10)
    assert (page.rows, page.total, page.done) == ([], None, True)


# ---- what a stranger may ask ----------------------------------------------------------------------------------------

NONSENSE = ("", ">", "-", "1-", "abc", "1e999", "--1", "nan", "inf", "9" * 400, "1;DROP TABLE x", "'", "2026-13-01")


def test_filters_that_mean_nothing_are_dropped_and_others_kept() -> None:
    given = Asked(
        sort="no such",
        descending=False,
        filters=(("images", "abc"), ("resolution", " >2 "), ("foreign", "1"), ("start", "2026-99"), ("prefix", "")),
        search=" x " * 500,
    )
    kept = valid(given, mx.FIELDS)
    assert (kept.sort, kept.descending, kept.filters) == (None, True, (("resolution", ">2"),))
    assert len(kept.search) <= 200
    for wanted in NONSENSE:
        assert not understood("number", wanted), wanted
        assert not understood("time", wanted), wanted
    assert not understood("time", "9999")
    assert not understood("time", "0000")


def test_nonsense_and_unknown_columns_change_nothing(tiny: Facility) -> None:
    for wanted in NONSENSE:
        assert len(mx_ids(tiny, filters=(("images", wanted), ("start", wanted), ("foreign", wanted)))) == 4
    assert mx_ids(tiny, sort="foreign") == mx_ids(tiny)
    assert mx_ids(tiny, sort="__class__", search="") == mx_ids(tiny)


def test_choices_are_whole_words_or_one_of_several(tiny: Facility) -> None:
    field = Field("kind", experiments.kind(), "choice")

    def chosen(wanted: str) -> set[int]:
        asked = of_visit(select(Collection.collection_id), 11).where(
            *conditions(Asked(filters=(("kind", wanted),)), [field])
        )
        return {row[0] for row in tiny.reader("bob").rows(asked)}

    assert chosen("osc") == {1001, 1003}
    assert chosen("SAD|OSC") == {1001, 1003}
    assert chosen("OS") == chosen("|") - {1001, 1002, 1003, 1004} == set()


# ---- rules that are there twice -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "ended", "started", "expected"),
    [
        ("DataCollection Successful", True, True, "finished"),
        ("Data collection successful", False, True, "finished"),
        ("DataCollection Unsuccessful", True, True, "failed"),
        ("Data collection failed: no beam", True, True, "failed"),
        ("DataCollection Stopped", True, True, "stopped"),
        ("User aborted", False, True, "stopped"),
        ("DataCollection Cancelled", True, True, "stopped"),
        ("Running", False, True, "running"),
        (None, True, True, "finished"),
        ("", False, True, "running"),
        (None, False, False, "unknown"),
        ("?", False, False, "unknown"),
    ],
)
def test_a_status_is_the_same_in_sql_and_in_python(
    words: str | None, ended: bool, started: bool, expected: str
) -> None:
    now = datetime(2026, 3, 20, 12)
    end, start = at(20, 11) if ended else None, at(20, 10) if started else None
    assert status(words, end, start, now) == expected
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        Collection.metadata.tables["DataCollection"].create(connection)
        connection.execute(
            text("INSERT INTO DataCollection (dataCollectionId, runStatus, startTime, endTime) VALUES (1, :w, :s, :e)"),
            {"w": words, "s": str(start) if start else None, "e": str(end) if end else None},
        )
        assert connection.scalar(select(status_of_collection(now))) == expected
    engine.dispose()


def test_a_collection_begun_long_ago_without_an_end_is_not_running() -> None:
    assert status(None, None, at(1), datetime(2026, 3, 20)) == "unknown"
    assert status(None, None, datetime(2027, 1, 1), datetime(2026, 3, 20)) == "unknown"


def test_programs_are_known_by_digit_and_by_word() -> None:
    assert [state(word) for word in ("1", "SUCCESS", "0", "FAILED", None, "RUNNING", "?")] == [
        "ok", "ok", "failed", "failed", "running", "running", "running",
    ]  # fmt: skip


def test_fractions_and_percent_are_told_apart() -> None:
    assert [fraction(value) for value in (0.998, 99.8, 1.0, None)] == [0.998, 0.998, 1.0, None]
    assert [percent(value) for value in (0.054, 5.4, None)] == pytest.approx([5.4, 5.4, None])


def test_each_type_of_experiment_belongs_to_one_technique() -> None:
    claims = (mx.EXPERIMENTS, ssx.EXPERIMENTS, em.EXPERIMENTS)
    lower = [name.lower() for names in claims for name in names]
    assert len(lower) == len(set(lower))
    assert [experiments.technique(name) for name in ("OSC", "ssx-CHIP", "Single Particle", "unheard of", None)] == [
        "mx", "ssx", "em", "mx", "mx",
    ]  # fmt: skip
    assert experiments.technique(None, None, "em") == experiments.technique("Default", "em") == "em"
    assert experiments.technique("OSC", None, "em") == "mx"


def test_a_summary_is_of_the_images_that_have_numbers(tiny: Facility) -> None:
    # Ten images, of which the last has no number of spots.
    found = spots.summaries(tiny.reader("bob"), 11, [1001, 1002])
    assert found[1001] == {"spots": 50, "quality_resolution": 2, "hit_rate": pytest.approx(100 * 8 / 9)}
    assert found[1002] == {"spots": None, "quality_resolution": None, "hit_rate": None}


def test_the_images_of_a_summary_are_spread_over_the_whole_collection() -> None:
    for first, count in ((1, 1800), (0, 1_000_000), (101, 4001), (1, 101), (1, 100), (5, 7)):
        taken = looked_at(first, count)
        assert len(set(taken)) == min(count, 100) if count <= 100 else 100
        assert (min(taken), max(taken)) == (first, first + count - 1)
        # Where a spot finder took every tenth image, it is met.
        assert count < 10 or {image % 10 for image in taken[:10]} == set(range(10))


def looked_at(first: int, count: int) -> list[int]:
    """The images that the statement asks for, of those that exist."""
    engine = create_engine("sqlite://")
    Table.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Visit(visit_id=1), Group(group_id=1, visit_id=1)])
        session.add(Collection(collection_id=1, group_id=1, images=count, first_image=first))
        places = spots._places()
        query = select(spots._image(places)).select_from(Collection).join(places, true())
        taken = sorted(int(row[0]) for row in session.execute(query))
    engine.dispose()
    return [image for image in taken if image < first + count]


def test_what_would_sum_up_too_much_is_refused_with_words_and_narrowing_helps(
    tiny: Facility, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data.techniques.collections.MOST_SUMMED", 2)
    reader = tiny.reader("bob")
    with pytest.raises(TooMany, match=r"more than 2 collections.*Filter the list first"):
        mx.collections(reader, 11, Asked(sort="spots"), 0, 10)
    narrowed = mx.collections(reader, 11, Asked(sort="spots", filters=(("id", "1001-1002"),)), 0, 10)
    assert (ids(narrowed), narrowed.total) == ([1001, 1002], 2)
    assert len(mx.collections(reader, 11, Asked(sort="images"), 0, 10).rows) == 4


def test_columns_on_the_same_join_can_be_sorted_and_filtered_together(tiny: Facility) -> None:
    asked = Asked(sort="hit_rate", filters=(("indexing_rate", ">1"), ("crystals", ">=0")))
    assert set(ids(ssx.collections(tiny.reader("admin"), 31, asked, 0, 10))) <= {3001, 3002, 3003}


def test_no_summary_of_nothing(tiny: Facility) -> None:
    assert spots.summaries(tiny.reader("bob"), 11, []) == {}
