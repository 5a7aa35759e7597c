"""The pyramid and the choice of a level, on numbers alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from wsi_idc.errors import SettingsError, UpsamplingError
from wsi_idc.slides import Bounds, SlideInfo, check_target_mpp, choose_level, describe_read
from wsi_idc.slides.levels import MAX_TARGET_MPP, MIN_TARGET_MPP, MPP_TOLERANCE, make_levels


def info(sizes: list[tuple[int, int]], mpp: tuple[float, float] = (0.25, 0.25)) -> SlideInfo:
    width, height = sizes[0]
    return SlideInfo(
        path=Path("case.svs"), name="case", reader="openslide", vendor="test", width=width,
        height=height, mpp_x=mpp[0], mpp_y=mpp[1], mpp_source="test", mpp_is_guess=False,
        objective_power=None, levels=make_levels(sizes), bounds=Bounds(0, 0, width, height),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("sizes", "downsamples"),
    [
        # Floored, rounded and rounded-up sizes of whole-number pyramids.
        ([(100031, 99999), (25007, 24999), (3125, 3124)], [(1, 1), (4, 4), (32, 32)]),
        ([(100031, 99999), (25008, 25000), (3126, 3125)], [(1, 1), (4, 4), (32, 32)]),
        ([(4443, 3567), (2221, 1783)], [(1, 1), (2, 2)]),
        ([(300, 250), (150, 125), (75, 62), (37, 31)], [(1, 1), (2, 2), (4, 4), (8, 8)]),
        ([(90000, 60000), (30000, 20000)], [(1, 1), (3, 3)]),
        # Several integers explain a small level: a power of two is likeliest,
        ([(5, 5), (1, 1)], [(1, 1), (4, 4)]),
        ([(6, 6), (2, 2)], [(1, 1), (4, 4)]),
        # of two powers the nearer one,
        ([(5, 5), (2, 2)], [(1, 1), (2, 2)]),
        # else the integer nearest to the mean ratio of both axes.
        ([(32, 32), (5, 5)], [(1, 1), (6, 6)]),
        ([(76, 76), (6, 6)], [(1, 1), (13, 13)]),
        ([(76, 130), (6, 10)], [(1, 1), (13, 13)]),
        # No integer: each axis has its own ratio.
        ([(1000, 900), (400, 300)], [(1, 1), (2.5, 3.0)]),
        ([(1000, 900), (800, 720)], [(1, 1), (1.25, 1.25)]),
    ],
)
def test_downsamples_are_exact(
    sizes: list[tuple[int, int]], downsamples: list[tuple[float, float]]
) -> None:
    levels = make_levels(sizes)
    assert [(level.downsample_x, level.downsample_y) for level in levels] == downsamples
    assert [(level.width, level.height) for level in levels] == sizes


def test_levels_out_of_order_or_twice_or_larger_than_level_0() -> None:
    levels = make_levels([(1600, 1600), (100, 100), (400, 400), (400, 400), (3200, 3200), (0, 0)])
    assert [(level.index, level.downsample_x) for level in levels] == [(0, 1), (2, 4), (1, 16)]
    levels = make_levels([(8, 4), (1, 1), (0, 1), (1, 0), (9, 1), (1, 5)])
    assert [(level.index, level.downsample_x, level.downsample_y) for level in levels] == [
        (0, 1, 1),
        (1, 8, 4),
    ]


@pytest.mark.parametrize(
    ("mpp", "downsample"),
    [(0.1, 1), (0.25, 1), (0.97, 1), (0.981, 4), (1.0, 4), (3.9, 4), (4.0, 16), (100, 16)],
)
def test_the_coarsest_level_that_is_fine_enough(mpp: float, downsample: float) -> None:
    slide = info([(16000, 8000), (4000, 2000), (1000, 500)])
    assert choose_level(slide, mpp).downsample_x == downsample


def test_the_coarser_axis_decides() -> None:
    slide = info([(16000, 8000), (4000, 2000)], (0.25, 0.5))
    assert choose_level(slide, 1.0).index == 0
    assert choose_level(slide, 2.0).index == 1
    with pytest.raises(UpsamplingError, match=r"case\.svs: .* 0\.5 µm.*0\.25 µm/px.*--allow-up"):
        check_target_mpp(slide, 0.25, allow_upsampling=False)


def test_finer_than_the_slide_is_refused_beyond_the_tolerance() -> None:
    slide = info([(1000, 1000)], (0.2527, 0.2527))
    check_target_mpp(slide, 0.25, allow_upsampling=False)
    check_target_mpp(slide, 0.2, allow_upsampling=True)
    with pytest.raises(UpsamplingError, match=r"or pass --allow-upsampling to enlarge them$"):
        check_target_mpp(slide, 0.247, allow_upsampling=False)


def test_what_is_coarser_by_the_very_tolerance_serves() -> None:
    least = 1 + MPP_TOLERANCE
    check_target_mpp(info([(1000, 1000)], (least, least)), 1.0, allow_upsampling=False)
    slide = info([(16000, 8000), (4000, 2000)], (least / 4, least / 4))
    assert choose_level(slide, 1.0).downsample_x == 4
    describe_read(slide, MAX_TARGET_MPP)
    describe_read(slide, MIN_TARGET_MPP)


@pytest.mark.parametrize("mpp", [0.0, 0.049, 101, -8, float("nan")])
def test_an_absurd_target_is_refused(mpp: float) -> None:
    with pytest.raises(SettingsError, match=r"--mpp must be within 0.05 to 100"):
        check_target_mpp(info([(1000, 1000)]), mpp, allow_upsampling=True)
    with pytest.raises(SettingsError, match=r"--mpp must be within 0.05 to 100"):
        describe_read(info([(1000, 1000)]), mpp)


def test_describing_a_read() -> None:
    slide = info([(16000, 8000), (4000, 2000), (1000, 500)], (0.25, 0.2))
    description = describe_read(slide, 8.0)
    assert description.level.index == 2
    assert (description.level_mpp_x, description.level_mpp_y) == pytest.approx((4.0, 3.2))
    assert description.reduction == pytest.approx((2.0 + 2.5) / 2)
    assert (description.width, description.height) == (500, 200)
    assert not description.is_upsampling
    assert describe_read(slide, 0.2).is_upsampling
