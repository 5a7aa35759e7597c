"""How long reading a plan will take, from reading a part of it."""

from __future__ import annotations

import time
from contextlib import closing

from wsi_idc.slides import SlideSource
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
