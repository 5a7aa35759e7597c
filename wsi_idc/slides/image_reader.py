"""Plain images as slides of one level, through Pillow: PNG, JPEG, BMP, WebP, and TIFFs that
are not in 8-bit RGB or grey.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from wsi_idc.errors import SlideError, SlideReadError
from wsi_idc.privacy import reason_of
from wsi_idc.slides.base import DAMAGED, Pixels, Slide
from wsi_idc.slides.describe import describe_slide
from wsi_idc.slides.info import WHITE, Level
from wsi_idc.slides.openslide_reader import on_background
from wsi_idc.slides.pictures import (
    FORMATS,
    STUMBLES,
    PictureError,
    PictureTooLargeError,
    frames_of,
    opened_picture,
)
from wsi_idc.slides.scale_statements import resolution_properties

# A plain image is held in memory whole, 1.2 GB at this size (20,000 x 20,000 px), and takes 2.9
# while it is decoded, 4 if it is a progressive JPEG. Larger ones belong in a pyramidal TIFF; larger
# by accident are decompression bombs.
MAX_IMAGE_PIXELS = 400_000_000

_ROWS_AT_A_TIME = 256

_DESCRIPTION_TAG, _X_TAG, _Y_TAG, _UNIT_TAG, _TILE_WIDTH_TAG = 270, 282, 283, 296, 322
_INCH = 2  # what a TIFF means that names no unit


def can_open(path: Path) -> bool:
    """Whether Pillow knows the file's format, among those that stand for slides.

    Tiled TIFFs are not taken: they are OpenSlide's, and one that it refuses is more likely a
    damaged slide, of which Pillow would see the first page only.
    """
    try:
        with opened_picture(path, sys.maxsize, to_decode=False) as image:
            return _TILE_WIDTH_TAG not in getattr(image, "tag_v2", ())
    except (PictureError, OSError):
        return False


class ImageReader(Slide):
    """A plain image as a slide of one level, decoded at the first read.

    Parameters
    ----------
    path : the image.
    slide_mpp : microns per pixel given by the user, one number or (x, y).

    Raises
    ------
    SlideReadError
        If it is not such an image, or has more than 400 million pixels.
    MissingMppError
        If the image has no plausible resolution tags and no µm/px were given.
    """

    def __init__(self, path: Path, slide_mpp: float | tuple[float, float] | None = None) -> None:
        self._pixels: Pixels | None = None
        with _opened(path) as image:
            profile = image.info.get("icc_profile")
            # A damaged TIFF may have a text there.
            self.icc_profile = profile if profile and isinstance(profile, bytes) else None
            self.info = describe_slide(
                path,
                _properties(image),
                [image.size],
                slide_mpp,
                reader="image",
                vendor="image",
                tags_name=f"{image.format} resolution tags",
                has_icc_profile=self.icc_profile is not None,
                notes=_notes(path, image),
            )

    def _read_inside(self, level: Level, x: int, y: int, width: int, height: int) -> Pixels:
        if self._pixels is None:
            self._pixels = _decode(self.info.path)
        return self._pixels[y : y + height, x : x + width].copy()

    def close(self) -> None:
        """Let go of the pixels."""
        self._pixels = None


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Opened to look at, not to decode."""
    try:
        with opened_picture(path, MAX_IMAGE_PIXELS, to_decode=False) as image:
            yield image
    except PictureTooLargeError as error:
        raise SlideReadError(
            f"{path}: a plain image of {error.size[0]}x{error.size[1]} px is too large to hold in "
            f"memory (at most {MAX_IMAGE_PIXELS:,} px); convert it to a tiled, pyramidal TIFF"
        ) from error
    except (PictureError, OSError) as error:
        if isinstance(error, SlideError):
            raise
        raise SlideReadError(
            f"{path}: not a plain image that can be read ({', '.join(FORMATS)}); "
            "it is of another format, or damaged: convert it, or copy it again"
        ) from error


def _decode(path: Path) -> Pixels:
    try:
        with opened_picture(path, MAX_IMAGE_PIXELS) as image:
            image.load()
            return _to_rgb(image)
    except (PictureError, OSError) as error:
        raise SlideReadError(
            f"{path}: the image cannot be decoded: {error}; it is probably damaged or was "
            "not copied whole: copy it again, or save it as 8-bit RGB"
        ) from error


def _to_rgb(image: Image.Image) -> Pixels:
    """Any Pillow mode as uint8 RGB: 16 bits scaled to 8, transparency laid on white."""
    if image.mode.startswith("I"):  # 16-bit grey; Pillow's own conversion would clip it
        grey = np.asarray(image).astype(np.int64)
        if grey.min() < 0 or grey.max() > 65535:
            raise ValueError("its grey values exceed 16 bits")
        return np.repeat(((grey * 255 + 32767) // 65535).astype(np.uint8)[..., None], 3, axis=2)
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers, not colours")
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "La", "RGBa"):
        if image.mode in ("La", "RGBa"):
            image = image.convert({"La": "LA", "RGBa": "RGBA"}[image.mode])
        return on_background(image.convert("RGBA"), WHITE)
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for top in range(0, image.height, _ROWS_AT_A_TIME):  # Pillow passes on copies of copies
        rows = image.crop((0, top, image.width, min(top + _ROWS_AT_A_TIME, image.height)))
        pixels[top : top + rows.height] = np.asarray(rows.convert("RGB"))
    return pixels


def _notes(path: Path, image: Image.Image) -> list[str]:
    try:
        frames = frames_of(image)
    except STUMBLES as error:
        raise SlideReadError(
            f"{path}: its list of pictures is damaged ({reason_of(error)}); {DAMAGED}"
        ) from error
    if frames == 1:
        return []
    return [f"the file has {frames} pictures; the first one is read, as a plain image"]


def _properties(image: Image.Image) -> dict[str, str]:
    """What the image says of its scale, under OpenSlide's names."""
    tags = getattr(image, "tag_v2", None)
    if tags is None:  # PNG, JPEG, BMP: Pillow turns what has a unit into dots per inch
        dpi = image.info.get("dpi")
        x, y = dpi or (None, None)
        return resolution_properties(_INCH, x, y)
    description = tags.get(_DESCRIPTION_TAG, "")
    return resolution_properties(tags.get(_UNIT_TAG, _INCH), tags.get(_X_TAG), tags.get(_Y_TAG)) | {
        "tiff.ImageDescription": str(description)
    }
