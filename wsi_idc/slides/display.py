"""Arrays as pictures, for notebooks: what slides, masks and maps show themselves as."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

SHOWN_SIDE_PX = 800
"""Longer side of what a notebook shows."""


def png_bytes(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG file of a drawing, uint8 [height, width] or RGB [height, width, 3].

    Larger ones are shrunk to `SHOWN_SIDE_PX`; in smaller ones each pixel becomes a square, so that
    single cells can be told apart.
    """
    side = max(pixels.shape[:2])
    if side <= SHOWN_SIDE_PX // 2:
        times = SHOWN_SIDE_PX // side
        pixels = pixels.repeat(times, axis=0).repeat(times, axis=1)
    return _file_of(pixels, "PNG")


def jpeg_bytes(pixels: NDArray[np.uint8]) -> bytes:
    """A JPEG file of a photograph, uint8 RGB [height, width, 3], at most `SHOWN_SIDE_PX` large."""
    return _file_of(pixels, "JPEG", quality=85)


def _file_of(pixels: NDArray[np.uint8], format: str, **options: int) -> bytes:
    from PIL import Image

    image = Image.fromarray(pixels)
    image.thumbnail((SHOWN_SIDE_PX, SHOWN_SIDE_PX))
    file = io.BytesIO()
    image.save(file, format=format, **options)
    return file.getvalue()
