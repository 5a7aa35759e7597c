"""The probability map of a slide, as plain data: an array that knows where it lies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wsi_idc.slides.display import png_bytes
from wsi_idc.slides.raster import Placement

_NOT_ASSESSED = 213  # as light as glass is shaded in overlays


@dataclass(frozen=True)
class ProbabilityMap:
    """IDC probability over a slide, on a regular grid of cells.

    Attributes
    ----------
    values : float32 [rows, columns], 0 to 1; NaN where nothing was assessed (no tissue).
    placement : where the cells lie on the slide; a "pixel" of it is a cell.
    """

    values: NDArray[np.float32]
    placement: Placement

    def _repr_png_(self) -> bytes:
        """Show the map in a notebook, in an overlay's colours; grey was not assessed."""
        from wsi_idc.heatmap.colormaps import DEFAULT_COLORMAP, colour_table

        colours = colour_table(DEFAULT_COLORMAP)
        step = np.rint(np.nan_to_num(self.values) * (len(colours) - 1)).astype(np.intp)
        pixels = colours[step]
        pixels[~self.assessed] = _NOT_ASSESSED
        return png_bytes(pixels)

    @property
    def assessed(self) -> NDArray[np.bool_]:
        """bool [rows, columns]: where there is a probability."""
        return np.isfinite(self.values)

    def area_mm2(self, threshold: float = 0.0) -> float:
        """Area, in square millimetres, of the assessed cells at or above `threshold`."""
        with np.errstate(invalid="ignore"):
            cells = np.count_nonzero(self.values >= threshold)
        return cells * self.placement.pixel_area_mm2
