"""Geometry held against pyFAI, against the reflections of known cells, and against what ISPyB stores."""

import subprocess
import sys
from itertools import product
from math import sin
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.images import curves, placement
from data.images.formats import Frame, FrameMeta
from data.images.geometry import Geometry
from data.images.placement import Convention, place
from data.images.plane import Plane, ice, rings

ROOT = Path(__file__).parents[1]
WIDTH, HEIGHT = 500, 600
SWINGS = [(0.0, "fast"), (25.0, "fast"), (-18.0, "slow"), (60.0, "slow")]


def swung(two_theta: float, axis: Any) -> Plane:
    return Plane.of(Geometry(1.0, 80.0, 210.0, 330.0, 0.172, 0.15, two_theta, axis))


FAST = np.array([0.17, 0.01, 0.02])
SLOW = np.cross(FAST, (0.03, 0.17, 1.0)) * 0.9
TURNED = Plane((-30.0, 40.0, 90.0), tuple(FAST.tolist()), tuple(SLOW.tolist()), 0.9)
MIRRORED = Plane((30.0, -40.0, 90.0), (-0.172, 0.0, 0.0), (0.0, 0.172, 0.0), 0.9)
PLANES = [*(swung(*swing) for swing in SWINGS), TURNED, MIRRORED]


def pyfai(plane: Plane) -> Any:
    pytest.importorskip("pyFAI", reason="the extra radial is not installed")
    return curves.load_library().AzimuthalIntegrator(**curves.poni_of(plane))


def test_the_library_of_radial_averages_brings_no_windows_with_it() -> None:
    code = (
        "import sys\nfrom data.images import curves\ncurves.load_library()\n"
        "print(*sorted(name for name in sys.modules if name.startswith(('PySide', 'PyQt', 'shiboken'))))"
    )
    pytest.importorskip("pyFAI", reason="the extra radial is not installed")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


@pytest.mark.parametrize("plane", PLANES)
def test_two_theta_of_each_pixel_is_that_of_pyfai(plane: Plane) -> None:
    there = pyfai(plane).twoThetaArray((HEIGHT, WIDTH))
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
    assert np.abs(plane.two_theta(x, y) - there).max() < 1e-6


@pytest.mark.parametrize("plane", PLANES)
def test_every_point_of_every_ring_has_its_d_within_a_thousandth_by_pyfai(plane: Plane) -> None:
    integrator = pyfai(plane)
    found = rings(plane, WIDTH, HEIGHT)
    assert len(found) >= 3
    for one in found:
        points = np.concatenate([np.array(line) for line in one["lines"]])
        angle = integrator.tth(points[:, 1] - 0.5, points[:, 0] - 0.5)
        d = plane.wavelength / (2 * np.sin(angle / 2))
        assert np.abs(d / one["d"] - 1).max() < 1e-3


def test_rings_reach_over_the_whole_picture_where_the_beam_is_near_an_edge() -> None:
    plane = Plane.of(Geometry(1.0, 200.0, 1200.0, 60.0, 0.172, 0.172))
    found = [ring["d"] for ring in rings(plane, 2463, 2527)]
    corner = plane.corner(2463, 2527)
    assert 10 <= len(found) <= 12
    assert found[-1] < corner * 1.1
    steps = np.diff(1 / np.square(found))
    assert steps == pytest.approx(np.full(len(steps), steps[0]), rel=5e-3)  # d is told to 0.0001 Å


@pytest.mark.parametrize("plane", PLANES[:4])
def test_our_radial_average_has_its_peak_where_that_of_pyfai_has_it(plane: Plane) -> None:
    pyfai(plane)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
    d = plane.resolution(x, y)
    wanted = float(np.median(d))
    array = (1000 * np.exp(-(((1 / d - 1 / wanted) / 0.004) ** 2))).astype(np.int32) + 3
    mask = np.zeros(array.shape, bool)
    mask[300:310] = True
    array[mask] = -1
    ours = curves.radial(Frame(array, mask), plane, 400, library=False)
    theirs = curves.radial(Frame(array, mask), plane, 400)
    assert "pyFAI" in theirs.method
    for found in (ours, theirs):
        assert found.d[np.nanargmax(found.mean)] == pytest.approx(wanted, rel=0.01)
    there = np.interp(ours.two_theta, theirs.two_theta, np.nan_to_num(theirs.mean))
    busy = ours.count > 200
    assert ours.mean[busy] == pytest.approx(there[busy], abs=60)


@pytest.mark.parametrize("two_theta", [0.0, 20.0])
def test_the_reflections_of_a_cell_lie_at_their_d(two_theta: float) -> None:
    """Where a stationary crystal throws its beams: s1 = s0 + h, met with the plane by hand."""
    plane = swung(two_theta, "fast")
    cell = np.diag([1 / 79.1, 1 / 79.1, 1 / 37.9])  # tetragonal lysozyme
    tried = 0
    rng = np.random.default_rng(1)
    for h in product(range(-9, 10, 3), range(-9, 10, 3), range(-6, 7, 2)):
        if not any(h):
            continue
        length = float(np.linalg.norm(cell @ h))
        opening = 2 * np.arcsin(length * plane.wavelength / 2)
        around = rng.uniform(0, 2 * np.pi)
        beam = np.array([sin(opening) * np.cos(around), sin(opening) * np.sin(around), np.cos(opening)])
        basis = np.column_stack((plane.fast, plane.slow, -beam))
        x, y, far = np.linalg.solve(basis, -np.array(plane.origin))
        if far > 0 and 0 < x < WIDTH and 0 < y < HEIGHT:
            tried += 1
            assert float(plane.resolution(x, y)) == pytest.approx(1 / length, rel=1e-9)
    assert tried > 50


def test_the_largest_whole_ring_touches_the_nearest_edge() -> None:
    for plane in PLANES:
        edge = plane.edge(WIDTH, HEIGHT)
        if edge is None:
            continue
        inside, outside = plane.ring(edge * 1.002), plane.ring(edge * 0.998)
        assert ((inside >= 0) & (inside <= (WIDTH, HEIGHT))).all()
        assert not ((outside >= 0) & (outside <= (WIDTH, HEIGHT))).all()


def test_ice_is_bands_around_its_lines() -> None:
    found = ice(swung(0.0, "fast"), WIDTH, HEIGHT)
    by_d = {band["d"]: band for band in found}
    assert {3.895, 3.669, 3.441} <= by_d.keys()
    for band in found:
        assert band["low"] < band["d"] < band["high"]
        assert 1 / band["low"] - 1 / band["high"] == pytest.approx(0.0095, abs=2e-4)
    assert [d for d, band in by_d.items() if band["strong"]] == [3.669, 2.249, 1.917]


# Rows of Diamond's published demonstration database: PILATUS 6M, beam centre in mm and swapped.
ROWS = [
    (215.62, 209.102, 1.41777, 1.2, 175.0),
    (215.6, 208.71, 1.24362, 0.976254, 200.0),
    (215.6, 208.30, 1.5, 0.976253, 266.693),
]
SHAPE = (2527, 2463)


def row(x: float, y: float, resolution: float, wavelength: float, distance: float) -> dict[str, Any]:
    return {
        "beam_x": x, "beam_y": y, "resolution": resolution, "wavelength": wavelength, "distance": distance,
        "pixel_size_x": 0.172, "pixel_size_y": 0.172, "two_theta": None,
    }  # fmt: skip


@pytest.mark.parametrize("values", ROWS)
def test_the_convention_of_real_rows_proves_itself(values: tuple[float, ...]) -> None:
    found = place(FrameMeta(), row(*values), SHAPE)
    assert found.check.state == "consistent"
    assert found.check.convention == "ISPyB's beam centre in mm, swapped"
    assert found.plane is not None
    assert found.plane.beam == pytest.approx((values[1] / 0.172, values[0] / 0.172))
    assert ("Resolution stored in ISPyB", round(values[2], 3), "Å") in found.check.numbers
    assert found.check.text.startswith("Geometry consistent")


@pytest.mark.parametrize(("unit", "swapped"), [*product(("mm", "px"), (False, True))])
def test_each_convention_is_recognised_and_can_be_fixed(unit: Any, swapped: bool) -> None:
    true = Plane.of(Geometry(1.0, 200.0, 1320.0, 1200.0, 0.172, 0.172))
    factor = 0.172 if unit == "mm" else 1.0
    pair = (1320.0 * factor, 1200.0 * factor)
    stored = row(*(pair[::-1] if swapped else pair), float(true.edge(2463, 2527) or 0), 1.0, 200.0)
    found = place(FrameMeta(), stored, SHAPE)
    assert found.check.state == "consistent"
    assert found.plane is not None
    assert found.plane.beam == pytest.approx((1320.0, 1200.0))
    words = [unit, *(["swapped"] if swapped else [])]
    fixed = place(FrameMeta(beam_x=5.0, beam_y=6.0), stored, SHAPE, Convention.of(words))
    assert fixed.plane is not None
    assert fixed.plane.beam == pytest.approx((1320.0, 1200.0))
    assert "as the settings say" in fixed.check.text
    wrong = place(FrameMeta(), stored, SHAPE, Convention.of([unit] if swapped else [unit, "swapped"]))
    assert wrong.check.state == "warning"
    assert "Geometry doubtful" in wrong.check.text


def test_readings_that_the_resolution_cannot_tell_apart_are_both_named() -> None:
    true = Plane.of(Geometry(1.0, 200.0, 1000.0, 1270.0, 0.172, 0.172))
    stored = row(1000.0, 1270.0, float(true.edge(2463, 2527) or 0), 1.0, 200.0)
    found = place(FrameMeta(), stored, SHAPE)
    assert found.check.state == "unknown"
    assert "in pixels, but it may as well be ISPyB's beam centre in pixels, swapped" in found.check.text
    assert "frames.beam_centre" in found.check.text
    assert place(FrameMeta(), stored, SHAPE, Convention.of(["px"])).check.state == "consistent"


def test_the_file_is_believed_unless_only_ispyb_agrees_with_the_stored_resolution() -> None:
    stored = row(*ROWS[0])
    right = FrameMeta(beam_x=1215.7, beam_y=1253.6)
    assert place(right, stored, SHAPE).check.convention == "the file's header, in pixels"
    bogus = FrameMeta(beam_x=2000.0, beam_y=2000.0)
    found = place(bogus, stored, SHAPE)
    assert found.check.convention == "ISPyB's beam centre in mm, swapped"
    assert any(name.endswith("the file's header, in pixels") for name, _, _ in found.check.numbers)


def test_without_a_stored_resolution_nothing_is_claimed() -> None:
    stored = row(*ROWS[0]) | {"resolution": None}
    assert place(FrameMeta(), stored, SHAPE).check.state == "unknown"


def test_a_swung_detector_that_does_not_agree_says_that_sites_differ() -> None:
    stored = row(*ROWS[0]) | {"two_theta": 20.0}
    found = place(FrameMeta(), stored, SHAPE)
    assert found.check.state == "warning"
    assert "swung by 20" in found.check.text
    assert found.plane is not None
    assert found.plane.swing == pytest.approx(20.0)


def test_what_is_missing_is_named() -> None:
    stored = row(*ROWS[0]) | {"wavelength": None, "distance": None}
    found = place(FrameMeta(), stored, SHAPE)
    assert found.plane is None
    assert "the wavelength and the detector distance" in found.check.text


@pytest.mark.parametrize("words", [["inch"], ["mm", "px"], ["swapped"]])
def test_a_convention_that_cannot_be_is_refused(words: list[str]) -> None:
    with pytest.raises(ValueError, match=r"unknown|exclude|needs"):
        Convention.of(words)
    assert placement._AGREES == 0.01
