"""The demo's frames: what the physics of a stated crystal says is found in the files, through our reader."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from demo_recipes import IMAGE, INSULIN, LYSOZYME, written

from data.demo import crystals, render
from data.demo.background import Setting, noisy
from data.demo.crystals import Crystal, reflections, rotation
from data.demo.detectors import DETECTORS, Detector, bad, gaps
from data.demo.recipe import Recipe
from data.demo.render import seen
from data.demo.symmetry import space_group
from data.images import geometry
from data.images.formats import Frame, open_frames
from data.images.geometry import Geometry
from data.images.placement import place
from data.images.plane import rings


def direct_axes(cell: tuple[float, ...]) -> np.ndarray:
    """Rows a, b, c in Å by the cosine rule: a along x, b in the xy plane."""
    a, b, c = cell[:3]
    ca, cb, cg = np.cos(np.radians(cell[3:]))
    sg = np.sin(np.radians(cell[5]))
    cx, cy = c * cb, c * (ca - cb * cg) / sg
    return np.array([[a, 0, 0], [b * cg, b * sg, 0], [cx, cy, np.sqrt(c * c - cx * cx - cy * cy)]])


def predicted(recipe: Recipe, image_number: int, d_min: float) -> tuple[np.ndarray, np.ndarray]:
    """hkl (n, 3) and pixel positions (n, 2) on a frame, by another road than the simulator's.

    Reciprocal axes by cross products; the crystal is turned through the frame in small steps, and a
    reflection is taken where its distance from the Ewald sphere changes sign between two of them, its
    position interpolated.
    """
    a, b, c = direct_axes(recipe.cell)
    volume = a @ np.cross(b, c)
    stars = np.array([np.cross(b, c), np.cross(c, a), np.cross(a, b)]) / volume
    most = [int(length / d_min) for length in recipe.cell[:3]]
    axes = [np.arange(-limit, limit + 1) for limit in most]
    hkl = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    hkl = hkl[hkl.any(axis=1)]
    at_rest = (hkl @ stars) @ rotation(recipe.orientation_seed).T
    near = np.linalg.norm(at_rest, axis=1) < 1 / d_min
    hkl, at_rest = hkl[near], at_rest[near]
    start = recipe.start_deg + (image_number - 1) * recipe.increment_deg
    incident = np.array([0, 0, 1 / recipe.wavelength_A])
    found_hkl, found_xy = [], []
    before, position = None, None
    steps = round(recipe.increment_deg / 0.125) + 1
    for angle in np.radians(np.linspace(start, start + recipe.increment_deg, steps)):
        turn = np.array([
            [1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)],
        ])  # fmt: skip
        outgoing = at_rest @ turn.T + incident
        excess = np.linalg.norm(outgoing, axis=1) - 1 / recipe.wavelength_A
        if before is not None:
            crossed = (np.sign(before) != np.sign(excess)) & (outgoing[:, 2] > 0)
            share = (before / (before - excess))[crossed, None]
            rays = position[crossed] * (1 - share) + outgoing[crossed] * share
            rays *= recipe.distance_mm / rays[:, 2:3]
            found_hkl.append(hkl[crossed])
            found_xy.append(rays[:, :2] / recipe.camera.pixel_mm + np.array(recipe.beam))
        before, position = excess, outgoing
    return np.concatenate(found_hkl), np.concatenate(found_xy)


def above_background(frame: Frame, xy: np.ndarray) -> np.ndarray:
    """Counts in 5 x 5 pixels about each position, less the median of the ring around; NaN off the modules."""
    values = []
    for x, y in np.floor(xy).astype(int):
        if not (8 <= x < frame.shape[1] - 8 and 8 <= y < frame.shape[0] - 8):
            values.append(np.nan)
            continue
        box = frame.array[y - 6 : y + 7, x - 6 : x + 7].astype(float)
        if frame.mask[y - 6 : y + 7, x - 6 : x + 7].any():
            values.append(np.nan)
            continue
        ring = np.ones((13, 13), bool)
        ring[2:11, 2:11] = False
        values.append(box[4:9, 4:9].sum() - 25 * box[ring].mean())
    return np.array(values)


@pytest.fixture(scope="module")
def insulin(tmp_path_factory: pytest.TempPathFactory) -> Frame:
    return written(INSULIN, tmp_path_factory.mktemp("insulin"), IMAGE)


@pytest.mark.parametrize("recipe", [INSULIN, LYSOZYME], ids=["pilatus", "eiger"])
def test_reflections_are_where_an_independent_formula_puts_them(recipe: Recipe, tmp_path: Path) -> None:
    frame = written(recipe, tmp_path, IMAGE)
    hkl, xy = predicted(recipe, IMAGE, 3.0)
    present = space_group(recipe.space_group).present(hkl)
    net = above_background(frame, xy[present])
    moved = above_background(frame, xy[present] + 15)
    valid = net[~np.isnan(net)]
    assert len(valid) > 60
    assert np.mean(valid > 30) > 0.7
    assert np.nanmedian(net) > 20 * max(1.0, abs(np.nanmedian(moved)))


@pytest.mark.parametrize("recipe", [INSULIN, LYSOZYME], ids=["pilatus", "eiger"])
def test_the_middle_of_a_spot_is_within_a_third_of_a_pixel_of_its_prediction(recipe: Recipe, tmp_path: Path) -> None:
    frame = written(recipe, tmp_path, IMAGE)
    _, xy = predicted(recipe, IMAGE, 3.0)
    strong = above_background(frame, xy) > 400
    assert strong.sum() > 15
    y0, x0 = np.mgrid[-3:4, -3:4] + 0.5
    misses = []
    for x, y in xy[strong]:
        left, top = int(x), int(y)
        box = frame.array[top - 3 : top + 4, left - 3 : left + 4].astype(float)
        box = np.clip(box - np.median(box), 0, None)
        misses.append((left + (box * x0).sum() / box.sum() - x, top + (box * y0).sum() / box.sum() - y))
    assert np.abs(np.median(misses, axis=0)).max() < 0.1
    assert np.median(np.hypot(*np.array(misses).T)) < 0.34


def test_every_strong_pixel_belongs_to_a_predicted_reflection(insulin: Frame) -> None:
    # The mosaic spread brings in reflections that cross the sphere just before and after the frame.
    _, xy = predicted(replace(INSULIN, increment_deg=1.5, start_deg=18.3), 1, 1.5)
    threshold = 60
    rows, columns = np.nonzero((insulin.array > threshold) & ~insulin.mask)
    assert len(rows) > 100
    bright = np.column_stack((columns + 0.5, rows + 0.5))
    nearest = np.array([np.hypot(*(xy - one).T).min() for one in bright])
    # By chance alone it would be 2 %; the few others graze the sphere far outside the frame.
    assert np.mean(nearest < 3.0) > 0.95


def test_absent_reflections_are_absent(insulin: Frame) -> None:
    hkl, xy = predicted(INSULIN, IMAGE, 3.0)
    odd = hkl.sum(axis=1) % 2 == 1
    absent, present = above_background(insulin, xy[odd]), above_background(insulin, xy[~odd])
    assert np.isfinite(absent).sum() > 60
    assert abs(np.nanmedian(absent)) < 6
    assert np.nanmedian(present) > 15 * max(1.0, abs(np.nanmedian(absent)))


def test_resolution_by_the_files_geometry_is_that_of_the_reflections(insulin: Frame) -> None:
    meta = insulin.meta
    plane = Geometry(
        meta.wavelength, meta.distance, meta.beam_x, meta.beam_y,
        meta.pixel_x * 1000, meta.pixel_y * 1000,
    )  # fmt: skip
    hkl, xy = predicted(INSULIN, IMAGE, 1.8)
    d = 78.9 / np.linalg.norm(hkl, axis=1)
    assert len(d) > 300
    assert geometry.resolution(plane, xy[:, 0], xy[:, 1]) == pytest.approx(d, rel=1e-3)
    # And so by what the viewer is sent.
    sent = place(meta, {}, insulin.shape).plane
    assert sent is not None
    assert sent.resolution(xy[:, 0], xy[:, 1]) == pytest.approx(d, rel=1e-3)
    for line in rings(sent, *insulin.shape[::-1])[3]["lines"]:
        x, y = np.array(line).T
        assert geometry.resolution(plane, x, y) == pytest.approx(
            np.full(len(x), rings(sent, *insulin.shape[::-1])[3]["d"]), rel=1e-3
        )


def ice_peak(recipe: Recipe, folder: Path, low: float, high: float) -> tuple[float, float]:
    """(d of the brightest ring between two d, its mean count over that beside it)."""
    frame = written(recipe, folder, 1)
    meta = frame.meta
    plane = Geometry(
        meta.wavelength, meta.distance, meta.beam_x, meta.beam_y,
        meta.pixel_x * 1000, meta.pixel_y * 1000,
    )  # fmt: skip
    y, x = np.mgrid[0 : frame.shape[0], 0 : frame.shape[1]] + 0.5
    inverse = 1 / geometry.resolution(plane, x, y)
    edges = np.arange(1 / high, 1 / low, 0.0008)
    bin_of = np.digitize(inverse[~frame.mask], edges)
    counts = np.minimum(frame.array[~frame.mask].astype(float), 60)
    sums = np.bincount(bin_of, counts, len(edges) + 1)[1:-1]
    means = sums / np.maximum(1, np.bincount(bin_of, minlength=len(edges) + 1)[1:-1])
    best = int(means.argmax())
    return 2 / (edges[best] + edges[best + 1]), means[best] / np.median(means)


@pytest.mark.parametrize("d", [3.895, 3.669, 3.441, 2.249])
def test_ice_rings_are_where_ice_puts_them_and_only_with_ice(tmp_path: Path, d: float) -> None:
    iced = replace(INSULIN, file="iced_1_####.cbf", ice=True, cell=None)
    at, contrast = ice_peak(iced, tmp_path, d - 0.08, d + 0.08)
    assert at == pytest.approx(d, abs=0.012)
    assert contrast > 1.3
    clean = replace(iced, file="clean_1_####.cbf", ice=False)
    assert ice_peak(clean, tmp_path, d - 0.08, d + 0.08)[1] < 1.15


@pytest.mark.parametrize("key", DETECTORS)
def test_the_gaps_of_every_detector_are_masked(key: str, tmp_path: Path) -> None:
    detector = DETECTORS[key]
    kind = "pilatus" if key.startswith("pilatus") else "eiger"
    recipe = Recipe(
        kind=kind, file="a_####.cbf" if kind == "pilatus" else "a_master.h5",
        detector=key, cell=None, n_images=1,
    )  # fmt: skip
    frame = written(recipe, tmp_path, 1)
    assert frame.shape == (detector.height, detector.width)
    assert (frame.mask == (gaps(detector) | bad(detector))).all()
    assert frame.array[~frame.mask].max() < 500
    if kind == "eiger":
        with open_frames(tmp_path / "a_master.h5") as frames:
            assert (frames.read(0).mask == frame.mask).all()


@pytest.mark.parametrize(
    ("key", "width", "height"),
    [
        ("eiger2-16m", 4148, 4362),
        ("eiger2-9m", 3108, 3262),
        ("eiger2-4m", 2068, 2162),
        ("pilatus-6m", 2463, 2527),
        ("pilatus-2m", 1475, 1679),
        ("pilatus-300k", 487, 619),
    ],
)
def test_the_detectors_have_their_true_sizes(key: str, width: int, height: int) -> None:
    assert (DETECTORS[key].width, DETECTORS[key].height) == (width, height)


def test_noise_is_that_of_counting() -> None:
    flat = Detector("flat", "flat", "0", (1, 1), (600, 600), (0, 0), 1e-6, 10**6, 1e-4, 32, 0)
    counts = noisy(Setting(flat, 1.0, 250.0, 9000.0, 9000.0, 4.0), np.random.default_rng(1))
    assert counts.mean() > 0.5
    assert counts.var() / counts.mean() == pytest.approx(1.0, abs=0.03)
    again = noisy(Setting(flat, 1.0, 250.0, 9000.0, 9000.0, 4.0), np.random.default_rng(2))
    assert abs(np.corrcoef(counts.ravel(), again.ravel())[0, 1]) < 0.03


def test_full_and_partial_reflections_add_up() -> None:
    crystal, setting = INSULIN.crystal, INSULIN.setting
    whole = render.diffraction.rotation_spots(crystal, setting, 17.3, 3.0)
    sums: Counter[tuple[int, ...]] = Counter()
    for step in range(6):
        part = render.diffraction.rotation_spots(crystal, setting, 17.3 + 0.5 * step, 0.5)
        for hkl, counts in zip(part.hkl.tolist(), part.counts, strict=True):
            sums[tuple(hkl)] += counts
    strong = whole.counts > 50
    assert strong.sum() > 100
    expected = [sums[tuple(hkl)] for hkl in whole.hkl[strong].tolist()]
    assert whole.counts[strong] == pytest.approx(expected, rel=0.05)


def test_equivalent_reflections_are_equally_strong_and_others_follow_wilson() -> None:
    crystal = Crystal((78.1, 78.1, 37.2, 90, 90, 90), "P43212", b_factor=20.0, seed=3)
    found = reflections(crystal, 2.5)
    by_hkl = dict(zip(map(tuple, found.hkl.tolist()), found.intensity, strict=True))
    for h, k, m in [(3, 5, 7), (1, 12, 2), (20, 4, 1)]:
        same = [(h, k, m), (-k, h, m), (k, h, -m), (-h, -k, -m), (h, -k, -m)]
        assert np.ptp([by_hkl[one] for one in same]) == pytest.approx(0)
    assert by_hkl[(3, 5, 7)] != by_hkl[(3, 6, 7)]
    shell = (np.linalg.norm(found.vectors, axis=1) > 0.36) & (found.hkl >= 0).all(axis=1)
    values = found.intensity[shell]
    # Acentric Wilson statistics: <I²> / <I>² = 2.
    assert np.mean(values**2) / np.mean(values) ** 2 == pytest.approx(2.0, abs=0.35)


@pytest.mark.parametrize(
    ("symbol", "absent", "present"),
    [
        ("P 21 21 21", [(3, 0, 0), (0, 5, 0), (0, 0, 7)], [(4, 0, 0), (3, 1, 0)]),
        ("P43212", [(0, 0, 2), (3, 0, 0)], [(0, 0, 8), (2, 0, 0), (1, 1, 2)]),
        ("P6122", [(0, 0, 3)], [(0, 0, 6), (1, 0, 1)]),
        ("P3221", [(0, 0, 4)], [(0, 0, 3)]),
        ("C 1 2 1", [(1, 2, 3)], [(1, 1, 3)]),
        ("F432", [(1, 2, 3), (2, 1, 1)], [(1, 1, 3), (2, 4, 2)]),
        ("H3", [(1, 0, 0), (0, 0, 1)], [(1, 1, 0), (0, 0, 3), (-1, 0, -1)]),
    ],
)
def test_absences_of_space_groups(symbol: str, absent: list, present: list) -> None:
    group = space_group(symbol)
    assert not group.present(np.array(absent)).any()
    assert group.present(np.array(present)).all()


@pytest.mark.parametrize(
    ("symbol", "order"),
    [("P1", 2), ("C2", 4), ("P212121", 8), ("P43", 8), ("P41212", 16), ("P31", 6), ("R32", 12),
     ("P63", 12), ("P6122", 24), ("I213", 24), ("P4132", 48)],
)  # fmt: skip
def test_the_laue_group_has_its_order(symbol: str, order: int) -> None:
    hkl = np.stack(np.meshgrid(*[np.arange(-9, 10)] * 3), axis=-1).reshape(-1, 3)
    numbers = space_group(symbol).unique(hkl)
    sizes = Counter(numbers.tolist())
    general = sizes[int(space_group(symbol).unique(np.array([[2, 3, 1]]))[0])]
    assert general == order


def test_an_unknown_space_group_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown space group"):
        space_group("Pnma")


def test_the_cell_is_the_one_stated() -> None:
    cell = (50.0, 61.0, 72.0, 83.0, 98.0, 107.0)
    stars = crystals.reciprocal(cell)
    assert (direct_axes(cell) @ stars) == pytest.approx(np.eye(3), abs=1e-12)
    assert rotation(5) @ rotation(5).T == pytest.approx(np.eye(3))
    assert np.linalg.det(rotation(5)) == pytest.approx(1.0)


def test_stills_hit_or_miss_and_hits_show_their_lattice(tmp_path: Path) -> None:
    chip = replace(LYSOZYME, kind="ssx-eiger", file="chip_1_master.h5", n_images=400, hit_rate=0.3)
    verdicts = [seen(chip, number) for number in range(1, 101)]
    hits = [verdict.hit for verdict in verdicts]
    assert 15 <= sum(hits) <= 45
    assert all(verdict.spots == 0 for verdict in verdicts if not verdict.hit and not verdict.counts)
    hit, blank = hits.index(True) + 1, hits.index(False) + 1
    crowd = [int((written(chip, tmp_path, n).array[~bad_or_gap(chip)] > 40).sum()) for n in (hit, blank)]
    assert crowd[0] > 20 * max(1, crowd[1])


def bad_or_gap(recipe: Recipe) -> np.ndarray:
    return gaps(recipe.camera) | bad(recipe.camera)


def test_what_a_spot_finder_would_say_agrees_with_the_file(insulin: Frame) -> None:
    verdict = seen(INSULIN, IMAGE)
    _, xy = predicted(replace(INSULIN, increment_deg=0.75, start_deg=18.675), 1, 1.6)
    found = int((above_background(insulin, xy) > 50).sum())
    assert verdict.hit
    assert verdict.spots == pytest.approx(found, rel=0.5)
    assert 1.3 < verdict.resolution < 2.6
