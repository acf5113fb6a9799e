"""The invented beamlines of the simulated facility and what stands on them."""

from dataclasses import dataclass
from math import asin, atan, sin, tan
from typing import Literal

from data.demo.detectors import EIGER2_4M, EIGER2_16M, PILATUS_6M, Detector

Technique = Literal["mx", "ssx", "em"]


@dataclass(frozen=True, slots=True)
class Camera:
    """A detector as its row in ISPyB states it: pixel size in mm, pixels across and down.

    ``key`` names the detector whose frames are drawn; empty for cameras without frames.
    """

    detector_id: int
    kind: str
    maker: str
    model: str
    pixel: float
    width: int
    height: int
    serial: str
    key: str = ""


def _counting(detector_id: int, detector: Detector, serial: str) -> Camera:
    return Camera(
        detector_id, "Photon counting", "Dectris", detector.name, round(detector.pixel_mm, 6),
        detector.width, detector.height, serial, detector.key,
    )  # fmt: skip


EIGER_16M = _counting(1, EIGER2_16M, EIGER2_16M.serial)
PILATUS = _counting(2, PILATUS_6M, PILATUS_6M.serial)
EIGER_4M = _counting(3, EIGER2_4M, EIGER2_4M.serial)
EIGER_4M_SERIAL = _counting(4, EIGER2_4M, "E-08-0002")
FALCON = Camera(5, "Electron counting", "Thermo Fisher", "Falcon 4i", 0.014, 4096, 4096, "F4I-0005")
K3 = Camera(6, "Electron counting", "Gatan", "K3", 0.005, 5760, 4092, "K3-0006")
CAMERAS = (EIGER_16M, PILATUS, EIGER_4M, EIGER_4M_SERIAL, FALCON, K3)


@dataclass(frozen=True, slots=True)
class Beamline:
    """A beamline. Beam centre in pixels; ``transmission_unit`` is what its rows hold 100 % as.

    ``beam_unit``: what its rows hold the beam centre in. ISPyB means mm.
    """

    name: str
    technique: Technique
    camera: Camera
    wavelength: float = 0.9763
    flux: float = 1e12
    beam_size: tuple[float, float] = (0.08, 0.02)
    beam: tuple[float, float] = (0.0, 0.0)
    transmission_unit: float = 100.0
    beam_unit: Literal["mm", "px"] = "mm"
    suffix: str = "h5"
    setup_id: int = 0

    def stored_beam(self) -> tuple[float, float]:
        """The beam centre as this beamline writes it."""
        factor = self.camera.pixel if self.beam_unit == "mm" else 1.0
        return round(self.beam[0] * factor, 3), round(self.beam[1] * factor, 3)

    def reach(self) -> float:
        """Distance in mm from the beam centre to the nearest edge of the detector."""
        x, y = self.beam
        return self.camera.pixel * min(x, y, self.camera.width - x, self.camera.height - y)

    def distance(self, resolution: float, wavelength: float) -> float:
        """The detector distance in mm that puts ``resolution`` (Å) at the nearest edge."""
        return self.reach() / tan(2 * asin(wavelength / (2 * resolution)))

    def resolution(self, distance: float, wavelength: float) -> float:
        """d in Å at the nearest edge."""
        return wavelength / (2 * sin(atan(self.reach() / distance) / 2))

    def corner(self, distance: float, wavelength: float) -> float:
        """d in Å at the farthest corner."""
        x, y = self.beam
        width, height = self.camera.width, self.camera.height
        across, down = max(x, width - x), max(y, height - y)
        radius = self.camera.pixel * (across**2 + down**2) ** 0.5
        return wavelength / (2 * sin(atan(radius / distance) / 2))


BX1 = Beamline("BX1", "mx", EIGER_16M, 0.9763, 2.1e12, (0.08, 0.02), (2079.4, 2218.6), setup_id=1)
# Writes the beam centre in pixels, though ISPyB means mm.
BX2 = Beamline(
    "BX2", "mx", PILATUS, 0.9795, 8e11, (0.1, 0.05), (1231.2, 1259.7), beam_unit="px",
    suffix="cbf", setup_id=2,
)  # fmt: skip
# Writes the transmission as a fraction.
BX3 = Beamline(
    "BX3", "mx", EIGER_4M, 0.8856, 3.5e12, (0.02, 0.02), (1041.8, 1075.3), transmission_unit=1.0,
    setup_id=3,
)  # fmt: skip
SX1 = Beamline("SX1", "ssx", EIGER_4M_SERIAL, 1.0721, 4e12, (0.01, 0.01), (1030.5, 1084.2), setup_id=4)
EM1 = Beamline("EM1", "em", FALCON, 0.0197, suffix="mrc", setup_id=5)
EM2 = Beamline("EM2", "em", K3, 0.0197, suffix="tiff", setup_id=6)

BEAMLINES = (BX1, BX2, BX3, SX1, EM1, EM2)
BY_NAME = {beamline.name: beamline for beamline in BEAMLINES}
