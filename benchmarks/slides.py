"""Made slides for benchmarks: as large as any scanner's, and only a few megabytes on disk.

A few tiles of texture and of glass are encoded once, and the tile tables of every level point to
them again and again. Readers decode each tile as if it were another, since they know tiles by
their place; only the disk is spared, which the benchmarks leave out anyhow (each file is in the
page cache).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from wsi_idc.files import whole_file

TILE = 256
_PATTERN = 1024  # px, the side of the texture that tiles are cut from
_QUALITY = 85


@dataclass(frozen=True)
class MadeSlide:
    """A slide that `make_slide` wrote.

    Attributes
    ----------
    path : the file, an Aperio SVS with JPEG tiles of 256 px.
    width, height : size of level 0 in pixels.
    downsamples : level-0 pixels per pixel of each level.
    tissue_tiles : bool [rows, columns] per level, where its tiles show tissue.
    """

    path: Path
    width: int
    height: int
    downsamples: tuple[int, ...]
    tissue_tiles: tuple[NDArray[np.bool_], ...]


def make_slide(
    path: Path,
    width: int,
    height: int,
    downsamples: Sequence[int],
    *,
    mpp: float = 0.25,
    all_tissue: bool = False,
) -> MadeSlide:
    """Write a slide with two pieces of tissue on glass, or full of tissue.

    The same arguments give the same bytes.

    Parameters
    ----------
    path : the file to write.
    width, height : size of level 0 in pixels.
    downsamples : level-0 pixels per pixel of each level, 1 first.
    mpp : microns per level-0 pixel.
    all_tissue : no glass, so that every tile is as costly as tissue.
    """
    tissue, glass = _encoded_tiles()
    layouts = []
    with whole_file(path) as temporary:
        with tifffile.TiffWriter(temporary, bigtiff=True) as tiff:
            for downsample in downsamples:
                kinds = tissue + glass if downsample == 1 else tissue[:1]
                tiff.write(
                    iter(kinds),
                    shape=(TILE, TILE * len(kinds), 3),
                    dtype=np.uint8,
                    tile=(TILE, TILE),
                    photometric="ycbcr",
                    compression="adobe_deflate",
                    metadata=None,
                    software=False,
                    description=_description(width, height, downsample, mpp),
                )
        with tifffile.TiffFile(temporary, mode="r+") as tiff:
            first = tiff.pages[0]
            offsets, counts = np.array(first.dataoffsets), np.array(first.databytecounts)
            for page, downsample in zip(tiff.pages, downsamples, strict=True):
                size = width // downsample, height // downsample
                layout = _tissue_layout(*size, all_tissue)
                layouts.append(layout)
                chosen = _tile_choice(layout, len(tissue), len(glass))
                for name, value in (("ImageWidth", size[0]), ("ImageLength", size[1])):
                    page.tags[name].overwrite(value, dtype="I")
                page.tags["Compression"].overwrite(int(tifffile.COMPRESSION.JPEG))
                page.tags["YCbCrSubSampling"].overwrite((2, 2))
                page.tags["TileOffsets"].overwrite(offsets[chosen].tolist(), dtype="Q")
                page.tags["TileByteCounts"].overwrite(counts[chosen].tolist(), dtype="Q")
    return MadeSlide(path, width, height, tuple(downsamples), tuple(layouts))


def _encoded_tiles() -> tuple[list[bytes], list[bytes]]:
    """JPEG tiles of tissue, with the detail of H&E and so as costly as real ones; and of glass."""
    random = np.random.default_rng(0)
    grain = random.normal(0, 14, (_PATTERN, _PATTERN, 1))
    y, x = np.mgrid[:_PATTERN, :_PATTERN] * (2 * np.pi / _PATTERN)
    waves = np.sin(9 * x + 3 * np.sin(4 * y)) + np.cos(17 * y + 2 * np.sin(6 * x))
    tissue = np.array([200, 140, 180]) + waves[..., None] * np.array([18, 30, 14]) + grain
    glass = 240 + random.normal(0, 1.5, (TILE, 4 * TILE, 1)) * np.ones(3)
    return _tiles_of(tissue), _tiles_of(glass)


def _tiles_of(picture: NDArray[np.float64]) -> list[bytes]:
    pixels = np.clip(picture, 0, 255).astype(np.uint8)
    height, width = pixels.shape[:2]
    tiles = []
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            stream = io.BytesIO()
            tile = Image.fromarray(pixels[top : top + TILE, left : left + TILE])
            tile.save(stream, "JPEG", quality=_QUALITY, subsampling="4:2:0")
            tiles.append(stream.getvalue())
    return tiles


def _tissue_layout(width: int, height: int, all_tissue: bool) -> NDArray[np.bool_]:
    """Which tiles of a level show tissue: those whose middle lies in one of two ellipses."""
    rows, columns = -(-height // TILE), -(-width // TILE)
    if all_tissue:
        return np.ones((rows, columns), bool)
    y = (np.arange(rows)[:, None] + 0.5) * TILE / height
    x = (np.arange(columns) + 0.5) * TILE / width
    large = ((x - 0.33) / 0.26) ** 2 + ((y - 0.5) / 0.42) ** 2 < 1
    small = ((x - 0.8) / 0.14) ** 2 + ((y - 0.45) / 0.3) ** 2 < 1
    layout: NDArray[np.bool_] = large | small
    return layout


def _tile_choice(layout: NDArray[np.bool_], tissue: int, glass: int) -> NDArray[np.int64]:
    """Which encoded tile stands at each place: neighbours differ, and rows do too."""
    rows, columns = np.indices(layout.shape)
    place = rows * 7 + columns
    chosen: NDArray[np.int64] = np.where(layout, place % tissue, tissue + place % glass).ravel()
    return chosen


def _description(width: int, height: int, downsample: int, mpp: float) -> str:
    if downsample == 1:
        size = f"{width}x{height} [0,0 {width}x{height}] ({TILE}x{TILE}) JPEG/RGB Q={_QUALITY}"
    else:
        size = f"{width}x{height} -> {width // downsample}x{height // downsample}"
    return f"Aperio Image Library\r\n{size}|AppMag = 40|MPP = {mpp:.4f}"
