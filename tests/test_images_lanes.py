"""Threads for files: apart, shared, bounded in time, and not for who has left."""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import h5py
import ispyb
import pytest
from servers.darkroom import CBF, EIGER, darkroom

from app.access import Access
from app.routes.lanes import Lanes, Late
from app.routes.rows import Rows
from app.settings import FrameSettings
from auth.identity import Identity
from data.errors import NotFound
from data.images.files import Files
from data.images.formats.chunk import Chunk
from data.reader import Reader
from data.scope import Rights


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


def test_an_answer_that_comes_together_with_the_time_limit_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    async def late(answer: Any, limit: float) -> None:
        await answer
        raise TimeoutError

    async def check(lanes: Lanes) -> None:
        assert await lanes.run(0, "a", lambda: 7) == 7

    monkeypatch.setattr(asyncio, "wait_for", late)
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


class Stuck:
    """A file server that answers nothing about files of a name until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, part: str) -> None:
        self.gate = threading.Event()
        real = getattr(module, name)

        def slow(*given: Any, **more: Any) -> Any:
            if part in str(given):
                self.gate.wait(20)
            return real(*given, **more)

        monkeypatch.setattr(module, name, slow)


@pytest.mark.parametrize(("module", "name"), [(os, "stat"), (os, "open"), (Chunk, "read")])
def test_a_file_server_that_hangs_is_told_of_within_two_seconds_and_gives_the_picture_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> None:
    assert FrameSettings().seconds == 2
    with darkroom(tmp_path, seconds=FrameSettings().seconds) as site:
        alice = site.person("alice")
        assert alice.get(f"/tile/{EIGER}/3?w=16&h=16").status == 200  # signed in, and every loop has been met
        path = site.folder / "e_1_master.h5"
        os.utime(path, (1, 1))  # another time: nothing that is kept holds any more
        part = str(path) if name != "read" else ""
        stuck = Stuck(monkeypatch, module, name, part)
        # While what is slow lasts 20 s.
        began = time.monotonic()
        sent = alice.get(f"/frame/{EIGER}/1")
        assert time.monotonic() - began < 10
        assert (sent.status, sent.json["title"], sent.headers["Retry-After"]) == (503, "The file server is late", "1")
        assert "within 2 s" in sent.json["text"]
        # The lane of what lies under no root, which both threads of the first do not hold up.
        began = time.monotonic()
        assert alice.get("/frame/1103/1").status == 404
        assert time.monotonic() - began < 5
        stuck.gate.set()
        assert any(alice.get(f"/frame/{EIGER}/1").status == 200 for _ in range(20))


def test_a_pipe_in_place_of_a_file_is_a_sentence_at_once(tmp_path: Path) -> None:
    with darkroom(tmp_path) as site:
        alice = site.person("alice")
        (site.folder / "c_0002.cbf").unlink(missing_ok=True)
        os.mkfifo(site.folder / "c_0002.cbf")
        (site.folder / "e_1_master.h5").unlink()
        with h5py.File(site.folder / "e_1_master.h5", "w") as file:
            for number in (1, 2):
                link = h5py.ExternalLink(f"e_1_data_{number}.h5", "/entry/data/data")
                file[f"/entry/data/data_{number:06d}"] = link
        os.mkfifo(site.folder / "e_1_data_1.h5")
        os.mkfifo(site.folder / "e_1_data_2.h5")
        for place, name in ((f"{CBF}/2", "c_0002.cbf"), (f"{EIGER}/1", "e_1_data_1.h5")):
            began = time.monotonic()
            sent = alice.get(f"/frame/{place}")
            assert time.monotonic() - began < 10
            assert (sent.status, sent.json["text"]) == (404, f"“{name}” is not a file.")


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
    assert rows.imaging(of("alice"), "1001")["template"] == "xtal_1_####.cbf"
    assert rows.imaging(of("alice"), "1001")["template"] == "xtal_1_####.cbf"
    assert len(asked) == 1
    held = rows.held(facility.scope("alice"), "1001")
    assert held is not None
    assert held["template"] == "xtal_1_####.cbf"
    for _ in range(2):
        with pytest.raises(NotFound):
            rows.imaging(of("nobody"), "1001")
        for login in ("nobody", "bob", "staff", "admin"):
            assert rows.held(facility.scope(login), "1001") is None
    assert len(asked) == 3
    time.sleep(0.25)
    assert rows.held(facility.scope("alice"), "1001") is None
    rows.imaging(of("alice"), "1001")
    assert len(asked) == 4
    facility.source.close()


def test_rights_are_held_without_asking_for_three_quarters_of_a_minute_and_no_longer(tmp_path: Path) -> None:
    facility = ispyb.facility("sqlite", f"sqlite:///{tmp_path / 'tiny.db'}")
    now = [100.0]
    access = Access(facility.source, Rights(), clock=lambda: now[0])
    alice = Identity("accounts", "alice", "alice", "Alice")
    assert access.held(alice) is None
    scope = access.scope(alice)
    assert access.held(alice) == scope
    assert access.held(Identity("accounts", "bob", "bob", "Bob")) is None
    assert access.held(Identity("accounts", "alice", "alice", "Alice", kind="proposal")) is None
    now[0] += 46.0
    assert access.held(alice) is None
    access.scope(alice)
    access.forget(alice)
    assert access.held(alice) is None
    facility.source.close()
