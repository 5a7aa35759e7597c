"""Colour of a picture against the glass of its slide: saturation, and densities of stains.

Optical densities are natural logarithms of the light that glass lets through over the light
that is seen (Beer-Lambert), so that stains add up and tinted or dim glass does not matter.

References
----------
Ruifrok and Johnston, Quantification of histochemical staining by color deconvolution, 2001
(optical density of stains; here their hue is all that is used, since it varies).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from wsi_idc.tissue.bands import bands

FloatArray = NDArray[np.float32]

_WHITE = np.array([244.0, 244.0, 244.0], np.float32)
# Glass is bright, and green is not what it lacks most: haematoxylin and eosin take away green
# first, so that pale tissue is never mistaken for tinted glass.
_DARKEST_GLASS = 170.0
_GREEN_DEFICIT = 8.0
_LARGEST_TINT = 0.2
# Less than this of the picture is no ground to judge glass by.
_LEAST_GLASS = 0.005
# A frame of pure white is filled in by software: there is glass beside it.
_FILLED_IN = 253.0
_MODE_WIDTH = 5.0
# So many pixels, evenly spread, tell a colour as well as all of a large picture.
_ENOUGH_PIXELS = 250_000
# In the dark a difference of one grey level is a large saturation: the floor tames it.
_SATURATION_FLOOR = 40 / 255

# What takes away red or blue more than green is ink, rust or tinted glass: it counts against.
_OTHER_COLOUR = 2.0


def smoothed(pixels: NDArray[np.uint8], sigma_px: float) -> FloatArray:
    """Smooth the colours: uint8 RGB [height, width, 3] to float32 [3, height, width].

    The colours are smoothed and not what is made of them: noise about grey has a saturation
    above zero, but its mean colour has none.
    """
    result = np.empty((3, *pixels.shape[:2]), np.float32)

    def smooth(channel: int) -> None:
        ndimage.gaussian_filter(
            pixels[..., channel],
            sigma_px,
            output=result[channel],
            mode="nearest",
            truncate=3.0,
        )

    with ThreadPoolExecutor(3, thread_name_prefix="smooth") as pool:
        list(pool.map(smooth, range(3)))
    return result


def glass_colour(smooth: FloatArray) -> FloatArray:
    """The colour of empty glass, float32 [3], 0 to 255.

    The most frequent brightness among pixels that may be glass, and the median colour there;
    near-white where there is no glass in the picture.
    """
    step = max(1, round((smooth[0].size / _ENOUGH_PIXELS) ** 0.5))
    smooth = smooth[:, ::step, ::step]
    red, green, blue = smooth
    brightest = np.maximum(np.maximum(red, green), blue)
    darkest = np.minimum(np.minimum(red, green), blue)
    may_be = brightest >= _DARKEST_GLASS
    may_be &= green >= np.minimum(red, blue) - _GREEN_DEFICIT
    may_be &= brightest - darkest <= _LARGEST_TINT * brightest
    least = _LEAST_GLASS * may_be.size
    seen = may_be & (darkest < _FILLED_IN)
    if np.count_nonzero(seen) < least:
        seen = may_be
    if np.count_nonzero(seen) < least:
        return _WHITE
    colours = smooth[:, seen]
    level = colours.mean(axis=0)
    counts, edges = np.histogram(level, bins=int(256 / _MODE_WIDTH), range=(0, 256))
    peak = edges[int(np.argmax(counts))] + (edges[1] - edges[0]) / 2
    near = np.abs(level - peak) <= _MODE_WIDTH
    return np.asarray(np.median(colours[:, near], axis=1), np.float32)


def saturation(smooth: FloatArray, glass: FloatArray) -> FloatArray:
    """Saturation against glass, float32 [height, width], 0 to 1."""
    red, green, blue = np.minimum(smooth / glass[:, None, None], 1)
    brightest = np.maximum(np.maximum(red, green), blue)
    darkest = np.minimum(np.minimum(red, green), blue)
    return np.asarray((brightest - darkest) / np.maximum(brightest, np.float32(_SATURATION_FLOOR)))


def optical_density(
    smooth: FloatArray, glass: FloatArray, out: FloatArray | None = None
) -> FloatArray:
    """Natural-log optical density against glass, float32 [3, height, width], 0 and more.

    `out` takes it, and may be `smooth` itself: of a whole section either is 100 MB and more.
    """
    result = np.add(smooth, 1, out=out)
    result /= glass[:, None, None] + 1
    np.clip(result, 1e-3, 1, out=result)
    np.log(result, out=result)
    return np.asarray(np.negative(result, out=result))


def stain_density(density: FloatArray) -> FloatArray:
    """How much haematoxylin or eosin there is, float32 [height, width], from R, G, B densities.

    Both stains take away green most: eosin spares the red, haematoxylin the blue. So either
    is seen as green density above the lower of the two others, in which grey things (shadows,
    dirt, edges of cover slips) have no part. Ink and rust take away red or blue more than
    green, which no mixture of the stains does; that counts against them.
    """
    stain = np.empty(density.shape[1:], np.float32)
    for rows in bands(stain.shape):
        red, green, blue = density[:, rows]
        stain[rows] = green - np.minimum(red, blue)
        stain[rows] -= _OTHER_COLOUR * np.maximum(np.maximum(red, blue) - green, 0)
    return stain
