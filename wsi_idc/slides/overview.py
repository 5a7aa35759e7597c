"""A slide read once, for its small pictures and for its patches.

Where a pyramid has no level as coarse as the patches, the picture in which tissue is looked for is
made of the very level that the patches are: read one after the other, that level would be decoded
twice. So it is read once, reduced to the µm/px of the patches, and kept. What looks like empty
glass is read roughly, for the pictures only; a patch there is read again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wsi_idc.slides.info import SlideInfo
from wsi_idc.slides.levels import choose_level, describe_read
from wsi_idc.slides.raster import rectangles_over
from wsi_idc.slides.resample import area_average

if TYPE_CHECKING:
    from wsi_idc.slides.base import Slide

# Its pixels stay in memory, 3 bytes each.
_MOST_PIXELS = 2**24

# Side, in pixels of the level, of the blocks that are read with care or roughly: a few tiles, so
# that little glass is decoded at the edge of tissue, and that little of it twice.
_BLOCK_PX = 1024
# Down four blocks, then on to the right: the reader's cache then still holds the tiles that
# neighbours share.
_BAND_BLOCKS = 4


class Overview:
    """All of a slide's bounds, and a margin beyond, at the µm/px of its patches.

    Attributes
    ----------
    info : the slide.
    mpp : microns per pixel.
    pixels : uint8 RGB [height, width, 3]; pixel (0, 0) is at the corner of the bounds.
    """

    def __init__(
        self,
        info: SlideInfo,
        mpp: float,
        pixels: NDArray[np.uint8],
        exact: NDArray[np.bool_],
        block: int,
    ) -> None:
        self.info = info
        self.mpp = mpp
        self.pixels = pixels
        self._exact = exact
        self._block = block

    def crop(self, left: int, top: int, width: int, height: int) -> NDArray[np.uint8]:
        """A rectangle in pixels from the corner of the bounds, uint8 RGB [height, width, 3]."""
        return self.pixels[top : top + height, left : left + width]

    def missing(
        self, left: NDArray[np.int32], top: NDArray[np.int32], side: int
    ) -> list[tuple[int, int, int, int]]:
        """What of some squares is not here as `Slide.read` would give it.

        Parameters
        ----------
        left, top : int32 [N], pixels from the corner of the bounds; all within `pixels`.
        side : of every square, pixels.

        Returns
        -------
        Rectangles (left, top, width, height).
        """
        block = self._block
        past_x, past_y = (left + side - 1) // block + 1, (top + side - 1) // block + 1
        wanted = rectangles_over(self._exact.shape, left // block, top // block, past_x, past_y)
        height, width = self.pixels.shape[:2]
        return [
            (x, y, min(block, width - x), min(block, height - y))
            for y, x in (np.argwhere((wanted > 0) & ~self._exact) * block).tolist()
        ]

    def reduced(self, size: tuple[int, int], mpp: float) -> NDArray[np.uint8]:
        """From the corner of the bounds at a coarser µm/px, uint8 RGB [size[1], size[0], 3]."""
        width, height = (side * mpp / self.mpp for side in size)
        pixels = self.pixels
        beyond_x = max(0, math.ceil(width - 1e-6) - pixels.shape[1])
        beyond_y = max(0, math.ceil(height - 1e-6) - pixels.shape[0])
        if beyond_x or beyond_y:
            canvas = np.empty((pixels.shape[0] + beyond_y, pixels.shape[1] + beyond_x, 3), np.uint8)
            canvas[:] = self.info.background
            canvas[: pixels.shape[0], : pixels.shape[1]] = pixels
            pixels = canvas
        return area_average(pixels, (0, 0, width, height), size)


def read_overview(slide: Slide, mpp: float, detail_mpp: float, margin: int) -> None:
    """Read a slide once for its pictures and its patches, where that spares reading it twice.

    Does nothing where they come from different levels, or where it would take too much memory.

    Parameters
    ----------
    slide : an open slide; `Slide.overview` is set.
    mpp : microns per pixel of the patches.
    detail_mpp : the finest picture that will be asked for, microns per pixel.
    margin : pixels that patches may hang over the bounds, right and below.

    Raises
    ------
    SettingsError
        If `mpp` is out of range.
    SlideReadError
        If the file is damaged.
    """
    info = slide.info
    read = describe_read(info, mpp)
    size = read.width + margin, read.height + margin
    if (
        detail_mpp < mpp
        or read.level != choose_level(info, detail_mpp)
        or size[0] * size[1] > _MOST_PIXELS
    ):
        return
    block = max(1, round(_BLOCK_PX / read.reduction))
    scale_x, scale_y = mpp / info.mpp_x, mpp / info.mpp_y
    pixels = np.empty((size[1], size[0], 3), np.uint8)
    exact = np.zeros((-(-size[1] // block), -(-size[0] // block)), bool)

    def fill(place: tuple[int, int]) -> None:
        row, column = place
        left, top = column * block, row * block
        part = pixels[top : top + block, left : left + block]
        at = info.bounds.x + left * scale_x, info.bounds.y + top * scale_y
        of = part.shape[1], part.shape[0]
        if slide.is_plain(*at, of, mpp):
            part[:] = slide.read_roughly(*at, of, mpp, detail_mpp=detail_mpp)
        else:
            part[:] = slide.read(*at, of, mpp)
            exact[row, column] = True

    slide.in_threads(fill, _places(*exact.shape))
    slide.overview = Overview(info, mpp, pixels, exact, block)


def _places(rows: int, columns: int) -> Iterator[tuple[int, int]]:
    """Row and column of each block, bands of rows from left to right."""
    for first in range(0, rows, _BAND_BLOCKS):
        for column in range(columns):
            for row in range(first, min(first + _BAND_BLOCKS, rows)):
                yield row, column
