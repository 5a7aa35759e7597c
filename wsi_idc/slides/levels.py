"""The pyramid: exact downsamples, and which level to read for an asked µm/px. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from wsi_idc.errors import SettingsError, UpsamplingError
from wsi_idc.slides.info import Level, SlideInfo

# µm/px are nominal to a percent or two: "40x" scanners differ from 0.2465 to 0.2527. Within
# this, a level counts as being at the asked µm/px. Positions stay exact; only the filter differs.
MPP_TOLERANCE = 0.02

# Finer than any light microscope resolves, and coarser than any tissue structure.
MIN_TARGET_MPP = 0.05
MAX_TARGET_MPP = 100.0


@dataclass(frozen=True)
class ReadDescription:
    """What reading a slide at an asked µm/px means.

    Attributes
    ----------
    level : the level that is read.
    level_mpp_x, level_mpp_y : microns per pixel of that level.
    reduction : pixels of that level per target pixel (mean of both axes); below 1 upsampling.
    width, height : size of the slide's bounds in target pixels.
    is_upsampling : True where finer pixels are asked for than the slide has.
    """

    level: Level
    level_mpp_x: float
    level_mpp_y: float
    reduction: float
    width: int
    height: int
    is_upsampling: bool


def make_levels(sizes: Sequence[tuple[int, int]]) -> tuple[Level, ...]:
    """Build the pyramid from the sizes (width, height) a reader reports, level 0 first.

    A file stores no downsample, only sizes, and these were rounded to whole pixels: the ratio
    of sizes is off by up to one level pixel at the far corner. Where one integer explains both
    sizes, it is the downsample; else the ratio of each axis is.

    Levels of the same size as an earlier one are left out, as are levels larger than level 0;
    the rest is ordered finest first, whatever their order in the file.
    """
    width0, height0 = sizes[0]
    levels: dict[tuple[int, int], Level] = {}
    for index, (width, height) in enumerate(sizes):
        if (width, height) in levels or not (0 < width <= width0 and 0 < height <= height0):
            continue
        integer = _integer_downsample(sizes[0], (width, height))
        levels[width, height] = Level(
            index=index,
            width=width,
            height=height,
            downsample_x=float(integer) if integer else width0 / width,
            downsample_y=float(integer) if integer else height0 / height,
        )
    return tuple(sorted(levels.values(), key=lambda level: (level.downsample_x, level.index)))


def choose_level(info: SlideInfo, mpp: float) -> Level:
    """The coarsest level that is not coarser than `mpp` (within 2 %), else level 0.

    Parameters
    ----------
    info : the slide.
    mpp : target microns per pixel.
    """
    fine_enough = [level for level in info.levels if is_fine_enough(info, level, mpp)]
    return fine_enough[-1] if fine_enough else info.levels[0]


def is_fine_enough(info: SlideInfo, level: Level, mpp: float) -> bool:
    """Whether a level's pixels are no coarser than `mpp` microns (within 2 %)."""
    return _coarser_mpp(info, level) <= mpp * (1 + MPP_TOLERANCE)


def check_mpp_range(mpp: float) -> None:
    """Refuse a target µm/px that means nothing on any slide.

    Raises
    ------
    SettingsError
        If `mpp` is outside 0.05 to 100, or NaN.
    """
    if not MIN_TARGET_MPP <= mpp <= MAX_TARGET_MPP:
        raise SettingsError(
            f"--mpp must be within {MIN_TARGET_MPP:g} to {MAX_TARGET_MPP:g} µm/px, not {mpp:g}"
        )


def check_target_mpp(info: SlideInfo, mpp: float, allow_upsampling: bool) -> None:
    """Refuse a target µm/px that the slide cannot serve.

    Raises
    ------
    SettingsError
        If `mpp` is outside 0.05 to 100.
    UpsamplingError
        If the slide's own pixels are coarser, by more than 2 %, and upsampling is not allowed.
    """
    check_mpp_range(mpp)
    if _is_upsampling(info, mpp) and not allow_upsampling:
        raise UpsamplingError(
            f"{info.path}: the slide's finest pixels are {_coarser_mpp(info, info.levels[0]):g} "
            f"µm, coarser than the asked {mpp:g} µm/px; ask for a coarser --mpp, or pass "
            "--allow-upsampling to enlarge them"
        )


def describe_read(info: SlideInfo, mpp: float) -> ReadDescription:
    """Say what will be read from the slide at `mpp` microns per pixel.

    Raises
    ------
    SettingsError
        If `mpp` is outside 0.05 to 100.
    """
    check_mpp_range(mpp)
    level = choose_level(info, mpp)
    level_mpp_x = level.downsample_x * info.mpp_x
    level_mpp_y = level.downsample_y * info.mpp_y
    return ReadDescription(
        level=level,
        level_mpp_x=level_mpp_x,
        level_mpp_y=level_mpp_y,
        reduction=(mpp / level_mpp_x + mpp / level_mpp_y) / 2,
        width=pixels_across(info.bounds.width * info.mpp_x, mpp),
        height=pixels_across(info.bounds.height * info.mpp_y, mpp),
        is_upsampling=_is_upsampling(info, mpp),
    )


def pixels_across(extent_um: float, mpp: float) -> int:
    """How many pixels cover an extent in microns, at least one.

    A sliver of less than a millionth, from rounding in µm/px, does not earn a pixel.
    """
    return max(1, math.ceil(extent_um / mpp * (1 - 1e-6)))


def _coarser_mpp(info: SlideInfo, level: Level) -> float:
    return max(level.downsample_x * info.mpp_x, level.downsample_y * info.mpp_y)


def _is_upsampling(info: SlideInfo, mpp: float) -> bool:
    return not is_fine_enough(info, info.levels[0], mpp)


def _integer_downsample(full: tuple[int, int], reduced: tuple[int, int]) -> int | None:
    """The integer that explains both sizes of a level, floored, rounded or rounded up."""
    explained = _integers(full[0], reduced[0]) & _integers(full[1], reduced[1])
    if not explained:
        return None
    ratio = (full[0] / reduced[0] + full[1] / reduced[1]) / 2
    # Tiny levels fit several integers; scanners halve or quarter, so a power of two is likeliest.
    return min(explained, key=lambda k: (k & (k - 1) != 0, abs(k - ratio)))


def _integers(full: int, reduced: int) -> set[int]:
    """All k for which `full / k`, taken to a whole number either way, is `reduced`."""
    low = max(1, math.floor(full / (reduced + 1)))
    high = math.ceil(full / max(1, reduced - 1))
    return {k for k in range(low, high + 1) if reduced in (full // k, -(-full // k))}
