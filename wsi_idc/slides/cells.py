"""A picture kept as the square cells that it is made of. Pure.

Cells side by side are what patches without gaps or overlaps are: kept so from the start, none has
to be cut out of a picture afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


def as_cells(pixels: Pixels, side: int) -> Pixels:
    """Cut a picture into cells.

    Parameters
    ----------
    pixels : uint8 RGB [down * side, across * side, 3].
    side : of a cell, pixels.

    Returns
    -------
    uint8 RGB [down, across, side, side, 3].
    """
    height, width = pixels.shape[:2]
    cells = np.empty((height // side, width // side, side, side, 3), np.uint8)
    put_strip(cells, 0, pixels)
    return cells


def put_strip(cells: Pixels, left: int, strip: Pixels) -> None:
    """Put a part of a picture into its cells.

    Parameters
    ----------
    cells : uint8 RGB [down, across, side, side, 3].
    left : where the strip begins in the picture, pixels.
    strip : uint8 RGB [down * side, width, 3], of the picture's whole height.
    """
    down, _, side = cells.shape[:3]
    for start, stop in _spans(left, left + strip.shape[1], side):
        width = min(side, stop - start)
        columns = slice(start // side, -(-stop // side))
        within = slice(start % side, start % side + width)
        pixels = strip[:, start - left : stop - left].reshape(down, side, -1, width, 3)
        _lines(cells[:, columns, :, within])[:] = _lines(pixels).swapaxes(1, 2)


def _spans(start: int, stop: int, side: int) -> Iterator[tuple[int, int]]:
    """An interval of pixels cut where its first whole cell begins and where its last one ends."""
    inner = -(-start // side) * side, stop // side * side
    return pairwise(sorted({start, *(edge for edge in inner if start < edge < stop), stop}))


def _lines(pixels: Pixels) -> NDArray[np.void]:
    """Each row of pixels as one value of so many bytes, which numpy copies at once."""
    *others, width, channels = pixels.shape
    line = np.dtype((np.void, width * channels))
    return pixels.reshape(*others, -1).view(line)[..., 0]
