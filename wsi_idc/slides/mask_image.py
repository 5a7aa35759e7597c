"""Masks from images that lie over a slide's bounds: truth about tumour, or tissue."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wsi_idc.errors import SettingsError, reason
from wsi_idc.slides.info import Bounds
from wsi_idc.slides.pictures import PictureError, PictureTooLargeError, opened_picture
from wsi_idc.slides.raster import Placement, SlideMask

_TRUE_FROM = 128
# A whole slide of 5 x 4 cm in masks of 4 µm a pixel has 125 million.
_MOST_PIXELS = 200_000_000
# A mask made for another slide seldom has the same shape; one made for this slide at another
# µm/px differs by the rounding of its size.
_ASPECT_TOLERANCE = 0.01


def mask_from_image(
    path: Path, *, name: str, bounds: Bounds, mpp_x: float, mpp_y: float, what: str
) -> SlideMask:
    """Read a mask image.

    Parameters
    ----------
    path : an image (PNG, TIFF, ...) that covers the slide's whole bounds, at any size of the
        same aspect ratio, in pixels or in microns; grey values of 128 and more are True.
    name : the slide's, for messages.
    bounds : of the slide, level-0 pixels.
    mpp_x, mpp_y : microns per level-0 pixel.
    what : what is True in it, such as `tumour`, for messages.

    Raises
    ------
    SettingsError
        If the file is no image, has another aspect ratio (by more than 1 % and more than a
        pixel), or holds labels such as 0 and 1 in place of black and white.
    """
    grey = _read_grey(path)
    height, width = grey.shape
    expected_height = width * bounds.height / bounds.width
    # Of a slide whose pixels are not square, masks come in its pixels' shape or in microns'.
    heights = expected_height, expected_height * mpp_y / mpp_x
    if all(abs(height - h) > max(1.0, _ASPECT_TOLERANCE * h) for h in heights):
        raise SettingsError(
            f"{path} is {width}x{height} px, but a mask of {name} as wide as that is "
            f"{expected_height:.0f} px high; give a mask that covers the whole slide "
            f"({bounds.width}x{bounds.height} px, or smaller in the same proportion)"
        )
    brightest = int(grey.max())
    if 0 < brightest < _TRUE_FROM:
        raise SettingsError(
            f"{path} holds values up to {brightest} only, and {what} is {_TRUE_FROM} and more; "
            "save it as black (0) and white (255)"
        )
    placement = placement_over(bounds, width, height, mpp_x, mpp_y)
    return SlideMask(grey >= _TRUE_FROM, placement)


def placement_over(
    bounds: Bounds, width: int, height: int, mpp_x: float, mpp_y: float
) -> Placement:
    """Where a raster of `width` by `height` pixels lies that covers exactly the bounds."""
    return Placement(
        origin_x=float(bounds.x),
        origin_y=float(bounds.y),
        pixel_width=bounds.width / width,
        pixel_height=bounds.height / height,
        mpp_x=mpp_x,
        mpp_y=mpp_y,
    )


def _read_grey(path: Path) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    try:
        with opened_picture(path, _MOST_PIXELS) as image:
            return np.asarray(image.convert("L"))
    except FileNotFoundError as error:
        raise SettingsError(f"there is no mask image {path}; check the path") from error
    except PictureTooLargeError as error:
        raise SettingsError(
            f"{path} is too large for a mask ({error}); save it smaller, a pixel of 4 to 16 µm "
            "is fine enough"
        ) from error
    except (PictureError, OSError) as error:
        raise SettingsError(
            f"{path} cannot be read as an image ({reason(error)}); give a PNG or TIFF mask"
        ) from error
