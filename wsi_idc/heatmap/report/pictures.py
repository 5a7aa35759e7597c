"""Pictures inside a page: small enough for the page's budget, as data URLs."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Tissue is fine texture: below the last quality, fewer pixels look better than worse ones.
_QUALITIES = (85, 75, 65, 55)


def jpeg(pixels: NDArray[np.uint8], *, most_bytes: int) -> bytes:
    """A picture as a JPEG file of at most `most_bytes`: quality, then size, give way.

    Parameters
    ----------
    pixels : uint8 RGB [height, width, 3].
    """
    image = Image.fromarray(pixels)
    while True:
        for quality in _QUALITIES:
            file = io.BytesIO()
            image.save(file, format="JPEG", quality=quality, optimize=True)
            if file.tell() <= most_bytes or max(image.size) == 1:
                return file.getvalue()
        smaller = (max(1, image.width * 3 // 4), max(1, image.height * 3 // 4))
        image = image.resize(smaller, Image.Resampling.LANCZOS)


def png(pixels: NDArray[np.uint8]) -> bytes:
    """A small picture of flat colours, uint8 RGB, as a PNG file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG")
    return file.getvalue()


def data_url(file: bytes, kind: str) -> str:
    """A `jpeg` or `png` file as a URL that holds it."""
    return f"data:image/{kind};base64,{base64.b64encode(file).decode('ascii')}"
