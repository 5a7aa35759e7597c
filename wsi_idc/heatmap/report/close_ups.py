"""Close-ups: what the tissue of a region looks like, at a higher power than the overview.

They are read from the slide while it is at hand and kept in the result folder. A page that is
drawn again at another threshold, with other regions, takes those that still lie in a region and
cuts the rest from the overview.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from wsi_idc.heatmap.probability_map import ProbabilityMap
from wsi_idc.heatmap.report.pictures import jpeg
from wsi_idc.slides.levels import pixels_across
from wsi_idc.slides.raster import Placement, SlidePicture

if TYPE_CHECKING:
    from wsi_idc.slides import Slide

FIELD_UM = 1000.0
"""Side of a close-up: a few ducts and their surroundings."""
CLOSE_UP_MPP = 2.0
"""About a 5x objective: nuclei are dots of four pixels, and architecture is seen at a glance."""
CLOSE_UP_BYTES = 90_000


@dataclass(frozen=True)
class CloseUp:
    """A small picture of a place on the slide.

    Attributes
    ----------
    jpeg : the file.
    placement : where its pixels lie.
    width, height : size in pixels.
    target : (x, y) of what it was made to show, in level-0 pixels; its middle, but near the edge
        of the slide.
    """

    jpeg: bytes
    placement: Placement
    width: int
    height: int
    target: tuple[float, float]

    def description(self) -> dict[str, Any]:
        """All but the file, for JSON."""
        return {
            "width": self.width,
            "height": self.height,
            "target": list(self.target),
            "placement": asdict(self.placement),
        }

    @classmethod
    def from_description(cls, jpeg: bytes, about: dict[str, Any]) -> CloseUp:
        """The way back from `description`."""
        x, y = about["target"]
        return cls(jpeg, Placement(**about["placement"]), about["width"], about["height"], (x, y))


def hottest_cell(values: NDArray[np.float32], among: NDArray[np.bool_]) -> tuple[int, int]:
    """Row and column of the cell whose neighbourhood has the highest mean probability.

    Parameters
    ----------
    values : float32 [rows, columns], NaN where nothing was assessed.
    among : bool of the same shape: the cells to choose from, at least one.

    The neighbourhood is 3 by 3 cells, the assessed ones of them: one hot cell between cold ones
    is rarely what a region is about. Of equals the hottest itself is taken, then the first in
    reading order.
    """
    assessed = np.isfinite(values)
    known = np.where(assessed, values, 0).astype(np.float64)
    total = ndimage.uniform_filter(known, 3, mode="constant")
    share = ndimage.uniform_filter(assessed.astype(np.float64), 3, mode="constant")
    mean = np.divide(total, share, out=np.zeros_like(total), where=share > 1e-9)
    # Sums of floats in another order differ in their last bits: equal means are made equal.
    heat = np.where(among, mean.round(6) + 1e-7 * known, -1.0)
    row, column = np.unravel_index(int(np.argmax(heat)), heat.shape)
    return int(row), int(column)


def cell_centre(probability: ProbabilityMap, row: int, column: int) -> tuple[float, float]:
    """(x, y) of a cell's centre in level-0 pixels."""
    at = probability.placement
    return (
        at.origin_x + (column + 0.5) * at.pixel_width,
        at.origin_y + (row + 0.5) * at.pixel_height,
    )


def read_close_up(slide: Slide, x: float, y: float) -> CloseUp:
    """Read the field around a place, at 2 µm/px or the slide's own where that is coarser.

    Parameters
    ----------
    slide : an open slide.
    x, y : the middle in level-0 pixels; moved so that the field lies on the slide.

    Raises
    ------
    SlideReadError
        If the slide is damaged there.
    """
    info = slide.info
    bounds = info.bounds
    mpp = max(CLOSE_UP_MPP, info.mpp_x, info.mpp_y)
    width = pixels_across(min(FIELD_UM, bounds.width * info.mpp_x), mpp)
    height = pixels_across(min(FIELD_UM, bounds.height * info.mpp_y), mpp)
    pixel_width, pixel_height = mpp / info.mpp_x, mpp / info.mpp_y
    left = _start(x, width * pixel_width, bounds.x, bounds.width)
    top = _start(y, height * pixel_height, bounds.y, bounds.height)
    pixels = slide.read(left, top, (width, height), mpp)
    return CloseUp(
        jpeg(pixels, most_bytes=CLOSE_UP_BYTES),
        Placement(left, top, pixel_width, pixel_height, info.mpp_x, info.mpp_y),
        width,
        height,
        (x, y),
    )


def cut_close_up(overview: SlidePicture, x: float, y: float) -> CloseUp:
    """Cut the field around a place, in level-0 pixels, from a picture of the slide."""
    at = overview.placement
    rows, columns = overview.pixels.shape[:2]
    width = min(columns, max(1, round(FIELD_UM / at.pixel_width_um)))
    height = min(rows, max(1, round(FIELD_UM / at.pixel_height_um)))
    column = int(np.clip(round((x - at.origin_x) / at.pixel_width - width / 2), 0, columns - width))
    row = int(np.clip(round((y - at.origin_y) / at.pixel_height - height / 2), 0, rows - height))
    return CloseUp(
        jpeg(
            overview.pixels[row : row + height, column : column + width], most_bytes=CLOSE_UP_BYTES
        ),
        replace(
            at,
            origin_x=at.origin_x + column * at.pixel_width,
            origin_y=at.origin_y + row * at.pixel_height,
        ),
        width,
        height,
        (x, y),
    )


def _start(middle: float, length: float, first: float, extent: float) -> float:
    """Where a field begins that is centred on `middle` as far as the slide's bounds allow."""
    return max(float(first), min(middle - length / 2, first + extent - length))
