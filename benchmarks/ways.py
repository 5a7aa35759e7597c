"""The ways of reading that are measured: this package's, and the limits it is held against."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import openslide
import tifffile

from wsi_idc.slides import SlideSource
from wsi_idc.slides.overview import Overview
from wsi_idc.tiling.blocks import DEFAULT_BLOCK_PX, read_patches
from wsi_idc.tiling.plan import PatchPlan


def decode_tiles(path: Path, level: int, tiles: np.ndarray, threads: int) -> None:
    """Decode tiles with tifffile and imagecodecs and drop them: no reader of TIFFs does less.

    Parameters
    ----------
    tiles : int [n], numbers of tiles of the level.
    """
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages[level]
        offsets, counts = page.dataoffsets, page.databytecounts

        def part(first: int) -> None:
            with path.open("rb") as file:
                for tile in tiles[first::threads].tolist():
                    file.seek(offsets[tile])
                    page.decode(file.read(counts[tile]), tile)

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(part, range(threads)))


def tiles_under(plan: PatchPlan, tile: int, across: int) -> np.ndarray:
    """Numbers of the level-0 tiles that the patches of a plan lie on, each once."""
    size = plan.grid.patch_size
    found = {
        (y, x)
        for down in (0, size - 1)
        for right in (0, size - 1)
        for y, x in zip(
            ((plan.y_level0 + down) // tile).astype(int).tolist(),
            ((plan.x_level0 + right) // tile).astype(int).tolist(),
            strict=True,
        )
    }
    return np.array(sorted(y * across + x for y, x in found))


def one_call_per_patch(path: Path, plan: PatchPlan) -> None:
    size = plan.grid.patch_size
    with openslide.OpenSlide(path) as slide:
        for x, y in zip(plan.x_level0, plan.y_level0, strict=True):
            np.asarray(slide.read_region((int(x), int(y)), 0, (size, size)).convert("RGB"))


def bare_blocks(path: Path, plan: PatchPlan, threads: int) -> None:
    """`read_region` of the blocks that this package reads, and nothing done with them."""
    side = DEFAULT_BLOCK_PX // plan.grid.patch_size * plan.grid.patch_size
    width, height = (
        (plan.columns.max() + 1) * plan.grid.patch_size,
        (plan.rows.max() + 1) * plan.grid.patch_size,
    )
    band = 4 * side  # the order of `read_patches`
    blocks = [
        (x, y)
        for top in range(0, int(height), band)
        for x in range(0, int(width), side)
        for y in range(top, min(top + band, int(height)), side)
    ]
    mine = threading.local()

    def read(block: tuple[int, int]) -> None:
        if not hasattr(mine, "slide"):
            mine.slide = openslide.OpenSlide(path)
        x, y = block
        size = min(side, int(width) - x), min(side, int(height) - y)
        mine.slide.read_region((x, y), 0, size)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(read, blocks))


def in_blocks(
    source: SlideSource, plan: PatchPlan, threads: int, overview: Overview | None = None
) -> None:
    blocks = read_patches(source, plan, threads=threads, overview=overview)
    done = sum(len(block.patches) for block in blocks)
    if done != len(plan):
        raise SystemExit(f"{source.reader}: {done} patches came back of {len(plan)}")
