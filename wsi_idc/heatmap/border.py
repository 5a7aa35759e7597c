"""The band along the outline of a truth, where annotations are coarse and no answer is right."""

from __future__ import annotations

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from wsi_idc.annotations.areas import AnnotatedArea
from wsi_idc.heatmap.outlines import trace_outlines
from wsi_idc.heatmap.probability_map import ProbabilityMap
from wsi_idc.slides.raster import Placement, SlideMask

FloatArray = NDArray[np.float64]

# What begins exactly at the band's edge is not in it, whatever floats make of the distance.
_ROUNDING_UM = 1e-3
# Bounds memory: so many rectangles are compared at a time.
_AT_ONCE = 50_000


def outline_um(truth: SlideMask | AnnotatedArea, at: Placement) -> shapely.Geometry:
    """The outline of a truth as lines in microns from the corner of level 0.

    Parameters
    ----------
    truth : a mask, whose outline runs along its pixels' edges, or drawn areas.
    at : of any raster of the slide; gives the microns per level-0 pixel.
    """
    scale = np.array([at.mpp_x, at.mpp_y])
    if isinstance(truth, SlideMask):
        place = truth.placement
        step = np.array([place.pixel_width, place.pixel_height])
        corner = np.array([place.origin_x, place.origin_y])
        _, polygons = trace_outlines(truth.values)
        rings = [ring for polygon in polygons for ring in (polygon.shell, *polygon.holes)]
        return shapely.MultiLineString([(corner + ring * step) * scale for ring in rings])
    return shapely.transform(shapely.boundary(truth.geometry), lambda points: points * scale)


def squares_outline_um(labels: pd.DataFrame, edges: FloatArray) -> shapely.Geometry:
    """The outline of the union of positive squares.

    Parameters
    ----------
    labels : with the column `class`, N rows.
    edges : float64 [N, 4]: left, top, right and bottom of each square in microns.
    """
    positive = edges[labels["class"].to_numpy() == 1]
    # To a thousandth of a micron, so that squares side by side share their edge to the bit.
    boxes = shapely.box(*positive.round(3).T)
    return shapely.boundary(shapely.union_all(boxes))


def cell_edges_um(probability: ProbabilityMap) -> FloatArray:
    """Left, top, right and bottom of every cell, row by row, in microns; float64 [cells, 4]."""
    at = probability.placement
    rows, columns = np.indices(probability.values.shape, dtype=np.float64).reshape(2, -1)
    left = (at.origin_x + columns * at.pixel_width) * at.mpp_x
    top = (at.origin_y + rows * at.pixel_height) * at.mpp_y
    return np.stack([left, top, left + at.pixel_width_um, top + at.pixel_height_um], axis=1)


def in_band(outline: shapely.Geometry, edges: FloatArray, width_um: float) -> NDArray[np.bool_]:
    """Which rectangles lie, wholly or in part, less than `width_um` from an outline.

    Parameters
    ----------
    outline : lines in microns.
    edges : float64 [N, 4]: left, top, right, bottom in microns.
    width_um : half the width of the band; 0 takes the rectangles that the outline cuts.
    """
    found = np.zeros(len(edges), bool)
    if shapely.is_empty(outline):
        return found
    shapely.prepare(outline)
    # An outline along a rectangle's edge does not cut it.
    shrink = _ROUNDING_UM if width_um <= 0 else 0.0
    reach = max(0.0, width_um - _ROUNDING_UM)
    inner = edges + np.array([shrink, shrink, -shrink, -shrink])
    for start in range(0, len(edges), _AT_ONCE):
        boxes = shapely.box(*inner[start : start + _AT_ONCE].T)
        found[start : start + _AT_ONCE] = shapely.dwithin(outline, boxes, reach)
    return found
