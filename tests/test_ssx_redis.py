"""A Redis stream as the source of a serial run."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ispyb import facility
from servers.redis_server import redis_server

from app.commands.simulate import _added
from data.demo.serial import Plan, SsxRun
from data.demo.site import writable
from data.images.files import Files
from data.live.runs import Runs
from data.techniques.ssx.choice import Choice, choice_of
from data.techniques.ssx.redis_stream import NoEntry, RedisStream, frames_of
from data.techniques.ssx.sources import SourceTrouble


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    pytest.importorskip("redis", reason="redis is not installed")
    with redis_server(tmp_path_factory.mktemp("redis")) as found:
        yield found


@pytest.fixture
def client(port: int) -> Iterator[Any]:
    import redis

    with redis.Redis(port=port) as made:
        made.flushall()
        yield made


def heard() -> None:
    """Nobody listens."""


def test_an_entry_tells_of_one_frame_or_of_many() -> None:
    one = frames_of({b"image": b"7", b"hit": b"1", b"resolution": b"2.1", b"cells": b"7 79 79 38 90 90 90"})
    assert one["frame"].tolist() == [7]
    assert (one["hit"].tolist(), one["spots"].tolist()) == ([1], [-1])
    assert np.isnan(one["time"]).all()
    assert (one["cells"], one["cell_frame"]) == ([[79, 79, 38, 90, 90, 90]], [0])
    many = frames_of({b"image": b"1,2,3", b"spots": b"40,,0", b"ice": b"0,1,"})
    assert many["spots"].tolist() == [40, -1, 0], "what was not measured is not zero"
    assert many["ice"].tolist() == [0, 1, -1]


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {b"hit": b"1"},
        {b"image": b"x"},
        {b"image": b"1.5"},
        {b"image": b"-7"},
        {b"image": b"1e30"},
        {b"image": b"1,2", b"hit": b"1"},
        {b"image": b"1", b"cells": b"1 79 79"},
        {b"image": b"1", b"cells": b"2 79 79 38 90 90 90"},
        {b"image": b"1", b"cells": b"1 79 79 38 90 90 inf"},
        {b"image": b"1," * 1_500_000},
    ],
)
def test_entries_without_sense_are_refused(entry: dict[bytes, bytes]) -> None:
    with pytest.raises(NoEntry):
        frames_of(entry)


def test_a_run_is_counted_from_the_beginning_of_its_stream(tmp_path: Path, client: Any, port: int) -> None:
    url = f"sqlite:///{tmp_path / 'tiny.db'}"
    own = facility("sqlite", url)
    engine, now = writable(url), [datetime.now()]
    address = f"redis://127.0.0.1:{port}/0/ssx-{{id}}"
    plan = Plan(frames=3_000, rate=1_000, seed=2)
    run = SsxRun(engine, 31, plan, clock=lambda: now[0], tell=_added(address))
    run.step()
    now[0] += timedelta(seconds=2)
    run.step()
    client.xadd(f"ssx-{run.collection_id}", {"image": "none"})
    runs = Runs(own.source, Files(()), seconds=0.05, choices={"I24": choice_of([f"redis={address}"])})
    watched = runs.watch(own.reader("admin"), run.collection_id, heard)
    assert watched.sources == (f"Redis at 127.0.0.1:{port}, ssx-{run.collection_id}",)
    for done in (2_000, 3_000):
        until = time.monotonic() + 20
        while watched.run.now(0).whole.frames < done and time.monotonic() < until:
            time.sleep(0.05)
        whole, story = watched.run.now(0).whole, run.story
        assert whole.frames == done
        assert whole.hit is not None
        assert whole.hit.hits == int(story.hit[:done].sum())
        assert whole.indexed is not None
        assert whole.indexed.hits == int((story.lattices[:done] > 0).sum())
        now[0] += timedelta(seconds=1)
        run.step()
    runs.leave(run.collection_id, heard)
    own.source.close()
    engine.dispose()


def test_a_stream_that_begins_anew_is_read_again(client: Any, port: int) -> None:
    source = RedisStream(f"redis://127.0.0.1:{port}/0/ssx-1")
    assert len(source.read()) == 0
    client.xadd("ssx-1", {"image": "1,2"}, id="5000-0")
    assert source.read().frame.tolist() == [1, 2]
    assert len(source.read()) == 0
    client.delete("ssx-1")
    client.xadd("ssx-1", {"image": "1"}, id="400-0")
    assert source.read().frame.tolist() == [1]
    assert source.remark == "It began anew once and was read from its beginning."
    source.close()


def test_what_is_wrong_with_a_stream_is_said(client: Any, port: int) -> None:
    client.set("ssx-2", "a text")
    words = {}
    for key, at in (("ssx-2", port), ("ssx-4", 9)):
        source = RedisStream(
            f"redis://user:secret@127.0.0.1:{at}/0/{key}" if at == 9 else f"redis://127.0.0.1:{at}/0/{key}"
        )
        with pytest.raises(SourceTrouble) as said:
            source.read()
        words[key] = str(said.value)
        source.close()
    assert words["ssx-2"].endswith("is no stream that may be read.")
    assert words["ssx-4"] == "Redis at 127.0.0.1:9, ssx-4 does not answer."


def test_entries_without_sense_are_said_to_be_left_out_for_good(client: Any, port: int) -> None:
    client.xadd("ssx-3", {"hit": "1"})
    source = RedisStream(f"redis://127.0.0.1:{port}/0/ssx-3")
    assert len(source.read()) == 0
    client.xadd("ssx-3", {"image": "7"})
    assert source.read().frame.tolist() == [7]
    assert source.remark == "1 entries make no sense and are left out."
    source.close()


def test_a_beamline_may_have_redis_beside_what_numbers_its_frames() -> None:
    address = "redis://redis-host:6379/0/ssx-{id}"
    assert choice_of(["rows", f"redis={address}"]) == Choice(stream=False, dials=False, attached=False, redis=address)
    for words in ([f"redis={address}", "om=tcp://h:1"], ["redis=redis://h:1/0/same"], ["redis=http://h:1/0/a-{id}"]):
        with pytest.raises(ValueError, match=r"om|redis"):
            choice_of(words)
