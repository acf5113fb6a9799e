"""Threads for files: apart, shared, bounded in time, and not for who has left."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import ispyb
import pytest
from servers.darkroom import EIGER, darkroom

from app.routes.lanes import Lanes, Late
from app.routes.rows import Rows
from data.errors import NotFound
from data.images.files import Files
from data.reader import Reader


def run(work: Callable[[Lanes], Coroutine[Any, Any, None]], **chosen: Any) -> None:
    async def whole() -> None:
        lanes = Lanes(**chosen)
        try:
            await work(lanes)
        finally:
            lanes.close()

    asyncio.run(whole())


def test_who_asks_for_the_same_meanwhile_gets_the_same_answer() -> None:
    made: list[int] = []
    gate = threading.Event()

    def work() -> int:
        gate.wait(5)
        made.append(1)
        return len(made)

    async def check(lanes: Lanes) -> None:
        asked = [asyncio.ensure_future(lanes.run(0, "a", work)) for _ in range(5)]
        await asyncio.sleep(0.05)
        gate.set()
        assert await asyncio.gather(*asked) == [1] * 5
        assert await lanes.run(0, "a", work) == 2

    run(check)


def test_a_lane_that_hangs_holds_up_no_other_and_says_so_in_time() -> None:
    gate = threading.Event()

    async def check(lanes: Lanes) -> None:
        stuck = [asyncio.ensure_future(lanes.run(0, n, lambda: gate.wait(5))) for n in range(6)]
        await asyncio.sleep(0)
        began = time.monotonic()
        assert await lanes.run(1, "b", lambda: "there") == "there"
        assert time.monotonic() - began < 0.2
        failed = await asyncio.gather(*stuck, return_exceptions=True)
        assert all(isinstance(one, Late) for one in failed)
        assert "0.3 s" in str(failed[0])
        assert time.monotonic() - began < 1
        gate.set()
        assert await lanes.run(0, "c", lambda: 1) == 1

    run(check, seconds=0.3)


def test_what_nobody_waits_for_any_more_is_not_begun() -> None:
    begun: list[str] = []
    gate = threading.Event()

    async def check(lanes: Lanes) -> None:
        first = asyncio.ensure_future(lanes.run(0, "first", lambda: gate.wait(5)))
        left = asyncio.ensure_future(lanes.run(0, "left", lambda: begun.append("left")))
        shared = [asyncio.ensure_future(lanes.run(0, "shared", lambda: begun.append("shared"))) for _ in range(2)]
        await asyncio.sleep(0.05)
        left.cancel()
        shared[0].cancel()
        await asyncio.sleep(0.05)
        gate.set()
        await asyncio.gather(first, shared[1])
        await lanes.run(0, "last", lambda: None)
        assert begun == ["shared"]

    run(check, threads=1)


def test_a_failure_reaches_all_who_wait_and_is_not_kept() -> None:
    def broken() -> None:
        raise ValueError("planted")

    async def check(lanes: Lanes) -> None:
        found = await asyncio.gather(*(lanes.run(0, "a", broken) for _ in range(2)), return_exceptions=True)
        assert [str(one) for one in found] == ["planted"] * 2
        assert await lanes.run(0, "a", lambda: 1) == 1

    run(check)


def test_paths_go_to_the_lane_of_the_root_that_they_name_without_a_look_at_the_disk(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    files = Files((tmp_path / "one", tmp_path / "link"), (("/stored", str(tmp_path / "one")),))
    assert files.lane("/stored/a/b.cbf") == 0
    assert files.lane(f"{tmp_path}/link/b.cbf") == files.lane(f"{tmp_path}/real/b.cbf") == 1
    assert files.lane("/elsewhere/b.cbf") == files.lane("") == -1


def test_a_file_server_that_hangs_is_told_of_while_the_others_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    real = Files.find

    def slow(self: Files, stored: str | None) -> Any:
        if "_master" in (stored or ""):
            gate.wait(10)
        return real(self, stored)

    with darkroom(tmp_path, seconds=1.0) as site:
        monkeypatch.setattr(Files, "find", slow)
        alice = site.person("alice")
        sent = alice.get(f"/frame/{EIGER}/1")
        assert (sent.status, sent.json["title"]) == (503, "Files answer late")
        assert "1 s" in sent.json["text"]
        # The lane of what lies under no root, which both threads of the first do not hold up.
        began = time.monotonic()
        assert alice.get("/frame/1103/1").status == 404
        assert time.monotonic() - began < 1
        gate.set()


def test_a_row_is_kept_for_moments_and_for_the_scope_that_saw_it(tmp_path: Path) -> None:
    facility = ispyb.facility("sqlite", f"sqlite:///{tmp_path / 'tiny.db'}")
    asked: list[int] = []

    class Counted(Reader):
        def one(self, query: Any, what: str = "This") -> Any:
            asked.append(1)
            return super().one(query, what)

    def of(login: str) -> Reader:
        return Counted(facility.source, facility.scope(login))

    rows = Rows(seconds=0.2)
    assert rows.imaging(of("alice"), 1001)["template"] == "xtal_1_####.cbf"
    assert rows.imaging(of("alice"), 1001)["template"] == "xtal_1_####.cbf"
    assert len(asked) == 1
    for _ in range(2):
        with pytest.raises(NotFound):
            rows.imaging(of("nobody"), 1001)
    assert len(asked) == 3
    time.sleep(0.25)
    rows.imaging(of("alice"), 1001)
    assert len(asked) == 4
    facility.source.close()
