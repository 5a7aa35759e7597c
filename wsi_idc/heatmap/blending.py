"""A probability map laid over a picture of its slide: which cell colours which pixel.

Pure geometry and colour on arrays. Each picture pixel is asked which cell its centre lies in,
by float arithmetic from the two placements alone, so that colours never drift against the
tissue, whatever the ratio of cell to pixel is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from wsi_idc.errors import SettingsError
from wsi_idc.heatmap.colormaps import DEFAULT_COLORMAP, colour_table
from wsi_idc.heatmap.probability_map import ProbabilityMap
from wsi_idc.slides.raster import SlidePicture

# At the floor the colour starts with this part of the full opacity, so that a cell just above
# it can be told from one below.
_OPACITY_AT_FLOOR = 0.6
# Under a colour the pink and purple of the stain are drained towards grey, this much times the
# colour's opacity. Otherwise purple and green mix to a grey that stands on no colour bar, and
# one probability has two colours, on fat and on tumour. Nuclei and glands stay visible, as
# light and dark.
_STAIN_DRAIN = 1.2
_LUMINANCE = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601
# What was not assessed is shaded, so that it can be told from tissue with a low probability also
# where both are pale: the assessed part of the slide lies in the light.
NOT_ASSESSED_LIGHT = 0.88
_GLASS = 242  # what scanners make of empty glass, more or less
ASSESSED_COLOUR = (120, 120, 120)
OUTLINE_COLOUR = (20, 20, 20)
HALO_COLOUR = (255, 255, 255)


@dataclass(frozen=True)
class OverlaySettings:
    """How an overlay looks. None of it changes a probability.

    Attributes
    ----------
    colormap : one of `wsi_idc.heatmap.colormaps.COLORMAPS`.
    opacity : 0 to 1, how much of the tissue the colour of probability 1 hides.
    threshold : 0 to 1, the probability from which on a cell is called IDC; the outline.
    floor : 0 to 1, cells below this probability are left without colour.
    outline : whether to outline the regions at or above the threshold (black) and all that
        was assessed (grey), and to shade what was not assessed.
    smooth : whether colours run smoothly from cell to cell. Outlines still follow the cells.
    width_px : largest width of the picture; everything in it scales along.

    Raises
    ------
    SettingsError
        If a value is out of its range or there is no such colour map.
    """

    colormap: str = DEFAULT_COLORMAP
    opacity: float = 0.5
    threshold: float = 0.5
    floor: float = 0.1
    outline: bool = True
    smooth: bool = False
    width_px: int = 1600

    def __post_init__(self) -> None:
        """Check every value."""
        colour_table(self.colormap)
        for name in ("opacity", "threshold", "floor"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise SettingsError(f"overlay {name} must lie between 0 and 1, not {value}")
        # Below 400 px the smallest text is under 5 px high; above 20,000 a picture takes
        # gigabytes.
        if not 400 <= self.width_px <= 20_000:
            raise SettingsError(
                f"overlay width must lie between 400 and 20000 pixels, not {self.width_px}"
            )


def resize_picture(picture: SlidePicture, width: int, height: int) -> SlidePicture:
    """The same part of the slide in `width` by `height` pixels, antialiased."""
    rows, columns = picture.pixels.shape[:2]
    at = picture.placement
    pixels = picture.pixels
    if (columns, rows) != (width, height):
        resized = Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS)
        pixels = np.asarray(resized)
    return SlidePicture(
        pixels,
        replace(
            at,
            pixel_width=at.pixel_width * columns / width,
            pixel_height=at.pixel_height * rows / height,
        ),
    )


def blend(
    picture: SlidePicture,
    probability: ProbabilityMap,
    settings: OverlaySettings,
    *,
    outline_regions: bool = True,
) -> NDArray[np.uint8]:
    """Lay a probability map over a picture of the same slide.

    Parameters
    ----------
    picture : the slide, or a part of it, at any scale.
    probability : the map; may reach beyond the picture.
    settings : colours, opacity, threshold and outline.
    outline_regions : False leaves the outline at the threshold to the caller.

    Returns
    -------
    uint8 RGB, the shape of `picture.pixels`. Pixels of assessed cells below the floor are those
    of the picture, unless an outline runs there; what was not assessed is a little darker than
    in the picture, or the same without outlines. A pixel takes the colour of the cell that its
    centre lies in; where `settings.smooth` is on, of the bilinear interpolation between the
    centres of assessed cells.
    """
    height, width = picture.pixels.shape[:2]
    columns = _cell_coordinates(picture, probability, width, axis="x")
    rows = _cell_coordinates(picture, probability, height, axis="y")
    nearest = _values_at(probability.values, rows, columns)
    shown = nearest
    if settings.smooth:
        shown = np.where(
            np.isfinite(nearest), _smoothed_at(probability.values, rows, columns), nearest
        )
    result = tint(picture.pixels, shown, settings)
    if settings.outline:
        assessed = np.isfinite(nearest)
        shade(result, ~assessed)
        result[assessed & ~_eroded(assessed, 1)] = ASSESSED_COLOUR
        if outline_regions:
            _outline_regions(result, nearest, settings)
    return result


def shade(pixels: NDArray[np.uint8], not_assessed: NDArray[np.bool_]) -> None:
    """Darken, in place, what was not assessed: uint8 RGB [H, W, 3] where bool [H, W] is True."""
    darker = np.rint(np.arange(256) * NOT_ASSESSED_LIGHT).astype(np.uint8)
    pixels[not_assessed] = darker[pixels[not_assessed]]


def tint(
    pixels: NDArray[np.uint8], values: NDArray[np.float32], settings: OverlaySettings
) -> NDArray[np.uint8]:
    """Colour pixels by probability: uint8 RGB [H, W, 3] by float32 [H, W], NaN for none.

    The opacity rises linearly from 0.6 of `settings.opacity` at the floor to all of it at
    probability 1.
    """
    coloured = np.nan_to_num(values, nan=-1.0) >= settings.floor
    result = pixels.copy()
    value = values[coloured].astype(np.float32)
    span = max(1.0 - settings.floor, 1e-6)
    rise = _OPACITY_AT_FLOOR + (1 - _OPACITY_AT_FLOOR) * (value - settings.floor) / span
    alpha = (settings.opacity * rise)[:, None].astype(np.float32)
    colour = colour_table(settings.colormap)[np.rint(value * 255).astype(np.uint8)]
    tissue = pixels[coloured].astype(np.float32)
    drain = np.minimum(1, _STAIN_DRAIN * alpha)
    tissue += drain * ((tissue @ _LUMINANCE)[:, None] - tissue)
    result[coloured] = np.rint(tissue * (1 - alpha) + colour * alpha).astype(np.uint8)
    return result


def _cell_coordinates(
    picture: SlidePicture, probability: ProbabilityMap, count: int, *, axis: Literal["x", "y"]
) -> NDArray[np.float64]:
    """float64 [count]: where the centre of each pixel column (or row) lies, in cells."""
    a, b = picture.placement, probability.placement
    centres = np.arange(count, dtype=np.float64) + 0.5
    if axis == "x":
        return (a.origin_x + centres * a.pixel_width - b.origin_x) / b.pixel_width
    return (a.origin_y + centres * a.pixel_height - b.origin_y) / b.pixel_height


def _values_at(
    values: NDArray[np.float32], rows: NDArray[np.float64], columns: NDArray[np.float64]
) -> NDArray[np.float32]:
    """float32 [len(rows), len(columns)]: the value of the cell at each point, NaN off the map."""
    row, column = np.floor(rows).astype(np.int64), np.floor(columns).astype(np.int64)
    row_inside = (row >= 0) & (row < values.shape[0])
    column_inside = (column >= 0) & (column < values.shape[1])
    result = np.full((len(row), len(column)), np.nan, dtype=np.float32)
    result[np.ix_(row_inside, column_inside)] = values[
        np.ix_(row[row_inside], column[column_inside])
    ]
    return result


def _smoothed_at(
    values: NDArray[np.float32], rows: NDArray[np.float64], columns: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Bilinear interpolation between cell centres, over the assessed cells alone."""
    assessed = np.isfinite(values).astype(np.float32)
    filled = np.nan_to_num(values)
    down, across = _linear_weights(rows, values.shape[0]), _linear_weights(columns, values.shape[1])
    weight = down @ assessed @ across.T
    total = down @ filled @ across.T
    with np.errstate(invalid="ignore", divide="ignore"):
        result: NDArray[np.float32] = np.clip(total / weight, 0, 1).astype(np.float32)
    return result


def _linear_weights(coordinates: NDArray[np.float64], count: int) -> NDArray[np.float32]:
    """float32 [N, count]: how much each cell counts at each point, edge cells held constant."""
    position = np.clip(coordinates - 0.5, 0, count - 1)
    distance = np.abs(position[:, None] - np.arange(count)[None, :])
    weights: NDArray[np.float32] = np.maximum(0, 1 - distance).astype(np.float32)
    return weights


def shaded_glass() -> tuple[int, int, int]:
    """The colour of glass that was not assessed, for keys."""
    grey = round(_GLASS * NOT_ASSESSED_LIGHT)
    return grey, grey, grey


def _outline_regions(
    pixels: NDArray[np.uint8], values: NDArray[np.float32], settings: OverlaySettings
) -> None:
    """Outline, in place, the regions at or above the threshold.

    Lines lie inside the edges of the regions, with a light line outside as well: the change from
    light to dark is the edge itself, and a line of one colour would be lost on dense nuclei or
    on fat.
    """
    positive = np.nan_to_num(values, nan=-1.0) >= settings.threshold
    # Two pixels of 1,600: seen on a full screen, and thin against any cell.
    line_px = max(1, round(settings.width_px / 800))
    pixels[~_eroded(~positive, line_px) & ~positive] = HALO_COLOUR
    pixels[positive & ~_eroded(positive, line_px)] = OUTLINE_COLOUR


def _eroded(area: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    # Beyond the picture a region is taken to go on: a line there would be no edge of it.
    square = np.ones((3, 3), dtype=bool)
    result: NDArray[np.bool_] = ndimage.binary_erosion(
        area, square, iterations=steps, border_value=1
    )
    return result
