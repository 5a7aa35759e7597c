"""Regions of a probability map: groups of positive cells. Pure: numbers in, numbers out."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from wsi_idc.errors import SettingsError
from wsi_idc.heatmap.outlines import OutlinePolygon, Ring, trace_outlines
from wsi_idc.heatmap.probability_map import ProbabilityMap
from wsi_idc.slides.raster import Placement

TOUCHING = np.ones((3, 3))
"""Cells that touch by an edge or by a corner belong together: tumour that grows obliquely
through the grid must not fall into a region a cell."""

# Areas are products of floats: a region of exactly the least area is large enough.
_ROUNDING = 1e-9
# More corners than these are reduced to their convex hull before all pairs are measured.
_MOST_PAIRED_CORNERS = 64


@dataclass(frozen=True, eq=False)
class Region:
    """A group of positive cells that touch by an edge or a corner.

    Attributes
    ----------
    number : 1 for the largest region of the map, and so on.
    cells : how many cells it has, all of them assessed.
    area_mm2 : their area.
    max_probability, mean_probability : over its cells.
    diameter_mm : the longest straight line between two points of its outline.
    left, top, right, bottom : edges of its bounding box in level-0 pixels, exact floats.
    centroid_x, centroid_y : mean of its cells' centres in level-0 pixels; may lie outside of
        a curved region.
    outline : its pieces in level-0 pixels, exact floats, along the edges of the cells. Pieces
        that only touch by a corner are polygons of their own.
    """

    number: int
    cells: int
    area_mm2: float
    max_probability: float
    mean_probability: float
    diameter_mm: float
    left: float
    top: float
    right: float
    bottom: float
    centroid_x: float
    centroid_y: float
    outline: tuple[OutlinePolygon, ...]


def check_min_area(min_area_mm2: float) -> None:
    """Refuse a least area that is negative or no finite number.

    Raises
    ------
    SettingsError
        If it is.
    """
    if not 0 <= min_area_mm2 < math.inf:
        raise SettingsError(
            f"the least area of a region must be 0 mm² or more, not {min_area_mm2}; set it with "
            "--min-region"
        )


def find_regions(
    probability: ProbabilityMap, threshold: float, *, min_area_mm2: float = 0.0
) -> tuple[Region, ...]:
    """Find the regions of a map, the largest first.

    Parameters
    ----------
    probability : the map.
    threshold : cells at or above it are positive.
    min_area_mm2 : smaller regions are left out.

    Returns
    -------
    By falling area; regions of the same area in the order of their topmost, leftmost cells.

    Raises
    ------
    SettingsError
        If `min_area_mm2` cannot be used.
    """
    labels, cells, keep = _label(probability, threshold, min_area_mm2)
    if not keep.any():
        return ()
    at = probability.placement
    rows, columns = np.nonzero(labels)
    of = labels[rows, columns]
    values = probability.values[rows, columns]
    order = _by_size(cells, keep)

    most = np.zeros(len(cells))
    np.maximum.at(most, of, values)
    mean = np.bincount(of, values) / np.maximum(cells, 1)
    centre_x = np.bincount(of, columns + 0.5) / np.maximum(cells, 1)
    centre_y = np.bincount(of, rows + 0.5) / np.maximum(cells, 1)
    boxes = ndimage.find_objects(labels)
    outlines = _outlines_of_labels(np.where(keep[labels], labels, 0))
    regions = []
    for number, label in enumerate(order, start=1):
        down, across = boxes[label - 1]
        pieces = outlines[label]
        regions.append(
            Region(
                number=number,
                cells=int(cells[label]),
                area_mm2=float(cells[label] * at.pixel_area_mm2),
                max_probability=float(most[label]),
                mean_probability=float(mean[label]),
                diameter_mm=_diameter_mm(pieces, at),
                left=at.origin_x + across.start * at.pixel_width,
                top=at.origin_y + down.start * at.pixel_height,
                right=at.origin_x + across.stop * at.pixel_width,
                bottom=at.origin_y + down.stop * at.pixel_height,
                centroid_x=float(at.origin_x + centre_x[label] * at.pixel_width),
                centroid_y=float(at.origin_y + centre_y[label] * at.pixel_height),
                outline=tuple(
                    OutlinePolygon(
                        _level0(piece.shell, at), tuple(_level0(hole, at) for hole in piece.holes)
                    )
                    for piece in pieces
                ),
            )
        )
    return tuple(regions)


def number_cells(
    probability: ProbabilityMap, threshold: float, *, min_area_mm2: float = 0.0
) -> NDArray[np.int32]:
    """Which region each cell of a map belongs to.

    Returns
    -------
    int32 [rows, columns]: `Region.number` as `find_regions` gives it, 0 for no region.

    Raises
    ------
    SettingsError
        If `min_area_mm2` cannot be used.
    """
    labels, cells, keep = _label(probability, threshold, min_area_mm2)
    number = np.zeros(len(cells), np.int32)
    order = _by_size(cells, keep)
    number[order] = np.arange(1, len(order) + 1)
    numbered: NDArray[np.int32] = number[labels]
    return numbered


def region_cells(
    probability: ProbabilityMap, threshold: float, *, min_area_mm2: float = 0.0
) -> NDArray[np.int64]:
    """How many cells each region of `find_regions` has, int64 [regions], in no set order.

    Raises
    ------
    SettingsError
        If `min_area_mm2` cannot be used.
    """
    _, cells, keep = _label(probability, threshold, min_area_mm2)
    return cells[keep]


def _label(
    probability: ProbabilityMap, threshold: float, min_area_mm2: float
) -> tuple[NDArray[np.int32], NDArray[np.intp], NDArray[np.bool_]]:
    """Number the groups of positive cells.

    Returns
    -------
    labels : int32 [rows, columns], from 1; 0 where not positive.
    cells : int [labels + 1], cells of each.
    keep : bool [labels + 1], which are regions: not the 0, and none that is too small.
    """
    check_min_area(min_area_mm2)
    positive = probability.positive(threshold)
    labels, _ = ndimage.label(positive, structure=TOUCHING)
    cells = np.bincount(labels.ravel())
    keep = cells * probability.placement.pixel_area_mm2 >= min_area_mm2 * (1 - _ROUNDING)
    keep[0] = False
    return labels, cells, keep


def _by_size(cells: NDArray[np.intp], keep: NDArray[np.bool_]) -> list[int]:
    """Labels of the regions, the largest first; of equals the first in reading order."""
    return sorted(np.flatnonzero(keep).tolist(), key=lambda label: (-cells[label], label))


def _outlines_of_labels(labels: NDArray[np.int32]) -> dict[int, list[OutlinePolygon]]:
    """Outlines, in cells, by the label of the region that they belong to."""
    pieces, polygons = trace_outlines(labels > 0)
    # Any cell of a piece tells its region.
    numbers, first = np.unique(pieces, return_index=True)
    found: dict[int, list[OutlinePolygon]] = defaultdict(list)
    flat = labels.ravel()
    for number, cell in np.stack([numbers, first], axis=1).tolist():
        if number:
            found[int(flat[cell])].append(polygons[number - 1])
    return found


def _level0(ring: Ring, at: Placement) -> Ring:
    scaled: Ring = ring * (at.pixel_width, at.pixel_height) + (at.origin_x, at.origin_y)
    return scaled


def _diameter_mm(pieces: list[OutlinePolygon], at: Placement) -> float:
    corners = np.concatenate([piece.shell[:-1] for piece in pieces])
    corners = corners * (at.pixel_width_um / 1000, at.pixel_height_um / 1000)
    if len(corners) > _MOST_PAIRED_CORNERS:
        # Imported here: drawing a map should not wait for it.
        from scipy.spatial import ConvexHull

        corners = corners[ConvexHull(corners).vertices]
    apart = corners[:, np.newaxis] - corners
    return float(np.sqrt((apart**2).sum(axis=-1).max()))
