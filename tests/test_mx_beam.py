"""The shift of the beam centre, in whichever unit and order the two centres are stored."""

import pytest

from data.techniques.mx.beam import shift

STORED, MOVED = (155.96, 166.40), (156.00, 166.37)
PIXEL = 0.075


@pytest.mark.parametrize("stored_px", [False, True])
@pytest.mark.parametrize("refined_px", [False, True])
@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("unit", [1.0, 1000.0, 0.001])
def test_the_shift_is_the_same_in_every_spelling(stored_px: bool, refined_px: bool, swapped: bool, unit: float) -> None:
    stored = tuple(value / PIXEL for value in STORED) if stored_px else STORED
    refined = tuple(value / PIXEL for value in MOVED) if refined_px else MOVED
    refined = refined[::-1] if swapped else refined
    found = shift(stored, refined, PIXEL * unit)  # type: ignore[arg-type]
    assert found is not None
    assert (found.x, found.y) == pytest.approx((0.04, -0.03), abs=1e-6)
    assert found.length == pytest.approx(0.05, abs=1e-6)
    assert found.swapped is swapped
    assert not found.large


def test_a_shift_of_more_than_half_a_millimetre_is_large() -> None:
    found = shift((155.96, 166.40), (156.56, 166.40), 0.075)
    assert found is not None
    assert found.large


@pytest.mark.parametrize("missing", [(None, 1.0), (0.0, 0.0), (1.0, None)])
def test_an_unknown_centre_has_no_shift(missing: tuple[float | None, float | None]) -> None:
    assert shift(missing, MOVED, PIXEL) is None
    assert shift(STORED, missing, PIXEL) is None


def test_without_a_pixel_size_both_are_taken_as_they_are() -> None:
    found = shift(STORED, MOVED, None)
    assert found is not None
    assert found.length == pytest.approx(0.05, abs=1e-6)
