"""The files of a recipe: some at once, the others when somebody first asks for them.

    plan([recipe, …], folder)      writes down what the folder could hold
    render(recipe, folder)         writes the master and the first `images_to_write` images
    ensure(recipe, folder, 17)     the file of image 17, made if it is absent
    make_missing(path)             the same from a path alone, by the plan in its folder

`make_missing` is what `Files(on_missing=...)` of the demo is given.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from data.demo import diffraction, micrographs, snapshots, writers
from data.demo.detectors import Detector, gaps
from data.demo.diffraction import Spots
from data.demo.recipe import Recipe, from_json, to_json
from data.images.formats.frame import Frame
from data.images.reduce import preview

PLAN = ".frames.json"
_making: dict[Path, Lock] = {}
_guard = Lock()


@dataclass(frozen=True, slots=True)
class Seen:
    """What a spot finder would report of an image: spots above 5σ, the d in Å that 95 % of them
    reach (None below ten spots), their counts together, and whether a crystal was in the beam."""

    spots: int
    resolution: float | None
    counts: float
    hit: bool


def plan(recipes: list[Recipe], directory: Path) -> None:
    """Write down the recipes of a folder, beside those that it has; one file name has one
    recipe."""
    directory.mkdir(parents=True, exist_ok=True)
    with _lock(directory):
        known = {recipe.file: recipe for recipe in _planned(directory)}
        known.update({recipe.file: recipe for recipe in recipes})
        with writers.whole(directory / PLAN) as name:
            name.write_text(to_json(list(known.values())), encoding="utf-8")


def render(recipe: Recipe, directory: Path) -> None:
    """Write the files that are there from the start."""
    if recipe.kind in ("eiger", "ssx-eiger"):
        _make(recipe, directory / recipe.file, 0)
    for image_number in range(1, min(recipe.images_to_write, recipe.n_images) + 1):
        ensure(recipe, directory, image_number)


def ensure(recipe: Recipe, directory: Path, image_number: int = 1) -> Path:
    """The file that holds an image (EIGER: its data file, with the master beside it), made if
    absent."""
    if recipe.kind in ("eiger", "ssx-eiger"):
        _make(recipe, directory / recipe.file, 0)
    path = directory / recipe.image_file(image_number)
    first = recipe.image_of(path.name)
    if first is None:
        raise ValueError(f"{recipe.file} has no image {image_number}")
    _make(recipe, path, first)
    return path


def make_missing(path: Path) -> bool:
    """Make an absent file that the plan of its folder knows; false where it knows none."""
    try:
        recipes = _planned(path.parent)
    except ValueError:
        return False
    for recipe in recipes:
        first = recipe.image_of(path.name)
        if first is not None:
            _make(recipe, path, first)
            return True
    return False


def prune(root: Path, limit: int) -> int:
    """Delete the frames longest unread that a plan can make again, until the folder holds `limit`
    bytes.

    Returns the bytes freed.
    """
    found: list[tuple[float, int, Path]] = []
    total = 0
    for folder, _, names in os.walk(root):
        planned = _planned(Path(folder)) if PLAN in names else []
        for name in names:
            path = Path(folder, name)
            try:
                status = path.stat()
            except OSError:
                continue
            total += status.st_size
            if any(recipe.image_of(name) is not None for recipe in planned):
                found.append((max(status.st_atime, status.st_mtime), status.st_size, path))
    freed = 0
    for _, size, path in sorted(found):
        if total - freed <= limit:
            break
        path.unlink(missing_ok=True)
        freed += size
    return freed


def spots(recipe: Recipe, image_number: int) -> list[Spots]:
    """The reflections of an image, one entry per lattice; none on a blank."""
    crystal = recipe.crystal
    if crystal is None:
        return []
    setting = recipe.setting
    if not recipe.still:
        start = recipe.start_deg + (image_number - 1) * recipe.increment_deg
        return [diffraction.rotation_spots(crystal, setting, start, recipe.increment_deg)]
    draw = np.random.default_rng([recipe.seed, image_number, 3])
    if recipe.lattices:
        lattices = int(recipe.lattices[image_number - 1])
    else:
        lattices = 1 + int(draw.random() < 0.12) if draw.random() < recipe.hit_rate else 0
    found = []
    for lattice in range(lattices):
        some = diffraction.still_spots(crystal, setting, (recipe.seed, image_number, lattice))
        size = float(np.exp(draw.normal(-0.3, 0.6)))
        found.append(Spots(some.hkl, some.x, some.y, some.counts * size))
    return found


def seen(recipe: Recipe, image_number: int) -> Seen:
    """What a spot finder would say of an image, from the reflections and without drawing it."""
    setting = recipe.setting
    found = spots(recipe, image_number)
    noise = 5 * np.sqrt(12 * max(setting.level, 0.1))
    pixel = setting.detector.pixel_mm
    strong = 0
    reaches: list[NDArray[np.float64]] = []
    counts = 0.0
    for some in found:
        keep = (some.counts > max(8.0, noise)) & _visible(setting.detector, some)
        strong += int(keep.sum())
        counts += float(some.counts[keep].sum())
        radius = np.hypot(some.x[keep] - setting.beam_x, some.y[keep] - setting.beam_y) * pixel
        angle = np.arctan2(radius, setting.distance)
        reaches.append(setting.wavelength / (2 * np.sin(np.maximum(angle, 1e-6) / 2)))
    d = np.concatenate(reaches) if reaches else np.empty(0)
    limit = float(np.quantile(d, 0.05)) if strong >= 10 else None
    return Seen(strong, limit, counts, strong >= 15)


def _visible(detector: Detector, some: Spots) -> NDArray[np.bool_]:
    """(n,): whether a reflection lands on a module."""
    column, row = np.floor(some.x).astype(np.intp), np.floor(some.y).astype(np.intp)
    on = (column >= 0) & (row >= 0) & (column < detector.width) & (row < detector.height)
    on[on] = ~gaps(detector)[row[on], column[on]]
    return np.asarray(on)


def frame(recipe: Recipe, image_number: int) -> Frame:
    """An image of a recipe as it will be read back, without a file."""
    counts, between, broken = _exposed(recipe, image_number)
    return Frame(counts, between | broken)


def _exposed(recipe: Recipe, image_number: int) -> tuple[NDArray[np.uint32], NDArray[np.bool_], NDArray[np.bool_]]:
    return diffraction.frame(recipe.setting, spots(recipe, image_number), (recipe.seed, image_number))


def _make(recipe: Recipe, path: Path, first: int) -> None:
    """Write one file, once, however many ask for it; the first image in it tells which."""
    with _lock(path):
        if path.exists():
            return
        if recipe.kind == "pilatus":
            writers.write_cbf(path, recipe, first, *_exposed(recipe, first))
        elif recipe.kind in ("eiger", "ssx-eiger") and first == 0:
            writers.write_eiger_master(path, recipe)
        elif recipe.kind in ("eiger", "ssx-eiger"):
            count = min(recipe.images_per_file, recipe.n_images - first + 1)
            writers.write_eiger_data(path, recipe, first, _counts(recipe, first, count), count)
        else:
            with writers.whole(path) as name:
                name.write_bytes(_picture(recipe))


def _counts(recipe: Recipe, first: int, count: int) -> Iterator[NDArray[np.uint32]]:
    for image_number in range(first, first + count):
        yield _exposed(recipe, image_number)[0]


def _picture(recipe: Recipe) -> bytes:
    if recipe.kind == "snapshot":
        return snapshots.snapshot(recipe.seed, recipe.angle_deg, recipe.crystal_um)
    if recipe.kind == "micrograph":
        return micrographs.micrograph(recipe.seed, recipe.defocus_um, recipe.pixel_size_A, recipe.voltage_kV)
    if recipe.kind == "power-spectrum":
        return micrographs.power_spectrum(
            recipe.seed,
            recipe.defocus_um,
            recipe.astigmatism_um,
            recipe.pixel_size_A,
            recipe.voltage_kV,
        )
    return snapshots.labelled(preview(frame(recipe, recipe.image_number), 400, "png"))


def _planned(directory: Path) -> list[Recipe]:
    try:
        return from_json((directory / PLAN).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []


def _lock(path: Path) -> Lock:
    with _guard:
        if len(_making) > 4096:  # only locks that nobody holds may go
            for key in [key for key, lock in _making.items() if not lock.locked()]:
                del _making[key]
        return _making.setdefault(path, Lock())
