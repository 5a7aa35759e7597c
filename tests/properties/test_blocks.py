"""Blocks of patches: each patch in one of them, and cut from its own place."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from properties.strategies import plans
from tiling.memory_slide import MemorySource

from wsi_idc.tiling.block_plan import blocks_of, limited
from wsi_idc.tiling.blocks import read_batches, read_patches
from wsi_idc.tiling.plan import PatchPlan, plan_patches

CELLS = st.integers(1, 15)


@given(plans(most_cells=30), CELLS, CELLS)
def test_every_patch_lies_in_one_block_and_every_block_around_its_patches(
    plan: PatchPlan, across: int, down: int
) -> None:
    size, stride = plan.grid.patch_size, plan.grid.stride
    seen: list[int] = []
    for block in blocks_of(plan, across, down):
        columns, rows = plan.columns[block.indices], plan.rows[block.indices]
        assert len(set((columns // across).tolist())) == len(set((rows // down).tolist())) == 1
        left, top = columns * stride, rows * stride
        assert (left.min(), top.min()) == (block.left, block.top)
        assert (left.max() + size, top.max() + size) == (
            block.left + block.width,
            block.top + block.height,
        )
        seen += block.indices.tolist()
    assert sorted(seen) == list(range(len(plan)))


@given(plans(most_cells=30), CELLS, CELLS)
def test_blocks_come_in_bands_of_four_rows_and_down_each_column_of_them(
    plan: PatchPlan, across: int, down: int
) -> None:
    places = []
    for block in blocks_of(plan, across, down):
        row, column = plan.rows[block.indices[0]] // down, plan.columns[block.indices[0]] // across
        places.append((row // 4, column, row))
    assert places == sorted(places)


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 10**6))
def test_a_smaller_block_has_as_many_cells_as_it_may_but_for_a_row(
    across: int, down: int, most: int
) -> None:
    columns, rows = limited(across, down, most)
    assert 1 <= columns <= across and 1 <= rows <= down
    assert columns * rows <= most
    if across * down <= most:
        assert (columns, rows) == (across, down)
    else:
        # Neither side could be longer by one and still be a square or a whole strip.
        assert (columns + 1) * (rows + 1) > most


@given(
    st.integers(1, 60),
    st.integers(1, 60),
    st.integers(1, 12),
    st.integers(1, 12),
    st.integers(1, 80),
    st.integers(1, 9),
    st.data(),
)
def test_patches_show_their_own_place_in_blocks_and_in_batches(
    width: int, height: int, size: int, stride: int, block_px: int, batch: int, data: st.DataObject
) -> None:
    rows, columns = np.indices((height, width))
    pixels = np.stack([columns, rows, rows ^ columns], axis=2).astype(np.uint8)
    source: Any = MemorySource(pixels)
    plan = plan_patches(source.info, None, mpp=8.0, patch_size=size, stride=stride, min_tissue=0)
    assume(len(plan) <= 4000)
    kept = data.draw(st.lists(st.integers(0, len(plan) - 1), min_size=1, max_size=40, unique=True))
    plan = plan.select(np.array(sorted(kept)))
    full = np.full((height + 24, width + 24, 3), 255, np.uint8)
    full[:height, :width] = pixels

    for reading in (
        ((b.indices, b.patches) for b in read_patches(source, plan, threads=1, block_px=block_px)),
        read_batches(source, plan, batch, threads=1, block_px=block_px),
    ):
        seen: list[int] = []
        for indices, patches in reading:
            for index, patch in zip(indices.tolist(), patches, strict=True):
                x, y = plan.columns[index] * stride, plan.rows[index] * stride
                np.testing.assert_array_equal(patch, full[y : y + size, x : x + size])
                seen.append(index)
        assert sorted(seen) == list(range(len(plan)))
