"""What a stroke of a brush or an outline does to a region. Pure: numbers in, numbers out.

Pages send what was drawn and get polygons back, so that they need no geometry of their own, and
what is saved is valid by the rules that QuPath and shapely insist on.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from shapely import Geometry, Polygon

from wsi_idc.annotations.annotation_set import polygons_of
from wsi_idc.annotations.folding import is_too_folded
from wsi_idc.errors import SettingsError

Rings = list[list[list[float]]]

MODES = ("new", "add", "join", "cut")
_MOST_POINTS = 200_000
_FARTHEST_UM = 1e8
# Of a brush's radius: its strokes are followed to this, and have as few corners as that allows.
_BRUSH_TOLERANCE = 0.01
_SMALLEST_UM2 = 1.0


@dataclass(frozen=True)
class Combined:
    """What came of it.

    Attributes
    ----------
    polygons : each a list of closed rings, first the outer one; empty where nothing is left.
    joined : whether the region itself was changed; False where what was drawn is a region of
        its own.
    """

    polygons: list[Rings]
    joined: bool


def combine(base: Any, shape: Any, mode: Any) -> Combined:
    """Add to a region, cut from it, or make a new one; all in microns.

    Parameters
    ----------
    base : polygons of the region, or None where there is none.
    shape : ``{"points": [[x, y], ...]}``, an outline; with ``"radius"`` the way of a brush.
    mode : `add` to the region, `cut` from it, `join` it where they touch, or `new`.

    Raises
    ------
    SettingsError
        If a value cannot be used.
    """
    if mode not in MODES:
        raise SettingsError(f"the mode must be one of {', '.join(MODES)}, not {str(mode)[:30]!r}")
    drawn = _drawn(shape)
    region = None if base is None or mode == "new" else _region(base)
    if region is None:
        return Combined([] if mode == "cut" else _rings(drawn), joined=False)
    if mode == "join" and not shapely.intersects(region, drawn):
        return Combined(_rings(drawn), joined=False)
    change = shapely.difference if mode == "cut" else shapely.union
    changed = change(region, drawn)
    return Combined(_rings(changed), joined=True)


def _drawn(shape: Any) -> Geometry:
    if not isinstance(shape, dict):
        raise SettingsError("what was drawn is no shape")
    points = _points(shape.get("points"))
    _refuse_folded([points])
    radius = shape.get("radius")
    if radius is None:
        if len(points) < 3:
            raise SettingsError("an outline needs three points")
        return _valid(Polygon(points))
    if not _is_number(radius) or not 0 < radius < _FARTHEST_UM:
        raise SettingsError("the brush has no size")
    tolerance = _BRUSH_TOLERANCE * radius
    way = shapely.Point(points[0]) if len(set(points)) == 1 else shapely.LineString(points)
    return way.simplify(tolerance).buffer(radius, quad_segs=12).simplify(tolerance)


def _region(base: Any) -> Geometry:
    if not isinstance(base, list):
        raise SettingsError("the region is no list of polygons")
    polygons = []
    drawn: list[list[tuple[float, float]]] = []
    for rings in base:
        if not isinstance(rings, list) or not rings:
            raise SettingsError("the region has a polygon without rings")
        shell, *holes = (_points(ring) for ring in rings)
        if min(map(len, (shell, *holes))) < 4:
            raise SettingsError("the region has a ring of too few points")
        drawn += [shell, *holes]
        polygons.append(Polygon(shell, holes))
    _refuse_folded(drawn)
    return shapely.union_all([_valid(polygon) for polygon in polygons])


def _refuse_folded(rings: list[list[tuple[float, float]]]) -> None:
    if is_too_folded([np.array(ring) for ring in rings], is_mended=True):
        raise SettingsError("what was drawn crosses itself too often to be computed; undo some")


def _valid(polygon: Polygon) -> Geometry:
    """All parts that an outline goes round, where it crosses itself."""
    if shapely.is_valid(polygon):
        return polygon
    return shapely.make_valid(polygon, method="structure", keep_collapsed=False)


def _points(values: Any) -> list[tuple[float, float]]:
    if not isinstance(values, list) or not 0 < len(values) <= _MOST_POINTS:
        raise SettingsError("a shape has no points, or too many")
    points = []
    for value in values:
        if not isinstance(value, list) or len(value) != 2 or not all(map(_is_number, value)):
            raise SettingsError(f"a shape has a point {str(value)[:40]!r}, which is no x and y")
        if max(map(abs, value)) > _FARTHEST_UM:
            raise SettingsError("a shape has a point that lies on no slide")
        points.append((float(value[0]), float(value[1])))
    return points


def _is_number(value: Any) -> bool:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    # Not `math.isfinite`, which fails for an integer that has more digits than any float.
    return abs(value) <= sys.float_info.max


def _rings(geometry: Geometry) -> list[Rings]:
    parts = [part for part in polygons_of(geometry) if part.area >= _SMALLEST_UM2]
    return [
        [
            shapely.get_coordinates(ring).round(3).tolist()
            for ring in (part.exterior, *part.interiors)
        ]
        for part in parts
    ]
