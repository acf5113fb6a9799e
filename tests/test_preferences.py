"""What people set for themselves: kept for one person in one place, found again by another process, bounded."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from auth import preferences
from auth.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(f"sqlite:///{tmp_path / 'lens.sqlite'}")
    yield made
    made.close()


def test_what_is_set_is_found_again_in_its_place_by_its_person_alone(store: Store, tmp_path: Path) -> None:
    assert store.preferences.of("7", "alerts ssx-jet SX1") is None
    store.preferences.keep("7", "alerts ssx-jet SX1", "one")
    store.preferences.keep("7", "alerts ssx-jet SX1", "two")
    other = Store(f"sqlite:///{tmp_path / 'lens.sqlite'}")
    assert other.preferences.of("7", "alerts ssx-jet SX1") == "two"
    assert other.preferences.of("7", "alerts ssx-chip SX1") is None
    assert other.preferences.of("8", "alerts ssx-jet SX1") is None
    other.close()


def test_nobody_fills_the_database_with_what_they_set(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preferences, "MOST", 3)
    store.preferences.keep("8", "p0", "another's")
    for number in range(5):
        store.preferences.keep("7", f"p{number}", "mine")
    assert [store.preferences.of("7", f"p{n}") for n in range(5)] == [None, None, "mine", "mine", "mine"]
    assert store.preferences.of("8", "p0") == "another's"
    with pytest.raises(ValueError, match="at most"):
        store.preferences.keep("7", "p4", "x" * (preferences.LONGEST + 1))
