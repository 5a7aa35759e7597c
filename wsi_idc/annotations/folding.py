"""How often outlines run across or along each other: what geometry on them will cost.

Every step from an outline to its area compares edges whose boxes overlap: some two or three an
edge in what people and programs draw, all with all in a scribble or a comb of long slants. A file
of 300 KB can be made such that its area takes hours and gigabytes. So it is estimated beforehand.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wsi_idc.annotations.regions import Ring

# Measured on one core: a pair costs about 3 µs in valid outlines, 60 µs where they are mended. So
# these are a few seconds for small files, and a minute for one of a million points.
_MOST_PAIRS, _MOST_PAIRS_AN_EDGE = 1_000_000, 20
_MENDED_COSTS = 20

# Edges are sampled where comparing all with all would itself take long.
_COMPARISONS, _COMPARED_WITH = 10_000_000, 1_000_000
_AT_ONCE = 2_000_000


def overlapping_pairs(rings: Sequence[Ring]) -> float:
    """About how many pairs of edges have boxes that overlap, neighbours on a ring not counted.

    Exact up to some 3,000 edges, beyond that estimated from edges at regular distances.

    Parameters
    ----------
    rings : float64 [n, 2] each, x and y of the corners; open or closed.
    """
    low, high = _boxes(rings)
    edges = len(low)
    if edges < 4:
        return 0.0
    step = -(-edges // _COMPARED_WITH)
    low_others, high_others = low[::step], high[::step]
    samples = min(edges, max(16, _COMPARISONS // len(low_others)))
    chosen = np.linspace(0, edges - 1, samples).astype(np.int64)
    found = 0
    for some in np.array_split(chosen, -(-samples * len(low_others) // _AT_ONCE)):
        overlap = np.ones((len(some), len(low_others)), bool)
        for axis in (0, 1):
            overlap &= low[some, axis][:, None] <= high_others[:, axis]
            overlap &= low_others[:, axis] <= high[some, axis][:, None]
        found += int(np.count_nonzero(overlap))
    # With itself and with both its neighbours on the ring an edge always overlaps.
    return max(0.0, found * step / samples - 3) * edges / 2


def is_too_folded(rings: Sequence[Ring], *, is_mended: bool = False) -> bool:
    """Whether the area of outlines would take unreasonably long.

    Parameters
    ----------
    rings : of all polygons that are joined, or of those that are mended.
    is_mended : whether they cross themselves and are to be mended, which costs more.
    """
    edges = sum(map(len, rings))
    cost = overlapping_pairs(rings) * (_MENDED_COSTS if is_mended else 1)
    return cost > _MOST_PAIRS + _MOST_PAIRS_AN_EDGE * edges


def _boxes(rings: Sequence[Ring]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The low and the high corner of each edge's box, float64 [E, 2]; edges of no length out."""
    if not rings:
        return np.empty((0, 2)), np.empty((0, 2))
    points = np.concatenate(rings)
    ends = np.cumsum([len(ring) for ring in rings])
    following = np.arange(1, len(points) + 1)
    following[ends - 1] = np.concatenate([[0], ends[:-1]])
    other = points[following]
    kept = (points != other).any(axis=1)
    points, other = points[kept], other[kept]
    return np.minimum(points, other), np.maximum(points, other)
