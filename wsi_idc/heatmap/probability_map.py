"""The probability map of a slide, as plain data: an array that knows where it lies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wsi_idc.slides.display import png_bytes
from wsi_idc.slides.raster import Coverage, Placement

_NOT_ASSESSED = 213  # as light as glass is shaded in overlays


IDC = "IDC"


def label_of(class_name: str) -> str:
    """How a model's class is written for people: `idc` is IDC, others as the model has them."""
    return IDC if class_name == "idc" else class_name


def column_of(class_name: str) -> str:
    """The column of a class's probabilities: `prob_idc`, or `prob_` and the class's name.

    Examples
    --------
    >>> column_of(label_of("idc")), column_of(label_of("DCIS"))
    ('prob_idc', 'prob_DCIS')
    """
    return "prob_idc" if class_name == IDC else f"prob_{class_name}"


@dataclass(frozen=True)
class ProbabilityMap:
    """The probability of a class, IDC, over a slide, on a regular grid of cells.

    Attributes
    ----------
    values : float32 [rows, columns], 0 to 1; NaN where nothing was assessed (no tissue).
    placement : where the cells lie on the slide; a "pixel" of it is a cell.
    class_name : what it is the probability of, as pictures and files name it.
    """

    values: NDArray[np.float32]
    placement: Placement
    class_name: str = IDC

    @property
    def measure(self) -> str:
        """The name of the probability in tables and measurements, such as `prob_idc`."""
        return column_of(self.class_name)

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

    def positive(self, threshold: float) -> NDArray[np.bool_]:
        """bool [rows, columns]: the assessed cells at or above `threshold`."""
        with np.errstate(invalid="ignore"):
            found: NDArray[np.bool_] = self.values >= threshold
        return found

    def area_mm2(self, threshold: float = 0.0) -> float:
        """Area, in square millimetres, of the assessed cells at or above `threshold`."""
        return np.count_nonzero(self.positive(threshold)) * self.placement.pixel_area_mm2


def covered_shares(
    coverage: Coverage, at: Placement, rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> NDArray[np.float64]:
    """How much of each of N cells of a map is covered, 0 to 1.

    Parameters
    ----------
    coverage : a mask or drawn areas.
    at : where the cells lie.
    rows, columns : int [N], which cells.
    """
    return coverage.fraction_of(
        at.origin_x + columns * np.float64(at.pixel_width),
        at.origin_y + rows * np.float64(at.pixel_height),
        at.pixel_width,
        at.pixel_height,
    )
