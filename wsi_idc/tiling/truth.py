"""Truth about tumour from a mask image that lies over a slide's bounds."""

from __future__ import annotations

from pathlib import Path

from wsi_idc.slides.info import Bounds
from wsi_idc.slides.mask_image import mask_from_image
from wsi_idc.slides.raster import SlideMask
from wsi_idc.tiling.labels import Truth
from wsi_idc.tissue import mask_digest


def truth_mask_from_image(
    path: Path, *, name: str, bounds: Bounds, mpp_x: float, mpp_y: float
) -> SlideMask:
    """Read a mask image as the truth about a slide: see `mask_from_image`.

    Raises
    ------
    SettingsError
        If the image cannot be the slide's truth.
    """
    return mask_from_image(path, name=name, bounds=bounds, mpp_x=mpp_x, mpp_y=mpp_y, what="tumour")


def truth_from_mask(mask: SlideMask) -> Truth:
    """What a mask says of each patch."""
    return Truth(mask, mask_digest(mask))
