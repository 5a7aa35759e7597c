"""Rasters that know where they lie on a slide: pictures and masks.

A raster's pixel (column, row) covers the level-0 rectangle from
``(origin_x + column * pixel_width, origin_y + row * pixel_height)`` on, `pixel_width` by
`pixel_height` large. All are exact floats, so that a raster never drifts against the slide.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from wsi_idc.slides.display import jpeg_bytes, png_bytes

IntArray = NDArray[np.integer[Any]]

# Bounds the memory of shares: some 20 numbers are held for each rectangle on the way.
_RECTANGLES_AT_ONCE = 100_000


@dataclass(frozen=True)
class Placement:
    """Where a raster lies on a slide.

    Attributes
    ----------
    origin_x, origin_y : level-0 pixels of the raster's top-left corner.
    pixel_width, pixel_height : level-0 pixels per raster pixel.
    mpp_x, mpp_y : microns per level-0 pixel of the slide.
    """

    origin_x: float
    origin_y: float
    pixel_width: float
    pixel_height: float
    mpp_x: float
    mpp_y: float

    @property
    def pixel_width_um(self) -> float:
        """Width of a raster pixel in microns."""
        return self.pixel_width * self.mpp_x

    @property
    def pixel_height_um(self) -> float:
        """Height of a raster pixel in microns."""
        return self.pixel_height * self.mpp_y

    @property
    def pixel_area_mm2(self) -> float:
        """Area of a raster pixel in square millimetres."""
        return self.pixel_width_um * self.pixel_height_um / 1e6


class Coverage(Protocol):
    """What can cover a part of a slide: a mask, or an area that was drawn."""

    def fraction_of(
        self, x: NDArray[np.float64], y: NDArray[np.float64], width: float, height: float
    ) -> NDArray[np.float64]:
        """How much of each of N rectangles is covered, 0 to 1; all in level-0 pixels."""
        ...


class Region(Protocol):
    """A part of a slide that work can be limited to: what lies in it by its centre belongs."""

    def rasterise(self, placement: Placement, shape: tuple[int, int]) -> SlideMask:
        """A mask of (rows, columns) pixels, True where a pixel's centre lies inside."""
        ...


@dataclass(frozen=True)
class SlidePicture:
    """A picture of a slide or of a part of it.

    Attributes
    ----------
    pixels : uint8 RGB [height, width, 3].
    placement : where the pixels lie on the slide.
    """

    pixels: NDArray[np.uint8]
    placement: Placement

    def _repr_jpeg_(self) -> bytes:
        """Show the picture in a notebook."""
        return jpeg_bytes(self.pixels)


@dataclass(frozen=True)
class SlideMask:
    """A yes-or-no map of a slide: tissue, or the truth about tumour.

    Attributes
    ----------
    values : bool [height, width].
    placement : where the values lie on the slide.

    Examples
    --------
    A mask of 2 x 2 pixels, each 16 level-0 pixels of 0.25 µm wide; a quarter of it is tissue:

    >>> at = Placement(0.0, 0.0, 16.0, 16.0, mpp_x=0.25, mpp_y=0.25)
    >>> mask = SlideMask(np.array([[True, False], [False, False]]), at)
    >>> mask.fraction_of(np.array([0.0, 8.0]), np.array([0.0, 0.0]), 16.0, 16.0)
    array([1. , 0.5])
    """

    values: NDArray[np.bool_]
    placement: Placement

    def _repr_png_(self) -> bytes:
        """Show the mask in a notebook: True is white."""
        return png_bytes(np.uint8(255) * self.values)

    @property
    def area_mm2(self) -> float:
        """Area of the True pixels in square millimetres."""
        return float(np.count_nonzero(self.values)) * self.placement.pixel_area_mm2

    def within(self, region: Region | None) -> SlideMask:
        """The same mask, False outside of a region; a pixel counts by its centre."""
        if region is None:
            return self
        inside = region.rasterise(self.placement, (self.values.shape[0], self.values.shape[1]))
        return SlideMask(self.values & inside.values, self.placement)

    def fraction_of(
        self,
        x: NDArray[np.float64],
        y: NDArray[np.float64],
        width: float,
        height: float,
    ) -> NDArray[np.float64]:
        """How much of each of N rectangles the mask covers.

        Parameters
        ----------
        x, y : float64 [N], top-left corners in level-0 pixels.
        width, height : size of every rectangle in level-0 pixels.

        Returns
        -------
        float64 [N], 0 to 1: exact areas, mask pixels cut by a rectangle's edge counted by
        the part that lies inside. What lies outside the mask counts as not covered.
        """
        at = self.placement
        across, down = width / at.pixel_width, height / at.pixel_height
        area_below = _IntegralImage(self.values)
        share = np.empty(len(x))
        for first in range(0, len(x), _RECTANGLES_AT_ONCE):
            some = slice(first, first + _RECTANGLES_AT_ONCE)
            left = (np.asarray(x[some]) - at.origin_x) / at.pixel_width
            top = (np.asarray(y[some]) - at.origin_y) / at.pixel_height
            right, bottom = left + across, top + down
            covered = (
                area_below(right, bottom)
                - area_below(left, bottom)
                - area_below(right, top)
                + area_below(left, top)
            )
            share[some] = np.clip(covered / (across * down), 0.0, 1.0)
        return share


def rectangles_over(
    shape: tuple[int, int], left: IntArray, top: IntArray, right: IntArray, bottom: IntArray
) -> NDArray[np.int32]:
    """How many of N rectangles of whole cells lie over each cell of a raster.

    Each adds and takes away at its corners; summed up, that counts them.

    Parameters
    ----------
    shape : rows and columns of the raster.
    left, top, right, bottom : int [N], cells; right and bottom are the first ones beyond.

    Returns
    -------
    int32 [rows, columns].
    """
    corners = np.zeros((shape[0] + 1, shape[1] + 1), np.int32)
    np.add.at(corners, (top, left), 1)
    np.add.at(corners, (bottom, right), 1)
    np.add.at(corners, (top, right), -1)
    np.add.at(corners, (bottom, left), -1)
    corners.cumsum(axis=0, out=corners)
    corners.cumsum(axis=1, out=corners)
    return corners[:-1, :-1]


class _IntegralImage:
    """Covered area above and to the left of any point of a mask, fractional points included.

    A summed-area table is exact at pixel corners and bilinear between them, which is the
    exact area for a mask that is constant over each pixel.
    """

    def __init__(self, values: NDArray[np.bool_]) -> None:
        height, width = values.shape
        self.table = np.zeros(
            (height + 1, width + 1), np.int64 if values.size >= 2**31 else np.int32
        )
        inside = self.table[1:, 1:]
        np.cumsum(values, axis=1, out=inside)
        np.cumsum(inside, axis=0, out=inside)

    def __call__(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        height, width = self.table.shape[0] - 1, self.table.shape[1] - 1
        x = np.clip(x, 0, width)
        y = np.clip(y, 0, height)
        column = np.minimum(x.astype(np.int64), width - 1)
        row = np.minimum(y.astype(np.int64), height - 1)
        right, below = x - column, y - row
        top = self.table[row, column] * (1 - right) + self.table[row, column + 1] * right
        bottom = self.table[row + 1, column] * (1 - right) + self.table[row + 1, column + 1] * right
        result: NDArray[np.float64] = top * (1 - below) + bottom * below
        return result
