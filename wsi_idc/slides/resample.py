"""Area averaging that is exact for boxes that cut through pixels. Pure.

Each target pixel is the mean of the source area it covers, source pixels cut by its edge
counted by the part inside. That is the one filter that neither aliases nor shifts, and two
steps of it give the same as one. Enlarging is bilinear between pixel centres.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import scipy.sparse

Pixels = NDArray[np.uint8]
Box = tuple[float, float, float, float]

# A misplacement this small changes no pixel by more than a quarter grey level.
_ALIGNED_WITHIN_PX = 1e-3

# Pyramids halve and quarter, so these are the ratios that occur; means over them are exact.
_INTEGER_RATIOS = (1, 2, 4, 8, 16, 32, 64)

# So many source rows at a time stay in the processor's cache as floats, and so many bytes.
_ROWS_AT_A_TIME = 48
_BYTES_AT_A_TIME = 2**18


def area_average(pixels: Pixels, box: Box, size: tuple[int, int]) -> Pixels:
    """Resample a box of a picture to `size` pixels by area averaging.

    Parameters
    ----------
    pixels : uint8 [height, width, 3].
    box : left, top, right, bottom in pixels of `pixels`; floats, inside the picture.
    size : width and height of the result in pixels.

    Returns
    -------
    uint8 [size[1], size[0], 3], rounded to nearest; a view of `pixels` where they are whole
    target pixels already. Along an axis on which the box holds
    fewer pixels than the result, values are interpolated bilinearly instead.

    Raises
    ------
    ValueError
        If the box is empty or leaves the picture, or the size is not positive.
    """
    height, width = pixels.shape[:2]
    left, top, right, bottom = box
    slack = _ALIGNED_WITHIN_PX
    if not (-slack <= left < right <= width + slack and -slack <= top < bottom <= height + slack):
        raise ValueError(f"box {box} is empty or leaves the picture of {width}x{height} px")
    if min(size) < 1:
        raise ValueError(f"size must be positive, not {size}")
    if (ratios := whole_ratios(box, size)) is not None:
        ratio_x, ratio_y = ratios
        x, y = round(left), round(top)
        aligned = pixels[y : y + size[1] * ratio_y, x : x + size[0] * ratio_x]
        return whole_means(aligned, ratio_x, ratio_y)
    return _exact_average(pixels, box, size)


def whole_ratios(box: Box, size: tuple[int, int]) -> tuple[int, int] | None:
    """How many whole source pixels, 2^n on each axis, make up a target pixel; None if none do."""
    left, top, right, bottom = box
    ratio_x = _aligned_ratio(left, right, size[0])
    ratio_y = _aligned_ratio(top, bottom, size[1])
    return (ratio_x, ratio_y) if ratio_x and ratio_y else None


def _aligned_ratio(start: float, stop: float, count: int) -> int | None:
    """The ratio of an axis on which 2^n whole source pixels make up each target pixel."""
    ratio = round((stop - start) / count)
    if ratio not in _INTEGER_RATIOS:
        return None
    begin = round(start)
    off = max(abs(start - begin), abs(stop - (begin + ratio * count)))
    return ratio if off <= _ALIGNED_WITHIN_PX else None


def whole_means(pixels: Pixels, ratio_x: int, ratio_y: int) -> Pixels:
    """Means of blocks of whole pixels, halves rounded up: `area_average` at such ratios.

    Parameters
    ----------
    pixels : uint8 [height, width, 3], sides multiples of the ratios.
    ratio_x, ratio_y : sides of a block, powers of two up to 64.
    """
    # Sums are whole numbers that float32 holds and the area is a power of two, so nothing is
    # rounded but the result.
    if ratio_x == ratio_y == 1:
        return pixels
    height, width = pixels.shape[0] // ratio_y, pixels.shape[1] // ratio_x
    means = np.empty((height, width, 3), np.uint8)
    weights = _channel_weights(ratio_x, ratio_x * ratio_y)
    step = max(1, _BYTES_AT_A_TIME // (3 * pixels.shape[1] * ratio_y))
    for start in range(0, height, step):
        stop = min(start + step, height)
        rows = np.ascontiguousarray(pixels[start * ratio_y : stop * ratio_y])
        rows = rows.reshape(stop - start, ratio_y, -1)
        columns = np.add.reduce(rows, axis=1, dtype=np.uint16).astype(np.float32)
        part = columns.reshape(-1, ratio_x * 3) @ weights
        part += np.float32(0.5)  # the cast to uint8 rounds down
        means[start:stop] = part.reshape(stop - start, width, 3)
    return means


@lru_cache(maxsize=64)
def _channel_weights(pixels: int, area: int) -> NDArray[np.float32]:
    """Weights [pixels * 3, 3] that add up the channels of pixels side by side over an area."""
    return np.tile(np.eye(3, dtype=np.float32), (pixels, 1)) / np.float32(area)


def _exact_average(pixels: Pixels, box: Box, size: tuple[int, int]) -> Pixels:
    """Two sparse products, rows first; both release the GIL."""
    left, top, right, bottom = box
    height, width = pixels.shape[:2]
    target_width, target_height = size
    across = _axis_weights(width, left, right, target_width)
    result = np.empty((target_height, target_width, 3), np.uint8)
    step = max(1, round(_ROWS_AT_A_TIME * target_height / (bottom - top)))
    row_edges = np.linspace(top, bottom, target_height + 1)
    for start in range(0, target_height, step):
        stop = min(start + step, target_height)
        # A row of margin on both sides holds the neighbours that bilinear weights reach for.
        first = max(0, int(row_edges[start]) - 1)
        last = min(height, int(row_edges[stop]) + 2)
        down = _axis_weights(
            last - first, row_edges[start] - first, row_edges[stop] - first, stop - start
        )
        source = pixels[first:last].reshape(last - first, width * 3).astype(np.float32)
        rows = (down @ source).reshape(stop - start, width, 3)
        columns = np.ascontiguousarray(rows.transpose(1, 0, 2)).reshape(width, -1)
        averaged = (across @ columns).reshape(target_width, stop - start, 3)
        averaged += np.float32(0.5)  # the cast to uint8 rounds down
        result[start:stop] = averaged.transpose(1, 0, 2)
    return result


@lru_cache(maxsize=512)
def _axis_weights(length: int, start: float, stop: float, count: int) -> scipy.sparse.csr_array:
    """Weights [count, length] of source pixels in target pixels along one axis, rows sum to 1."""
    import scipy.sparse  # a tenth of a second that opening a slide does without

    ratio = (stop - start) / count
    low = start + ratio * np.arange(count)
    high = low + ratio
    if ratio < 1:
        centre = (low + high) / 2 - 0.5
        first = np.floor(centre).astype(np.int64)
        columns = first[:, None] + np.arange(2)
        weights = np.stack([1 - (centre - first), centre - first], axis=1)
    else:
        first = np.floor(low).astype(np.int64)
        columns = first[:, None] + np.arange(int(np.ceil(ratio)) + 1)
        covered = np.minimum(columns + 1, high[:, None]) - np.maximum(columns, low[:, None])
        weights = np.clip(covered, 0, None) / ratio
    rows = np.broadcast_to(np.arange(count)[:, None], columns.shape)
    used = weights > 1e-9
    # Past the edge the last pixel is repeated; area weights reach there by rounding only.
    inside = np.clip(columns[used], 0, length - 1)
    return scipy.sparse.csr_array(
        (weights[used].astype(np.float32), (rows[used], inside)), shape=(count, length)
    )
