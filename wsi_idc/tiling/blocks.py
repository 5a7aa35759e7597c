"""Reading the patches of a plan, many at a time.

One read per patch decodes most of a slide's tiles many times over. So the patches are grouped
into blocks some 2,000 pixels wide, each block is read once, and its patches are cut out of
it. Threads read blocks ahead of the caller, each with a slide handle of its own.

A patch starts at a whole target pixel from its block's corner, so cutting is slicing, and its
pixels do not depend on the block that it was read in.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wsi_idc.errors import SettingsError, SlideReadError, WsiIdcError, reason
from wsi_idc.slides import SlideLike, SlideSource, as_source
from wsi_idc.slides.base import usual_threads
from wsi_idc.slides.info import SlideInfo
from wsi_idc.slides.overview import Overview
from wsi_idc.tiling.block_plan import Block, blocks_of, patches_a_side
from wsi_idc.tiling.block_readers import Readers, cut, cut_by_reader
from wsi_idc.tiling.plan import PatchPlan

Pixels = NDArray[np.uint8]

DEFAULT_BLOCK_PX = 2048
"""Side of a block at the level it is read from. Larger blocks decode fewer tiles twice (at
2,048 px, tiles of 256 px: about one in six), smaller ones take less memory."""

# Blocks read and not yet taken, beyond one in each thread: enough to keep threads busy while
# the caller works on a block.
_BLOCKS_AHEAD = 2


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
    source : the slide; opened once by each thread, or once for all where its reader serves threads.
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
        readers = Readers(source, plan, overview)
        cleanup.callback(readers.close)
        info = readers.info()
        blocks = blocks_of(plan, *patches_a_side(info, plan.grid, block_px))
        pool = ThreadPoolExecutor(threads, thread_name_prefix="read-patches")
        cleanup.callback(pool.shutdown, wait=True, cancel_futures=True)

        waiting: deque[tuple[Block, Future[Pixels]]] = deque()
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


def _checked(threads: int | None, block_px: int) -> int:
    if block_px < 1:
        raise SettingsError(f"a block must be at least 1 pixel wide, not {block_px}")
    if threads is None:
        return usual_threads()
    if threads < 1:
        raise SettingsError(f"at least 1 thread must read, not {threads}")
    return threads


def _next(
    waiting: deque[tuple[Block, Future[Pixels]]], info: SlideInfo, plan: PatchPlan
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
    patches = read if cut_by_reader(plan.grid) else cut(read, block, plan)
    return PatchBlock(block.indices, patches)


def _joined(parts: list[PatchBlock]) -> tuple[NDArray[np.int64], Pixels]:
    return (
        np.concatenate([part.indices for part in parts]),
        np.concatenate([part.patches for part in parts]),
    )
