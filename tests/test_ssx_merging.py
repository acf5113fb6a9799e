"""How many lattices a target needs, and how long they take."""

import math
from dataclasses import replace

import numpy as np
import pytest

from data.techniques.ssx.merging import (
    Merge,
    Need,
    Target,
    half_set,
    needed_for_cc,
    needed_for_completeness,
    needs,
    time_left,
    unique_reflections,
)
from data.techniques.ssx.run import Run
from views.techniques.ssx_numbers import _need


def test_n0_of_one_merge_foretells_another() -> None:
    n0 = half_set(0.5, 66)
    assert n0 == 66
    assert needed_for_cc(0.9, n0) == pytest.approx(9 * 66)
    assert needed_for_cc(0.3, n0) == pytest.approx(0.43 * 66, rel=0.01)


def test_cc_half_of_simulated_stills_follows_n0() -> None:
    random = np.random.default_rng(5)
    truth = random.exponential(1.0, 4000)
    found = []
    for lattices in (80, 160, 320, 640):
        halves = [truth + random.normal(0, 6.0, 4000) * math.sqrt(2 / lattices) for _ in range(2)]
        cc = float(np.corrcoef(*halves)[0, 1])
        found.append(half_set(cc, lattices))
    assert np.ptp(found) < 0.25 * np.mean(found)


@pytest.mark.parametrize(("multiplicity", "completeness"), [(1, 0.63), (2, 0.86), (3, 0.95), (4.6, 0.99)])
def test_completeness_follows_multiplicity(multiplicity: float, completeness: float) -> None:
    assert needed_for_completeness(completeness, 0.01) == pytest.approx(100 * multiplicity, rel=0.02)


def test_lysozyme_has_as_many_unique_reflections_as_tables_say() -> None:
    # P 4/m m m has 16 operations; xds lists 8,900 unique reflections of lysozyme to 1.9 Å with Friedel pairs merged.
    assert unique_reflections(79.0 * 79.0 * 38.0, 1.9, 16) == pytest.approx(9_000, rel=0.1)


def test_without_a_merge_completeness_comes_from_counts_and_symmetry_and_says_so() -> None:
    (need,) = needs(Target(1.8, cc_half=0.3, completeness=0.95), [], observed=0.01)
    assert need.quantity == "completeness"
    assert need.basis == "from counts and symmetry"
    assert need.lattices == pytest.approx(300, rel=0.01)


def test_merges_foretell_better_than_counts() -> None:
    merges = [Merge(1000, cc_half=0.1, completeness=0.4, multiplicity=1.0), Merge(2000, 0.182, 0.64, 2.0)]
    found = {need.quantity: need for need in needs(Target(1.8, 0.3, 0.95, 10), merges, observed=0.5)}
    assert found["cc_half"].lattices == pytest.approx(3857, rel=0.02)
    assert found["completeness"].lattices == pytest.approx(5866, rel=0.05)
    assert found["multiplicity"].lattices == pytest.approx(10_000)
    assert found["cc_half"].basis == "from the merge of 2,000 lattices, which reached 0.182"
    assert found["completeness"].basis.endswith("which is 64.0 % complete")


def test_time_left_spans_what_rate_and_need_leave_open() -> None:
    need = Need("cc_half", 6600, 6300, 6900, "")
    left = time_left(need, 4100, 2.5, 2.3, 2.7)
    assert left is not None
    assert left.low < left.seconds < left.high
    assert left.seconds == pytest.approx(1000)
    assert (round(left.low), round(left.high)) == (815, 1217)


def test_a_target_that_is_met_needs_no_time_and_a_stalled_run_has_none() -> None:
    need = Need("cc_half", 100, 90, 110, "")
    assert time_left(need, 100, 0, 0, 0) is not None
    assert time_left(need, 50, 0, 0, 0) is None


def test_time_left_holds_the_truth_in_95_percent_of_runs() -> None:
    random = np.random.default_rng(11)
    held = 0
    for _ in range(1000):
        rate = 3.0
        seen = random.poisson(rate * 60)
        half = 1.96 * math.sqrt(seen)
        need = Need("multiplicity", 5000, 5000, 5000, "")
        left = time_left(need, 1000, seen / 60, (seen - half) / 60, (seen + half) / 60)
        assert left is not None
        held += left.low <= 4000 / rate <= left.high
    assert 930 <= held <= 970


def test_a_target_that_is_met_stays_met_when_no_lattice_comes_any_more() -> None:
    stalled = replace(Run().now(0.0), lattices=50)
    assert stalled.per_second is None
    assert _need(Need("multiplicity", 40, 40, 40, ""), stalled)["left"] == [0, 0, 0]
    assert _need(Need("multiplicity", 60, 60, 60, ""), stalled)["left"] is None
