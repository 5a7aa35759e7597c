"""Plain pictures that others made, opened and decoded with one kind of error for all that is wrong.

Pillow knows seventy formats, one of which (EPS) it hands to another program, and what its readers
raise over a damaged file is whatever they come upon. So a few formats are opened, no picture is
decoded that is larger than its user can take, and an error is a `PictureError`.
"""

from __future__ import annotations

import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from wsi_idc.errors import WsiIdcError
from wsi_idc.privacy import reason_of

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP")
"""The formats that are opened."""

MOST_SCANS = 100
"""Progressive JPEGs have about ten scans, and each costs a pass over all pixels, however few bytes
it has: a megabyte of scans keeps libjpeg busy for hours."""

_START_OF_SCAN = b"\xff\xda"
# Start of a frame that is coded one block after the other: baseline and extended, Huffman.
_SEQUENTIAL = (0xC0, 0xC1)
_WITHOUT_LENGTH = (0x00, 0x01, *range(0xD0, 0xDA), 0xFF)
_CHUNK = 2**20

STUMBLES = (
    *(OSError, EOFError, SyntaxError, ValueError, TypeError, KeyError, IndexError, AttributeError),
    *(OverflowError, ZeroDivisionError, struct.error, Image.DecompressionBombError),
)
"""What Pillow's readers raise over a damaged file, beside errors of their own."""

_opening = threading.Lock()


class PictureError(ValueError):
    """A picture cannot be read; the message says why, and not which."""


class PictureTooLargeError(PictureError):
    """A picture has more pixels than its user takes.

    Attributes
    ----------
    size : its width and height in pixels.
    """

    def __init__(self, size: tuple[int, int], most_pixels: int) -> None:
        super().__init__(f"{size[0]}x{size[1]} px, at most {most_pixels:,} px")
        self.size = size


@contextmanager
def opened_picture(
    file: Path | BinaryIO,
    most_pixels: int,
    formats: tuple[str, ...] = FORMATS,
    *,
    to_decode: bool = True,
) -> Iterator[Image.Image]:
    """Open a picture; what Pillow stumbles over while the block decodes it is an error as well.

    Parameters
    ----------
    file : the picture, or a file object of all of it.
    most_pixels : more are refused before they are decoded.
    formats : which of Pillow's are opened.
    to_decode : whether the block decodes it; else a JPEG's scans need not be counted.

    Raises
    ------
    PictureError
        If it is damaged, of another format, or would take for ever to decode.
    PictureTooLargeError
        If it has more pixels.
    OSError
        If the file itself cannot be read: it is not there, or not for this user.
    """
    if isinstance(file, Path) and file.exists() and not (file.is_file() or file.is_dir()):
        raise PictureError("it is a pipe or a device, which may never end")
    try:
        with _opened(file, formats) as image:
            width, height = image.size
            if width * height > most_pixels:
                raise PictureTooLargeError(image.size, most_pixels)
            if to_decode and image.format in ("JPEG", "MPO") and _has_too_many_scans(file):
                raise PictureError(f"it has more than {MOST_SCANS} scans")
            yield image
    except (PictureError, WsiIdcError):
        raise
    except STUMBLES as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise PictureError(reason_of(error) or type(error).__name__) from error


def frames_of(image: Image.Image) -> int:
    """How many pictures the file of an opened picture holds; its errors are the block's."""
    with _without_limit():
        return int(getattr(image, "n_frames", 1))


def has_too_many_scans(stream: bytes) -> bool:
    """Whether a JPEG stream has more scans than one that is meant to be seen."""
    # Within the data of a scan the two bytes cannot stand: there 0 follows every 255.
    return not _is_of_one_scan(stream) and stream.count(_START_OF_SCAN) > MOST_SCANS


def _is_of_one_scan(stream: bytes) -> bool:
    """Whether libjpeg refuses to go on after the first scan, which most streams do not either.

    So it does where that holds all components and the stream is not progressive.
    """
    at, components = 2, 0
    while at + 10 <= len(stream) and stream[at] == 0xFF:
        marker = stream[at + 1]
        if marker in _SEQUENTIAL:
            components = stream[at + 9]
        elif marker == _START_OF_SCAN[1]:
            return 0 < stream[at + 4] == components
        elif marker in _WITHOUT_LENGTH:
            return False
        at += 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
    return False


def _has_too_many_scans(file: Path | BinaryIO) -> bool:
    if not isinstance(file, Path):
        file.seek(0)
        return has_too_many_scans(file.read())
    scans, last = 0, b""
    with file.open("rb") as opened:
        while part := opened.read(_CHUNK):
            scans += (last + part).count(_START_OF_SCAN)
            last = part[-1:]
    return scans > MOST_SCANS


def _opened(file: Path | BinaryIO, formats: tuple[str, ...]) -> Image.Image:
    with _without_limit():
        return Image.open(file, formats=formats)


@contextmanager
def _without_limit() -> Iterator[None]:
    """Without Pillow's own limit of pixels, which is lower than some pictures need."""
    with _opening:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the error says all that a user can act on
                yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit
