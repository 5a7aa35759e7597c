"""The tissue of a slide: found in a small picture of it, or given by the user."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from wsi_idc.slides.overview import read_overview
from wsi_idc.slides.raster import Placement, SlideMask
from wsi_idc.tissue.given import read_given
from wsi_idc.tissue.grid import LONGEST_SIDE_PX, mask_frame, mask_mpp
from wsi_idc.tissue.morphology import BoolArray
from wsi_idc.tissue.segment import segment
from wsi_idc.tissue.settings import DEFAULT_TISSUE, TissueSettings

if TYPE_CHECKING:
    from wsi_idc.slides import Slide
    from wsi_idc.slides.info import SlideInfo

# Below this a slide has a handful of patches; it is said aloud.
_LITTLE_TISSUE_MM2 = 1.0
_MOST_OF_A_SLIDE = 0.95
_LEAST_PEN_MM2 = 0.05
# Tissue is looked for in no finer picture: smoothed by 12 µm, a finer one shows nothing more.
_FINEST_SEEN_MPP = 4.0


@dataclass(frozen=True, eq=False)
class Tissue:
    """The tissue of a slide.

    Attributes
    ----------
    mask : over exactly the slide's bounds.
    pen_mm2 : area of the pens' ink that was left out.
    warnings : what a user should know of the mask.
    """

    mask: SlideMask
    pen_mm2: float
    warnings: tuple[str, ...]


def find_tissue(
    slide: Slide,
    patch_um: float,
    settings: TissueSettings = DEFAULT_TISSUE,
    given: SlideMask | Path | None = None,
    *,
    patch_mpp: float | None = None,
) -> Tissue:
    """Find the tissue on a slide, or take it from a mask.

    Parameters
    ----------
    slide : an open slide.
    patch_um : side, in microns, of the patches that the mask will select; smaller patches
        get a finer mask, down to the slide's own pixels, at most 4,000 px a side. It is found in
        a picture of at least 4 µm/px.
    settings : how tissue is told from glass; not used where a mask is given.
    given : a mask, or its file: see `wsi_idc.tissue.given.read_given`.
    patch_mpp : the µm/px at which the patches are going to be read; where they come from the
        level that shows the tissue, `slide.overview` then holds them.

    Raises
    ------
    SlideReadError
        If the slide cannot be read.
    SettingsError
        If the mask's file cannot be used.
    """
    info = slide.info
    if given is not None:
        mask = read_given(given, info, patch_um) if isinstance(given, Path) else given
        return Tissue(mask, 0.0, _warnings(info, mask, 0.0, expected_full=False))
    at, shape = mask_frame(info, patch_um)
    if settings.method == "none":
        mask = SlideMask(np.ones(shape, bool), at)
        return Tissue(mask, 0.0, _warnings(info, mask, 0.0, expected_full=True))
    detail_mpp = max(mask_mpp(info, patch_um), _FINEST_SEEN_MPP)
    if patch_mpp is not None:
        read_overview(slide, patch_mpp, detail_mpp, margin=math.ceil(patch_um / patch_mpp))
    picture = slide.picture(detail_mpp, max_side=LONGEST_SIDE_PX)
    seen = picture.placement
    mpp = (seen.pixel_width_um + seen.pixel_height_um) / 2
    found = segment(picture.pixels, mpp, settings=settings)
    mask = _over_bounds(found.tissue, seen, at, shape)
    pen_mm2 = float(np.count_nonzero(found.pen)) * seen.pixel_area_mm2
    return Tissue(mask, pen_mm2, _warnings(info, mask, pen_mm2, expected_full=False))


def tissue_mask(
    slide: Slide, patch_um: float, settings: TissueSettings = DEFAULT_TISSUE
) -> SlideMask:
    """Find the tissue on a slide: the mask of `find_tissue` alone."""
    return find_tissue(slide, patch_um, settings).mask


def _over_bounds(
    values: BoolArray, seen: Placement, at: Placement, shape: tuple[int, int]
) -> SlideMask:
    """A mask over exactly the slide's bounds, where the picture's last pixels hang over.

    So a mask that is written as an image, which cannot say where it lies, reads back as the
    same mask. Where its pixels are as large as the picture's, nothing moves by more than half
    of one.
    """
    height, width = shape
    columns = np.floor((np.arange(width) + 0.5) * (at.pixel_width / seen.pixel_width))
    rows = np.floor((np.arange(height) + 0.5) * (at.pixel_height / seen.pixel_height))
    return SlideMask(values[rows.astype(np.int64)][:, columns.astype(np.int64)], at)


def _warnings(
    info: SlideInfo, mask: SlideMask, pen_mm2: float, *, expected_full: bool
) -> tuple[str, ...]:
    warnings = []
    if pen_mm2 >= _LEAST_PEN_MM2:
        warnings.append(f"{pen_mm2:.1f} mm² of pen ink were left out of the tissue")
    area_mm2 = mask.area_mm2
    if area_mm2 < _LITTLE_TISSUE_MM2:
        warnings.append(f"the slide has only {area_mm2:.2f} mm² of tissue")
    share = area_mm2 / (info.width_mm * info.height_mm)
    if share > _MOST_OF_A_SLIDE and not expected_full:
        warnings.append(
            f"the tissue mask covers {share:.0%} of the slide: a cut that is full of tissue, or "
            "glass was taken for tissue; look at the mask, give another with --tissue-mask"
        )
    return tuple(warnings)
