"""Growing, closing and clearing of masks; sizes in pixels, whatever the picture's scale."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from wsi_idc.tissue.bands import bands

BoolArray = NDArray[np.bool_]


# Up to this radius shifted copies of a mask cost less than its distance transform.
_LARGEST_SHIFTED_PX = 24


def grown(mask: BoolArray, radius_px: float) -> BoolArray:
    """The mask and all within a distance of it, from pixel centre to pixel centre."""
    if not mask.any():
        return mask
    if radius_px <= _LARGEST_SHIFTED_PX:
        return _united_shifts(mask, radius_px)
    return np.asarray(ndimage.distance_transform_edt(~mask) <= radius_px)


def _united_shifts(mask: BoolArray, radius_px: float) -> BoolArray:
    """`grown` as the union of copies that are shifted within a disk; the same to the pixel.

    The disk's rows become wider towards its middle, so each widens the one before.
    """
    height, width = mask.shape
    result = mask.copy()
    wide = mask.copy()
    reached = 0
    for down in range(min(int(radius_px), height - 1), -1, -1):
        half_width = _half_width(down, radius_px)
        for right in range(reached + 1, min(half_width, width - 1) + 1):
            wide[:, right:] |= mask[:, : width - right]
            wide[:, : width - right] |= mask[:, right:]
        reached = half_width
        result[down:] |= wide[: height - down]
        result[: height - down] |= wide[down:]
    return result


def _half_width(down: int, radius_px: float) -> int:
    """How far right the disk reaches in a row so far below its centre, pixels."""
    right = int(radius_px) + 1
    while math.hypot(right, down) > radius_px:
        right -= 1
    return right


def closed(mask: BoolArray, radius_px: float) -> BoolArray:
    """Morphological closing by a disk; the picture's edge does not eat into it."""
    if radius_px < 1 or mask.all() or not mask.any():
        return mask
    return _shrunk(grown(mask, radius_px), radius_px)


def opened(mask: BoolArray, radius_px: float) -> BoolArray:
    """Morphological opening by a disk: what is narrower than it goes."""
    if radius_px < 1 or mask.all() or not mask.any():
        return mask
    return grown(_shrunk(mask, radius_px), radius_px)


def _shrunk(mask: BoolArray, radius_px: float) -> BoolArray:
    """The mask without all within a distance of what it is not."""
    return ~grown(~mask, radius_px)


def areas(pieces: NDArray[np.int32], count: int) -> NDArray[np.int64]:
    """Pixels of each of `count` pieces, int64 [count + 1]; the first are those of none.

    `pieces` tells each pixel's piece, 1 to `count`, or 0: int32 [height, width].
    """
    result = np.zeros(count + 1, np.int64)
    for rows in bands(pieces.shape):  # counting makes a copy of twice the size
        result += np.bincount(pieces[rows].ravel(), minlength=count + 1)
    return result


def without_small(mask: BoolArray, smallest_px: float) -> BoolArray:
    """The mask without its 8-connected pieces below an area in pixels."""
    pieces, count = ndimage.label(mask, structure=np.ones((3, 3)))
    large = areas(pieces, count) >= smallest_px
    large[0] = False
    return np.asarray(large[pieces])


def with_small_holes_filled(mask: BoolArray, largest_px: float) -> BoolArray:
    """The mask with enclosed holes up to an area in pixels filled.

    Holes at the picture's edge stay whatever their area: they may go on outside it.
    """
    pieces, count = ndimage.label(~mask)
    keep = areas(pieces, count) > largest_px
    for edge in (pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]):
        keep[edge] = True
    keep[0] = False
    return ~np.asarray(keep[pieces])
