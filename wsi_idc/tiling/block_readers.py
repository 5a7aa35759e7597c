"""The slide handles that threads read blocks with, and patches cut out of a block."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import numpy as np
from numpy.typing import NDArray

from wsi_idc.slides import Slide, SlideSource
from wsi_idc.slides.info import SlideInfo
from wsi_idc.slides.overview import Overview
from wsi_idc.tiling.block_plan import Block
from wsi_idc.tiling.grid import PatchGrid
from wsi_idc.tiling.plan import PatchPlan

Pixels = NDArray[np.uint8]


class Readers:
    """A slide handle for each thread, or one for all where the reader serves threads.

    Where all is in an overview, none is opened.
    """

    def __init__(self, source: SlideSource, plan: PatchPlan, overview: Overview | None) -> None:
        self._source = source
        self._plan = plan
        self._overview = overview
        self._shared: Slide | None = None
        self._spare: list[Slide] = []
        self._mine = threading.local()
        self._opened = ExitStack()
        self._lock = threading.Lock()

    def info(self) -> SlideInfo:
        """What the slide is; opens it, for the first thread, unless there is an overview."""
        if self._overview is not None:
            return self._overview.info
        with self._lock:
            self._spare.append(self._opened.enter_context(self._source.open()))
        return self._spare[0].info

    def read(self, block: Block) -> Pixels:
        """Pixels of a block or, where they are no more, its patches: see `cut_by_reader`."""
        grid = self._plan.grid
        if self._overview is None and grid.stride == grid.patch_size:
            return self._read_cells(block)
        if self._overview is None:
            pixels = self._read(block.left, block.top, block.width, block.height)
        else:
            pixels = self._from(self._overview, block)
        return cut(pixels, block, self._plan) if cut_by_reader(grid) else pixels

    def close(self) -> None:
        """Close the handles; call it when no thread reads any more."""
        self._opened.close()

    def _read_cells(self, block: Block) -> Pixels:
        """The patches of a block of a grid whose cells they are."""
        grid, indices = self._plan.grid, block.indices
        side = grid.patch_size
        across, down = block.width // side, block.height // side
        at = self._place(block.left, block.top)
        cells = self._slide().read_cells(*at, side, across, down, grid.mpp)
        if len(indices) == across * down:  # all of them, which are in order
            return cells.reshape(-1, side, side, 3)
        rows, columns = self._plan.rows[indices], self._plan.columns[indices]
        return cells[rows - block.top // side, columns - block.left // side]

    def _read(self, left: int, top: int, width: int, height: int) -> Pixels:
        at = self._place(left, top)
        return self._slide().read(*at, (width, height), self._plan.grid.mpp)

    def _place(self, left: int, top: int) -> tuple[float, float]:
        grid = self._plan.grid
        return grid.origin_x + left * grid.scale_x, grid.origin_y + top * grid.scale_y

    def _from(self, overview: Overview, block: Block) -> Pixels:
        """A block of the overview, with what its patches miss there read from the slide."""
        plan, stride = self._plan, self._plan.grid.stride
        pixels = overview.crop(block.left, block.top, block.width, block.height)
        left, top = plan.columns[block.indices] * stride, plan.rows[block.indices] * stride
        missing = overview.missing(left, top, plan.grid.patch_size)
        if missing:
            pixels = pixels.copy()
        for x, y, width, height in missing:
            x0, y0 = max(x, block.left), max(y, block.top)
            x1 = min(x + width, block.left + block.width)
            y1 = min(y + height, block.top + block.height)
            into = pixels[y0 - block.top : y1 - block.top, x0 - block.left : x1 - block.left]
            into[:] = self._read(x0, y0, x1 - x0, y1 - y0)
        return pixels

    def _slide(self) -> Slide:
        if self._shared is not None:
            return self._shared
        slide: Slide | None = getattr(self._mine, "slide", None)
        if slide is None:
            with self._lock:
                if self._shared is not None:
                    return self._shared
                if self._spare:
                    slide = self._spare.pop()
                else:
                    slide = self._opened.enter_context(self._source.open())
                if slide.serves_threads:
                    self._shared = slide
            self._mine.slide = slide
        return slide


def cut_by_reader(grid: PatchGrid) -> bool:
    """Whether the threads that read also cut: not if overlaps make patches of many pixels."""
    return grid.stride >= grid.patch_size


def cut(pixels: Pixels, block: Block, plan: PatchPlan) -> Pixels:
    """Cut the patches of a block, uint8 RGB [n, patch_size, patch_size, 3].

    A row of a patch is taken for one value of so many bytes: numpy copies it at once.
    """
    size, stride = plan.grid.patch_size, plan.grid.stride
    pixels = np.ascontiguousarray(pixels)
    height, width = pixels.shape[:2]
    windows = np.ndarray(
        (height - size + 1, width - size + 1, size),
        dtype=np.dtype((np.void, size * 3)),
        buffer=pixels.data,
        strides=(width * 3, 3, width * 3),
    )
    rows = plan.rows[block.indices] * stride - block.top
    columns = plan.columns[block.indices] * stride - block.left
    return windows[rows, columns].view(np.uint8).reshape(-1, size, size, 3)
