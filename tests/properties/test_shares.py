"""Shares of rectangles that a mask covers: areas add up, wherever the cuts are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties.strategies import placements, rasters

from wsi_idc.slides.raster import Placement, SlideMask
from wsi_idc.tissue.mask import _over_bounds

CUT = st.floats(-3, 15)
LENGTH = st.floats(0.01, 10)


def share(mask: SlideMask, column: float, row: float, across: float, down: float) -> float:
    """Of a rectangle in pixels of the mask."""
    at = mask.placement
    (found,) = mask.fraction_of(
        np.array([at.origin_x + column * at.pixel_width]),
        np.array([at.origin_y + row * at.pixel_height]),
        across * at.pixel_width,
        down * at.pixel_height,
    )
    return float(found)


@given(rasters(), placements(), CUT, CUT, LENGTH, LENGTH, st.floats(0.05, 0.95))
def test_a_rectangle_has_what_its_two_parts_have(
    values: np.ndarray, at: Placement, x: float, y: float, across: float, down: float, cut: float
) -> None:
    mask = SlideMask(values, at)
    whole = share(mask, x, y, across, down)
    left, right = (
        share(mask, x, y, across * cut, down),
        share(mask, x + across * cut, y, across * (1 - cut), down),
    )
    top, bottom = (
        share(mask, x, y, across, down * cut),
        share(mask, x, y + down * cut, across, down * (1 - cut)),
    )
    # Of 100,000 level-0 pixels the last digits are lost where a rectangle is small.
    near = {"abs": 1e-6}
    assert cut * left + (1 - cut) * right == pytest.approx(whole, **near)
    assert cut * top + (1 - cut) * bottom == pytest.approx(whole, **near)


@given(rasters(), placements(), st.floats(0, 5), st.floats(0, 5), LENGTH, LENGTH)
def test_mask_and_glass_share_what_lies_on_the_mask(
    values: np.ndarray, at: Placement, x: float, y: float, across: float, down: float
) -> None:
    rows, columns = values.shape
    on_mask = max(0.0, min(columns, x + across) - x) * max(0.0, min(rows, y + down) - y)
    both = share(SlideMask(values, at), x, y, across, down)
    both += share(SlideMask(~values, at), x, y, across, down)
    assert both == pytest.approx(on_mask / (across * down), abs=1e-6)


@given(rasters(), placements(), st.floats(0.2, 10), st.floats(0.2, 10))
def test_rectangles_side_by_side_have_all_of_the_mask(
    values: np.ndarray, at: Placement, across: float, down: float
) -> None:
    mask = SlideMask(values, at)
    width, height = across * at.pixel_width, down * at.pixel_height
    columns, rows = int(12 / across) + 1, int(12 / down) + 1
    x, y = np.meshgrid(
        at.origin_x + np.arange(columns) * width, at.origin_y + np.arange(rows) * height
    )
    found = mask.fraction_of(x.ravel(), y.ravel(), width, height).sum() * across * down
    assert found == pytest.approx(np.count_nonzero(values), abs=1e-5)


@given(rasters(), placements(), st.integers(1, 4), st.integers(1, 4))
def test_a_finer_mask_of_the_same_area_is_the_same_mask(
    values: np.ndarray, at: Placement, across: int, down: int
) -> None:
    """What `tile` writes as an image, which may be enlarged and read back, selects the same."""
    fine = Placement(
        at.origin_x,
        at.origin_y,
        at.pixel_width / across,
        at.pixel_height / down,
        at.mpp_x,
        at.mpp_y,
    )
    finer = SlideMask(values.repeat(across, axis=1).repeat(down, axis=0), fine)
    x = at.origin_x + np.linspace(-1.5, 12, 9) * at.pixel_width
    y = at.origin_y + np.linspace(-1.5, 12, 9) * at.pixel_height
    size = 2.3 * at.pixel_width, 1.7 * at.pixel_height
    np.testing.assert_allclose(
        finer.fraction_of(x, y, *size), SlideMask(values, at).fraction_of(x, y, *size), atol=1e-9
    )
    assert finer.area_mm2 == pytest.approx(SlideMask(values, at).area_mm2)


@given(rasters(), placements(), st.floats(0, 0.999), st.floats(0, 0.999))
def test_a_picture_that_hangs_over_the_scan_gives_a_mask_that_is_off_by_half_a_pixel_at_most(
    values: np.ndarray, seen: Placement, over_x: float, over_y: float
) -> None:
    """The last pixels of a picture lie partly beyond the bounds; a mask covers these exactly."""
    rows, columns = values.shape
    at = Placement(
        seen.origin_x,
        seen.origin_y,
        seen.pixel_width * (columns - over_x) / columns,
        seen.pixel_height * (rows - over_y) / rows,
        seen.mpp_x,
        seen.mpp_y,
    )
    mask = _over_bounds(values, seen, at, (rows, columns))
    assert mask.placement == at
    for row in range(rows):
        for column in range(columns):
            from_row = round((row + 0.5) * at.pixel_height / seen.pixel_height - 0.5)
            from_column = round((column + 0.5) * at.pixel_width / seen.pixel_width - 0.5)
            near = values[
                max(0, from_row - 1) : from_row + 2, max(0, from_column - 1) : from_column + 2
            ]
            assert mask.values[row, column] in near
    if over_x == over_y == 0:
        np.testing.assert_array_equal(mask.values, values)
