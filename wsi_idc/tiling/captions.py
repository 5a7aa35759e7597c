"""The words over the pictures of a tiled slide."""

from __future__ import annotations

import numpy as np

from wsi_idc.drawing.pen import GREY, Pen
from wsi_idc.tiling.plan import NO_LABEL, PatchPlan

MARGIN = 24
_TITLE_PX, _FACT_PX = 28, 20


def plan_in_words(plan: PatchPlan) -> str:
    """How many patches there are, of what size, scale, field and class."""
    grid = plan.grid
    words = [
        f"{len(plan):,} patches of {grid.patch_size} px",
        f"{grid.mpp:g} µm/px",
        f"field {grid.patch_size * grid.mpp:g} µm",
    ]
    if grid.stride != grid.patch_size:
        words.append(f"every {grid.stride} px")
    if (plan.label != NO_LABEL).any():
        positive = np.count_nonzero(plan.label == 1)
        words.append(f"{positive:,} IDC, {len(plan) - positive:,} not")
    return " · ".join(words)


def draw_caption(pen: Pen, name: str, first: str, second: str) -> None:
    """Write the slide's name and two lines of facts at the top of a picture."""
    room = pen.image.width - 2 * MARGIN
    pen.text(MARGIN, 40, pen.shortened(name, _TITLE_PX, room, bold=True), _TITLE_PX, bold=True)
    pen.text(MARGIN, 70, pen.shortened(first, _FACT_PX, room), _FACT_PX)
    pen.text(MARGIN, 97, pen.shortened(second, _FACT_PX, room), _FACT_PX, colour=GREY)
