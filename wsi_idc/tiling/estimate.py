"""What running a plan will take: how long reading lasts, and all of it in a sentence."""

from __future__ import annotations

import time
from contextlib import closing

from wsi_idc.slides import SlideSource, describe_read
from wsi_idc.slides.info import SlideInfo
from wsi_idc.tiling.blocks import read_patches
from wsi_idc.tiling.plan import PatchPlan

_ENOUGH_SECONDS = 2.0


def estimate_reading_seconds(source: SlideSource, plan: PatchPlan) -> float:
    """Seconds that reading all patches of a plan takes, judged by its first blocks.

    Reads for some two seconds, or one block where that takes longer.
    """
    began = time.monotonic()
    patches = 0
    with closing(read_patches(source, plan)) as blocks:
        for block in blocks:
            patches += len(block.indices)
            if time.monotonic() - began > _ENOUGH_SECONDS:
                break
    return (time.monotonic() - began) * len(plan) / max(1, patches)


def plan_report(
    source: SlideSource,
    plan: PatchPlan,
    info: SlideInfo,
    mask_area_mm2: float,
    patches_per_second: float | None = None,
) -> str:
    """Say in a sentence what running a plan will read and how long it will take.

    Reads a part of the slide to estimate the time, see `estimate_reading_seconds`.

    Parameters
    ----------
    source : the slide.
    plan : the patches.
    info : the slide's.
    mask_area_mm2 : area of its tissue, square millimetres.
    patches_per_second : how fast patches are scored. Reading and scoring go on at the same
        time, so the slower of the two decides. None where patches are only read.

    Raises
    ------
    SlideReadError
        If reading fails.
    """
    grid = plan.grid
    reading = describe_read(info, grid.mpp)
    seconds = estimate_reading_seconds(source, plan)
    condition = ""
    if patches_per_second is not None:
        seconds = max(seconds, len(plan) / patches_per_second)
        condition = f" where {patches_per_second:g} patches are scored a second"
    return (
        f"{info.file}: {len(plan):,} patches of {grid.patch_size} px at {grid.mpp:g} µm/px "
        f"from {mask_area_mm2:.1f} mm² of tissue; reads level {reading.level.index} "
        f"({reading.level_mpp_x:.4g} µm/px) in about {seconds:.0f} s{condition}"
    )
