"""The probability map against a reference that paints patches pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest

from wsi_idc.heatmap.aggregate import aggregate
from wsi_idc.slides.raster import Placement, SlideMask
from wsi_idc.tiling.grid import PatchGrid
from wsi_idc.tiling.plan import PatchPlan

# A division by nothing would warn.
pytestmark = pytest.mark.filterwarnings("error")


def grid_of(
    columns: int, rows: int, patch_size: int = 50, stride: int = 50, scale: float = 32.0
) -> PatchGrid:
    return PatchGrid(
        origin_x=120.0,
        origin_y=64.0,
        scale_x=scale,
        scale_y=scale,
        patch_size=patch_size,
        stride=stride,
        mpp=8.0,
        columns=columns,
        rows=rows,
    )


def plan_of(grid: PatchGrid, keep: np.ndarray | None = None) -> PatchPlan:
    rows, columns = np.nonzero(np.ones((grid.rows, grid.columns), bool) if keep is None else keep)
    return PatchPlan(
        grid,
        columns.astype(np.int64),
        rows.astype(np.int64),
        np.ones(len(rows), np.float32),
        np.full(len(rows), -1, np.int8),
    )


def painted(plan: PatchPlan, probability: np.ndarray, cell: int) -> np.ndarray:
    """The map, by painting every patch onto target pixels and averaging over the cells."""
    grid = plan.grid
    width = (grid.columns - 1) * grid.stride + grid.patch_size
    height = (grid.rows - 1) * grid.stride + grid.patch_size
    across, down = -(-width // cell), -(-height // cell)
    total = np.zeros((down * cell, across * cell))
    count = np.zeros_like(total)
    for column, row, value in zip(plan.columns, plan.rows, probability, strict=True):
        x, y = column * grid.stride, row * grid.stride
        total[y : y + grid.patch_size, x : x + grid.patch_size] += value
        count[y : y + grid.patch_size, x : x + grid.patch_size] += 1
    shape = (down, cell, across, cell)
    with np.errstate(invalid="ignore"):
        return total.reshape(shape).sum((1, 3)) / count.reshape(shape).sum((1, 3))


@pytest.mark.parametrize(
    ("patch_size", "stride"),
    [(50, 50), (50, 25), (50, 10), (50, 20), (50, 33), (50, 60), (50, 100), (7, 3), (1, 1)],
)
def test_agrees_with_painting_pixel_by_pixel(patch_size: int, stride: int) -> None:
    random = np.random.default_rng(stride)
    grid = grid_of(9, 6, patch_size, stride)
    plan = plan_of(grid, random.random((6, 9)) < 0.6)
    probability = random.random(len(plan))
    result = aggregate(plan, probability)
    expected = painted(plan, probability, min(patch_size, stride))
    assert np.isnan(expected).any()
    np.testing.assert_allclose(result.values, expected, rtol=1e-6)


def test_half_a_patch_of_stride_gives_the_mean_of_four_patches() -> None:
    grid = grid_of(3, 3, stride=25)
    probability = np.arange(9) / 10
    values = aggregate(plan_of(grid), probability).values
    assert values.shape == (4, 4)
    assert values[0, 0] == np.float32(0.0)  # a corner lies in one patch alone
    assert values[3, 3] == np.float32(0.8)
    assert values[0, 1] == pytest.approx((0.0 + 0.1) / 2)
    assert values[1, 1] == pytest.approx((0.0 + 0.1 + 0.3 + 0.4) / 4)
    assert values[2, 1] == pytest.approx((0.3 + 0.4 + 0.6 + 0.7) / 4)


@pytest.mark.parametrize("value", [0.0, 0.1, 1 / 3, 0.7, 1.0])
@pytest.mark.parametrize("stride", [50, 25, 17])
def test_a_constant_stays_that_constant(value: float, stride: int) -> None:
    plan = plan_of(grid_of(8, 5, stride=stride))
    values = aggregate(plan, np.full(len(plan), value)).values
    assert values.dtype == np.float32
    assert np.unique(values).tolist() == [np.float32(value)]


def test_each_patch_lands_on_its_own_cell() -> None:
    grid = grid_of(4, 3)
    keep = np.zeros((3, 4), bool)
    keep[2, 1] = keep[0, 3] = True
    values = aggregate(plan_of(grid, keep), np.array([0.25, 0.75])).values
    assert np.argwhere(np.isfinite(values)).tolist() == [[0, 3], [2, 1]]
    assert values[0, 3] == 0.25
    assert values[2, 1] == 0.75


@pytest.mark.parametrize("stride", [50, 25])
def test_the_far_corner_of_a_large_slide_is_exact(stride: int) -> None:
    scale = 8.0 / 0.2427
    grid = grid_of(2000, 2, stride=stride, scale=scale)
    at = aggregate(plan_of(grid), np.zeros(4000)).placement
    last = grid.level0_x(np.array([1999]))[0]
    assert at.origin_x + 1999 * at.pixel_width == last
    assert at.pixel_width == stride * scale
    assert (at.origin_x, at.origin_y) == (grid.origin_x, grid.origin_y)
    assert at.pixel_width_um == pytest.approx(stride * 8.0, rel=1e-15)


def test_cells_without_tissue_are_not_assessed() -> None:
    grid = grid_of(2, 1, stride=25, scale=2.0)  # cells of 50 level-0 pixels: 3 across, 2 down
    tissue = np.zeros((100, 150), bool)
    tissue[0:50, 0:50] = True  # all of the first cell
    tissue[0:10, 50:100] = True  # a fifth of the second
    mask = SlideMask(tissue, Placement(120.0, 64.0, 1.0, 1.0, 4.0, 4.0))
    plan, probability = plan_of(grid), np.array([0.2, 0.6])

    values = aggregate(plan, probability, tissue=mask).values
    expected = np.array([[0.2, 0.4, np.nan], [np.nan] * 3], np.float32)
    np.testing.assert_array_equal(values, expected)

    values = aggregate(plan, probability, tissue=mask, min_cell_tissue=0.2).values
    np.testing.assert_array_equal(values, expected)

    values = aggregate(plan, probability, tissue=mask, min_cell_tissue=0.21).values
    assert np.argwhere(np.isfinite(values)).tolist() == [[0, 0]]


def test_a_cell_within_two_patches_is_assessed_where_one_was_left_out() -> None:
    grid = grid_of(2, 1, stride=25)
    values = aggregate(plan_of(grid, np.array([[False, True]])), np.array([0.9])).values
    expected = np.array([[np.nan, 0.9, 0.9]] * 2, np.float32)
    np.testing.assert_array_equal(values, expected)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, -0.01, 1.01])
def test_what_is_no_probability_is_refused(bad: float) -> None:
    plan = plan_of(grid_of(2, 2))
    with pytest.raises(ValueError, match=r"^1 of 4 probabilities are .* at patch 2$"):
        aggregate(plan, np.array([0.1, 0.2, bad, 0.4]))


def test_a_probability_is_needed_for_each_patch() -> None:
    plan = plan_of(grid_of(2, 2))
    with pytest.raises(ValueError, match=r"each of 4 patches.*\(3,\)"):
        aggregate(plan, np.zeros(3))


def test_probabilities_of_any_float_type_are_taken() -> None:
    plan = plan_of(grid_of(2, 1))
    values = aggregate(plan, np.array([0.5, 0.25], np.float16)).values
    assert values.tolist() == [[0.5, 0.25]]


def test_only_cells_whose_centre_lies_in_the_region_are_assessed() -> None:
    from shapely import box

    from wsi_idc.annotations.areas import AnnotatedArea

    # Half-overlapping patches of 1600 px: cells of 800 px from 120, 64 on, centres from 520, 464.
    plan = plan_of(grid_of(6, 4, 50, 25))
    probability = np.linspace(0, 1, len(plan))
    whole = aggregate(plan, probability).values
    region = AnnotatedArea([box(520, 1264, 2120.1, 2063.9)])
    limited = aggregate(plan, probability, region=region).values
    assert np.argwhere(np.isfinite(limited)).tolist() == [[1, 0], [1, 1], [1, 2]]
    assert np.array_equal(limited[1, :3], whole[1, :3])
