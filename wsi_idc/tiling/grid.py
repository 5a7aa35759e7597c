"""The patch grid: which square of a slide each patch is. Pure geometry, no files.

Three frames meet here and nowhere else:

- *level-0 pixels* of the slide, floats, (0, 0) at the top-left corner of level 0;
- *target pixels*: pixels of the reduced slide at the asked µm/px, whose (0, 0) is the
  top-left corner of the slide's bounds;
- *grid cells*: column and row of a patch, stride by stride.

A patch at column c starts at target pixel c * stride exactly, and its level-0 position is
computed from that by one multiplication. Nothing is rounded and summed up, so the grid does
not drift across a slide.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsi_idc.errors import SettingsError
from wsi_idc.slides.info import SlideInfo

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class PatchGrid:
    """A regular grid of square patches over the bounds of a slide.

    Attributes
    ----------
    origin_x, origin_y : level-0 pixels of the grid's top-left corner (the bounds' corner).
    scale_x, scale_y : level-0 pixels per target pixel.
    patch_size : side of a patch, target pixels.
    stride : step from patch to patch, target pixels.
    mpp : microns per target pixel.
    columns, rows : number of patches in each direction; the last ones may hang over the
        edge of the bounds, where they are filled with the slide's background.
    """

    origin_x: float
    origin_y: float
    scale_x: float
    scale_y: float
    patch_size: int
    stride: int
    mpp: float
    columns: int
    rows: int

    @property
    def patch_width_level0(self) -> float:
        """Width of a patch in level-0 pixels."""
        return self.patch_size * self.scale_x

    @property
    def patch_height_level0(self) -> float:
        """Height of a patch in level-0 pixels."""
        return self.patch_size * self.scale_y

    def level0_x(self, column: IntArray) -> FloatArray:
        """Left edges, in level-0 pixels, of the patches in these columns."""
        left: FloatArray = self.origin_x + column * np.float64(self.stride * self.scale_x)
        return left

    def level0_y(self, row: IntArray) -> FloatArray:
        """Top edges, in level-0 pixels, of the patches in these rows."""
        top: FloatArray = self.origin_y + row * np.float64(self.stride * self.scale_y)
        return top


def check_sizes(patch_size: int, stride: int) -> None:
    """Refuse a patch size or stride that is not positive.

    Raises
    ------
    SettingsError
        If one is below 1.
    """
    if patch_size < 1 or stride < 1:
        raise SettingsError(
            f"patch size and stride must be at least 1 pixel, not {patch_size} and {stride}"
        )


def make_grid(info: SlideInfo, mpp: float, patch_size: int, stride: int) -> PatchGrid:
    """Lay a patch grid over the bounds of a slide.

    Parameters
    ----------
    info : the slide.
    mpp : microns per target pixel.
    patch_size, stride : target pixels, at least 1.

    Raises
    ------
    SettingsError
        If a size is not positive.
    """
    check_sizes(patch_size, stride)
    bounds = info.bounds
    return PatchGrid(
        origin_x=float(bounds.x),
        origin_y=float(bounds.y),
        scale_x=mpp / info.mpp_x,
        scale_y=mpp / info.mpp_y,
        patch_size=patch_size,
        stride=stride,
        mpp=mpp,
        columns=_count(bounds.width * info.mpp_x / mpp, patch_size, stride),
        rows=_count(bounds.height * info.mpp_y / mpp, patch_size, stride),
    )


def _count(extent: float, patch_size: int, stride: int) -> int:
    """How many patches cover `extent` target pixels, the last one over the edge if need be.

    Patches that lie apart leave gaps, the last one perhaps at the edge: none begins beyond that.
    """
    # A sliver thinner than this, from rounding in µm/px, does not earn a row of its own.
    sliver = 1e-6 * extent
    covering = 1 + math.ceil((extent - patch_size - sliver) / stride)
    beginning_inside = math.ceil((extent - sliver) / stride)
    return max(1, min(covering, beginning_inside))
