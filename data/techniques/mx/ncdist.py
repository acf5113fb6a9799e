"""NCDist: how far two lattices are apart, along paths through the boundaries of Niggli reduction.

A reduced cell is a point in G6 (a², b², c², 2bc cos α, 2ac cos β, 2ab cos γ; Å²). The reduced cells fill a cone whose
15 boundaries are joined: a lattice on a boundary has another reduced cell too, on the same boundary or on another.
The distance is the length of the shortest path within the cone, straight to the other point or through boundaries,
where stepping from the one reduced cell of a boundary to its other costs nothing. Andrews & Bernstein, J. Appl. Cryst.
47, 346 (2014), name the boundaries, 1 to F; McGill et al., J. Appl. Cryst. 47, 360 (2014), the distance.

As theirs: boundaries 1 to 5 (edges change places, angles change from acute to obtuse) only permute and negate
coordinates; all 24 such changes are tried, which unfolds these boundaries without loss. Through the others a path
crosses none, one near either end, or both. Other than theirs: where a path crosses is found by minimising its length
and not by reflecting one end in the boundary; boundaries are whole planes, without a check that a path stays within the
cone; and they are those of the unfolded cone, where 6 to F and their images are 24 planes (`planes`). Lattices that are
alike have the same distance as theirs or a shorter one; those of other crystals may differ by a fifth either way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import permutations, product
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_PAIRS: Final = ((1, 2), (0, 2), (0, 1))
_REFINED: Final = 24
_STEPS: Final = 40


def g6(cell: Sequence[float]) -> Floats:
    """The point in G6 (6,), Å², of a cell a, b, c in Å, α, β, γ in degrees."""
    a, b, c = cell[:3]
    alpha, beta, gamma = np.cos(np.radians(cell[3:]))
    return np.array([a * a, b * b, c * c, 2 * b * c * alpha, 2 * a * c * beta, 2 * a * b * gamma])


def change(basis: NDArray[np.integer]) -> Floats:
    """What the change to a basis does in G6, (6, 6). ``basis`` (3, 3): rows are the new axes in terms of the old."""
    found = np.zeros((6, 6))
    for column in range(6):
        unit = np.zeros(6)
        unit[column] = 1
        metric = np.diag(unit[:3])
        for (i, j), value in zip(_PAIRS, unit[3:], strict=True):
            metric[i, j] = metric[j, i] = value / 2
        turned = basis @ metric @ basis.T
        found[:, column] = [*np.diag(turned), *(2 * turned[i, j] for i, j in _PAIRS)]
    return found


@dataclass(frozen=True, slots=True)
class Planes:
    """Where another cell is as short as the reduced one: ``normal`` (k, 6), of unit length; ``onto`` (k, 6, 6), the
    projectors; ``step`` (k, 6, 6), the other cell of a point on the plane.
    """

    normal: Floats
    onto: Floats
    step: Floats


@cache
def planes() -> Planes:
    """The 24 planes of the unfolded cone that are images of boundaries 6 to F.

    12: an edge is as long as its sum with, or difference from, a shorter one (6 to E). 12: an edge is as long as a body
    diagonal (F).
    """
    bases = []
    for j, i in permutations(range(3), 2):
        for sign in (1, -1):
            basis = np.eye(3, dtype=int)
            basis[j, i] = -sign
            bases.append((j, basis))
    for k in range(3):
        for signs in product((1, -1), repeat=2):
            basis = np.eye(3, dtype=int)
            basis[k, [other for other in range(3) if other != k]] = signs
            bases.append((k, basis))
    steps = np.array([change(basis) for _, basis in bases])
    # On the plane the new axis is as long as the one that it replaces.
    normal = np.array([step[axis] - np.eye(6)[axis] for (axis, _), step in zip(bases, steps, strict=True)])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    return Planes(normal, np.eye(6) - normal[:, :, None] * normal[:, None, :], steps)


@cache
def unfolding() -> Floats:
    """The 24 changes of axes that keep lengths in G6, (24, 6, 6): axes change places, two of them their sense."""
    senses = (np.diag(signs) for signs in ((1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)))
    return np.array([change(np.eye(3, dtype=int)[list(order)] @ sense)
                     for sense in senses for order in permutations(range(3))])  # fmt: skip


def ncdist(one: Floats, other: Floats) -> float:
    """NCDist of two reduced primitive cells in G6, Å². The same whichever comes first."""
    if tuple(one) > tuple(other):
        one, other = other, one
    found = planes()
    onto = np.concatenate([np.eye(6)[None], found.onto])
    step = np.concatenate([np.eye(6)[None], found.step])
    begin, end = onto @ one, onto @ other
    left, right = np.linalg.norm(begin - one, axis=1), np.linalg.norm(end - other, axis=1)
    from_, to = np.einsum("kij,kj->ki", step, begin), np.einsum("kij,kj->ki", step, end)
    turned = np.einsum("rij,kj->rki", unfolding(), to)
    between = np.linalg.norm(from_[:, None, None, :] - turned[None], axis=3)  # (near one, turn, near other)
    total = left[:, None] + between.min(axis=1) + right[None, :]
    turn = between.argmin(axis=1)
    best = np.argsort(total, axis=None, kind="stable")[:_REFINED]
    i, j = np.unravel_index(best, total.shape)
    exact = float(between[0, :, 0].min())
    return min(exact, float(total.min()), _refined(one, other, onto, step, i, j, unfolding()[turn[i, j]]))


def _refined(
    one: Floats, other: Floats, onto: Floats, step: Floats, i: NDArray[np.int64], j: NDArray[np.int64], turn: Floats
) -> float:
    """The shortest of paths one > p on plane i > its other cell, turned > the other cell of q on plane j > other.

    Minimised over p and q by Weiszfeld's iteration: each term is weighted by one over its length.
    """
    count = len(i)
    a = np.zeros((count, 18, 12))
    a[:, :6, :6] = onto[i]
    a[:, 6:12, :6] = step[i] @ onto[i]
    a[:, 6:12, 6:] = -turn @ step[j] @ onto[j]
    a[:, 12:, 6:] = onto[j]
    b = np.concatenate([one, np.zeros(6), other])
    scale = float(np.linalg.norm(b))
    weight = np.ones((count, 3))
    shortest = np.inf
    ridge = 1e-12 * np.eye(12)
    for _ in range(_STEPS):
        weighted = a * np.repeat(weight, 6, axis=1)[:, :, None]
        normal = np.einsum("nki,nkj->nij", weighted, a)
        size = np.trace(normal, axis1=1, axis2=2)[:, None, None]
        place = np.linalg.solve(normal + ridge * size, np.einsum("nki,k->ni", weighted, b)[:, :, None])
        lengths = np.linalg.norm((a @ place)[:, :, 0].reshape(count, 3, 6) - b.reshape(3, 6), axis=2)
        shortest = min(shortest, float(lengths.sum(axis=1).min()))
        weight = 1 / np.maximum(lengths, 1e-9 * scale)
    return shortest
