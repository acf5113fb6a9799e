"""NCDist is small for lattices that are alike, on whichever side of a boundary of reduction they are."""

import itertools

import numpy as np
import pytest
from servers.realdata import real

from data.techniques.mx.ncdist import change, g6, ncdist, planes, unfolding
from data.techniques.ssx.stream import StreamFile

gemmi = pytest.importorskip("gemmi", reason="cells are reduced with gemmi")

Cell = tuple[float, float, float, float, float, float]

# A condition in G6 for each boundary of the Niggli cone (Andrews & Bernstein 2014, table 1): the sign of the angles,
# a vector that is at right angles to it, and one more inequality where there is one (the first is not less).
BOUNDARIES = {
    "1": (0, (1, -1, 0, 0, 0, 0), None),
    "2": (0, (0, 1, -1, 0, 0, 0), None),
    "3": (0, (0, 0, 0, 1, 0, 0), None),
    "4": (0, (0, 0, 0, 0, 1, 0), None),
    "5": (0, (0, 0, 0, 0, 0, 1), None),
    "6": (1, (0, 1, 0, -1, 0, 0), (4, 5)),
    "7": (1, (0, 1, 0, -1, 0, 0), (5, 4)),
    "8": (-1, (0, 1, 0, 1, 0, 0), None),
    "9": (1, (1, 0, 0, 0, -1, 0), (3, 5)),
    "A": (1, (1, 0, 0, 0, -1, 0), (5, 3)),
    "B": (-1, (1, 0, 0, 0, 1, 0), None),
    "C": (1, (1, 0, 0, 0, 0, -1), (3, 4)),
    "D": (1, (1, 0, 0, 0, 0, -1), (4, 3)),
    "E": (-1, (1, 0, 0, 0, 0, 1), None),
    "F": (-1, (1, 1, 0, 1, 1, 1), None),
}
SPECIAL: dict[str, Cell] = {
    "tetragonal": (79.1, 79.1, 38.2, 90, 90, 90),
    "hexagonal": (60, 60, 100, 90, 90, 120),
    "cubic": (50, 50, 50, 90, 90, 90),
    "face-centred cubic": (50, 50, 50, 60, 60, 60),
    "body-centred cubic": (50, 50, 50, 109.4712, 109.4712, 109.4712),
    "centred orthorhombic": (40, 50, 60, 90, 113.5782, 90),
    "rhombohedral": (50, 50, 50, 80, 80, 80),
    "body-centred tetragonal": (60, 60, 60, 104.4775, 104.4775, 120),
}


def reduced(cell: Cell, centring: str = "P") -> np.ndarray:
    vector = gemmi.GruberVector(gemmi.UnitCell(*cell), centring)
    vector.niggli_reduce()
    return np.array(vector.parameters)


def reduced_g6(point: np.ndarray) -> np.ndarray:
    vector = gemmi.GruberVector([float(value) for value in point])
    vector.niggli_reduce()
    return np.array(vector.parameters)


def some(count: int, seed: int) -> list[np.ndarray]:
    """Reduced cells of any shape that a crystal may have."""
    random, found = np.random.default_rng(seed), []
    while len(found) < count:
        cell = (*random.uniform(20, 100, 3), *random.uniform(65, 115, 3))
        if gemmi.UnitCell(*cell).volume > 0.3 * np.prod(cell[:3]):
            found.append(reduced(cell))
    return found


def on(boundary: str, random: np.random.Generator) -> np.ndarray:
    """A reduced cell on a boundary: one near it, moved onto it."""
    sign, normal, larger = BOUNDARIES[boundary]
    across = np.array(normal, float) / np.linalg.norm(normal)
    for _ in range(20_000):
        edges = np.sort(random.uniform(1_000, 10_000, 3))
        angles = random.uniform(0, 1, 3) * (edges[1], edges[0], edges[0])
        point = np.array([*edges, *angles * (sign or random.choice([-1, 1]))])
        point -= (point @ across) * across
        if larger is not None and point[larger[0]] < point[larger[1]]:
            continue
        # Reduced already, but for the boundary itself: a little further in it stays as it is.
        inside = point + across * (-1e-3 if boundary in "12" else 1e-3)
        if np.allclose(reduced_g6(inside), inside, atol=1e-6):
            return point
    raise AssertionError(f"no cell found on boundary {boundary}")


def test_a_lattice_is_at_no_distance_from_itself() -> None:
    for point in some(50, 1):
        assert ncdist(point, point) == pytest.approx(0, abs=1e-6)


def test_the_distance_is_the_same_from_either_end() -> None:
    for one, other in itertools.combinations(some(8, 2), 2):
        assert ncdist(one, other) == ncdist(other, one)


def test_the_planes_are_the_boundaries_6_to_f_and_their_images_in_the_unfolded_cone() -> None:
    ours = {tuple(np.round(normal * np.sign(normal[np.flatnonzero(np.abs(normal) > 1e-9)[0]]), 6))
            for normal in planes().normal}  # fmt: skip
    assert len(ours) == 24
    images = set()
    for name in "6789ABCDEF":
        normal = np.array(BOUNDARIES[name][1], float) / np.linalg.norm(BOUNDARIES[name][1])
        for turn in unfolding():
            image = turn @ normal
            images.add(tuple(np.round(image * np.sign(image[np.flatnonzero(np.abs(image) > 1e-9)[0]]), 6)))
    assert images == ours


def test_on_its_plane_each_step_gives_another_cell_of_the_same_lattice_and_size() -> None:
    random = np.random.default_rng(3)
    for onto, step in zip(planes().onto, planes().step, strict=True):
        point = onto @ random.uniform(1, 2, 6)
        assert (step @ point)[:3] == pytest.approx(point[:3])
        assert abs(round(np.linalg.det(step))) == 1
        assert np.linalg.matrix_rank(onto) == 5


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_a_hair_across_a_boundary_is_a_hair_away(boundary: str) -> None:
    random = np.random.default_rng(int(boundary, 16))
    normal = np.array(BOUNDARIES[boundary][1], float)
    jumps = []
    for _ in range(12):
        point = on(boundary, random)
        hair = 1e-3 * point[0] * normal / np.linalg.norm(normal)
        one, other = reduced_g6(point + hair), reduced_g6(point - hair)
        apart = np.linalg.norm(2 * hair)
        # Across 6 to F angles change by more than the step that is taken: theirs is another measure beyond.
        assert ncdist(one, other) < 3 * apart
        jumps.append(np.linalg.norm(one - other) / apart)
    if boundary in "6789ABCDEF":
        assert np.median(jumps) > 10  # and plain G6 is far


@pytest.mark.parametrize("name", SPECIAL)
def test_around_a_lattice_of_high_symmetry_where_boundaries_meet_nothing_jumps(name: str) -> None:
    random, point = np.random.default_rng(4), g6(SPECIAL[name])
    for _ in range(40):
        hairs = random.normal(0, 1e-3 * point[0], (2, 6))
        one, other = (reduced_g6(point + hair) for hair in hairs)
        assert ncdist(one, other) < 5 * np.linalg.norm(hairs[0] - hairs[1])


def test_any_basis_of_a_lattice_gives_the_same_distances() -> None:
    random = np.random.default_rng(5)
    one, other = some(2, 6)
    before = ncdist(one, other)
    tried = 0
    while tried < 40:
        basis = random.integers(-2, 3, (3, 3))
        if round(abs(np.linalg.det(basis))) != 1:
            continue
        tried += 1
        turned = reduced_g6(change(basis) @ one)
        assert ncdist(one, turned) < 1e-3
        assert ncdist(turned, other) == pytest.approx(before, rel=1e-6)


def test_no_way_round_is_shorter_than_the_distance_by_more_than_some_percent() -> None:
    points = some(12, 7)
    far = np.array([[ncdist(one, other) for other in points] for one in points])
    for i, j, k in itertools.permutations(range(len(points)), 3):
        assert far[i, j] <= 1.05 * (far[i, k] + far[k, j])


def test_alike_lattices_are_as_far_apart_as_their_nearest_bases() -> None:
    rows = [row for row in itertools.product((-1, 0, 1), repeat=3) if any(row)]
    bases = np.array(list(itertools.product(rows, repeat=3)))
    bases = bases[np.abs(np.abs(np.linalg.det(bases)) - 1) < 1e-6]
    changes = np.array([change(basis) for basis in bases])
    random = np.random.default_rng(8)
    for point in some(20, 9):
        near = reduced_g6(point + random.normal(0, 0.01 * point[0], 6))
        least = min(np.linalg.norm(changes @ point - near, axis=1).min(),
                    np.linalg.norm(changes @ near - point, axis=1).min())  # fmt: skip
        # Lengths are measured within the cone here, and beyond it there: a basis may shorten or stretch a difference.
        assert 0.5 * least <= ncdist(point, near) <= 3 * least
    # Where no boundary is between, both are the straight line.
    inside = g6((40.3, 50.1, 60.2, 78, 82, 71))
    near = g6((40.9, 50.0, 60.2, 79, 82, 70))
    assert ncdist(inside, near) == pytest.approx(np.linalg.norm(changes @ inside - near, axis=1).min())


@pytest.mark.parametrize(
    ("one", "other", "theirs"),
    [
        (((79.1, 79.1, 38.2, 90, 90, 90), "P"), ((79.1, 79.1, 37.4, 90, 90, 90), "P"), 60.48),
        (((79.1, 79.1, 38.2, 90, 90, 90), "P"), ((77.2, 79.0, 38.4, 90, 90, 90), "P"), 297.78),
        (((60, 60, 100, 90, 90, 120), "P"), ((60.5, 59.5, 100.4, 90.3, 89.8, 119.6), "P"), 148.34),
        (((104.6, 104.6, 296, 90, 90, 120), "R"), ((105.4, 104.2, 296, 90, 90, 120), "C"), 75_909.13),
        (((80.95, 80.57, 57.1, 90, 90.35, 90), "C"), ((80.36, 80.36, 99.44, 90, 90, 120), "R"), 32.05),
        (((40, 50, 60, 90, 109.5, 90), "P"), ((41, 50, 60, 90, 109.5, 90), "P"), 92.5),
    ],
)  # fmt: skip
def test_it_is_the_distance_that_the_authors_program_gives(
    one: tuple[Cell, str], other: tuple[Cell, str], theirs: float
) -> None:
    # cctbx 2025.11, determine_unit_cell_ext.NCDist, which is the authors' own file.
    assert ncdist(reduced(*one), reduced(*other)) == pytest.approx(theirs, rel=0.01)


def test_lattices_of_a_real_run_are_nearer_to_their_median_than_to_another_protein() -> None:
    batch = StreamFile(real("ssx", "test.stream")).read()
    assert len(batch.cells) > 20
    points = [reduced(tuple(map(float, cell)), kind[1]) for cell, kind in zip(batch.cells, batch.lattice, strict=True)]
    some = points[:10]
    middle = some[int(np.argmin([sum(ncdist(one, other) for other in some) for one in some]))]
    thaumatin = reduced((58.1, 58.1, 150.4, 90, 90, 90))
    within = [ncdist(point, middle) for point in points]
    assert np.median(within) < 0.05 * ncdist(middle, thaumatin)
