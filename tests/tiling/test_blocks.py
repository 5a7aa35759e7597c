"""The block reader: the right pixels in the right order, and every handle closed."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from tiling.memory_slide import MemorySource
from tiling.plans import mask_over

from wsi_idc.errors import SettingsError, SlideReadError
from wsi_idc.tiling import block_plan
from wsi_idc.tiling.blocks import PatchBlock, read_batches, read_patches
from wsi_idc.tiling.plan import PatchPlan, plan_patches

SIZE = 20


def noise(height: int = 330, width: int = 410) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def plan_of(
    source: MemorySource, stride: int = SIZE, tissue: np.ndarray | None = None
) -> PatchPlan:
    mask = None if tissue is None else mask_over(source.info, tissue)
    return plan_patches(source.info, mask, mpp=8.0, patch_size=SIZE, stride=stride, min_tissue=0.5)


def in_plan_order(plan: PatchPlan, blocks: Any) -> np.ndarray:
    patches = np.zeros((len(plan), SIZE, SIZE, 3), np.uint8)
    seen = np.zeros(len(plan), int)
    for indices, part in (
        (b.indices, b.patches) if isinstance(b, PatchBlock) else b for b in blocks
    ):
        assert len(indices) == len(part)
        patches[indices] = part
        np.add.at(seen, indices, 1)
    assert (seen == 1).all()
    return patches


def expected(source: MemorySource, plan: PatchPlan) -> np.ndarray:
    padded = np.full((1000, 1000, 3), 255, np.uint8)
    height, width = source.pixels.shape[:2]
    padded[:height, :width] = source.pixels
    return np.stack(
        [
            padded[y : y + SIZE, x : x + SIZE]
            for x, y in zip(plan.x_name - 1, plan.y_name - 1, strict=True)
        ]
    )


@pytest.mark.parametrize("block_px", [1, 50, 128, 5000])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("stride", [SIZE, 10, 7, 33])
def test_patches_are_the_same_whatever_the_blocks_and_threads(
    block_px: int, threads: int, stride: int
) -> None:
    source: Any = MemorySource(noise())
    plan = plan_of(source, stride)
    blocks = read_patches(source, plan, threads=threads, block_px=block_px)
    np.testing.assert_array_equal(in_plan_order(plan, blocks), expected(source, plan))
    assert source.opened == source.closed <= threads


def test_only_the_box_of_the_wanted_patches_is_read() -> None:
    source: Any = MemorySource(noise(400, 400))
    tissue = np.zeros((20, 20))
    tissue[3, 4:7] = tissue[6, 5] = 1
    plan = plan_of(source, tissue=tissue)
    assert len(plan) == 4
    np.testing.assert_array_equal(
        in_plan_order(plan, read_patches(source, plan, block_px=400)), expected(source, plan)
    )
    assert source.sizes == [(3 * SIZE, 4 * SIZE)]


def test_blocks_are_as_large_as_asked() -> None:
    source: Any = MemorySource(noise(400, 400))
    list(read_patches(source, plan_of(source), block_px=105))
    assert set(source.sizes) == {(100, 100)}
    assert len(source.sizes) == 16


def test_blocks_of_overlapping_patches_span_two_patches_at_least() -> None:
    source: Any = MemorySource(noise(400, 400))
    list(read_patches(source, plan_of(source, 10), block_px=1))
    assert max(source.sizes) == (2 * SIZE, 2 * SIZE)


@pytest.mark.parametrize("most", [0, 1, 5, 50, 701])
@pytest.mark.parametrize("stride", [SIZE, 7])
def test_pixels_do_not_depend_on_how_many_patches_a_block_may_hold(
    most: int, stride: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(block_plan, "_MOST_CUT_BYTES", most * SIZE * SIZE * 3)
    source: Any = MemorySource(noise())
    plan = plan_of(source, stride)
    blocks = list(read_patches(source, plan, threads=2))
    assert max(len(block.indices) for block in blocks) <= max(1, most)
    np.testing.assert_array_equal(in_plan_order(plan, blocks), expected(source, plan))


def test_small_strides_do_not_make_blocks_huge() -> None:
    """145,161 patches of a picture of 400 px, 174 MB if they were cut at once."""
    source: Any = MemorySource(noise(400, 400))
    plan = plan_of(source, 1)
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(source.pixels, ((0, SIZE), (0, SIZE), (0, 0)), constant_values=255), (SIZE, SIZE, 3)
    )
    count = 0
    for block in read_patches(source, plan, threads=1):
        assert block.patches.nbytes <= 64 * 2**20
        rows, columns = plan.rows[block.indices], plan.columns[block.indices]
        np.testing.assert_array_equal(block.patches, windows[rows, columns, 0])
        count += len(block.indices)
    assert count == len(plan) > 140_000


@pytest.mark.parametrize(
    ("across", "down", "most", "limited"),
    [
        (9, 9, 81, (9, 9)),
        (9, 9, 80, (8, 8)),
        (3, 100, 50, (3, 16)),
        (100, 3, 50, (16, 3)),
        (9, 9, 1, (1, 1)),
    ],
)
def test_the_longer_side_of_a_block_gives_way_first(
    across: int, down: int, most: int, limited: tuple[int, int]
) -> None:
    assert block_plan.limited(across, down, most) == limited


def test_the_order_does_not_come_from_timing() -> None:
    source: Any = MemorySource(noise(), slow=True)
    plan = plan_of(source)
    orders = [
        np.concatenate([b.indices for b in read_patches(source, plan, threads=n, block_px=100)])
        for n in (1, 4)
    ]
    np.testing.assert_array_equal(*orders)
    first = next(iter(read_patches(source, plan, block_px=100))).indices
    assert plan.columns[first].max() == plan.rows[first].max() == 4


@pytest.mark.parametrize("batch_size", [1, 7, 64, 1000])
def test_batches_have_one_size(batch_size: int) -> None:
    source: Any = MemorySource(noise())
    plan = plan_of(source)
    batches = list(read_batches(source, plan, batch_size, block_px=100))
    np.testing.assert_array_equal(in_plan_order(plan, batches), expected(source, plan))
    sizes = [len(indices) for indices, _ in batches]
    assert set(sizes[:-1]) <= {batch_size}
    assert sizes[-1] == (len(plan) - 1) % batch_size + 1
    assert source.opened == source.closed


def test_batches_do_not_depend_on_threads() -> None:
    source: Any = MemorySource(noise(), slow=True)
    plan = plan_of(source)
    one = list(read_batches(source, plan, 32, threads=1, block_px=100))
    many = list(read_batches(source, plan, 32, threads=4, block_px=100))
    for (a, pixels_a), (b, pixels_b) in zip(one, many, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(pixels_a, pixels_b)


def test_few_blocks_are_read_ahead() -> None:
    source: Any = MemorySource(noise())
    blocks = read_patches(source, plan_of(source), threads=2, block_px=SIZE)
    next(blocks)
    assert len(source.sizes) <= 2 + 2
    blocks.close()


def test_stopping_early_closes_every_handle_and_thread() -> None:
    source: Any = MemorySource(noise(), slow=True)
    before = threading.active_count()
    blocks = read_patches(source, plan_of(source), threads=3, block_px=SIZE)
    next(blocks)
    blocks.close()
    assert source.opened == source.closed > 0
    assert threading.active_count() == before

    batches = read_batches(source, plan_of(source), 4, threads=3, block_px=SIZE)
    next(batches)
    batches.close()
    assert source.opened == source.closed
    assert threading.active_count() == before


@pytest.mark.parametrize("threads", [1, 3])
def test_a_failing_read_names_the_slide_and_closes_all(threads: int) -> None:
    source: Any = MemorySource(noise())
    source.fail_at_read = 5
    with pytest.raises(SlideReadError, match=r"slide\.tif.*decoder gave up"):
        list(read_patches(source, plan_of(source), threads=threads, block_px=SIZE))
    assert source.opened == source.closed
    assert len(source.sizes) < 5 + threads + 2


def test_a_handle_that_cannot_be_opened_in_a_thread_is_an_error() -> None:
    source: Any = MemorySource(noise(), slow=True)
    source.fail_at_open = 2
    with pytest.raises(SlideReadError, match=r"slide\.tif.*too many open files"):
        list(read_patches(source, plan_of(source), threads=2, block_px=SIZE))
    assert source.opened == source.closed + 1


def test_impossible_settings_are_refused() -> None:
    source: Any = MemorySource(noise(100, 100))
    plan = plan_of(source)
    with pytest.raises(SettingsError, match="thread"):
        next(read_patches(source, plan, threads=0))
    with pytest.raises(SettingsError, match="block"):
        next(read_patches(source, plan, block_px=0))
    with pytest.raises(SettingsError, match="batch"):
        next(read_batches(source, plan, 0))
