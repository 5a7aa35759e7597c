"""From scores to the map: nothing is lost, made up, or moved."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from properties.strategies import plans

from wsi_idc.heatmap.aggregate import aggregate
from wsi_idc.slides.raster import Placement, SlideMask
from wsi_idc.tiling.plan import PatchPlan

SMALL = {"most_cells": 6, "sizes": st.integers(1, 12)}


@st.composite
def scored(draw: st.DrawFn) -> tuple[PatchPlan, np.ndarray]:
    plan = draw(plans(**SMALL))
    return plan, draw(npst.arrays(np.float64, len(plan), elements=st.floats(0, 1)))


def cell_of(plan: PatchPlan) -> int:
    return min(plan.grid.patch_size, plan.grid.stride)


def overlaps(plan: PatchPlan, shape: tuple[int, ...]) -> np.ndarray:
    """Target pixels that each patch shares with each cell, counted one by one."""
    grid, cell = plan.grid, cell_of(plan)
    shared = np.zeros((len(plan), *shape), np.int64)
    for index, (column, row) in enumerate(zip(plan.columns, plan.rows, strict=True)):
        for y in range(row * grid.stride, row * grid.stride + grid.patch_size):
            for x in range(column * grid.stride, column * grid.stride + grid.patch_size):
                shared[index, y // cell, x // cell] += 1
    return shared


@given(scored())
def test_what_the_patches_hold_is_what_the_cells_hold(case: tuple[PatchPlan, np.ndarray]) -> None:
    plan, probability = case
    values = aggregate(plan, probability).values
    shared = overlaps(plan, values.shape)
    covered = shared.sum(axis=0)
    np.testing.assert_array_equal(np.isfinite(values), covered > 0)
    # Each cell's value times what covers it, against each patch's probability times its area.
    held = np.nansum(values.astype(np.float64) * covered)
    assert held == pytest.approx(probability.sum() * plan.grid.patch_size**2, rel=1e-6, abs=1e-30)


@given(scored())
def test_a_cell_lies_between_the_patches_that_cover_it(case: tuple[PatchPlan, np.ndarray]) -> None:
    plan, probability = case
    values = aggregate(plan, probability).values
    shared = overlaps(plan, values.shape) > 0
    for row, column in np.argwhere(np.isfinite(values)):
        of_it = probability[shared[:, row, column]].astype(np.float32)
        assert of_it.min() * (1 - 1e-6) <= values[row, column] <= of_it.max() * (1 + 1e-6)


@given(scored(), st.randoms(use_true_random=False))
def test_the_order_of_the_patches_does_not_matter(
    case: tuple[PatchPlan, np.ndarray], random: Random
) -> None:
    plan, probability = case
    order = list(range(len(plan)))
    random.shuffle(order)
    shuffled = aggregate(plan.select(np.array(order)), probability[order]).values
    np.testing.assert_allclose(shuffled, aggregate(plan, probability).values, rtol=1e-6)


@given(scored(), st.data())
def test_a_higher_score_lowers_no_cell_and_raises_its_own(
    case: tuple[PatchPlan, np.ndarray], data: st.DataObject
) -> None:
    plan, probability = case
    which = data.draw(st.integers(0, len(plan) - 1))
    low, high = probability.copy(), probability.copy()
    low[which], high[which] = 0.0, 1.0
    change = aggregate(plan, high).values - aggregate(plan, low).values
    own = overlaps(plan, change.shape)[which] > 0
    assert (change[own] > 0).all()
    np.testing.assert_allclose(np.nan_to_num(change[~own]), 0, atol=1e-6)


@given(scored())
def test_what_is_idc_and_what_is_not_add_up(case: tuple[PatchPlan, np.ndarray]) -> None:
    plan, probability = case
    both = aggregate(plan, probability).values + aggregate(plan, 1 - probability).values
    np.testing.assert_allclose(both[np.isfinite(both)], 1, rtol=1e-6)


@given(scored())
def test_the_map_reaches_from_the_first_to_the_last_patch(
    case: tuple[PatchPlan, np.ndarray],
) -> None:
    plan, probability = case
    grid = plan.grid
    found = aggregate(plan, probability)
    at = found.placement
    rows, columns = found.values.shape
    assert (at.origin_x, at.origin_y) == (grid.origin_x, grid.origin_y)
    right = grid.level0_x(np.array([grid.columns - 1]))[0] + grid.patch_width_level0
    bottom = grid.level0_y(np.array([grid.rows - 1]))[0] + grid.patch_height_level0
    for end, start, count, size in (
        (right, at.origin_x, columns, at.pixel_width),
        (bottom, at.origin_y, rows, at.pixel_height),
    ):
        over = (start + count * size - end) / size
        assert -1e-6 < over < 1 - 1e-6
    # A cell is square on the glass, as target pixels are.
    assert at.pixel_width_um == pytest.approx(cell_of(plan) * grid.mpp)
    assert at.pixel_height_um == pytest.approx(cell_of(plan) * grid.mpp)


class Half:
    """A region: the cells left of a column."""

    def __init__(self, column: int) -> None:
        self.column = column

    def rasterise(self, placement: Placement, shape: tuple[int, int]) -> SlideMask:
        inside = np.zeros(shape, bool)
        inside[:, : self.column] = True
        return SlideMask(inside, placement)


@given(scored(), st.floats(0, 1), st.integers(0, 12), st.data())
def test_tissue_and_region_take_cells_away_and_change_none(
    case: tuple[PatchPlan, np.ndarray], least: float, column: int, data: st.DataObject
) -> None:
    plan, probability = case
    whole = aggregate(plan, probability)
    values = data.draw(npst.arrays(np.bool_, whole.values.shape))
    region = Half(column)
    found = aggregate(
        plan,
        probability,
        tissue=SlideMask(values, whole.placement),
        min_cell_tissue=least,
        region=region,
    )
    expected = np.where(
        values & region.rasterise(whole.placement, values.shape).values, whole.values, np.nan
    )
    np.testing.assert_array_equal(found.values, expected.astype(np.float32))
