"""From a small picture of a slide to its tissue: the steps, in their order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from wsi_idc.tissue.artefacts import black, find_ink, without_blurred
from wsi_idc.tissue.bands import bands
from wsi_idc.tissue.colour import (
    FloatArray,
    glass_colour,
    optical_density,
    saturation,
    smoothed,
    stain_density,
)
from wsi_idc.tissue.morphology import (
    BoolArray,
    closed,
    grown,
    with_small_holes_filled,
    without_small,
)
from wsi_idc.tissue.settings import DEFAULT_TISSUE, TissueSettings
from wsi_idc.tissue.threshold import otsu_within

# Sigma over which the stain of fat is averaged: the radius of a large fat cell.
_FAT_UM = 50.0
# What the smoothing of colours carries over an edge of tissue is not fat.
_EDGE_SIGMAS = 2.0

# Ink on the margin of a specimen runs along its fat, whose own colour is weak: ink counts as
# tissue this near to it.
_INK_REACH_UM = 200.0


@dataclass(frozen=True, eq=False)
class Segmentation:
    """What is what in a picture.

    Attributes
    ----------
    tissue : bool [height, width].
    pen : bool [height, width], ink of pens, left out of the tissue.
    """

    tissue: BoolArray
    pen: BoolArray


def segment_tissue(
    pixels: NDArray[np.uint8], mpp: float, *, settings: TissueSettings = DEFAULT_TISSUE
) -> BoolArray:
    """Tell tissue from glass, pen and black borders: `segment` without the rest.

    Returns
    -------
    bool [height, width], True on tissue.
    """
    return segment(pixels, mpp, settings=settings).tissue


def segment(
    pixels: NDArray[np.uint8], mpp: float, *, settings: TissueSettings = DEFAULT_TISSUE
) -> Segmentation:
    """Tell tissue, glass, pens, black borders and debris apart in a picture.

    Parameters
    ----------
    pixels : uint8 RGB [height, width, 3].
    mpp : microns per pixel of the picture.
    settings : how tissue is told from glass.
    """
    if settings.method == "none":
        everything = np.ones(pixels.shape[:2], bool)
        return Segmentation(everything, ~everything)
    smooth = smoothed(pixels, settings.smoothing_um / mpp)
    glass = glass_colour(smooth)
    never = black(smooth, settings.darkest)
    measure = saturation(smooth, glass) if settings.method == "otsu" else None
    density = optical_density(smooth, glass, out=smooth)
    del smooth  # its memory holds the densities now
    ink = find_ink(density, mpp, settings)
    never |= ink.pen
    if measure is not None:
        lowest, highest = settings.lowest_saturation, settings.highest_saturation
    else:
        measure = stain_density(density)
        lowest, highest = settings.lowest_stain, settings.highest_stain
    darkness = density.mean(axis=0)
    del density
    tissue = ~never & (measure > otsu_within(measure[~never], lowest, highest))
    if ink.thin.any():
        tissue |= ink.thin & ~never & grown(tissue, _INK_REACH_UM / mpp)
    pixel_mm2 = mpp * mpp / 1e6
    # Specks go first: closing would join dust into pieces too large to drop.
    tissue = without_small(tissue, settings.smallest_piece_mm2 / pixel_mm2 / 4)
    if settings.method == "hed":
        tissue |= _fat_beside(tissue, measure, never, mpp, settings)
    tissue = closed(tissue, settings.joining_um / mpp)
    tissue = without_blurred(tissue, darkness, mpp, settings)
    tissue = with_small_holes_filled(tissue, settings.largest_hole_mm2 / pixel_mm2) & ~never
    return Segmentation(without_small(tissue, settings.smallest_piece_mm2 / pixel_mm2), ink.pen)


def _fat_beside(
    tissue: BoolArray, stain: FloatArray, never: BoolArray, mpp: float, settings: TissueSettings
) -> BoolArray:
    """Fields of fat that border on tissue, bool [height, width].

    The walls of fat cells are thinner than a pixel and their colour is faint, but there are
    many: averaged over a cell, without the tissue beside it, fat has a stain that glass has
    not. Blots of faint stain that border on no tissue are none.
    """
    free = ~(never | grown(tissue, _EDGE_SIGMAS * settings.smoothing_um / mpp))
    # The mean of stain over the free pixels around is above a limit where the sum of what they
    # have more than it is above 0.
    more = stain - np.float32(settings.fat_stain)
    more[~free] = 0
    ndimage.gaussian_filter(more, _FAT_UM / mpp, truncate=2.5, output=more)
    fat = free & (more > 0)
    del more
    # Neighbours of tissue lie across the edge that was left out.
    reach = grown(tissue, _FAT_UM / mpp + 1) & ~never
    pieces, count = ndimage.label(fat | reach, structure=np.ones((3, 3)))
    touching = np.zeros(count + 1, bool)
    for rows in bands(tissue.shape):
        touching[pieces[rows][tissue[rows]]] = True
    touching[0] = False
    return np.asarray(fat & touching[pieces])
