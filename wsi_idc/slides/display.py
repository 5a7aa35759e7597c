"""Arrays as pictures, for notebooks: what `_repr_png_` of slides, masks and maps gives."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

SHOWN_SIDE_PX = 800
"""Longer side of what a notebook shows."""


def png_bytes(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG file of pixels, uint8 [height, width] or RGB [height, width, 3].

    Larger pictures are shrunk to `SHOWN_SIDE_PX`; in smaller ones each pixel becomes a square,
    so that single cells can be told apart.
    """
    from PIL import Image

    side = max(pixels.shape[:2])
    if side <= SHOWN_SIDE_PX // 2:
        times = SHOWN_SIDE_PX // side
        pixels = pixels.repeat(times, axis=0).repeat(times, axis=1)
    image = Image.fromarray(pixels)
    image.thumbnail((SHOWN_SIDE_PX, SHOWN_SIDE_PX))
    file = io.BytesIO()
    image.save(file, format="PNG")
    return file.getvalue()
