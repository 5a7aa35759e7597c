"""Growing, closing and clearing of masks; sizes in pixels, whatever the picture's scale."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

BoolArray = NDArray[np.bool_]


def grown(mask: BoolArray, radius_px: float) -> BoolArray:
    """The mask and all within a distance of it; the cost does not grow with the distance."""
    if not mask.any():
        return mask
    return np.asarray(ndimage.distance_transform_edt(~mask) <= radius_px)


def closed(mask: BoolArray, radius_px: float) -> BoolArray:
    """Morphological closing by a disk; the picture's edge does not eat into it."""
    if radius_px < 1 or mask.all() or not mask.any():
        return mask
    large = grown(mask, radius_px)
    if large.all():
        return np.ones_like(mask)
    return np.asarray(ndimage.distance_transform_edt(large) > radius_px)


def opened(mask: BoolArray, radius_px: float) -> BoolArray:
    """Morphological opening by a disk: what is narrower than it goes."""
    if radius_px < 1 or mask.all() or not mask.any():
        return mask
    return grown(np.asarray(ndimage.distance_transform_edt(mask) > radius_px), radius_px)


def without_small(mask: BoolArray, smallest_px: float) -> BoolArray:
    """The mask without its 8-connected pieces below an area in pixels."""
    pieces, _ = ndimage.label(mask, structure=np.ones((3, 3)))
    large = np.bincount(pieces.ravel()) >= smallest_px
    large[0] = False
    return np.asarray(large[pieces])


def with_small_holes_filled(mask: BoolArray, largest_px: float) -> BoolArray:
    """The mask with enclosed holes up to an area in pixels filled.

    Holes at the picture's edge stay whatever their area: they may go on outside it.
    """
    pieces, count = ndimage.label(~mask)
    keep = np.bincount(pieces.ravel(), minlength=count + 1) > largest_px
    for edge in (pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]):
        keep[edge] = True
    keep[0] = False
    return ~np.asarray(keep[pieces])
