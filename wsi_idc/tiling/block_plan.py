"""Which blocks the patches of a plan are read in: rectangles of target pixels. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wsi_idc.slides.info import SlideInfo
from wsi_idc.slides.levels import choose_level
from wsi_idc.tiling.grid import PatchGrid
from wsi_idc.tiling.plan import PatchPlan

# Neighbouring blocks share tiles of the file, which readers cache. Down four blocks, then on to
# the right, most tiles are wanted again while few others were; along a whole row of a large slide
# none of the row above would still be there.
_BAND_BLOCKS = 4

# Patches of 50 px at a stride of 1 repeat each pixel 2,500 times: a block of usual side would
# be cut into 30 GB of them.
_MOST_CUT_BYTES = 64 * 2**20


@dataclass(frozen=True, eq=False)
class Block:
    """A rectangle of target pixels and the patches to cut out of it.

    Attributes
    ----------
    indices : int64 [n], into the plan.
    left, top, width, height : target pixels from the grid's origin.
    """

    indices: NDArray[np.int64]
    left: int
    top: int
    width: int
    height: int


def patches_a_side(info: SlideInfo, grid: PatchGrid, block_px: int) -> tuple[int, int]:
    """How many columns and rows of the grid one block holds.

    `block_px` is its side in pixels of the level that is read.
    """
    level = choose_level(info, grid.mpp)

    def count(downsample: float, scale: float) -> int:
        side = int(block_px * downsample / scale)
        if grid.stride < grid.patch_size:
            # Each pixel between overlapping patches is decoded again by every block that
            # holds one of them, so a block of one patch would read the slide several times.
            side = max(side, 2 * grid.patch_size)
        return 1 + max(0, side - grid.patch_size) // grid.stride

    across = count(level.downsample_x, grid.scale_x)
    down = count(level.downsample_y, grid.scale_y)
    return limited(across, down, max(1, _MOST_CUT_BYTES // (3 * grid.patch_size**2)))


def limited(across: int, down: int, most: int) -> tuple[int, int]:
    """Make a block of `across` by `down` cells smaller until it has at most `most` cells.

    Squares are read again least at their edges, so the longer side gives way first.
    """
    side = math.isqrt(most)
    if across * down <= most:
        return across, down
    if across <= side:
        return across, most // across
    if down <= side:
        return most // down, down
    return side, side


def blocks_of(plan: PatchPlan, across: int, down: int) -> Iterator[Block]:
    """Group patches into blocks of `across` by `down` cells, each cut down to its patches."""
    if len(plan) == 0:
        return
    block_row, block_column = plan.rows // down, plan.columns // across
    band = block_row // _BAND_BLOCKS
    order = np.lexsort((plan.columns, plan.rows, block_row, block_column, band))
    changes = np.diff(block_row[order]).astype(bool) | np.diff(block_column[order]).astype(bool)
    for indices in np.split(order, np.flatnonzero(changes) + 1):
        yield _block_around(plan, indices.astype(np.int64))


def _block_around(plan: PatchPlan, indices: NDArray[np.int64]) -> Block:
    """The smallest rectangle that holds patches of the plan."""
    stride, size = plan.grid.stride, plan.grid.patch_size
    columns, rows = plan.columns[indices], plan.rows[indices]
    left, top = int(columns.min()) * stride, int(rows.min()) * stride
    width = int(columns.max()) * stride + size - left
    height = int(rows.max()) * stride + size - top
    return Block(indices, left, top, width, height)
