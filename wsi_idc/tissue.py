"""Where the tissue is: a mask of a slide from a small picture of it.

Stained tissue is coloured and glass is not, so the mask is a threshold on colour saturation,
found by Otsu's method [1]_ and held within a range that is known to make sense. Everything is
set in microns, so that the mask does not depend on the size of the picture.

References
----------
.. [1] N. Otsu, "A threshold selection method from gray-level histograms", IEEE Transactions
   on Systems, Man, and Cybernetics 9(1):62-66, 1979.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from wsi_idc.errors import SettingsError
from wsi_idc.slides.raster import SlideMask

if TYPE_CHECKING:
    from wsi_idc.slides import Slide

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float32]

# Fine enough to see a 50 µm strand of tissue, coarse enough that a whole section is a picture
# of some 1,500 x 3,000 pixels.
_COARSEST_MPP = 16.0
# A patch must span this many mask pixels for its tissue fraction to mean something.
_PIXELS_PER_PATCH = 8
# Bounds the memory of a mask, whatever the slide and the patch: 16 million pixels at most.
_LONGEST_SIDE_PX = 4000


@dataclass(frozen=True)
class TissueSettings:
    """How tissue is told from glass.

    Attributes
    ----------
    smoothing_um : sigma of the Gaussian that the picture is smoothed with. A nucleus or so:
        it takes the colour noise off empty glass and leaves strands of stroma standing.
    lowest_saturation, highest_saturation : the range that the threshold is held in, 0 to 1.
        Tinted glass stays under 0.05; pale stroma and the walls of fat cells begin at about
        0.08. Without the lower end an empty slide is split into noise and noise; without
        the upper one a picture full of tissue is split into pale and dark tissue.
    darkest : pixels whose brightest channel is below this (0 to 255) are a scanner's black
        border; the densest nuclei, smoothed, stay well above it.
    green_excess : pixels whose green exceeds their red by this much (0 to 255) are ink of a
        pen. Haematoxylin and eosin both take away green first; in the public IDC patches
        fewer than one pixel in 1,000 is that green.
    joining_um : gaps up to about twice this wide are closed. Fat cells are 40 to 110 µm
        across and only their walls have colour.
    largest_hole_mm2 : holes up to this area count as tissue (fat, ducts, lumina), as in the
        public IDC patches, which hold whole fields of fat; larger ones are glass.
    smallest_piece_mm2 : pieces below this area are dropped (dust, floating cells). An eighth
        of a 400 µm patch; the tip of a needle core is far larger.
    """

    smoothing_um: float = 12.0
    lowest_saturation: float = 0.05
    highest_saturation: float = 0.08
    darkest: int = 40
    green_excess: int = 25
    joining_um: float = 50.0
    largest_hole_mm2: float = 1.0
    smallest_piece_mm2: float = 0.02

    def __post_init__(self) -> None:
        """Refuse settings that no mask can come of."""
        if not 0 <= self.lowest_saturation <= self.highest_saturation <= 1:
            raise SettingsError(
                "the saturation range of the tissue mask must lie within 0 to 1, lowest first, "
                f"not {self.lowest_saturation} to {self.highest_saturation}"
            )
        for name in ("smoothing_um", "joining_um", "largest_hole_mm2", "smallest_piece_mm2"):
            if not getattr(self, name) >= 0:
                raise SettingsError(f"{name} of the tissue mask must not be negative")


DEFAULT_TISSUE = TissueSettings()


def tissue_mask(
    slide: Slide, patch_um: float, settings: TissueSettings = DEFAULT_TISSUE
) -> SlideMask:
    """Find the tissue on a slide.

    Parameters
    ----------
    slide : an open slide.
    patch_um : side, in microns, of the patches that the mask will select; smaller patches
        get a finer mask, down to the slide's own pixels, at most 4,000 px a side.
    settings : how tissue is told from glass.

    Returns
    -------
    The mask over the slide's whole bounds.

    Raises
    ------
    SlideReadError
        If the slide cannot be read.
    """
    mpp = max(min(_COARSEST_MPP, patch_um / _PIXELS_PER_PATCH), slide.info.mpp)
    picture = slide.picture(mpp, max_side=_LONGEST_SIDE_PX)
    at = picture.placement
    mpp_read = (at.pixel_width_um + at.pixel_height_um) / 2
    return SlideMask(segment_tissue(picture.pixels, mpp_read, settings=settings), at)


def segment_tissue(
    pixels: NDArray[np.uint8], mpp: float, *, settings: TissueSettings = DEFAULT_TISSUE
) -> BoolArray:
    """Tell tissue from glass, pen and black borders in a picture.

    Parameters
    ----------
    pixels : uint8 RGB [height, width, 3].
    mpp : microns per pixel of the picture.
    settings : how tissue is told from glass.

    Returns
    -------
    bool [height, width], True on tissue.
    """
    saturation, candidate = _saturation(pixels, settings.smoothing_um / mpp, settings)
    tissue = candidate & (saturation > _threshold(saturation[candidate], settings))
    if not tissue.any():
        return tissue
    pixel_mm2 = mpp * mpp / 1e6
    # Specks go first: closing would join dust into pieces too large to drop.
    tissue = _without_small(tissue, settings.smallest_piece_mm2 / pixel_mm2 / 4)
    tissue = _closed(tissue, settings.joining_um / mpp)
    tissue = ~_without_small_holes(~tissue, settings.largest_hole_mm2 / pixel_mm2)
    return _without_small(tissue, settings.smallest_piece_mm2 / pixel_mm2)


def _saturation(
    pixels: NDArray[np.uint8], sigma_px: float, settings: TissueSettings
) -> tuple[FloatArray, BoolArray]:
    """Saturation of the smoothed picture, and which pixels can be tissue at all.

    The colours are smoothed and not the saturation: noise about grey has a saturation above
    zero, but its mean colour has none.
    """
    red, green, blue = (
        ndimage.gaussian_filter(
            pixels[..., channel], sigma_px, output=np.float32, mode="nearest", truncate=3.0
        )
        for channel in range(3)
    )
    brightest = np.maximum(np.maximum(red, green), blue)
    darkest = np.minimum(np.minimum(red, green), blue)
    candidate = (brightest >= settings.darkest) & (green - red < settings.green_excess)
    # In the dark a difference of one grey level is a large saturation: the floor tames it.
    saturation = (brightest - darkest) / np.maximum(brightest, np.float32(settings.darkest))
    return saturation, candidate


def _threshold(saturation: FloatArray, settings: TissueSettings) -> float:
    """Otsu's threshold, held within the range that makes sense for stained tissue."""
    lowest, highest = settings.lowest_saturation, settings.highest_saturation
    if saturation.size == 0:
        return highest
    counts, edges = np.histogram(saturation, bins=256, range=(0.0, 1.0))
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sum_below = np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = sum_below / below - (sum_below[-1] - sum_below) / above
    between_classes = np.nan_to_num(below * above * difference**2)
    return float(np.clip(edges[1 + int(np.argmax(between_classes))], lowest, highest))


def _closed(mask: BoolArray, radius_px: float) -> BoolArray:
    """Morphological closing by a disk, by distances: its cost does not grow with the disk."""
    if radius_px < 1 or mask.all():
        return mask
    grown = ndimage.distance_transform_edt(~mask) <= radius_px
    if grown.all():
        return np.ones_like(mask)
    return np.asarray(ndimage.distance_transform_edt(grown) > radius_px)


def _without_small(mask: BoolArray, smallest_px: float) -> BoolArray:
    """The mask without its 8-connected pieces below an area in pixels."""
    pieces, _ = ndimage.label(mask, structure=np.ones((3, 3)))
    large = np.bincount(pieces.ravel()) >= smallest_px
    large[0] = False
    return np.asarray(large[pieces])


def _without_small_holes(glass: BoolArray, largest_px: float) -> BoolArray:
    """The glass without its enclosed pieces up to an area in pixels.

    Pieces at the picture's edge are kept whatever their area: they may go on outside it.
    """
    pieces, count = ndimage.label(glass)
    keep = np.bincount(pieces.ravel(), minlength=count + 1) > largest_px
    for edge in (pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]):
        keep[edge] = True
    keep[0] = False
    return np.asarray(keep[pieces])
