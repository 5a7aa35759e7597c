from __future__ import annotations

import numpy as np
import pytest
from tiling.plans import mask_over, slide_info

from wsi_idc.errors import NoTissueError, SettingsError, UpsamplingError
from wsi_idc.slides.info import Bounds, SlideInfo
from wsi_idc.slides.raster import Placement, SlideMask
from wsi_idc.tiling import plan as plan_module
from wsi_idc.tiling.grid import check_sizes
from wsi_idc.tiling.plan import PatchPlan, plan_patches


def plan_of(info: SlideInfo, mask: SlideMask | None, **settings: float) -> PatchPlan:
    chosen: dict[str, float] = {"mpp": 8.0, "patch_size": 50, "stride": 50, "min_tissue": 0.15}
    return plan_patches(info, mask, **{**chosen, **settings})  # type: ignore[arg-type]


def cells(plan: PatchPlan) -> list[tuple[int, int]]:
    return list(zip(plan.columns.tolist(), plan.rows.tolist(), strict=True))


def test_without_a_mask_every_cell_is_taken_row_by_row() -> None:
    plan = plan_of(slide_info(4800, 3200), None)
    assert cells(plan) == [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1)]
    assert plan.x_level0.tolist() == [0, 1600, 3200] * 2
    assert plan.y_level0.tolist() == [0] * 3 + [1600] * 3
    assert plan.x_name.tolist() == [1, 51, 101] * 2
    assert plan.y_name.tolist() == [1] * 3 + [51] * 3
    assert np.isnan(plan.tissue_fraction).all()
    assert (plan.label == -1).all()
    assert len(plan) == 6


def test_only_patches_with_enough_tissue_are_taken() -> None:
    info = slide_info(4800, 1600)
    tissue = np.zeros((10, 30))
    tissue[:, 9] = 1  # a tenth of patch 0
    tissue[:, 10:12] = 1  # a fifth of patch 1
    tissue[:, 20:] = 1
    plan = plan_of(info, mask_over(info, tissue))
    assert cells(plan) == [(1, 0), (2, 0)]
    assert plan.tissue_fraction.tolist() == pytest.approx([0.2, 1.0])
    assert cells(plan_of(info, mask_over(info, tissue), min_tissue=0.2)) == [(1, 0), (2, 0)]
    assert cells(plan_of(info, mask_over(info, tissue), min_tissue=0.21)) == [(2, 0)]
    assert len(plan_of(info, mask_over(info, tissue), min_tissue=0)) == 3


def test_patches_over_the_edge_count_tissue_against_the_whole_patch() -> None:
    info = slide_info(2000, 1600)  # the second patch has a quarter of its width on the slide
    plan = plan_of(info, mask_over(info, np.ones((16, 20))))
    assert plan.tissue_fraction.tolist() == pytest.approx([1.0, 0.25])
    assert cells(plan_of(info, mask_over(info, np.ones((16, 20))), min_tissue=0.3)) == [(0, 0)]


def test_patches_start_inside_the_bounds() -> None:
    info = slide_info(9000, 9000, bounds=Bounds(1234, 567, 3200, 1600))
    plan = plan_of(info, None)
    assert plan.x_level0.tolist() == [1234, 2834]
    assert plan.y_level0.tolist() == [567, 567]
    assert plan.x_name.tolist() == [1, 51]


def test_patches_that_lie_apart_start_inside_the_bounds_too() -> None:
    # Every 100th target pixel of 150: the gap after the second patch ends beyond the slide.
    plan = plan_of(slide_info(150 * 32, 50 * 32), None, stride=100)
    assert cells(plan) == [(0, 0), (1, 0)]
    assert cells(plan_of(slide_info(100 * 32, 50 * 32), None, stride=100)) == [(0, 0)]
    assert cells(plan_of(slide_info(51 * 32, 50 * 32), None, stride=100)) == [(0, 0)]


@pytest.mark.parametrize("width", [1_600, 1_600_000])
def test_a_sliver_that_rounding_leaves_earns_no_patch(width: int) -> None:
    """As a part of the slide, however large that is: 5e-7 of it lies beyond the last patch."""
    assert len(plan_of(slide_info(width, 1_600, 0.25 * (1 + 5e-7)), None)) == width // 1_600
    assert len(plan_of(slide_info(width, 1_600, 0.25 * (1 + 5e-6)), None)) > width // 1_600


@pytest.mark.parametrize(("patch_size", "stride"), [(0, 1), (1, 0)])
def test_a_patch_size_and_a_stride_of_none_are_refused(patch_size: int, stride: int) -> None:
    said = f"^patch size and stride must be at least 1 pixel, not {patch_size} and {stride}$"
    with pytest.raises(SettingsError, match=said):
        check_sizes(patch_size, stride)


@pytest.mark.parametrize("mpp", [0.25, 0.2427, 0.5])
def test_positions_do_not_drift_across_a_large_slide(mpp: float) -> None:
    info = slide_info(100_000, 4000, mpp)
    plan = plan_of(info, None, stride=25)
    np.testing.assert_allclose(plan.x_level0, (plan.x_name - 1) * 8.0 / mpp, rtol=1e-14, atol=0)
    reach = plan.x_level0.max() + plan.grid.patch_width_level0
    assert 0 <= reach - 100_000 < 25 * 8.0 / mpp


def test_pixels_that_are_not_square_keep_patches_square_in_microns() -> None:
    info = slide_info(6400, 3200, mpp=0.25, mpp_y=0.5)
    plan = plan_of(info, None)
    assert plan.x_level0.max() == 3 * 1600
    assert plan.y_level0.max() == 3 * 800


def test_the_table_has_its_documented_columns() -> None:
    info = slide_info(3200, 1600, 0.5)
    table = plan_of(info, mask_over(info, np.ones((8, 8)))).table()
    assert list(table.columns) == [
        "x",
        "y",
        "x_level0",
        "y_level0",
        "width_level0",
        "height_level0",
        "tissue_fraction",
        "label",
    ]
    assert table.iloc[3].tolist() == [151, 1, 2400, 0, 800, 800, 1, -1]


def test_planning_in_parts_gives_the_same_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    info = slide_info(40_000, 30_000)
    mask = mask_over(info, np.random.default_rng(0).random((30, 40)) < 0.4)
    whole = plan_of(info, mask)
    monkeypatch.setattr(plan_module, "_CELLS_AT_ONCE", 60)
    parts = plan_of(info, mask)
    assert cells(parts) == cells(whole)
    np.testing.assert_array_equal(parts.tissue_fraction, whole.tissue_fraction)


def test_a_slide_without_tissue_is_an_error_that_says_what_to_do() -> None:
    info = slide_info()
    with pytest.raises(NoTissueError, match=r"slide\.tif.*15%.*--min-tissue"):
        plan_of(info, mask_over(info, np.zeros((8, 16))))


def test_pixels_finer_than_the_slide_are_refused() -> None:
    with pytest.raises(UpsamplingError):
        plan_of(slide_info(mpp=0.5), None, mpp=0.25)
    assert len(plan_of(slide_info(100, 50, mpp=0.5), None, mpp=0.25, allow_upsampling=True)) == 8


@pytest.mark.parametrize("min_tissue", [-0.1, 1.1, float("nan")])
def test_impossible_tissue_fractions_are_refused(min_tissue: float) -> None:
    with pytest.raises(SettingsError, match="--min-tissue"):
        plan_of(slide_info(), None, min_tissue=min_tissue)


class Rectangle:
    """A region whose edges are told by hand."""

    def __init__(self, left: float, top: float, right: float, bottom: float) -> None:
        self.edges = left, top, right, bottom

    def rasterise(self, placement: Placement, shape: tuple[int, int]) -> SlideMask:
        left, top, right, bottom = self.edges
        rows, columns = np.mgrid[: shape[0], : shape[1]]
        x = placement.origin_x + (columns + 0.5) * placement.pixel_width
        y = placement.origin_y + (rows + 0.5) * placement.pixel_height
        inside = (left <= x) & (x < right) & (top <= y) & (y < bottom)
        return SlideMask(inside, placement)


@pytest.mark.parametrize("at_once", [1, 1_000_000])
def test_a_region_takes_the_patches_whose_centre_lies_in_it(
    monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(plan_module, "_CELLS_AT_ONCE", at_once)
    info = slide_info(40_000, 30_000, bounds=Bounds(1000, 500, 16_000, 8_000))
    # Patches of 1600 px, 800 px apart: their centres are 1800, 2600, ... and 1300, 2100, ...
    plan = plan_of(info, None, stride=25, region=Rectangle(2600, 1300.5, 3400.5, 2900))  # type: ignore[arg-type]
    assert cells(plan) == [(1, 1), (2, 1)]


def test_a_region_without_patches_is_an_error() -> None:
    region = Rectangle(0, 0, 700, 700)
    with pytest.raises(NoTissueError, match="--roi"):
        plan_of(slide_info(), None, region=region)  # type: ignore[arg-type]
    glass = mask_over(slide_info(), np.zeros((10, 20)))
    with pytest.raises(NoTissueError, match="--roi"):
        plan_of(slide_info(), glass, region=Rectangle(0, 0, 9000, 9000))  # type: ignore[arg-type]
