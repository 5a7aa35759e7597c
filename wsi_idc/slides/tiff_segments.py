"""Tiles and strips of a TIFF, decoded one by one.

tifffile knows where they lie; without a further library it decodes few of them. Pillow
carries libtiff, which decodes them all. So a segment is handed to Pillow as a TIFF of its own:
a header of some 200 bytes and the segment's bytes as they are in the file.
"""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wsi_idc.slides.pictures import MOST_SCANS, has_too_many_scans

# Kept by Pillow's libtiff, whatever the platform: none, LZW, JPEG, deflate (two numbers),
# packbits.
_LIBTIFF = (1, 5, 7, 8, 32946, 32773)
JPEG, _DEFLATE_OLD = 7, 32946
# JPEG 2000 code streams of RGB; Aperio's YCbCr ones (33003) are OpenSlide's.
_JPEG2000 = (33005, 34712)

SUPPORTED_COMPRESSION = (*_LIBTIFF, *_JPEG2000)
"""TIFF compression numbers that `decode_segment` knows."""

GREY, RGB, YCBCR = 1, 2, 6
"""TIFF's numbers of what samples mean."""

_SHORT, _LONG, _UNDEFINED = 3, 4, 7
_BYTES_OF_TYPE = {_SHORT: 2, _LONG: 4, _UNDEFINED: 1}


def decode_segment(page: Any, data: bytes, width: int, height: int) -> NDArray[np.uint8]:
    """Decode a tile or strip.

    Parameters
    ----------
    page : tifffile's page, of 8 bits a sample and a compression in `SUPPORTED_COMPRESSION`.
    data : the segment's bytes as they are in the file.
    width, height : its size in pixels.

    Returns
    -------
    uint8 [height, width, samples]; one sample where planes are kept apart.

    Raises
    ------
    OSError, SyntaxError, ValueError
        If it is damaged.
    """
    samples = int(page.samplesperpixel) // planes_of(page)
    if page.compression in _JPEG2000:
        image = _opened(data, "JPEG2000")
    else:
        if page.compression == JPEG and has_too_many_scans(data):
            raise ValueError(f"a segment has more than {MOST_SCANS} scans")
        image = _opened(_tiff_of(page, data, width, height, samples), "TIFF")
    with image:
        if image.size != (width, height):  # before it is decoded: it may say millions
            raise ValueError(f"a segment of {width}x{height} px says it has {image.size}")
        image.load()
        pixels = np.asarray(image)
    if pixels.shape[:2] != (height, width) or pixels.size != width * height * samples:
        raise ValueError(f"a segment holds {pixels.shape} values, not {height}x{width}x{samples}")
    return pixels.reshape(height, width, samples)


def _opened(content: bytes, form: str) -> Image.Image:
    try:
        return Image.open(io.BytesIO(content), formats=[form])
    except Image.DecompressionBombError as error:
        raise ValueError(str(error)) from error


def planes_of(page: Any) -> int:
    """How many segments, one for each colour, make up the pixels of a place."""
    return int(page.samplesperpixel) if int(page.planarconfig) == 2 else 1


def _tiff_of(page: Any, data: bytes, width: int, height: int, samples: int) -> bytes:
    """A TIFF of one strip that holds the segment."""
    compression = int(page.compression)
    # A plane of its own is grey to whoever reads it alone.
    photometric = int(page.photometric) if samples == int(page.samplesperpixel) else GREY
    if compression == JPEG and photometric == RGB and data[6:10] == b"JFIF":
        photometric = YCBCR  # what JFIF is by definition, though some writers call it RGB
    tags: dict[int, tuple[int, tuple[int, ...] | bytes]] = {
        256: (_LONG, (width,)),
        257: (_LONG, (height,)),
        258: (_SHORT, (8,) * samples),
        259: (_SHORT, (compression if compression != _DEFLATE_OLD else 8,)),
        262: (_SHORT, (photometric,)),
        266: (_SHORT, (int(page.fillorder),)),
        277: (_SHORT, (samples,)),
        278: (_LONG, (height,)),
        279: (_LONG, (len(data),)),
        284: (_SHORT, (1,)),
    }
    if int(page.predictor) > 1:
        tags[317] = (_SHORT, (int(page.predictor),))
    if samples == 4:
        extra = page.extrasamples
        tags[338] = (_SHORT, (int(extra[0]) if extra else 2,))
    # Of a JPEG, libtiff takes the subsampling from the stream where no tag tells it, and rightly.
    if compression == JPEG and page.jpegtables:
        tags[347] = (_UNDEFINED, bytes(page.jpegtables))
    return _assembled(tags, data)


def _assembled(tags: dict[int, tuple[int, tuple[int, ...] | bytes]], data: bytes) -> bytes:
    """Header, directory, values that do not fit into it, and the data, little-endian."""
    values = {}
    for tag, (kind, value) in tags.items():
        encoded = (
            value
            if isinstance(value, bytes)
            else struct.pack(f"<{len(value)}{'H' if kind == _SHORT else 'L'}", *value)
        )
        values[tag] = kind, len(encoded) // _BYTES_OF_TYPE[kind], encoded
    strip_offsets = 273
    values[strip_offsets] = _LONG, 1, b""
    end_of_directory = 8 + 2 + 12 * len(values) + 4
    beyond = b"".join(
        encoded + b"\0" * (len(encoded) % 2)
        for _, (_, _, encoded) in sorted(values.items())
        if len(encoded) > 4
    )
    values[strip_offsets] = _LONG, 1, struct.pack("<L", end_of_directory + len(beyond))
    entries = []
    at = end_of_directory
    for tag, (kind, count, encoded) in sorted(values.items()):
        field = encoded.ljust(4, b"\0")
        if len(encoded) > 4:
            field = struct.pack("<L", at)
            at += len(encoded) + len(encoded) % 2
        entries.append(struct.pack("<HHL", tag, kind, count) + field)
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + struct.pack("<L", 0)
    return struct.pack("<2sHL", b"II", 42, 8) + directory + beyond + data
