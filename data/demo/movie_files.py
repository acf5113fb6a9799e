"""Movies of the simulated microscopes: few electrons a frame over a specimen that drifts, as MRC or TIFF."""

from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from PIL import Image

from data.demo.micrographs import micrograph

_ELECTRONS = 1.2
"""For each pixel and frame, on average."""
_FARTHEST = 24
_LABEL = b"SIMULATED movie of ISPyB Lens"


def write_movie(what: dict[str, Any], path: Path) -> None:
    """Write the movie as ``path``'s suffix says: .mrc, else TIFF in plain pages.

    ``what``: seed, frames, defocus_um, pixel_size_A. 512 x 512 pixels of 8 bits; pixels of the preview, so eight of the
    microscope's a side.
    """
    seed, count, pixel = int(what["seed"]), int(what["frames"]), float(what["pixel_size_A"])
    picture = Image.open(BytesIO(micrograph(seed, float(what["defocus_um"]), pixel, 300.0)))
    shades = np.asarray(picture.convert("L"), np.float32) / 128
    rng, walk = np.random.default_rng([23, seed]), Random(seed)  # noqa: S311 - simulated data, not a secret
    frames = np.empty((count, *shades.shape), np.uint8)
    across = down = 0.0
    for number in range(count):
        moved = np.roll(shades, (round(down), round(across)), (0, 1))
        frames[number] = rng.poisson(_ELECTRONS * (0.4 + 0.6 * moved)).clip(0, 255)
        step = 2.5 / (1 + number / 3)  # the specimen settles
        across = max(-_FARTHEST, min(_FARTHEST, across + step * walk.uniform(-0.2, 1.0)))
        down = max(-_FARTHEST, min(_FARTHEST, down + step * walk.uniform(-0.6, 0.6)))
    if path.suffix == ".mrc":
        path.write_bytes(_mrc_header(frames, 8 * pixel) + frames.astype("<u2").tobytes())
        return
    pages = [Image.fromarray(frame) for frame in frames]
    pages[0].save(path, "TIFF", save_all=True, append_images=pages[1:], description=_LABEL.decode())


def _mrc_header(frames: np.ndarray[Any, np.dtype[np.uint8]], pixel: float) -> bytes:
    """The header of MRC2014 for numbers of 16 bits; ``pixel`` in Å."""
    count, height, width = frames.shape
    head = bytearray(1024)
    head[0:16] = np.array([width, height, count, 6], "<i4").tobytes()
    head[28:40] = np.array([width, height, count], "<i4").tobytes()
    head[40:64] = np.array([pixel * width, pixel * height, pixel * count, 90, 90, 90], "<f4").tobytes()
    head[64:76] = np.array([1, 2, 3], "<i4").tobytes()
    head[76:88] = np.array([frames.min(), frames.max(), frames.mean()], "<f4").tobytes()
    head[208:216] = b"MAP DD\x00\x00"
    head[220:224] = np.array([1], "<i4").tobytes()
    head[224 : 224 + len(_LABEL)] = _LABEL
    return bytes(head)
