"""Stars: kept for one person in one place, found again by another process, bounded."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from auth import favourites
from auth.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(f"sqlite:///{tmp_path / 'lens.sqlite'}")
    yield made
    made.close()


def test_a_star_is_found_again_in_its_place_by_its_person_alone(store: Store, tmp_path: Path) -> None:
    stars = store.favourites
    assert stars.add("7", "visit 3", "g101")
    assert stars.add("7", "visit 3", "r9")
    assert stars.add("7", "visit 3", "g101"), "again changes nothing"
    other = Store(f"sqlite:///{tmp_path / 'lens.sqlite'}")
    assert sorted(other.favourites.of("7", "visit 3")) == ["g101", "r9"]
    assert other.favourites.of("7", "visit 4") == []
    assert other.favourites.of("8", "visit 3") == []
    other.close()


def test_a_star_that_is_taken_away_is_gone_and_one_that_is_not_there_is_no_error(store: Store) -> None:
    store.favourites.add("7", "visit 3", "g101")
    store.favourites.remove("8", "visit 3", "g101")
    assert store.favourites.of("7", "visit 3") == ["g101"]
    store.favourites.remove("7", "visit 3", "g101")
    store.favourites.remove("7", "visit 3", "g101")
    assert store.favourites.of("7", "visit 3") == []


def test_nobody_fills_the_database_with_stars(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(favourites, "MOST", 3)
    assert [store.favourites.add("7", "visit 3", f"g{n}") for n in range(5)] == [True, True, True, False, False]
    assert store.favourites.add("7", "visit 4", "g1"), "another place has room of its own"
