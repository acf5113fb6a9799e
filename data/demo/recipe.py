"""What one collection of the demo looks like: enough to make any of its files again, as JSON."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from data.demo.background import Setting
from data.demo.crystals import Crystal, b_factor
from data.demo.detectors import DETECTORS, Detector
from data.images.files import frame_file

Kind = Literal["eiger", "pilatus", "ssx-eiger", "snapshot", "micrograph", "power-spectrum", "thumbnail"]
_NAME = re.compile(r"[\w.+#-]{1,200}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One set of files of one collection, in one folder.

    `file`: the name, with `####` for the image number (pilatus), `x_master.h5` (eiger,
    ssx-eiger), or a plain name (the others). Angles are in degrees, the beam centre in pixels
    (None: near the middle), `flux` photons/s, `resolution_limit_A` where reflections fade out.
    `images_to_write` are written at once by `render`, the rest when `ensure` is asked, in files
    of `images_per_file` (EIGER). `still`: no rotation, a new crystal in each image or none
    (always so for ssx-eiger), a crystal in a share `hit_rate` of them, or `lattices` in each (a
    digit an image); `image_number` for a thumbnail; `angle_deg` and `crystal_um` for a snapshot;
    `defocus_um`, `astigmatism_um`, `voltage_kV`, `pixel_size_A` for EM.
    """

    kind: Kind
    file: str
    seed: int = 0
    detector: str = "pilatus-2m"
    wavelength_A: float = 0.9763  # noqa: N815
    distance_mm: float = 250.0
    beam_x_px: float | None = None
    beam_y_px: float | None = None
    start_deg: float = 0.0
    increment_deg: float = 0.1
    n_images: int = 1
    images_to_write: int = 1
    images_per_file: int = 4
    exposure_s: float = 0.01
    flux: float = 1e12
    cell: tuple[float, float, float, float, float, float] | None = (78.1, 78.1, 37.2, 90, 90, 90)
    space_group: str = "P43212"
    orientation_seed: int = 1
    mosaicity_deg: float = 0.15
    ice: bool = False
    resolution_limit_A: float = 1.8  # noqa: N815
    still: bool = False
    hit_rate: float = 0.3
    lattices: str = ""
    image_number: int = 1
    angle_deg: float = 0.0
    crystal_um: float = 80.0
    defocus_um: float = 1.5
    astigmatism_um: float = 0.02
    voltage_kV: float = 300.0  # noqa: N815
    pixel_size_A: float = 1.06  # noqa: N815
    when: str = "2026-01-01T00:00:00.000"
    beamline: str = "i99"

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.file) or self.file.startswith("."):
            raise ValueError(f"not a file name for a recipe: {self.file!r}")
        if self.kind in ("eiger", "ssx-eiger") and not self.file.endswith("_master.h5"):
            raise ValueError(f"an EIGER recipe names its master file, not {self.file!r}")
        if self.kind == "ssx-eiger":
            object.__setattr__(self, "still", True)
        if self.cell is not None and not isinstance(self.cell, tuple):
            object.__setattr__(self, "cell", tuple(self.cell))

    @property
    def camera(self) -> Detector:
        """The detector."""
        return DETECTORS[self.detector]

    @property
    def beam(self) -> tuple[float, float]:
        """The beam centre in pixels."""
        detector = self.camera
        # A few mm off the middle, so that the beam stop does not hide in the gap there.
        usual_x = round(detector.width / 2 + 2.1 / detector.pixel_mm, 2)
        usual_y = round(detector.height / 2 - 6.2 / detector.pixel_mm, 2)
        x = usual_x if self.beam_x_px is None else self.beam_x_px
        y = usual_y if self.beam_y_px is None else self.beam_y_px
        return x, y

    @property
    def setting(self) -> Setting:
        """The detector in the beam; brightness by photons, pixel area and distance, within
        reason."""
        photons = self.flux * self.exposure_s / 1e10
        area = (self.camera.pixel / 75e-6) ** 2 * (250 / self.distance_mm) ** 2
        level = min(8.0, max(0.08, 0.34 * photons * area))
        x, y = self.beam
        return Setting(
            self.camera, self.wavelength_A, self.distance_mm, x, y, round(level, 4),
            2.2 if self.ice else 0.0, self.seed if self.ice else 0,
        )  # fmt: skip

    @property
    def crystal(self) -> Crystal | None:
        """The crystal, or None where nothing diffracts."""
        if self.cell is None:
            return None
        slower = 1.0 if self.still else 0.1 / max(0.01, abs(self.increment_deg))
        scale = min(60_000.0, max(150.0, 2500 * self.flux * self.exposure_s / 1e10 * slower))
        return Crystal(
            self.cell, self.space_group, self.orientation_seed, self.mosaicity_deg,
            round(b_factor(self.resolution_limit_A, scale), 2), round(scale, 1), self.seed,
        )  # fmt: skip

    @property
    def data_files(self) -> int:
        """How many data files an EIGER master links."""
        return -(-self.n_images // self.images_per_file)

    def data_file(self, number: int) -> str:
        """The name of an EIGER data file, counted from 1."""
        return self.file.replace("_master.h5", f"_data_{number:06d}.h5")

    def image_file(self, image_number: int) -> str:
        """The name of the file that holds an image, counted from 1 (the EIGER data file, not its
        master)."""
        if self.kind in ("eiger", "ssx-eiger"):
            return self.data_file((image_number - 1) // self.images_per_file + 1)
        return frame_file("", self.file, image_number)

    def image_of(self, name: str) -> int | None:
        """The first image in the file of that name (0 for a master file); None for a foreign
        name."""
        if self.kind == "pilatus":
            before, _, after = re.sub(r"#+", "\0", self.file).partition("\0")
            middle = name.removeprefix(before).removesuffix(after)
            if not middle.isascii() or not middle.isdigit() or len(middle) > 9:
                return None
            number = int(middle)
            right = 1 <= number <= self.n_images and self.image_file(number) == name
            return number if right else None
        if name == self.file:
            return 0
        if self.kind in ("eiger", "ssx-eiger"):
            found = re.fullmatch(re.escape(self.file[:-10]) + r"_data_(\d{6})\.h5", name, re.ASCII)
            if found and 1 <= int(found.group(1)) <= self.data_files:
                return (int(found.group(1)) - 1) * self.images_per_file + 1
        return None

    def thumbnail(self, file: str, image_number: int = 1) -> "Recipe":
        """The recipe of a small picture of one of its images."""
        return replace(self, kind="thumbnail", file=file, image_number=image_number)


def to_json(recipes: Iterator[Recipe] | list[Recipe]) -> str:
    """Recipes as JSON; fields at their default are left out."""
    usual = {field.name: field.default for field in fields(Recipe)}
    return json.dumps(
        [{key: value for key, value in asdict(recipe).items() if value != usual[key]} for recipe in recipes]
    )


def from_json(text: str) -> list[Recipe]:
    """The recipes of `to_json`. Raises ValueError for anything else."""
    try:
        entries: list[dict[str, Any]] = json.loads(text)
        return [Recipe(**entry) for entry in entries]
    except (TypeError, AttributeError) as problem:
        raise ValueError("not a list of recipes") from problem
