"""OME-TIFFs and other TIFFs that OpenSlide does not read whole, in every usual compression."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]

COMPRESSIONS = {"none": 1, "lzw": 5, "jpeg": 7, "deflate": 8, "packbits": 32773, "jpeg2000": 34712}
LOSSY = ("jpeg",)


def pyramid_of(pixels: Pixels, downsamples: Sequence[int] = (1, 2, 4)) -> list[Pixels]:
    """Levels as area averages, each of floor(size / downsample) pixels."""
    height, width = pixels.shape[:2]
    levels = []
    for k in downsamples:
        rows, columns = height // k, width // k
        cut = pixels[: rows * k, : columns * k].reshape(rows, k, columns, k, 3)
        levels.append(np.rint(cut.mean((1, 3))).astype(np.uint8))
    return levels


def write_ome_pyramid(
    path: Path,
    planes: Sequence[Sequence[Pixels]],
    *,
    compression: str = "deflate",
    tile: int = 128,
    mpp: tuple[float, float] = (0.25, 0.25),
    missing: Sequence[int] = (),
    jpeg_as_rgb: bool = False,
    **metadata: Any,
) -> Path:
    """Write focal planes, each with its levels; levels beyond the first go into SubIFDs.

    `missing` are tiles of each level-0 plane that are not stored, not the first one.
    `jpeg_as_rgb` calls the colours of JPEG tiles RGB, which they are not, as some writers do.
    """
    options: dict[str, Any] = {
        "photometric": "ycbcr" if compression == "jpeg" else "rgb",
        "tile": (tile, tile),
        # tifffile does not look into finished tiles; the right number is written afterwards.
        "compression": "adobe_deflate",
    }

    def of_level(index: int) -> dict[str, Any]:
        height, width = planes[0][index].shape[:2]
        shape = (height, width, 3) if len(planes) == 1 else (len(planes), height, width, 3)
        tiles = (
            encoded
            for plane in planes
            for encoded in _tiles(plane[index], tile, compression, () if index else missing)
        )
        return {"data": tiles, "shape": shape, "dtype": np.uint8}

    with tifffile.TiffWriter(path, ome=True) as tiff:
        tiff.write(
            **of_level(0),
            subifds=len(planes[0]) - 1,
            metadata={
                "axes": "YXS" if len(planes) == 1 else "ZYXS",
                "PhysicalSizeX": mpp[0],
                "PhysicalSizeXUnit": "µm",
                "PhysicalSizeY": mpp[1],
                "PhysicalSizeYUnit": "µm",
                **metadata,
            },
            **options,
        )
        for index in range(1, len(planes[0])):
            tiff.write(**of_level(index), subfiletype=1, **options)
    with tifffile.TiffFile(path, mode="r+") as tiff:
        for page in tiff.pages:
            for one in [page, *(page.pages or ())]:
                one.tags["Compression"].overwrite(COMPRESSIONS[compression])
                if compression == "jpeg":
                    one.tags["PhotometricInterpretation"].overwrite(2 if jpeg_as_rgb else 6)
    return path


def _tiles(pixels: Pixels, tile: int, compression: str, missing: Sequence[int]) -> Iterator[bytes]:
    height, width = pixels.shape[:2]
    index = 0
    for y in range(0, height, tile):
        for x in range(0, width, tile):
            part = pixels[y : y + tile, x : x + tile]
            below, right = tile - part.shape[0], tile - part.shape[1]
            padded = np.pad(part, ((0, below), (0, right), (0, 0)), mode="edge")
            yield b"" if index in missing else encoded(padded, compression)
            index += 1


def encoded(pixels: Pixels, compression: str) -> bytes:
    """One tile as it stands in a file."""
    if compression == "none":
        return pixels.tobytes()
    if compression == "deflate":
        return zlib.compress(pixels.tobytes())
    stream = io.BytesIO()
    image = Image.fromarray(pixels)
    if compression == "jpeg":
        image.save(stream, "JPEG", quality=95, subsampling="4:2:0")
        return stream.getvalue()
    if compression == "jpeg2000":
        image.save(stream, "JPEG2000", no_jp2=True, irreversible=False)
        return stream.getvalue()
    # Pillow's libtiff encodes the rest; the only strip of its file is the tile.
    image.save(stream, "TIFF", compression={"lzw": "tiff_lzw", "packbits": "packbits"}[compression],
               strip_size=2**30)  # fmt: skip
    stream.seek(0)
    with tifffile.TiffFile(stream) as tiff:
        page = tiff.pages.first
        assert len(page.dataoffsets) == 1
        stream.seek(page.dataoffsets[0])
        return stream.read(page.databytecounts[0])
