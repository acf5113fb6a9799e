"""Rates of serial runs: their intervals hold what they promise, also where hits clump."""

import numpy as np
import pytest
from numpy.typing import NDArray

from data.techniques.ssx.intervals import Blocks, Rate, difference, rate, student, wilson


@pytest.mark.parametrize(
    ("hits", "frames", "low", "high"),
    [(0, 200, 0.0, 1.9), (3, 200, 0.5, 4.3), (20, 200, 6.6, 14.9), (200, 1000, 17.6, 22.6)],
)
def test_the_wilson_interval_has_its_published_values(hits: int, frames: int, low: float, high: float) -> None:
    found = [round(100 * limit, 1) for limit in wilson(hits, frames)]
    assert found == [low, high]


def test_no_frames_are_no_rate() -> None:
    assert rate(0, 0) is None
    assert wilson(0, 0) == (0.0, 1.0)


def test_the_quantile_of_student_is_right_to_the_third_digit() -> None:
    assert [round(student(n), 3) for n in (10, 19, 30, 60)] == pytest.approx([2.228, 2.093, 2.042, 2.000], abs=0.002)


def _clumped(random: np.random.Generator, share: float, frames: int, clump: int) -> NDArray[np.bool_]:
    if clump == 1:
        return random.random(frames) < share
    shares = random.beta(4 * share, 4 * (1 - share), frames // clump + 1)
    return random.random(frames) < np.repeat(shares, clump)[:frames]


@pytest.mark.parametrize(
    ("share", "frames", "clump"), [(0.1, 5_000, 1), (0.3, 20_000, 1), (0.1, 20_000, 50), (0.3, 20_000, 200)]
)
def test_of_a_thousand_runs_the_interval_holds_the_truth_in_95_percent(share: float, frames: int, clump: int) -> None:
    random = np.random.default_rng(7)
    held = plain = 0
    for _ in range(1000):
        hits = _clumped(random, share, frames, clump)
        blocks = Blocks()
        blocks.append(hits)
        dispersion, z = blocks.estimate()
        low, high = wilson(hits.sum(), frames, dispersion=dispersion, z=z)
        held += low <= share <= high
        low, high = wilson(hits.sum(), frames)
        plain += low <= share <= high
    # 1,000 runs tell 95 % to ± 1.4 % (two standard deviations).
    assert 936 <= held <= 966
    if clump > 1:
        assert plain < 600  # what the same interval promises without the dispersion


def test_blocks_count_every_frame_however_it_is_cut_into_batches() -> None:
    random = np.random.default_rng(1)
    hits = random.random(30_000) < 0.2
    whole, parts = Blocks(), Blocks()
    whole.append(hits)
    for piece in np.array_split(hits, 371):
        parts.append(piece)
    assert whole.estimate() == parts.estimate()


def test_a_difference_that_leaves_out_zero_is_real() -> None:
    on, off = rate(300, 1000), rate(200, 1000)
    assert on is not None
    assert off is not None
    found = difference(on, off)
    assert found.value == pytest.approx(0.1)
    assert (round(found.low, 3), round(found.high, 3)) == (0.062, 0.137)
    assert found.real
    assert not difference(on, Rate(310, 1000, 0.31, 0.282, 0.339)).real
