"""Pictures of electron microscopes: means of blocks, not maxima, since what is looked for is contrast in noise."""

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data.images.formats import Frame
from data.images.reduce import factor_for

_LOW, _HIGH = 0.5, 99.5
_GAP = 128


def binned(frame: Frame, longest: int) -> NDArray[np.float32]:
    """The mean of the valid pixels of each block, NaN where there is none; the last rows may be left out."""
    factor = factor_for(frame.shape, longest)
    rows, columns = (max(1, side // factor) for side in frame.shape)
    down, across = min(factor, frame.shape[0]), min(factor, frame.shape[1])
    part = slice(0, rows * down), slice(0, columns * across)
    total, number = np.zeros((rows, columns), np.float64), np.zeros((rows, columns), np.int32)
    values, valid = frame.array[part], ~frame.mask[part]
    for y in range(down):  # by strides: no copy of the whole in a wider type
        for x in range(across):
            here = valid[y::down, x::across]
            total += np.where(here, values[y::down, x::across], 0)
            number += here
    return np.where(number > 0, total / np.maximum(number, 1), np.nan).astype(np.float32)


def micrograph(frame: Frame, longest: int = 1200) -> bytes:
    """A JPEG of at most ``longest`` pixels a side, grey from the 0.5th to the 99.5th percentile."""
    small = binned(frame, longest)
    known = small[np.isfinite(small)]
    low, high = (float(value) for value in np.percentile(known, (_LOW, _HIGH))) if known.size else (0.0, 1.0)
    shades = np.clip((small - low) / (high - low if high > low else 1.0), 0, 1) * 255
    grey = np.where(np.isfinite(shades), np.rint(shades), _GAP).astype(np.uint8)
    out = BytesIO()
    Image.fromarray(grey).save(out, "JPEG", quality=88)
    return out.getvalue()
