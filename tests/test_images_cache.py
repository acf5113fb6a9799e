"""The cache of decoded images."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest

from data.images.cache import Cache


def test_the_least_recently_used_goes_first_and_the_bytes_stay_within_the_limit() -> None:
    cache: Cache[str, bytes] = Cache(10, len)
    for key in ("a", "b"):
        cache.get(key, lambda: bytes(4))
    cache.get("a", lambda: pytest.fail("was kept"))
    cache.get("c", lambda: bytes(4))
    assert cache.bytes <= 10
    cache.get("a", lambda: pytest.fail("was used more recently"))
    made = []
    cache.get("b", lambda: made.append(1) or bytes(4))
    assert made == [1]


def test_a_value_larger_than_the_limit_is_returned_and_not_kept() -> None:
    cache: Cache[str, bytes] = Cache(10, len)
    assert cache.get("a", lambda: bytes(11)) == bytes(11)
    assert (len(cache), cache.bytes) == (0, 0)


def test_threads_that_ask_together_compute_once() -> None:
    cache: Cache[str, bytes] = Cache(10, len)
    go, made = Event(), []
    start = Barrier(9)

    def make() -> bytes:
        made.append(1)
        go.wait(10)
        return b"x"

    def ask() -> bytes:
        start.wait(10)
        return cache.get("a", make)

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask) for _ in range(8)]
        start.wait(10)
        go.set()
        assert [one.result(10) for one in asked] == [b"x"] * 8
    assert made == [1]


def test_a_failure_is_not_kept() -> None:
    cache: Cache[str, bytes] = Cache(10, len)
    with pytest.raises(OSError, match="gone"):
        cache.get("a", lambda: (_ for _ in ()).throw(OSError("gone")))
    assert cache.get("a", lambda: b"x") == b"x"


def test_what_was_being_made_when_the_cache_was_cleared_is_not_kept() -> None:
    cache: Cache[str, bytes] = Cache(10, len)

    def make() -> bytes:
        cache.clear()
        return b"old"

    assert cache.get("a", make) == b"old"
    assert cache.get("a", lambda: b"new") == b"new"
