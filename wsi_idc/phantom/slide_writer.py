"""Write a pyramidal, tiled TIFF that OpenSlide opens: how made slides come to be files.

Level 0 is asked for strip by strip and never held whole. The reduced levels grow as exact
area averages of the same strips; only their compressed tiles wait in memory until level 0 is
on disk, since a TIFF holds one level after the other.
"""

from __future__ import annotations

import io
import itertools
import math
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
import tifffile
from PIL import Image

from wsi_idc.errors import SettingsError
from wsi_idc.files import whole_file
from wsi_idc.phantom.pyramid import GrowingLevel, Pixels, cut_tiles, reduce_strip

Compression = Literal["jpeg", "deflate"]
Vendor = Literal["aperio", "generic"]

# Pillow and zlib release the GIL while they encode; more threads than this only wait for strips.
_ENCODING_THREADS = 4
# Classic TIFF offsets are 32 bits. Pixels seldom grow when compressed, tags need a little room.
_CLASSIC_TIFF_LIMIT_BYTES = 2**32 - 2**25
_DEFLATE_LEVEL = 6


def write_slide(
    path: Path,
    rows: Callable[[int, int], Pixels],
    width: int,
    height: int,
    *,
    mpp: float | tuple[float, float] | None,
    downsamples: Sequence[int] = (1, 4, 16),
    tile: int = 256,
    compression: Compression = "jpeg",
    quality: int = 85,
    vendor: Vendor = "aperio",
    objective_power: float | None = None,
) -> None:
    """Write a slide from strips of its level 0, whole or not at all.

    The same pixels and settings give the same bytes.

    Parameters
    ----------
    path : the file to write, usually `.tif` or `.svs`.
    rows : called as ``rows(y0, y1)`` from top to bottom, each row asked for once; returns
        uint8 RGB [y1 - y0, width, 3].
    width, height : size of level 0 in pixels.
    mpp : microns per level-0 pixel, one number or (x, y); None writes a slide that does not
        say. The Aperio form holds one number only.
    downsamples : level-0 pixels per pixel of each level, starting with 1, each a multiple of
        the one before. A level's size is floor(size / downsample), as in Aperio's files, and
        each of its pixels the rounded mean of a whole square of level-0 pixels.
    tile : side of a tile in pixels, a multiple of 16.
    compression : `jpeg` (YCbCr, chroma halved) or `deflate` (lossless).
    quality : JPEG quality, 1 to 95.
    vendor : `aperio` puts µm/px and objective power into an Aperio ImageDescription;
        `generic` puts µm/px into the TIFF resolution tags (pixels per centimetre).
    objective_power : the scanner's objective, 40.0 for 40x; `aperio` only.

    Raises
    ------
    SettingsError
        If a setting cannot be written in that form.
    OutputError
        If the file cannot be written.
    """
    mpp_xy = _checked_mpp(mpp, vendor, objective_power)
    _check_pyramid(width, height, downsamples, tile)
    if not 1 <= quality <= 95:
        raise SettingsError(f"JPEG quality must be within 1 to 95, not {quality}")

    def encode(pixels: Pixels) -> bytes:
        return _encoded(pixels, compression, quality)

    levels = [
        GrowingLevel(downsample, width // downsample, height // downsample, tile)
        for downsample in downsamples
    ]
    raw_bytes = sum(3 * level.width * level.height for level in levels)
    with whole_file(path) as temporary, ThreadPoolExecutor(_ENCODING_THREADS) as threads:
        with tifffile.TiffWriter(temporary, bigtiff=raw_bytes > _CLASSIC_TIFF_LIMIT_BYTES) as tiff:
            for level in levels:
                tiles = (
                    _level0_tiles(rows, levels, tile, encode, threads)
                    if level.downsample == 1
                    else (encoding.result() for encoding in level.encodings)
                )
                tiff.write(
                    tiles,
                    shape=(level.height, level.width, 3),
                    dtype=np.uint8,
                    tile=(tile, tile),
                    compression="adobe_deflate",
                    metadata=None,
                    software=False,
                    **_color_tags(compression),
                    **_metadata_tags(level, levels[0], mpp_xy, vendor, objective_power, quality),
                )
        if compression == "jpeg":
            _tag_as_jpeg(temporary)


def write_slide_from_array(
    path: Path,
    pixels: Pixels,
    *,
    mpp: float | tuple[float, float] | None,
    downsamples: Sequence[int] = (1, 4, 16),
    tile: int = 256,
    compression: Compression = "jpeg",
    quality: int = 85,
    vendor: Vendor = "aperio",
    objective_power: float | None = None,
) -> None:
    """Write a slide from its whole level 0, uint8 RGB [height, width, 3].

    The other parameters and the errors are those of `write_slide`.
    """
    height, width = pixels.shape[:2]
    write_slide(
        path,
        lambda y0, y1: pixels[y0:y1],
        width,
        height,
        mpp=mpp,
        downsamples=downsamples,
        tile=tile,
        compression=compression,
        quality=quality,
        vendor=vendor,
        objective_power=objective_power,
    )


def _level0_tiles(
    rows: Callable[[int, int], Pixels],
    levels: list[GrowingLevel],
    tile: int,
    encode: Callable[[Pixels], bytes],
    threads: ThreadPoolExecutor,
) -> Iterator[bytes]:
    """Yield the encoded tiles of level 0, filling `encodings` of the others on the way.

    One strip is encoded in the threads while the next one is being drawn.
    """
    full = levels[0]
    # Strips of whole tiles and whole averaging squares: no square is ever cut by a strip.
    strip_height = math.lcm(tile, levels[-1].downsample)
    in_work: deque[Future[bytes]] = deque()
    for y0 in range(0, full.height, strip_height):
        y1 = min(y0 + strip_height, full.height)
        strip = rows(y0, y1)
        if strip.shape != (y1 - y0, full.width, 3) or strip.dtype != np.uint8:
            raise SettingsError(
                f"rows({y0}, {y1}) gave {strip.dtype} {strip.shape}, "
                f"expected uint8 {(y1 - y0, full.width, 3)}"
            )
        of_earlier_strips = len(in_work)
        for level, reduced in zip(levels, reduce_strip(strip, levels), strict=True):
            encodings = in_work if level is full else level.encodings
            for tile_row in level.tile_rows(reduced):
                encodings.extend(threads.submit(encode, part) for part in cut_tiles(tile_row, tile))
        for _ in range(of_earlier_strips):
            yield in_work.popleft().result()
    while in_work:
        yield in_work.popleft().result()


def _encoded(pixels: Pixels, compression: Compression, quality: int) -> bytes:
    if compression == "deflate":
        return zlib.compress(pixels.tobytes(), _DEFLATE_LEVEL)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality, subsampling="4:2:0")
    return stream.getvalue()


def _color_tags(compression: Compression) -> dict[str, object]:
    if compression == "jpeg":
        return {"photometric": "ycbcr"}
    return {"photometric": "rgb"}


def _tag_as_jpeg(path: Path) -> None:
    """Correct the tags of tiles that are JPEG already.

    tifffile takes finished JPEG tiles only where imagecodecs is installed, though it would not
    use it; so they are handed over as deflate, which it does not look into either.
    """
    with tifffile.TiffFile(path, mode="r+") as tiff:
        for page in tiff.pages:
            page.tags["Compression"].overwrite(int(tifffile.COMPRESSION.JPEG))
            page.tags["YCbCrSubSampling"].overwrite((2, 2))


def _metadata_tags(
    level: GrowingLevel,
    full: GrowingLevel,
    mpp: tuple[float, float] | None,
    vendor: Vendor,
    objective_power: float | None,
    quality: int,
) -> dict[str, object]:
    if vendor == "aperio":
        size = f"{full.width}x{full.height}"
        if level is full:
            size += f" [0,0 {size}] ({level.tile}x{level.tile}) JPEG/RGB Q={quality}"
        else:
            size += f" -> {level.width}x{level.height}"
        # OpenSlide knows the format by the first word and splits the rest at the bars.
        entries = ["Aperio Image Library\r\n" + size]
        if objective_power is not None:
            entries.append(f"AppMag = {objective_power:g}")
        if mpp is not None:
            entries.append(f"MPP = {mpp[0]:#.4f}" if _short(mpp[0]) else f"MPP = {mpp[0]!r}")
        return {"description": "|".join(entries)}
    # OpenSlide takes a page of a generic TIFF for a level only if it says it is a reduced image.
    tags: dict[str, object] = {"subfiletype": 0 if level is full else 1}
    if mpp is not None:
        per_cm = [1e4 / (microns * level.downsample) for microns in mpp]
        tags |= {"resolution": tuple(per_cm), "resolutionunit": "CENTIMETER"}
    return tags


def _short(mpp: float) -> bool:
    """Whether four decimals, as scanners write them, tell `mpp` exactly."""
    return float(f"{mpp:.4f}") == mpp


def _checked_mpp(
    mpp: float | tuple[float, float] | None, vendor: Vendor, objective_power: float | None
) -> tuple[float, float] | None:
    if vendor not in ("aperio", "generic"):
        raise SettingsError(f"vendor must be aperio or generic, not {vendor!r}")
    if vendor == "generic" and objective_power is not None:
        raise SettingsError("a generic TIFF cannot state an objective power; use vendor aperio")
    if mpp is None:
        return None
    x, y = mpp if isinstance(mpp, tuple) else (mpp, mpp)
    if not (x > 0 and y > 0):
        raise SettingsError(f"µm/px must be positive, not {x} and {y}")
    if vendor == "aperio" and x != y:
        raise SettingsError(
            f"an Aperio slide has one µm/px, not {x} and {y}; use vendor generic for two"
        )
    return float(x), float(y)


def _check_pyramid(width: int, height: int, downsamples: Sequence[int], tile: int) -> None:
    if tile < 16 or tile % 16:
        raise SettingsError(f"tile size must be a multiple of 16 pixels, not {tile}")
    if not downsamples or downsamples[0] != 1:
        raise SettingsError(f"downsamples must start with 1, not {list(downsamples)}")
    for finer, coarser in itertools.pairwise(downsamples):
        if coarser <= finer or coarser % finer:
            raise SettingsError(
                f"each downsample must be a multiple of the one before, not {list(downsamples)}"
            )
    if min(width, height) < downsamples[-1]:
        raise SettingsError(
            f"a slide of {width} x {height} px has no level reduced by {downsamples[-1]}; "
            "leave the coarsest downsamples out"
        )
