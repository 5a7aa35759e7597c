"""Pixels out of OpenSlide into an array, without a picture of Pillow's in between.

`OpenSlide.read_region` gives a Pillow picture, from which NumPy gets its pixels in pieces: half as
long again as OpenSlide took to decode them. So the C function underneath is called with the
array's own memory, as openslide-python does with its own; where another version of it keeps that
function elsewhere, the picture is taken after all.
"""

from __future__ import annotations

import ctypes
import sys

import numpy as np
import openslide
from numpy.typing import NDArray
from openslide import lowlevel

from wsi_idc.slides.info import Rgb

Pixels = NDArray[np.uint8]

_HAS_FUNCTION = hasattr(lowlevel, "_read_region") and hasattr(lowlevel, "_OpenSlide")


def read_rgb(
    handle: openslide.OpenSlide,
    location: tuple[int, int],
    level: int,
    size: tuple[int, int],
    background: Rgb,
) -> Pixels:
    """Read a region as `OpenSlide.read_region` does, laid on a colour.

    Scanners leave out what they did not scan, and OpenSlide makes it transparent black.

    Parameters
    ----------
    location : level-0 pixels.
    level : OpenSlide's number of the level.
    size : width and height in pixels of the level, at least 1.
    background : what transparent pixels show.

    Returns
    -------
    uint8 RGB [height, width, 3].

    Raises
    ------
    openslide.OpenSlideError
        If the file is damaged there.
    """
    width, height = size
    if not (_HAS_FUNCTION and hasattr(handle, "_osr")):
        rgba = np.asarray(handle.read_region(location, level, size))
        alpha = rgba[..., 3:].astype(np.uint16)
        premultiplied = (rgba[..., :3] * alpha + 127) // 255
        return _on(premultiplied, alpha, background)
    # 32-bit numbers 0xAARRGGBB in the machine's byte order, colours multiplied by alpha.
    argb = np.empty((height, width), np.uint32)
    memory = argb.ctypes.data_as(ctypes.POINTER(ctypes.c_uint32))
    lowlevel._read_region(handle._osr, memory, *location, level, width, height)
    if argb.min() >= 0xFF000000:  # opaque everywhere
        result = np.empty((height, width, 3), np.uint8)
        channels = argb.view(np.uint8).reshape(height, width, 4)
        for channel, byte in enumerate((2, 1, 0) if sys.byteorder == "little" else (1, 2, 3)):
            result[..., channel] = channels[..., byte]
        return result
    alpha = (argb >> 24)[..., None].astype(np.uint16)
    rgb = (argb[..., None] >> np.array([16, 8, 0], np.uint32)) & 255
    return _on(rgb.astype(np.uint16), alpha, background)


def _on(premultiplied: NDArray[np.uint16], alpha: NDArray[np.uint16], background: Rgb) -> Pixels:
    behind = (np.array(background, np.uint16) * (255 - alpha) + 127) // 255
    return np.minimum(premultiplied + behind, 255).astype(np.uint8)
