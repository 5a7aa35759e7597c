from __future__ import annotations

import numpy as np
import pytest
from tiling.plans import mask_over, slide_info

from wsi_idc.errors import NoTissueError, SettingsError, UpsamplingError
from wsi_idc.slides.info import Bounds, SlideInfo
from wsi_idc.slides.raster import SlideMask
from wsi_idc.tiling import plan as plan_module
from wsi_idc.tiling.plan import PatchPlan, label_patches, plan_patches


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


class TestLabels:
    info = slide_info(8000, 1600)  # five patches of 100 mask columns each

    def labelled(self, **settings: float) -> tuple[PatchPlan, int]:
        truth = np.zeros((10, 500))
        truth[:, 100:180] = 1  # 80 % of patch 1
        truth[:, 200:279] = 1  # 79 % of patch 2
        truth[:, 300:400] = 1  # all of patch 3
        truth[:, 400:401] = 1  # 1 % of patch 4
        plan = plan_of(self.info, None)
        return label_patches(plan, mask_over(self.info, truth), **settings)  # type: ignore[arg-type]

    def test_positive_from_eighty_percent_on(self) -> None:
        plan, excluded = self.labelled()
        assert plan.label.tolist() == [0, 1, 0, 1, 0]
        assert plan.label.dtype == np.int8
        assert excluded == 0

    def test_the_border_can_be_left_out(self) -> None:
        plan, excluded = self.labelled(exclude_border=True)
        assert excluded == 2
        assert cells(plan) == [(0, 0), (1, 0), (3, 0)]
        assert plan.label.tolist() == [0, 1, 1]

    def test_the_overlap_can_be_set(self) -> None:
        assert self.labelled(min_overlap=0.79)[0].label.tolist() == [0, 1, 1, 1, 0]
        assert self.labelled(min_overlap=1.0)[0].label.tolist() == [0, 0, 0, 1, 0]

    @pytest.mark.parametrize("overlap", [0, -0.5, 1.01])
    def test_impossible_overlaps_are_refused(self, overlap: float) -> None:
        with pytest.raises(SettingsError, match="--min-overlap"):
            self.labelled(min_overlap=overlap)

    def test_nothing_but_border_is_an_error(self) -> None:
        info = slide_info(1600, 1600)
        truth = np.zeros((2, 2))
        truth[0, 0] = 1
        with pytest.raises(NoTissueError, match="border"):
            label_patches(plan_of(info, None), mask_over(info, truth), exclude_border=True)
