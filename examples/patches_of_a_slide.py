"""Walk over the patches of a slide without writing any of them.

python examples/patches_of_a_slide.py SLIDE
"""

import sys

import numpy as np

import wsi_idc


def main(slide_file: str) -> None:
    """Print the mean colour of the tissue and the darkest patch."""
    with wsi_idc.open_slide(slide_file) as slide:
        planned = wsi_idc.plan_tiles(slide, wsi_idc.TileSettings())
    plan = planned.plan
    brightness = np.empty(len(plan))
    for indices, patches in wsi_idc.read_batches(slide_file, plan, batch_size=64):
        brightness[indices] = patches.mean(axis=(1, 2, 3))
    darkest = int(brightness.argmin())
    print(f"{len(plan)} patches, {planned.mask.area_mm2:.1f} mm² of tissue")
    print(
        f"darkest: mean {brightness[darkest]:.0f} of 255, at level-0 pixel "
        f"({plan.x_level0[darkest]:.0f}, {plan.y_level0[darkest]:.0f})"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
