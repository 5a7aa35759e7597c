"""What is coloured or dark and no tissue: ink of pens, black borders, debris out of focus.

The limits of ink were chosen on 18,158 of the public IDC patches (training and validation
patients): of their pixels of some density, blood included, fewer than one in a hundred lie
beyond the limit of blue and green, and most of these are ink; fewer than one in a thousand
beyond that of red.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from wsi_idc.tissue.bands import bands
from wsi_idc.tissue.colour import FloatArray
from wsi_idc.tissue.morphology import BoolArray, areas, grown, opened
from wsi_idc.tissue.settings import TissueSettings

# Haematoxylin and eosin both take away more green than red. Ink that is blue or green does
# not: red density less green density, as a part of all.
_BLUE_GREEN = 0.03
# Eosin and blood let a part of the red pass less than red ink does, and more of the blue.
_RED_OVER_GREEN = 0.07
_BLUE_OVER_GREEN = 0.72
# On tissue it lets as little pass as blood does; that far from where it is told for sure.
_BLOOD_RED_OVER_GREEN = 0.25
_RED_REACH = 10.0
# Black ink takes away all colours alike, and much of them.
_BLACK_EVENNESS = 0.72
# Mean optical density from which on ink is judged; black needs more, since shadows are grey.
_LEAST_DENSITY = 0.12
_RED_DENSITY = 0.35
_BLACK_DENSITY = 0.7
# How far from a stroke's core its paler margin is looked for, as a part of a pen's width.
_MARGIN = 0.5
_NO_PINK = 0.02

# A sharp edge of tissue rises within a few pixels; debris on the cover slip, a tenth of a
# millimetre or more above the section, rises over this distance.
_BLUR_UM = 150.0


@dataclass(frozen=True, eq=False)
class Ink:
    """Where ink is, each bool [height, width].

    Attributes
    ----------
    pen : strokes of pens, with their pale margins.
    thin : what has the colour of ink and is too thin for a pen: the margin of a specimen is
        painted before it is cut, so this ink lies on tissue.
    """

    pen: BoolArray
    thin: BoolArray


def find_ink(density: FloatArray, mpp: float, settings: TissueSettings) -> Ink:
    """Find ink by its colour, and pens by the width of their strokes.

    Parameters
    ----------
    density : optical densities in red, green and blue, float32 [3, height, width].
    mpp : microns per pixel.
    settings : gives the least width of a pen's stroke.
    """
    ink = np.empty(density.shape[1:], bool)
    for rows in bands(ink.shape):
        ink[rows] = _has_colour_of_ink(density[:, rows])
    if settings.pen_width_um == 0 or not ink.any():
        return Ink(np.zeros_like(ink), ink)
    core = opened(ink, settings.pen_width_um / 2 / mpp)
    ink |= _red_over_tissue(density, core, mpp, settings)
    core = opened(ink, settings.pen_width_um / 2 / mpp)
    # A stroke's margin is paler, so not every limit above is met there; but it has no pink.
    red, green, _ = density
    margin = (red >= green - _NO_PINK) | ink
    pen = core | (margin & grown(core, _MARGIN * settings.pen_width_um / mpp))
    return Ink(pen, ink & ~pen)


def _has_colour_of_ink(density: FloatArray) -> BoolArray:
    """Whether each pixel's colour is one that no stain has, bool [height, width]."""
    red, green, blue = density
    total = red + green + blue
    ink = (red - green > _BLUE_GREEN * total) & (total > 3 * _LEAST_DENSITY)
    ink |= (
        (red < _RED_OVER_GREEN * green)
        & (blue > _BLUE_OVER_GREEN * green)
        & (total > 3 * _RED_DENSITY)
    )
    least = np.minimum(np.minimum(red, green), blue)
    most = np.maximum(np.maximum(red, green), blue)
    ink |= (least > _BLACK_EVENNESS * most) & (total > 3 * _BLACK_DENSITY)
    return np.asarray(ink)


def _red_over_tissue(
    density: FloatArray, core: BoolArray, mpp: float, settings: TissueSettings
) -> BoolArray:
    """Red ink on tissue, where it has the colour of blood: what goes on from ink on glass."""
    red, green, blue = density
    core = core & (red < _RED_OVER_GREEN * green)
    if not core.any():
        return core
    like_blood = (
        (red < _BLOOD_RED_OVER_GREEN * green)
        & (blue > _BLUE_OVER_GREEN * green)
        & (red + green + blue > 3 * _RED_DENSITY)
    )
    near = grown(core, _RED_REACH * settings.pen_width_um / mpp)
    return np.asarray(ndimage.binary_propagation(core, mask=core | (like_blood & near)))


def black(smooth: FloatArray, darkest: int) -> BoolArray:
    """A scanner's black border, bool [height, width]."""
    return np.asarray(smooth.max(axis=0) < darkest)


def without_blurred(
    tissue: BoolArray, density: FloatArray, mpp: float, settings: TissueSettings
) -> BoolArray:
    """The mask without its pieces that have no sharp edge anywhere.

    Parameters
    ----------
    tissue : bool [height, width].
    density : mean optical density, float32 [height, width].
    mpp : microns per pixel.
    settings : gives the largest area of such a piece; larger ones are never left out.
    """
    pieces, count = ndimage.label(tissue, structure=np.ones((3, 3)))
    largest_px = settings.largest_blur_mm2 * 1e6 / (mpp * mpp)
    small = areas(pieces, count) <= largest_px
    blurred = np.zeros(count + 1, bool)
    for index, box in enumerate(ndimage.find_objects(pieces), start=1):
        if small[index]:
            blurred[index] = _is_blurred(pieces, density, index, box, mpp)
    return np.asarray(tissue & ~blurred[pieces])


def _is_blurred(
    pieces: np.ndarray[tuple[int, int], np.dtype[np.int32]],
    density: FloatArray,
    index: int,
    box: tuple[slice, slice],
    mpp: float,
) -> bool:
    """Whether the steepest rise in a piece would take `_BLUR_UM` and more to its darkest."""
    around = tuple(slice(max(0, side.start - 2), side.stop + 2) for side in box)
    part = density[around]
    if min(part.shape) < 3:
        return False
    inside = grown(np.asarray(pieces[around] == index), 1.5)
    slope_y, slope_x = np.gradient(part, mpp)
    steepest = float(np.quantile(np.hypot(slope_x, slope_y)[inside], 0.98))
    height = float(np.quantile(part[inside], 0.98) - part.min())
    return steepest * _BLUR_UM < height
