"""One answer for everybody who watches the same visit."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from data.errors import NotFound
from data.lists import Asked
from data.live.shared import Shared
from data.reader import Reader
from data.schema import (
    Component,
    Crystal,
    Group,
    Person,
    Proposal,
    Protein,
    RobotAction,
    Sample,
    SampleComposition,
    Table,
    Visit,
    VisitHasPerson,
)
from data.scope import Scope
from data.source import Source
from data.techniques.mx.events import events
from data.techniques.ssx.runs import _compositions

ALICE, BOB, NOBODY = Scope(1), Scope(2), Scope(3)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    """A visit that alice and bob are on, and nobody else."""
    url = f"sqlite:///{tmp_path / 'ispyb.sqlite'}"
    engine = create_engine(url)
    Table.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all(
            [
                Proposal(proposal_id=1, code="mx", number="1"),
                Visit(visit_id=1, proposal_id=1, number=1),
                *(Person(person_id=n) for n in (1, 2, 3)),
                *(VisitHasPerson(visit_id=1, person_id=n) for n in (1, 2)),
            ]
        )
        session.commit()
    engine.dispose()
    return Source(url)


def test_two_people_on_a_visit_share_one_answer_for_one_version(source: Source) -> None:
    shared, asked = Shared(), []

    def ask(_: Reader) -> str:
        asked.append(1)
        return "rows"

    assert shared.answer(Reader(source, ALICE), 1, 7, "list", ask) == "rows"
    assert shared.answer(Reader(source, BOB), 1, 7, "list", ask) == "rows"
    assert len(asked) == 1


def test_another_version_is_asked_anew(source: Source) -> None:
    shared = Shared()
    assert shared.answer(Reader(source, ALICE), 1, 7, "list", lambda _: "old") == "old"
    assert shared.answer(Reader(source, ALICE), 1, 8, "list", lambda _: "new") == "new"


def test_who_may_not_see_the_visit_gets_no_answer_however_warm_it_is(source: Source) -> None:
    shared = Shared()
    shared.answer(Reader(source, ALICE), 1, 7, "list", lambda _: "rows")
    with pytest.raises(NotFound):
        shared.answer(Reader(source, NOBODY), 1, 7, "list", lambda _: "rows")


def test_the_right_to_a_visit_is_asked_again_before_a_minute_is_over(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = Shared()
    moment = [100.0]
    monkeypatch.setattr("data.live.shared.time.monotonic", lambda: moment[0])
    shared.answer(Reader(source, ALICE), 1, 7, "list", lambda _: "rows")
    engine = create_engine(source.engine.url)
    with Session(engine) as session:
        session.delete(session.get(VisitHasPerson, (1, 1)))
        session.commit()
    engine.dispose()
    moment[0] += 44
    assert shared.answer(Reader(source, ALICE), 1, 7, "list", lambda _: "rows") == "rows"
    moment[0] += 2
    with pytest.raises(NotFound):
        shared.answer(Reader(source, ALICE), 1, 7, "list", lambda _: "rows")


def test_questions_put_at_once_wait_for_the_first(source: Source) -> None:
    shared, asked, go = Shared(), [], threading.Event()

    def ask(_: Reader) -> str:
        asked.append(1)
        go.wait(10)
        return "rows"

    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(shared.answer, Reader(source, ALICE), 1, 7, "list", ask) for _ in range(4)]
        go.set()
        assert [answer.result(10) for answer in answers] == ["rows"] * 4
    assert len(asked) == 1


def test_a_failed_answer_is_not_kept(source: Source) -> None:
    shared = Shared()

    def fail(_: Reader) -> str:
        raise ValueError("once")

    with pytest.raises(ValueError, match="once"):
        shared.answer(Reader(source, ALICE), 1, 7, "list", fail)
    assert shared.answer(Reader(source, ALICE), 1, 7, "list", lambda _: "rows") == "rows"


def test_an_answer_about_a_visit_that_nobody_watches_is_not_kept(source: Source) -> None:
    shared = Shared()
    assert shared.answer(Reader(source, ALICE), 1, 0, "list", lambda _: "old") == "old"
    assert shared.answer(Reader(source, ALICE), 1, 0, "list", lambda _: "new") == "new"


def test_what_reaches_beyond_the_visit_is_given_to_no_other_scope(source: Source) -> None:
    engine = create_engine(source.engine.url)
    with Session(engine) as session:
        session.add_all(
            [
                Protein(protein_id=9, proposal_id=2),
                Crystal(crystal_id=9, protein_id=9),
                Sample(sample_id=9, crystal_id=9, name="secret"),
                RobotAction(action_id=1, visit_id=1, sample_id=9, action="LOAD"),
            ]
        )
        session.commit()
    engine.dispose()
    shared = Shared()

    def samples(scope: Scope) -> list[Any]:
        found = shared.answer(Reader(source, scope), 1, 7, "events", lambda r: events(r, 1, Asked(), 9), own=True)
        return [row["sample"] for row in found.rows]

    assert samples(Scope(everything=True)) == ["secret"]
    assert samples(ALICE) == [None]


def test_what_runs_are_made_of_is_the_same_for_everybody_who_sees_the_visit(source: Source) -> None:
    engine = create_engine(source.engine.url)
    with Session(engine) as session:
        session.add_all([Sample(sample_id=9), Group(group_id=1, visit_id=1, sample_id=9)])
        for key, (proposal, name) in enumerate([(1, "HEPES"), (2, "secret")], 1):
            session.add(Component(component_id=key, proposal_id=proposal, name=name))
            session.add(SampleComposition(id=key, component_id=key, sample_id=9))
        session.commit()
    engine.dispose()
    for scope in (Scope(everything=True), ALICE):
        assert _compositions(Reader(source, scope), 1) == ({9: "HEPES"}, {}), scope


def test_who_comes_late_to_some_steps_takes_what_others_read_of_them(source: Source) -> None:
    shared, asked = Shared(), []

    def ask(_: Reader, ids: Sequence[int]) -> list[dict[str, Any]]:
        asked.append(tuple(ids))
        return [{"id": key, "turn": len(asked)} for key in ids]

    alice, bob = Reader(source, ALICE), Reader(source, BOB)
    first, second, third = {5: frozenset({1, 2})}, {6: frozenset({2, 3})}, {7: frozenset({4})}
    shared.rows(alice, 1, first, "list", ask)
    assert shared.rows(alice, 1, second, "list", ask) == [{"id": 3, "turn": 2}, {"id": 2, "turn": 2}]
    late = shared.rows(bob, 1, first | second | third, "list", ask)
    assert asked == [(2, 1), (3, 2), (4,)]
    assert [(row["id"], row["turn"]) for row in late] == [(4, 3), (3, 2), (2, 2), (1, 1)], "the latest reading counts"
    with pytest.raises(NotFound):
        shared.rows(Reader(source, NOBODY), 1, first, "list", ask)


def test_steps_that_could_not_be_read_are_read_again(source: Source) -> None:
    shared, turns = Shared(), iter((1, 2))

    def ask(_: Reader, ids: Sequence[int]) -> list[dict[str, Any]]:
        if next(turns) == 1:
            raise ValueError("once")
        return [{"id": key} for key in ids]

    steps = {5: frozenset({1}), 6: frozenset({2})}
    with pytest.raises(ValueError, match="once"):
        shared.rows(Reader(source, ALICE), 1, steps, "list", ask)
    assert shared.rows(Reader(source, BOB), 1, steps, "list", ask) == [{"id": 2}, {"id": 1}]
