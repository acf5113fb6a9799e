"""Resolution, rings, and what a stored beam centre means."""

from math import asin, hypot, pi, sin, sqrt, tan

import numpy as np
import pytest

from data.images import geometry
from data.images.geometry import Geometry

PLAIN = Geometry(0.9763, 250.0, 1240.0, 1270.0, 0.172, 0.172)
TILTED = Geometry(0.9763, 250.0, 1240.0, 1270.0, 0.172, 0.172, 20.0)


def test_resolution_follows_braggs_law() -> None:
    x, y = 1900.0, 400.0
    radius = hypot(x - 1240, y - 1270) * 0.172
    expected = 0.9763 / (2 * sin(np.arctan(radius / 250) / 2))
    assert geometry.resolution(PLAIN, x, y) == pytest.approx(expected, rel=1e-12)


def test_the_beam_centre_has_no_resolution_limit() -> None:
    assert np.isinf(geometry.resolution(PLAIN, 1240.0, 1270.0))


@pytest.mark.parametrize("swing_axis", ["fast", "slow"])
@pytest.mark.parametrize("two_theta", [0.0, 20.0, -35.0])
def test_every_point_of_a_ring_has_its_resolution(swing_axis: str, two_theta: float) -> None:
    tilted = Geometry(0.9763, 250.0, 1240.0, 1270.0, 0.172, 0.2, two_theta, swing_axis)
    points = geometry.ring(tilted, 2.2)
    found = geometry.resolution(tilted, points[:, 0], points[:, 1])
    assert found == pytest.approx(np.full(len(points), 2.2), rel=1e-9)


def test_a_ring_is_a_circle_without_swing_and_none_with_it() -> None:
    def spread(of: Geometry) -> float:
        points = geometry.ring(of, 2.0)
        middle = (points.max(axis=0) + points.min(axis=0)) / 2
        reach = np.hypot(*(points - middle).T)
        return float(np.ptp(reach) / reach.mean())

    assert spread(PLAIN) < 1e-4
    assert spread(TILTED) > 0.01


def test_swing_moves_the_detector_towards_larger_y() -> None:
    at = geometry.resolution(TILTED, np.array([1240.0, 1240.0]), np.array([670.0, 1870.0]))
    assert at[1] < at[0]


def test_a_ring_that_the_detector_cannot_meet_has_no_points() -> None:
    assert np.isnan(geometry.ring(PLAIN, 0.4)).all()
    assert geometry.ring_radius(PLAIN, 0.6) is None


def test_the_radius_of_a_ring_is_the_inverse_of_resolution() -> None:
    radius = geometry.ring_radius(PLAIN, 1.9)
    assert radius is not None
    assert geometry.resolution(PLAIN, 1240 + radius / 0.172, 1270.0) == pytest.approx(1.9)


def test_rings_are_evenly_spaced_in_the_inverse_square() -> None:
    steps = np.diff([1 / d**2 for d in geometry.ring_spacings(1.5, 6)])
    assert steps == pytest.approx(np.full(5, steps[0]))
    assert geometry.ring_spacings(1.5, 6)[-1] == pytest.approx(1.5)


# Rows of Diamond's published demonstration database: PILATUS 6M, beam centre kept in mm and swapped.
@pytest.mark.parametrize(
    ("x", "y", "resolution", "wavelength", "distance"),
    [
        (215.62, 209.102, 1.41777, 1.2, 175.0),
        (215.6, 208.71, 1.24362, 0.976254, 200.0),
        (215.6, 208.30, 1.5, 0.976253, 266.693),
    ],
)
def test_the_stored_resolution_settles_units_and_axes_of_the_beam_centre(
    x: float, y: float, resolution: float, wavelength: float, distance: float
) -> None:
    best, *_ = geometry.beam_hypotheses(
        x, y, width=2463, height=2527, pixel=0.172,
        resolution=resolution, wavelength=wavelength, distance=distance,
    )  # fmt: skip
    assert (best.unit, best.swapped, best.consistent) == ("mm", True, True)
    assert best.x == pytest.approx(y / 0.172)


@pytest.mark.parametrize("pixel", [0.075, 75.0, 75e-6])
@pytest.mark.parametrize(("unit", "swapped"), [("px", False), ("mm", True), ("px", True), ("mm", False)])
def test_each_convention_is_recognised_whatever_the_pixel_size_is_kept_in(
    pixel: float, unit: str, swapped: bool
) -> None:
    true = Geometry(0.9763, 180.0, 1900.0, 2500.0, 0.075, 0.075)
    d = geometry.edge_resolution(true, 4148, 4362)
    stored = [1900.0, 2500.0]
    if unit == "mm":
        stored = [value * 0.075 for value in stored]
    if swapped:
        stored.reverse()
    best, *others = geometry.beam_hypotheses(
        stored[0], stored[1], width=4148, height=4362, pixel=pixel,
        resolution=d, wavelength=0.9763, distance=180.0,
    )  # fmt: skip
    assert (best.unit, best.swapped) == (unit, swapped)
    assert (best.x, best.y) == (pytest.approx(1900.0), pytest.approx(2500.0))
    assert best.consistent
    assert not any(other.consistent for other in others)


def test_a_resolution_that_no_reading_gives_is_flagged() -> None:
    best, *_ = geometry.beam_hypotheses(
        211.8, 217.3, width=2463, height=2527, pixel=0.172,
        resolution=3.5, wavelength=0.9763, distance=200.0,
    )  # fmt: skip
    assert not best.consistent


def test_without_a_stored_resolution_a_reading_is_given_but_never_called_consistent() -> None:
    found = geometry.beam_hypotheses(1240.0, 1270.0, width=2463, height=2527, pixel=0.172)
    assert [(beam.unit, beam.swapped) for beam in found] == [("px", False), ("px", True)]
    assert not found[0].consistent


def test_a_beam_centre_off_the_detector_has_no_reading() -> None:
    assert geometry.beam_hypotheses(-5.0, 9e9, width=2463, height=2527, pixel=0.172) == ()
    assert geometry.beam_hypotheses(float("nan"), 1.0, width=100, height=100, pixel=0.172) == ()


def test_edge_and_corner_of_the_detector() -> None:
    edge = geometry.edge_resolution(PLAIN, 2463, 2527)
    radius = (2463 - 1240) * 0.172
    assert edge == pytest.approx(0.9763 / (2 * sin(np.arctan(radius / 250) / 2)))
    assert geometry.corner_resolution(PLAIN, 2463, 2527) < edge
    assert geometry.edge_resolution(PLAIN, 1000, 2527) is None


def test_ice_lines_are_where_published_lists_have_them() -> None:
    published = (3.895, 3.669, 3.441, 2.671, 2.249, 2.071, 1.948, 1.917, 1.883, 1.720)
    assert geometry.ICE[:10] == pytest.approx(published, abs=6e-4)
    assert pytest.approx((3.67, 2.25, 1.92), abs=5e-3) == geometry.CUBIC_ICE


def test_an_ice_band_holds_its_line() -> None:
    for d in geometry.ICE:
        upper, lower = geometry.ice_band(d)
        assert lower < d < upper
        assert 1 / lower - 1 / upper == pytest.approx(0.06 / (2 * pi), rel=0.01)


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan"), float("inf")])
def test_a_geometry_of_nonsense_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="distance"):
        Geometry(1.0, bad, 0, 0, 0.1, 0.1)


def test_radius_by_another_road() -> None:
    d, wavelength, distance = 3.0, 1.0, 100.0
    expected = distance * tan(2 * asin(wavelength / (2 * d)))
    assert geometry.ring_radius(Geometry(wavelength, distance, 0, 0, 1, 1), d) == expected
    assert expected == pytest.approx(100 * sqrt(1 / (1 - 2 * (1 / 6) ** 2) ** 2 - 1))
