"""A patch shows the place that its plan says, from one corner of a slide to the other."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from slide_factory import PositionCode, decode_position, position_slide, slides_by_target

from wsi_idc.errors import UpsamplingError
from wsi_idc.slides import SlideSource
from wsi_idc.tiling.blocks import read_patches
from wsi_idc.tiling.plan import PatchPlan, plan_patches

# Of a target pixel. The decoding itself is good to about 0.02.
TOLERANCE = 0.05
# A slow wave on a level that was rounded to whole grey levels before: decoding is coarser.
FAR_TOLERANCE = 0.1
SIZE = 40


def plan_of(source: SlideSource, mpp: float, size: int, stride: int) -> PatchPlan:
    with source.open() as slide:
        return plan_patches(slide.info, None, mpp=mpp, patch_size=size, stride=stride, min_tissue=0)


def pixels_of(source: SlideSource, plan: PatchPlan, **options: int) -> np.ndarray:
    size = plan.grid.patch_size
    patches = np.empty((len(plan), size, size, 3), np.uint8)
    for block in read_patches(source, plan, **options):
        patches[block.indices] = block.patches
    return patches


@pytest.fixture(scope="module", params=[0.25, 0.2427, 0.5])
def slides_of_one_scale(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[float, dict[float, tuple[Path, PositionCode]]]:
    folder = tmp_path_factory.mktemp("scales")
    return request.param, slides_by_target(folder, request.param, 500, 2.5)


@pytest.mark.parametrize("mpp", [0.25, 0.5, 2.0, 8.0])
def test_each_patch_shows_its_place(
    slides_of_one_scale: tuple[float, dict[float, tuple[Path, PositionCode]]], mpp: float
) -> None:
    slide_mpp, slides = slides_of_one_scale
    path, code = slides[mpp]
    source = SlideSource(path)
    if mpp < slide_mpp:
        with pytest.raises(UpsamplingError):
            plan_of(source, mpp, SIZE, SIZE)
        return
    plan = plan_of(source, mpp, SIZE, SIZE // 4)
    scale = plan.grid.scale_x
    extent = SIZE * scale
    # The last whole pixel of the coarsest level ends a little before the slide does.
    last_x, last_y = (side // 16 * 16 - extent for side in (code.width, code.height))
    inside = (plan.x_level0 <= last_x) & (plan.y_level0 <= last_y)
    plan = plan.select(inside)
    assert len(plan) >= 12
    for x, y, patch in zip(plan.x_level0, plan.y_level0, pixels_of(source, plan), strict=True):
        found = np.array(decode_position(patch, code, scale, scale))
        off = (found - (x, y)) / scale
        assert np.abs(off).max() < TOLERANCE, f"at {x}, {y}: off by {off} target px"


def test_the_far_end_of_a_large_slide_does_not_drift(tmp_path: Path) -> None:
    """Neighbours are joined to strips long enough to decode: their seams must not show either."""
    path, code = position_slide(tmp_path, 100_031, 331, 0.2427, (1, 4, 16), period=(1024, math.inf))
    source = SlideSource(path)
    for mpp in (0.5, 2.0, 8.0):
        scale = mpp / 0.2427
        size = int(300 / scale)
        plan = plan_of(source, mpp, size, size)
        plan = plan.select((plan.rows == 0) & (plan.x_level0 + size * scale <= 100_000))
        count = math.ceil(2100 / (size * scale))
        for first in (0, len(plan) // 2, len(plan) - count):
            strip = plan.select((plan.columns >= first) & (plan.columns < first + count))
            assert len(strip) == count
            pixels = np.concatenate(list(pixels_of(source, strip)), axis=1)
            x = strip.x_level0[0]
            off = (decode_position(pixels, code, scale, scale)[0] - x) / scale
            assert abs(off) < FAR_TOLERANCE, f"at {mpp} µm/px, {x}: off by {off} target px"


@pytest.mark.parametrize(
    ("slide_mpp", "mpp", "largest"),
    [
        (0.25, 0.25, 0),
        (0.25, 2.0, 0),
        (0.5, 8.0, 0),
        # Sums of float32 in another order may round to the next grey level where a patch
        # does not consist of whole pixels of the slide.
        (0.2427, 0.25, 1),
        (0.2427, 2.0, 1),
        (0.2527, 0.25, 1),
    ],
)
def test_pixels_do_not_depend_on_blocks_and_threads(
    tmp_path: Path, slide_mpp: float, mpp: float, largest: int
) -> None:
    random = np.random.default_rng(0)
    path, _ = position_slide(
        tmp_path, 1100, 900, slide_mpp, (1, 2, 4), period=100 * random.random() + 50
    )
    source = SlideSource(path)
    plan = plan_of(source, mpp, SIZE, SIZE // 2)
    one_each = pixels_of(source, plan, block_px=1, threads=1)
    for block_px, threads in ((700, 2), (5000, 1)):
        patches = pixels_of(source, plan, block_px=block_px, threads=threads)
        difference = np.abs(patches.astype(int) - one_each)
        assert difference.max() <= largest
        assert (difference > 0).mean() < 0.001


def test_patches_over_the_edge_are_filled_with_background(tmp_path: Path) -> None:
    path, code = position_slide(tmp_path, 530, 500, 0.5, (1,), period=128)
    source = SlideSource(path)
    plan = plan_of(source, 0.5, 50, 50)
    patches = pixels_of(source, plan)
    full = np.full((500, 550, 3), 255, np.uint8)
    full[:, :530] = code.rows(0, 500)
    for x, y, patch in zip(plan.columns * 50, plan.rows * 50, patches, strict=True):
        np.testing.assert_array_equal(patch, full[y : y + 50, x : x + 50])
