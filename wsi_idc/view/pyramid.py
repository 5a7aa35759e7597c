"""The tiles that a slide is shown in. Pure: numbers in, numbers out.

Pages measure in microns from the corner of the scanned bounds, so that pixels that are not square
and frames larger than the scan matter nowhere but here. Each level is twice as coarse as the one
before, whatever the file's own levels are: a browser then never shrinks a tile by more than two,
and what it shows is free of moiré.
"""

from __future__ import annotations

from dataclasses import dataclass

from wsi_idc.slides.info import SlideInfo
from wsi_idc.slides.levels import pixels_across

TILE_PX = 512


@dataclass(frozen=True)
class TileBox:
    """One tile: where it lies, and how many pixels it has.

    Attributes
    ----------
    x_um, y_um : its corner, microns from the corner of the bounds.
    width_px, height_px : its size; tiles at the right and lower edge are smaller.
    mpp : microns per pixel.
    """

    x_um: float
    y_um: float
    width_px: int
    height_px: int
    mpp: float


@dataclass(frozen=True)
class TilePyramid:
    """Levels of tiles over a rectangle.

    Attributes
    ----------
    width_um, height_um : size of what is shown.
    mpp : microns per pixel of level 0.
    """

    width_um: float
    height_um: float
    mpp: float

    @classmethod
    def of(cls, info: SlideInfo) -> TilePyramid:
        """The pyramid of a slide's scanned bounds, at the slide's own finest µm/px."""
        bounds = info.bounds
        return cls(
            bounds.width * info.mpp_x,
            bounds.height * info.mpp_y,
            min(info.mpp_x, info.mpp_y),
        )

    @property
    def levels(self) -> int:
        """How many levels there are; the last one is a single tile."""
        count = 1
        while max(self.size(count - 1)) > TILE_PX:
            count += 1
        return count

    def size(self, level: int) -> tuple[int, int]:
        """Width and height of a level in pixels."""
        mpp = self.mpp * 2**level
        return pixels_across(self.width_um, mpp), pixels_across(self.height_um, mpp)

    def box(self, level: int, column: int, row: int) -> TileBox | None:
        """Where a tile lies; None where there is no such tile."""
        if not 0 <= level < self.levels:
            return None
        width, height = self.size(level)
        left, top = column * TILE_PX, row * TILE_PX
        if not (0 <= left < width and 0 <= top < height):
            return None
        mpp = self.mpp * 2**level
        return TileBox(
            left * mpp, top * mpp, min(TILE_PX, width - left), min(TILE_PX, height - top), mpp
        )
