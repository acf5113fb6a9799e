"""A question, its answer, and what happens meanwhile."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest

from data.errors import NotFound, Unavailable
from data.reader import Reader
from views import reading as module
from views.desk import Desk
from views.problem import Problem
from views.reading import Reading


class StillPulse:
    """Watches nothing."""

    def watch(self, visit_id: int | None) -> None: ...

    def version(self) -> int:
        return 0


def desk(pool: ThreadPoolExecutor) -> Desk:
    return Desk(
        reader=lambda: cast(Reader, None),
        pool=pool,
        go=lambda place, same: None,
        later=lambda act: act(),
        pulse=StillPulse(),
    )


def run(work: Callable[[Desk], Any]) -> Any:
    with ThreadPoolExecutor(4) as pool:

        async def main() -> Any:
            return await work(desk(pool))

        return asyncio.run(main())


async def _until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not done():
            await asyncio.sleep(0.005)


def test_a_newer_question_overtakes_an_older_one() -> None:
    async def work(desk: Desk) -> list[str]:
        told: list[str] = []
        hold = threading.Event()
        reading: Reading[str] = Reading(desk, told.append, lambda problem: told.append(problem.title))

        def slow(_: Reader) -> str:
            hold.wait(10)
            return "old"

        reading.ask(slow)
        reading.ask(lambda _: "new")
        await _until(lambda: bool(told))
        hold.set()
        await asyncio.sleep(0.05)
        return told

    assert run(work) == ["new"]


def test_a_question_that_is_forgotten_tells_nothing() -> None:
    async def work(desk: Desk) -> list[str]:
        told: list[str] = []
        reading: Reading[str] = Reading(desk, told.append, lambda problem: told.append(problem.title))
        reading.ask(lambda _: "answer")
        reading.forget()
        await asyncio.sleep(0.05)
        return told

    assert run(work) == []


def test_forbidden_and_absent_are_told_in_the_same_words() -> None:
    async def work(desk: Desk) -> list[Problem]:
        failed: list[Problem] = []
        reading: Reading[str] = Reading(desk, lambda _: None, failed.append)

        def ask(_: Reader) -> str:
            raise NotFound("This visit")

        reading.ask(ask)
        await _until(lambda: bool(failed))
        return failed

    (problem,) = run(work)
    assert problem.text == "This visit does not exist, or you do not have access to it."
    assert problem.reference is None


def test_an_unexpected_error_shows_a_reference_and_no_detail(caplog: pytest.LogCaptureFixture) -> None:
    async def work(desk: Desk) -> list[Problem]:
        failed: list[Problem] = []
        reading: Reading[str] = Reading(desk, lambda _: None, failed.append)
        reading.ask(lambda _: {}["secret"])
        await _until(lambda: bool(failed))
        return failed

    (problem,) = run(work)
    assert problem.reference is not None
    assert "secret" not in problem.text
    assert problem.reference in caplog.text


def test_the_database_coming_back_answers_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FIRST_RETRY", 0.01)
    away = [True]

    async def work(desk: Desk) -> tuple[list[str], list[Problem]]:
        told: list[str] = []
        failed: list[Problem] = []
        reading: Reading[str] = Reading(desk, told.append, failed.append)

        def ask(_: Reader) -> str:
            if away[0]:
                raise Unavailable
            return "back"

        reading.ask(ask)
        await _until(lambda: bool(failed))
        away[0] = False
        await _until(lambda: bool(told))
        return told, failed

    told, failed = run(work)
    assert told == ["back"]
    assert failed[0].passing


def test_a_view_that_fails_to_draw_its_answer_says_so() -> None:
    async def work(desk: Desk) -> list[Problem]:
        failed: list[Problem] = []

        def tell(_: str) -> None:
            raise ValueError("drawing")

        reading: Reading[str] = Reading(desk, tell, failed.append)
        reading.ask(lambda _: "answer")
        await _until(lambda: bool(failed))
        return failed

    assert run(work)[0].reference is not None
