"""The grid picture: squares where the patches are, an outline where the tissue ends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from tiling.plans import mask_over, slide_info

from wsi_idc.slides.info import Bounds
from wsi_idc.slides.raster import Placement, SlidePicture
from wsi_idc.tiling.grid_picture import _PATCH, _POSITIVE, _TISSUE_OUTLINE, draw_grid
from wsi_idc.tiling.plan import plan_patches

INFO = slide_info(9000, 9000, bounds=Bounds(1000, 600, 4800, 3200))
GLASS = 240


def picture(pixel: float = 32.0) -> SlidePicture:
    height, width = round(3200 / pixel), round(4800 / pixel)
    placement = Placement(1000.0, 600.0, pixel, pixel, 0.25, 0.25)
    return SlidePicture(np.full((height, width, 3), GLASS, np.uint8), placement)


def is_colour(image: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return (image == colour).all(axis=2)


def test_squares_stand_where_the_patches_are() -> None:
    plan = plan_patches(INFO, None, mpp=8.0, patch_size=50, stride=50, min_tissue=0)
    one = plan.select(np.arange(len(plan)) == 4)  # column 1, row 1
    image = np.asarray(draw_grid(picture(), one, None))
    drawn = is_colour(image, _PATCH)
    expected = np.zeros_like(drawn)
    expected[50:100, 50:100] = True
    expected[51:99, 51:99] = False
    np.testing.assert_array_equal(drawn, expected)
    assert (image[~drawn] == GLASS).all()


def test_positives_have_another_colour_and_are_shaded() -> None:
    plan = plan_patches(INFO, None, mpp=8.0, patch_size=50, stride=50, min_tissue=0)
    plan = replace(plan, label=np.array([0, 1, 0, 0, 0, 0], np.int8))
    image = np.asarray(draw_grid(picture(), plan, None))
    positive = is_colour(image, _POSITIVE)
    assert positive[0:50, 50].all()
    assert positive[0:50, 99].all()
    assert not positive[:, :50].any()
    assert (image[10, 60] != GLASS).any()
    assert (image[10, 10] == GLASS).all()
    assert (image[70, 60] == GLASS).all()


def test_the_outline_follows_the_mask() -> None:
    tissue = np.zeros((20, 30))
    tissue[4:12, 10:20] = 1  # picture pixels 20:60, 50:100
    plan = plan_patches(INFO, None, mpp=8.0, patch_size=50, stride=50, min_tissue=0)
    image = np.asarray(
        draw_grid(picture(), plan.select(np.zeros(6, bool)), mask_over(INFO, tissue))
    )
    drawn = is_colour(image, _TISSUE_OUTLINE)
    expected = np.zeros_like(drawn)
    expected[20:60, 50:100] = True
    expected[21:59, 51:99] = False
    np.testing.assert_array_equal(drawn, expected)


def test_patches_too_small_for_squares_are_shaded() -> None:
    info = slide_info(3200, 3200)
    plan = plan_patches(info, None, mpp=0.25, patch_size=50, stride=50, min_tissue=0)
    plan = plan.select(plan.columns < 32)
    placement = Placement(0.0, 0.0, 32.0, 32.0, 0.25, 0.25)
    seen = SlidePicture(np.full((100, 100, 3), GLASS, np.uint8), placement)
    image = np.asarray(draw_grid(seen, plan, None))
    shaded = (image != GLASS).any(axis=2)
    assert shaded[:, :50].all()
    assert not shaded[:, 50:].any()
    assert not is_colour(image, _PATCH).any()


def test_patches_over_the_edge_of_the_picture_are_cut() -> None:
    plan = plan_patches(INFO, None, mpp=8.0, patch_size=70, stride=70, min_tissue=0)
    image = draw_grid(picture(), plan, None)
    assert image.size == (150, 100)
    assert is_colour(np.asarray(image), _PATCH)[:, 140].all()
