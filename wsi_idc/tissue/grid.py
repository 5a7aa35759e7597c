"""How fine a mask is: its pixels follow from the slide and from the patches it will select."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsi_idc.slides.levels import pixels_across
from wsi_idc.slides.mask_image import placement_over
from wsi_idc.slides.raster import Placement

if TYPE_CHECKING:
    from wsi_idc.slides.info import SlideInfo

# Fine enough to see a 50 µm strand of tissue, coarse enough that a whole section is a picture
# of some 1,500 x 3,000 pixels.
_COARSEST_MPP = 16.0
# A patch must span this many mask pixels for its tissue fraction to mean something.
_PIXELS_PER_PATCH = 8

LONGEST_SIDE_PX = 4000
"""Bounds the memory of a mask, whatever the slide and the patch: 16 million pixels at most."""


def mask_mpp(info: SlideInfo, patch_um: float) -> float:
    """Microns per pixel of a slide's mask for patches of a side in microns."""
    mpp = max(min(_COARSEST_MPP, patch_um / _PIXELS_PER_PATCH), info.mpp)
    return max(mpp, max(info.width_mm, info.height_mm) * 1000 / LONGEST_SIDE_PX)


def mask_frame(info: SlideInfo, patch_um: float) -> tuple[Placement, tuple[int, int]]:
    """Where a mask lies that covers exactly a slide's bounds, and its rows and columns."""
    mpp = mask_mpp(info, patch_um)
    bounds = info.bounds
    width = pixels_across(bounds.width * info.mpp_x, mpp)
    height = pixels_across(bounds.height * info.mpp_y, mpp)
    return placement_over(bounds, width, height, info.mpp_x, info.mpp_y), (height, width)
