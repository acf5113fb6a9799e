"""Two collections that the tests of the demo's images share."""

from dataclasses import replace
from pathlib import Path

from data.demo.recipe import Recipe
from data.demo.render import ensure
from data.images.formats import Frame, open_frames

# A strong crystal of insulin: cubic, body-centred, every second reflection absent.
INSULIN = Recipe(
    kind="pilatus", file="ins_1_####.cbf", seed=5, detector="pilatus-2m", wavelength_A=0.9763,
    distance_mm=180.0, start_deg=17.3, increment_deg=0.5, n_images=360, exposure_s=0.05, flux=4e11,
    cell=(78.9, 78.9, 78.9, 90, 90, 90), space_group="I 21 3", orientation_seed=8,
    resolution_limit_A=1.5,
)  # fmt: skip
LYSOZYME = replace(
    INSULIN, kind="eiger", file="lyso_1_master.h5", detector="eiger2-4m", space_group="P43212",
    cell=(78.1, 78.1, 37.2, 90, 90, 90), images_per_file=2, n_images=5, exposure_s=0.02, flux=1e12,
)  # fmt: skip
IMAGE = 4


def written(recipe: Recipe, folder: Path, image_number: int) -> Frame:
    """An image through the file and our reader."""
    path = ensure(recipe, folder, image_number)
    index = (image_number - 1) % recipe.images_per_file if recipe.kind != "pilatus" else 0
    with open_frames(path) as frames:
        return frames.read(index)
