"""Area averaging against plain sums."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from wsi_idc.slides import resample
from wsi_idc.slides.resample import area_average

RANDOM = np.random.default_rng(7)
PICTURE = RANDOM.integers(0, 256, (97, 131, 3), dtype=np.uint8)


def brute_force(
    pixels: NDArray[np.uint8], box: tuple[float, float, float, float], size: tuple[int, int]
) -> NDArray[np.float64]:
    """Mean over each target pixel's area, every source pixel weighted by its overlap."""
    left, top, right, bottom = box
    height, width = pixels.shape[:2]

    def overlaps(extent: int, start: float, stop: float, count: int) -> NDArray[np.float64]:
        edges = start + (stop - start) / count * np.arange(count + 1)
        own = np.arange(extent)
        return np.array(
            [
                np.clip(np.minimum(own + 1, high) - np.maximum(own, low), 0, None) / (high - low)
                for low, high in itertools.pairwise(edges)
            ]
        )

    across = overlaps(width, left, right, size[0])
    down = overlaps(height, top, bottom, size[1])
    return np.einsum("yh,hwc,xw->yxc", down, pixels.astype(float), across, optimize=True)


@pytest.mark.parametrize(
    ("box", "size"),
    [
        ((0, 0, 131, 97), (1, 1)),
        ((0.3, 0.7, 130.2, 96.1), (17, 13)),
        ((5.5, 3.25, 105.5, 83.25), (100, 80)),
        ((1.0, 2.0, 129.0, 66.0), (32, 16)),
        ((10, 10, 20.1, 20.1), (10, 10)),
        ((0, 0, 131, 97), (130, 96)),
        ((3, 4, 99, 94), (32, 45)),
    ],
)
def test_it_is_the_mean_over_the_area(
    box: tuple[float, float, float, float], size: tuple[int, int]
) -> None:
    result = area_average(PICTURE, box, size)
    assert result.dtype == np.uint8
    assert result.shape == (size[1], size[0], 3)
    # Nearest grey level of the exact mean, float32 noise at a tie aside.
    np.testing.assert_allclose(result, brute_force(PICTURE, box, size), atol=0.502)


@pytest.mark.parametrize("ratio", [1, 2, 3, 4, 5, 16, 63, 64])
def test_both_paths_agree(ratio: int) -> None:
    side = 192 // ratio
    picture = RANDOM.integers(0, 256, (200, 200, 3), dtype=np.uint8)
    box = (4.0, 7.0, 4.0 + side * ratio, 7.0 + side * ratio)
    aligned = area_average(picture, box, (side, side))
    general = resample._exact_average(picture, box, (side, side))
    assert np.abs(aligned.astype(int) - general).max() <= 1
    np.testing.assert_allclose(aligned, brute_force(picture, box, (side, side)), atol=0.502)


def test_no_bias() -> None:
    picture = RANDOM.integers(0, 256, (1024, 1024, 3), dtype=np.uint8)
    for box, size in [((0, 0, 1024, 1024), (128, 128)), ((0.4, 0.4, 1000.9, 1000.9), (99, 99))]:
        result = area_average(picture, box, size)
        error = result - brute_force(picture, box, size)
        # 10,000 pixels rounded to nearest: the mean error of rounding down would be 0.5.
        assert abs(error.mean()) < 0.02


def test_a_box_near_whole_pixels_is_those_pixels_and_costs_nothing() -> None:
    box = (20 + 1e-7, 30 - 1e-7, 60 + 1e-7, 60 - 1e-7)
    result = area_average(PICTURE, box, (40, 30))
    np.testing.assert_array_equal(result, PICTURE[30:60, 20:60])
    assert np.shares_memory(result, PICTURE)


def test_a_shift_of_a_hundredth_of_a_pixel_is_kept() -> None:
    ramp = np.repeat(np.arange(0, 250, 25, dtype=np.uint8)[None, :, None], 3, axis=2)
    ramp = np.repeat(ramp, 4, axis=0)
    # 25 grey levels a pixel: a shift by 0.1 px is 2.5 levels.
    shifted = area_average(ramp, (1.1, 0, 7.1, 4), (3, 2))
    np.testing.assert_array_equal(shifted[0, :, 0], [40, 90, 140])


def test_enlarging_interpolates_between_pixel_centres() -> None:
    picture = np.zeros((3, 4, 3), np.uint8)
    picture[:] = np.array([0, 40, 80, 120], np.uint8)[None, :, None]
    result = area_average(picture, (0, 0, 4, 3), (8, 3))
    # Centres at 0.25, 0.75, ... source px; the edge pixel is repeated outwards.
    np.testing.assert_array_equal(result[1, :, 0], [0, 10, 30, 50, 70, 90, 110, 120])


def test_enlarging_does_not_depend_on_internal_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = area_average(PICTURE, (1.3, 1.3, 120.8, 90.2), (300, 500))
    monkeypatch.setattr(resample, "_ROWS_AT_A_TIME", 5)
    strips = area_average(PICTURE, (1.3, 1.3, 120.8, 90.2), (300, 500))
    assert np.abs(whole.astype(int) - strips).max() <= 1
    assert (whole != strips).mean() < 0.01


@pytest.mark.parametrize(
    ("box", "size"),
    [
        ((0, 0, 0, 10), (1, 1)),
        ((-1, 0, 10, 10), (5, 5)),
        ((0, 0, 132, 97), (5, 5)),
        ((0, 0, 10, 10), (0, 5)),
    ],
)
def test_an_impossible_box_or_size_is_refused(
    box: tuple[float, float, float, float], size: tuple[int, int]
) -> None:
    with pytest.raises(ValueError, match=r"box|size"):
        area_average(PICTURE, box, size)
