"""Every pixel read lies where it says, measured on slides that encode their positions."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from slide_factory import PositionCode, decode_position, position_slide, slides_by_target

from wsi_idc.errors import UpsamplingError
from wsi_idc.slides import base as base_module
from wsi_idc.slides import check_target_mpp, choose_level, open_slide

# Of a target pixel. The decoding itself is good to about 0.02 where a period is 32 of them.
TOLERANCE = 0.05
FLAT = math.inf


def position_error(
    path: Path, code: PositionCode, x: float, y: float, size: tuple[int, int], mpp: float
) -> tuple[float, float]:
    """How far a patch lies from where it was asked for, in target pixels."""
    with open_slide(path) as slide:
        scale_x, scale_y = mpp / slide.info.mpp_x, mpp / slide.info.mpp_y
        patch = slide.read(x, y, size, mpp)
    assert patch.shape == (size[1], size[0], 3)
    found_x, found_y = decode_position(patch, code, scale_x, scale_y)
    return (found_x - x) / scale_x, (found_y - y) / scale_y


@pytest.fixture(scope="module", params=[0.25, 0.2427, 0.5])
def slides_of_one_scale(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[float, dict[float, tuple[Path, PositionCode]]]:
    folder = tmp_path_factory.mktemp("scales")
    return request.param, slides_by_target(folder, request.param, 700, 2.2)


@pytest.mark.parametrize("mpp", [0.25, 0.5, 2.0, 8.0])
def test_a_patch_lies_where_it_was_asked_for(
    slides_of_one_scale: tuple[float, dict[float, tuple[Path, PositionCode]]], mpp: float
) -> None:
    slide_mpp, slides = slides_of_one_scale
    path, code = slides[mpp]
    if mpp < slide_mpp:
        with open_slide(path) as slide, pytest.raises(UpsamplingError, match=r"--allow-upsampling"):
            check_target_mpp(slide.info, mpp, allow_upsampling=False)
        return
    scale = mpp / slide_mpp
    side = 40
    # The last whole level-16 pixel ends where the coarsest level does.
    last_x, last_y = (extent // 16 * 16 - side * scale for extent in (code.width, code.height))
    for x, y in [(0.0, 0.0), (10.0, 7.0), (33.37, 21.81), (last_x, last_y)]:
        error = position_error(path, code, x, y, (side, side), mpp)
        assert np.abs(error).max() < TOLERANCE, f"at {x}, {y}: off by {error} target px"


@pytest.mark.parametrize(
    ("length", "period", "targets"),
    [(40_031, 512, (2.0, 2.9)), (100_031, 1024, (4.0, 5.3, 8.0, 8.09, 10.0))],
)
@pytest.mark.parametrize("axis", ["x", "y"])
def test_the_far_corner_of_a_whole_slide_does_not_drift(
    tmp_path: Path, axis: str, length: int, period: float, targets: tuple[float, ...]
) -> None:
    """Neither length is a multiple of 4 or 32: ratios of level sizes would drift by a pixel."""
    width, height, periods = (length, 331, (period, FLAT))
    if axis == "y":
        width, height, periods = height, width, periods[::-1]
    path, code = position_slide(tmp_path, width, height, 0.25, (1, 4, 16, 32), period=periods)
    for mpp in targets:
        scale = mpp / 0.25
        long, short = round(2048 / scale), int(300 / scale)
        size = (long, short) if axis == "x" else (short, long)
        for start in (0.0, length / 2 + 0.3, length // 32 * 32 - long * scale):
            x, y = (start, 0.0) if axis == "x" else (0.0, start)
            error = position_error(path, code, x, y, size, mpp)[axis == "y"]
            assert abs(error) < TOLERANCE, f"at {mpp} µm/px, {start}: off by {error} target px"


def test_target_pixels_are_square_where_the_slides_are_not(tmp_path: Path) -> None:
    path, code = position_slide(tmp_path, 1500, 900, (0.25, 0.5), (1, 2, 4), period=(128, 64))
    with open_slide(path) as slide:
        assert (slide.info.mpp_x, slide.info.mpp_y) == pytest.approx((0.25, 0.5), rel=1e-6)
    for mpp in (0.5, 0.8, 1.0):
        side = int(200 / mpp)
        for x, y in [(0.0, 0.0), (101.7, 50.3), (1500 - side * mpp / 0.25 - 4, 300.0)]:
            error = position_error(path, code, x, y, (side, side), mpp)
            assert np.abs(error).max() < TOLERANCE, f"at {mpp} µm/px, {x}, {y}: off by {error}"


def test_enlarging_keeps_positions(tmp_path: Path) -> None:
    path, code = position_slide(tmp_path, 400, 300, 0.5, (1, 2), period=100)
    error = position_error(path, code, 20.6, 31.2, (350, 300), 0.2)
    # Target pixels are 0.4 of the slide's here: the same tolerance in slide pixels.
    assert np.abs(error).max() < TOLERANCE / 0.4


def test_a_level_is_read_pixel_for_pixel(tmp_path: Path) -> None:
    path, code = position_slide(tmp_path, 1029, 771, 0.25, (1, 4, 16))
    full = code.rows(0, 771)
    with open_slide(path) as slide:
        np.testing.assert_array_equal(slide.read_level(0, 0, 0, 1029, 771), full)
        np.testing.assert_array_equal(
            slide.read_level(0, 517, 301, 300, 211), full[301:512, 517:817]
        )
        np.testing.assert_array_equal(
            slide.read(517, 301, (300, 211), 0.25), full[301:512, 517:817]
        )
        blocks = full[:768, :1028].reshape(192, 4, 257, 4, 3).mean((1, 3))
        level = slide.read_level(1, 0, 0, 257, 192)
        np.testing.assert_allclose(level, blocks, atol=0.501)
        np.testing.assert_array_equal(slide.read(0, 0, (257, 192), 1.0), level)


def test_a_large_region_read_in_parts_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = position_slide(tmp_path, 1029, 771, 0.25, (1,))
    with open_slide(path) as slide:
        whole = slide.read(3.3, 5.1, (100, 71), 2.3)
        monkeypatch.setattr(base_module, "_LARGEST_SOURCE_PIXELS", 20_000)
        in_parts = slide.read(3.3, 5.1, (100, 71), 2.3)
    # Exact but for the order in which float32 sums are taken.
    assert np.abs(whole.astype(int) - in_parts).max() <= 1
    assert (whole != in_parts).mean() < 0.001


def test_outside_the_image_is_background(tmp_path: Path) -> None:
    path, code = position_slide(tmp_path, 300, 200, 0.25, (1, 4))
    full = code.rows(0, 200)
    with open_slide(path) as slide:
        region = slide.read_level(0, -10, -20, 320, 250)
        np.testing.assert_array_equal(region[20:220, 10:310], full)
        region[20:220, 10:310] = 255
        assert (region == 255).all()
        assert (slide.read(5000, 100, (10, 10), 2.0) == 255).all()
        # A target pixel half outside is half background.
        half = slide.read(-2.0, 100, (1, 1), 1.0)[0, 0].astype(float)
        expected = (full[100:104, 0:2].mean((0, 1)) + 255) / 2
        np.testing.assert_allclose(half, expected, atol=1)  # two roundings: level and target


def test_a_picture_covers_the_slide_and_knows_its_place(tmp_path: Path) -> None:
    path, code = position_slide(tmp_path, 3000, 2000, 0.25, (1, 4, 16), period=1000)
    with open_slide(path) as slide:
        for picture, mpp in [
            (slide.picture(4.0, max_side=1000), 4.0),
            (slide.picture(max_side=100), 7.5),
            (slide.picture(1.0, max_side=300), 2.5),
        ]:
            height, width = picture.pixels.shape[:2]
            at = picture.placement
            assert (width, height) == (math.ceil(750 / mpp), math.ceil(500 / mpp))
            assert at.pixel_width_um == pytest.approx(mpp)
            # The last row hangs over the edge and is part background.
            inside = picture.pixels[: int(500 / mpp), : int(750 / mpp)]
            x, y = decode_position(inside, code, at.pixel_width, at.pixel_height)
            assert abs(x - at.origin_x) < TOLERANCE * at.pixel_width
            assert abs(y - at.origin_y) < TOLERANCE * at.pixel_height
        assert slide.picture(max_side=4000).pixels.shape == (2000, 3000, 3)


def test_the_level_read_is_the_coarsest_that_is_fine_enough(tmp_path: Path) -> None:
    path, _ = position_slide(tmp_path, 2000, 2000, 0.2527, (1, 4, 16, 32))
    with open_slide(path) as slide:
        info = slide.info
        # 32 * 0.2527 = 8.086: within 2 % of the nominal 8 µm/px.
        assert [choose_level(info, mpp).downsample_x for mpp in (0.25, 0.9, 1.02, 8.0, 7.9)] == [
            1, 1, 4, 32, 16,
        ]  # fmt: skip
