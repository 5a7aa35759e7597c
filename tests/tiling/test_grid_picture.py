"""The grid picture: squares where the patches are, an outline where the tissue ends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from tiling.plans import mask_over, slide_info

from wsi_idc.slides.info import Bounds
from wsi_idc.slides.raster import Placement, SlidePicture
from wsi_idc.tiling.colours import PATCH_COLOUR, POSITIVE_COLOUR, TISSUE_COLOUR
from wsi_idc.tiling.grid_picture import draw_grid, grid_sheet
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
    drawn = is_colour(image, PATCH_COLOUR)
    expected = np.zeros_like(drawn)
    expected[50:100, 50:100] = True
    expected[51:99, 51:99] = False
    np.testing.assert_array_equal(drawn, expected)
    assert (image[~drawn] == GLASS).all()


def test_positives_have_another_colour_and_are_shaded() -> None:
    plan = plan_patches(INFO, None, mpp=8.0, patch_size=50, stride=50, min_tissue=0)
    plan = replace(plan, label=np.array([0, 1, 0, 0, 0, 0], np.int8))
    image = np.asarray(draw_grid(picture(), plan, None))
    positive = is_colour(image, POSITIVE_COLOUR)
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
    drawn = is_colour(image, TISSUE_COLOUR)
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
    assert not is_colour(image, PATCH_COLOUR).any()


def test_patches_over_the_edge_of_the_picture_are_cut() -> None:
    plan = plan_patches(INFO, None, mpp=8.0, patch_size=70, stride=70, min_tissue=0)
    image = draw_grid(picture(), plan, None)
    assert image.size == (150, 100)
    assert is_colour(np.asarray(image), PATCH_COLOUR)[:, 140].all()


def test_the_sheet_holds_the_picture_and_words_around_it() -> None:
    plan = plan_patches(INFO, None, mpp=8.0, patch_size=50, stride=50, min_tissue=0)
    mask = mask_over(INFO, np.ones((20, 30)))
    drawn = np.asarray(draw_grid(picture(4.0), plan, mask))
    height, width = drawn.shape[:2]
    sheet = np.asarray(grid_sheet(picture(4.0), plan, mask, "slide 7"))
    assert sheet.shape[1] == width + 48
    np.testing.assert_array_equal(sheet[112 : 112 + height, 24 : 24 + width], drawn)
    for words in (sheet[:110, :600], sheet[112 + height :, :300], sheet[112 + height :, -300:]):
        assert (words < 100).all(axis=2).any()
    # The bar below: 4 px of 0.25 µm are 1 µm, so 0.2 mm are 200 px.
    bar = (sheet[112 + height + 20 : 112 + height + 36, :300] < 60).all(axis=2).any(axis=0)
    assert np.flatnonzero(bar)[[0, -1]].tolist() == [24, 223]


def test_a_tiny_slide_is_enlarged_and_not_displaced() -> None:
    plan = plan_patches(INFO, None, mpp=8.0, patch_size=50, stride=50, min_tissue=0)
    one = plan.select(np.arange(len(plan)) == 4)  # column 1, row 1
    mask = mask_over(INFO, np.zeros((20, 30)))
    sheet = np.asarray(grid_sheet(picture(), one, mask, "tiny"))
    drawn = is_colour(sheet[112 : 112 + 400], PATCH_COLOUR)
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    assert (rows[0], rows[-1]) == (200, 399)
    assert (columns[0], columns[-1]) == (200 + 200, 399 + 200)  # 600 px wide in 1,000
