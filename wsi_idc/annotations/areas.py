"""The area of polygons on a slide: its share of rectangles, and the area as a mask.

Shares are exact. A patch is compared with the polygons near it only: an index finds them, and
outlines of many points are cut into pieces first, since the cost of one comparison grows with
the points of the piece.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Polygon, STRtree

from wsi_idc.slides.raster import Placement, SlideMask

FloatArray = NDArray[np.float64]

# Measured on 100,000 patches and an outline of 100,000 points: pieces of 64 to 256 points take
# about the same time, whole outlines a hundred times that.
_MOST_POINTS = 128
# Bounds memory: so many rectangles are compared at a time.
_RECTANGLES_AT_ONCE = 50_000


class AnnotatedArea:
    """The union of some polygons.

    Parameters
    ----------
    polygons : valid shapely polygons in level-0 pixels; they may overlap.
    """

    def __init__(self, polygons: Sequence[Polygon]) -> None:
        self._polygons = tuple(polygons)

    @cached_property
    def geometry(self) -> shapely.Geometry:
        """The union as one shapely geometry; empty where there are no polygons."""
        return shapely.union_all(self._polygons)

    @property
    def is_empty(self) -> bool:
        """Whether there is no area at all."""
        return not self._polygons

    @cached_property
    def sha256(self) -> str:
        """A fingerprint of the polygons, whatever their order and wherever their rings begin."""
        texts = sorted(shapely.to_wkb(shapely.normalize(polygon)) for polygon in self._polygons)
        return hashlib.sha256(b"".join(texts)).hexdigest()

    def area_px(self) -> float:
        """Area in square level-0 pixels."""
        return float(shapely.area(self.geometry))

    def overlaps(self, x: float, y: float, width: float, height: float) -> bool:
        """Whether any of it lies in a rectangle, level-0 pixels."""
        return bool(self.fraction_of(np.array([x]), np.array([y]), width, height)[0] > 0)

    def fraction_of(self, x: FloatArray, y: FloatArray, width: float, height: float) -> FloatArray:
        """How much of each of N rectangles the area covers.

        Parameters
        ----------
        x, y : float64 [N], top-left corners in level-0 pixels.
        width, height : size of every rectangle in level-0 pixels.

        Returns
        -------
        float64 [N], 0 to 1, exact but for the rounding of floats.
        """
        x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        covered = np.zeros(len(x))
        for start in range(0, len(x), _RECTANGLES_AT_ONCE):
            some = slice(start, start + _RECTANGLES_AT_ONCE)
            covered[some] = self._covered(x[some], y[some], width, height)
        fraction: FloatArray = np.clip(covered / (width * height), 0.0, 1.0)
        return fraction

    def rasterise(self, placement: Placement, shape: tuple[int, int]) -> SlideMask:
        """The area as a mask: a pixel is True where its centre lies inside.

        A centre on the left or upper edge counts, one on the right or lower edge does not: of
        two areas side by side, each pixel belongs to one.

        Parameters
        ----------
        placement : where the mask lies.
        shape : its rows and columns.
        """
        height, width = shape
        # A row's pixels change between outside and inside at each edge that crosses its middle
        # line, so it is enough to mark the first pixel behind each crossing.
        changes = np.zeros((height, width + 1), np.uint8)
        start, end = self._edges(placement)
        row, column = _crossings(start, end, height)
        np.bitwise_xor.at(changes, (row, np.clip(column, 0, width)), 1)
        inside = np.bitwise_xor.accumulate(changes[:, :width], axis=1).astype(bool)
        return SlideMask(inside, placement)

    @cached_property
    def _index(self) -> STRtree:
        return STRtree(
            [piece for part in shapely.get_parts(self.geometry) for piece in _pieces(part)]
        )

    def _covered(self, x: FloatArray, y: FloatArray, width: float, height: float) -> FloatArray:
        """Covered area of each rectangle in square pixels."""
        rectangles = shapely.box(x, y, x + width, y + height)
        which, piece = self._index.query(rectangles, predicate="intersects")
        shared = shapely.area(
            shapely.intersection(rectangles[which], self._index.geometries[piece])
        )
        return np.bincount(which, weights=shared, minlength=len(x)).astype(np.float64)

    def _edges(self, placement: Placement) -> tuple[FloatArray, FloatArray]:
        """Start and end of every edge of the union, float64 [E, 2], in pixels of a raster."""
        rings = shapely.get_rings(shapely.get_parts(self.geometry))
        points, ring = shapely.get_coordinates(rings, return_index=True)
        points = (points - (placement.origin_x, placement.origin_y)) / (
            placement.pixel_width,
            placement.pixel_height,
        )
        same = ring[1:] == ring[:-1]
        return points[:-1][same], points[1:][same]


def _crossings(
    start: FloatArray, end: FloatArray, height: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows whose middle line an edge crosses, and the first column whose centre lies behind it."""
    upward = start[:, 1] > end[:, 1]
    upper = np.where(upward[:, None], end, start)
    lower = np.where(upward[:, None], start, end)
    # Middle lines in [upper, lower): an edge's end belongs to one of the two edges that meet.
    first = np.clip(np.ceil(upper[:, 1] - 0.5), 0, height).astype(np.int64)
    behind = np.clip(np.ceil(lower[:, 1] - 0.5), 0, height).astype(np.int64)
    count = behind - first
    edge = np.repeat(np.arange(len(count)), count)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    along = (row + 0.5 - upper[edge, 1]) / (lower[edge, 1] - upper[edge, 1])
    x = upper[edge, 0] + along * (lower[edge, 0] - upper[edge, 0])
    # Far outside a raster a column may be any number; the caller clips it.
    return row, np.ceil(np.clip(x - 0.5, -1.0, 2.0**31)).astype(np.int64)


def _pieces(polygon: Polygon) -> list[Polygon]:
    """Cut a polygon into pieces of few points, whose areas add up to its own."""
    waiting, pieces = [polygon], []
    while waiting:
        part = waiting.pop()
        left, top, right, bottom = part.bounds
        if shapely.get_num_coordinates(part) <= _MOST_POINTS or right <= left or bottom <= top:
            pieces.append(part)
            continue
        across = right - left > bottom - top
        middle = (left + right) / 2 if across else (top + bottom) / 2
        halves = (
            (shapely.box(left, top, middle, bottom), shapely.box(middle, top, right, bottom))
            if across
            else (shapely.box(left, top, right, middle), shapely.box(left, middle, right, bottom))
        )
        for half in halves:
            cut = shapely.get_parts(part.intersection(half))
            waiting += [piece for piece in cut if isinstance(piece, Polygon)]
    return pieces
