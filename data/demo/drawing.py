"""From what a collection shows to the recipe of its files, image by image."""

from dataclasses import replace

import numpy as np

from data.demo.beamlines import BY_NAME
from data.demo.plan import Shown
from data.demo.quality import Series, reach
from data.demo.recipe import Recipe


def recipe_of(shown: Shown, name: str) -> Recipe:
    """The recipe of a collection's files; ``name`` is the stem without folder, such as ``Lys-11_2``."""
    line = BY_NAME[shown.beamline]
    pilatus = line.suffix == "cbf"
    return Recipe(
        kind="pilatus" if pilatus else "ssx-eiger" if line.technique == "ssx" else "eiger",
        file=f"{name}_####.cbf" if pilatus else f"{name}_master.h5",
        seed=shown.seed,
        detector=line.camera.key,
        wavelength_A=shown.wavelength,
        distance_mm=shown.distance,
        beam_x_px=line.beam[0],
        beam_y_px=line.beam[1],
        start_deg=shown.start,
        increment_deg=shown.width,
        n_images=shown.images,
        images_to_write=0,
        images_per_file=1 if line.camera.width > 4000 or shown.images < 10 else 2,
        exposure_s=shown.exposure,
        flux=shown.flux,
        cell=shown.cell,
        space_group=shown.space_group,
        orientation_seed=shown.crystal,
        ice=shown.ice,
        resolution_limit_A=shown.best,
        still=shown.still,
        hit_rate=shown.hit_rate,
        when=shown.when,
        beamline=shown.beamline,
    )


def at_image(recipe: Recipe, shown: Shown, image: int) -> Recipe:
    """The recipe with the crystal as it is at one image: weaker, or gone.

    The same strength that the per-image numbers are made from.
    """
    if shown.fate == "serial" or image < 1:
        return recipe
    series = Series(
        shown.seed, shown.fate, shown.images, shown.best, degrees=shown.degrees, shape=shown.shape, peak=shown.peak
    )
    # A characterisation leaps from image to image; the recipe itself only knows steps of one width.
    leap = (image - 1) * (shown.degrees - shown.width) if shown.degrees > shown.width else 0.0
    recipe = replace(recipe, start_deg=round(shown.start + leap, 4))
    strength = series.strength()[image - 1]
    if strength <= 0:
        return replace(recipe, cell=None)
    limit = float(reach(shown.best, np.array([strength]))[0])
    return replace(recipe, resolution_limit_A=round(limit, 3), hit_rate=1.0)
