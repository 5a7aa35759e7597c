"""A mask's share of rectangles: exact areas, whatever the rectangle's edges cut."""

from __future__ import annotations

import numpy as np
import pytest

from wsi_idc.slides.raster import Placement, SlideMask


def mask_of(values: np.ndarray, **placement: float) -> SlideMask:
    at = {
        "origin_x": 0.0,
        "origin_y": 0.0,
        "pixel_width": 1.0,
        "pixel_height": 1.0,
        "mpp_x": 0.25,
        "mpp_y": 0.25,
    } | placement
    return SlideMask(values, Placement(**at))


def one(mask: SlideMask, x: float, y: float, width: float, height: float) -> float:
    (fraction,) = mask.fraction_of(np.array([x]), np.array([y]), width, height)
    return float(fraction)


def brute_force(mask: SlideMask, x: float, y: float, width: float, height: float) -> float:
    at = mask.placement
    covered = 0.0
    for row, column in zip(*np.nonzero(mask.values), strict=True):
        left = at.origin_x + column * at.pixel_width
        top = at.origin_y + row * at.pixel_height
        across = min(x + width, left + at.pixel_width) - max(x, left)
        down = min(y + height, top + at.pixel_height) - max(y, top)
        covered += max(0.0, across) * max(0.0, down)
    return covered / (width * height)


@pytest.mark.parametrize("seed", range(5))
def test_fraction_agrees_with_pixel_by_pixel_overlap(seed: int) -> None:
    random = np.random.default_rng(seed)
    mask = mask_of(
        random.random((7, 11)) < 0.5,
        origin_x=-30.5,
        origin_y=1000.25,
        pixel_width=64.3,
        pixel_height=61.7,
    )
    x = random.uniform(-200, 800, 40)
    y = random.uniform(900, 1500, 40)
    width, height = random.uniform(5, 300, 2)
    expected = [brute_force(mask, *corner, width, height) for corner in zip(x, y, strict=True)]
    np.testing.assert_allclose(mask.fraction_of(x, y, width, height), expected, atol=1e-12)


def test_full_mask_covers_all_of_what_lies_inside() -> None:
    mask = mask_of(np.ones((4, 6), bool), pixel_width=32.0, pixel_height=32.0)
    assert one(mask, 0, 0, 192, 128) == 1
    assert one(mask, 13.7, 5.1, 40.2, 77.7) == pytest.approx(1, abs=1e-12)


def test_outside_the_mask_counts_as_not_covered() -> None:
    mask = mask_of(np.ones((4, 4), bool))
    assert one(mask, 3, 3, 2, 2) == 0.25
    assert one(mask, -1, 0, 2, 4) == 0.5
    assert one(mask, 100, 100, 5, 5) == 0
    assert one(mask, -100, 1, 5, 2) == 0


def test_a_quarter_of_one_pixel_is_a_quarter() -> None:
    values = np.zeros((3, 3), bool)
    values[1, 2] = True
    mask = mask_of(values, pixel_width=10.0, pixel_height=20.0)
    assert one(mask, 25, 30, 10, 20) == 0.25
    assert one(mask, 20, 20, 10, 20) == 1
    assert one(mask, 10, 20, 10, 20) == 0
    assert one(mask, 20, 0, 10, 20) == 0


def test_area_is_that_of_the_true_pixels() -> None:
    values = np.zeros((5, 5), bool)
    values[0, :3] = True
    mask = mask_of(values, pixel_width=400.0, pixel_height=200.0, mpp_x=0.25, mpp_y=0.5)
    assert mask.area_mm2 == pytest.approx(3 * 0.1 * 0.1)
