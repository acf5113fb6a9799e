"""OM's broadcast: pickled messages that run nothing, counts that become frames, a real socket; and who is asked."""

import collections
import os
import pickle
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ispyb import facility

from data.demo.serial import Plan, SsxRun
from data.demo.site import writable
from data.images.files import Files
from data.live.runs import Runs
from data.techniques.ssx.choice import Choice, choice_of
from data.techniques.ssx.om import Counts, OmSocket
from data.techniques.ssx.pickled import Refused, unpickled
from data.techniques.ssx.sources import SourceTrouble

zmq = pytest.importorskip("zmq", reason="pyzmq is not installed")

MESSAGE: dict[str, Any] = {
    "geometry_is_optimized": True,
    "timestamp": 1.7e9 + 3,
    "hit_rate_history": collections.deque([0.5] * 5000, maxlen=5000),
    "virtual_powder_plot": np.arange(12, dtype=np.int32).reshape(3, 4),
    "peakogram": np.asfortranarray(np.ones((3, 2))),
    "beam_energy": np.float64(9000.5),
    "big": np.arange(3, dtype=">i2"),
    "num_events": 1000,
    "num_hits": np.int64(200),
    "start_timestamp": 1.7e9,
    "detector_distance": None,
}


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_a_message_of_om_is_read_whole(protocol: int) -> None:
    found = unpickled(pickle.dumps(MESSAGE, protocol=protocol))
    assert found.keys() == MESSAGE.keys()
    assert found["hit_rate_history"] == [0.5] * 5000
    for key in ("virtual_powder_plot", "peakogram", "big"):
        assert np.array_equal(found[key], MESSAGE[key])
    assert (found["num_events"], found["num_hits"], found["beam_energy"]) == (1000, 200, 9000.5)


class Evil:
    def __reduce__(self) -> Any:
        return os.mkdir, ("never-made",)


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize(
    "message",
    [Evil(), {"a": [Evil()]}, np.array([Evil()], dtype=object), {("a", "b"): 1}, np.zeros(2, dtype=[("a", "i4")]),
     {1, 2}, 1 << 100, os.system],
)  # fmt: skip
def test_what_is_no_plain_value_is_refused_and_nothing_is_run(
    message: Any, protocol: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Refused):
        unpickled(pickle.dumps(message, protocol=protocol))
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_message_is_read_or_refused() -> None:
    random, whole = np.random.default_rng(0), pickle.dumps(MESSAGE, protocol=4)[:600]
    for _ in range(2000):
        damaged = bytearray(whole)
        for place in random.integers(0, len(damaged), 3):
            damaged[place] = random.integers(0, 256)
        try:
            unpickled(bytes(damaged))
        except Refused:
            continue


def test_a_message_that_names_its_parts_again_and_again_is_refused() -> None:
    """Each is a few kilobytes, and would be gigabytes."""
    parts: Any = dict.fromkeys(map(str, range(300)), 1)
    for _ in range(2):
        parts = dict.fromkeys(map(str, range(300)), parts)
    lists = b"\x80\x04ccollections\ndeque\n\x94]\x94(" + b"K\x01" * 2000 + b"e"
    lists += b"](" + b"h\x00h\x01\x85R" * 2000 + b"e."
    for message in (pickle.dumps(parts, protocol=4), lists):
        assert len(message) < 20_000
        with pytest.raises(Refused, match="too many parts"):
            unpickled(message)


def counts(events: int, hits: int, at: float, start: float = 1.7e9) -> dict[str, Any]:
    return {"num_events": events, "num_hits": hits, "timestamp": at, "start_timestamp": start}


def test_what_was_counted_between_two_messages_becomes_so_many_frames_and_hits() -> None:
    om = Counts(1.7e9)
    first, second = om.add(counts(100, 25, 1.7e9 + 1)), om.add(counts(250, 40, 1.7e9 + 2))
    assert (len(first), int(first.hit.sum()), len(second), int(second.hit.sum())) == (100, 25, 150, 15)
    assert first.frame.tolist() == list(range(1, 101))
    assert second.frame[0] == 101
    assert second.time[-1] == pytest.approx(1.7e9 + 2)
    assert len(om.add(counts(250, 40, 1.7e9 + 2))) == 0


def test_what_om_counted_before_the_run_is_not_the_run_s() -> None:
    om = Counts(1.7e9)
    assert len(om.add(counts(9000, 100, 1.7e9 + 1, start=1.7e9 - 3600))) == 0
    assert len(om.add(counts(9010, 101, 1.7e9 + 2, start=1.7e9 - 3600))) == 10


def test_om_that_began_anew_goes_on_and_is_counted() -> None:
    om = Counts(1.7e9)
    om.add(counts(100, 25, 1.7e9 + 1))
    again = om.add(counts(10, 3, 1.7e9 + 5))
    assert (len(again), int(again.hit.sum()), om.restarted) == (10, 3, 1)


def test_om_that_was_not_heard_for_very_long_is_counted_from_then_on() -> None:
    om = Counts(1.7e9)
    om.add(counts(100, 25, 1.7e9 + 1))
    with pytest.raises(Refused, match="it has counted 4,999,900 events"):
        om.add(counts(5_000_000, 25_000, 1.7e9 + 5_000))
    assert len(om.add(counts(5_000_010, 25_001, 1.7e9 + 5_001))) == 10


@pytest.mark.parametrize(
    "message",
    [[], {}, counts(1, 2, 1.0), counts(-1, 0, 1.0), counts(10**9, 0, 1.0), counts(1, 0, float("nan")),
     {"num_events": True, "num_hits": 0, "timestamp": 1.0}],
)  # fmt: skip
def test_counts_without_sense_are_refused(message: Any) -> None:
    with pytest.raises(Refused):
        Counts(1.7e9).add(message | {"start_timestamp": 1.7e9} if isinstance(message, dict) else message)


# -- a real socket


def test_a_run_at_a_beamline_with_om_is_counted_from_its_broadcast(tmp_path: Path) -> None:
    context = zmq.Context.instance()
    socket = context.socket(zmq.PUB)
    port = socket.bind_to_random_port("tcp://127.0.0.1")
    url = f"sqlite:///{tmp_path / 'tiny.db'}"
    own = facility("sqlite", url)
    engine, now = writable(url), [datetime.now()]

    def publish(message: dict[str, Any]) -> None:
        socket.send_string("omdata", zmq.SNDMORE)
        socket.send_pyobj(message)

    run = SsxRun(engine, 31, Plan(frames=5_000, rate=1_000, seed=2), clock=lambda: now[0], publish=publish)
    run.step()
    choices = {"I24": choice_of([f"om=tcp://127.0.0.1:{port}"])}
    runs = Runs(own.source, Files(()), seconds=0.05, choices=choices)
    hears: Any = lambda: None  # noqa: E731
    watched = runs.watch(own.reader("admin"), run.collection_id, hears)
    assert watched.sources == (f"OM at 127.0.0.1:{port}",)
    until = time.monotonic() + 20
    while watched.run.now(0).whole.frames < 1500 and time.monotonic() < until:
        now[0] += timedelta(seconds=0.25)
        run.step()
        time.sleep(0.2)
    whole = watched.run.now(0).whole
    assert whole.hit is not None
    done = whole.frames
    assert done >= 1500
    assert whole.hit.hits == int(run.story.hit[:done].sum())
    assert whole.indexed is None
    socket.send_string("omdata", zmq.SNDMORE)
    socket.send(pickle.dumps(Evil()))
    until = time.monotonic() + 10
    while not watched.remarks and time.monotonic() < until:
        time.sleep(0.05)
    assert "A message could not be used once" in next(iter(watched.remarks.values()))
    runs.leave(run.collection_id, hears)
    socket.close()
    own.source.close()
    engine.dispose()


def test_an_om_that_sends_nothing_is_said_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.techniques.ssx.om._SILENT_SECONDS", 0.0)
    om = OmSocket("tcp://127.0.0.1:9", None)
    with pytest.raises(SourceTrouble, match="has sent nothing"):
        om.read()
    om.close()


# -- who is asked


def test_a_beamline_s_words_choose_its_sources() -> None:
    assert choice_of(["hit=20"]) == Choice(hit_spots=20)
    assert choice_of(["rows", "hit=20"]) == Choice(stream=False, dials=False, attached=False, hit_spots=20)
    assert choice_of(["om=tcp://om-host:12321", "attached"]) == Choice(
        rows=False, stream=False, dials=False, om="tcp://om-host:12321"
    )


@pytest.mark.parametrize(
    "words", [["row"], ["hit=x"], ["hit=-1"], ["om=ipc:///x"], ["om=tcp://h:1", "rows"], ["rows="], ["om=tcp://a b:1"]]
)
def test_words_that_mean_nothing_are_refused(words: list[str]) -> None:
    with pytest.raises(ValueError, match=r"."):
        choice_of(words)
