"""The area detectors of the demo facility, with their true modules, gaps and pixel sizes."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Detector:
    """A detector of equal modules. `module` and `gap` are (fast, slow) pixels, `grid` modules
    each way, `pixel` m, `saturation` counts, `thickness` of the silicon in m, `bits` of a stored
    pixel."""

    key: str
    name: str
    serial: str
    grid: tuple[int, int]
    module: tuple[int, int]
    gap: tuple[int, int]
    pixel: float
    saturation: int
    thickness: float
    bits: int
    bad_pixels: int

    @property
    def width(self) -> int:
        """Pixels along the fast direction."""
        return self.grid[0] * (self.module[0] + self.gap[0]) - self.gap[0]

    @property
    def height(self) -> int:
        """Pixels along the slow direction."""
        return self.grid[1] * (self.module[1] + self.gap[1]) - self.gap[1]

    @property
    def pixel_mm(self) -> float:
        """Side of a pixel in mm."""
        return self.pixel * 1000


EIGER2_16M = Detector("eiger2-16m", "EIGER2 X 16M", "E-32-0001", (4, 8), (1028, 512), (12, 38),
                      75e-6, 133_000, 450e-6, 32, 420)  # fmt: skip
EIGER2_9M = Detector("eiger2-9m", "EIGER2 X 9M", "E-18-0001", (3, 6), (1028, 512), (12, 38),
                     75e-6, 65_000, 450e-6, 32, 230)  # fmt: skip
EIGER2_4M = Detector("eiger2-4m", "EIGER2 X 4M", "E-08-0001", (2, 4), (1028, 512), (12, 38),
                     75e-6, 33_000, 450e-6, 16, 110)  # fmt: skip
PILATUS_6M = Detector("pilatus-6m", "PILATUS3 6M", "S/N 60-0001", (5, 12), (487, 195), (7, 17),
                      172e-6, 1_048_500, 450e-6, 32, 310)  # fmt: skip
PILATUS_2M = Detector("pilatus-2m", "PILATUS3 2M", "S/N 24-0001", (3, 8), (487, 195), (7, 17),
                      172e-6, 1_048_500, 450e-6, 32, 120)  # fmt: skip
PILATUS_300K = Detector("pilatus-300k", "PILATUS 300K", "S/N 3-0001", (1, 3), (487, 195), (7, 17),
                        172e-6, 1_048_500, 320e-6, 32, 25)  # fmt: skip

DETECTORS: dict[str, Detector] = {
    detector.key: detector for detector in (EIGER2_16M, EIGER2_9M, EIGER2_4M, PILATUS_6M, PILATUS_2M, PILATUS_300K)
}


@cache
def gaps(detector: Detector) -> NDArray[np.bool_]:
    """(height, width): true between the modules."""
    across = np.arange(detector.width) % (detector.module[0] + detector.gap[0])
    down = np.arange(detector.height) % (detector.module[1] + detector.gap[1])
    return (across >= detector.module[0])[None, :] | (down >= detector.module[1])[:, None]


@cache
def bad(detector: Detector) -> NDArray[np.bool_]:
    """(height, width): true at the dead and noisy pixels of this copy of the detector."""
    picked = np.random.default_rng([*detector.key.encode()]).integers(
        0, detector.width * detector.height, detector.bad_pixels
    )
    pixels = np.zeros(detector.width * detector.height, np.bool_)
    pixels[picked] = True
    return pixels.reshape(detector.height, detector.width) & ~gaps(detector)
