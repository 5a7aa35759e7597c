"""What every parser hands on: rings of points by class, checked for what no polygon can be."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsi_idc.errors import AnnotationError
from wsi_idc.slides.info import FARTHEST_PX

Ring = NDArray[np.float64]

UNCLASSIFIED = "unclassified"
"""Class of what was drawn and not named; `--positive-class unclassified` takes it."""

_ELLIPSE_POINTS = 256


@dataclass(frozen=True, eq=False)
class Region:
    """One area as a file has it.

    Attributes
    ----------
    where : its place in the file, for messages, such as `features[3]`.
    class_name : `UNCLASSIFIED` where it has none.
    polygons : each a list of rings, float64 [n, 2] of x and y in level-0 pixels, first the outer
        one, then those of its holes; open or closed.
    layer : what `subtracts` reaches: regions of the same layer only.
    subtracts : takes its area away from the regions of its layer.
    """

    where: str
    class_name: str
    polygons: Sequence[Sequence[Ring]]
    layer: int = 0
    subtracts: bool = False


@dataclass(frozen=True, eq=False)
class ParsedFile:
    """All that a parser found in a file.

    Attributes
    ----------
    format : its name for people.
    regions : the areas.
    skipped : how many objects have no area or were not drawn, by kind (`points`, `lines`, ...).
    """

    format: str
    regions: list[Region] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)


def class_name_of(*candidates: Any) -> str:
    """The first candidate that is a name at all, without the space around it."""
    for candidate in candidates:
        if isinstance(candidate, str) and candidate.strip():
            return candidate.strip()
    return UNCLASSIFIED


def checked_ring(points: Any, where: str) -> Ring:
    """Points of a file as a ring.

    Parameters
    ----------
    points : a sequence of positions, each of two or more numbers, x and y first.
    where : for messages.

    Raises
    ------
    AnnotationError
        If a point is none, is not finite, or if there are fewer than three different ones.
    """
    ring = _plain_ring(_items(points, where))
    if ring is None:
        ring = np.array([_checked_point(point, where) for point in points])
    # Of millions, to sort them takes half a minute.
    others, different = ring, 0
    while len(others) and different < 3:
        others = others[(others != others[0]).any(axis=1)]
        different += 1
    if different < 3:
        raise AnnotationError(
            f"{where} has {different} different points, and an outline needs 3; "
            "delete it or draw it again"
        )
    return ring


def four_corners(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The corners of a rectangle of which a file may hold two opposite ones only."""
    if len(points) != 2:
        return points
    (x0, y0), (x1, y1) = points
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def ellipse_ring(points: Ring) -> Ring:
    """The ellipse in the rectangle that just holds some points, as a ring of its very area."""
    low, high = points.min(axis=0), points.max(axis=0)
    step = 2 * math.pi / _ELLIPSE_POINTS
    # A polygon on the ellipse is smaller than it; this one lies as much outside as inside.
    grow = math.sqrt(step / math.sin(step))
    angle = np.arange(_ELLIPSE_POINTS) * step
    around = np.column_stack([np.cos(angle), np.sin(angle)])
    ring: Ring = (low + high) / 2 + around * (high - low) / 2 * grow
    return ring


def _items(points: Any, where: str) -> Sequence[Any]:
    if not isinstance(points, (list, tuple)):
        raise AnnotationError(f"{where} has no list of points; export the file again")
    return points


def _plain_ring(points: Sequence[Any]) -> Ring | None:
    """Points that are pairs of numbers on a slide; None where one is not, or must be looked at.

    An outline may have millions, and to look at each by itself takes ten times as long.
    """
    if not (set(map(type, points)) <= {list, tuple} and set(map(len, points)) == {2}):
        return None
    if not set(map(type, chain.from_iterable(points))) <= {int, float}:
        return None
    try:
        numbers = np.fromiter(chain.from_iterable(points), np.float64, 2 * len(points))
    except OverflowError:  # an integer larger than any float
        return None
    return numbers.reshape(-1, 2) if (np.abs(numbers) <= FARTHEST_PX).all() else None


def _checked_point(point: Any, where: str) -> tuple[float, float]:
    numbers = _items(point, where)[:2]
    if len(numbers) < 2 or any(
        isinstance(number, bool) or not isinstance(number, (int, float)) for number in numbers
    ):
        raise AnnotationError(
            f"{where} has a point {str(point)[:60]!r}, which is no x and y; export the file again"
        )
    x, y = numbers
    # A number that is not finite is not below the limit either.
    if not (abs(x) <= FARTHEST_PX and abs(y) <= FARTHEST_PX):
        raise AnnotationError(
            f"{where} has a point at {str(x)[:20]}, {str(y)[:20]}, which lies on no slide; "
            "delete it or draw it again"
        )
    return float(x), float(y)
