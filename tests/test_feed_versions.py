"""Versions and watches, without a database."""

import threading

import pytest

from data.live.feed import Feed

VISIT = 11


@pytest.fixture
def feed() -> Feed:
    return Feed()


def test_a_visit_watched_anew_never_repeats_a_version(feed: Feed) -> None:
    first = feed.watch(VISIT)
    feed.touch(VISIT)
    seen = {first.version}
    first.close()
    with feed.watch(VISIT) as second:
        assert second.version not in seen
        seen.add(second.version)
    assert feed.version(VISIT) == 0


def test_a_watch_closed_twice_leaves_the_others_alone(feed: Feed) -> None:
    one, two = feed.watch(VISIT), feed.watch(VISIT)
    one.close()
    one.close()
    before = two.version
    feed.touch(VISIT)
    assert two.version > before


def test_watching_from_many_threads_leaves_nothing_behind(feed: Feed) -> None:
    def watch() -> None:
        for _ in range(200):
            with feed.watch(VISIT) as mine:
                feed.touch(VISIT)
                assert mine.version > 0

    threads = [threading.Thread(target=watch) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert feed.watched == frozenset()


def test_a_feed_that_has_forgotten_says_that_anything_may_have_changed(feed: Feed) -> None:
    with feed.watch(VISIT) as watch:
        since = watch.version
        for number in range(150):
            feed.touch(VISIT, ids=[number])
        assert watch.changed(since) is None
        assert watch.changed(watch.version - 2) == {148, 149}
