"""Frames made small: nothing bright may vanish."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from data.images.formats.frame import Frame
from data.images.reduce import MASKED, compand, expand, factor_for, levels, preview, reduce


def test_counts_up_to_31_are_exact_and_the_rest_within_a_sixteenth() -> None:
    counts = np.arange(491_520 + 2**14)
    codes = compand(counts)
    back = expand(codes)
    assert (back[:32] == np.arange(32)).all()
    assert (np.abs(back - counts)[32:] <= counts[32:] / 31).all()
    assert (np.diff(codes.astype(int)) >= 0).all()
    assert codes.max() == 254


def test_every_code_survives_its_own_count() -> None:
    codes = np.arange(255)
    assert (compand(expand(codes)) == codes).all()
    assert expand(MASKED) == -1


def test_counts_beyond_the_scale_and_below_zero_keep_to_its_ends() -> None:
    assert compand(np.array([-5, 10**12])).tolist() == [0, 254]


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "i4", "i2", "i8", "f4", ">u2", "u8"])
@pytest.mark.parametrize("longest", [5, 10, 100])
def test_compiled_and_plain_reduction_agree(dtype: str, longest: int) -> None:
    pytest.importorskip("numba")
    rng = np.random.default_rng(1)
    most = {"u1": 200, "i2": 30000, ">u2": 60000, "u2": 65535}.get(dtype, 3_000_000)
    array = (rng.random((37, 53)) ** 6 * most).astype(dtype)
    mask = rng.random(array.shape) < 0.5
    mask[:12, :24] = True
    frame = Frame(array, mask)
    fast, plain = reduce(frame, longest), reduce(frame, longest, fast=False)
    assert fast.factor == plain.factor
    assert (fast.codes == plain.codes).all()
    assert (plain.codes == MASKED).any()


def test_each_pixel_of_the_result_is_the_masked_maximum_of_its_block() -> None:
    rng = np.random.default_rng(2)
    array = rng.integers(0, 30, (10, 13)).astype(np.uint16)
    mask = rng.random(array.shape) < 0.3
    small = reduce(Frame(array, mask), 4)
    assert small.factor == 4
    assert small.codes.shape == (3, 4)
    for y in range(3):
        for x in range(4):
            block = (slice(4 * y, 4 * y + 4), slice(4 * x, 4 * x + 4))
            valid = array[block][~mask[block]]
            assert small.codes[y, x] == (valid.max() if valid.size else MASKED)


def test_a_single_bright_pixel_stays_at_every_size() -> None:
    array = np.zeros((1000, 700), np.uint32)
    array[533, 411] = 25
    for longest in (40, 333, 999, 1000):
        small = reduce(Frame(array, np.zeros(array.shape, bool)), longest)
        y, x = np.argwhere(small.codes == 25)[0]
        assert (y, x) == (533 // small.factor, 411 // small.factor)


def test_the_sentinel_under_the_mask_is_never_seen() -> None:
    array = np.full((8, 8), 2**32 - 1, np.uint32)
    array[0, 0] = 7
    small = reduce(Frame(array, array > 7), 1)
    assert small.codes.tolist() == [[7]]


@pytest.mark.parametrize(("shape", "factor"), [((4362, 4148), 4), ((100, 100), 1), ((1101, 5), 2)])
def test_the_factor_brings_the_longer_side_within_the_limit(shape: tuple[int, int], factor: int) -> None:
    assert factor_for(shape, 1100) == factor


def test_contrast_leaves_the_masked_out() -> None:
    codes = np.full((10, 10), MASKED, np.uint8)
    assert levels(codes) == (0, 1)
    codes[0] = np.arange(10)
    assert levels(codes, 0, 100) == (0, 9)


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_a_preview_draws_spots_dark_on_white(kind: str) -> None:
    array = np.zeros((200, 300), np.int32)
    array[100, 150] = 1000
    array[50:60] = -1
    picture = Image.open(BytesIO(preview(Frame(array, array < 0), 150, kind)))
    assert picture.size == (150, 100)
    shades = np.asarray(picture)
    assert shades[80, 20] > 245
    assert shades[50, 75] < 120
    assert 190 < shades[27, 20] < 235


def test_a_frame_without_valid_pixels_still_gives_a_preview() -> None:
    array = np.zeros((20, 20), np.uint16)
    shades = np.asarray(Image.open(BytesIO(preview(Frame(array, array == 0), 20, "png"))))
    assert (shades == shades[0, 0]).all()


@pytest.mark.parametrize("fast", [True, False])
def test_densities_keep_their_shades_in_the_middle_of_their_range(fast: bool) -> None:
    array = np.random.default_rng(3).normal(-5, 2, (400, 300)).astype(np.float32)
    frame = Frame(array, np.zeros(array.shape, bool))
    reduced = reduce(frame, 400, fast=fast)
    assert reduced.scale is not None
    offset, step = reduced.scale
    inside = (array > offset) & (array < offset + 20_000 * step)
    assert np.abs(offset + 80 * step * reduced.codes[inside] - array[inside]).max() <= 41 * step
    middle = reduced.codes[np.abs(array + 5) < 2]
    assert len(np.unique(middle)) > 60
    assert levels(reduced.codes, even=True)[1] > 19_000
