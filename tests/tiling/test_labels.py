from __future__ import annotations

import numpy as np
import pytest
from tiling.plans import mask_over, slide_info

from wsi_idc.errors import NoTissueError, SettingsError
from wsi_idc.slides.raster import SlideMask
from wsi_idc.tiling.labels import Labelled, label_patches
from wsi_idc.tiling.plan import PatchPlan, plan_patches

INFO = slide_info(8000, 1600)  # five patches of 100 mask columns each


def plan_of(width: int = 8000, height: int = 1600) -> PatchPlan:
    info = slide_info(width, height)
    return plan_patches(info, None, mpp=8.0, patch_size=50, stride=50, min_tissue=0)


def columns(**shares: tuple[int, int]) -> SlideMask:
    values = np.zeros((10, 500))
    for start, stop in shares.values():
        values[:, start:stop] = 1
    return mask_over(INFO, values)


TRUTH = columns(
    most=(100, 180),  # 80 % of patch 1
    less=(200, 279),  # 79 % of patch 2
    whole=(300, 401),  # all of patch 3, 1 % of patch 4
)


def labelled(**settings: float) -> Labelled:
    return label_patches(plan_of(), TRUTH, **settings)  # type: ignore[arg-type]


def kept(result: Labelled) -> dict[int, int]:
    return dict(zip(result.plan.columns.tolist(), result.plan.label.tolist(), strict=True))


def test_positive_from_eighty_percent_on() -> None:
    result = labelled()
    assert kept(result) == {0: 0, 1: 1, 2: 0, 3: 1, 4: 0}
    assert result.plan.label.dtype == np.int8
    assert (result.touched, result.border_left_out, result.ignored_left_out) == (4, 0, 0)


def test_the_border_can_be_left_out() -> None:
    result = labelled(exclude_border=True)
    assert kept(result) == {0: 0, 1: 1, 3: 1}
    assert (result.touched, result.border_left_out) == (4, 2)


def test_the_overlap_can_be_set() -> None:
    assert kept(labelled(min_overlap=0.79)) == {0: 0, 1: 1, 2: 1, 3: 1, 4: 0}
    assert kept(labelled(min_overlap=1.0)) == {0: 0, 1: 0, 2: 0, 3: 1, 4: 0}


def test_patches_that_touch_an_ignored_area_are_left_out_once() -> None:
    ignored = columns(speck=(50, 51), border=(280, 281))
    result = label_patches(plan_of(), TRUTH, exclude_border=True, ignored=ignored)
    assert kept(result) == {1: 1, 3: 1}
    # Patch 2 is at the border too, but counts once.
    assert (result.ignored_left_out, result.border_left_out) == (2, 1)


@pytest.mark.parametrize("overlap", [0, -0.5, 1.01, float("nan")])
def test_impossible_overlaps_are_refused(overlap: float) -> None:
    with pytest.raises(SettingsError, match="--min-overlap"):
        labelled(min_overlap=overlap)


def test_nothing_left_is_an_error() -> None:
    truth = np.zeros((2, 2))
    truth[0, 0] = 1
    mask = mask_over(slide_info(1600, 1600), truth)
    with pytest.raises(NoTissueError, match="border"):
        label_patches(plan_of(1600, 1600), mask, exclude_border=True)
    with pytest.raises(NoTissueError, match="--ignore-class"):
        label_patches(plan_of(1600, 1600), mask, ignored=mask)
