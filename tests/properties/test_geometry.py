"""The grid and the pyramid, on slides of any size and scale."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from properties.strategies import SCANNED_MPP, SIDES, TARGET_MPP, slides
from tiling.plans import slide_info

from wsi_idc.slides.info import Bounds, SlideInfo
from wsi_idc.slides.levels import (
    MPP_TOLERANCE,
    choose_level,
    describe_read,
    make_levels,
    pixels_across,
)
from wsi_idc.slides.mask_image import placement_over
from wsi_idc.slides.raster import SlideMask
from wsi_idc.tiling.grid import make_grid
from wsi_idc.tiling.plan import plan_patches
from wsi_idc.tissue.grid import LONGEST_SIDE_PX, mask_frame

PIXELS = st.integers(1, 600)


def exact_extent(pixels: int, slide_mpp: float, mpp: float) -> Fraction:
    """So many level-0 pixels in target pixels, without rounding."""
    return pixels * Fraction(slide_mpp) / Fraction(mpp)


@given(slides(), TARGET_MPP, PIXELS, PIXELS)
def test_the_grid_reaches_the_far_edges_and_no_further_than_it_must(
    info: SlideInfo, mpp: float, size: int, stride: int
) -> None:
    grid = make_grid(info, mpp, size, stride)
    for count, pixels, slide_mpp in (
        (grid.columns, info.bounds.width, info.mpp_x),
        (grid.rows, info.bounds.height, info.mpp_y),
    ):
        extent = exact_extent(pixels, slide_mpp, mpp)
        sliver = Fraction(2, 1_000_000) * max(1, extent)
        # The next patch is not needed: it would begin, or this one reaches, beyond the edge.
        assert (count - 1) * stride + max(size, stride) >= extent - sliver
        assert count == 1 or (count - 2) * stride + size < extent
        assert count == 1 or (count - 1) * stride < extent


@given(st.integers(0, 200_000), SCANNED_MPP, SCANNED_MPP, TARGET_MPP, PIXELS, st.integers(0, 2**24))
def test_columns_and_positions_are_the_same_there_and_back_however_far_out(
    origin: int, mpp_x: float, mpp_y: float, mpp: float, stride: int, cell: int
) -> None:
    info = slide_info(10**6, 10**6, mpp_x, Bounds(origin, 2 * origin, 1000, 1000), mpp_y)
    grid = make_grid(info, mpp, stride, stride)
    for start, own_mpp, scale, at in (
        (origin, mpp_x, grid.scale_x, grid.level0_x(np.array([cell]))[0]),
        (2 * origin, mpp_y, grid.scale_y, grid.level0_y(np.array([cell]))[0]),
    ):
        exact = start + cell * stride * Fraction(mpp) / Fraction(own_mpp)
        # Four roundings: of the scale, the step, the product and the sum.
        assert abs(Fraction(float(at)) - exact) <= 4 * Fraction(math.ulp(float(exact) or 1.0))
        assert (at - start) / (stride * scale) == pytest.approx(cell, rel=1e-12, abs=1e-6)


@given(slides(), st.floats(0.5, 20.0), st.integers(1, 200), st.integers(1, 200))
def test_a_plan_of_the_whole_slide_has_each_cell_once_in_reading_order(
    info: SlideInfo, mpp: float, size: int, stride: int
) -> None:
    grid = make_grid(info, mpp, size, stride)
    assume(grid.columns * grid.rows <= 20_000)
    plan = plan_patches(
        info, None, mpp=mpp, patch_size=size, stride=stride, min_tissue=0, allow_upsampling=True
    )
    order = plan.rows.astype(np.int64) * grid.columns + plan.columns
    np.testing.assert_array_equal(order, np.arange(grid.columns * grid.rows))
    # Names count target pixels from 1; they tell the cell.
    np.testing.assert_array_equal((plan.x_name - 1) // stride, plan.columns)
    np.testing.assert_array_equal((plan.y_name - 1) // stride, plan.rows)
    # Each begins on the scan.
    assert plan.x_level0.max() < info.bounds.x + info.bounds.width
    assert plan.y_level0.max() < info.bounds.y + info.bounds.height


@given(
    st.integers(20_000, 300_000),
    st.integers(20_000, 300_000),
    st.lists(st.integers(2, 90), min_size=1, max_size=4, unique=True),
    st.data(),
)
def test_whole_number_downsamples_are_found_however_sizes_were_rounded(
    width: int, height: int, ratios: list[int], data: st.DataObject
) -> None:
    rounding = st.sampled_from([math.floor, math.ceil, round])
    sizes = [(width, height)] + [
        (data.draw(rounding)(width / k), data.draw(rounding)(height / k)) for k in ratios
    ]
    # Below, a pixel of rounding is worth a whole step of the ratio.
    assume(all(min(size) > 2 * k for size, k in zip(sizes[1:], ratios, strict=True)))
    levels = make_levels(sizes)
    assert [level.downsample_x for level in levels] == [1.0, *sorted(ratios)]
    for level in levels:
        assert level.downsample_x == level.downsample_y
        assert sizes[level.index] == (level.width, level.height)


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 5000)), min_size=1, max_size=7))
def test_levels_of_any_sizes_run_from_fine_to_coarse_and_cover_the_slide(
    sizes: list[tuple[int, int]],
) -> None:
    assume(min(sizes[0]) > 0)
    width, height = sizes[0]
    levels = make_levels(sizes)
    assert levels[0].index == 0 and levels[0].downsample_x == levels[0].downsample_y == 1.0
    assert [level.downsample_x for level in levels] == sorted(x.downsample_x for x in levels)
    assert len({(level.width, level.height) for level in levels}) == len(levels)
    fitting = {size for size in sizes if 0 < size[0] <= width and 0 < size[1] <= height}
    assert {(level.width, level.height) for level in levels} == fitting
    for level in levels:
        # A level's own pixels end within one of them of the slide's edge.
        assert abs(level.width * level.downsample_x - width) <= level.downsample_x
        assert abs(level.height * level.downsample_y - height) <= level.downsample_y


@given(SIDES, SIDES, SCANNED_MPP, SCANNED_MPP, st.floats(0.05, 100), st.lists(st.integers(2, 64)))
def test_the_level_read_is_the_coarsest_that_is_fine_enough(
    width: int, height: int, mpp_x: float, mpp_y: float, mpp: float, ratios: list[int]
) -> None:
    sizes = [(width, height), *((width // k, height // k) for k in ratios)]
    info = slide_info(width, height, mpp_x, mpp_y=mpp_y, levels=make_levels(sizes))
    coarser = [max(v.downsample_x * mpp_x, v.downsample_y * mpp_y) for v in info.levels]
    chosen = info.levels.index(choose_level(info, mpp))
    most = mpp * (1 + MPP_TOLERANCE)
    assert coarser[chosen] <= most or chosen == 0
    assert all(other > most for other in coarser[chosen + 1 :])

    read = describe_read(info, mpp)
    assert read.level == info.levels[chosen]
    assert read.is_upsampling == (coarser[0] > most)
    for pixels, across, own in ((read.width, width, mpp_x), (read.height, height, mpp_y)):
        extent = exact_extent(across, own, mpp)
        assert pixels == 1 or pixels - 1 < extent <= pixels * (1 + Fraction(2, 1_000_000))


@given(st.integers(1, 900_000), st.floats(0.05, 100))
def test_rounding_in_the_scale_earns_no_pixel(pixels: int, mpp: float) -> None:
    assert pixels_across(pixels * mpp, mpp) == pixels


@given(slides(), st.floats(1, 2000))
def test_a_mask_covers_exactly_the_scan_in_bounded_memory(info: SlideInfo, patch: float) -> None:
    at, (rows, columns) = mask_frame(info, patch)
    bounds = info.bounds
    assert (at.origin_x, at.origin_y) == (bounds.x, bounds.y)
    assert at.pixel_width * columns == pytest.approx(bounds.width, rel=1e-12)
    assert at.pixel_height * rows == pytest.approx(bounds.height, rel=1e-12)
    assert min(rows, columns) >= 1 and max(rows, columns) <= LONGEST_SIDE_PX + 1


@given(slides(), TARGET_MPP, PIXELS, st.integers(1, 40), st.integers(1, 40))
def test_all_of_a_full_mask_is_seen_by_the_patches_over_it(
    info: SlideInfo, mpp: float, size: int, across: int, down: int
) -> None:
    """Side by side, patches see the scan's area, whatever the mask's pixels."""
    grid = make_grid(info, mpp, size, size)
    assume(grid.columns * grid.rows <= 20_000)
    plan = plan_patches(
        info, None, mpp=mpp, patch_size=size, stride=size, min_tissue=0, allow_upsampling=True
    )
    placement = placement_over(info.bounds, across, down, info.mpp_x, info.mpp_y)
    share = plan.share_of(SlideMask(np.ones((down, across), bool), placement))
    seen = share.sum() * grid.patch_width_level0 * grid.patch_height_level0
    # What no patch earned: slivers of a millionth along two edges.
    assert seen == pytest.approx(info.bounds.width * info.bounds.height, rel=3e-6, abs=1e-3)
