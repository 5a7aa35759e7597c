"""Reading the patches of a plan, many at a time.

One read per patch decodes most of a slide's tiles many times over. So the patches are grouped
into blocks some 2,000 pixels wide, each block is read once, and its patches are cut out of
it. Threads read blocks ahead of the caller, each with a slide handle of its own.

A patch starts at a whole target pixel from its block's corner, so cutting is slicing, and its
pixels do not depend on the block that it was read in.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wsi_idc.errors import SettingsError, SlideReadError, WsiIdcError, reason
from wsi_idc.slides import Slide, SlideLike, SlideSource, as_source, choose_level
from wsi_idc.slides.base import usual_threads
from wsi_idc.slides.info import SlideInfo
from wsi_idc.slides.overview import Overview
from wsi_idc.tiling.grid import PatchGrid
from wsi_idc.tiling.plan import PatchPlan

Pixels = NDArray[np.uint8]

DEFAULT_BLOCK_PX = 2048
"""Side of a block at the level it is read from. Larger blocks decode fewer tiles twice (at
2,048 px, tiles of 256 px: about one in six), smaller ones take less memory."""

# Neighbouring blocks share tiles of the file, which readers cache. Down four blocks, then on to
# the right, most tiles are wanted again while few others were; along a whole row of a large slide
# none of the row above would still be there.
_BAND_BLOCKS = 4
# Blocks read and not yet taken, beyond one in each thread: enough to keep threads busy while
# the caller works on a block.
_BLOCKS_AHEAD = 2

# Patches of 50 px at a stride of 1 repeat each pixel 2,500 times: a block of usual side would
# be cut into 30 GB of them.
_MOST_CUT_BYTES = 64 * 2**20


@dataclass(frozen=True, eq=False)
class PatchBlock:
    """Patches that were read together.

    Attributes
    ----------
    indices : int64 [n], where the patches stand in the plan.
    patches : uint8 RGB [n, patch_size, patch_size, 3].
    """

    indices: NDArray[np.int64]
    patches: Pixels


def read_patches(
    source: SlideSource,
    plan: PatchPlan,
    *,
    threads: int | None = None,
    block_px: int = DEFAULT_BLOCK_PX,
    overview: Overview | None = None,
) -> Generator[PatchBlock, None, None]:
    """Read the pixels of a plan's patches, block by block.

    The order of the blocks and the pixels in them depend neither on `threads` nor on timing;
    the pixels do not depend on `block_px` either. What lies outside the slide has the
    slide's background colour.

    Parameters
    ----------
    source : the slide; it is opened once to plan the blocks, and once by each thread.
    plan : the patches.
    threads : how many threads read; None is one for each processor, at most 8.
    block_px : side of a block in pixels of the level that is read. At most
        ``threads + 2`` blocks are held at a time, up to ``3 * block_px**2`` bytes each, and
        the cut patches of one more: up to 64 MiB, which small strides keep blocks smaller
        for, since their patches repeat each pixel. What the reader needs while it decodes
        comes on top. A block holds at least one patch, however large, and spans two where
        patches overlap and the 64 MiB allow it.

    Yields
    ------
    Blocks, four rows of them at a time: left to right, top to bottom in each column. Every
    patch of the plan is in one of them.

    Raises
    ------
    SettingsError
        If `threads` or `block_px` is below 1.
    SlideReadError
        If reading fails; the message names the slide. All handles are closed then, as they
        are when the caller stops early and closes the iterator.
    """
    threads = _checked(threads, block_px)
    with ExitStack() as cleanup:
        readers = _Readers(source, plan, overview)
        cleanup.callback(readers.close)
        info = readers.info()
        blocks = _blocks(plan, *_patches_a_side(info, plan.grid, block_px))
        pool = ThreadPoolExecutor(threads, thread_name_prefix="read-patches")
        cleanup.callback(pool.shutdown, wait=True, cancel_futures=True)

        waiting: deque[tuple[_Block, Future[Pixels]]] = deque()
        for block in blocks:
            waiting.append((block, pool.submit(readers.read, block)))
            if len(waiting) >= threads + _BLOCKS_AHEAD:
                yield _next(waiting, info, plan)
        while waiting:
            yield _next(waiting, info, plan)


def read_batches(
    source: SlideLike,
    plan: PatchPlan,
    batch_size: int,
    *,
    threads: int | None = None,
    block_px: int = DEFAULT_BLOCK_PX,
    overview: Overview | None = None,
) -> Generator[tuple[NDArray[np.int64], Pixels], None, None]:
    """Read the pixels of a plan's patches in batches of one size.

    Parameters
    ----------
    batch_size : patches in a batch; the last batch may have fewer.
    source, plan, threads, block_px, overview : as for `read_patches`.

    Yields
    ------
    indices : int64 [n], where the patches stand in the plan.
    patches : uint8 RGB [n, patch_size, patch_size, 3].

    Raises
    ------
    SettingsError, SlideReadError
        As `read_patches`.
    """
    check_batch_size(batch_size)
    source = as_source(source)
    held: list[PatchBlock] = []
    count = 0
    reading = read_patches(source, plan, threads=threads, block_px=block_px, overview=overview)
    with closing(reading) as blocks:
        for block in blocks:
            start = 0
            while start < len(block.indices):
                stop = start + batch_size - count
                part = PatchBlock(block.indices[start:stop], block.patches[start:stop])
                held.append(part)
                count += len(part.indices)
                start = stop
                if count == batch_size:
                    yield _joined(held)
                    held, count = [], 0
    if held:
        yield _joined(held)


def check_batch_size(batch_size: int) -> None:
    """Refuse batches without patches.

    Raises
    ------
    SettingsError
        If it is below 1.
    """
    if batch_size < 1:
        raise SettingsError(f"a batch must have at least 1 patch, not {batch_size}")


@dataclass(frozen=True, eq=False)
class _Block:
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


class _Readers:
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

    def read(self, block: _Block) -> Pixels:
        """Pixels of a block or, where they are no more, its patches: see `_cut_by_reader`."""
        grid = self._plan.grid
        if self._overview is None and grid.stride == grid.patch_size:
            return self._read_cells(block)
        if self._overview is None:
            pixels = self._read(block.left, block.top, block.width, block.height)
        else:
            pixels = self._from(self._overview, block)
        return _cut(pixels, block, self._plan) if _cut_by_reader(grid) else pixels

    def close(self) -> None:
        """Close the handles; call it when no thread reads any more."""
        self._opened.close()

    def _read_cells(self, block: _Block) -> Pixels:
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

    def _from(self, overview: Overview, block: _Block) -> Pixels:
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


def _checked(threads: int | None, block_px: int) -> int:
    if block_px < 1:
        raise SettingsError(f"a block must be at least 1 pixel wide, not {block_px}")
    if threads is None:
        return usual_threads()
    if threads < 1:
        raise SettingsError(f"at least 1 thread must read, not {threads}")
    return threads


def _patches_a_side(info: SlideInfo, grid: PatchGrid, block_px: int) -> tuple[int, int]:
    """How many columns and rows of the grid one block holds."""
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
    return _limited(across, down, max(1, _MOST_CUT_BYTES // (3 * grid.patch_size**2)))


def _limited(across: int, down: int, most: int) -> tuple[int, int]:
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


def _blocks(plan: PatchPlan, across: int, down: int) -> Iterator[_Block]:
    """Group patches into blocks of `across` by `down` cells, each cut down to its patches."""
    if len(plan) == 0:
        return
    block_row, block_column = plan.rows // down, plan.columns // across
    band = block_row // _BAND_BLOCKS
    order = np.lexsort((plan.columns, plan.rows, block_row, block_column, band))
    changes = np.diff(block_row[order]).astype(bool) | np.diff(block_column[order]).astype(bool)
    for indices in np.split(order, np.flatnonzero(changes) + 1):
        yield _block_around(plan, indices.astype(np.int64))


def _block_around(plan: PatchPlan, indices: NDArray[np.int64]) -> _Block:
    """The smallest rectangle that holds patches of the plan."""
    stride, size = plan.grid.stride, plan.grid.patch_size
    columns, rows = plan.columns[indices], plan.rows[indices]
    left, top = int(columns.min()) * stride, int(rows.min()) * stride
    width = int(columns.max()) * stride + size - left
    height = int(rows.max()) * stride + size - top
    return _Block(indices, left, top, width, height)


def _next(
    waiting: deque[tuple[_Block, Future[Pixels]]], info: SlideInfo, plan: PatchPlan
) -> PatchBlock:
    """The patches of the block that was asked for first, once it is read."""
    block, reading = waiting.popleft()
    try:
        read = reading.result()
    except (WsiIdcError, MemoryError):
        raise
    except Exception as error:
        raise SlideReadError(
            f"{info.path}: reading {block.width}x{block.height} px failed ({reason(error)}); the "
            "file may be damaged, or try another --reader"
        ) from error
    patches = read if _cut_by_reader(plan.grid) else _cut(read, block, plan)
    return PatchBlock(block.indices, patches)


def _cut_by_reader(grid: PatchGrid) -> bool:
    """Whether the threads that read also cut: not if overlaps make patches of many pixels."""
    return grid.stride >= grid.patch_size


def _cut(pixels: Pixels, block: _Block, plan: PatchPlan) -> Pixels:
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


def _joined(parts: list[PatchBlock]) -> tuple[NDArray[np.int64], Pixels]:
    return (
        np.concatenate([part.indices for part in parts]),
        np.concatenate([part.patches for part in parts]),
    )
